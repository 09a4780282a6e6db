//! Which rows pass? A closed language of conditions; a row passes when the condition IS TRUE.
//!
//! Everything but `Call` is leakproof by construction: it cannot fail on any row. Literals have the column's type: who
//! builds a predicate casts, connectors never do.

mod evaluate;

use std::sync::Arc;

use arrow::array::ArrayRef;
use datafusion::common::ScalarValue;

use crate::{
    error::{ConnectorError, ConnectorErrorKind, Result},
    scan::ColumnRef,
};

/// A literal.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum(pub ScalarValue);

impl From<ScalarValue> for Datum {
    fn from(value: ScalarValue) -> Self {
        Self(value)
    }
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum CompareOp {
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
}

/// A condition over columns of a scan.
#[derive(Clone, Debug)]
pub enum Predicate {
    True,
    False,
    And(Vec<Predicate>),
    Or(Vec<Predicate>),
    Not(Box<Predicate>),
    Compare {
        column: ColumnRef,
        op: CompareOp,
        value: Datum,
    },
    /// `column IN (values)`; with `or_null`, NULL passes too.
    InSet {
        column: ColumnRef,
        values: ArrayRef,
        or_null: bool,
    },
    Between {
        column: ColumnRef,
        low: Datum,
        high: Datum,
    },
    IsNull {
        column: ColumnRef,
        negated: bool,
    },
    Like {
        column: ColumnRef,
        pattern: LikePattern,
    },
    /// A function that the connector's capabilities list.
    Call {
        function: FunctionId,
        arguments: Vec<Argument>,
    },
}

/// Name of a function that a source evaluates.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FunctionId(pub &'static str);

#[derive(Clone, Debug)]
pub enum Argument {
    Column(ColumnRef),
    Value(Datum),
}

/// A LIKE pattern whose escapes are whole: it cannot fail on any row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LikePattern {
    parts: Vec<LikePart>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LikePart {
    /// These characters.
    Text(String),
    /// `_`: any one character.
    One,
    /// `%`: any characters.
    Any,
}

impl LikePattern {
    /// Reads a pattern; `escape` makes the character after it plain.
    ///
    /// # Errors
    /// `SOURCE_INVALID_REQUEST` if the pattern ends with the escape character.
    pub fn parse(pattern: &str, escape: Option<char>) -> Result<Self> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            let part = match character {
                character if Some(character) == escape => {
                    text.push(characters.next().ok_or_else(trailing_escape)?);
                    continue;
                }
                '%' => LikePart::Any,
                '_' => LikePart::One,
                character => {
                    text.push(character);
                    continue;
                }
            };
            if !text.is_empty() {
                parts.push(LikePart::Text(std::mem::take(&mut text)));
            }
            parts.push(part);
        }
        if !text.is_empty() {
            parts.push(LikePart::Text(text));
        }
        Ok(Self { parts })
    }

    /// Its parts, in order.
    #[must_use]
    pub fn parts(&self) -> &[LikePart] {
        &self.parts
    }

    /// The text before the `%`, if the pattern is `text%` and no more.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [LikePart::Text(text), LikePart::Any] => Some(text),
            [LikePart::Any] => Some(""),
            _ => None,
        }
    }

    /// The pattern again, with `\` as its escape character.
    #[must_use]
    pub fn to_sql(&self) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                LikePart::Any => out.push('%'),
                LikePart::One => out.push('_'),
                LikePart::Text(text) => {
                    for character in text.chars() {
                        if matches!(character, '%' | '_' | '\\') {
                            out.push('\\');
                        }
                        out.push(character);
                    }
                }
            }
        }
        out
    }
}

fn trailing_escape() -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::InvalidRequest,
        "LIKE pattern ends with its escape character",
    )
}

impl Predicate {
    /// `column op value`.
    #[must_use]
    pub fn compare(column: impl Into<Arc<str>>, op: CompareOp, value: ScalarValue) -> Self {
        Self::Compare {
            column: ColumnRef::of(column),
            op,
            value: Datum(value),
        }
    }

    /// Every column it reads, with repetitions.
    #[must_use]
    pub fn columns(&self) -> Vec<&ColumnRef> {
        match self {
            Self::True | Self::False => Vec::new(),
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::columns).collect(),
            Self::Not(part) => part.columns(),
            Self::Compare { column, .. }
            | Self::InSet { column, .. }
            | Self::Between { column, .. }
            | Self::IsNull { column, .. }
            | Self::Like { column, .. } => vec![column],
            Self::Call { arguments, .. } => arguments
                .iter()
                .filter_map(|argument| match argument {
                    Argument::Column(column) => Some(column),
                    Argument::Value(_) => None,
                })
                .collect(),
        }
    }

    /// The table that all of its columns are of; the first, if there are no columns. `None`: of several.
    #[must_use]
    pub fn table(&self) -> Option<usize> {
        let columns = self.columns();
        let table = columns.first().map_or(0, |column| column.table);
        columns.iter().all(|column| column.table == table).then_some(table)
    }

    /// The same over the columns of these names of another table of the scan.
    #[must_use]
    pub fn in_table(&self, table: usize) -> Self {
        let moved = |column: &ColumnRef| ColumnRef {
            table,
            column: column.column.clone(),
        };
        let all = |parts: &[Self]| parts.iter().map(|part| part.in_table(table)).collect();
        let mut same = self.clone();
        match &mut same {
            Self::True | Self::False => {}
            Self::And(parts) | Self::Or(parts) => *parts = all(parts),
            Self::Not(part) => **part = part.in_table(table),
            Self::Compare { column, .. }
            | Self::InSet { column, .. }
            | Self::Between { column, .. }
            | Self::IsNull { column, .. }
            | Self::Like { column, .. } => *column = moved(column),
            Self::Call { arguments, .. } => {
                for argument in arguments {
                    if let Argument::Column(column) = argument {
                        *column = moved(column);
                    }
                }
            }
        }
        same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_moves_as_a_whole() {
        let compare = |column| Predicate::compare(column, CompareOp::Lt, ScalarValue::Int64(Some(1)));
        let both = Predicate::Or(vec![compare("a"), Predicate::Not(Box::new(compare("b")))]);
        let moved = both.in_table(3);
        assert_eq!((both.table(), moved.table()), (Some(0), Some(3)));
        assert!(moved.columns().iter().all(|column| column.table == 3));
        assert_eq!(Predicate::And(vec![both, moved]).table(), None);
        assert_eq!(Predicate::True.table(), Some(0));
    }

    #[test]
    fn a_pattern_is_checked_when_built() {
        assert!(LikePattern::parse("a\\", Some('\\')).is_err());
        let pattern = LikePattern::parse("50\\%_%", Some('\\')).expect("pattern");
        assert_eq!(
            pattern.parts(),
            [LikePart::Text("50%".into()), LikePart::One, LikePart::Any]
        );
        assert_eq!(pattern.to_sql(), "50\\%_%");
        assert_eq!(LikePattern::parse("ab%", None).expect("pattern").prefix(), Some("ab"));
    }
}
