//! How is a source reached? The connector contract, its in-process transport and the built-in connectors.
//!
//! A *connector* is code for one kind of source, a *connection* a configured instance of it. Connectors know credentials,
//! never principals; they return Arrow batches and say exactly what they did.
//!
//! Modules in reading order.

pub mod capability;
pub mod connector;
pub mod predicate;
pub mod scan;
pub mod split;
pub mod table_spec;

pub mod call;
pub mod connection;
pub mod credential;
pub mod held;
pub mod option;
pub mod read_stats;
pub mod remote_statement;
pub mod type_name;

pub mod error;
pub mod retry;

pub mod registry;

pub mod remote;

pub mod contract;

pub mod dynamodb;
pub mod files;
pub mod postgres;
pub mod sqlite;

mod batch_stream;
mod statement;
mod trust;
