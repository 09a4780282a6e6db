//! Do files come back as they were written, are they counted exactly, and are bad ones refused cleanly?
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::too_many_arguments,
    clippy::disallowed_methods,
    reason = "tests"
)]

#[path = "files/connector.rs"]
mod connector;
#[path = "files/formats.rs"]
mod formats;
#[path = "files/gaps.rs"]
mod gaps;
#[path = "files/kept.rs"]
mod kept;
#[path = "files/lake.rs"]
mod lake;
#[path = "files/listed.rs"]
mod listed;
#[path = "files/metadata.rs"]
mod metadata;
#[path = "files/odd.rs"]
mod odd;
#[path = "files/pages.rs"]
mod pages;
#[path = "files/parquet.rs"]
mod parquet_files;
#[path = "files/partitions.rs"]
mod partitions;
#[path = "files/projection.rs"]
mod projection;
#[path = "files/s3.rs"]
mod s3;
#[path = "files/spark.rs"]
mod spark;
#[path = "files/text.rs"]
mod text_files;
#[path = "files/throttled.rs"]
mod throttled;
#[path = "files/written.rs"]
mod written;
