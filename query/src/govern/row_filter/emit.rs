//! Which engine expression means the same as a filter body? One that is true exactly where the body IS TRUE and not E.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::{
    common::{Column, ScalarValue},
    logical_expr::{Between, BinaryExpr, Cast, Expr, Operator, expr::InList, lit},
};

use super::{
    FilterInputs,
    function::FilterFunction,
    literal::{self, Rounding},
    syntax::{Attribute, Comparison},
    typed::{Typed, TypedKind, TypedTest, TypedValue},
};

/// Compiles one body for one statement.
pub(super) struct Emitter<'a> {
    pub(super) inputs: &'a FilterInputs,
    /// The values of the mappings.
    sets: &'a [Option<Arc<[ScalarValue]>>],
    /// The raw value of a column, by its name in the body.
    pub(super) column: &'a dyn Fn(&str) -> Expr,
    /// What must hold for the body not to be E, collected on the way.
    validity: Vec<Expr>,
    /// An absent tag or attribute was read: the body is E on every row.
    absent: bool,
}

impl<'a> Emitter<'a> {
    pub(super) fn new(
        inputs: &'a FilterInputs,
        sets: &'a [Option<Arc<[ScalarValue]>>],
        column: &'a dyn Fn(&str) -> Expr,
    ) -> Self {
        Self {
            inputs,
            sets,
            column,
            validity: Vec::new(),
            absent: false,
        }
    }

    /// `validity AND (body IS TRUE)`: never NULL, and no operator of the body can absorb an E. `None`: it is E on every row.
    pub(super) fn body(mut self, body: &Typed) -> Option<Expr> {
        let body = self.condition(body);
        if self.absent {
            return None;
        }
        let body = Expr::IsTrue(Box::new(body));
        let valid = self.validity.into_iter().rev();
        Some(valid.fold(body, |rest, valid| binary(valid, Operator::And, rest)))
    }

    fn condition(&mut self, condition: &Typed) -> Expr {
        match condition {
            Typed::And(parts) => self.joined(parts, Operator::And, true),
            Typed::Or(parts) => self.joined(parts, Operator::Or, false),
            Typed::Not(part) => Expr::Not(Box::new(self.condition(part))),
            Typed::Constant(constant) => lit(*constant),
            Typed::Test { left, test, negated } => {
                let value = self.value(left);
                self.test(value, &left.data_type, test, *negated)
            }
        }
    }

    fn joined(&mut self, parts: &[Typed], operator: Operator, empty: bool) -> Expr {
        let mut parts: Vec<Expr> = parts.iter().map(|part| self.condition(part)).collect();
        // Balanced, so that a thousand parts make ten levels.
        while parts.len() > 1 {
            let mut next = Vec::with_capacity(parts.len().div_ceil(2));
            let mut pairs = parts.into_iter();
            while let Some(left) = pairs.next() {
                next.push(match pairs.next() {
                    Some(right) => binary(left, operator, right),
                    None => left,
                });
            }
            parts = next;
        }
        parts.pop().unwrap_or_else(|| lit(empty))
    }

    fn test(&mut self, left: Expr, data_type: &DataType, test: &TypedTest, negated: bool) -> Expr {
        let boxed = |left| Box::new(left);
        match test {
            TypedTest::Compare(comparison, right) => {
                let right = self.value(right);
                inverted(binary(left, operator(*comparison), right), negated)
            }
            TypedTest::Between(low, high) => {
                let (low, high) = (self.value(low), self.value(high));
                Expr::Between(Between::new(boxed(left), negated, boxed(low), boxed(high)))
            }
            TypedTest::InList(list) => in_list(left, list.clone(), negated),
            TypedTest::InMapping(at) => match set_of(self.sets, *at, data_type) {
                None => {
                    self.absent = true;
                    lit(false)
                }
                Some(values) if values.is_empty() => lit(false),
                Some(values) => in_list(left, values, negated),
            },
            TypedTest::InTag(key) => match self.inputs.tags.get(key) {
                None => {
                    self.absent = true;
                    lit(false)
                }
                // A present empty set: IN is FALSE, NOT IN TRUE, whatever the value.
                Some(values) if values.is_empty() => lit(negated),
                Some(values) => in_list(
                    left,
                    values
                        .iter()
                        .filter_map(|value| literal::text(value, data_type))
                        .collect(),
                    negated,
                ),
            },
            TypedTest::Like(pattern) => inverted(FilterFunction::Like(pattern.to_sql()).call(vec![left]), negated),
            TypedTest::IsNull if negated => Expr::IsNotNull(boxed(left)),
            TypedTest::IsNull => Expr::IsNull(boxed(left)),
            TypedTest::IsBoolean(expected) => match (expected, negated) {
                (true, false) => Expr::IsTrue(boxed(left)),
                (true, true) => Expr::IsNotTrue(boxed(left)),
                (false, false) => Expr::IsFalse(boxed(left)),
                (false, true) => Expr::IsNotFalse(boxed(left)),
            },
        }
    }

