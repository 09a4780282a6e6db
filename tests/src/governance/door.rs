//! What does a client of the HTTP door see? The server's own router over the store and the queries of a world, with API keys.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
};
use http::{Request, header};
use lakegate::{
    app::{App, AppState},
    auth::Authenticator,
    checkpoints::Checkpoints,
    config::{self, Sources, environment::Environment},
    cursor::CursorSeal,
    health::Health,
    router::router,
};
use serde_json::Value;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::seen::Id;
use crate::world::{PEPPER, World, master_key};

/// Users with a key, and what secret references must see for it.
pub const VARIABLES: [(&str, &str); 6] = [
    ("KEY_ALICE", "alice-0123456789-0123456789-0123456789"),
    ("KEY_BOB", "bob-0123456789-0123456789-0123456789-01"),
    ("KEY_DANA", "dana-0123456789-0123456789-0123456789-0"),
    ("KEY_MALLORY", "mallory-0123456789-0123456789-01234567"),
    ("KEY_SUE", "sue-0123456789-0123456789-0123456789-01"),
    ("KEY_SVC", "svc-0123456789-0123456789-0123456789-01"),
];

/// Members and headers that differ at every request.
const FLEETING: [&str; 14] = [
    "date",
    "elapsed_ms",
    "ended_at",
    "id",
    "lakegate-query-id",
    "lakegate-request-id",
    "location",
    "query_id",
    "request_id",
    "results_expire_at",
    "started_at",
    "submitted_at",
    "traceparent",
    "x-request-id",
];

const NEXT_CURSOR: &str = "lakegate-next-cursor";

/// The door of one world.
#[derive(Debug)]
pub struct Door {
    router: Router,
    app: AppState,
}

/// An answer without what is fleeting.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// The query that the answer belongs to.
    pub query: Id,
}

impl Door {
    /// Opens the door; the world must have been made with [`VARIABLES`].
    pub async fn open(world: &World) -> Self {
        let keys: Vec<String> = VARIABLES
            .iter()
            .map(|(variable, _)| {
                let user = variable.trim_start_matches("KEY_").to_lowercase();
                format!("  {user}: {{user: {user}, secret: \"env://{variable}\"}}\n")
            })
            .collect();
        world.apply(&format!("lake: keys\nkeys:\n{}", keys.concat()), "").await;
        let data = world.directory().join("door");
        let loaded = config::load(Sources {
            data: Some(data),
            environment: Environment::of([]),
            ..Sources::default()
        });
        let config = loaded.expect("the defaults").config;
        let checkpoints = Checkpoints::new(&config, &Environment::of([])).expect("no copies");
        let (registry, secrets) = world.parts();
        let app = AppState::new(App {
            queries: world.queries.clone(),
            store: world.store.clone(),
            registry,
            secrets,
            inspector: world.source_inspector(),
            pepper: PEPPER.to_vec(),
            master_key: Some(Arc::new(master_key())),
            checkpoints,
            auth: Authenticator::new(world.store.clone(), PEPPER.to_vec(), &config.auth),
            cursors: CursorSeal::new(PEPPER),
            metrics: Arc::clone(&world.metrics),
            health: Arc::new(Health::default()),
            watchers: TaskTracker::new(),
            config,
        });
        Self {
            router: router(app.clone()),
            app,
        }
    }

    /// All metrics as text, after the queries that have ended are counted.
    pub async fn metrics(&self) -> String {
        self.app.watchers.close();
        self.app.watchers.wait().await;
        self.app.watchers.reopen();
        self.app.metrics.text()
    }

    /// Sends a request of `user`; `headers` come on top.
    pub async fn send(&self, user: &str, call: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Reply {
        let (method, path) = call.split_once(' ').expect("`METHOD /path`");
        let variable = format!("KEY_{}", user.to_uppercase());
        let key = VARIABLES.iter().find(|(name, _)| *name == variable).expect("a key").1;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {key}"));
        if headers.iter().all(|(name, _)| *name != "accept") {
            request = request.header(header::ACCEPT, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let mut request = request.body(body).expect("a request");
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 16 << 20).await;
        let text = bytes.map_or_else(
            |error| format!("broken: {error}"),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        );
        let query = parts.headers.get("lakegate-query-id").map(text_of);
        let mut headers: Vec<(String, String)> = parts
            .headers
            .iter()
            .filter(|(name, _)| !FLEETING.contains(&name.as_str()))
            .map(|(name, value)| (name.to_string(), text_of(value)))
            .collect();
        headers.sort();
        Reply {
            status: parts.status.as_u16(),
            headers,
            body: lasting(&text, query.as_deref()),
            query: Id(query.or_else(|| id_of(&text))),
        }
    }
}

impl Reply {
    /// The same with the rows of a result in one order, where none was asked for.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        if let Ok(mut value) = serde_json::from_str::<Value>(&self.body)
            && let Some(rows) = value.get_mut("rows").and_then(Value::as_array_mut)
        {
            rows.sort_by_key(Value::to_string);
            self.body = value.to_string();
        }
        self
    }

    /// Sealed cursors are of one query: that there is one is compared, not which.
    #[must_use]
    pub fn without_cursor(mut self) -> Self {
        for (_, value) in self.headers.iter_mut().filter(|(name, _)| name == NEXT_CURSOR) {
            self.body = self.body.replace(value.as_str(), "CURSOR");
            *value = "CURSOR".to_owned();
        }
        self
    }

    /// The cursor of the next page.
    pub fn cursor(&self) -> Option<&str> {
        let found = self.headers.iter().find(|(name, _)| name == NEXT_CURSOR);
        found.map(|(_, value)| value.as_str())
    }

    /// Status, headers and body.
    pub fn text(&self) -> String {
        format!("{} {:?}\n{}", self.status, self.headers, self.body)
    }
}

fn text_of(value: &http::HeaderValue) -> String {
    value.to_str().unwrap_or("?").to_owned()
}

/// Id of the query that a body describes.
fn id_of(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    Some(value.get("id")?.as_str()?.to_owned())
}

/// A body without what is fleeting.
fn lasting(text: &str, query: Option<&str>) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    blank(&mut value);
    let text = value.to_string();
    match query {
        Some(id) => text.replace(id, "QUERY"),
        None => text,
    }
}

fn blank(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if FLEETING.contains(&name.as_str()) {
                    *member = Value::Null;
                } else {
                    blank(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(blank),
        _ => {}
    }
}
