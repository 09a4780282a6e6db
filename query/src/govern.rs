//! How does a relation become a barrier that shows only what its decision allows?
//!
//! Normative: governance.md §3, §4.1, §5 and §6. Modules in reading order.

pub mod cedar_body;
pub mod column_mask;
pub mod row_filter;

mod cell;
mod scope;

mod leakproof;
mod source_predicate;

mod chosen;
mod figure;
mod inner_plan;
mod open_source;
mod policy_filter;
mod quick;
pub mod scan_exec;
pub mod table;

pub(crate) mod folded;

mod failure;
mod scan_meter;

pub(crate) mod join_keys;

pub mod invariant;

pub(crate) use row_filter::in_set;
pub(crate) use scope::inputs as statement_inputs;
pub use table::{GovernedTable, TableSource};
