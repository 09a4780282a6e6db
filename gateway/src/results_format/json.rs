//! Rows as one JSON object: columns with their types, rows as arrays, and the cursor of the next page.

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use lakegate_openapi::query_result::ResultColumn;
use lakegate_query::type_name::type_text;

use super::{Encoded, Encoder, value::write_value};

pub(super) struct Json {
    schema: SchemaRef,
    next_cursor: Option<String>,
    first: bool,
}

impl Json {
    pub(super) fn new(schema: &SchemaRef, next_cursor: Option<String>) -> Self {
        Self {
            schema: SchemaRef::clone(schema),
            next_cursor,
            first: true,
        }
    }
}

impl Encoder for Json {
    fn start(&mut self) -> Encoded {
        let columns: Vec<ResultColumn> = self
            .schema
            .fields()
            .iter()
            .map(|field| ResultColumn {
                name: field.name().clone(),
                type_text: type_text(field.data_type()),
                nullable: field.is_nullable(),
            })
            .collect();
        Ok(format!("{{\"columns\":{},\"rows\":[", serde_json::to_string(&columns)?).into_bytes())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Encoded {
        let mut out = Vec::with_capacity(batch.num_rows() * 32);
        for row in 0..batch.num_rows() {
            if !std::mem::take(&mut self.first) {
                out.push(b',');
            }
            out.push(b'[');
            for (number, column) in batch.columns().iter().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                write_value(&mut out, column.as_ref(), row)?;
            }
            out.push(b']');
        }
        Ok(out)
    }

    fn finish(&mut self) -> Encoded {
        let cursor = match self.next_cursor.take() {
            Some(cursor) => format!(",\"next_cursor\":{}", serde_json::to_string(&cursor)?),
            None => String::new(),
        };
        Ok(format!("]{cursor}}}\n").into_bytes())
    }
}
