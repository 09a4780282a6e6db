//! Rows as a table for people: widths from the first rows, so that any number of rows needs little memory.

use arrow::{array::RecordBatch, datatypes::Schema};

use super::cell::{row_cells, stands_right};
use crate::{
    cli::grid::{Cell, Grid, GridStyle},
    results_format::{Encoded, Encoder},
};

/// Rows that decide the widths.
const MEASURED: usize = 10_000;

pub(super) struct Table {
    grid: Grid,
    /// Rows that are not printed yet; `None` once the head is.
    measured: Option<Vec<Vec<Cell>>>,
    scratch: Vec<u8>,
}

impl Table {
    pub(super) fn new(schema: &Schema, style: GridStyle) -> Self {
        let columns = schema
            .fields()
            .iter()
            .map(|field| (field.name().clone(), stands_right(field.data_type())));
        Self {
            grid: Grid::new(style, columns),
            measured: Some(Vec::new()),
            scratch: Vec::new(),
        }
    }

    /// The head and all rows that waited for it.
    fn release(&mut self, out: &mut String) {
        if let Some(rows) = self.measured.take() {
            out.push_str(&self.grid.head());
            rows.iter().for_each(|row| out.push_str(&self.grid.row(row)));
        }
    }
}

impl Encoder for Table {
    fn start(&mut self) -> Encoded {
        Ok(Vec::new())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Encoded {
        let mut out = String::new();
        for row in 0..batch.num_rows() {
            let cells = row_cells(batch, row, &mut self.scratch)?;
            match &mut self.measured {
                Some(rows) => {
                    self.grid.measure(&cells);
                    rows.push(cells);
                    if rows.len() >= MEASURED {
                        self.release(&mut out);
                    }
                }
                None => out.push_str(&self.grid.row(&cells)),
            }
        }
        Ok(out.into_bytes())
    }

    fn finish(&mut self) -> Encoded {
        let mut out = String::new();
        self.release(&mut out);
        out.push_str(&self.grid.foot());
        Ok(out.into_bytes())
    }
}
