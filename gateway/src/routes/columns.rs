//! Columns of a table and their tags: what can be done?

// sorted: start
pub mod find_tags;
pub mod list;
pub mod set_tags;
// sorted: end
