//! How do schemas and batches travel? As Arrow IPC messages, never compressed, and never believed when they arrive.
//!
//! Lengths and places are checked before anything is read or allocated; a decoder that panics all the same is an error.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, RecordBatch},
    buffer::Buffer,
    datatypes::{Field, Schema, SchemaRef},
    ipc::{
        convert::fb_to_schema,
        reader::read_record_batch,
        root_as_message,
        writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions},
    },
};
use bytes::Bytes;

use super::{grpc::broken, message::Array};
use crate::error::{ConnectorError, Result};

/// Rows of one array of literals, at most.
const MAX_LITERALS: usize = 4 << 20;

/// A schema as an IPC message.
pub(super) fn schema_bytes(schema: &Schema) -> Bytes {
    let mut dictionaries = DictionaryTracker::new(false);
    IpcDataGenerator::default()
        .schema_to_bytes_with_dictionary_tracker(schema, &mut dictionaries, &IpcWriteOptions::default())
        .ipc_message
        .into()
}

/// The schema of such a message.
///
/// # Errors
/// `CONNECTOR_PROTOCOL`.
pub(super) fn schema(bytes: &[u8]) -> Result<SchemaRef> {
    let read = || {
        let message = root_as_message(bytes).ok()?;
        Some(Arc::new(fb_to_schema(message.header_as_schema()?)))
    };
    caught(read)?.ok_or_else(broken)
}

/// Header and body of a batch.
///
/// # Errors
/// If the batch has dictionaries.
pub(super) fn batch_bytes(batch: &RecordBatch) -> Result<(Bytes, Bytes)> {
    let mut dictionaries = DictionaryTracker::new(true);
    let (first, batch) = IpcDataGenerator::default().encode(
        batch,
        &mut dictionaries,
        &IpcWriteOptions::default(),
        &mut IpcWriteContext::default(),
    )?;
    if !first.is_empty() {
        return Err(ConnectorError::unsupported("a dictionary does not travel"));
    }
    Ok((batch.ipc_message.into(), batch.arrow_data.into()))
}

/// The batch of these bytes, of exactly this schema and of at most that many rows.
///
/// # Errors
/// `CONNECTOR_PROTOCOL`.
pub(super) fn batch(header: &[u8], body: &Bytes, schema: &SchemaRef, max_rows: usize) -> Result<RecordBatch> {
    let read = || {
        let message = root_as_message(header).map_err(|error| broken().with_source(error.to_string()))?;
        let found = message.header_as_record_batch().ok_or_else(broken)?;
        let fits = found.compression().is_none() && is_sound(&found, body.len(), max_rows);
        if !fits {
            return Err(broken());
        }
        let body = Buffer::from(body.clone());
        let batch = read_record_batch(
            &body,
            found,
            Arc::clone(schema),
            &HashMap::new(),
            None,
            &message.version(),
        )?;
        if batch.num_rows() > max_rows {
            return Err(broken());
        }
        Ok(batch)
    };
    caught(read)?.map_err(|error| broken().with_source(error))
}

/// Do all lengths and places lie where they can?
fn is_sound(batch: &arrow::ipc::RecordBatch<'_>, body: usize, max_rows: usize) -> bool {
    let rows = usize::try_from(batch.length()).is_ok_and(|rows| rows <= max_rows);
    let nodes = batch.nodes().is_none_or(|nodes| {
        nodes.iter().all(|node| {
            let length = usize::try_from(node.length());
            let nulls = usize::try_from(node.null_count());
            // An element has at least a bit, or is in a list whose offsets are in the body.
            matches!((length, nulls), (Ok(length), Ok(nulls)) if nulls <= length && length <= max_rows.max(body.saturating_mul(8)))
        })
    });
    let buffers = batch.buffers().is_none_or(|buffers| {
        buffers.iter().all(|buffer| {
            let (offset, length) = (usize::try_from(buffer.offset()), usize::try_from(buffer.length()));
            matches!((offset, length), (Ok(offset), Ok(length)) if offset.checked_add(length).is_some_and(|end| end <= body))
        })
    });
    let all = batch.buffers().map_or(0, |buffers| buffers.len());
    let variadic = batch.variadicBufferCounts().is_none_or(|counts| {
        counts
            .iter()
            .all(|count| usize::try_from(count).is_ok_and(|count| count <= all))
    });
    rows && nodes && buffers && variadic
}

