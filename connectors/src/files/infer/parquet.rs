//! Which columns do files have that declare them? From the headers and footers of all of them, types widened where that loses nothing.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;
use parquet::{arrow::parquet_to_arrow_schema, basic::Type as Physical, file::metadata::ParquetMetaData};

use crate::{
    error::{ConnectorError, ConnectorErrorKind, Result},
    files::{
        avro,
        location::store_url,
        metadata_cache::MetadataCache,
        orc,
        table::{FileList, FileTableDraft, Format},
        text::ambiguous,
    },
};

const CONCURRENCY: usize = 16;

pub(super) async fn infer(
    table: &FileTableDraft,
    files: &FileList,
    store: &Arc<dyn ObjectStore>,
    cache: &Arc<MetadataCache>,
) -> Result<Vec<(String, DataType)>> {
    let store_id = store_url(&table.connection)?;
    let by_file: Vec<(String, Vec<Field>)> = stream::iter(files.files.clone())
        .map(|file| {
            let store_id = &store_id;
            async move {
                let meta = &file.object_meta;
                let path = meta.location.to_string();
                let found = match table.format {
                    Format::Avro => declared(avro::columns(cache, store_id.as_str(), store, meta).await?),
                    Format::Orc => declared(orc::columns(cache, store_id.as_str(), store, meta).await?),
                    _ => {
                        let footer = cache.footer(store_id.as_str(), store, meta).await?;
                        fields(&footer.metadata)
                    }
                };
                let found = found.map_err(|error| error.with_file(path.as_str()))?;
                Ok::<_, ConnectorError>((path, found))
            }
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    let mut columns: Vec<(String, DataType)> = Vec::new();
    for (path, fields) in by_file {
        for field in fields {
            match columns.iter_mut().find(|(name, _)| name == field.name()) {
                Some((_, known)) => {
                    *known = widen(known, field.data_type()).ok_or_else(|| {
                        ConnectorError::new(
                            ConnectorErrorKind::SchemaChanged,
                            "the files of the table do not agree on a type",
                        )
                        .with_code("TYPE_MISMATCH")
                        .with_detail(format!(
                            "column `{}` is `{}`, elsewhere `{known}`",
                            field.name(),
                            field.data_type()
                        ))
                        .with_file(path.as_str())
                    })?;
                }
                None => columns.push((field.name().clone(), field.data_type().clone())),
            }
        }
    }
    Ok(columns)
}

/// Columns of a file that says their types itself, under lower-case names.
fn declared(columns: Vec<(String, DataType)>) -> Result<Vec<Field>> {
    let mut fields: Vec<Field> = Vec::new();
    for (position, (name, data_type)) in columns.iter().enumerate() {
        let lower = name.to_lowercase();
        let before = columns.iter().take(position);
        if let Some((other, _)) = before.into_iter().find(|(other, _)| other.to_lowercase() == lower) {
            return Err(ambiguous(other, name));
        }
        let data_type = normal(data_type, name)?;
        fields.push(Field::new(lower, data_type, true));
    }
    Ok(fields)
}

/// Columns of one file of Parquet under lower-case names.
fn fields(metadata: &ParquetMetaData) -> Result<Vec<Field>> {
    let descriptor = metadata.file_metadata().schema_descr();
    let schema = parquet_to_arrow_schema(descriptor, metadata.file_metadata().key_value_metadata())
        .map_err(|error| ConnectorError::unsupported("a column type of a Parquet file").with_source(error))?;
    let mut fields: Vec<Field> = Vec::new();
    for (position, field) in schema.fields().iter().enumerate() {
        let lower = field.name().to_lowercase();
        let before = schema
            .fields()
            .iter()
            .take(position)
            .find(|other| other.name().to_lowercase() == lower);
        if let Some(other) = before {
            return Err(ambiguous(other.name(), field.name()));
        }
        let int96 = (0..descriptor.num_columns()).any(|leaf| {
            let column = descriptor.column(leaf);
            column.physical_type() == Physical::INT96 && column.path().string() == *field.name()
        });
        let data_type = if int96 {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        } else {
            normal(field.data_type(), field.name())?
        };
        fields.push(Field::new(lower, data_type, true));
    }
    Ok(fields)
}

/// The type that a column of this type is declared with.
fn normal(data_type: &DataType, column: &str) -> Result<DataType> {
    let nested = |field: &Arc<Field>| -> Result<Field> {
        Ok(Field::new(
            field.name(),
            normal(field.data_type(), column)?,
            field.is_nullable(),
        ))
    };
    Ok(match data_type {
        DataType::Null | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Dictionary(_, value) => normal(value, column)?,
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Interval(_) | DataType::Duration(_) | DataType::Union(..) | DataType::RunEndEncoded(..) => {
            return Err(ConnectorError::unsupported("a column type of a file")
                .with_detail(format!("column `{column}` is `{data_type}`")));
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            DataType::List(Arc::new(nested(item)?))
        }
        DataType::Struct(members) => DataType::Struct(
            members
                .iter()
                .map(nested)
                .collect::<Result<Vec<_>>>()
                .map(Fields::from)?,
        ),
        DataType::Map(entries, sorted) => DataType::Map(Arc::new(nested(entries)?), *sorted),
        other => other.clone(),
    })
}

/// A type that holds the values of both.
fn widen(left: &DataType, right: &DataType) -> Option<DataType> {
    use DataType::{Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Timestamp};
    if left == right {
        return Some(left.clone());
    }
    let rank = |data_type: &DataType| [Int8, Int16, Int32, Int64].iter().position(|known| known == data_type);
    match (left, right) {
        (a, b) if a.is_integer() && b.is_integer() => Some(if rank(a) > rank(b) { a.clone() } else { b.clone() }),
        (a, b) if a.is_floating() && b.is_floating() => Some(Float64),
        (Int8 | Int16 | Int32, Float32 | Float64) | (Float32 | Float64, Int8 | Int16 | Int32) => Some(Float64),
        (Decimal128(p1, s1), Decimal128(p2, s2)) => decimal((*p1, *s1), (*p2, *s2)),
        (Decimal128(p, s), integer) | (integer, Decimal128(p, s)) if integer.is_integer() => decimal((*p, *s), (19, 0)),
        (Timestamp(a, zone), Timestamp(b, other)) if zone == other => Some(Timestamp(finer(*a, *b), zone.clone())),
        (Date32, Timestamp(unit, None)) | (Timestamp(unit, None), Date32) => Some(Timestamp(*unit, None)),
        _ => None,
    }
}

fn decimal((p1, s1): (u8, i8), (p2, s2): (u8, i8)) -> Option<DataType> {
    let scale = s1.max(s2);
    let whole = (i16::from(p1) - i16::from(s1)).max(i16::from(p2) - i16::from(s2));
    let precision = u8::try_from(whole + i16::from(scale)).ok()?;
    (precision <= 38).then_some(DataType::Decimal128(precision, scale))
}

fn finer(left: TimeUnit, right: TimeUnit) -> TimeUnit {
    left.max(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_widen_without_loss() {
        assert_eq!(widen(&DataType::Int32, &DataType::Int64), Some(DataType::Int64));
        assert_eq!(
            widen(&DataType::Decimal128(10, 2), &DataType::Decimal128(12, 4)),
            Some(DataType::Decimal128(12, 4))
        );
        assert_eq!(widen(&DataType::Int64, &DataType::Utf8), None);
        assert_eq!(widen(&DataType::Int64, &DataType::Float64), None);
    }
}
