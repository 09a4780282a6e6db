//! How do rows of text become batches? One builder per wanted column; nothing is converted here.

use std::{collections::VecDeque, sync::Arc};

use arrow::{
    array::{ArrayRef, BinaryBuilder, RecordBatch, RecordBatchOptions, StringBuilder},
    datatypes::{DataType, FieldRef, SchemaRef},
};

use crate::error::Result;

/// Bytes of one column after which a batch ends early: offsets of `Utf8` and `Binary` are 32 bits.
const MAX_COLUMN_BYTES: usize = 512 << 20;

/// Stands for bytes that are not UTF-8 in a column whose declared type is not text: no such type has a value written so.
const NO_TEXT: &str = "\u{FFFD}";

enum Builder {
    /// Of the types that are converted from text, nested ones included.
    Text(StringBuilder),
    /// Of text and binary columns: whether the bytes are UTF-8 is asked above the policy's filter.
    Bytes(BinaryBuilder),
}

/// Rows on their way into batches.
pub(super) struct Rows {
    schema: SchemaRef,
    builders: Vec<Builder>,
    batch_size: usize,
    rows: usize,
    full: bool,
    ready: VecDeque<RecordBatch>,
}

impl Rows {
    pub(super) fn new(schema: SchemaRef, batch_size: usize) -> Self {
        let builders = schema.fields().iter().map(builder).collect();
        Self {
            schema,
            builders,
            batch_size,
            rows: 0,
            full: false,
            ready: VecDeque::new(),
        }
    }

    /// Sets the value of a column in the row being made, `None` for NULL; every column once per row. It cannot fail: the
    /// row may be one that the policy hides.
    pub(super) fn cell(&mut self, column: usize, value: Option<&[u8]>) {
        let bytes = match (self.builders.get_mut(column), value) {
            (None, _) => return,
            (Some(Builder::Text(builder)), None) => {
                builder.append_null();
                return;
            }
            (Some(Builder::Bytes(builder)), None) => {
                builder.append_null();
                return;
            }
            (Some(Builder::Text(builder)), Some(value)) => {
                builder.append_value(str::from_utf8(value).unwrap_or(NO_TEXT));
                builder.values_slice().len()
            }
            (Some(Builder::Bytes(builder)), Some(value)) => {
                builder.append_value(value);
                builder.values_slice().len()
            }
        };
        self.full |= bytes > MAX_COLUMN_BYTES;
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
        let columns = self.builders.iter_mut().map(finish).collect();
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
    if matches!(field.data_type(), DataType::Binary) {
        Builder::Bytes(BinaryBuilder::new())
    } else {
        Builder::Text(StringBuilder::new())
    }
}

fn finish(builder: &mut Builder) -> ArrayRef {
    match builder {
        Builder::Text(builder) => Arc::new(builder.finish()),
        Builder::Bytes(builder) => Arc::new(builder.finish()),
    }
}
