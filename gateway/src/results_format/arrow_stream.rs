//! Rows as an Arrow IPC stream, uncompressed so that every Arrow library reads it. Its end marker says that all are there.

use arrow::{array::RecordBatch, datatypes::Schema};
use arrow_ipc::writer::StreamWriter;

use super::{EncodeError, Encoded, Encoder, shared::SharedBuffer};

pub(super) struct ArrowStream {
    writer: StreamWriter<SharedBuffer>,
    buffer: SharedBuffer,
}

impl ArrowStream {
    pub(super) fn new(schema: &Schema) -> Result<Self, EncodeError> {
        let buffer = SharedBuffer::default();
        Ok(Self {
            writer: StreamWriter::try_new(buffer.clone(), schema)?,
            buffer,
        })
    }
}

impl Encoder for ArrowStream {
    fn start(&mut self) -> Encoded {
        Ok(self.buffer.take())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Encoded {
        self.writer.write(batch)?;
        Ok(self.buffer.take())
    }

    fn finish(&mut self) -> Encoded {
        self.writer.finish()?;
        Ok(self.buffer.take())
    }
}
