//! How do the shapes of the wire become those of the domain? One file per noun; the types of `openapi` end here.

// sorted: start
pub mod query;
pub mod result;
// sorted: end
