//! Files for the suite, in a folder and on S3.

use std::sync::Arc;

use async_trait::async_trait;
use lakegate_connectors::{
    connection::Connection,
    connector::Connector,
    contract::{Broken, Fixture, Lake},
    credential::Credential,
    files::FilesConnector,
};

#[derive(Debug)]
pub struct Files {
    name: &'static str,
    connection: Connection,
    lake: Lake,
    _directory: Option<tempfile::TempDir>,
}

const ENGINE: &str = "files are read on a path of their own, which tests/files/kept.rs asks (ADR 0037)";

impl Files {
    pub fn local() -> Option<Arc<dyn Fixture>> {
        let directory = tempfile::tempdir().unwrap();
        let connection = Connection {
            id: "folder".into(),
            kind: "files".into(),
            options: [("root".to_owned(), directory.path().to_str().unwrap().into())].into(),
            local_roots: vec![directory.path().to_owned()],
            ..Connection::default()
        };
        Some(Arc::new(Self {
            name: "files",
            connection,
            lake: Lake::default(),
            _directory: Some(directory),
        }))
    }

    pub fn s3() -> Option<Arc<dyn Fixture>> {
        let given = |name: &str| std::env::var(format!("LAKEGATE_TEST_S3_{name}")).ok();
        let (Some(endpoint), Some(key), Some(secret), Some(bucket)) = (
            given("ENDPOINT"),
            given("ACCESS_KEY"),
            given("SECRET_KEY"),
            given("BUCKET"),
        ) else {
            eprintln!("skipped: files on S3: LAKEGATE_TEST_S3_{{ENDPOINT,ACCESS_KEY,SECRET_KEY,BUCKET}} are not set");
            return None;
        };
        let connection = Connection {
            id: "bucket".into(),
            kind: "files".into(),
            options: [
                ("root".to_owned(), format!("s3://{bucket}/conformance/").into()),
                ("endpoint".to_owned(), endpoint.into()),
                ("path_style".to_owned(), true.into()),
            ]
            .into(),
            credential: Credential::from_plain([
                ("access_key_id", key.as_str()),
                ("secret_access_key", secret.as_str()),
            ]),
            ..Connection::default()
        };
        Some(Arc::new(Self {
            name: "files on S3",
            connection,
            lake: Lake::default(),
            _directory: None,
        }))
    }
}

#[async_trait]
impl Fixture for Files {
    fn name(&self) -> &'static str {
        self.name
    }

    fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(FilesConnector::new())
    }

    fn connection(&self) -> Connection {
        self.connection.clone()
    }

    fn lake(&self) -> &Lake {
        &self.lake
    }

    fn blank(&self, property: &str) -> Option<&'static str> {
        (property != "the source answers a ping").then_some(ENGINE)
    }

    async fn busy(&self, _query: &str) -> Result<usize, Broken> {
        Ok(0)
    }

    async fn disturb(&self) -> Result<bool, Broken> {
        Ok(false)
    }
}
