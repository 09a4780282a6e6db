//! How does a failure travel? Its kind and our words, in gRPC's status details; the source's text stays where it was logged.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use prost::Message;

use crate::{
    error::{ConnectorError, ConnectorErrorKind, NUMERIC_OUT_OF_RANGE, Retry},
    read_stats::ReadStats,
    remote::{
        flight::{Any, Status},
        grpc::broken,
        message::{Counters, Failure},
    },
};

const TYPE: &str = "type.googleapis.com/lakegate.connector.v1.Failure";
/// Characters of a text that is shown, at most.
const MAX_TEXT: usize = 500;

/// Kinds and the status that others know them by (<https://grpc.github.io/grpc/core/md_doc_statuscodes.html>).
const KINDS: [(ConnectorErrorKind, &str, u32); 16] = [
    (ConnectorErrorKind::Throttled, "throttled", 8),
    (ConnectorErrorKind::Unavailable, "unavailable", 14),
    (ConnectorErrorKind::NotFound, "not_found", 5),
    (ConnectorErrorKind::SchemaChanged, "schema_changed", 9),
    (ConnectorErrorKind::SnapshotLost, "snapshot_lost", 10),
    (ConnectorErrorKind::Unauthenticated, "unauthenticated", 16),
    (ConnectorErrorKind::AccessDenied, "access_denied", 7),
    (ConnectorErrorKind::InvalidRequest, "invalid_request", 3),
    (ConnectorErrorKind::Unsupported, "unsupported", 12),
    (ConnectorErrorKind::Protocol, "protocol", 3),
    (ConnectorErrorKind::HandleInvalid, "handle_invalid", 3),
    (ConnectorErrorKind::Timeout, "timeout", 4),
    (ConnectorErrorKind::Cancelled, "cancelled", 1),
    (ConnectorErrorKind::LimitExceeded, "limit_exceeded", 8),
    (ConnectorErrorKind::SourceFailed, "source_failed", 2),
    (ConnectorErrorKind::Internal, "internal", 13),
];

/// Codes that are more specific than their kind's.
const CODES: [&str; 5] = [
    "AMBIGUOUS_COLUMN",
    "CORRUPT_FILE",
    NUMERIC_OUT_OF_RANGE,
    "TYPE_MISMATCH",
    "VALUE_MISMATCH",
];

/// Trailers of a call that failed, with what it had counted.
pub(in crate::remote) fn trailers(error: &ConnectorError, counted: Option<&ReadStats>) -> HeaderMap {
    let known = KINDS.iter().find(|(kind, ..)| *kind == error.kind());
    let (name, status) = known.map_or(("internal", 13), |(_, name, status)| (*name, *status));
    let failure = Failure {
        kind: name.to_owned(),
        code: error.code().to_owned(),
        message: error.to_string(),
        detail: error.detail().map(str::to_owned),
        file: error.file().map(str::to_owned),
        status: error.status().map(str::to_owned),
        retry_after_ms: match error.retry() {
            Retry::After(pause) => u64::try_from(pause.as_millis()).ok(),
            Retry::Never | Retry::Backoff => None,
        },
        counters: counted.map(counters_message),
    };
    let details = Status {
        code: i32::try_from(status).unwrap_or(2),
        message: String::new(),
        details: vec![Any {
            type_url: TYPE.to_owned(),
            value: failure.encode_to_vec().into(),
        }],
    };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(status));
    if let Ok(code) = HeaderValue::from_str(error.code()) {
        trailers.insert("grpc-message", code);
    }
    if let Ok(details) = HeaderValue::from_str(&STANDARD_NO_PAD.encode(details.encode_to_vec())) {
        trailers.insert("grpc-status-details-bin", details);
    }
    trailers
}

/// How a call ended by its trailers; of a failure also what it had counted.
pub(in crate::remote) fn outcome(trailers: &HeaderMap) -> Result<(), (ConnectorError, Option<Counters>)> {
    let status = trailers.get("grpc-status").and_then(|status| status.to_str().ok());
    match status {
        Some("0") => Ok(()),
        Some(status) => Err(details(trailers)
            .map(failure)
            .unwrap_or_else(|| (by_status(status), None))),
        None => Err((broken(), None)),
    }
}

