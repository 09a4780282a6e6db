//! To which partition does a file belong, and which partitions can a predicate not match?

use std::{collections::BTreeSet, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray},
    compute::{CastOptions, cast_with_options},
    datatypes::{FieldRef, Schema},
};
use datafusion::{
    common::{
        ScalarValue,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    physical_expr::{PhysicalExpr, expressions::Column, split_conjunction, utils::collect_columns},
};

use super::table::{FileList, FileTable, PartitionSource, raw_file_schema};
use crate::error::{ConnectorError, ConnectorErrorKind, Result};

/// What Hive writes for NULL.
const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// Values of a file's `key=value` folders, in the order of the partition columns. Keys may come in any order and case.
pub(crate) fn hive_values(columns: &[FieldRef], folders: &[String]) -> Result<Vec<ScalarValue>> {
    let folder = folders.join("/");
    let wrong = |why: String| {
        ConnectorError::new(
            ConnectorErrorKind::SchemaChanged,
            "a folder does not have the partition keys of the table",
        )
        .with_code("PARTITION_MISMATCH")
        .with_detail(why)
        .with_file(folder.clone())
    };
    let mut found: Vec<Option<&str>> = vec![None; columns.len()];
    for segment in folders {
        let (key, value) = segment
            .split_once('=')
            .ok_or_else(|| wrong(format!("folder `{segment}` is no `key=value`")))?;
        let key = percent_decode(key);
        let position = columns
            .iter()
            .position(|column| column.name().eq_ignore_ascii_case(&key));
        match position.and_then(|position| found.get_mut(position)) {
            None => return Err(wrong(format!("unknown partition key `{key}`"))),
            Some(Some(_)) => return Err(wrong(format!("partition key `{key}` stands twice"))),
            Some(place) => *place = Some(value),
        }
    }
    columns
        .iter()
        .zip(found)
        .map(|(column, value)| {
            let value = value.ok_or_else(|| wrong(format!("partition key `{}` is missing", column.name())))?;
            if value == NULL_PARTITION {
                return typed(column, None, &folder);
            }
            typed(column, Some(&percent_decode(value)), &folder)
        })
        .collect()
}

/// The partition column that a folder is about, and its value; `None` for what is not a typed `key=value` of the table.
pub(super) fn folder_value(columns: &[FieldRef], folder: &str) -> Option<(usize, ScalarValue)> {
    let (key, value) = folder.split_once('=')?;
    let key = percent_decode(key);
    let place = columns
        .iter()
        .position(|column| column.name().eq_ignore_ascii_case(&key))?;
    let text = percent_decode(value);
    let given = (value != NULL_PARTITION).then_some(text.as_str());
    Some((place, typed(columns.get(place)?, given, folder).ok()?))
}

/// Values of a declared partition.
pub(crate) fn declared_values(columns: &[FieldRef], values: &[Option<String>]) -> Result<Vec<ScalarValue>> {
    if columns.len() != values.len() {
        return Err(ConnectorError::new(
            ConnectorErrorKind::InvalidRequest,
            "a declared partition does not have one value per partition column",
        ));
    }
    let name = values
        .iter()
        .map(|value| value.as_deref().unwrap_or("NULL"))
        .collect::<Vec<_>>()
        .join("/");
    columns
        .iter()
        .zip(values)
        .map(|(column, value)| typed(column, value.as_deref(), &name))
        .collect()
}

fn typed(column: &FieldRef, value: Option<&str>, partition: &str) -> Result<ScalarValue> {
    let Some(value) = value else {
        return ScalarValue::try_from(column.data_type())
            .map_err(|error| mistyped(column, partition).with_source(error));
    };
    let text = ScalarValue::Utf8(Some(value.to_owned()));
    let parsed = text
        .cast_to(column.data_type())
        .map_err(|error| mistyped(column, partition).with_source(error))?;
    if parsed.is_null() {
        Err(mistyped(column, partition))
    } else {
        Ok(parsed)
    }
}

fn mistyped(column: &FieldRef, partition: &str) -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::SchemaChanged,
        "the value of a partition does not have the type of its column",
    )
    .with_code("PARTITION_MISMATCH")
    .with_detail(format!("column `{}` of partition `{partition}`", column.name()))
    .with_file(partition)
}

/// Text with `%XX` replaced; what is no valid escape, or no UTF-8, stays as it is.
pub(crate) fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escape = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        bytes.push(escape.unwrap_or(*first));
        rest = if escape.is_some() {
            tail.get(2..).unwrap_or_default()
        } else {
            tail
        };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// The files that can hold rows for which `predicate` (over `raw_schema`) IS TRUE, judged by partition values alone:
