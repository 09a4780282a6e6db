//! Which engine expression has the value of a condition? NULL exactly where Cedar raises an error.
//!
//! SQL's AND and OR agree with `&&` and `||` unless an *earlier* part is E, so they are used only where none can be;
//! elsewhere a function of ours looks at the parts from the left. A CASE would name its condition twice, which doubles a
//! condition at each level, and the engine's simplifier may turn it into the very AND or OR that it stands for.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::{
    common::ScalarValue,
    logical_expr::{Expr, Operator, TryCast, expr::InList, lit},
};
use lakegate_policy::{Bag, Comparison, Kind, RowExpr, RowRead, RowValue};

use super::{
    function::CedarFunction,
    path::{self, Place},
};
use crate::govern::row_filter::{FilterFunction, binary};

/// Compiles one condition. Every method answers `None` if a column does not have the type that it was bound with.
pub(super) struct Emitter<'a> {
    pub(super) columns: &'a [(String, DataType)],
    pub(super) column: &'a dyn Fn(&str) -> Expr,
}

/// The type in which values of a kind are computed; texts keep their own.
fn canonical(kind: Kind) -> DataType {
    match kind {
        Kind::Boolean => DataType::Boolean,
        Kind::Number | Kind::Moment | Kind::Duration => DataType::Int64,
        Kind::Decimal => DataType::Decimal128(19, 4),
        Kind::Text => DataType::Utf8,
        Kind::Set | Kind::Other => DataType::Null,
    }
}

