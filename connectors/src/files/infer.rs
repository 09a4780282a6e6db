//! Which columns do the files of a table have? Read whole, at apply or crawl time, never while a query is planned.

mod csv;
mod ndjson;
mod parquet;
mod shape;

use std::sync::Arc;

use arrow::datatypes::DataType;
use futures::StreamExt;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use super::{
    failure::store_error,
    listing::list_files,
    metadata_cache::MetadataCache,
    table::{FileTableDraft, Format, FormatOptions},
    text::TextInput,
};
use crate::error::{ConnectorError, ConnectorErrorKind, Result};

/// Columns of all files of a table, by lower-case name in order of their first appearance, partition columns left out.
///
/// Avro, ORC and Parquet: from headers and footers, types widened over all files. CSV: over all values; what is empty everywhere, has leading
/// zeros, more than 17 digits behind a point, a time zone or mixed types is text. NDJSON: over all values; numbers widen,
/// mixed types are text (JSON).
///
/// # Errors
/// `NOTHING_TO_INFER` if there are no files or no columns; `TYPE_MISMATCH` with file and column for Parquet types that do
/// not widen; `AMBIGUOUS_COLUMN` with both names; `CORRUPT_FILE`; `NOT_SUPPORTED` types; those of the store.
pub async fn infer(
    table: &FileTableDraft,
    store: &Arc<dyn ObjectStore>,
    cache: &Arc<MetadataCache>,
) -> Result<Vec<(String, DataType)>> {
    let files = list_files(&table.as_table(), store).await?;
    let mut columns = match table.format {
        Format::Avro | Format::Orc | Format::Parquet => parquet::infer(table, &files, store, cache).await?,
        Format::Csv => csv::infer(table, &files, store).await?,
        Format::Ndjson => ndjson::infer(table, &files, store).await?,
    };
    columns.retain(|(name, _)| {
        !table
            .partition_columns
            .iter()
            .any(|field| field.name().eq_ignore_ascii_case(name))
    });
    if columns.is_empty() {
        return Err(ConnectorError::new(
            ConnectorErrorKind::InvalidRequest,
            "there are no files to infer columns from",
        )
        .with_code("NOTHING_TO_INFER"));
    }
    Ok(columns)
}

/// Hands on the text of a stored file, piece by piece, and a `None` at its end; stops when `to` answers `false`.
pub(super) async fn for_each_text(
    store: &Arc<dyn ObjectStore>,
    meta: &ObjectMeta,
    options: &FormatOptions,
    to: &mut (dyn FnMut(Option<&[u8]>) -> Result<bool> + Send),
) -> Result<()> {
    let path = meta.location.as_ref();
    let mut text = TextInput::new(path, options)?;
    let mut go_on = true;
    let mut piece = |part: &[u8]| {
        if go_on {
            go_on = to(Some(part))?;
        }
        Ok(())
    };
    let mut input = store
        .get(&meta.location)
        .await
        .map_err(|error| store_error(error, path))?
        .into_stream();
    while let Some(bytes) = input.next().await {
        let bytes = bytes.map_err(|error| store_error(error, path))?;
        text.push(&bytes, &mut piece)?;
    }
    text.finish(&mut piece)?;
    to(None).map(|_| ()).map_err(|error| {
        if error.file().is_none() {
            error.with_file(path)
        } else {
            error
        }
    })
}
