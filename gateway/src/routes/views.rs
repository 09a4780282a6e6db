//! Views of a database: what can be done?

// sorted: start
pub mod create;
pub mod delete;
pub mod find;
pub mod list;
pub mod update;
// sorted: end
