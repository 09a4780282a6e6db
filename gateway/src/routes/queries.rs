//! Queries: submit, find, list, watch, fetch results, cancel.

// sorted: start
pub mod cancel;
pub mod events;
pub mod find;
pub mod list;
pub mod results;
pub mod submit;
// sorted: end
