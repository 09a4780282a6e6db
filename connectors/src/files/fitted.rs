//! How do the columns of one file become those of the table? By name without case, types as declared, absent ones NULL.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array},
    compute::CastOptions,
    datatypes::{DataType, Field, Schema, SchemaRef},
    util::display::FormatOptions,
};
use datafusion::common::nested_struct::cast_column;

use super::parquet::{find_columns, refusal};
use crate::error::{ConnectorError, ConnectorErrorKind, Result};

/// Where the wanted columns are in a file.
#[derive(Clone, Debug)]
pub(crate) struct Fitted {
    schema: SchemaRef,
    /// Per wanted column.
    places: Vec<Option<usize>>,
}

impl Fitted {
    /// Looks the columns of `schema` up among those of the file.
    ///
    /// # Errors
    /// `AMBIGUOUS_COLUMN`; `TYPE_MISMATCH` for a type that is not read as the declared one, or, where rows are hidden from the
    /// caller, that may fail at a value.
    pub(crate) fn new(schema: &SchemaRef, columns: &[(String, DataType)], restricted: bool) -> Result<Self> {
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, data_type)| Field::new(name, data_type.clone(), true))
            .collect();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let places = find_columns(&names, &Schema::new(fields))?;
        Self::at(schema, places, columns, restricted)
    }

    /// The same, for columns whose places are known.
    ///
    /// # Errors
    /// `TYPE_MISMATCH`, as `new`.
    pub(crate) fn at(
        schema: &SchemaRef,
        places: Vec<Option<usize>>,
        columns: &[(String, DataType)],
        restricted: bool,
    ) -> Result<Self> {
        for (field, place) in schema.fields().iter().zip(&places) {
            let Some((_, found)) = place.and_then(|place| columns.get(place)) else {
                continue;
            };
            if let Some(why) = refusal(field, found, restricted) {
                let kind = ConnectorErrorKind::SchemaChanged;
                let words = "a column of a file does not have the declared type";
                return Err(ConnectorError::new(kind, words)
                    .with_code("TYPE_MISMATCH")
                    .with_detail(why));
            }
        }
        let schema = Arc::clone(schema);
        Ok(Self { schema, places })
    }

    /// Places in the file of the columns that are there, in their order.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = usize> + '_ {
        self.places.iter().flatten().copied()
    }

    /// The batch of some rows; `column` gives the values at a place in the file.
    ///
    /// # Errors
    /// `VALUE_MISMATCH` for a value that the declared type does not have, and those of `column`.
    pub(crate) fn batch(&self, rows: usize, column: &mut dyn FnMut(usize) -> Result<ArrayRef>) -> Result<RecordBatch> {
        let mut arrays = Vec::with_capacity(self.places.len());
        for (field, place) in self.schema.fields().iter().zip(&self.places) {
            arrays.push(match place {
                None => new_null_array(field.data_type(), rows),
                Some(place) => fit(&column(*place)?, field)?,
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            arrays,
            &options,
        )?)
    }
}

fn fit(values: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    if values.data_type() == field.data_type() {
        return Ok(Arc::clone(values));
    }
    let options = CastOptions {
        safe: false,
        format_options: FormatOptions::default(),
    };
    cast_column(values, field.data_type(), &options).map_err(|error| {
        let words = "a value of a file does not fit the declared type";
        ConnectorError::new(ConnectorErrorKind::SourceFailed, words)
            .with_code("VALUE_MISMATCH")
            .with_source(error)
    })
}
