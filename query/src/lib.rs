//! One query, from text to batches: parse, resolve, authorize, plan, admit, execute, meter. Knows SQL and plans, not HTTP.
//!
//! Modules in reading order.

pub mod context;
pub mod service;

pub mod admit;
mod analyze;
pub mod authorize;
pub mod behalf;
pub mod decided;
pub mod decisions;
pub mod parameters;
pub mod published;
pub mod recheck;

mod cooperate;
mod guard;
pub mod names;
pub mod parse;
pub mod plan;
pub mod resolve;
mod using;

pub mod entities;
pub mod gains;

pub mod federate;
mod fold;
pub mod functions;
pub mod govern;
pub mod mapping;
pub mod mask_key;
pub mod sealed;
pub mod views;

pub mod connection;
pub mod discover;
pub mod identity;
pub mod metadata;
pub mod passthrough;
pub mod source;

pub mod audit;
pub mod billing;
pub mod output;
pub mod results;
pub mod running;
pub mod session;

pub mod figures;
pub mod signal;
pub mod trace;

pub mod engine_error;
pub mod error;
pub mod plan_thread;
pub use lakegate_connectors::type_name;

use lakegate_catalog::StoreError;

use crate::error::{ErrorCode, QueryError};

/// What a failure of the store means to a caller.
#[must_use]
pub fn store_error(error: StoreError) -> QueryError {
    let code = match &error {
        StoreError::Conflict { .. } => ErrorCode::StaleVersion,
        StoreError::AlreadyExists { .. } | StoreError::HasChildren { .. } => ErrorCode::AlreadyExists,
        StoreError::NotFound { .. } | StoreError::QueryNotFound { .. } => ErrorCode::NotFound,
        StoreError::KeyUsed { .. } => ErrorCode::IdempotencyConflict,
        StoreError::Invalid { .. } => ErrorCode::InvalidRequest,
        _ => {
            return QueryError::new(ErrorCode::StoreUnavailable, "the metadata store cannot be used")
                .retry_after(1)
                .because(error);
        }
    };
    QueryError::new(code, error.to_string()).because(error)
}

/// No audit, no answer.
#[must_use]
pub fn audit_error(error: StoreError) -> QueryError {
    QueryError::new(
        ErrorCode::AuditUnavailable,
        "the audit record cannot be written, so nothing runs",
    )
    .retry_after(1)
    .because(error)
}
