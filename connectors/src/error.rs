//! What went wrong at a source, and may it be tried again?
//!
//! The message is ours and safe for everybody; `detail` (partition, column, line, our words) and `file` are for those who
//! may see them, and the source's own text (`source()`) goes to the log only.

use std::{error::Error, fmt, time::Duration};

use datafusion::error::DataFusionError;

/// Result of a connector.
pub type Result<T, E = ConnectorError> = std::result::Result<T, E>;

/// The kinds of failure; the kind alone decides about retries and the public status.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ConnectorErrorKind {
    Throttled,
    Unavailable,
    NotFound,
    SchemaChanged,
    SnapshotLost,
    Unauthenticated,
    AccessDenied,
    InvalidRequest,
    Unsupported,
    Protocol,
    HandleInvalid,
    Timeout,
    Cancelled,
    LimitExceeded,
    SourceFailed,
    Internal,
}

/// Code of a sum that does not fit its type.
pub const NUMERIC_OUT_OF_RANGE: &str = "NUMERIC_OUT_OF_RANGE";

impl ConnectorErrorKind {
    /// The stable code that is used where no more specific one is given.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Throttled => "SOURCE_THROTTLED",
            Self::Unavailable => "SOURCE_UNAVAILABLE",
            Self::NotFound => "SOURCE_OBJECT_NOT_FOUND",
            Self::SchemaChanged => "SOURCE_SCHEMA_CHANGED",
            Self::SnapshotLost => "SOURCE_SNAPSHOT_LOST",
            Self::Unauthenticated => "SOURCE_UNAUTHENTICATED",
            Self::AccessDenied => "SOURCE_ACCESS_DENIED",
            Self::InvalidRequest => "SOURCE_INVALID_REQUEST",
            Self::Unsupported => "NOT_SUPPORTED",
            Self::Protocol => "CONNECTOR_PROTOCOL",
            Self::HandleInvalid => "HANDLE_INVALID",
            Self::Timeout => "SOURCE_TIMEOUT",
            Self::Cancelled => "CANCELLED",
            Self::LimitExceeded => "SOURCE_LIMIT_EXCEEDED",
            Self::SourceFailed => "SOURCE_FAILED",
            Self::Internal => "CONNECTOR_INTERNAL",
        }
    }

    /// The retry that the kind implies.
    #[must_use]
    pub fn retry(self) -> Retry {
        match self {
            Self::Throttled | Self::Unavailable => Retry::Backoff,
            Self::NotFound
            | Self::SchemaChanged
            | Self::SnapshotLost
            | Self::Unauthenticated
            | Self::AccessDenied
            | Self::InvalidRequest
            | Self::Unsupported
            | Self::Protocol
            | Self::HandleInvalid
            | Self::Timeout
            | Self::Cancelled
            | Self::LimitExceeded
            | Self::SourceFailed
            | Self::Internal => Retry::Never,
        }
    }
}

/// May the same call be made again?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retry {
    Never,
    /// Not before this time has passed (the source said so).
    After(Duration),
    /// With growing, jittered pauses.
    Backoff,
}

/// A failure of a connector.
pub struct ConnectorError(Box<Inner>);

struct Inner {
    code: &'static str,
    kind: ConnectorErrorKind,
    retry: Retry,
    message: String,
    detail: Option<String>,
    file: Option<String>,
    status: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ConnectorError {
    /// A failure with the code and retry of its kind. `message`: our words, safe for every caller.
    #[must_use]
    pub fn new(kind: ConnectorErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code: kind.code(),
            kind,
            retry: kind.retry(),
            message: message.into(),
            detail: None,
            file: None,
            status: None,
            source: None,
        }))
    }

    /// `NOT_SUPPORTED`: a feature that this version does not have; `what` names it.
    #[must_use]
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::new(ConnectorErrorKind::Unsupported, what)
    }

    /// `CORRUPT_FILE`: the named file cannot be decoded.
    #[must_use]
    pub fn corrupt_file(file: impl Into<String>) -> Self {
        Self::new(ConnectorErrorKind::SourceFailed, "a file of the table cannot be read")
            .with_code("CORRUPT_FILE")
            .with_file(file)
    }

    /// The sum of a group does not fit its type: the engine's own overflow.
    #[must_use]
    pub(crate) fn sum_out_of_range() -> Self {
        let message = "a number is out of the range of its type";
        Self::new(ConnectorErrorKind::SourceFailed, message).with_code(NUMERIC_OUT_OF_RANGE)
    }

    /// A more specific stable code.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.0.code = code;
        self
    }

    /// Another retry than the kind implies.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// What it is about (column, partition, line), for callers that may know.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// The file it is about, for callers that may know.
    #[must_use]
    pub fn with_file(mut self, file: impl Into<String>) -> Self {
        self.0.file = Some(file.into());
        self
    }

    /// The source's own code (SQLSTATE, result code), for spans.
    #[must_use]
    pub fn with_status(mut self, status: impl Into<String>) -> Self {
        self.0.status = Some(status.into());
        self
    }

    /// The cause; only ever logged.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// Kind.
    #[must_use]
    pub fn kind(&self) -> ConnectorErrorKind {
        self.0.kind
    }

    /// Retry.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Our words about column, partition, line; not for callers of restricted scans.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// File it is about; not for callers of restricted scans.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.0.file.as_deref()
    }

    /// The source's own code, if it gave one.
    #[must_use]
    pub fn status(&self) -> Option<&str> {
        self.0.status.as_deref()
    }

    /// The connector error inside an engine error, if there is one.
    #[must_use]
    pub fn find(error: &DataFusionError) -> Option<&Self> {
        let mut next: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            if let Some(DataFusionError::Shared(shared)) = error.downcast_ref::<DataFusionError>() {
                next = Some(shared.as_ref());
                continue;
            }
            next = error.source();
        }
        None
    }
}

impl fmt::Display for ConnectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for ConnectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectorError")
            .field("code", &self.0.code)
            .field("kind", &self.0.kind)
            .field("retry", &self.0.retry)
            .field("message", &self.0.message)
            .field("detail", &self.0.detail)
            .field("file", &self.0.file)
            .field("status", &self.0.status)
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for ConnectorError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<ConnectorError> for DataFusionError {
    fn from(error: ConnectorError) -> Self {
        Self::External(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_found_inside_an_engine_error() {
        let error: DataFusionError = ConnectorError::corrupt_file("a/b").into();
        let error = DataFusionError::Shared(std::sync::Arc::new(error.context("while reading")));
        let found = ConnectorError::find(&error).expect("found");
        assert_eq!((found.code(), found.file()), ("CORRUPT_FILE", Some("a/b")));
        assert!(!found.to_string().contains("a/b"));
    }
}