fn details(trailers: &HeaderMap) -> Option<Failure> {
    let text = trailers.get("grpc-status-details-bin")?.to_str().ok()?;
    let bytes = STANDARD_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    let status = Status::decode(Bytes::from(bytes)).ok()?;
    let any = status.details.into_iter().find(|any| any.type_url == TYPE)?;
    Failure::decode(any.value).ok()
}

fn failure(failure: Failure) -> (ConnectorError, Option<Counters>) {
    let known = KINDS.iter().find(|(_, name, _)| *name == failure.kind);
    let kind = known.map_or(ConnectorErrorKind::Protocol, |(kind, ..)| *kind);
    let mut error = ConnectorError::new(kind, shown(&failure.message));
    if let Some(code) = CODES.iter().find(|code| **code == failure.code) {
        error = error.with_code(code);
    }
    if let Some(pause) = failure.retry_after_ms {
        error = error.with_retry(Retry::After(Duration::from_millis(pause.min(60_000))));
    }
    // A handle that is refused is refused without a word.
    if kind != ConnectorErrorKind::HandleInvalid {
        error = failure
            .detail
            .iter()
            .fold(error, |error, text| error.with_detail(shown(text)));
        error = failure
            .file
            .iter()
            .fold(error, |error, text| error.with_file(shown(text)));
        error = failure
            .status
            .iter()
            .fold(error, |error, text| error.with_status(shown(text)));
    }
    (error, failure.counters)
}

/// A status without our details: something between the two has answered.
fn by_status(status: &str) -> ConnectorError {
    let (kind, message) = match status {
        "4" => (
            ConnectorErrorKind::Timeout,
            "the remote connector did not answer in time",
        ),
        "7" | "16" => (
            ConnectorErrorKind::Unauthenticated,
            "the remote connector does not accept this gateway",
        ),
        "8" => (
            ConnectorErrorKind::LimitExceeded,
            "the request is too large for the remote connector",
        ),
        "14" => (
            ConnectorErrorKind::Unavailable,
            "the remote connector cannot be reached",
        ),
        _ => return broken(),
    };
    ConnectorError::new(kind, message)
}

/// At most so many characters, none of which moves a cursor or ends a line.
fn shown(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(MAX_TEXT)
        .collect()
}

/// Counters as they travel.
pub(in crate::remote) fn counters_message(stats: &ReadStats) -> Counters {
    Counters {
        bytes_source: stats.bytes_source,
        bytes_returned: stats.bytes_returned,
        rows: stats.rows,
        requests: stats.requests,
        retries: stats.retries,
        throttled_ms: stats.throttled_ms,
        capacity_milli: stats.capacity_milli,
        snapshot: stats.snapshot.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_back_with_our_words_and_without_the_sources() {
        for (kind, ..) in KINDS {
            let sent = ConnectorError::new(kind, "in our words")
                .with_detail("column `a`")
                .with_status("42P01")
                .with_source("password=hunter2");
            let trailers = trailers(&sent, None);
            let (received, _) = outcome(&trailers).expect_err("failure");
            assert_eq!(
                (received.kind(), received.code(), received.retry()),
                (kind, kind.code(), kind.retry())
            );
            assert_eq!(received.to_string(), "in our words");
            let silent = kind == ConnectorErrorKind::HandleInvalid;
            assert_eq!(received.detail().is_none(), silent, "{kind:?}");
            assert!(!format!("{trailers:?}{received:?}").contains("hunter2"));
        }
    }

    #[test]
    fn what_nobody_knows_is_a_protocol_error_and_what_is_shown_is_harmless() {
        assert!(outcome(&HeaderMap::new()).is_err());
        let mut strange = HeaderMap::new();
        strange.insert("grpc-status", HeaderValue::from_static("99"));
        strange.insert("grpc-status-details-bin", HeaderValue::from_static("!!"));
        assert_eq!(
            outcome(&strange).expect_err("failure").0.kind(),
            ConnectorErrorKind::Protocol
        );
        let loud = ConnectorError::new(
            ConnectorErrorKind::Internal,
            format!("\u{1b}[31m\n{}", "x".repeat(10_000)),
        );
        let (received, _) = outcome(&trailers(&loud, None)).expect_err("failure");
        assert!(received.to_string().len() <= MAX_TEXT && !received.to_string().contains(['\u{1b}', '\n']));
    }
}
