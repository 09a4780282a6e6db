//! Rows between tabs, as PostgreSQL's COPY writes them: NULL is `\N`, tabs, line ends and backslashes are escaped.

use arrow::{array::RecordBatch, datatypes::Schema};

use super::cell::row_cells;
use crate::results_format::{Encoded, Encoder};

pub(super) struct Tsv {
    header: String,
    scratch: Vec<u8>,
}

impl Tsv {
    pub(super) fn new(schema: &Schema) -> Self {
        let names: Vec<String> = schema.fields().iter().map(|field| escape(field.name())).collect();
        Self {
            header: names.join("\t") + "\n",
            scratch: Vec::new(),
        }
    }
}

impl Encoder for Tsv {
    fn start(&mut self) -> Encoded {
        Ok(std::mem::take(&mut self.header).into_bytes())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Encoded {
        let mut out = String::new();
        for row in 0..batch.num_rows() {
            let cells = row_cells(batch, row, &mut self.scratch)?;
            let cells: Vec<String> = cells
                .iter()
                .map(|cell| cell.as_deref().map_or("\\N".to_owned(), escape))
                .collect();
            out.push_str(&cells.join("\t"));
            out.push('\n');
        }
        Ok(out.into_bytes())
    }

    fn finish(&mut self) -> Encoded {
        Ok(Vec::new())
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('\t', "\\t")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
}
