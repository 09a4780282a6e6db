//! How do sources that answer scans themselves take part in a plan?

pub mod scan_exec;

mod ipc_bytes;
