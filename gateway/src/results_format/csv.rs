//! Rows as CSV the way Athena writes it: everything in double quotes, LF, NULL an empty unquoted field, `""` the empty text.
//!
//! Scalars are written as in JSON without its quotes; nested values are their JSON.

use arrow::{
    array::{Array, RecordBatch},
    datatypes::Schema,
};

use super::{Encoded, Encoder, value::write_value};

pub(super) struct Csv {
    header: Vec<u8>,
    /// The JSON of one value.
    scratch: Vec<u8>,
}

impl Csv {
    pub(super) fn new(schema: &Schema) -> Self {
        let mut header = Vec::new();
        for (number, field) in schema.fields().iter().enumerate() {
            if number > 0 {
                header.push(b',');
            }
            quote(&mut header, field.name().as_bytes());
        }
        header.push(b'\n');
        Self {
            header,
            scratch: Vec::new(),
        }
    }

    fn write_field(&mut self, out: &mut Vec<u8>, column: &dyn Array, row: usize) -> Result<(), super::EncodeError> {
        self.scratch.clear();
        write_value(&mut self.scratch, column, row)?;
        match self.scratch.first() {
            // The only value that begins so is `null`.
            Some(b'n') => {}
            Some(b'"') => quote(out, serde_json::from_slice::<String>(&self.scratch)?.as_bytes()),
            _ => quote(out, &self.scratch),
        }
        Ok(())
    }
}

impl Encoder for Csv {
    fn start(&mut self) -> Encoded {
        Ok(std::mem::take(&mut self.header))
    }

    fn batch(&mut self, batch: &RecordBatch) -> Encoded {
        let mut out = Vec::with_capacity(batch.num_rows() * 32);
        for row in 0..batch.num_rows() {
            for (number, column) in batch.columns().iter().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                self.write_field(&mut out, column.as_ref(), row)?;
            }
            out.push(b'\n');
        }
        Ok(out)
    }

    fn finish(&mut self) -> Encoded {
        Ok(Vec::new())
    }
}

fn quote(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for byte in text {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}
