//! Are the answers right, each with a request that Cedar decides so? With a real solver; a test without one fails.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a case fails by panicking"
)]

// In reading order.
#[path = "questions/ask.rs"]
mod ask;
#[path = "questions/compare.rs"]
mod compare;
#[path = "questions/inspect.rs"]
mod inspect;
#[path = "questions/lake.rs"]
mod lake;
#[path = "questions/rows.rs"]
mod rows;
