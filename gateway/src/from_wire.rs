//! How do the shapes of the wire become those of the domain? One file per noun; the types of `openapi` end here.

// sorted: start
pub mod audit_event;
pub mod entry;
pub mod grant;
pub mod inquiry;
pub mod lake;
pub mod policy;
pub mod query;
pub mod result;
pub mod usage;
// sorted: end
