//! Does the command line do what its page says? The real binary, its standard streams and its exit codes.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a case fails by panicking"
)]

// In reading order.
#[path = "cli/fixture.rs"]
mod fixture;
#[path = "cli/gains.rs"]
mod gains;
#[path = "cli/help.rs"]
mod help;
#[path = "cli/lake.rs"]
mod lake;
#[path = "cli/offline.rs"]
mod offline;
#[path = "cli/policies.rs"]
mod policies;
#[path = "cli/queries.rs"]
mod queries;
#[path = "cli/rows.rs"]
mod rows;
