//! From which rows does a part of a plan come: those of one scan, or of scans that are joined by equal columns?
//!
//! Below a join nothing may be computed: what could fail on a row would be computed of fewer rows, and what an outer join leaves empty
//! would not be empty. Above it, expressions mean columns of the tables through aliases and projections (`chain`).

use datafusion::{
    arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, FieldRef},
    common::{Column, DFSchema, JoinType, NullEquality, TableReference},
    logical_expr::{Expr, ExprSchemable, Join, LogicalPlan, TableScan},
};
use lakegate_connectors::scan::{ColumnRef, JoinKind};

use super::chain::{core_below, meaning, place, unaliased};
use crate::govern::folded::Joined;

/// Tables of one statement at a source, at most.
const MAX_TABLES: usize = 8;

/// The rows below a part of a plan.
pub(super) struct Base<'a> {
    pub(super) scans: Vec<&'a TableScan>,
    pub(super) joined: Joined,
    /// The scan, or the uppermost join.
    pub(super) core: &'a LogicalPlan,
    /// What the columns of `core` are.
    pub(super) columns: Vec<ColumnRef>,
    /// All columns of all scans, each under the number of its table.
    schema: DFSchema,
}

impl<'a> Base<'a> {
    /// Below nothing but aliases and projections.
    pub(super) fn below(plan: &'a LogicalPlan) -> Option<Self> {
        let core = core_below(plan)?;
        let mut scans = Vec::new();
        let (joined, columns) = rows(core, &mut scans)?;
        let fields: Vec<(Option<TableReference>, FieldRef)> = scans
            .iter()
            .enumerate()
            .flat_map(|(number, scan)| {
                let fields = scan.projected_schema.fields().iter();
                fields.map(move |field| (Some(numbered(number)), FieldRef::clone(field)))
            })
            .collect();
        Some(Self {
            scans,
            joined,
            core,
            columns,
            schema: DFSchema::new_with_metadata(fields, std::collections::HashMap::new()).ok()?,
        })
    }

    /// An expression over the output of `plan`, as one over the tables; `None` where it reads something else.
    pub(super) fn over(&self, expr: &Expr, plan: &LogicalPlan) -> Option<Expr> {
        let known = |at: usize| {
            let column = self.columns.get(at)?;
            Some(Expr::Column(Column::new(
                Some(numbered(column.table)),
                column.column.as_str(),
            )))
        };
        meaning(expr, plan, &known)
    }

    /// The column that an expression over the tables is; `None` if it is more than that.
    pub(super) fn column(&self, expr: &Expr) -> Option<ColumnRef> {
        let Expr::Column(column) = expr else { return None };
        let (qualifier, field) = self.schema.qualified_field(place(&self.schema, column)?);
        Some(ColumnRef {
            table: qualifier?.table().parse().ok()?,
            ..ColumnRef::of(field.name().as_str())
        })
    }

    /// The type of an expression over the tables.
    pub(super) fn type_of(&self, expr: &Expr) -> Option<DataType> {
        expr.get_type(&self.schema).ok()
    }
}

fn numbered(table: usize) -> TableReference {
    TableReference::bare(table.to_string())
}

/// What is joined below, and what its columns are.
fn rows<'a>(plan: &'a LogicalPlan, scans: &mut Vec<&'a TableScan>) -> Option<(Joined, Vec<ColumnRef>)> {
    match plan {
        // One with a limit of its own is none: its rows are not all rows.
        LogicalPlan::TableScan(scan) if scan.fetch.is_none() && scans.len() < MAX_TABLES => {
            let table = scans.len();
            scans.push(scan);
            let fields = scan.projected_schema.fields().iter();
            let columns = fields.map(|field| ColumnRef {
                table,
                ..ColumnRef::of(field.name().as_str())
            });
            Some((Joined::Table(table), columns.collect()))
        }
        LogicalPlan::SubqueryAlias(alias) => rows(&alias.input, scans),
        LogicalPlan::Projection(projection) => {
            let (joined, below) = rows(&projection.input, scans)?;
            let columns = projection.expr.iter().map(|expr| {
                let Expr::Column(column) = unaliased(expr.clone()) else {
                    return None;
                };
                below.get(place(projection.input.schema(), &column)?).cloned()
            });
            Some((joined, columns.collect::<Option<_>>()?))
        }
        LogicalPlan::Join(join) => of_join(join, scans),
        _ => None,
    }
}

