//! Usage: what can be done?

// sorted: start
pub mod list;
// sorted: end
