//! Which conditions of a body can a source be asked by? Its conjuncts that compare a column with a value of the statement.

use datafusion::logical_expr::{Expr, Operator};

use super::{
    FilterInputs,
    emit::binary,
    syntax::Comparison,
    typed::{Typed, TypedKind, TypedTest, TypedValue},
};

/// Each holds wherever the body does.
pub(super) fn of(body: &Typed, inputs: &FilterInputs, column: &dyn Fn(&str) -> Expr) -> Vec<Expr> {
    match body {
        Typed::And(parts) => parts.iter().flat_map(|part| of(part, inputs, column)).collect(),
        Typed::Test {
            left,
            test: TypedTest::Compare(Comparison::Eq, right),
            negated: false,
        } => {
            let sides = [(left, right), (right, left)];
            let mut equal = sides.into_iter().filter_map(|(name, value)| match &name.kind {
                TypedKind::Column(name) => Some(binary(column(name), Operator::Eq, constant(value, inputs)?)),
                _ => None,
            });
            equal.next().into_iter().collect()
        }
        Typed::Or(_) | Typed::Not(_) | Typed::Constant(_) | Typed::Test { .. } => Vec::new(),
    }
}

fn constant(value: &TypedValue, inputs: &FilterInputs) -> Option<Expr> {
    let literal = match &value.kind {
        TypedKind::Literal(literal) => literal.clone(),
        TypedKind::Attribute(attribute) => inputs.attribute(*attribute, value)?,
        TypedKind::Column(_) | TypedKind::Call(..) | TypedKind::Widened(_) => return None,
    };
    Some(Expr::Literal(literal, None))
}
