//! Does the PostgreSQL connector read a real server as it says? Skipped, and said so, unless `LAKEGATE_TEST_PG_HOST` is set.

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

#[path = "postgres/comment.rs"]
mod comment;
#[path = "postgres/describe.rs"]
mod describe;
#[path = "postgres/failures.rs"]
mod failures;
#[path = "postgres/parts.rs"]
mod parts;
#[path = "support/relational.rs"]
mod relational;
#[path = "postgres/server.rs"]
mod server;
#[path = "postgres/types.rs"]
mod types;
