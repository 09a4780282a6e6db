//! Rows as one line per value, for rows that are wider than a screen.

use arrow::{array::RecordBatch, datatypes::Schema};
use unicode_width::UnicodeWidthStr;

use super::cell::row_cells;
use crate::{
    cli::grid::printable,
    results_format::{Encoded, Encoder},
};

pub(super) struct Vertical {
    names: Vec<String>,
    row: u64,
    scratch: Vec<u8>,
}

impl Vertical {
    pub(super) fn new(schema: &Schema) -> Self {
        let names: Vec<String> = schema.fields().iter().map(|field| printable(field.name())).collect();
        let width = names.iter().map(|name| name.width()).max().unwrap_or(0);
        let padded = names.into_iter().map(|name| {
            let space = " ".repeat(width.saturating_sub(name.width()));
            name + &space
        });
        Self {
            names: padded.collect(),
            row: 0,
            scratch: Vec::new(),
        }
    }
}

impl Encoder for Vertical {
    fn start(&mut self) -> Encoded {
        Ok(Vec::new())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Encoded {
        let mut out = String::new();
        for row in 0..batch.num_rows() {
            self.row += 1;
            out.push_str(&format!("─ row {}\n", self.row));
            for (name, cell) in self.names.iter().zip(row_cells(batch, row, &mut self.scratch)?) {
                let text = cell.as_deref().map_or("NULL".to_owned(), printable);
                out.push_str(format!("{name} | {text}").trim_end());
                out.push('\n');
            }
        }
        Ok(out.into_bytes())
    }

    fn finish(&mut self) -> Encoded {
        Ok(Vec::new())
    }
}