fn of_join<'a>(join: &'a Join, scans: &mut Vec<&'a TableScan>) -> Option<(Joined, Vec<ColumnRef>)> {
    let (kind, mirrored) = match join.join_type {
        JoinType::Inner => (JoinKind::Inner, false),
        JoinType::Left => (JoinKind::Left, false),
        JoinType::LeftSemi => (JoinKind::Semi, false),
        JoinType::LeftAnti => (JoinKind::Anti, false),
        JoinType::Right => (JoinKind::Left, true),
        JoinType::RightSemi => (JoinKind::Semi, true),
        JoinType::RightAnti => (JoinKind::Anti, true),
        _ => return None,
    };
    let plain = join.filter.is_none() && !join.null_aware && join.null_equality == NullEquality::NullEqualsNothing;
    if !plain || join.on.is_empty() {
        return None;
    }
    let sides = if mirrored {
        (&join.right, &join.left)
    } else {
        (&join.left, &join.right)
    };
    let (left, columns) = rows(sides.0, scans)?;
    let (right, others) = rows(sides.1, scans)?;
    let on = join.on.iter().map(|(one, other)| {
        let (one, other) = if mirrored { (other, one) } else { (one, other) };
        Some((
            compared(one, sides.0.schema(), &columns)?,
            compared(other, sides.1.schema(), &others)?,
        ))
    });
    let on = on.collect::<Option<Vec<_>>>()?;
    let shown = match kind {
        JoinKind::Semi | JoinKind::Anti => columns,
        JoinKind::Inner | JoinKind::Left if mirrored => [others, columns].concat(),
        JoinKind::Inner | JoinKind::Left => [columns, others].concat(),
    };
    let (left, right) = (Box::new(left), Box::new(right));
    Some((Joined::Join { left, right, kind, on }, shown))
}

/// The column that a join compares, as it is or in a type that has a place for each of its values.
fn compared(expr: &Expr, schema: &DFSchema, columns: &[ColumnRef]) -> Option<ColumnRef> {
    let (expr, to) = match expr {
        Expr::Cast(cast) => (cast.expr.as_ref(), Some(cast.field.data_type())),
        other => (other, None),
    };
    let Expr::Column(column) = expr else { return None };
    let at = place(schema, column)?;
    let known = to.is_none_or(|to| is_wider(schema.field(at).data_type(), to));
    columns.get(at).filter(|_| known).cloned()
}

fn is_wider(from: &DataType, to: &DataType) -> bool {
    use DataType::{Decimal128, Int16, Int32, Int64};
    match (from, to) {
        (Int16, Int32 | Int64) | (Int32, Int64) => true,
        (Decimal128(precision, scale), Decimal128(wider, finer)) => {
            *wider <= DECIMAL128_MAX_PRECISION
                && finer >= scale
                && i16::from(*wider) - i16::from(*finer) >= i16::from(*precision) - i16::from(*scale)
        }
        _ => from == to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_type_with_a_place_for_every_value_is_wider() {
        use DataType::{Decimal128, Float64, Int16, Int32, Int64};
        for (from, to, wider) in [
            (Int16, Int64, true),
            (Int64, Int32, false),
            (Int32, Float64, false),
            (Decimal128(10, 2), Decimal128(12, 4), true),
            (Decimal128(10, 2), Decimal128(12, 5), false),
            (Decimal128(10, 2), Decimal128(10, 1), false),
            (Decimal128(10, 2), Int64, false),
        ] {
            assert_eq!(is_wider(&from, &to), wider, "{from} {to}");
        }
    }
}
