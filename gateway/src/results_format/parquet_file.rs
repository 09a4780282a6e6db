//! Rows as a Parquet file, a second column `id` as `id_1`. Its footer, the last bytes, says that all are there.

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};

use super::{EncodeError, Encoded, Encoder, distinct_names::distinct_schema, shared::SharedBuffer};

/// A row group is written out when it has so many bytes, so that a large result does not gather in memory.
const GROUP_BYTES: usize = 16 * 1_048_576;

pub(super) struct ParquetFile {
    /// Absent after the end.
    writer: Option<ArrowWriter<SharedBuffer>>,
    buffer: SharedBuffer,
    schema: SchemaRef,
}

impl ParquetFile {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, EncodeError> {
        let buffer = SharedBuffer::default();
        let properties = WriterProperties::builder()
            .set_created_by(format!("lakegate {}", env!("CARGO_PKG_VERSION")))
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let schema = distinct_schema(schema);
        let writer = ArrowWriter::try_new(buffer.clone(), SchemaRef::clone(&schema), Some(properties))?;
        Ok(Self {
            writer: Some(writer),
            buffer,
            schema,
        })
    }
}

impl Encoder for ParquetFile {
    fn start(&mut self) -> Encoded {
        Ok(self.buffer.take())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Encoded {
        if let Some(writer) = &mut self.writer {
            writer.write(&batch.clone().with_schema(SchemaRef::clone(&self.schema))?)?;
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
