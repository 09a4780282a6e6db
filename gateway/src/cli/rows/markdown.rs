//! Rows as a Markdown table, to paste into a ticket.

use arrow::{array::RecordBatch, datatypes::Schema};

use super::cell::{row_cells, stands_right};
use crate::{
    cli::grid::printable,
    results_format::{Encoded, Encoder},
};

pub(super) struct Markdown {
    header: String,
    scratch: Vec<u8>,
}

impl Markdown {
    pub(super) fn new(schema: &Schema) -> Self {
        let names: Vec<String> = schema.fields().iter().map(|field| escape(field.name())).collect();
        let rules: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| if stands_right(field.data_type()) { "--:" } else { "---" })
            .collect();
        Self {
            header: format!("| {} |\n|{}|\n", names.join(" | "), rules.join("|")),
            scratch: Vec::new(),
        }
    }
}

impl Encoder for Markdown {
    fn start(&mut self) -> Encoded {
        Ok(std::mem::take(&mut self.header).into_bytes())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Encoded {
        let mut out = String::new();
        for row in 0..batch.num_rows() {
            let cells = row_cells(batch, row, &mut self.scratch)?;
            let cells: Vec<String> = cells
                .iter()
                .map(|cell| cell.as_deref().map_or("*NULL*".to_owned(), escape))
                .collect();
            out.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        Ok(out.into_bytes())
    }

    fn finish(&mut self) -> Encoded {
        Ok(Vec::new())
    }
}

fn escape(text: &str) -> String {
    printable(text).replace('|', "\\|")
}
