//! Declared partitions of a table: what can be done?

// sorted: start
pub mod create;
pub mod delete;
pub mod list;
// sorted: end
