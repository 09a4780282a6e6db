//! Do the built-in connectors keep the contract, over every transport? Prints the matrix.
//!
//! `LAKEGATE_TEST_ONLY` asks only properties whose `group: name` contains it. A new connector is one line in `fixtures`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_debug_implementations,
    reason = "tests"
)]

#[path = "support/dynamodb.rs"]
mod door;
#[path = "conformance/dynamodb.rs"]
mod dynamodb;
#[path = "conformance/files.rs"]
mod files;
#[path = "conformance/postgres.rs"]
mod postgres;
#[path = "conformance/sqlite.rs"]
mod sqlite;

use std::sync::Arc;

use lakegate_connectors::contract::{self, Fixture, Flight, InProcess, Transport};

async fn fixtures() -> Vec<Arc<dyn Fixture>> {
    let mut all: Vec<Option<Arc<dyn Fixture>>> = Vec::new();
    // sorted: start
    all.push(dynamodb::Server::start().await);
    all.push(files::Files::local());
    all.push(files::Files::s3());
    all.push(postgres::Server::start().await);
    all.push(sqlite::File::start().await);
    // sorted: end
    all.into_iter().flatten().collect()
}

fn transports() -> Vec<Arc<dyn Transport>> {
    vec![Arc::new(InProcess), Arc::new(Flight::new())]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_connector_keeps_the_contract() {
    let only = std::env::var("LAKEGATE_TEST_ONLY").unwrap_or_default();
    let matrix = contract::run(&fixtures().await, &transports(), &only).await;
    eprintln!("{matrix}");
    assert_eq!(matrix.broken(), Vec::<String>::new());
    assert!(matrix.kept() > 0, "nothing was asked");
}
