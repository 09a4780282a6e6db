//! Which rows of a result are asked for?

use lakegate_openapi::query_result as wire;
use lakegate_query::context::Caller;

use crate::{
    cursor::{CursorScope, CursorSeal},
    error::{ApiError, Result},
};

/// Rows of one result, with what the next cursor is bound to.
#[derive(Clone, Debug)]
pub struct ResultPage {
    pub query_id: String,
    pub offset: u64,
    /// Absent: all from the offset on.
    pub limit: Option<u64>,
    pub scope: CursorScope,
}

/// The page that the parameters ask for.
///
/// # Errors
/// `INVALID_CURSOR`, or `INVALID_REQUEST` for a limit of 0.
pub fn page(seal: &CursorSeal, caller: &Caller, id: &str, parameters: &wire::FetchResults) -> Result<ResultPage> {
    if parameters.limit == Some(0) {
        return Err(ApiError::invalid("`limit` must be at least 1"));
    }
    let scope = CursorScope::new(caller, "/v1/queries/{id}/results", &id);
    let offset = match &parameters.cursor {
        Some(cursor) => seal.open(&scope, cursor)?,
        None => 0,
    };
    Ok(ResultPage {
        query_id: id.to_owned(),
        offset,
        limit: parameters.limit,
        scope,
    })
}
