//! Rows as a Parquet file, a second column `id` as `id_1`. Its footer, the last bytes, says that all are there.
//!
//! Parquet has no interval of months, days and nanoseconds: such a column is written as text, in the ISO 8601 form of the text formats.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};

use super::{EncodeError, Encoded, Encoder, distinct_names::distinct_schema, shared::SharedBuffer, value};

/// A row group is written out when it has so many bytes, so that a large result does not gather in memory.
const GROUP_BYTES: usize = 16 * 1_048_576;

pub(super) struct ParquetFile {
    /// Absent after the end.
    writer: Option<ArrowWriter<SharedBuffer>>,
    buffer: SharedBuffer,
    /// As written: names are distinct, intervals are text.
    schema: SchemaRef,
}

impl ParquetFile {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, EncodeError> {
        let buffer = SharedBuffer::default();
        let properties = WriterProperties::builder()
            .set_created_by(format!("lakegate {}", env!("CARGO_PKG_VERSION")))
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let schema = written(&distinct_schema(schema));
        let writer = ArrowWriter::try_new(buffer.clone(), SchemaRef::clone(&schema), Some(properties))?;
        Ok(Self {
            writer: Some(writer),
            buffer,
            schema,
        })
    }
}

/// The first column that cannot be written: one with an interval inside a struct, list or map.
pub(super) fn unwritable(schema: &SchemaRef) -> Option<&str> {
    let field = schema
        .fields()
        .iter()
        .find(|field| !matches!(field.data_type(), DataType::Interval(_)) && holds_interval(field.data_type()))?;
    Some(field.name())
}

fn holds_interval(kind: &DataType) -> bool {
    match kind {
        DataType::Interval(_) => true,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => holds_interval(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_interval(field.data_type())),
        DataType::Dictionary(_, value) => holds_interval(value),
        _ => false,
    }
}

fn written(schema: &SchemaRef) -> SchemaRef {
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Interval(_) => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)),
        _ => Arc::clone(field),
    };
    let fields: Vec<Arc<Field>> = schema.fields().iter().map(field).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

fn without_intervals(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, EncodeError> {
    let column = |array: &ArrayRef| match array.data_type() {
        DataType::Interval(unit) => {
            let text = |row| array.is_valid(row).then(|| value::interval(array, row, *unit));
            Arc::new((0..array.len()).map(text).collect::<StringArray>()) as ArrayRef
        }
        _ => ArrayRef::clone(array),
    };
    let columns = batch.columns().iter().map(column).collect();
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        SchemaRef::clone(schema),
        columns,
        &options,
    )?)
}

impl Encoder for ParquetFile {
    fn start(&mut self) -> Encoded {
        Ok(self.buffer.take())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Encoded {
        if let Some(writer) = &mut self.writer {
            writer.write(&without_intervals(batch, &self.schema)?)?;
            if writer.in_progress_size() >= GROUP_BYTES {
                writer.flush()?;
            }
        }
        Ok(self.buffer.take())
    }

    fn finish(&mut self) -> Encoded {
        if let Some(writer) = self.writer.take() {
            writer.close()?;
        }
        Ok(self.buffer.take())
    }
}
