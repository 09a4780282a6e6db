//! What do requests and answers look like on the wire? One file per noun; `v1.json` beside is generated from the routes.
//!
//! Names are snake_case, times RFC 3339 in UTC, byte counts `…_bytes`, durations `…_ms`, enums in capitals. These types
//! stop at the gateway: `from_wire` and `to_wire` there know the domain.

// sorted: start
pub mod api_key;
pub mod audit_event;
pub mod catalog;
pub mod column_mask;
pub mod connection;
pub mod data_filter;
pub mod database;
pub mod epoch;
pub mod error;
pub mod grant;
pub mod lake;
pub mod list;
pub mod mask_key;
pub mod policy;
pub mod policy_explanation;
pub mod policy_simulation;
pub mod query;
pub mod query_result;
pub mod role;
pub mod table;
pub mod tag;
pub mod usage;
pub mod user;
pub mod view;
pub mod whoami;
pub mod workgroup;
// sorted: end
