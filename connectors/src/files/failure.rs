//! What went wrong while a file was read? Engine, store and decoder failures, panics too, become one error with the file's
//! name apart.

use std::{any::Any, panic::AssertUnwindSafe};

use arrow::{array::RecordBatch, error::ArrowError};
use datafusion::error::DataFusionError;
use futures::{FutureExt, Stream, StreamExt, stream::BoxStream};
use parquet::errors::ParquetError;

use crate::error::{ConnectorError, ConnectorErrorKind};

/// Detail of an error that was a panic.
pub(crate) const PANICKED: &str = "its decoder panicked";

/// A failure of the object store.
pub(crate) fn store_error(error: object_store::Error, file: &str) -> ConnectorError {
    let (kind, message) = match &error {
        object_store::Error::NotFound { .. } => (ConnectorErrorKind::NotFound, "a file of the table is gone"),
        object_store::Error::PermissionDenied { .. } => (ConnectorErrorKind::AccessDenied, "the store refused access"),
        object_store::Error::Unauthenticated { .. } => (
            ConnectorErrorKind::Unauthenticated,
            "the store refused the credential of the connection",
        ),
        object_store::Error::Precondition { .. } | object_store::Error::NotModified { .. } => (
            ConnectorErrorKind::SnapshotLost,
            "a file of the table changed while it was read",
        ),
        // The client has no word of its own for a refused signature of a listing.
        other if is_refusal(other) => (
            ConnectorErrorKind::Unauthenticated,
            "the store refused the credential of the connection",
        ),
        other if tells(other, &["429 Too Many Requests", "SlowDown"]) => {
            (ConnectorErrorKind::Throttled, "the store asks for fewer requests")
        }
        _ => (ConnectorErrorKind::Unavailable, "the store cannot be reached"),
    };
    ConnectorError::new(kind, message).with_file(file).with_source(error)
}

/// S3's codes for a wrong key.
fn is_refusal(error: &object_store::Error) -> bool {
    tells(error, &["SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied"])
}

/// Does one of these words stand somewhere in the chain of causes?
fn tells(error: &object_store::Error, words: &[&str]) -> bool {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |cause| cause.source());
    causes
        .map(ToString::to_string)
        .any(|text| words.iter().any(|word| text.contains(word)))
}

/// An error of the engine while it read `file`. Errors that are not about the file (memory, cancellation) stay as they are.
pub(crate) fn file_error(error: DataFusionError, file: &str) -> DataFusionError {
    if ConnectorError::find(&error).is_some_and(|known| known.file().is_some()) {
        return error;
    }
    match unwrapped(error) {
        Unwrapped::Connector(error) => error.with_file(file).into(),
        Unwrapped::Store(error) => store_error(error, file).into(),
        Unwrapped::Other(error) => match error.find_root() {
            DataFusionError::ResourcesExhausted(_) | DataFusionError::Configuration(_) => error,
            DataFusionError::ArrowError(cause, _) if is_conversion(cause) => ConnectorError::new(
                ConnectorErrorKind::SourceFailed,
                "a value of a file does not fit the declared type",
            )
            .with_code("VALUE_MISMATCH")
            .with_file(file)
            .with_source(error)
            .into(),
            _ => ConnectorError::corrupt_file(file).with_source(error).into(),
        },
    }
}

fn is_conversion(error: &ArrowError) -> bool {
    matches!(
        error,
        ArrowError::CastError(_) | ArrowError::ArithmeticOverflow(_) | ArrowError::InvalidArgumentError(_)
    )
}

enum Unwrapped {
    Connector(ConnectorError),
    Store(object_store::Error),
    Other(DataFusionError),
}

/// Takes the layers off that engine and decoder put round our own errors and the store's.
fn unwrapped(error: DataFusionError) -> Unwrapped {
    match error {
        DataFusionError::External(error) => external(error),
        DataFusionError::Context(_, error) => unwrapped(*error),
        DataFusionError::ObjectStore(error) => Unwrapped::Store(*error),
        DataFusionError::ParquetError(error) => match *error {
            ParquetError::External(error) => external(error),
            error => Unwrapped::Other(DataFusionError::ParquetError(Box::new(error))),
        },
        DataFusionError::ArrowError(error, trace) => match *error {
            ArrowError::ExternalError(error) => external(error),
            error => Unwrapped::Other(DataFusionError::ArrowError(Box::new(error), trace)),
        },
        error => Unwrapped::Other(error),
    }
}

fn external(error: Box<dyn std::error::Error + Send + Sync>) -> Unwrapped {
    let error = match error.downcast::<ConnectorError>() {
        Ok(error) => return Unwrapped::Connector(*error),
        Err(error) => error,
    };
    let error = match error.downcast::<object_store::Error>() {
        Ok(error) => return Unwrapped::Store(*error),
        Err(error) => error,
    };
    let error = match error.downcast::<DataFusionError>() {
        Ok(error) => return unwrapped(*error),
        Err(error) => error,
    };
    match error.downcast::<ParquetError>() {
        Ok(error) => match *error {
            ParquetError::External(error) => external(error),
            error => Unwrapped::Other(DataFusionError::ParquetError(Box::new(error))),
        },
        Err(error) => Unwrapped::Other(DataFusionError::External(error)),
    }
}

/// Runs CPU work on a file; a panic in it is an error.
pub(crate) fn caught<T>(file: &str, work: impl FnOnce() -> Result<T, DataFusionError>) -> Result<T, DataFusionError> {
    match std::panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| file_error(error, file)),
        Err(panic) => Err(panicked(file, panic.as_ref())),
    }
}

/// Awaits work on a file; a panic in it is an error.
pub(crate) async fn caught_async<T>(
    file: &str,
    work: impl Future<Output = Result<T, DataFusionError>>,
) -> Result<T, DataFusionError> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(done) => done.map_err(|error| file_error(error, file)),
        Err(panic) => Err(panicked(file, panic.as_ref())),
    }
}

/// A stream over a file that ends with the first error; a panic in it is an error.
pub(crate) fn caught_stream(
    file: String,
    stream: impl Stream<Item = Result<RecordBatch, DataFusionError>> + Send + 'static,
) -> BoxStream<'static, Result<RecordBatch, DataFusionError>> {
    AssertUnwindSafe(stream)
        .catch_unwind()
        .scan(false, move |failed, item| {
            if *failed {
                return std::future::ready(None);
            }
            let item = match item {
                Ok(item) => item.map_err(|error| file_error(error, &file)),
                Err(panic) => Err(panicked(&file, panic.as_ref())),
            };
            *failed = item.is_err();
            std::future::ready(Some(item))
        })
        .boxed()
}

fn panicked(file: &str, panic: &(dyn Any + Send)) -> DataFusionError {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("the decoder panicked");
    ConnectorError::corrupt_file(file)
        .with_detail(PANICKED)
        .with_source(text.to_owned())
        .into()
}
