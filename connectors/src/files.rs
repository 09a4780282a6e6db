//! How are files on object stores and local directories read? Catalog descriptors become `DataSourceExec`s of our own.
//!
//! The engine (crate `query`) does, per table and query:
//! 1. `open_store(&connection)`, wrapped in its own metered store and registered under `store_url(&connection)`;
//! 2. `project` where partitions follow from rules, `list_left` (into the listings of the statement), then `prune_partitions` with the policy's predicate, then
//!    `check_policy_columns`, then `prune_partitions` with the user's leakproof predicate;
//! 3. `scan`, with a `FilterExec` of its own above it: pruning is never exact, and text formats come as text; above that,
//!    casts and `decode_json_column`.
//!
//! Modules in reading order.

pub mod connector;
mod local;
pub mod location;
pub mod meter;
mod options;
pub mod table;

pub mod listing;
pub mod partition;
pub mod projection;

mod avro;
mod calendar;
mod compression;
mod encoding;
mod failure;
mod fitted;
mod footer;
mod footer_check;
mod footer_mend;
mod json_text;
mod julian;
mod listed_bytes;
mod metadata_cache;
mod orc;
mod parquet;
mod text;
mod thrift;

pub mod estimate;
pub mod infer;
pub mod policy_bytes;
pub mod policy_columns;
pub mod scan;

pub use connector::FilesConnector;
pub use estimate::estimated_rows;
pub use infer::infer;
pub use json_text::{DecodedJson, decode_json_column};
pub use listing::{Listings, list_files, list_left};
pub use location::{open_store, resolve_location, store_url};
pub use metadata_cache::MetadataCache;
pub use meter::ScanMeter;
pub use partition::{prune_declared, prune_partitions};
pub use policy_bytes::{PolicyRead, policy_bytes};
pub use policy_columns::check_policy_columns;
pub use projection::{Projection, is_chosen_by_statements, is_projection_option, project};
pub use scan::{FileScan, scan};
pub use table::{
    AbsentPolicyColumns, Compression, CsvSerde, Encoding, FileList, FileTable, FileTableDraft, Format, FormatOptions,
    ListedFile, PartitionSource, carried, raw_schema,
};
