//! Which value does one literal of the filter language denote? For what takes a literal outside of a condition.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use super::{
    literal,
    token::{TokenKind, tokens},
    typed::{is_comparable, is_number},
};
use crate::type_name::type_text;

/// A literal as it is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Literal {
    Boolean(bool),
    Date(String),
    Number(String),
    Text(String),
    Timestamp(String),
}

/// The literal that is all of `text`.
pub(crate) fn literal(text: &str) -> Option<Literal> {
    let kinds: Vec<TokenKind> = tokens(text).ok()?.into_iter().map(|token| token.kind).collect();
    Some(match kinds.as_slice() {
        [TokenKind::Number(digits), TokenKind::End] => Literal::Number(digits.clone()),
        [TokenKind::Symbol("-"), TokenKind::Number(digits), TokenKind::End] => Literal::Number(format!("-{digits}")),
        [TokenKind::Text(text), TokenKind::End] => Literal::Text(text.clone()),
        [TokenKind::Word(word), TokenKind::End] => Literal::Boolean(word.parse().ok()?),
        [TokenKind::Word(word), TokenKind::Text(text), TokenKind::End] => match word.as_str() {
            "date" => Literal::Date(text.clone()),
            "timestamp" => Literal::Timestamp(text.clone()),
            _ => return None,
        },
        _ => return None,
    })
}

/// Whether literals of this type can be written at all.
pub(crate) fn has_literals(data_type: &DataType) -> bool {
    is_comparable(data_type)
}

impl Literal {
    /// The value in exactly this type.
    ///
    /// # Errors
    /// A sentence that says why it has none.
    pub(crate) fn of_type(&self, data_type: &DataType) -> Result<ScalarValue, String> {
        let misfit = || format!("the literal is no value of the type `{}`", type_text(data_type));
        match (self, data_type) {
            (Self::Boolean(value), DataType::Boolean) => Ok((*value).into()),
            (Self::Number(digits), number) if is_number(number) => literal::number(digits, data_type),
            (Self::Text(text) | Self::Date(text), DataType::Date32) => literal::date(text),
            (Self::Text(text) | Self::Timestamp(text), DataType::Timestamp(..)) => literal::timestamp(text, data_type),
            (Self::Text(text), _) => literal::text(text, data_type).ok_or_else(misfit),
            _ => Err(misfit()),
        }
    }
}
