//! What does one operator of a body mean on a row? Columns, comparisons, arithmetic and methods, each with its types.

use super::free::resources;
use super::lower::{Lowered, Lowering};
use super::{Arithmetic, Bag, Comparison, Kind, Method, RowExpr, RowRead};
use crate::nearest::nearest;
use cedar_policy::pst::{BinaryOp, Expr, Literal, PatternElem, UnaryOp, Var};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Lowering<'_> {
    pub(super) fn binary(&mut self, expr: &Expr, op: BinaryOp, sides: [&Arc<Expr>; 2]) -> Option<Lowered> {
        if let Some((comparison, kinds)) = comparison(op) {
            let [left, right] = self.sides(expr, sides, kinds)?;
            return Some(Lowered::plain(RowExpr::Compare(comparison, Box::new([left, right]))));
        }
        match op {
            BinaryOp::HasTag | BinaryOp::GetTag => self.tag(expr, op, sides),
            BinaryOp::Contains if resources(sides[0]) == 0 => self.within(expr, sides),
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Offset | BinaryOp::DurationSince => {
                self.arithmetic(expr, op, sides)
            }
            _ => self.refuse(expr),
        }
    }

    pub(super) fn unary(&mut self, expr: &Expr, op: UnaryOp, inner: &Expr) -> Option<Lowered> {
        let (kind, make): (Kind, fn(Box<RowExpr>) -> RowExpr) = match op {
            UnaryOp::Neg => (Kind::Number, RowExpr::Negate),
            UnaryOp::ToDate => (Kind::Moment, |inner| RowExpr::Method(Method::ToDate, inner)),
            UnaryOp::ToTime => (Kind::Moment, |inner| RowExpr::Method(Method::ToTime, inner)),
            UnaryOp::ToMilliseconds => (Kind::Duration, |inner| RowExpr::Method(Method::Divide(1), inner)),
            UnaryOp::ToSeconds => (Kind::Duration, |inner| RowExpr::Method(Method::Divide(1_000), inner)),
            UnaryOp::ToMinutes => (Kind::Duration, |inner| RowExpr::Method(Method::Divide(60_000), inner)),
            UnaryOp::ToHours => (Kind::Duration, |inner| {
                RowExpr::Method(Method::Divide(3_600_000), inner)
            }),
            UnaryOp::ToDays => (Kind::Duration, |inner| {
                RowExpr::Method(Method::Divide(86_400_000), inner)
            }),
            _ => return self.refuse(expr),
        };
        let inner = self.of_kind(inner, kind)?;
        Some(Lowered::plain(make(Box::new(inner))))
    }

    pub(super) fn like(&mut self, inner: &Expr, pattern: &[PatternElem]) -> Option<Lowered> {
        let inner = self.of_kind(inner, Kind::Text)?;
        let pattern = pattern.iter().map(|part| match part {
            PatternElem::Char(wanted) => Some(*wanted),
            PatternElem::Wildcard => None,
        });
        Some(Lowered::plain(RowExpr::Like(Box::new(inner), pattern.collect())))
    }

    /// `if`: what is known in its branches follows from its condition.
    pub(super) fn choice(&mut self, parts: [&Arc<Expr>; 3]) -> Option<Lowered> {
        let place = self.passed;
        let [condition, then, otherwise] = parts;
        let condition = self.boolean(condition);
        let outer = self.present.clone();
        if let Some(condition) = &condition {
            self.present.extend(condition.present.iter().cloned());
        }
        let then = self.any(then);
        self.present = outer;
        let otherwise = self.any(otherwise);
        let (condition, then, otherwise) = (condition?, then?, otherwise?);
        if then.expr.kind() != otherwise.expr.kind() || matches!(then.expr.kind(), Kind::Set | Kind::Other) {
            let message = "the branches of `if` are not two scalars of one type".to_owned();
            return self.problem(place, message, "give both branches one type");
        }
        let known: BTreeSet<String> = &condition.present | &then.present;
        Some(Lowered {
            expr: RowExpr::If(Box::new([condition.expr, then.expr, otherwise.expr])),
            present: &known & &otherwise.present,
        })
    }

    /// `resource.s.hasTag("column")` and `resource.s.getTag("column")`.
    fn tag(&mut self, expr: &Expr, op: BinaryOp, [bag, key]: [&Arc<Expr>; 2]) -> Option<Lowered> {
        let place = self.passed;
        let bag = match bag.as_ref() {
            Expr::GetAttr { expr, attr } if matches!(expr.as_ref(), Expr::Var(Var::Resource)) => Bag::of(attr.as_str()),
            _ => None,
        };
        let Some(bag) = bag else { return self.refuse(expr) };
        let Expr::Literal(Literal::String(path)) = key.as_ref() else {
            self.passed += resources(expr);
            let message = format!("the name of a column is a text in quotes, not `{key}`");
            return self.problem(place, message, "write the name of the column");
        };
        self.passed += 1;
        let read = self.column(place, bag, path.as_str())?;
        Some(if op == BinaryOp::HasTag {
            Lowered {
                present: BTreeSet::from([read.path.clone()]),
                expr: RowExpr::Present(read),
            }
        } else {
            let guarded = self.present.contains(&read.path);
            Lowered::plain(RowExpr::Column { read, guarded })
        })
    }

    fn column(&mut self, place: usize, bag: Bag, path: &str) -> Option<RowRead> {
        let columns = self.columns;
        let Some(column) = columns.iter().find(|column| column.path == path) else {
            let known = columns.iter().map(|column| column.path.as_str());
            let remedy = match nearest(path, known) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "name a column of the table, in lower case".to_owned(),
            };
            return self.problem(place, format!("column `{path}` does not exist"), remedy);
        };
        match column.bag {
            Some(known) if known == bag => Some(self.reads(RowRead {
                path: column.path.clone(),
                bag,
            })),
            Some(known) => {
                let (wrong, right) = (bag.name(), known.name());
                let message = format!(
                    "column `{path}` is {} and does not lie in `resource.{wrong}`",
                    column.type_name
                );
                self.problem(place, message, format!("read it from `resource.{right}`"))
            }
            None => {
                let message = format!(
                    "column `{path}` is {}, a type that Cedar does not have",
                    column.type_name
                );
                self.problem(place, message, "write the filter in SQL (`where`)")
            }
        }
    }

    fn within(&mut self, expr: &Expr, [set, value]: [&Arc<Expr>; 2]) -> Option<Lowered> {
        let place = self.passed;
        let (set, value) = (self.any(set), self.any(value));
        let (set, value) = (set?.expr, value?.expr);
        if set.kind() != Kind::Set || !is_scalar(value.kind()) {
            return self.types(place, expr);
        }
        Some(Lowered::plain(RowExpr::Within(Box::new([set, value]))))
    }

    fn arithmetic(&mut self, expr: &Expr, op: BinaryOp, sides: [&Arc<Expr>; 2]) -> Option<Lowered> {
        let (op, kinds, kind) = match op {
            BinaryOp::Add => (Arithmetic::Add, [Kind::Number; 2], Kind::Number),
            BinaryOp::Sub => (Arithmetic::Subtract, [Kind::Number; 2], Kind::Number),
            BinaryOp::Mul => (Arithmetic::Multiply, [Kind::Number; 2], Kind::Number),
            BinaryOp::Offset => (Arithmetic::Add, [Kind::Moment, Kind::Duration], Kind::Moment),
            BinaryOp::DurationSince => (Arithmetic::Subtract, [Kind::Moment; 2], Kind::Duration),
            _ => return self.refuse(expr),
        };
        let (left, right) = (self.of_kind(sides[0], kinds[0]), self.of_kind(sides[1], kinds[1]));
        Some(Lowered::plain(RowExpr::Arithmetic(op, kind, Box::new([left?, right?]))))
    }

    /// Two values of one of these kinds.
    fn sides(&mut self, expr: &Expr, sides: [&Arc<Expr>; 2], kinds: &[Kind]) -> Option<[RowExpr; 2]> {
        let place = self.passed;
        let (left, right) = (self.any(sides[0]), self.any(sides[1]));
        let (left, right) = (left?.expr, right?.expr);
        if left.kind() == right.kind() && kinds.contains(&left.kind()) {
            return Some([left, right]);
        }
        self.types(place, expr)
    }

    fn of_kind(&mut self, expr: &Expr, kind: Kind) -> Option<RowExpr> {
        let place = self.passed;
        let value = self.any(expr)?.expr;
        if value.kind() == kind {
            Some(value)
        } else {
            self.types(place, expr)
        }
    }

    fn types<T>(&mut self, place: usize, expr: &Expr) -> Option<T> {
        let message = format!("the types in `{expr}` do not fit");
        self.problem(place, message, "give all operands the type that the operator needs")
    }
}

