//! Which files lack a column that a policy reads? Decided before the first row (governance §3 rule 6).

use std::sync::Arc;

use arrow::datatypes::DataType;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt};

use super::{
    failure::store_error,
    location::store_url,
    metadata_cache::MetadataCache,
    table::{FileList, FileTable, Format, ListedFile},
    text::{TextInput, Tokenizer, header_names},
};
use crate::error::{ConnectorError, Result};

/// Files looked at at the same time.
const CONCURRENCY: usize = 16;

/// Which of `columns` (lower-case names) are absent from which of `files` (already pruned by the *policy's* partition
/// predicate, and by nothing else): pairs of column and file. Partition columns are never absent. Avro, ORC and Parquet: by
/// headers and footers; CSV with a header: by the header; other formats: nothing, they are looked at row by row.
///
/// # Errors
/// `CORRUPT_FILE` for a file that cannot be opened, `AMBIGUOUS_COLUMN` for one in which two columns answer to a name, and
/// those of the store.
pub async fn check_policy_columns(
    table: &FileTable,
    files: &FileList,
    columns: &[String],
    store: &Arc<dyn ObjectStore>,
    cache: &Arc<MetadataCache>,
) -> Result<Vec<(String, String)>> {
    let by_file = match table.format {
        Format::Avro | Format::Orc | Format::Parquet => true,
        Format::Csv => table.options.header,
        Format::Ndjson => false,
    };
    let partition = |name: &String| {
        table
            .partition_columns
            .iter()
            .any(|field| field.name().eq_ignore_ascii_case(name))
    };
    let wanted: Vec<&String> = columns.iter().filter(|name| !partition(name)).collect();
    if !by_file || wanted.is_empty() {
        return Ok(Vec::new());
    }
    let store_id = store_url(&table.connection)?;
    let absent: Vec<Vec<(String, String)>> = stream::iter(files.files.clone())
        .map(|file: ListedFile| {
            let (wanted, store_id) = (&wanted, &store_id);
            async move {
                let names = match table.format {
                    Format::Parquet => parquet_names(store_id.as_str(), store, cache, &file).await?,
                    Format::Avro => {
                        first(super::avro::columns(cache, store_id.as_str(), store, &file.object_meta).await?)
                    }
                    Format::Orc => orc_names(table, cache, store_id.as_str(), store, &file).await?,
                    Format::Csv | Format::Ndjson => csv_names(table, store, &file).await?,
                };
                let path = file.object_meta.location.as_ref();
                absent_from(wanted, &names)
                    .map(|absent| absent.into_iter().map(|name| (name, path.to_owned())).collect())
                    .map_err(|error| error.with_file(path))
            }
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    Ok(absent.into_iter().flatten().collect())
}

fn absent_from(wanted: &[&String], names: &[String]) -> Result<Vec<String>> {
    let mut absent = Vec::new();
    for name in wanted {
        let mut matching = names.iter().filter(|found| found.to_lowercase() == name.to_lowercase());
        match (matching.next(), matching.next()) {
            (None, _) => absent.push((*name).clone()),
            (Some(one), Some(two)) => return Err(super::parquet::ambiguous(one, two)),
            (Some(_), None) => {}
        }
    }
    Ok(absent)
}

fn first(columns: Vec<(String, DataType)>) -> Vec<String> {
    columns.into_iter().map(|(name, _)| name).collect()
}

/// The columns that a file of ORC has under the names by which the table reads them.
async fn orc_names(
    table: &FileTable,
    cache: &MetadataCache,
    store_id: &str,
    store: &Arc<dyn ObjectStore>,
    file: &ListedFile,
) -> Result<Vec<String>> {
    let found = super::orc::columns(cache, store_id, store, &file.object_meta).await?;
    if !super::orc::by_position(&table.options) {
        return Ok(first(found));
    }
    let declared = table.file_schema.fields().iter().take(found.len());
    Ok(declared.map(|field| field.name().clone()).collect())
}

async fn parquet_names(
    store_id: &str,
    store: &Arc<dyn ObjectStore>,
    cache: &Arc<MetadataCache>,
    file: &ListedFile,
) -> Result<Vec<String>> {
    let footer = cache.footer(store_id, store, &file.object_meta).await?;
    let root = footer
        .metadata
        .file_metadata()
        .schema_descr()
        .root_schema()
        .get_fields()
        .to_vec();
    Ok(root.iter().map(|field| field.name().to_owned()).collect())
}

async fn csv_names(table: &FileTable, store: &Arc<dyn ObjectStore>, file: &ListedFile) -> Result<Vec<String>> {
    let path = file.object_meta.location.as_ref();
    let mut text = TextInput::new(path, &table.options)?;
    let mut tokenizer = Tokenizer::new(&table.options);
    let mut names: Option<Vec<String>> = None;
    let read = store.get(&file.object_meta.location).await;
    let mut input = read.map_err(|error| store_error(error, path))?.into_stream();
    while names.is_none() {
        let mut header = |record: super::text::Record<'_>| {
            if names.is_none() {
                names = Some(header_names(&record)?);
            }
            Ok(())
        };
        match input.next().await {
            Some(bytes) => {
                let bytes = bytes.map_err(|error| store_error(error, path))?;
                text.push(&bytes, &mut |part| tokenizer.push(part, &mut header))?;
            }
            None => {
                text.finish(&mut |part| tokenizer.push(part, &mut header))?;
                tokenizer
                    .finish(&mut header)
                    .map_err(|error: ConnectorError| error.with_file(path))?;
                break;
            }
        }
    }
    Ok(names.unwrap_or_default())
}
