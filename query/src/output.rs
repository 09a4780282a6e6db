//! Which Arrow types leave the engine? Plain ones: no views, no dictionaries, no run-end encoding.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::timezone::Tz,
        compute::cast,
        datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef},
        record_batch::{RecordBatch, RecordBatchOptions},
    },
    common::Result,
    execution::SendableRecordBatchStream,
    physical_plan::stream::RecordBatchStreamAdapter,
};
use futures::StreamExt;

/// Gives a stream plain types, and drops field metadata.
#[must_use]
pub fn plain(stream: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let source = stream.schema();
    let target = plain_schema(&source);
    if target.fields() == source.fields() && source.metadata().is_empty() {
        return stream;
    }
    let schema = SchemaRef::clone(&target);
    let batches = stream.map(move |batch| batch.and_then(|batch| plain_batch(&batch, &schema)));
    Box::pin(RecordBatchStreamAdapter::new(target, batches))
}

/// The schema with plain types.
#[must_use]
pub fn plain_schema(schema: &Schema) -> SchemaRef {
    Arc::new(Schema::new(plain_fields(schema.fields())))
}

/// The batch in the types of a schema that differ from its own only in how values are laid out.
pub(crate) fn plain_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| {
            if column.data_type() == field.data_type() {
                Ok(Arc::clone(column))
            } else {
                cast(column, field.data_type())
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        SchemaRef::clone(schema),
        columns,
        &options,
    )?)
}

fn plain_fields(fields: &Fields) -> Fields {
    fields.iter().map(plain_field).collect()
}

fn plain_field(field: &FieldRef) -> FieldRef {
    Arc::new(Field::new(
        field.name(),
        plain_type(field.data_type()),
        field.is_nullable(),
    ))
}

/// A type without views, dictionaries and run-end encoding.
pub(crate) fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Dictionary(_, value) => plain_type(value),
        DataType::RunEndEncoded(_, value) => plain_type(value.data_type()),
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) | DataType::LargeListView(item) => {
            DataType::List(plain_field(item))
        }
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(plain_field(item), *size),
        DataType::Struct(fields) => DataType::Struct(plain_fields(fields)),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries), *sorted),
        other => other.clone(),
    }
}

/// A time zone in the types of a schema that is none: no moment can be shown in it.
#[must_use]
pub(crate) fn unknown_zone(schema: &Schema) -> Option<&str> {
    schema.fields().iter().find_map(|field| zone_within(field.data_type()))
}

fn zone_within(data_type: &DataType) -> Option<&str> {
    match data_type {
        DataType::Timestamp(_, Some(zone)) => zone.parse::<Tz>().is_err().then_some(zone),
        DataType::Dictionary(_, value) => zone_within(value),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => zone_within(item.data_type()),
        DataType::Struct(fields) => fields.iter().find_map(|field| zone_within(field.data_type())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, AsArray, StringViewArray};

    use super::*;

    #[test]
    fn views_become_plain() {
        let views = Arc::new(StringViewArray::from(vec![Some("a long enough text"), None])) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("x", views)]).unwrap();
        let schema = plain_schema(&batch.schema());
        assert_eq!(schema.field(0).data_type(), &DataType::Utf8);
        let plain = plain_batch(&batch, &schema).unwrap();
        assert_eq!(plain.column(0).as_string::<i32>().value(0), "a long enough text");
    }
}
