//! How are rows read from an Arrow stream that arrives in pieces? A cut stream is an error, never a short result.

use std::fmt;

use arrow::{array::RecordBatch, buffer::Buffer, datatypes::SchemaRef};
use arrow_ipc::reader::StreamDecoder;
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use reqwest::Response;

use super::{ClientError, Result};

/// Rows on their way.
pub struct RowStream {
    schema: SchemaRef,
    chunks: Chunks,
}

impl fmt::Debug for RowStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowStream")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

impl RowStream {
    /// Reads up to the schema.
    ///
    /// # Errors
    /// If the body is no Arrow stream.
    pub async fn open(response: Response) -> Result<Self> {
        let body = response
            .bytes_stream()
            .map(|chunk| chunk.map_err(|error| ClientError::broken(&error)));
        Self::read(body.fuse().boxed()).await
    }

    async fn read(body: BoxStream<'static, Result<Bytes>>) -> Result<Self> {
        let mut chunks = Chunks {
            body,
            decoder: StreamDecoder::new(),
            rest: Buffer::from(Vec::<u8>::new()),
            first: None,
        };
        let batch = chunks.advance().await?;
        let schema = chunks
            .decoder
            .schema()
            .ok_or_else(|| ClientError::Broken("the result has no schema".to_owned()))?;
        chunks.first = batch;
        Ok(Self { schema, chunks })
    }

    /// Columns of the rows.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next rows; `None` after the last.
    ///
    /// # Errors
    /// If the stream was cut, or is no Arrow stream.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        match self.chunks.first.take() {
            Some(batch) => Ok(Some(batch)),
            None => self.chunks.advance().await,
        }
    }
}

struct Chunks {
    body: BoxStream<'static, Result<Bytes>>,
    decoder: StreamDecoder,
    rest: Buffer,
    first: Option<RecordBatch>,
}

impl Chunks {
    async fn advance(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self
                .decoder
                .decode(&mut self.rest)
                .map_err(|error| ClientError::broken(&error))?
            {
                return Ok(Some(batch));
            }
            match self.body.next().await.transpose()? {
                Some(bytes) => self.rest = Buffer::from(bytes),
                None if self.has_ended() => return Ok(None),
                None => return Err(ClientError::Broken("the result was cut off before its end".to_owned())),
            }
        }
    }

    /// The decoder accepts nothing behind the mark of the end; before it, one byte more is no mistake yet.
    fn has_ended(&mut self) -> bool {
        self.decoder.decode(&mut Buffer::from(vec![0_u8])).is_err()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use arrow_ipc::writer::StreamWriter;
    use futures::stream;

    use super::*;

    fn stream_bytes() -> Vec<u8> {
        let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1, 2, 3])) as _)]).unwrap();
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        writer.into_inner().unwrap()
    }

    async fn rows(bytes: &[u8], chunk: usize) -> Result<usize> {
        let chunks: Vec<_> = bytes
            .chunks(chunk)
            .map(|part| Ok(Bytes::copy_from_slice(part)))
            .collect();
        let mut stream = RowStream::read(stream::iter(chunks).boxed()).await?;
        let mut rows = 0;
        while let Some(batch) = stream.next().await? {
            rows += batch.num_rows();
        }
        Ok(rows)
    }

    #[tokio::test]
    async fn pieces_of_any_size_are_read() {
        let bytes = stream_bytes();
        for chunk in [1, 7, 64, 100_000] {
            assert_eq!(rows(&bytes, chunk).await.unwrap(), 6);
        }
    }

    #[tokio::test]
    async fn a_cut_is_an_error_wherever_it_is() {
        let bytes = stream_bytes();
        for end in 0..bytes.len() {
            assert!(rows(&bytes[..end], 64).await.is_err(), "cut at {end}");
        }
    }
}
