//! The server, its front doors and its command line: HTTP, JSON, tokens and configuration live here and nowhere else.
//!
//! Modules in reading order.

pub mod cli;
pub mod client;
pub mod config;
pub mod server;

pub mod app;
pub mod router;

pub mod auth;
pub mod cursor;
pub mod error;
pub mod extract;
pub mod lake_form;
pub mod middleware;
pub mod multipart;
pub mod prefer;

pub mod stored;

pub mod from_wire;
pub mod results_format;
pub mod routes;
pub mod to_wire;

pub mod lake;

pub mod bootstrap;
pub mod checkpoints;
pub mod connections;
pub mod health;
pub mod housekeeping;
pub mod management;
pub mod master_key;
pub mod ready_file;
pub mod shutdown;
pub mod telemetry;

#[cfg(test)]
pub(crate) mod golden;
