//! What do requests and answers look like on the wire? One file per noun; `v1.json` beside is generated from the routes.
//!
//! Names are snake_case, times RFC 3339 in UTC, byte counts `…_bytes`, durations `…_ms`, enums in capitals. These types
//! stop at the gateway: `from_wire` and `to_wire` there know the domain.

// sorted: start
pub mod error;
pub mod query;
pub mod query_result;
pub mod whoami;
// sorted: end
