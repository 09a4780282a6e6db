//! What is particular to DynamoDB: ways to the items, read units, throttling, inference. What all connectors promise is asked by
//! `conformance`. Needs a server: `python3 tests/servers/run.py --only dynamodb -- …`.

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
#[path = "dynamodb/governed.rs"]
mod governed;
#[path = "dynamodb/paths.rs"]
mod paths;
#[path = "dynamodb/schema.rs"]
mod schema;
#[path = "dynamodb/service.rs"]
mod service;
#[path = "dynamodb/throttled.rs"]
mod throttled;