/// conjuncts that read any other column are ignored, and one that cannot be evaluated keeps everything.
#[must_use]
pub fn prune_partitions(table: &FileTable, files: &FileList, predicate: &Arc<dyn PhysicalExpr>) -> FileList {
    let rows: Vec<&[ScalarValue]> = files
        .files
        .iter()
        .map(|file| file.partition_values.as_slice())
        .collect();
    let keep = keep(table, &rows, predicate, Only::Partitions);
    FileList {
        files: files
            .files
            .iter()
            .zip(keep)
            .filter(|(_, keep)| *keep)
            .map(|(file, _)| file.clone())
            .collect(),
    }
}

/// The table without the declared partitions that `predicate` rules out, so that they are not even listed. Other tables
/// come back unchanged.
///
/// # Errors
/// `PARTITION_MISMATCH` if a value does not have the type of its column.
pub fn prune_declared(table: &FileTable, predicate: &Arc<dyn PhysicalExpr>) -> Result<FileTable> {
    let PartitionSource::Declared(partitions) = &table.partitions else {
        return Ok(table.clone());
    };
    let rows = partitions
        .iter()
        .map(|(values, _)| declared_values(&table.partition_columns, values))
        .collect::<Result<Vec<Vec<ScalarValue>>>>()?;
    let rows: Vec<&[ScalarValue]> = rows.iter().map(Vec::as_slice).collect();
    let keep = keep(table, &rows, predicate, Only::Partitions);
    let left = partitions
        .iter()
        .zip(keep)
        .filter(|(_, keep)| *keep)
        .map(|(partition, _)| partition.clone())
        .collect();
    Ok(FileTable {
        partitions: PartitionSource::Declared(left),
        ..table.clone()
    })
}

/// Which conjuncts are looked at?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Only {
    /// Those over partition columns.
    Partitions,
    /// Those over this partition column alone.
    Column(usize),
}

/// The partition columns about which alone the predicate says something.
pub(super) fn conditioned(table: &FileTable, predicate: &Arc<dyn PhysicalExpr>) -> BTreeSet<usize> {
    let first = raw_file_schema(table).fields().len();
    let alone = split_conjunction(predicate).into_iter().filter_map(|conjunct| {
        let mut columns: Vec<usize> = collect_columns(conjunct).iter().map(Column::index).collect();
        columns.dedup();
        match columns.as_slice() {
            [only] => only.checked_sub(first),
            _ => None,
        }
    });
    alone.collect()
}

/// May rows be asked for that have this value in the partition column?
pub(super) fn keeps(table: &FileTable, place: usize, value: &ScalarValue, predicate: &Arc<dyn PhysicalExpr>) -> bool {
    let nulls = table
        .partition_columns
        .iter()
        .map(|column| ScalarValue::try_from(column.data_type()));
    let Ok(mut row) = nulls.collect::<datafusion::common::Result<Vec<ScalarValue>>>() else {
        return true;
    };
    if let Some(cell) = row.get_mut(place) {
        *cell = value.clone();
    }
    keep(table, &[&row], predicate, Only::Column(place))
        .first()
        .copied()
        .unwrap_or(true)
}

/// Which rows of partition values can the predicate match?
fn keep(table: &FileTable, rows: &[&[ScalarValue]], predicate: &Arc<dyn PhysicalExpr>, only: Only) -> Vec<bool> {
    match partition_batch(&table.partition_columns, rows) {
        Some(batch) if !table.partition_columns.is_empty() && !rows.is_empty() => {
            keep_rows(table, &batch, predicate, only)
        }
        _ => vec![true; rows.len()],
    }
}

/// As `keep`, for texts of values, column by column; `None` in a row: not known. All of them are kept if one does not have its type.
pub(super) fn keep_texts(
    table: &FileTable,
    columns: &[StringArray],
    predicate: &Arc<dyn PhysicalExpr>,
    only: Only,
) -> Vec<bool> {
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let rows = columns.first().map_or(0, StringArray::len);
    let typed = columns.iter().zip(&table.partition_columns).map(|(texts, column)| {
        let typed = cast_with_options(texts, column.data_type(), &strict).ok()?;
        Some((column.name().clone(), typed))
    });
    let batch = typed
        .collect::<Option<Vec<_>>>()
        .and_then(|columns| RecordBatch::try_from_iter(columns).ok());
    batch.map_or_else(|| vec![true; rows], |batch| keep_rows(table, &batch, predicate, only))
}

