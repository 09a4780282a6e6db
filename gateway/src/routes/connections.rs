//! Connections: configured sources: what can be done?

// sorted: start
pub mod create;
pub mod delete;
pub mod find;
pub mod list;
pub mod test;
pub mod update;
// sorted: end
