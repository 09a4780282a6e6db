//! In which format are rows written? Chosen by `Accept`; one file per format.
//!
//! A cut stream must never look complete: what marks the end of a format is written after the last batch only, and an
//! error ends the body abnormally.

// sorted: start
mod arrow_stream;
mod csv;
mod distinct_names;
mod json;
mod ndjson;
mod parquet_file;
mod shared;
mod temporal;
pub(crate) mod value;
// sorted: end

use std::fmt;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use axum::extract::FromRequestParts;
use bytes::Bytes;
use futures::{StreamExt, stream, stream::BoxStream};
use http::{HeaderMap, StatusCode, header, request::Parts};
use lakegate_query::error::{ErrorCode, QueryError};

use crate::error::{ApiError, Result};

/// A format of results.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ResultFormat {
    ArrowStream,
    Csv,
    Json,
    Ndjson,
    Parquet,
}

impl ResultFormat {
    // The first is the default.
    const ALL: [Self; 5] = [Self::ArrowStream, Self::Json, Self::Ndjson, Self::Csv, Self::Parquet];

    /// The media type of the answer.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            other => other.media_type(),
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::ArrowStream => "application/vnd.apache.arrow.stream",
            Self::Csv => "text/csv",
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// The format that the client likes best; the Arrow stream if it does not say.
    ///
    /// # Errors
    /// 406 if it accepts none of ours.
    pub fn negotiate(headers: &HeaderMap) -> Result<Self> {
        let mut ranges: Vec<(f32, &str)> = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(range)
            .collect();
        if ranges.is_empty() {
            return Ok(Self::ArrowStream);
        }
        // Stable: of equals the first wins.
        ranges.sort_by(|a, b| b.0.total_cmp(&a.0));
        let accepted = ranges.iter().filter(|(quality, _)| *quality > 0.0);
        accepted
            .filter_map(|(_, range)| Self::matching(range))
            .next()
            .ok_or_else(|| {
                let known = Self::ALL.map(Self::media_type).join(", ");
                let message = format!("`Accept` names no format of results; there are {known}");
                ApiError::http(StatusCode::NOT_ACCEPTABLE, ErrorCode::InvalidRequest, message)
            })
    }

    fn matching(range: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| {
            let media_type = format.media_type();
            let kind = media_type.split('/').next().unwrap_or_default();
            range == "*/*" || range.eq_ignore_ascii_case(media_type) || range.strip_suffix("/*") == Some(kind)
        })
    }
}

fn range(text: &str) -> (f32, &str) {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
    (quality.unwrap_or(1.0), range)
}

impl<S: Send + Sync> FromRequestParts<S> for ResultFormat {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Self::negotiate(&parts.headers)
    }
}

/// Writes batches of one schema. Bytes come out as they are ready.
pub(crate) trait Encoder: Send {
    /// What stands before the first row.
    fn start(&mut self) -> Encoded;
    /// The rows of a batch.
    fn batch(&mut self, batch: &RecordBatch) -> Encoded;
    /// What stands after the last row, and says that it was the last.
    fn finish(&mut self) -> Encoded;
}

pub(crate) type Encoded = std::result::Result<Vec<u8>, EncodeError>;

/// A batch that cannot be written: a mistake of ours.
#[derive(Debug)]
pub(crate) struct EncodeError(pub(crate) String);

impl<E: fmt::Display> From<E> for EncodeError {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl From<EncodeError> for ApiError {
    fn from(error: EncodeError) -> Self {
        Self::internal(format!("a result cannot be written: {}", error.0))
    }
}

type Batches = BoxStream<'static, std::result::Result<RecordBatch, QueryError>>;

/// The body that holds all batches. `next_cursor` goes into formats that have a place for it.
///
/// # Errors
/// If the schema cannot be written in this format.
pub fn encode(
    format: ResultFormat,
    schema: &SchemaRef,
    batches: Batches,
    next_cursor: Option<String>,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    if format == ResultFormat::Parquet
        && let Some(column) = parquet_file::unwritable(schema)
    {
        let message =
            format!("column `{column}` holds intervals, which Parquet cannot nest; ask for another format or cast it");
        return Err(ApiError::from(QueryError::new(ErrorCode::NotSupported, message)));
    }
    let mut encoder = encoder(format, schema, next_cursor)?;
    let head = encoder.start()?;
    let writing = Writing { encoder, batches };
    let head = stream::iter((!head.is_empty()).then(|| Ok(Bytes::from(head))));
    let rest = stream::unfold(Some(writing), |writing| async move { writing?.next().await });
    // Parquet holds rows back until a group is full: nothing to send is no chunk (it would look like the end).
    let rest = rest.filter(|chunk| futures::future::ready(!matches!(chunk, Ok(bytes) if bytes.is_empty())));
    Ok(head.chain(rest).boxed())
}

/// The writer of a format.
///
/// # Errors
/// If the schema cannot be written in this format.
pub(crate) fn encoder(
    format: ResultFormat,
    schema: &SchemaRef,
    next_cursor: Option<String>,
) -> std::result::Result<Box<dyn Encoder>, EncodeError> {
    Ok(match format {
        ResultFormat::ArrowStream => Box::new(arrow_stream::ArrowStream::new(schema)?),
        ResultFormat::Csv => Box::new(csv::Csv::new(schema)),
        ResultFormat::Json => Box::new(json::Json::new(schema, next_cursor)),
        ResultFormat::Ndjson => Box::new(ndjson::Ndjson::new(schema)),
        ResultFormat::Parquet => Box::new(parquet_file::ParquetFile::new(schema)?),
    })
}

struct Writing {
    encoder: Box<dyn Encoder>,
    batches: Batches,
}

impl Writing {
    /// The next bytes, and how to go on; nothing follows an error or the end.
    async fn next(mut self) -> Option<(Result<Bytes>, Option<Self>)> {
        let encoded = match self.batches.next().await {
            Some(Ok(batch)) => self.encoder.batch(&batch),
            Some(Err(error)) => return Some((Err(ApiError::from(error)), None)),
            None => return Some((self.encoder.finish().map(Bytes::from).map_err(ApiError::from), None)),
        };
        Some(match encoded {
            Ok(bytes) => (Ok(Bytes::from(bytes)), Some(self)),
            Err(error) => (Err(ApiError::from(error)), None),
        })
    }
}

#[cfg(test)]
mod tests;