fn keep_rows(table: &FileTable, batch: &RecordBatch, predicate: &Arc<dyn PhysicalExpr>, only: Only) -> Vec<bool> {
    let mut keep = vec![true; batch.num_rows()];
    let first = raw_file_schema(table).fields().len();
    for conjunct in split_conjunction(predicate) {
        if let Only::Column(place) = only
            && collect_columns(conjunct)
                .iter()
                .any(|column| column.index() != first + place)
        {
            continue;
        }
        let Some(outcome) = over_partitions(conjunct, first).and_then(|conjunct| evaluate(&conjunct, batch)) else {
            continue;
        };
        let outcome = outcome.as_boolean();
        for (row, keep) in keep.iter_mut().enumerate() {
            *keep &= outcome.is_valid(row) && outcome.value(row);
        }
    }
    keep
}

fn partition_batch(columns: &[FieldRef], rows: &[&[ScalarValue]]) -> Option<RecordBatch> {
    let arrays = (0..columns.len())
        .map(|column| {
            let values = rows
                .iter()
                .map(|row| row.get(column).cloned())
                .collect::<Option<Vec<_>>>()?;
            ScalarValue::iter_to_array(values).ok()
        })
        .collect::<Option<Vec<ArrayRef>>>()?;
    let fields: Vec<FieldRef> = columns
        .iter()
        .map(|column| Arc::new(column.as_ref().clone().with_nullable(true)))
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).ok()
}

/// The conjunct over the partition columns alone, if it reads those only.
fn over_partitions(conjunct: &Arc<dyn PhysicalExpr>, first: usize) -> Option<Arc<dyn PhysicalExpr>> {
    let columns = collect_columns(conjunct);
    if columns.is_empty() || columns.iter().any(|column| column.index() < first) {
        return None;
    }
    Arc::clone(conjunct)
        .transform(|node| match node.downcast_ref::<Column>() {
            Some(column) => Ok(Transformed::yes(
                Arc::new(Column::new(column.name(), column.index() - first)) as _,
            )),
            None => Ok(Transformed::no(node)),
        })
        .data()
        .ok()
}

fn evaluate(conjunct: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Option<ArrayRef> {
    let outcome = conjunct.evaluate(batch).ok()?.into_array(batch.num_rows()).ok()?;
    outcome.as_boolean_opt().is_some().then_some(outcome)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};

    use super::*;

    fn columns() -> Vec<FieldRef> {
        vec![
            Arc::new(Field::new("year", DataType::Int32, true)),
            Arc::new(Field::new("city", DataType::Utf8, true)),
        ]
    }

    fn values(folders: &[&str]) -> Result<Vec<ScalarValue>> {
        hive_values(
            &columns(),
            &folders.iter().map(|folder| (*folder).to_owned()).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn keys_come_in_any_order_and_case() {
        let expected = [ScalarValue::Int32(Some(2024)), ScalarValue::Utf8(Some("São/1".into()))];
        assert_eq!(values(&["City=S%C3%A3o%2F1", "YEAR=2024"]).expect("values"), expected);
        let null = values(&["year=__HIVE_DEFAULT_PARTITION__", "city=__HIVE_DEFAULT_PARTITION__"]).expect("values");
        assert_eq!(null, [ScalarValue::Int32(None), ScalarValue::Utf8(None)]);
    }

    #[test]
    fn other_keys_are_errors_that_name_the_folder() {
        for folders in [
            &["year=2024"][..],
            &["year=1", "city=a", "x=1"],
            &["year=1", "year=2"],
            &["year=1", "plain"],
        ] {
            let error = values(folders).expect_err("mismatch");
            assert_eq!(
                (error.code(), error.file()),
                ("PARTITION_MISMATCH", Some(folders.join("/").as_str()))
            );
            says_nothing(&error, folders);
        }
        let error = values(&["year=x", "city=a"]).expect_err("mistyped");
        assert_eq!(error.detail(), Some("column `year` of partition `year=x/city=a`"));
        says_nothing(&error, &["year=x", "city=a"]);
    }

    /// The folder may be one that the policy hides: whoever reads the message learns of no key, value or folder.
    fn says_nothing(error: &ConnectorError, folders: &[&str]) {
        let words = error.to_string();
        assert!(!words.contains('`') && !words.contains('='), "{words}");
        assert!(!folders.iter().any(|folder| words.contains(folder)), "{words}");
    }
}
