//! Databases of a catalog: what can be done?

// sorted: start
pub mod create;
pub mod delete;
pub mod find;
pub mod find_tags;
pub mod list;
pub mod list_grants;
pub mod set_tags;
pub mod update;
// sorted: end
