//! What else could lie outside of a view? Other rows and cells, of which nothing may be seen.

use rand::{Rng, rngs::StdRng};

use super::{
    has,
    lens::{Lens, Through},
    source::Source,
    view::View,
};
use crate::fuzz::{
    cell::{Cell, Type},
    data::{Column, Table},
};

/// Changes what is outside of a view: rows and cells are changed, added and removed.
pub struct Blur<'a> {
    pub source: Source,
    pub table: &'a Table,
    pub view: &'a View,
    /// Texts of what is hidden begin with it.
    pub label: &'a str,
    /// The view over the table, which shows of it too.
    pub through: Option<(&'a Lens, &'a Through)>,
}

impl Blur<'_> {
    /// Another table that shows the same.
    pub fn apply(&self, rng: &mut StdRng) -> Table {
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        for row in &self.table.rows {
            if self.seen(row).is_some() {
                rows.push(self.cells(rng, row));
            } else if rng.random_bool(0.7) {
                rows.push(self.hidden(rng, row));
            }
        }
        for _ in 0..rng.random_range(0..8) {
            let random = self.random(rng);
            if self.seen(&random).is_none() {
                let row = self.hidden(rng, &random);
                let at = rng.random_range(0..=rows.len());
                rows.insert(at, row);
            }
        }
        Table {
            rows,
            ..self.table.clone()
        }
    }

    fn seen(&self, row: &[Cell]) -> Option<String> {
        let columns = &self.table.columns;
        let through = self.through.and_then(|(lens, through)| lens.row(through, columns, row));
        let seen = (self.view.row(columns, row), through);
        // As text: NaN is itself, and the two zeros are two.
        (seen != (None, None)).then(|| format!("{seen:?}"))
    }

    fn value(&self, rng: &mut StdRng, at: usize) -> Cell {
        let column: &Column = &self.table.columns[at];
        if column.data_type == Type::Varchar && rng.random_bool(0.6) {
            return Cell::Text(format!("{}{}", self.label, rng.random_range(0..9)));
        }
        let plain = self.table.csv || self.table.partitioned;
        Table::cell(rng, column, plain)
    }

    fn random(&self, rng: &mut StdRng) -> Vec<Cell> {
        (0..self.table.columns.len()).map(|at| self.value(rng, at)).collect()
    }

    /// A row that is seen, with other values where they are not.
    fn cells(&self, rng: &mut StdRng, row: &[Cell]) -> Vec<Cell> {
        let seen = self.seen(row);
        let mut changed = row.to_vec();
        for at in 0..row.len() {
            if rng.random_bool(0.8) {
                let before = std::mem::replace(&mut changed[at], self.value(rng, at));
                if self.seen(&changed) != seen {
                    changed[at] = before;
                }
            }
        }
        changed
    }

    /// Another row that is not seen.
    fn hidden(&self, rng: &mut StdRng, row: &[Cell]) -> Vec<Cell> {
        let mut changed = row.to_vec();
        for at in 0..row.len() {
            let before = std::mem::replace(&mut changed[at], self.value(rng, at));
            if self.seen(&changed).is_some() {
                changed[at] = before;
            }
        }
        // What has no value of its type must not matter where nobody sees it, and never makes a row seen.
        if self
            .through
            .is_some_and(|(lens, through)| lens.read(through, &self.table.columns, &changed).is_some())
        {
            return changed;
        }
        let written = row.len() - usize::from(self.table.partitioned);
        for (cell, column) in changed.iter_mut().zip(&self.table.columns).take(written) {
            if has("broken")
                && self.source == Source::Files
                && self.table.csv
                && column.data_type != Type::Varchar
                && rng.random_bool(0.1)
            {
                *cell = Cell::Text(format!("{}{}", self.label, rng.random_range(0..9)));
            }
        }
        changed
    }
}
