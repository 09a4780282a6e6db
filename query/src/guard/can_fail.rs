//! Which expressions can fail on a value? Those that are not known to have a result for every value of their types.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::{DataType, Schema},
    common::ScalarValue,
    logical_expr::Operator,
    physical_expr::{
        PhysicalExpr, ScalarFunctionExpr,
        expressions::{
            BinaryExpr, CaseExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal,
            NegativeExpr, NotExpr, TryCastExpr,
        },
    },
};

use super::guarded::Guarded;

/// Functions that have a result for every value.
// sorted: start
const SURE_FUNCTIONS: &[&str] = &[
    "btrim",
    "character_length",
    "coalesce",
    "concat",
    "concat_ws",
    "contains",
    "date_part",
    "ends_with",
    "greatest",
    "isnan",
    "iszero",
    "least",
    "lower",
    "ltrim",
    "nanvl",
    "nullif",
    "nvl",
    "nvl2",
    "octet_length",
    "replace",
    "reverse",
    "rtrim",
    "starts_with",
    "strpos",
    "upper",
];
// sorted: end

const SURE_OPERATORS: &[Operator] = &[
    Operator::And,
    Operator::Or,
    Operator::Eq,
    Operator::NotEq,
    Operator::Lt,
    Operator::LtEq,
    Operator::Gt,
    Operator::GtEq,
    Operator::IsDistinctFrom,
    Operator::IsNotDistinctFrom,
    Operator::LikeMatch,
    Operator::NotLikeMatch,
    Operator::ILikeMatch,
    Operator::NotILikeMatch,
    Operator::StringConcat,
];

/// How likely is it that a value makes an expression fail?
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Risk {
    /// It has a result for every value.
    Never,
    /// Only a number at the end of the range of its type.
    Overflow,
    /// An ordinary value: a divisor that is 0, a text that is no number.
    Likely,
}

/// The risk of the expression and all its parts.
pub(super) fn risk(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Risk {
    let own = match node_can_fail(expr, schema) {
        false => Risk::Never,
        true if is_checked_arithmetic(expr) => Risk::Overflow,
        true => Risk::Likely,
    };
    let parts = expr.children().into_iter().map(|child| risk(child, schema));
    parts.fold(own, Risk::max)
}

/// Some value could make the expression fail.
pub(super) fn can_fail(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    risk(expr, schema) > Risk::Never
}

/// Additions, subtractions and multiplications that tell of an overflow; see `session::arithmetic`.
fn is_checked_arithmetic(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.downcast_ref::<ScalarFunctionExpr>().is_some_and(|function| {
        matches!(
            function.name(),
            "checked_add" | "checked_multiply" | "checked_negate" | "checked_subtract"
        )
    })
}

fn node_can_fail(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
        return operation_can_fail(binary, schema);
    }
    if let Some(cast) = expr.downcast_ref::<CastExpr>() {
        let from = cast.expr().data_type(schema);
        return !cast.cast_options().safe && !from.is_ok_and(|from| always_fits(&from, cast.cast_type()));
    }
    if let Some(function) = expr.downcast_ref::<ScalarFunctionExpr>() {
        return function_can_fail(function);
    }
    !(expr.is::<Column>()
        || expr.is::<Literal>()
        || expr.is::<NotExpr>()
        || expr.is::<IsNullExpr>()
        || expr.is::<IsNotNullExpr>()
        || expr.is::<InListExpr>()
        || expr.is::<LikeExpr>()
        || expr.is::<CaseExpr>()
        || expr.is::<TryCastExpr>()
        || expr.is::<NegativeExpr>()
        || expr.is::<Guarded>())
}

fn operation_can_fail(binary: &BinaryExpr, schema: &Schema) -> bool {
    let data_type = |side: &Arc<dyn PhysicalExpr>| side.data_type(schema).unwrap_or(DataType::Null);
    let sides = [data_type(binary.left()), data_type(binary.right())];
    let are_floats = sides.iter().all(DataType::is_floating);
    match binary.op() {
        Operator::RegexMatch | Operator::RegexIMatch | Operator::RegexNotMatch | Operator::RegexNotIMatch => {
            !binary.right().is::<Literal>()
        }
        Operator::Plus | Operator::Minus | Operator::Multiply => !are_floats && !sides.iter().all(DataType::is_integer),
        Operator::Divide | Operator::Modulo => !are_floats && !is_sure_divisor(binary.right()),
        op => !SURE_OPERATORS.contains(op),
    }
}

/// An integer that neither is zero nor makes the smallest number positive.
fn is_sure_divisor(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let Some(literal) = expr.downcast_ref::<Literal>() else {
        return false;
    };
    match literal.value() {
        ScalarValue::Int8(Some(value)) => !matches!(value, -1 | 0),
        ScalarValue::Int16(Some(value)) => !matches!(value, -1 | 0),
        ScalarValue::Int32(Some(value)) => !matches!(value, -1 | 0),
        ScalarValue::Int64(Some(value)) => !matches!(value, -1 | 0),
        _ => false,
    }
}

fn function_can_fail(function: &ScalarFunctionExpr) -> bool {
    match (function.name(), function.args()) {
        ("checked_divide", [_, divisor]) => !is_sure_divisor(divisor),
        ("regexp_like", [_, pattern]) => !pattern.is::<Literal>(),
        (name, _) => !SURE_FUNCTIONS.contains(&name),
    }
}

/// Every value of `from` is one of `to`.
fn always_fits(from: &DataType, to: &DataType) -> bool {
    use DataType::{Boolean, Date32, Date64, Decimal128, Dictionary, Float32, Float64, Null, Timestamp};
    match (from, to) {
        (Dictionary(_, value), to) => always_fits(value, to),
        (Timestamp(from, _), Timestamp(to, _)) => to <= from,
        (Decimal128(p, s), Decimal128(precision, scale)) => scale >= s && whole(*precision, *scale) >= whole(*p, *s),
        (from, Decimal128(precision, scale)) if from.is_integer() => whole(*precision, *scale) >= digits(from),
        (from, to) if from.is_integer() && to.is_integer() => {
            let (narrow, wide) = (from.primitive_width(), to.primitive_width());
            match (from.is_signed_integer(), to.is_signed_integer()) {
                (true, false) => false,
                (false, true) => narrow < wide,
                _ => narrow <= wide,
            }
        }
        (from, to) => {
            from == to
                || from == &Null
                || (to.is_string() && (from.is_string() || from.is_primitive() || from == &Boolean))
                || (from == &Boolean && to.is_numeric())
                || (from.is_numeric() && matches!(to, Float32 | Float64))
                || matches!((from, to), (Date32, Date64) | (Timestamp(_, _), Date32))
        }
    }
}

/// Digits before the point.
fn whole(precision: u8, scale: i8) -> i16 {
    i16::from(precision) - i16::from(scale)
}

/// Decimal digits of the largest value.
fn digits(integer: &DataType) -> i16 {
    match integer.primitive_width() {
        Some(1) => 3,
        Some(2) => 5,
        Some(4) => 10,
        _ => 20,
    }
}
