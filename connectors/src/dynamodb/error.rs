//! What does a refusal of DynamoDB mean to the caller?

use http::StatusCode;
use serde::Deserialize;

use crate::error::{ConnectorError, ConnectorErrorKind};

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type")]
    kind: String,
    #[serde(alias = "Message")]
    message: Option<String>,
}

/// Our words for an answer that is none; the server's own text goes to the log where it cannot quote a value.
pub(super) fn refused(status: StatusCode, body: &[u8]) -> ConnectorError {
    let refusal: Option<Refusal> = serde_json::from_slice(body).ok();
    let name = refusal
        .as_ref()
        .map_or("", |refusal| refusal.kind.rsplit('#').next().unwrap_or_default());
    let plain = name.len() <= 80 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let name = if plain { name.to_owned() } else { String::new() };
    let (kind, message) = of_name(&name).unwrap_or_else(|| of_status(status));
    let code = if name.is_empty() { status.as_str() } else { &name };
    let failure = ConnectorError::new(kind, message).with_status(code);
    // Texts about requests may quote literals and keys.
    let quoting = matches!(
        kind,
        ConnectorErrorKind::InvalidRequest | ConnectorErrorKind::SourceFailed
    );
    match refusal.and_then(|refusal| refusal.message).filter(|_| !quoting) {
        Some(text) => failure.with_source(text),
        None => failure.with_source(format!("the service answered {code}")),
    }
}

/// By <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>.
fn of_name(name: &str) -> Option<(ConnectorErrorKind, &'static str)> {
    Some(match name {
        "ProvisionedThroughputExceededException" | "RequestLimitExceeded" | "ThrottlingException" => THROTTLED,
        "InternalServerError" | "InternalFailure" | "ServiceUnavailable" | "TransactionConflictException" => {
            UNAVAILABLE
        }
        "AccessDeniedException" => (
            ConnectorErrorKind::AccessDenied,
            "the credential of the connection may not do this at the source",
        ),
        "ExpiredTokenException"
        | "IncompleteSignatureException"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "UnrecognizedClientException" => (
            ConnectorErrorKind::Unauthenticated,
            "the source does not accept the credential",
        ),
        "ResourceNotFoundException" => (ConnectorErrorKind::NotFound, "the table is not there"),
        "ValidationException" => (
            ConnectorErrorKind::InvalidRequest,
            "the source does not accept the request",
        ),
        _ => return None,
    })
}

fn of_status(status: StatusCode) -> (ConnectorErrorKind, &'static str) {
    match status {
        StatusCode::TOO_MANY_REQUESTS => THROTTLED,
        status if status.is_server_error() => UNAVAILABLE,
        _ => (ConnectorErrorKind::SourceFailed, "the source failed"),
    }
}

const THROTTLED: (ConnectorErrorKind, &str) = (
    ConnectorErrorKind::Throttled,
    "the source has no read units left for this",
);
const UNAVAILABLE: (ConnectorErrorKind, &str) =
    (ConnectorErrorKind::Unavailable, "the source does not take requests now");

/// The way to the source failed.
pub(super) fn lost(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::Unavailable, "the source cannot be reached").with_source(cause)
}

/// The source's certificate is not one of those that are believed.
pub(super) fn untrusted(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::Unauthenticated,
        "the certificate of the source is not trusted",
    )
    .with_source(cause)
}

/// An answer that is not what the service sends. It may have been damaged on the way.
pub(super) fn garbled(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::Protocol, "the source's answer cannot be read").with_source(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_before_statuses_and_values_are_not_told() {
        let told = |status: u16, body: &str| {
            let error = refused(StatusCode::from_u16(status).unwrap(), body.as_bytes());
            (error.kind(), error.status().map(str::to_owned), format!("{error:?}"))
        };
        let (kind, status, _) = told(
            400,
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow"}"#,
        );
        assert_eq!(
            (kind, status.as_deref()),
            (ConnectorErrorKind::Throttled, Some("ThrottlingException"))
        );
        let (kind, _, text) = told(400, r#"{"__type":"a#ValidationException","message":"bad key 4711"}"#);
        assert_eq!(kind, ConnectorErrorKind::InvalidRequest);
        assert!(!text.contains("4711"), "{text}");
        assert_eq!(told(503, "<html>").0, ConnectorErrorKind::Unavailable);
        assert_eq!(told(429, "").0, ConnectorErrorKind::Throttled);
        assert_eq!(told(418, "{}").0, ConnectorErrorKind::SourceFailed);
    }
}
