//! The tenant's mask key: what can be done?

// sorted: start
pub mod list;
pub mod rewrap;
pub mod rotate;
// sorted: end
