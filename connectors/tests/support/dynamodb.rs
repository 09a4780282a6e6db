//! How do the tests reach a DynamoDB server? A small client that fills it, and a door in front of it that watches and disturbs.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// How long a query counts as worked on after its last answer: pages follow each other at once.
const RECENT: Duration = Duration::from_millis(300);

pub fn setting(name: &str) -> Option<String> {
    std::env::var(format!("LAKEGATE_TEST_DYNAMODB{name}"))
        .ok()
        .filter(|value| !value.is_empty())
}

/// Address of the server, if there is one.
pub fn server() -> Option<SocketAddr> {
    setting("")?.strip_prefix("http://")?.parse().ok()
}

async fn exchange(server: SocketAddr, request: Request<Full<Bytes>>) -> (http::response::Parts, Bytes) {
    let stream = TcpStream::connect(server).await.unwrap();
    let (mut send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let mut driver = JoinSet::new();
    driver.spawn(async move { connection.await.ok() });
    let (head, body) = send.send_request(request).await.unwrap().into_parts();
    (head, body.collect().await.unwrap().to_bytes())
}

/// Calls an operation of the server itself, which looks at no signature.
pub async fn call(server: SocketAddr, operation: &str, body: Value) -> Value {
    let scope = format!(
        "{}/20260101/eu-central-1/dynamodb/aws4_request",
        setting("_ACCESS_KEY").unwrap()
    );
    let request = Request::post("/")
        .header("host", server.to_string())
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .header("x-amz-date", "20260101T000000Z")
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"),
        )
        .body(Full::new(body.to_string().into()))
        .unwrap();
    let (head, answer) = exchange(server, request).await;
    assert_eq!(head.status, StatusCode::OK, "{operation} {body}: {answer:?}");
    serde_json::from_slice(&answer).unwrap()
}

/// Makes a table, on demand: `keys` are `name:type`, hash and range.
pub async fn create(server: SocketAddr, name: &str, keys: &[&str]) {
    create_with(server, name, keys, json!({})).await;
}

/// The same with more members of the request.
pub async fn create_with(server: SocketAddr, name: &str, keys: &[&str], more: Value) {
    let split = |key: &str| {
        key.split_once(':')
            .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
            .unwrap()
    };
    let schema: Vec<Value> = keys
        .iter()
        .zip(["HASH", "RANGE"])
        .map(|(key, kind)| json!({"AttributeName": split(key).0, "KeyType": kind}))
        .collect();
    let mut definitions: Vec<Value> = keys
        .iter()
        .map(|key| json!({"AttributeName": split(key).0, "AttributeType": split(key).1}))
        .collect();
    let mut body = json!({"TableName": name, "KeySchema": schema, "BillingMode": "PAY_PER_REQUEST"});
    for (member, value) in more.as_object().unwrap() {
        if member == "AttributeDefinitions" {
            definitions.extend(value.as_array().unwrap().iter().cloned());
        } else {
            body[member] = value.clone();
        }
    }
    body["AttributeDefinitions"] = definitions.into();
    call(server, "CreateTable", body).await;
}

/// Writes items.
pub async fn put(server: SocketAddr, table: &str, items: impl IntoIterator<Item = Value>) {
    let requests: Vec<Value> = items
        .into_iter()
        .map(|item| json!({"PutRequest": {"Item": item}}))
        .collect();
    for some in requests.chunks(25) {
        call(server, "BatchWriteItem", json!({"RequestItems": {table: some}})).await;
    }
}

/// What the door does to the next requests that read.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// An error of the service.
    Named(u16, &'static str),
    /// The answer without its second half of keys: they are told as unprocessed.
    Half,
}

#[derive(Debug, Default)]
struct Query {
    working: AtomicUsize,
    last: Mutex<Option<Instant>>,
}

/// A door in front of the server: tells who is worked for, makes tables endless, and refuses when it is told to.
#[derive(Debug, Default)]
pub struct Door {
    queries: Mutex<HashMap<String, Arc<Query>>>,
    refusals: Mutex<Vec<Refusal>>,
    bodies: Mutex<Vec<(String, Value)>>,
    place: AtomicUsize,
}

