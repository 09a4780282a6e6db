//! How do rows of text become batches? One builder per wanted column; nested JSON is decoded a batch at a time.

use std::{collections::VecDeque, sync::Arc};

use arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchOptions, StringBuilder},
    datatypes::{DataType, Field, FieldRef, Schema, SchemaRef},
    json::ReaderBuilder,
};

use crate::error::{ConnectorError, ConnectorErrorKind, Result};

/// Bytes of one column after which a batch ends early: offsets of `Utf8` are 32 bits.
const MAX_COLUMN_BYTES: usize = 512 << 20;

/// A value of one column.
pub(super) enum Cell<'a> {
    Null,
    Text(&'a str),
    /// JSON text of a nested column.
    Json(&'a str),
}

enum Builder {
    Text(StringBuilder),
    /// One line `{"v":…}` per row.
    Json {
        field: FieldRef,
        lines: String,
    },
}

/// Rows on their way into batches.
pub(super) struct Rows {
    schema: SchemaRef,
    builders: Vec<Builder>,
    batch_size: usize,
    rows: usize,
    full: bool,
    ready: VecDeque<RecordBatch>,
    file: String,
}

impl Rows {
    pub(super) fn new(schema: SchemaRef, batch_size: usize, file: String) -> Self {
        let builders = schema.fields().iter().map(builder).collect();
        Self {
            schema,
            builders,
            batch_size,
            rows: 0,
            full: false,
            ready: VecDeque::new(),
            file,
        }
    }

    /// Sets the value of a column in the row being made; every column once per row.
    pub(super) fn cell(&mut self, column: usize, cell: &Cell<'_>) {
        let Some(builder) = self.builders.get_mut(column) else {
            return;
        };
        match (builder, cell) {
            (Builder::Text(builder), Cell::Text(text) | Cell::Json(text)) => {
                builder.append_value(text);
                self.full |= builder.values_slice().len() > MAX_COLUMN_BYTES;
            }
            (Builder::Text(builder), Cell::Null) => builder.append_null(),
            (Builder::Json { lines, .. }, Cell::Text(text) | Cell::Json(text)) => {
                lines.push_str("{\"v\":");
                lines.push_str(text);
                lines.push_str("}\n");
                self.full |= lines.len() > MAX_COLUMN_BYTES;
            }
            (Builder::Json { lines, .. }, Cell::Null) => lines.push_str("{}\n"),
        }
    }

    /// Ends the row being made.
    pub(super) fn end_row(&mut self) -> Result<()> {
        self.rows += 1;
        if self.rows >= self.batch_size || self.full {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Makes a batch of the rows so far.
    pub(super) fn flush(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        self.full = false;
        let mut columns = Vec::with_capacity(self.builders.len());
        for builder in &mut self.builders {
            columns.push(finish(builder, rows).map_err(|error| error.with_file(self.file.as_str()))?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        self.ready.push_back(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &options,
        )?);
        Ok(())
    }

    pub(super) fn take(&mut self) -> Option<RecordBatch> {
        self.ready.pop_front()
    }
}

fn builder(field: &FieldRef) -> Builder {
    if matches!(field.data_type(), DataType::Utf8) {
        return Builder::Text(StringBuilder::new());
    }
    let field = Arc::new(Field::new("v", field.data_type().clone(), true));
    Builder::Json {
        field,
        lines: String::new(),
    }
}

fn finish(builder: &mut Builder, rows: usize) -> Result<ArrayRef> {
    match builder {
        Builder::Text(builder) => Ok(Arc::new(builder.finish())),
        Builder::Json { field, lines } => {
            let lines = std::mem::take(lines);
            let schema = Arc::new(Schema::new(vec![Arc::clone(field)]));
            let mut decoder = ReaderBuilder::new(schema)
                .with_batch_size(rows.max(1))
                .with_coerce_primitive(true)
                .build_decoder()?;
            let batch = decoder
                .decode(lines.as_bytes())
                .and_then(|_| decoder.flush())
                .map_err(mismatch)?;
            let column = batch.and_then(|batch| batch.columns().first().map(Arc::clone));
            column.filter(|column| column.len() == rows).ok_or_else(|| {
                ConnectorError::new(
                    ConnectorErrorKind::Internal,
                    "a nested column lost rows while it was decoded",
                )
            })
        }
    }
}

fn mismatch(error: arrow::error::ArrowError) -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::SourceFailed,
        "a nested value does not have the declared type",
    )
    .with_code("VALUE_MISMATCH")
    .with_source(error)
}
