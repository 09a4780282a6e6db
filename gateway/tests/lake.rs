//! Does a lake written from the page alone work? Reading, applying, exporting, against a real store.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a case fails by panicking"
)]

#[path = "lake/applying.rs"]
mod applying;
#[path = "lake/callers.rs"]
mod callers;
#[path = "lake/demo.rs"]
mod demo;
#[path = "lake/fixture.rs"]
mod fixture;
#[path = "lake/gains.rs"]
mod gains;
#[path = "lake/generate.rs"]
mod generate;
#[path = "lake/overlap.rs"]
mod overlap;
#[path = "lake/ownership.rs"]
mod ownership;
#[path = "lake/page.rs"]
mod page;
#[path = "lake/property.rs"]
mod property;
#[path = "lake/reading.rs"]
mod reading;
#[path = "lake/rollback.rs"]
mod rollback;
#[path = "lake/routes.rs"]
mod routes;
#[path = "lake/shed.rs"]
mod shed;
#[path = "lake/usage.rs"]
mod usage;
#[path = "lake/views.rs"]
mod views;
