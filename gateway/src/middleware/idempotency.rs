//! Was this request answered before? The same key and body get the first answer again, without a second effect.
//!
//! The key is reserved before the handler runs and gets its answer after it, or, better, from the handler in the
//! transaction of its effect: see [`Ticket`]. A refusal had no effect and frees the key. A key whose process died stays
//! reserved, and so refuses, until it is forgotten after a day: never twice.

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chrono::Utc;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use lakegate_catalog::{
    StoreError,
    idempotency::{IdempotencyScope, IdempotentAnswer, Reservation},
};
use lakegate_query::{context::Caller, error::ErrorCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{app::AppState, error::ApiError, extract, from_wire::query::ON_BEHALF_OF};

const KEY: &str = "idempotency-key";
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const MAX_KEY: usize = 128;
/// Questions: an answer that is kept would outlive the right to it, and be given without being audited.
const QUESTIONS: [&str; 4] = [
    "/v1/connections/{name}/test",
    "/v1/policies/explain",
    "/v1/policies/simulate",
    "/v1/policies/validate",
];
/// Headers of an answer that are replayed with it.
const KEPT: [HeaderName; 4] = [
    header::CONTENT_TYPE,
    header::ETAG,
    HeaderName::from_static("lakegate-query-id"),
    header::LOCATION,
];

/// A reserved key, in the request's extensions (`Option<Extension<Ticket>>`): a handler that changes the catalog stores its
/// answer in the same transaction (`ChangeSet::idempotency`).
#[derive(Clone, Debug)]
pub struct Ticket {
    scope: IdempotencyScope,
    body_hash: String,
}

impl Ticket {
    /// The answer to be replayed. Of the headers only content type, location, `ETag` and the query's id are kept.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn answer(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<IdempotentAnswer, ApiError> {
        let header = |name: &HeaderName| Some((name.to_string(), headers.get(name)?.to_str().ok()?.to_owned()));
        let kept = Kept {
            headers: KEPT.iter().filter_map(header).collect(),
            body: String::from_utf8_lossy(body).into_owned(),
        };
        Ok(IdempotentAnswer {
            scope: self.scope.clone(),
            body_hash: self.body_hash.clone(),
            status: status.as_u16(),
            response: serde_json::to_vec(&kept).map_err(|error| ApiError::internal(error.to_string()))?,
            created_at: Utc::now(),
        })
    }
}

/// An answer as it is stored.
#[derive(Serialize, Deserialize)]
struct Kept {
    headers: Vec<(String, String)>,
    body: String,
}

/// Replays, refuses, or runs the handler and keeps its answer.
pub async fn answer_once(State(app): State<AppState>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    run_once(&app, request, next)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

async fn run_once(app: &AppState, request: Request, next: Next) -> Result<Response, ApiError> {
    let scope = scope(&request)?;
    let acting = request.headers().get(ON_BEHALF_OF).map(HeaderValue::as_bytes);
    let acting = acting.map(<[u8]>::to_vec);
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, app.config.http.max_body_bytes)
        .await
        .map_err(|_| extract::body_too_large())?;
    let hash = hash(&body, acting.as_deref());
    match app.store.reserve_idempotent(&scope, &hash).await? {
        Reservation::Reserved => {}
        Reservation::Answered(answer) if answer.body_hash == hash => return replay(answer),
        Reservation::Pending { body_hash, .. } if body_hash == hash => return Err(still_running()),
        Reservation::Answered(_) | Reservation::Pending { .. } => return Err(other_body()),
    }
    let ticket = Ticket { scope, body_hash: hash };
    let mut request = Request::from_parts(parts, Body::from(body));
    request.extensions_mut().insert(ticket.clone());
    keep(app, ticket, next.run(request).await).await
}

/// Whom the caller acts for decides as much as the body does.
fn hash(body: &[u8], acting: Option<&[u8]>) -> String {
    let mut hasher = Sha256::new_with_prefix(body);
    if let Some(user) = acting {
        hasher.update([0]);
        hasher.update(user);
    }
    hex::encode(hasher.finalize())
}

fn scope(request: &Request) -> Result<IdempotencyScope, ApiError> {
    let caller = request
        .extensions()
        .get::<Caller>()
        .ok_or_else(ApiError::unauthenticated)?;
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str);
    if route == "/v1/sql" {
        let message = "`Idempotency-Key` is not supported on `/v1/sql`: submit to `/v1/queries` and fetch the results";
        return Err(ApiError::new(ErrorCode::NotSupported, message));
    }
    if QUESTIONS.contains(&route) {
        let message = "`Idempotency-Key` is for requests with an effect, which a question has not: leave it out";
        return Err(ApiError::new(ErrorCode::NotSupported, message));
    }
    let key = request
        .headers()
        .get(KEY)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(ApiError::invalid(format!(
            "`Idempotency-Key` must have 1 to {MAX_KEY} visible characters"
        )));
    }
    // The path and not its template: the same key on another object is another request.
    let route = format!("{} {}", request.method(), request.uri().path());
    Ok(IdempotencyScope {
        principal_id: caller.user.to_string(),
        route,
        key: key.to_owned(),
    })
}

async fn keep(app: &AppState, ticket: Ticket, response: Response) -> Result<Response, ApiError> {
    if !response.status().is_success() {
        app.store.release_idempotent(&ticket.scope).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX)
        .await
        .map_err(|error| ApiError::internal(error.to_string()))?;
    match app
        .store
        .complete_idempotent(&ticket.answer(parts.status, &parts.headers, &bytes)?)
        .await
    {
        // The handler has stored its answer with its effect.
        Ok(()) | Err(StoreError::KeyUsed { .. }) => Ok(Response::from_parts(parts, Body::from(bytes))),
        Err(error) => Err(ApiError::from(error)),
    }
}

fn replay(answer: IdempotentAnswer) -> Result<Response, ApiError> {
    let kept: Kept = serde_json::from_slice(&answer.response).map_err(|error| ApiError::internal(error.to_string()))?;
    let mut response = Response::new(Body::from(Bytes::from(kept.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    for (name, value) in kept.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

fn still_running() -> ApiError {
    let message = "the first request with this `Idempotency-Key` is still running";
    ApiError::http(StatusCode::CONFLICT, ErrorCode::IdempotencyConflict, message).retry_after(1)
}

fn other_body() -> ApiError {
    let message = "this `Idempotency-Key` was used with another body";
    ApiError::http(
        StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::IdempotencyConflict,
        message,
    )
}
