//! What does a filter body say once every name and type is known? The tree that is compiled.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use lakegate_connectors::predicate::LikePattern;

use super::{
    function::FilterFunction,
    syntax::{Attribute, Comparison},
};

/// A condition whose operands have one type.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a body has at most a thousand nodes, and nearly all are tests"
)]
pub(super) enum Typed {
    And(Vec<Typed>),
    Or(Vec<Typed>),
    Not(Box<Typed>),
    Constant(bool),
    Test {
        left: TypedValue,
        test: TypedTest,
        negated: bool,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TypedTest {
    Compare(Comparison, TypedValue),
    Between(TypedValue, TypedValue),
    InList(Vec<ScalarValue>),
    /// Position among the mappings of the body.
    InMapping(usize),
    InTag(String),
    Like(LikePattern),
    IsNull,
    IsBoolean(bool),
}

/// A value of a known type.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TypedValue {
    pub(super) kind: TypedKind,
    pub(super) data_type: DataType,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TypedKind {
    /// As written in the body.
    Column(String),
    Literal(ScalarValue),
    Attribute(Attribute),
    /// Functions, arithmetic and fields of structs.
    Call(FilterFunction, Vec<TypedValue>),
    /// The same decimal with more digits, or the same text in another form.
    Widened(Box<TypedValue>),
}

pub(super) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

pub(super) fn is_number(data_type: &DataType) -> bool {
    data_type.is_integer()
        || matches!(
            data_type,
            DataType::Float32 | DataType::Float64 | DataType::Decimal128(..)
        )
}

pub(super) fn is_comparable(data_type: &DataType) -> bool {
    is_text(data_type)
        || is_number(data_type)
        || matches!(
            data_type,
            DataType::Boolean | DataType::Date32 | DataType::Timestamp(..)
        )
}
