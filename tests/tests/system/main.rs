//! Does the whole system, from a lake's text to rows, keep its promises? One binary: each links the engine.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod sql;

mod aimed;
mod analyze;
mod audit;
mod behalf;
mod cedar;
mod change;
mod facts;
mod fetched;
mod figures;
mod leaks;
mod mappings;
mod masks;
mod names;
mod outer_joins;
mod passthrough;

mod guards;
mod plain;
mod projection;
mod revocation;
mod sizes;

mod csv;
mod deadline;
mod dynamodb;
mod folded;
mod identities;
mod join_keys;
mod joined;
mod json;
mod listing;
mod parquet;
mod texts;
mod views;
