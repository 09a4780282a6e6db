//! What exists? Names, tables, partitions, tags, connections, filters, masks, policy text, people, workgroups, query
//! records, the usage ledger and the audit trail, in SQLite (embedded) or PostgreSQL (production).
//!
//! Modules in reading order.

pub mod id;
pub mod name;
pub mod object;

pub mod connection;
pub mod governance;
pub mod identity;
pub mod relation;

pub mod audit;
pub mod idempotency;
pub mod record;
pub mod secret;
pub mod snapshot;

pub mod change;
pub mod error;
pub mod store;

pub use error::StoreError;
pub use store::{
    Acceptance, AuditTrust, Confirmation, Dialect, Due, Follower, KeyStanding, LEASE, Renewal, Store, StoreFigures,
    StoreOptions, Taken,
};
