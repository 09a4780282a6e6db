//! How do sources that answer scans themselves take part in a plan?

pub mod fold;
pub mod late_keys;
pub mod scan_exec;

pub(crate) mod client_span;
pub(crate) mod ipc_bytes;
mod promise;
