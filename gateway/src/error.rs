//! How is a refusal written over HTTP? One envelope; the status follows from the error's kind alone.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use lakegate_catalog::StoreError;
use lakegate_openapi::{error as wire, lake::LakeEffects};
use lakegate_query::error::{ErrorCode, ErrorKind, Location, QueryError};

/// A refusal on its way out. The cause is for the log and never written to the caller.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: ErrorCode,
    message: String,
    location: Option<Box<Location>>,
    query_id: Option<String>,
    retry_after: Option<u64>,
    retryable: bool,
    cause: Option<Box<str>>,
    details: Option<Box<Details>>,
}

/// What only some refusals tell.
#[derive(Debug, Default)]
struct Details {
    problems: Vec<wire::Problem>,
    effects: Option<LakeEffects>,
}

/// Results of handlers.
pub type Result<T, E = ApiError> = std::result::Result<T, E>;

/// The envelope in a response's extensions: `middleware::request_id` adds the request's id and writes it.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) refusal: wire::Refusal,
    /// For the log: what really happened.
    pub(crate) cause: Option<String>,
}

impl ApiError {
    /// A refusal whose status follows from its code.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::from(QueryError::new(code, message))
    }

    /// A refusal by a rule of HTTP itself (404 of a route, 405, 406, 413, …), which no kind of error stands for.
    #[must_use]
    pub fn http(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            status,
            ..Self::new(code, message)
        }
    }

    /// Our fault: the caller learns nothing but the code.
    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        let error = Self::new(ErrorCode::Internal, "an internal error stopped the request");
        Self {
            cause: Some(cause.into().into_boxed_str()),
            ..error
        }
    }

    /// A member or parameter of the request is wrong.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// The one refusal of every failed authentication.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(ErrorCode::InvalidCredential, "a valid API key or token is needed")
    }

    /// Adds the query that failed.
    #[must_use]
    pub fn of_query(mut self, id: Option<String>) -> Self {
        self.query_id = id;
        self
    }

    /// Adds the time after which a retry makes sense, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self.retryable = true;
        self
    }

    /// Adds everything that is wrong with what was sent.
    #[must_use]
    pub fn with_problems(mut self, problems: Vec<wire::Problem>) -> Self {
        self.details.get_or_insert_default().problems = problems;
        self
    }

    /// Adds who would gain or lose what.
    #[must_use]
    pub fn with_effects(mut self, effects: Option<LakeEffects>) -> Self {
        self.details.get_or_insert_default().effects = effects;
        self
    }

    /// HTTP status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    fn wire(&self) -> wire::Error {
        wire::Error {
            code: self.code.text().to_owned(),
            message: self.message.clone(),
            query_id: self.query_id.clone(),
            request_id: None,
            retryable: self.retryable,
            location: self.location.as_deref().map(|place| wire::ErrorLocation {
                line: place.line,
                column: place.column,
            }),
        }
    }
}

