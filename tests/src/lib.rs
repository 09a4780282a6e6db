//! What do the tests of the system stand on? A lake made of text and files, questions asked as somebody, and answers as text.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

pub mod world;

pub mod answer;
pub mod dynamodb;
pub mod files;
pub mod postgres;
pub mod sqlite;

pub mod fixture;
pub mod slt;

pub mod fuzz;
pub mod governance;
