//! Which server do the tests ask?

use std::sync::Arc;

use arrow::array::RecordBatch;
use lakegate_connectors::{
    call::CallContext, connection::Connection, credential::Credential, postgres::PostgresConnector, scan::Guard,
};
use serde_json::Value;

use crate::relational::{self, read, scan, table};

pub const EXTRAS: &str = "CREATE EXTENSION IF NOT EXISTS citext SCHEMA public; CREATE TYPE mood AS ENUM ('happy', 'sad');
    CREATE DOMAIN price AS numeric(8,2); CREATE DOMAIN dearer AS price CHECK (VALUE > 10); CREATE TYPE pair AS (a int, b text);";

/// The server of the tests and a schema of its own on it.
pub struct Server {
    pub schema: String,
    pub connection: Arc<Connection>,
    pub connector: PostgresConnector,
}

pub fn setting(name: &str) -> Option<String> {
    std::env::var(format!("LAKEGATE_TEST_PG_{name}"))
        .ok()
        .filter(|value| !value.is_empty())
}

impl Server {
    pub async fn with(schema: &str, sql: &str) -> Option<Self> {
        let Some(host) = setting("HOST") else {
            eprintln!("skipped: LAKEGATE_TEST_PG_HOST is not set");
            return None;
        };
        let mut options = vec![
            ("host".to_owned(), Value::from(host)),
            (
                "port".to_owned(),
                Value::from(setting("PORT").map_or(5432, |port| port.parse::<u16>().unwrap())),
            ),
            ("database".to_owned(), Value::from(setting("DATABASE").unwrap())),
        ];
        match setting("CA") {
            Some(ca) => options.push(("ca".to_owned(), format!("file://{ca}").into())),
            None => options.push(("tls".to_owned(), "disable".into())),
        }
        let connection = Arc::new(Connection {
            id: schema.to_owned(),
            kind: "postgres".into(),
            options: options.into_iter().collect(),
            credential: Credential::from_plain([
                ("user", setting("USER").unwrap().as_str()),
                ("password", setting("PASSWORD").unwrap().as_str()),
            ]),
            ..Connection::default()
        });
        let server = Self {
            schema: schema.to_owned(),
            connection,
            connector: PostgresConnector::new(),
        };
        // One at a time: two sessions that create an extension or a schema at once trip over each other.
        let sql = format!(
            "SELECT pg_advisory_xact_lock(4711); DROP SCHEMA IF EXISTS \"{schema}\" CASCADE; CREATE SCHEMA \"{schema}\"; SET search_path = \"{schema}\", public; {sql}"
        );
        server.admin().await.batch_execute(&sql).await.unwrap();
        Some(server)
    }

    /// A client of the test's own.
    pub async fn admin(&self) -> tokio_postgres::Client {
        let mut config = tokio_postgres::Config::new();
        config
            .host(setting("HOST").unwrap())
            .port(setting("PORT").unwrap().parse().unwrap());
        config
            .user(setting("USER").unwrap())
            .password(setting("PASSWORD").unwrap())
            .dbname(setting("DATABASE").unwrap());
        let mut roots = rustls::RootCertStore::empty();
        if let Some(ca) = setting("CA") {
            use rustls::pki_types::{CertificateDer, pem::PemObject};
            roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let tls = tls.with_root_certificates(roots).with_no_client_auth();
        let (client, driver) = config
            .connect(tokio_postgres_rustls::MakeRustlsConnect::new(tls))
            .await
            .unwrap();
        tokio::spawn(driver);
        client
    }

    pub fn context(&self) -> CallContext {
        relational::context(&self.connection)
    }

    /// The same server with other options.
    pub fn other(&self, change: impl FnOnce(&mut Connection)) -> Arc<Connection> {
        let mut connection = Connection::clone(&self.connection);
        connection.id.push_str("-other");
        change(&mut connection);
        Arc::new(connection)
    }

    pub async fn all(&self, name: &str) -> Result<RecordBatch, lakegate_connectors::error::ConnectorError> {
        let cx = self.context();
        let spec = table(&self.connector, &cx, &self.schema, name).await?;
        let columns: Vec<&str> = spec
            .columns
            .iter()
            .filter(|column| column.unsupported.is_none())
            .map(|column| column.id.as_str())
            .collect();
        read(&self.connector, &cx, scan(&spec, &columns, Guard::none(), vec![]))
            .await
            .map(|(_, rows)| rows)
    }
}
