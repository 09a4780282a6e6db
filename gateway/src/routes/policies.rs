//! Policies: Cedar statements: what can be done?

// sorted: start
pub mod create;
pub mod delete;
pub mod explain;
pub mod find;
pub mod list;
pub mod simulate;
pub mod update;
pub mod validate;
// sorted: end
