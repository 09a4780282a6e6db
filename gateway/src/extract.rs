//! What did the request say? Extractors that refuse in the one envelope and name the member that is wrong.

use std::convert::Infallible;

use axum::{
    extract::{
        FromRequest, FromRequestParts, OptionalFromRequestParts, Request,
        rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection},
    },
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use lakegate_query::{context::Caller, error::ErrorCode};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::ApiError;

/// A JSON body, in or out.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// The query string.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

/// Segments of the path.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

/// Who asks, as `middleware::authenticate` proved it. A route without this extractor is authenticated all the same.
#[derive(Clone, Debug)]
pub struct Authenticated(pub Caller);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(refuse_body(&rejection)),
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(QueryRejection::FailedToDeserializeQueryString(error)) => Err(ApiError::invalid(format!(
                "query string: {}",
                after_colon(&error.body_text())
            ))),
            Err(_) => Err(ApiError::invalid("the query string cannot be read")),
        }
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match <axum::extract::Path<T> as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => {
                Err(ApiError::invalid(format!("path: {}", after_colon(&error.body_text()))))
            }
            Err(_) => Err(ApiError::invalid("the path cannot be read")),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Caller>()
            .cloned()
            .map(Self)
            .ok_or_else(ApiError::unauthenticated)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Authenticated {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<Caller>().cloned().map(Self))
    }
}

/// Refuses a body that is larger than the limit.
pub(crate) fn body_too_large() -> ApiError {
    ApiError::http(
        StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::InvalidRequest,
        "the body of the request is too large",
    )
}

fn refuse_body(rejection: &JsonRejection) -> ApiError {
    match rejection {
        JsonRejection::JsonDataError(error) => ApiError::invalid(format!("body: {}", after_colon(&error.body_text()))),
        JsonRejection::JsonSyntaxError(error) => ApiError::invalid(format!(
            "the body is not valid JSON: {}",
            after_colon(&error.body_text())
        )),
        JsonRejection::MissingJsonContentType(_) => ApiError::http(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorCode::InvalidRequest,
            "the body must be sent with `Content-Type: application/json`",
        ),
        JsonRejection::BytesRejection(error) => refuse_bytes(error),
        _ => ApiError::invalid("the body cannot be read"),
    }
}

/// Refuses a body that could not be read.
pub(crate) fn refuse_bytes(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        body_too_large()
    } else {
        ApiError::invalid("the body cannot be read")
    }
}

/// Axum's texts are `Failed to …: member: what is wrong`.
fn after_colon(text: &str) -> &str {
    text.split_once(": ").map_or(text, |(_, rest)| rest)
}
