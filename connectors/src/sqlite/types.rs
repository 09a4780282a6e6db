//! Which Arrow type does an SQLite column have, and which comparisons on it are the engine's?
//!
//! SQLite types values, not columns: a declared type only gives an affinity (<https://www.sqlite.org/datatype3.html>).
//!
//! | declared | Arrow | storage classes read |
//! |---|---|---|
//! | contains INT | Int64 | INTEGER |
//! | contains CHAR, CLOB, TEXT | Utf8 | TEXT |
//! | contains BLOB | Binary | BLOB |
//! | contains REAL, FLOA, DOUB; begins NUMERIC, DECIMAL, NUMBER | Float64 | REAL, and INTEGER where a double holds it exactly |
//! | BOOL, BOOLEAN | Boolean | INTEGER 0 and 1 |
//! | everything else (DATE, DATETIME, JSON, ANY, none) | Utf8 | TEXT; INTEGER and REAL as their decimal text |
//!
//! Dates are text: SQLite has no date type, and whether a number means seconds, days or a year is known to nobody here.

use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

use crate::capability::{Capabilities, Consistency, FilterSupport, OperatorClass, Pushdown, TypeClass};

/// How the values of a column are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub(super) enum Storage {
    Integer,
    Real,
    Text,
    Blob,
    Boolean,
    /// Text, or a number as text.
    Any,
}

/// What a column of a table can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct ColumnType {
    pub storage: Storage,
    /// `= <> IN` at the source.
    pub equality: bool,
    /// `< <= > >= BETWEEN` at the source.
    pub ranges: bool,
}

impl Storage {
    /// By the declared type.
    pub(super) fn of(declared: &str) -> Self {
        let declared = declared.trim().to_ascii_uppercase();
        let contains = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
        let begins = |parts: &[&str]| parts.iter().any(|part| declared.starts_with(part));
        if contains(&["INT"]) {
            Self::Integer
        } else if contains(&["CHAR", "CLOB", "TEXT"]) {
            Self::Text
        } else if contains(&["BLOB"]) {
            Self::Blob
        } else if contains(&["REAL", "FLOA", "DOUB"]) || begins(&["NUMERIC", "DECIMAL", "NUMBER"]) {
            Self::Real
        } else if matches!(declared.as_str(), "BOOL" | "BOOLEAN") {
            Self::Boolean
        } else {
            Self::Any
        }
    }

    /// The Arrow type of the column.
    pub(super) fn arrow_type(self) -> DataType {
        match self {
            Self::Integer => DataType::Int64,
            Self::Real => DataType::Float64,
            Self::Text | Self::Any => DataType::Utf8,
            Self::Blob => DataType::Binary,
            Self::Boolean => DataType::Boolean,
        }
    }
}

impl ColumnType {
    /// Ranges need a STRICT table, as elsewhere a text in an INTEGER column is greater than any number; and on text a
    /// database in UTF-8, as bytes in UTF-16 do not sort by code point.
    pub(super) fn new(storage: Storage, strict: bool, utf8: bool) -> Self {
        let equality = matches!(storage, Storage::Integer | Storage::Text);
        Self {
            storage,
            equality,
            ranges: equality && strict && (utf8 || storage == Storage::Integer),
        }
    }

    /// Operators that hold for this column.
    pub(super) fn operators(self) -> Vec<(OperatorClass, Pushdown)> {
        let mut operators = vec![(OperatorClass::Null, Pushdown::Exact)];
        if self.equality {
            operators.push((OperatorClass::Equality, Pushdown::Exact));
        }
        if self.ranges {
            operators.push((OperatorClass::Range, Pushdown::Exact));
        }
        operators
    }
}

/// What the connector can do with these filters.
pub(super) fn capabilities(filter: FilterSupport) -> Capabilities {
    Capabilities {
        filter,
        limit: Pushdown::Exact,
        consistency: Consistency::Statement,
        ..Capabilities::projection_only()
    }
}

/// The filters of a STRICT table.
pub(super) fn best_filters() -> FilterSupport {
    use OperatorClass::{Equality, Null, Range};
    use TypeClass::{Binary, Boolean, Float, Integer, Text};
    FilterSupport::default()
        .with(&[Null], &[Binary, Boolean, Float, Integer, Text], Pushdown::Exact)
        .with(&[Equality, Range], &[Integer, Text], Pushdown::Exact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_have_affinities() {
        for (declared, storage) in [
            ("INTEGER", Storage::Integer),
            ("unsigned big int", Storage::Integer),
            ("VARCHAR(20)", Storage::Text),
            ("BLOB", Storage::Blob),
            ("double precision", Storage::Real),
            ("DECIMAL(10,2)", Storage::Real),
            ("BOOLEAN", Storage::Boolean),
            ("DATETIME", Storage::Any),
            ("", Storage::Any),
        ] {
            assert_eq!(Storage::of(declared), storage, "{declared}");
        }
    }
}
