//! How do tests make a source of DynamoDB? Tables of their own on the server that the environment names.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};

/// Tables that nobody else uses, by their prefix.
#[derive(Clone, Debug)]
pub struct Tables {
    endpoint: String,
    access_key: String,
    secret_key: String,
    prefix: String,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Tables {
    /// `None` where the environment names no server.
    pub fn create() -> Option<Self> {
        let variable = |name: &str| std::env::var(format!("LAKEGATE_TEST_DYNAMODB{name}")).ok();
        let endpoint = variable("")?;
        let set = |name: &str| variable(name).unwrap_or_else(|| panic!("LAKEGATE_TEST_DYNAMODB{name} is not set"));
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Some(Self {
            endpoint,
            access_key: set("_ACCESS_KEY"),
            secret_key: set("_SECRET_KEY"),
            prefix: format!("world-{}-{number}-", std::process::id()),
        })
    }

    /// The name of a table at the server.
    pub fn name(&self, table: &str) -> String {
        format!("{}{table}", self.prefix)
    }

    /// Where the server is.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What secret references see.
    pub fn secrets(&self) -> Vec<(&str, &str)> {
        vec![("AWS_KEY", &self.access_key), ("AWS_SECRET", &self.secret_key)]
    }

    /// Makes a table with a hash key and fills it.
    pub fn fill(&self, table: &str, key: (&str, &str), items: &[Value]) {
        let name = self.name(table);
        self.call(
            "CreateTable",
            &json!({"TableName": name, "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": key.0, "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": key.0, "AttributeType": key.1}]}),
        );
        for item in items {
            self.call("PutItem", &json!({"TableName": name, "Item": item}));
        }
    }

    /// Calls the server, which looks at no signature.
    pub fn call(&self, operation: &str, body: &Value) {
        let address = self.endpoint.trim_start_matches("http://");
        let body = body.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.0\r\n\
             Content-Length: {}\r\nX-Amz-Date: 20260101T000000Z\r\nX-Amz-Target: DynamoDB_20120810.{operation}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential={}/20260101/eu-central-1/dynamodb/aws4_request, SignedHeaders=host, \
             Signature=0\r\n\r\n{body}",
            body.len(),
            self.access_key
        );
        let mut server = TcpStream::connect(address).expect("the server answers");
        server.write_all(request.as_bytes()).expect("a request is sent");
        let mut answer = String::new();
        server.read_to_string(&mut answer).expect("an answer comes");
        assert!(answer.starts_with("HTTP/1.1 200"), "{operation} {body}: {answer}");
    }
}
