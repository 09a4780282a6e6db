//! Rows as lines, each a JSON object by column name (`id_1` for a second `id`). Nothing marks the end but the end of the body.

use arrow::{array::RecordBatch, datatypes::Schema};

use super::{Encoded, Encoder, distinct_names::distinct_names, value::write_value};

pub(super) struct Ndjson {
    /// `"name":` of each column.
    keys: Vec<Vec<u8>>,
}

impl Ndjson {
    pub(super) fn new(schema: &Schema) -> Self {
        let key = |name: &str| format!("{}:", serde_json::Value::from(name)).into_bytes();
        Self {
            keys: distinct_names(schema).iter().map(|name| key(name)).collect(),
        }
    }
}

impl Encoder for Ndjson {
    fn start(&mut self) -> Encoded {
        Ok(Vec::new())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Encoded {
        let mut out = Vec::with_capacity(batch.num_rows() * 64);
        for row in 0..batch.num_rows() {
            out.push(b'{');
            for (number, (key, column)) in self.keys.iter().zip(batch.columns()).enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(key);
                write_value(&mut out, column.as_ref(), row)?;
            }
            out.extend_from_slice(b"}\n");
        }
        Ok(out)
    }

    fn finish(&mut self) -> Encoded {
        Ok(Vec::new())
    }
}
