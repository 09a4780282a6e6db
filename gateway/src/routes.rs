//! What can be asked? One folder per noun, one file per verb; `router` lists them.

// sorted: start
pub mod queries;
pub mod sql;
pub mod whoami;
// sorted: end