/// An array as it travels.
pub(super) fn array_message(array: &ArrayRef) -> Result<Array> {
    let field = Field::new("", array.data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::clone(array)])?;
    let (header, body) = batch_bytes(&batch)?;
    Ok(Array {
        schema: schema_bytes(&schema),
        header,
        body,
    })
}

/// The array of such a message.
///
/// # Errors
/// `CONNECTOR_PROTOCOL`.
pub(super) fn array(message: &Array) -> Result<ArrayRef> {
    let schema = schema(&message.schema)?;
    if schema.fields().len() != 1 {
        return Err(broken());
    }
    let batch = batch(&message.header, &message.body, &schema, MAX_LITERALS)?;
    batch.columns().first().cloned().ok_or_else(broken)
}

/// `read`, whose panics are errors: it works on nothing but its own values.
fn caught<T>(read: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).map_err(|_| broken())
}

#[cfg(test)]
mod tests {
    use arrow::array::{BinaryArray, Int64Array, ListArray, NullArray, StringArray, StringViewArray};
    use arrow::datatypes::Int32Type;

    use super::*;
    use crate::contract::random::Random;

    fn sample() -> RecordBatch {
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
        RecordBatch::try_from_iter([
            (
                "n",
                Arc::new(Int64Array::from(vec![Some(1), None, Some(i64::MIN)])) as ArrayRef,
            ),
            ("t", Arc::new(StringArray::from(vec![Some("Zoë 🛫"), None, Some("")]))),
            (
                "v",
                Arc::new(StringViewArray::from(vec![
                    Some("longer than twelve bytes"),
                    None,
                    Some("x"),
                ])),
            ),
            (
                "b",
                Arc::new(BinaryArray::from(vec![Some(&[0, 255][..]), None, Some(&[])])),
            ),
            ("l", Arc::new(lists)),
            ("0", Arc::new(NullArray::new(3))),
        ])
        .expect("batch")
    }

    #[test]
    fn a_batch_and_its_schema_come_back() {
        let sample = sample();
        let schema = schema(&schema_bytes(&sample.schema())).expect("schema");
        assert_eq!(schema, sample.schema());
        let (header, body) = batch_bytes(&sample).expect("bytes");
        assert_eq!(batch(&header, &body, &schema, 3).expect("batch"), sample);
        assert!(batch(&header, &body, &schema, 2).is_err(), "too many rows");
        assert!(
            batch(&header, &body.slice(..body.len() - 64), &schema, 3).is_err(),
            "cut"
        );
    }

    #[test]
    fn a_compressed_batch_is_refused() {
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(arrow::ipc::CompressionType::LZ4_FRAME))
            .expect("lz4");
        let sample = sample();
        let (_, encoded) = IpcDataGenerator::default()
            .encode(
                &sample,
                &mut DictionaryTracker::new(true),
                &options,
                &mut IpcWriteContext::default(),
            )
            .expect("bytes");
        assert!(batch(&encoded.ipc_message, &encoded.arrow_data.into(), &sample.schema(), 3).is_err());
    }

    /// Flips bits of headers and bodies: whatever comes, the decoder returns, and not more rows than allowed.
    #[test]
    fn nothing_that_arrives_ends_the_process() {
        let sample = sample();
        let (header, body) = batch_bytes(&sample).expect("bytes");
        for seed in 0..4_000 {
            let mut random = Random::of(seed);
            let (mut header, mut body) = (header.to_vec(), body.to_vec());
            for _ in 0..=random.below(3) {
                let bytes = if random.below(3) > 0 { &mut header } else { &mut body };
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
            if let Ok(read) = batch(&header, &body.into(), &sample.schema(), 3) {
                assert!(read.num_rows() <= 3, "seed {seed}");
            }
            let mut bytes = schema_bytes(&sample.schema()).to_vec();
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
            schema(&bytes).ok();
        }
    }
}
