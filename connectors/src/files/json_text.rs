//! Which values do JSON texts hold? Nested columns of NDJSON come as text; the engine decodes them above the policy's
//! filter and only where they are shown, so that a value in a hidden row or cell neither fails nor shows.

use std::{ops::Range, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, StringArray, new_empty_array, new_null_array},
    compute::{concat, is_null, nullif},
    datatypes::{DataType, Field, Schema, SchemaRef},
    json::ReaderBuilder,
};
use serde_json::value::RawValue;

use crate::error::{ConnectorError, ConnectorErrorKind, Result};

/// A decoded column.
#[derive(Clone, Debug)]
pub struct DecodedJson {
    /// As many as there are texts; NULL where the text is NULL, holds nothing at the path, or does not fit.
    pub values: ArrayRef,
    /// Texts that do not fit: no JSON, no object where the path goes on, or a value of another type.
    pub misfits: usize,
}

/// The values of type `to` that stand at `path` (names of struct fields; empty: the whole value) in JSON texts. What
/// stands beside the path is not looked at.
///
/// # Errors
/// `CONNECTOR_INTERNAL` if JSON cannot be read as `to` at all; never because of a text.
pub fn decode_json_column(texts: &StringArray, path: &[String], to: &DataType) -> Result<DecodedJson> {
    let whole = path.iter().rev().fold(to.clone(), |inner, name| {
        DataType::Struct(vec![Field::new(name, inner, true)].into())
    });
    let schema = Arc::new(Schema::new(vec![Field::new("v", whole, true)]));
    let mut decoding = Decoding {
        texts,
        schema,
        parts: Vec::new(),
        misfits: 0,
    };
    decoding.rows(0..texts.len())?;
    let parts: Vec<&dyn Array> = decoding.parts.iter().map(AsRef::as_ref).collect();
    let mut values = match parts.as_slice() {
        [] => return Ok(empty(to)),
        parts => concat(parts)?,
    };
    for _ in path {
        let parent = values.as_struct_opt().ok_or_else(lost)?;
        let child = parent.columns().first().ok_or_else(lost)?;
        values = nullif(child, &is_null(parent)?)?;
    }
    Ok(DecodedJson {
        values,
        misfits: decoding.misfits,
    })
}

fn empty(to: &DataType) -> DecodedJson {
    DecodedJson {
        values: new_empty_array(to),
        misfits: 0,
    }
}

struct Decoding<'a> {
    texts: &'a StringArray,
    /// One column `v`.
    schema: SchemaRef,
    parts: Vec<ArrayRef>,
    misfits: usize,
}

impl Decoding<'_> {
    /// Halves the rows until what does not fit stands alone.
    fn rows(&mut self, rows: Range<usize>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        if let Some(column) = self.decoded(rows.clone())? {
            self.parts.push(column);
            return Ok(());
        }
        if rows.len() == 1 {
            self.misfits += 1;
            self.parts.push(new_null_array(self.schema.field(0).data_type(), 1));
            return Ok(());
        }
        let middle = rows.start + rows.len() / 2;
        self.rows(rows.start..middle)?;
        self.rows(middle..rows.end)
    }

    /// `None` if a text does not fit.
    fn decoded(&self, rows: Range<usize>) -> Result<Option<ArrayRef>> {
        let count = rows.len();
        let mut lines = String::new();
        for row in rows {
            if self.texts.is_null(row) {
                lines.push_str("{}\n");
                continue;
            }
            // One value and no more: the text must not reach out of its line.
            let Ok(text) = serde_json::from_str::<&RawValue>(self.texts.value(row)) else {
                return Ok(None);
            };
            lines.push_str("{\"v\":");
            lines.push_str(text.get());
            lines.push_str("}\n");
        }
        let mut decoder = ReaderBuilder::new(Arc::clone(&self.schema))
            .with_batch_size(count)
            .with_coerce_primitive(true)
            .build_decoder()?;
        let Ok(batch) = decoder.decode(lines.as_bytes()).and_then(|_| decoder.flush()) else {
            return Ok(None);
        };
        let column = batch.and_then(|batch| batch.columns().first().map(Arc::clone));
        column.filter(|column| column.len() == count).ok_or_else(lost).map(Some)
    }
}

fn lost() -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::Internal,
        "a nested column lost rows while it was decoded",
    )
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Int64Type;

    use super::*;

    fn address() -> DataType {
        let fields = vec![
            Field::new("street", DataType::Utf8, true),
            Field::new("zip", DataType::Int64, true),
        ];
        DataType::Struct(fields.into())
    }

    #[test]
    fn only_the_text_that_does_not_fit_is_lost() {
        let texts = StringArray::from(vec![
            Some("{\"street\":\"a\",\"zip\":1}"),
            Some("5"),
            None,
            Some("{\"zip\":\"x\"}"),
            // Would be two lines.
            Some("{}}\n{\"v\":{\"zip\":9}"),
            Some("{\"zip\":\n2}"),
        ]);
        let decoded = decode_json_column(&texts, &[], &address()).expect("decoded");
        let nulls: Vec<bool> = (0..texts.len()).map(|row| decoded.values.is_null(row)).collect();
        assert_eq!(nulls, [false, true, true, true, true, false]);
        assert_eq!(decoded.misfits, 3);
        let zips = decoded.values.as_struct().column(1).as_primitive::<Int64Type>();
        assert_eq!((zips.value(0), zips.value(5)), (1, 2));
        let none = decode_json_column(&StringArray::new_null(0), &[], &address()).expect("decoded");
        assert_eq!((none.values.len(), none.values.data_type()), (0, &address()));
    }

    #[test]
    fn what_stands_beside_the_path_is_not_looked_at() {
        let texts = StringArray::from(vec![
            Some("{\"street\":{},\"zip\":1}"),
            Some("{\"street\":\"a\"}"),
            Some("5"),
            Some("{\"zip\":[]}"),
        ]);
        let decoded = decode_json_column(&texts, &["zip".to_owned()], &DataType::Int64).expect("decoded");
        let zips: Vec<Option<i64>> = decoded.values.as_primitive::<Int64Type>().iter().collect();
        assert_eq!((zips, decoded.misfits), (vec![Some(1), None, None, None], 2));
    }
}