fn is_scalar(kind: Kind) -> bool {
    !matches!(kind, Kind::Set | Kind::Other)
}

const SCALARS: &[Kind] = &[
    Kind::Boolean,
    Kind::Number,
    Kind::Text,
    Kind::Decimal,
    Kind::Moment,
    Kind::Duration,
];

/// A comparison, and what it compares.
fn comparison(op: BinaryOp) -> Option<(Comparison, &'static [Kind])> {
    const ORDERED: &[Kind] = &[Kind::Number, Kind::Moment, Kind::Duration];
    const DECIMALS: &[Kind] = &[Kind::Decimal];
    Some(match op {
        BinaryOp::Eq => (Comparison::Equal, SCALARS),
        BinaryOp::NotEq => (Comparison::NotEqual, SCALARS),
        BinaryOp::Less => (Comparison::Less, ORDERED),
        BinaryOp::LessEq => (Comparison::LessOrEqual, ORDERED),
        BinaryOp::Greater => (Comparison::Greater, ORDERED),
        BinaryOp::GreaterEq => (Comparison::GreaterOrEqual, ORDERED),
        BinaryOp::DecimalLessThan => (Comparison::Less, DECIMALS),
        BinaryOp::DecimalLessEq => (Comparison::LessOrEqual, DECIMALS),
        BinaryOp::DecimalGreater => (Comparison::Greater, DECIMALS),
        BinaryOp::DecimalGreaterEq => (Comparison::GreaterOrEqual, DECIMALS),
        _ => return None,
    })
}
