//! What is checked of every statement, whatever it asks? The oracles O1–O7 of governance.md §9.1, and what they are asked with.
//!
//! `seen` collects what a caller can observe, `oracle` judges it, `probe` watches which values a function is given, `door` asks
//! over HTTP. `waiting` names the sample cases of §9.4 that have no surface yet.

pub mod seen;

pub mod oracle;

pub mod door;
pub mod logs;
pub mod probe;

pub mod chaos;
pub mod statements;
pub mod waiting;

pub mod fuzz;
