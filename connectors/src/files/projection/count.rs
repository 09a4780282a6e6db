//! How are partitions counted out? Column by column, what the conditions on it leave, then all rows of these values.

use std::sync::Arc;

use arrow::{
    array::StringArray,
    datatypes::{DataType, FieldRef},
};
use chrono::{NaiveDateTime, Utc};
use datafusion::physical_expr::PhysicalExpr;

use super::{
    Projection,
    rule::{Candidate, Rule},
};
use crate::{
    error::{ConnectorError, ConnectorErrorKind, Result},
    files::{
        partition::{Only, conditioned, keep_texts},
        table::{FileTable, PartitionSource},
    },
};

/// Partitions that one statement may read.
const MAX_PARTITIONS: usize = 1_000_000;

/// Values of one column, or rows of values, that are looked at.
const MAX_CANDIDATES: usize = 4_000_000;

/// Values that are looked at together.
const CHUNK: usize = 4_096;

/// Code of an error that a column has no values but those of the statement, and the statement names none. Its detail is the column.
pub const INJECTED: &str = "INJECTED_VALUE_MISSING";

/// What a folder is called, and the value that it stands for.
type Named = (String, String);

/// The table with the partitions for which `predicate` (over `raw_schema`) may be true, declared; other tables come back unchanged.
/// `asked` gives the values that the statement names for a column.
///
/// # Errors
/// `INJECTED_VALUE_MISSING`; `SOURCE_LIMIT_EXCEEDED` for more than a million partitions; `SOURCE_ACCESS_DENIED` for a template that
/// leads elsewhere. (Values that do not have the type of their column are told by the listing.)
pub fn project(
    table: &FileTable,
    predicate: Option<&Arc<dyn PhysicalExpr>>,
    asked: &dyn Fn(&str) -> Option<Vec<String>>,
) -> Result<FileTable> {
    let PartitionSource::Projected(projection) = &table.partitions else {
        return Ok(table.clone());
    };
    // One moment for all columns of a statement's table.
    let now = Utc::now().naive_utc();
    let mut values: Vec<Vec<Named>> = Vec::new();
    for (place, (column, rule)) in table.partition_columns.iter().zip(&projection.rules).enumerate() {
        values.push(match rule {
            Rule::Injected => injected(column, asked)?,
            rule if rule.is_beyond(MAX_CANDIDATES) => return Err(too_many()),
            rule => left(table, place, &mut rule.candidates(now), predicate)?,
        });
    }
    let partitions = rows(table, projection, &values, predicate)?;
    Ok(FileTable {
        partitions: PartitionSource::Declared(partitions),
        ..table.clone()
    })
}

fn too_many() -> ConnectorError {
    let words = "the rules of a table name too many partitions: narrow its partition columns in WHERE";
    ConnectorError::new(ConnectorErrorKind::LimitExceeded, words)
}

/// Values that the statement asks for; what cannot be the name of one folder is none.
fn injected(column: &FieldRef, asked: &dyn Fn(&str) -> Option<Vec<String>>) -> Result<Vec<Named>> {
    let Some(values) = asked(column.name()) else {
        let kind = ConnectorErrorKind::InvalidRequest;
        return Err(ConnectorError::new(kind, "a partition column needs `=` or IN in WHERE")
            .with_code(INJECTED)
            .with_detail(column.name().as_str()));
    };
    let mut values: Vec<String> = values.into_iter().filter(|value| is_folder(value)).collect();
    values.sort_unstable();
    values.dedup();
    Ok(values.into_iter().map(|value| (value.clone(), value)).collect())
}

/// What people ask for names one folder, and never leads elsewhere.
fn is_folder(value: &str) -> bool {
    let odd = |letter: char| letter.is_control() || matches!(letter, '/' | '\\' | '%' | '$' | '{' | '}');
    !value.is_empty() && !value.chars().all(|letter| letter == '.') && !value.contains(odd)
}