impl Door {
    /// Opens it, and tells its port.
    pub async fn open(server: SocketAddr) -> (Arc<Self>, u16, JoinSet<()>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let door = Arc::new(Self::default());
        let kept = Arc::clone(&door);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let door = Arc::clone(&door);
                connections.spawn(async move {
                    let service = service_fn(|request| Arc::clone(&door).serve(server, request));
                    let connection =
                        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    connection.await.ok();
                });
                while connections.try_join_next().is_some() {}
            }
        });
        (kept, port, tasks)
    }

    /// Requests that are worked on for a query, or were a moment ago.
    pub fn busy(&self, query: &str) -> usize {
        let Some(query) = self.queries.lock().unwrap().get(query).cloned() else {
            return 0;
        };
        let recent = query.last.lock().unwrap().is_some_and(|last| last.elapsed() < RECENT);
        query.working.load(Relaxed) + usize::from(recent)
    }

    /// The next requests that read are answered so, in this order.
    pub fn refuse(&self, refusals: impl IntoIterator<Item = Refusal>) {
        self.refusals.lock().unwrap().extend(refusals);
    }

    /// Nothing is refused any more.
    pub fn relent(&self) {
        self.refusals.lock().unwrap().clear();
    }

    /// Operation and body of the requests since the last time.
    pub fn bodies(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.bodies.lock().unwrap())
    }

    async fn serve(
        self: Arc<Self>,
        server: SocketAddr,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let text = |name: &str| {
            head.headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        let query = text("user-agent").rsplit('/').next().unwrap_or_default().to_owned();
        let operation = text("x-amz-target").rsplit('.').next().unwrap_or_default().to_owned();
        let query = Arc::clone(self.queries.lock().unwrap().entry(query).or_default());
        query.working.fetch_add(1, Relaxed);
        // Whoever goes away is no longer worked for.
        let _working = Working(query);
        let mut asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        self.bodies.lock().unwrap().push((operation.clone(), asked.clone()));
        let reads = matches!(operation.as_str(), "Scan" | "Query" | "BatchGetItem");
        let refusal = reads.then(|| self.next_refusal()).flatten();
        if let Some(Refusal::Named(status, name)) = refusal {
            let answer =
                json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{name}"), "message": "as told"}).to_string();
            return Ok(answered(StatusCode::from_u16(status).unwrap(), answer.into_bytes()));
        }
        let table = asked["TableName"].as_str().unwrap_or_default().to_owned();
        let endless =
            operation == "Scan" && matches!(table.as_str(), "never" | "endless") && asked["Segment"].is_null();
        let mut left = Value::Null;
        if endless {
            asked.as_object_mut().unwrap().remove("ExclusiveStartKey");
        }
        if matches!(refusal, Some(Refusal::Half)) {
            left = halved(&mut asked);
        }
        head.headers.remove("content-length");
        let request = Request::from_parts(head, Full::new(Bytes::from(asked.to_string())));
        let (head, answer) = exchange(server, request).await;
        let mut answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if !left.is_null() {
            answer["UnprocessedKeys"] = left;
        }
        if endless {
            if table == "never" {
                tokio::time::sleep(Duration::from_millis(20)).await;
                answer["Items"] = json!([]);
            }
            answer["LastEvaluatedKey"] = json!({"id": {"N": self.place.fetch_add(1, Relaxed).to_string()}});
        }
        Ok(answered(head.status, answer.to_string().into_bytes()))
    }

    fn next_refusal(&self) -> Option<Refusal> {
        let mut refusals = self.refusals.lock().unwrap();
        (!refusals.is_empty()).then(|| refusals.remove(0))
    }
}

struct Working(Arc<Query>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.working.fetch_sub(1, Relaxed);
        *self.0.last.lock().unwrap() = Some(Instant::now());
    }
}

/// Leaves half of the keys in a request, and tells the others.
fn halved(asked: &mut Value) -> Value {
    let requests = asked["RequestItems"].as_object_mut().unwrap();
    let mut left = requests.clone();
    for (table, request) in requests {
        let keys = request["Keys"].as_array_mut().unwrap();
        let others = keys.split_off(keys.len() / 2 + keys.len() % 2);
        if others.is_empty() {
            return Value::Null;
        }
        left[table]["Keys"] = others.into();
    }
    Value::Object(left)
}

fn answered(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut checksum = flate2::Crc::new();
    checksum.update(&body);
    Response::builder()
        .status(status)
        .header("x-amz-crc32", checksum.sum().to_string())
        .body(Full::new(body.into()))
        .unwrap()
}
