//! How do the rows of a statement become Arrow batches, each value checked against the type of its column? Of rows that the
//! guard hides, the columns of the guard alone.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use futures::TryStreamExt;
use sqlx::{
    AssertSqlSafe, Decode, Row, Sqlite, TypeInfo, ValueRef,
    sqlite::{SqliteRow, SqliteValueRef},
};

use super::{error::from_sqlx, open::Database, plan::Scan, statement::Literal, types::Storage};
use crate::{
    batch_stream::{self, BatchSender, MAX_BATCH_BYTES},
    call::CallContext,
    error::{ConnectorError, ConnectorErrorKind, Result},
    split::{ReadRequest, ReadStream},
    statement::{GUARDED_ROWS, RowGuard},
};

/// Reads the scan; SQLite runs on a thread of its own.
pub(super) fn read(cx: &CallContext, request: &ReadRequest) -> Result<ReadStream> {
    let scan = Arc::clone(request.split.get::<Arc<Scan>>()?);
    let rows = request.batch_rows.max(1);
    let connection = Arc::clone(&cx.connection);
    cx.counters.add_request();
    let schema = Arc::clone(&scan.schema);
    Ok(batch_stream::start(cx, schema, move |sender| async move {
        let mut database = Database::open(&connection).await?;
        run(&mut database, &scan, rows, &sender).await
    }))
}

async fn run(database: &mut Database, scan: &Scan, batch_rows: usize, sender: &BatchSender) -> Result<()> {
    // The text comes from the statement writer: identifiers are quoted, literals are bound below.
    let mut query = sqlx::query::<Sqlite>(AssertSqlSafe(scan.text.as_str())).persistent(false);
    for parameter in &scan.parameters {
        query = match parameter {
            Literal::Integer(number) => query.bind(*number),
            Literal::Text(text) => query.bind(text.clone()),
        };
    }
    let mut rows = query.fetch(&mut database.connection);
    let mut batch = Batch::new(scan);
    let mut waiting = Vec::new();
    let mut ended = false;
    while !ended {
        match rows.try_next().await.map_err(from_sqlx)? {
            Some(row) => waiting.push(row),
            None => ended = true,
        }
        if !ended && scan.row_guard.is_some() && waiting.len() < GUARDED_ROWS {
            continue;
        }
        let visible = visible(scan, &waiting)?;
        for (row, _) in waiting.drain(..).zip(visible).filter(|(_, visible)| *visible) {
            batch.append(&row)?;
            if batch.rows >= batch_rows || batch.bytes >= MAX_BATCH_BYTES {
                let (columns, rows) = batch.take();
                sender.send(columns, rows).await?;
            }
        }
    }
    if batch.rows > 0 {
        let (columns, rows) = batch.take();
        sender.send(columns, rows).await?;
    }
    Ok(())
}

/// Which rows may be decoded as a whole?
fn visible(scan: &Scan, rows: &[SqliteRow]) -> Result<Vec<bool>> {
    let Some(guard) = &scan.row_guard else {
        return Ok(vec![true; rows.len()]);
    };
    let mut sound = vec![true; rows.len()];
    let mut columns = Vec::new();
    for position in guard.positions() {
        let column = scan.columns.get(*position).ok_or_else(RowGuard::broken)?;
        let mut builder = Builder::new(column.kind.storage);
        for (row, sound) in rows.iter().zip(&mut sound) {
            let value = row.try_get_raw(*position).map_err(from_sqlx)?;
            if builder.append(value, column.kind.storage).is_err() {
                builder.append_null();
                *sound = false;
            }
        }
        columns.push(builder.finish());
    }
    guard.visible(columns, &sound)
}

/// The batch that is being filled.
struct Batch<'a> {
    scan: &'a Scan,
    builders: Vec<Builder>,
    rows: usize,
    bytes: usize,
}

enum Builder {
    Integer(Int64Builder),
    Real(Float64Builder),
    Text(StringBuilder),
    Blob(BinaryBuilder),
    Boolean(BooleanBuilder),
}

impl<'a> Batch<'a> {
    fn new(scan: &'a Scan) -> Self {
        let builders = scan
            .columns
            .iter()
            .map(|column| Builder::new(column.kind.storage))
            .collect();
        Self {
            scan,
            builders,
            rows: 0,
            bytes: 0,
        }
    }

    fn append(&mut self, row: &SqliteRow) -> Result<()> {
        for (position, (column, builder)) in self.scan.columns.iter().zip(&mut self.builders).enumerate() {
            let value = row.try_get_raw(position).map_err(from_sqlx)?;
            match builder.append(value, column.kind.storage) {
                Ok(bytes) => self.bytes += bytes,
                Err(class) => return Err(misfit(self.scan, &column.name, class, row)),
            }
        }
        self.rows += 1;
        Ok(())
    }

