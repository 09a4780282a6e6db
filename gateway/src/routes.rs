//! What can be asked? One folder per noun, one file per verb; `router` lists them.

// sorted: start
pub mod api_keys;
pub mod apply;
pub mod audit_events;
pub mod catalogs;
pub mod column_masks;
pub mod columns;
pub mod connections;
pub mod data_filters;
pub mod databases;
pub mod export;
pub mod grants;
pub mod partitions;
pub mod policies;
pub mod queries;
pub mod roles;
pub mod sql;
pub mod tables;
pub mod tags;
pub mod usage;
pub mod users;
pub mod whoami;
pub mod workgroups;
// sorted: end