    fn value(&mut self, value: &TypedValue) -> Expr {
        match &value.kind {
            TypedKind::Column(name) => one_nan((self.column)(name), &value.data_type),
            TypedKind::Literal(literal) => Expr::Literal(literal.clone(), None),
            TypedKind::Widened(inner) => Expr::Cast(Cast::new(Box::new(self.value(inner)), value.data_type.clone())),
            TypedKind::Attribute(attribute) => match self.inputs.attribute(*attribute, value) {
                Some(literal) => Expr::Literal(literal, None),
                None => {
                    self.absent = true;
                    Expr::Literal(
                        ScalarValue::try_from(&value.data_type).unwrap_or(ScalarValue::Null),
                        None,
                    )
                }
            },
            TypedKind::Call(function, arguments) => {
                let arguments: Vec<Expr> = arguments.iter().map(|argument| self.value(argument)).collect();
                let call = function.clone().call(arguments.clone());
                if matches!(function, FilterFunction::Arithmetic(..) | FilterFunction::DateTrunc(_)) {
                    self.validity.push(computed(&arguments, &call));
                }
                one_nan(call, &value.data_type)
            }
        }
    }
}

/// The values of a mapping in the type that they are compared with; `None`: they are not known, or of another type.
pub(super) fn set_of(sets: &[Option<Arc<[ScalarValue]>>], at: usize, data_type: &DataType) -> Option<Vec<ScalarValue>> {
    let values = sets.get(at)?.as_ref()?;
    let typed = values.iter().map(|value| match value {
        same if same.data_type() == *data_type => Some(same.clone()),
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            literal::text(text, data_type)
        }
        _ => None,
    });
    typed.map(|value| value.map(same_nan)).collect()
}

/// Floats have one NaN, which is the greatest: in the engine's order one with a sign is the least.
fn one_nan(value: Expr, data_type: &DataType) -> Expr {
    if data_type.is_floating() {
        FilterFunction::OneNan.call(vec![value])
    } else {
        value
    }
}

fn same_nan(value: ScalarValue) -> ScalarValue {
    match value {
        ScalarValue::Float32(Some(value)) if value.is_nan() => ScalarValue::Float32(Some(f32::NAN)),
        ScalarValue::Float64(Some(value)) if value.is_nan() => ScalarValue::Float64(Some(f64::NAN)),
        other => other,
    }
}

/// An operand is NULL, or there is a result: otherwise the operator overflowed. (So does the beginning of the first unit that
/// a timestamp type reaches into.)
fn computed(arguments: &[Expr], call: &Expr) -> Expr {
    let result = Expr::IsNotNull(Box::new(call.clone()));
    arguments.iter().fold(result, |rest, argument| {
        binary(Expr::IsNull(Box::new(argument.clone())), Operator::Or, rest)
    })
}

fn in_list(value: Expr, list: Vec<ScalarValue>, negated: bool) -> Expr {
    let list = list.into_iter().map(|value| Expr::Literal(value, None)).collect();
    Expr::InList(InList::new(Box::new(value), list, negated))
}

fn inverted(expr: Expr, negated: bool) -> Expr {
    if negated { Expr::Not(Box::new(expr)) } else { expr }
}

pub(crate) fn binary(left: Expr, operator: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
}

/// A column of the raw scan, by its exact name.
pub(crate) fn raw_column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

fn operator(comparison: Comparison) -> Operator {
    match comparison {
        Comparison::Eq => Operator::Eq,
        Comparison::NotEq => Operator::NotEq,
        Comparison::Lt => Operator::Lt,
        Comparison::LtEq => Operator::LtEq,
        Comparison::Gt => Operator::Gt,
        Comparison::GtEq => Operator::GtEq,
    }
}

impl FilterInputs {
    /// An attribute as a literal of the type that it is compared with; `None`: absent, or without a value there.
    pub(super) fn attribute(&self, attribute: Attribute, value: &TypedValue) -> Option<ScalarValue> {
        let text = match attribute {
            Attribute::Now => {
                let nanos = i64::from(self.now.timestamp_subsec_nanos());
                return literal::moment_in(self.now.timestamp(), nanos, &value.data_type, Rounding::Floor);
            }
            Attribute::PrincipalId => &self.principal_id,
            Attribute::PrincipalName => &self.principal_name,
            Attribute::Purpose => self.purpose.as_ref()?,
            Attribute::Workgroup => self.workgroup.as_ref()?,
        };
        literal::text(text, &value.data_type)
    }
}