impl Emitter<'_> {
    /// A condition.
    pub(super) fn condition(&self, expr: &RowExpr) -> Option<Expr> {
        self.value(expr).map(|(value, _)| value)
    }

    /// A value and its type.
    fn value(&self, expr: &RowExpr) -> Option<(Expr, DataType)> {
        let boolean = |expr: Expr| Some((expr, DataType::Boolean));
        match expr {
            RowExpr::Value(value) => Some((
                Expr::Literal(literal(value, &canonical(value.kind()))?, None),
                canonical(value.kind()),
            )),
            RowExpr::Error(kind) => {
                let data_type = canonical(*kind);
                Some((Expr::Literal(ScalarValue::try_from(&data_type).ok()?, None), data_type))
            }
            // INVARIANT: binding has put values in the place of all of them.
            RowExpr::Free(..) => None,
            RowExpr::Column { read, .. } => self.read(read),
            RowExpr::Present(read) => boolean(Expr::IsNotNull(Box::new(self.raw(read)?.0))),
            RowExpr::Not(inner) => boolean(Expr::Not(Box::new(self.condition(inner)?))),
            RowExpr::Negate(inner) => {
                let call = CedarFunction::Checked(lakegate_policy::Arithmetic::Subtract);
                Some((call.call(vec![lit(0_i64), self.condition(inner)?]), DataType::Int64))
            }
            RowExpr::All(parts) => boolean(self.joined(parts, Operator::And)?),
            RowExpr::Any(parts) => boolean(self.joined(parts, Operator::Or)?),
            RowExpr::If(parts) => self.choice(parts),
            RowExpr::Compare(comparison, sides) => boolean(self.compare(*comparison, sides)?),
            RowExpr::Arithmetic(operator, _, sides) => {
                let [left, right] = sides.as_ref();
                let sides = vec![self.condition(left)?, self.condition(right)?];
                Some((CedarFunction::Checked(*operator).call(sides), DataType::Int64))
            }
            RowExpr::Within(sides) => boolean(self.within(sides)?),
            RowExpr::Like(inner, pattern) => {
                boolean(FilterFunction::Like(like(pattern)).call(vec![self.condition(inner)?]))
            }
            RowExpr::Method(method, inner) => {
                let call = CedarFunction::Method(*method).call(vec![self.condition(inner)?]);
                Some((call, DataType::Int64))
            }
        }
    }

    /// The raw value of a leaf, in the type of its column.
    fn raw(&self, read: &RowRead) -> Option<(Expr, Place)> {
        let place =
            path::place(self.columns, &read.path).filter(|place| path::bag(&place.data_type) == Some(read.bag))?;
        let (name, _) = self.columns.get(place.column)?;
        let raw = place.fields.iter().fold((self.column)(name), |outer, field| {
            FilterFunction::Field(field.clone()).call(vec![outer])
        });
        Some((raw, place))
    }

    fn read(&self, read: &RowRead) -> Option<(Expr, DataType)> {
        let (raw, Place { data_type, .. }) = self.raw(read)?;
        let wanted = match read.bag {
            Bag::Text => data_type.clone(),
            bag => canonical(kind(bag)),
        };
        let value = match read.bag {
            Bag::Moment => CedarFunction::Millis.call(vec![raw]),
            _ => cast(raw, &data_type, &wanted),
        };
        Some((value, wanted))
    }

    /// Whether the value can be E on a row that matters.
    fn can_fail(&self, expr: &RowExpr) -> bool {
        match expr {
            RowExpr::Value(_) | RowExpr::Present(_) => false,
            RowExpr::Error(_) | RowExpr::Free(..) | RowExpr::Negate(_) | RowExpr::Arithmetic(..) => true,
            RowExpr::Column { read, guarded } => !guarded || self.may_not_fit(read),
            RowExpr::Not(inner) | RowExpr::Like(inner, _) => self.can_fail(inner),
            RowExpr::All(parts) | RowExpr::Any(parts) => parts.iter().any(|part| self.can_fail(part)),
            RowExpr::If(parts) => parts.iter().any(|part| self.can_fail(part)),
            RowExpr::Compare(_, sides) | RowExpr::Within(sides) => sides.iter().any(|side| self.can_fail(side)),
            RowExpr::Method(method, inner) => *method == lakegate_policy::Method::ToDate || self.can_fail(inner),
        }
    }

    /// Seconds reach beyond what 64 bits of milliseconds hold.
    fn may_not_fit(&self, read: &RowRead) -> bool {
        path::place(self.columns, &read.path)
            .is_none_or(|place| matches!(place.data_type, DataType::Timestamp(TimeUnit::Second, _)))
    }

    /// `&&` or `||`. Leading parts that cannot be E are SQL's; so is the last part, which nothing comes after.
    fn joined(&self, parts: &[RowExpr], operator: Operator) -> Option<Expr> {
        let neutral = operator == Operator::And;
        let simple = parts.iter().take_while(|part| !self.can_fail(part)).count();
        let emitted: Vec<Expr> = parts.iter().map(|part| self.condition(part)).collect::<Option<_>>()?;
        if simple + 1 >= parts.len() {
            return Some(balanced(emitted, operator, neutral));
        }
        let (sure, open) = emitted.split_at_checked(simple)?;
        let function = if neutral {
            CedarFunction::AllOf
        } else {
            CedarFunction::AnyOf
        };
        let open = function.call(open.to_vec());
        if sure.is_empty() {
            return Some(open);
        }
        Some(binary(balanced(sure.to_vec(), operator, neutral), operator, open))
    }

    fn choice(&self, parts: &[RowExpr; 3]) -> Option<(Expr, DataType)> {
        let condition = self.condition(&parts[0])?;
        let ((then, data_type), (otherwise, other)) = (self.value(&parts[1])?, self.value(&parts[2])?);
        let otherwise = cast(otherwise, &other, &data_type);
        Some((CedarFunction::Choose.call(vec![condition, then, otherwise]), data_type))
    }

    fn compare(&self, comparison: Comparison, sides: &[RowExpr; 2]) -> Option<Expr> {
        let operator = operator(comparison);
        // A column beside a constant that its own type holds is not converted.
        if let (RowExpr::Column { read, .. }, RowExpr::Value(value)) = (&sides[0], &sides[1])
            && let Some((raw, literal)) = self.native(read, value)
        {
            return Some(binary(raw, operator, literal));
        }
        if let (RowExpr::Value(value), RowExpr::Column { read, .. }) = (&sides[0], &sides[1])
            && let Some((raw, literal)) = self.native(read, value)
        {
            return Some(binary(literal, operator, raw));
        }
        let ((left, data_type), (right, other)) = (self.value(&sides[0])?, self.value(&sides[1])?);
        Some(binary(left, operator, cast(right, &other, &data_type)))
    }

    /// A raw leaf and a constant in its own type.
    fn native(&self, read: &RowRead, value: &RowValue) -> Option<(Expr, Expr)> {
        let (raw, Place { data_type, .. }) = self.raw(read)?;
        Some((raw, Expr::Literal(literal(value, &data_type)?, None)))
    }

    fn within(&self, sides: &[RowExpr; 2]) -> Option<Expr> {
        let RowExpr::Value(RowValue::Set(set)) = &sides[0] else {
            return None;
        };
        if let RowExpr::Column { read, .. } = &sides[1] {
            let native: Option<Vec<_>> = set.iter().map(|value| self.native(read, value)).collect();
            if let Some(native) = native
                && let Some((raw, _)) = self.raw(read)
            {
                return Some(in_list(raw, native.into_iter().map(|(_, literal)| literal).collect()));
            }
        }
        let (value, data_type) = self.value(&sides[1])?;
        let list = set
            .iter()
            .map(|item| literal(item, &data_type).map(|item| Expr::Literal(item, None)));
        Some(in_list(value, list.collect::<Option<_>>()?))
    }
}

