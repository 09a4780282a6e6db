//! How does an answer read? As lines of values, the way `.slt` files and assertions write them.

use arrow::{
    array::{Array, RecordBatch},
    datatypes::SchemaRef,
    util::display::{ArrayFormatter, FormatOptions},
};

/// All rows of a statement.
#[derive(Debug)]
pub struct Answer {
    pub id: String,
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
}

impl Answer {
    /// Values by row; `NULL`, and `(empty)` for the empty text.
    pub fn values(&self) -> Vec<Vec<String>> {
        values(&self.batches)
    }

    /// One line a row, values separated by ` | `.
    pub fn lines(&self) -> Vec<String> {
        self.values().into_iter().map(|row| row.join(" | ")).collect()
    }

    /// All lines.
    pub fn text(&self) -> String {
        self.lines().join("\n")
    }

    /// Names and types: `id Int64, name Utf8?` (`?`: nullable).
    pub fn columns(&self) -> String {
        let field = |field: &arrow::datatypes::FieldRef| {
            format!(
                "{} {}{}",
                field.name(),
                field.data_type(),
                if field.is_nullable() { "?" } else { "" }
            )
        };
        self.schema.fields().iter().map(field).collect::<Vec<_>>().join(", ")
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// None at all?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Values of batches by row.
pub fn values(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<Vec<String>> = batch.columns().iter().map(|column| texts(column.as_ref())).collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column[row].clone()).collect());
        }
    }
    rows
}

/// Values of one column.
pub fn texts(array: &dyn Array) -> Vec<String> {
    let options = FormatOptions::new().with_null("NULL");
    let Ok(formatter) = ArrayFormatter::try_new(array, &options) else {
        // A type without a text of its values, such as a moment in a zone that does not exist.
        return (0..array.len())
            .map(|row| format!("{:?}", array.slice(row, 1).to_data()))
            .collect();
    };
    let text = |row| {
        let text = formatter.value(row).to_string();
        if text.is_empty() {
            "(empty)".to_owned()
        } else {
            text.replace('\n', "\\n")
        }
    };
    (0..array.len()).map(text).collect()
}