/// HTTP status of a code.
#[must_use]
pub fn status_of(code: ErrorCode) -> StatusCode {
    match code.kind() {
        ErrorKind::User | ErrorKind::NotSupported => StatusCode::BAD_REQUEST,
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::Denied => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict | ErrorKind::Cancelled => StatusCode::CONFLICT,
        ErrorKind::Precondition if code == ErrorCode::MissingPrecondition => StatusCode::PRECONDITION_REQUIRED,
        ErrorKind::Precondition => StatusCode::PRECONDITION_FAILED,
        ErrorKind::Limit => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Overload => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Source => StatusCode::BAD_GATEWAY,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Gone => StatusCode::GONE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let kind = error.code.kind();
        let logged = matches!(kind, ErrorKind::Internal | ErrorKind::Unavailable | ErrorKind::Source);
        let waits = matches!(kind, ErrorKind::Overload | ErrorKind::Unavailable);
        Self {
            status: status_of(error.code),
            code: error.code,
            location: error.location.map(Box::new),
            query_id: None,
            retry_after: error.retry_after.or(waits.then_some(1)),
            retryable: error.retryable(),
            cause: logged.then(|| error.log_text().into_boxed_str()),
            message: error.message,
            details: None,
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let cause = chain(&error);
        let public = error.to_string();
        match error {
            StoreError::Conflict { .. } => Self::new(ErrorCode::StaleVersion, public),
            StoreError::AlreadyExists { .. } => Self::new(ErrorCode::AlreadyExists, public),
            StoreError::NotFound { kind, .. } => Self::new(ErrorCode::NotFound, format!("the {kind} does not exist")),
            StoreError::QueryNotFound { .. } => Self::new(ErrorCode::NotFound, public),
            StoreError::HasChildren { .. } => Self::http(StatusCode::CONFLICT, ErrorCode::InvalidRequest, public),
            StoreError::KeyUsed { .. } => {
                Self::http(StatusCode::CONFLICT, ErrorCode::IdempotencyConflict, public).retry_after(1)
            }
            StoreError::Invalid { .. } => Self::invalid(public),
            StoreError::Unavailable(_) | StoreError::SchemaBehind { .. } | StoreError::SchemaTooNew { .. } => {
                let error = Self::new(ErrorCode::StoreUnavailable, "the metadata store cannot be reached");
                Self {
                    cause: Some(cause.into_boxed_str()),
                    ..error
                }
            }
            StoreError::QueryNotQueued { .. }
            | StoreError::Address { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Failed(_) => Self::internal(cause),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = self.wire();
        let details = self.details.map(|details| *details).unwrap_or_default();
        let refusal = wire::Refusal {
            error,
            problems: details.problems,
            effects: details.effects,
        };
        let mut response = json_response(self.status, &refusal);
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"lakegate\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response.extensions_mut().insert(Envelope {
            refusal,
            cause: self.cause.map(String::from),
        });
        response
    }
}

/// Writes the envelope as the whole answer.
pub(crate) fn json_response(status: StatusCode, refusal: &wire::Refusal) -> Response {
    let body = serde_json::to_vec(refusal).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An error and its causes as one line, for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::exit::exit_of, golden};

    /// `docs/errors.md` lists every code; `UPDATE_GOLDEN=1` rewrites it.
    #[test]
    fn golden_errors() {
        let mut text = String::from(
            "# Error codes\n\nGenerated from `ErrorCode::ALL` by `UPDATE_GOLDEN=1 cargo test -p lakegate --lib golden`; do not edit.\n\n\
             Every refusal over HTTP has the envelope `{\"code\", \"message\", \"query_id\", \"request_id\", \"retryable\", \"location\"}`.\n\
             Rules of HTTP itself have their own status: 404 for an unknown path, 405, 406 (no such result format), 413 (body too\n\
             large), 422 (`IDEMPOTENCY_CONFLICT` with another body) and 409 (`IDEMPOTENCY_CONFLICT` while the first call runs).\n\n\
             | code | kind | HTTP | exit | remedy |\n|---|---|---|---|---|\n",
        );
        let mut codes = ErrorCode::ALL.to_vec();
        codes.sort_by_key(|code| code.text());
        for code in codes {
            text.push_str(&format!(
                "| `{}` | {:?} | {} | {} | {} |\n",
                code.text(),
                code.kind(),
                status_of(code).as_u16(),
                exit_of(code).code(),
                code.remedy().replace('|', "\\|"),
            ));
        }
        golden::check("docs/errors.md", &text);
    }

    #[test]
    fn internal_errors_say_nothing() {
        let error = ApiError::from(QueryError::internal("secret detail"));
        assert!(!serde_json::to_string(&error.wire()).unwrap().contains("secret"));
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn overload_says_when_to_retry() {
        let response = ApiError::from(QueryError::new(ErrorCode::QueueFull, "full").retry_after(7)).into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[header::RETRY_AFTER], "7");
    }
}
