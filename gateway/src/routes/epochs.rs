//! Epochs: what can be done?

// sorted: start
pub mod compare;
pub mod list;
// sorted: end
