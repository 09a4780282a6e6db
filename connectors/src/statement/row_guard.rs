//! Which of the rows that a source sent may be decoded? Those on which the guard holds, judged by its own columns first.
//!
//! A source need not evaluate a guard exactly, or at all. The rows that it sends all the same are hidden: a value of theirs
//! that fits no Arrow type must not fail the scan. A value of the guard's own columns that does not fit hides its row, as
//! governance §3 rule 6 says. The engine repeats the guard in any case, so that leaving out too little is no leak of rows.
//!
//! Not done where the guard's columns are not among the output, where it calls a function of the source or its literals have
//! other types than its columns, and below a limit that the source applies (the guard is exact there): then a value that
//! does not fit fails the scan.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchOptions},
    datatypes::{Field, Schema, SchemaRef},
};

use crate::{
    error::{ConnectorError, ConnectorErrorKind, Result},
    predicate::Predicate,
    scan::{OutputValue, Relation, ScanSpec},
};

/// Rows that are judged together.
pub(crate) const GUARDED_ROWS: usize = 128;

/// The guard of a scan, over columns of its output.
#[derive(Clone, Debug)]
pub(crate) struct RowGuard {
    rows: Predicate,
    /// Output columns that it reads.
    positions: Vec<usize>,
    /// Of these columns, by the names that the guard uses.
    schema: SchemaRef,
}

impl RowGuard {
    /// `None` if nothing is restricted or the guard cannot be judged here.
    pub(crate) fn new(scan: &ScanSpec) -> Option<Self> {
        let Relation::Table { guard, .. } = &scan.relation else {
            return None;
        };
        if matches!(guard.rows, Predicate::True) || calls(&guard.rows) {
            return None;
        }
        let mut positions: Vec<usize> = Vec::new();
        let mut fields: Vec<Field> = Vec::new();
        for read in guard.rows.columns() {
            let position = scan
                .output
                .iter()
                .position(|column| matches!(&column.value, OutputValue::Column(column) if column == read))?;
            if !positions.contains(&position) {
                let data_type = scan.output.get(position)?.data_type.clone();
                fields.push(Field::new(read.column.as_str(), data_type, true));
                positions.push(position);
            }
        }
        Some(Self {
            rows: guard.rows.clone(),
            positions,
            schema: Arc::new(Schema::new(fields)),
        })
    }

    /// The output columns to decode first.
    pub(crate) fn positions(&self) -> &[usize] {
        &self.positions
    }

    /// Which rows the guard lets pass: `columns` are those of `positions`, `sound` tells rows whose values all fitted.
    pub(crate) fn visible(&self, columns: Vec<ArrayRef>, sound: &[bool]) -> Result<Vec<bool>> {
        let options = RecordBatchOptions::new().with_row_count(Some(sound.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        // A guard that cannot be judged here hides nothing here.
        let Ok(outcome) = self.rows.evaluate(&batch) else {
            return Ok(vec![true; sound.len()]);
        };
        Ok(outcome
            .values()
            .iter()
            .zip(sound)
            .map(|(passes, sound)| passes && *sound)
            .collect())
    }

    /// A plan whose columns are not those of its guard.
    pub(crate) fn broken() -> ConnectorError {
        ConnectorError::new(ConnectorErrorKind::Internal, "the columns of a guard are not read")
    }
}

fn calls(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::And(parts) | Predicate::Or(parts) => parts.iter().any(calls),
        Predicate::Not(part) => calls(part),
        Predicate::Call { .. } => true,
        Predicate::True
        | Predicate::False
        | Predicate::Compare { .. }
        | Predicate::InSet { .. }
        | Predicate::Between { .. }
        | Predicate::IsNull { .. }
        | Predicate::Like { .. } => false,
    }
}