/// Folder and value of the candidates that the conditions on this column alone leave.
fn left(
    table: &FileTable,
    place: usize,
    candidates: &mut impl Iterator<Item = Candidate>,
    predicate: Option<&Arc<dyn PhysicalExpr>>,
) -> Result<Vec<Named>> {
    let column = table.partition_columns.get(place).ok_or_else(too_many)?;
    let predicate = predicate.filter(|predicate| conditioned(table, predicate).contains(&place));
    let (mut left, mut seen) = (Vec::new(), 0);
    loop {
        let chunk: Vec<Named> = candidates
            .by_ref()
            .take(CHUNK)
            .map(|candidate| named(column, candidate))
            .collect();
        if chunk.is_empty() {
            return Ok(left);
        }
        seen += chunk.len();
        match predicate {
            None => left.extend(chunk),
            Some(predicate) => {
                let values: StringArray = chunk.iter().map(|(_, value)| Some(value)).collect();
                let mut columns = vec![StringArray::new_null(chunk.len()); table.partition_columns.len()];
                if let Some(column) = columns.get_mut(place) {
                    *column = values;
                }
                let keep = keep_texts(table, &columns, predicate, Only::Column(place));
                left.extend(
                    chunk
                        .into_iter()
                        .zip(keep)
                        .filter(|(_, keep)| *keep)
                        .map(|(value, _)| value),
                );
            }
        }
        if left.len() > MAX_PARTITIONS || seen > MAX_CANDIDATES {
            return Err(too_many());
        }
    }
}

/// The partitions of all combinations that the conditions leave.
fn rows(
    table: &FileTable,
    projection: &Projection,
    values: &[Vec<Named>],
    predicate: Option<&Arc<dyn PhysicalExpr>>,
) -> Result<Vec<(Vec<Option<String>>, String)>> {
    let most = if predicate.is_some() {
        MAX_CANDIDATES
    } else {
        MAX_PARTITIONS
    };
    let count = values
        .iter()
        .try_fold(1_usize, |count, values| count.checked_mul(values.len()));
    let count = count.filter(|count| *count <= most).ok_or_else(too_many)?;
    let mut partitions = Vec::new();
    for start in (0..count).step_by(CHUNK) {
        let chunk: Vec<Vec<&Named>> = (start..count.min(start + CHUNK))
            .map(|number| combination(values, number))
            .collect();
        let keep = match predicate {
            None => vec![true; chunk.len()],
            Some(predicate) => {
                let texts = |at: usize| chunk.iter().map(|row| row.get(at).map(|(_, value)| value)).collect();
                let columns: Vec<StringArray> = (0..values.len()).map(texts).collect();
                keep_texts(table, &columns, predicate, Only::Partitions)
            }
        };
        for (row, _) in chunk.iter().zip(keep).filter(|(_, keep)| *keep) {
            let names: Vec<&str> = row.iter().map(|(name, _)| name.as_str()).collect();
            if projection.is_hidden(table, &names) {
                continue;
            }
            let typed = row.iter().map(|(_, value)| Some(value.clone())).collect();
            partitions.push((typed, projection.location(table, &names)?));
        }
        if partitions.len() > MAX_PARTITIONS {
            return Err(too_many());
        }
    }
    Ok(partitions)
}

/// The row of this number: the last column counts fastest.
fn combination(values: &[Vec<Named>], number: usize) -> Vec<&Named> {
    let mut rest = number;
    let mut row: Vec<&Named> = Vec::with_capacity(values.len());
    for values in values.iter().rev() {
        row.extend(values.get(rest % values.len().max(1)));
        rest /= values.len().max(1);
    }
    row.reverse();
    row
}

/// Columns of a date or moment have the value itself, others the text of the folder.
fn named(column: &FieldRef, (name, moment): (String, Option<NaiveDateTime>)) -> Named {
    let value = match (moment, column.data_type()) {
        (Some(moment), DataType::Date32 | DataType::Date64) => moment.format("%Y-%m-%d").to_string(),
        (Some(moment), DataType::Timestamp(..)) => moment.format("%Y-%m-%d %H:%M:%S").to_string(),
        _ => name.clone(),
    };
    (name, value)
}