    fn take(&mut self) -> (Vec<ArrayRef>, usize) {
        self.bytes = 0;
        (
            self.builders.iter_mut().map(Builder::finish).collect(),
            std::mem::take(&mut self.rows),
        )
    }
}

/// A value of a storage class that its column does not have; the value itself is never told.
fn misfit(scan: &Scan, column: &str, class: &'static str, row: &SqliteRow) -> ConnectorError {
    let place = match row.try_get::<Option<i64>, _>(scan.columns.len()) {
        Ok(Some(row_id)) => format!("rowid {row_id}"),
        _ => "a row without rowid".to_owned(),
    };
    ConnectorError::new(
        ConnectorErrorKind::SourceFailed,
        "a value does not have the type of its column",
    )
    .with_detail(format!("table `{}`, column `{column}`, {place}: {class}", scan.table))
}

impl Builder {
    fn new(storage: Storage) -> Self {
        match storage {
            Storage::Integer => Self::Integer(Int64Builder::new()),
            Storage::Real => Self::Real(Float64Builder::new()),
            Storage::Text | Storage::Any => Self::Text(StringBuilder::new()),
            Storage::Blob => Self::Blob(BinaryBuilder::new()),
            Storage::Boolean => Self::Boolean(BooleanBuilder::new()),
        }
    }

    /// Adds one value and tells its bytes; the error names what was found instead.
    fn append(&mut self, value: SqliteValueRef<'_>, storage: Storage) -> Result<usize, &'static str> {
        if value.is_null() {
            self.append_null();
            return Ok(0);
        }
        let class = Class::of(&value);
        match (self, class) {
            (Self::Integer(builder), Class::Integer) => builder.append_value(decode::<i64>(value)?),
            (Self::Real(builder), Class::Real) => builder.append_value(decode::<f64>(value)?),
            (Self::Real(builder), Class::Integer) => {
                builder.append_value(exact_double(decode(value)?).ok_or("an INTEGER that no double holds")?);
            }
            (Self::Boolean(builder), Class::Integer) => builder.append_value(match decode::<i64>(value)? {
                0 => false,
                1 => true,
                _ => return Err("an INTEGER other than 0 and 1"),
            }),
            (Self::Blob(builder), Class::Blob) => {
                let bytes = decode::<&[u8]>(value)?;
                builder.append_value(bytes);
                return Ok(bytes.len());
            }
            (Self::Text(builder), Class::Text) => {
                let text = decode::<&str>(value)?;
                builder.append_value(text);
                return Ok(text.len());
            }
            (Self::Text(builder), Class::Integer) if storage == Storage::Any => {
                builder.append_value(decode::<i64>(value)?.to_string());
            }
            (Self::Text(builder), Class::Real) if storage == Storage::Any => {
                builder.append_value(format!("{:?}", decode::<f64>(value)?));
            }
            (_, class) => return Err(class.name()),
        }
        Ok(0)
    }

    fn append_null(&mut self) {
        match self {
            Self::Integer(builder) => builder.append_null(),
            Self::Real(builder) => builder.append_null(),
            Self::Text(builder) => builder.append_null(),
            Self::Blob(builder) => builder.append_null(),
            Self::Boolean(builder) => builder.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Real(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Blob(builder) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
        }
    }
}

/// Storage class of a value that is not NULL.
#[derive(Clone, Copy)]
enum Class {
    Integer,
    Real,
    Text,
    Blob,
}

impl Class {
    fn of(value: &SqliteValueRef<'_>) -> Self {
        match value.type_info().name() {
            "INTEGER" => Self::Integer,
            "REAL" => Self::Real,
            "TEXT" => Self::Text,
            _ => Self::Blob,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Integer => "an INTEGER",
            Self::Real => "a REAL",
            Self::Text => "a TEXT",
            Self::Blob => "a BLOB",
        }
    }
}

fn decode<'r, T: Decode<'r, Sqlite>>(value: SqliteValueRef<'r>) -> Result<T, &'static str> {
    T::decode(value).map_err(|_| "a TEXT that is not UTF-8")
}

/// The double that is this integer, if there is one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the way back is compared"
)]
fn exact_double(number: i64) -> Option<f64> {
    let double = number as f64;
    // 2^63 itself would come back saturated.
    (double < 9_223_372_036_854_775_808.0 && double as i64 == number).then_some(double)
}