fn in_list(value: Expr, list: Vec<Expr>) -> Expr {
    if list.is_empty() {
        // FALSE, and E where the value is.
        return binary(value.clone(), Operator::NotEq, value);
    }
    Expr::InList(InList::new(Box::new(value), list, false))
}

fn balanced(mut parts: Vec<Expr>, operator: Operator, neutral: bool) -> Expr {
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
    parts.pop().unwrap_or_else(|| lit(neutral))
}

/// To a type that holds every value of the first; a value that its own type does not allow becomes NULL, not an error.
fn cast(value: Expr, from: &DataType, to: &DataType) -> Expr {
    if from == to {
        value
    } else {
        Expr::TryCast(TryCast::new(Box::new(value), to.clone()))
    }
}

fn kind(bag: Bag) -> Kind {
    match bag {
        Bag::Text => Kind::Text,
        Bag::Number => Kind::Number,
        Bag::Decimal => Kind::Decimal,
        Bag::Boolean => Kind::Boolean,
        Bag::Moment => Kind::Moment,
    }
}

/// A constant in a type of columns or in a canonical one, exactly; `None` if that type does not hold it.
pub(super) fn literal(value: &RowValue, data_type: &DataType) -> Option<ScalarValue> {
    Some(match (value, data_type) {
        (RowValue::Boolean(value), DataType::Boolean) => ScalarValue::Boolean(Some(*value)),
        (RowValue::Text(text), DataType::Utf8) => ScalarValue::Utf8(Some(text.clone())),
        (RowValue::Text(text), DataType::LargeUtf8) => ScalarValue::LargeUtf8(Some(text.clone())),
        (RowValue::Text(text), DataType::Utf8View) => ScalarValue::Utf8View(Some(text.clone())),
        (RowValue::Number(value) | RowValue::Moment(value) | RowValue::Duration(value), DataType::Int64) => {
            ScalarValue::Int64(Some(*value))
        }
        (RowValue::Number(value), DataType::Int8) => ScalarValue::Int8(Some(i8::try_from(*value).ok()?)),
        (RowValue::Number(value), DataType::Int16) => ScalarValue::Int16(Some(i16::try_from(*value).ok()?)),
        (RowValue::Number(value), DataType::Int32) => ScalarValue::Int32(Some(i32::try_from(*value).ok()?)),
        (RowValue::Number(value), DataType::UInt8) => ScalarValue::UInt8(Some(u8::try_from(*value).ok()?)),
        (RowValue::Number(value), DataType::UInt16) => ScalarValue::UInt16(Some(u16::try_from(*value).ok()?)),
        (RowValue::Number(value), DataType::UInt32) => ScalarValue::UInt32(Some(u32::try_from(*value).ok()?)),
        (RowValue::Decimal(units), DataType::Decimal128(precision, scale)) => {
            let surplus = 10_i64.checked_pow(u32::try_from(4 - scale).ok()?)?;
            let (value, rest) = (i128::from(units / surplus), units % surplus);
            let limit = 10_u128.checked_pow(u32::from(*precision))?;
            if rest != 0 || value.unsigned_abs() >= limit {
                return None;
            }
            ScalarValue::Decimal128(Some(value), *precision, *scale)
        }
        (RowValue::Moment(ms), DataType::Timestamp(TimeUnit::Millisecond, zone)) => {
            ScalarValue::TimestampMillisecond(Some(*ms), zone.clone())
        }
        _ => return None,
    })
}

/// The pattern as LIKE of filter bodies reads it: its escape is `\`.
pub(super) fn like(pattern: &[Option<char>]) -> String {
    let mut written = String::new();
    for part in pattern {
        match part {
            None => written.push('%'),
            Some(special @ ('%' | '_' | '\\')) => written.extend(['\\', *special]),
            Some(plain) => written.push(*plain),
        }
    }
    written
}

pub(super) fn operator(comparison: Comparison) -> Operator {
    match comparison {
        Comparison::Equal => Operator::Eq,
        Comparison::NotEqual => Operator::NotEq,
        Comparison::Less => Operator::Lt,
        Comparison::LessOrEqual => Operator::LtEq,
        Comparison::Greater => Operator::Gt,
        Comparison::GreaterOrEqual => Operator::GtEq,
    }
}
