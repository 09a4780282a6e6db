//! A server without sockets: the real router over a real store in a directory of its own, with a small lake.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
};
use http::{HeaderMap, Method, Request, StatusCode};
use lakegate::{
    app::AppState,
    bootstrap,
    config::{self, Sources, environment::Environment},
    health::Health,
    router, server,
    telemetry::Metrics,
};
use lakegate_catalog::{
    Store, StoreOptions,
    audit::{AuditFilter, AuditRecord},
};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

pub const ANA: &str = "ana-key-0123456789-0123456789-0123456789";
pub const BOB: &str = "bob-key-0123456789-0123456789-0123456789";
pub const OLD: &str = "old-key-0123456789-0123456789-0123456789";

/// Ana reads all orders, Bob nothing; Ana's old key has expired.
const LAKE: &str = r#"
lake: acme
connections:
  local: {connector: files, options: {root: "./data"}}
catalogs:
  lake: {connection: local, default: true}
databases:
  lake.sales: {}
tables:
  lake.sales.orders:
    format: csv
    location: "orders/"
    columns: [{name: id, type: bigint}, {name: region, type: varchar}, {name: amount, type: "decimal(12,2)"}]
roles:
  analyst: {member_of: [staff]}
  auditor: {}
  staff: {}
users:
  ana: {roles: [analyst], kind: human, subjects: ["SUBJECT"]}
  bob: {kind: service}
grants:
  - {to: "role:analyst", privileges: [describe, select], resource: "table:lake.sales.orders"}
keys:
  ana: {user: ana, secret: "env://ANA_KEY"}
  bob: {user: bob, secret: "env://BOB_KEY"}
"#;

/// A relation of 3^n rows.
pub fn cross_join(tables: usize) -> String {
    (0..tables)
        .map(|number| format!("lake.sales.orders o{number}"))
        .collect::<Vec<_>>()
        .join(" cross join ")
}

pub struct Server {
    pub app: AppState,
    pub router: Router,
    _directory: TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }

    /// Everything that two equal answers share: without ids and times.
    pub fn likeness(&self, name: &str) -> (StatusCode, Vec<(String, String)>, String) {
        let varying = ["lakegate-request-id", "traceparent", "date", "lakegate-query-id"];
        let headers = self.headers.iter().filter(|(key, _)| !varying.contains(&key.as_str()));
        let mut body = self.json();
        for id in ["request_id", "query_id"] {
            if let Some(value) = body.get_mut(id) {
                *value = "…".into();
            }
        }
        let headers = headers.map(|(key, value)| (key.to_string(), value.to_str().unwrap().to_owned()));
        (self.status, headers.collect(), body.to_string().replace(name, "NAME"))
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::with(&[], "https://nobody~ana").await
    }

    /// With settings of the environment, and the subject of Ana's tokens.
    pub async fn with(settings: &[(&str, &str)], subject: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let lake = directory.path().join("lake");
        std::fs::create_dir_all(lake.join("data/sales/orders")).unwrap();
        std::fs::create_dir_all(lake.join("data/orders")).unwrap();
        let rows = "id,region,amount\n1,DE,10.50\n2,FR,\n3,\"\",1.00\n";
        for folder in ["data/sales/orders", "data/orders"] {
            std::fs::write(lake.join(folder).join("o.csv"), rows).unwrap();
        }
        std::fs::write(lake.join("lake.yaml"), LAKE.replace("SUBJECT", subject)).unwrap();
        let mut variables = vec![("ANA_KEY", ANA), ("BOB_KEY", BOB)];
        variables.extend_from_slice(settings);
        let environment = Environment::of(variables);
        let data = directory.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        let sources = Sources {
            data: Some(data),
            environment: environment.clone(),
            ..Sources::default()
        };
        let config = config::load(sources).unwrap().config;
        let options = StoreOptions {
            url: config.database.url.clone(),
            max_connections: 4,
        };
        let store = Store::open(&options).await.unwrap();
        store.migrate().await.unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let app = server::assemble(&config, &environment, store, metrics, Arc::new(Health::default()))
            .await
            .unwrap();
        bootstrap::bootstrap(&app, &[lake]).await.unwrap();
        expired_key(&app).await;
        Self {
            router: router::router(app.clone()),
            app,
            _directory: directory,
        }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (mut parts, body) = request.into_parts();
        parts
            .extensions
            .insert(ConnectInfo(SocketAddr::from(([10, 1, 2, 3], 4321))));
        let response = self
            .router
            .clone()
            .oneshot(Request::from_parts(parts, body))
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX)
            .await
            .map(|bytes| bytes.to_vec())
            .unwrap_or_default();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub async fn get(&self, key: &str, path: &str) -> Answer {
        self.call(Method::GET, key, path, &[], "").await
    }

    pub async fn post(&self, key: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.call(Method::POST, key, path, headers, &body.to_string()).await
    }

    pub async fn call(&self, method: Method, key: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {key}"));
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Refusals of credentials in the audit, newest first.
    pub async fn refusals(&self) -> Vec<AuditRecord> {
        let filter = AuditFilter {
            action: Some("Authenticate".to_owned()),
            limit: 1_000,
            ..AuditFilter::default()
        };
        self.app.store.list_audit(&filter).await.unwrap()
    }
}

async fn expired_key(app: &AppState) {
    use lakegate_catalog::{
        change::{ChangeSet, Put},
        identity::Key,
        object::LOCAL_LAKE,
    };
    let snapshot = app.store.snapshot().await.unwrap();
    let user = snapshot.find_user("ana").unwrap().id.clone();
    let hmac = lakegate::auth::api_key::hmac_hex(&app.pepper, OLD);
    let key = Key {
        user,
        hmac,
        secret_ref: None,
        expires: Some("2020-01-01T00:00:00Z".parse().unwrap()),
    };
    let puts = vec![Put::create(None, "ana-old", LOCAL_LAKE, &key).unwrap()];
    app.store
        .commit(ChangeSet {
            puts,
            principal: "test".to_owned(),
            ..ChangeSet::default()
        })
        .await
        .unwrap();
}
