//! Which arithmetic over decimals can neither overflow nor round? That a source computes exactly is then all that is needed.

use datafusion::{
    arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType},
    common::ScalarValue,
    logical_expr::{BinaryExpr, Expr, Operator},
};
use lakegate_connectors::{
    predicate::Datum,
    scan::{ArithmeticOperator, Operand},
};

use super::base::Base;
use crate::session::arithmetic::operator_of;

/// Deeper arithmetic stays with the engine.
const MAX_DEPTH: usize = 16;

/// The digits that a value has at most, before and after the point.
#[derive(Clone, Copy)]
struct Digits {
    whole: i32,
    scale: i32,
}

impl Digits {
    /// Of every value of a type; only decimals of 128 bits that have no negative scale.
    fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Decimal128(precision, scale) if *scale >= 0 => Some(Self {
                whole: i32::from(*precision) - i32::from(*scale),
                scale: i32::from(*scale),
            }),
            _ => None,
        }
    }

    /// Of one value.
    fn of_literal(value: &ScalarValue) -> Option<Self> {
        let ScalarValue::Decimal128(Some(number), _, scale) = value else {
            return None;
        };
        let digits = number.unsigned_abs().checked_ilog10().map_or(0, |log| log + 1);
        let scale = i32::from(*scale);
        let whole = (i32::try_from(digits).ok()? - scale).max(0);
        (scale >= 0).then_some(Self { whole, scale })
    }

    fn combined(self, operator: ArithmeticOperator, other: Self) -> Self {
        match operator {
            ArithmeticOperator::Multiply => Self {
                whole: self.whole + other.whole,
                scale: self.scale + other.scale,
            },
            ArithmeticOperator::Add | ArithmeticOperator::Subtract => Self {
                whole: self.whole.max(other.whole) + 1,
                scale: self.scale.max(other.scale),
            },
        }
    }

    /// Does every value of these digits have a place in the type as it is?
    fn fit(self, data_type: &DataType) -> bool {
        let room = Self::of(data_type);
        self.whole + self.scale <= i32::from(DECIMAL128_MAX_PRECISION)
            && room.is_some_and(|room| self.whole <= room.whole && self.scale <= room.scale)
    }
}

/// The operand of a sum of decimals, over visible columns.
pub(super) fn decimal(expr: &Expr, base: &Base<'_>) -> Option<Operand> {
    if let Some(column) = base.column(expr) {
        return base.type_of(expr)?.is_decimal().then_some(Operand::Column(column));
    }
    exact(expr, base, MAX_DEPTH).map(|(operand, _)| operand)
}

fn exact(expr: &Expr, base: &Base<'_>, depth: usize) -> Option<(Operand, Digits)> {
    let deeper = depth.checked_sub(1)?;
    let data_type = base.type_of(expr)?;
    let (left, operator, right) = match expr {
        Expr::Column(_) => {
            let operand = Operand::Column(base.column(expr)?);
            return Some((operand, Digits::of(&data_type)?));
        }
        Expr::Literal(value, _) => {
            return Some((Operand::Value(Datum(value.clone())), Digits::of_literal(value)?));
        }
        // A wider type for the same value.
        Expr::Cast(cast) => {
            let (operand, digits) = exact(&cast.expr, base, deeper)?;
            return digits.fit(&data_type).then_some((operand, digits));
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => (left.as_ref(), *op, right.as_ref()),
        Expr::ScalarFunction(call) => {
            let [left, right] = call.args.as_slice() else {
                return None;
            };
            (left, operator_of(&call.func)?, right)
        }
        _ => return None,
    };
    let operator = match operator {
        Operator::Plus => ArithmeticOperator::Add,
        Operator::Minus => ArithmeticOperator::Subtract,
        Operator::Multiply => ArithmeticOperator::Multiply,
        _ => return None,
    };
    let ((left, of_left), (right, of_right)) = (exact(left, base, deeper)?, exact(right, base, deeper)?);
    let digits = of_left.combined(operator, of_right);
    let operand = Operand::Arithmetic {
        operator,
        left: Box::new(left),
        right: Box::new(right),
    };
    digits.fit(&data_type).then_some((operand, digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(whole: i32, scale: i32) -> Digits {
        Digits { whole, scale }
    }

    #[test]
    fn what_could_overflow_does_not_fit() {
        let (price, discount) = (digits(13, 2), digits(13, 2));
        let product = price.combined(ArithmeticOperator::Multiply, discount);
        assert!(product.fit(&DataType::Decimal128(31, 4)));
        assert!(!product.fit(&DataType::Decimal128(29, 4)));
        // A type that rounds.
        assert!(!product.fit(&DataType::Decimal128(31, 3)));
        let thrice = product.combined(ArithmeticOperator::Multiply, digits(13, 2));
        assert!(!thrice.fit(&DataType::Decimal128(38, 6)));
        let sum = price.combined(ArithmeticOperator::Add, discount);
        assert!(sum.fit(&DataType::Decimal128(16, 2)));
        assert!(!sum.fit(&DataType::Decimal128(15, 2)));
    }

    #[test]
    fn a_literal_has_its_own_digits() {
        let of = |number, scale| {
            let digits = Digits::of_literal(&ScalarValue::Decimal128(Some(number), 20, scale)).expect("digits");
            (digits.whole, digits.scale)
        };
        assert_eq!(of(1, 0), (1, 0));
        assert_eq!(of(0, 2), (0, 2));
        assert_eq!(of(-12_345, 2), (3, 2));
        assert_eq!(of(5, 2), (0, 2));
    }
}
