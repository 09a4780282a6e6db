//! Which groups, aggregates and orders does the server compute as the engine does, and what comes back? Over one table or a join.
//!
//! The last lines of the table of connectors.md §5.1. Not here: how a statement is put together (`statement`).

use arrow::datatypes::DataType;

use super::{
    join,
    literal::Literal,
    statement::{Column, Table},
    types::{ColumnType, Comparison, Output, Wire},
};
use crate::{
    error::{ConnectorError, ConnectorErrorKind, Result},
    predicate::Datum,
    scan::{
        Aggregate, AggregateFunction, ArithmeticOperator, ColumnRef, Operand, OutputColumn, OutputValue, ScanSpec,
        SortKey,
    },
    statement::{Dialect, Over, Sql},
};

/// `pg_type.oid` of `int8`, `text` and `numeric`.
const INT8: u32 = 20;
const TEXT: u32 = 25;
const NUMERIC: u32 = 1_700;

/// Deeper arithmetic stays with the engine: parsers have stacks.
const MAX_DEPTH: usize = 32;

/// What stands over the rows, and how what comes back is decoded, column by column.
pub(super) struct Folded {
    pub over: Over<Literal>,
    pub columns: Vec<Column>,
}

/// Are groups asked for?
pub(super) fn is_grouped(scan: &ScanSpec) -> bool {
    !scan.group_by.is_empty() || !scan.aggregates.is_empty()
}

/// The groups of a scan.
///
/// # Errors
/// `NOT_SUPPORTED` for what the server computes in another sense than the engine, or that is not known to be the same;
/// `SCHEMA_CHANGED` for columns that are not there.
pub(super) fn grouped(tables: &[&Table], scan: &ScanSpec) -> Result<Folded> {
    if !scan.order.is_empty() || scan.limit.is_some() {
        return Err(refused("an order of groups"));
    }
    let mut fold = Fold::of(tables, scan)?;
    let mut keys = Vec::new();
    for key in &scan.group_by {
        let (_, column) = fold.find(key)?;
        if !is_key(column.kind) {
            return Err(refused("grouping by a column of this type"));
        }
        keys.push(fold.written(key)?);
    }
    let mut columns = Vec::new();
    for output in &scan.output {
        let (value, column) = match &output.value {
            OutputValue::Column(column) if scan.group_by.contains(column) => fold.plain(output, column)?,
            OutputValue::Column(_) => return Err(refused("a column that is no key of its group")),
            OutputValue::Aggregate(at) => {
                let aggregate = scan
                    .aggregates
                    .get(*at)
                    .ok_or_else(|| refused("an aggregate that is not there"))?;
                fold.aggregate(output, aggregate)?
            }
        };
        fold.over.push(value);
        columns.push(column);
    }
    if columns.is_empty() {
        return Err(refused("a group without columns"));
    }
    if !keys.is_empty() {
        fold.over.tail = format!(" GROUP BY {}", keys.join(", "));
    }
    Ok(Folded {
        over: fold.over,
        columns,
    })
}

/// The first rows of a scan in its order; `None` where the order, or the number of rows, stays with the engine.
pub(super) fn ordered(tables: &[&Table], scan: &ScanSpec) -> Option<Folded> {
    if scan.order.is_empty() || scan.limit.is_none() {
        return None;
    }
    let mut fold = Fold::of(tables, scan).ok()?;
    let columns = fold.rows(scan).ok()?;
    let keys: Option<Vec<String>> = scan.order.iter().map(|key| fold.key(key)).collect();
    fold.over.tail = format!(" ORDER BY {}", keys?.join(", "));
    Some(Folded {
        over: fold.over,
        columns,
    })
}

/// The rows of a join.
///
/// # Errors
/// As [`grouped`].
pub(super) fn joined(tables: &[&Table], scan: &ScanSpec) -> Result<Folded> {
    let mut fold = Fold::of(tables, scan)?;
    let columns = fold.rows(scan)?;
    Ok(Folded {
        over: fold.over,
        columns,
    })
}

/// Does the server find the same values equal? Of text under a deterministic collation: equality is that of bytes. ±0.0, which is
/// one value there and two here, and blanks at the end of `char(n)` are why other types stay with the engine.
pub(super) fn is_key(kind: ColumnType) -> bool {
    is_single(kind) && matches!(kind.comparison, Comparison::Ordered | Comparison::Text)
}

/// Does the server order values as the engine does, whatever the collation?
fn is_ordered(kind: ColumnType) -> bool {
    is_single(kind) && kind.comparison == Comparison::Ordered
}

/// Does the server have `min` and `max` of it, in the engine's order?
fn has_extremes(kind: ColumnType) -> bool {
    let known = matches!(
        kind.wire,
        Wire::Int2
            | Wire::Int4
            | Wire::Int8
            | Wire::Numeric { .. }
            | Wire::Date
            | Wire::Time
            | Wire::Timestamp
            | Wire::TimestampTz
    );
    known && is_ordered(kind)
}

/// Text, ordered by its bytes where that is asked for: in a database of UTF-8 the order of code points, as here.
fn is_text(kind: ColumnType) -> bool {
    is_single(kind) && kind.comparison == Comparison::Text
}

fn is_single(kind: ColumnType) -> bool {
    kind.dimensions == 0 && kind.output == Output::Plain
}

pub(super) struct Fold<'a> {
    tables: &'a [&'a Table],
    /// Tables whose columns are known where something is written now.
    shown: Vec<usize>,
    over: Over<Literal>,
}

impl<'a> Fold<'a> {
    fn of(tables: &'a [&'a Table], scan: &ScanSpec) -> Result<Self> {
        let mut fold = Self {
            tables,
            shown: (0..tables.len()).collect(),
            over: Over::new(tables.len()),
        };
        fold.over.source = join::source(&mut fold, &scan.relation)?;
        fold.shown = join::shown(&scan.relation, 0);
        Ok(fold)
    }

    pub(super) fn find(&self, column: &ColumnRef) -> Result<(usize, &'a Column)> {
        let table = self
            .tables
            .get(column.table)
            .ok_or_else(|| refused("a column of another table"))?;
        let position = table.position(&column.column);
        position
            .and_then(|position| Some((position, table.columns.get(position)?)))
            .ok_or_else(|| {
                ConnectorError::new(ConnectorErrorKind::SchemaChanged, "a column of the table is gone")
                    .with_detail(format!("column `{}`", column.column))
            })
    }

    /// A column as values, joins and orders call it. Refused columns say so.
    pub(super) fn written(&mut self, column: &ColumnRef) -> Result<String> {
        let (position, _) = self.find(column)?;
        let table = self
            .tables
            .get(column.table)
            .filter(|_| self.shown.contains(&column.table));
        table
            .ok_or_else(|| refused("a column of a table that is only asked about"))?
            .select(position)?;
        Ok(self.over.column(column.table, position))
    }

    /// The output, where that is columns.
    fn rows(&mut self, scan: &ScanSpec) -> Result<Vec<Column>> {
        let mut columns = Vec::new();
        for output in &scan.output {
            let OutputValue::Column(column) = &output.value else {
                return Err(refused("an aggregate beside rows"));
            };
            let (value, column) = self.plain(output, column)?;
            self.over.push(value);
            columns.push(column);
        }
        if columns.is_empty() {
            return Err(refused("rows without columns"));
        }
        Ok(columns)
    }

    /// A column as it is.
    fn plain(&mut self, output: &OutputColumn, column: &ColumnRef) -> Result<(Sql<Literal>, Column)> {
        // Refused columns say so before their type is looked at.
        let value = self.written(column)?;
        let (_, known) = self.find(column)?;
        if known.kind.arrow_type() != output.data_type {
            return Err(refused("another type than that of the column"));
        }
        Ok((Sql::text(value), known.clone()))
    }

    fn key(&mut self, key: &SortKey) -> Option<String> {
        let (_, known) = self.find(&key.column).ok()?;
        let collation = match known.kind {
            kind if is_ordered(kind) => "",
            kind if is_text(kind) => " COLLATE \"C\"",
            _ => return None,
        };
        let direction = if key.descending { "DESC" } else { "ASC" };
        let nulls = if key.nulls_first { "FIRST" } else { "LAST" };
        let column = self.written(&key.column).ok()?;
        Some(format!("{column}{collation} {direction} NULLS {nulls}"))
    }

    fn aggregate(&mut self, output: &OutputColumn, aggregate: &Aggregate) -> Result<(Sql<Literal>, Column)> {
        match (aggregate.function, &aggregate.argument) {
            (AggregateFunction::Count, argument) => self.count(output, argument.as_ref()),
            (AggregateFunction::Sum, Some(argument)) => self.sum(output, argument),
            (AggregateFunction::Max, Some(Operand::Column(column))) => self.extreme(output, "max", column),
            (AggregateFunction::Min, Some(Operand::Column(column))) => self.extreme(output, "min", column),
            _ => Err(refused("an aggregate of this form")),
        }
    }

    fn count(&mut self, output: &OutputColumn, argument: Option<&Operand>) -> Result<(Sql<Literal>, Column)> {
        let counted = match argument {
            None => Sql::text("*"),
            Some(Operand::Column(column)) => Sql::text(self.written(column)?),
            // Whether there is a value is all that is asked.
            Some(arithmetic) => self.decimal(arithmetic, MAX_DEPTH)?.0,
        };
        let column = computed(output, Wire::Int8, INT8)?;
        Ok((counted.between("count(", ")"), column))
    }

    fn extreme(&mut self, output: &OutputColumn, function: &str, column: &ColumnRef) -> Result<(Sql<Literal>, Column)> {
        let (_, known) = self.find(column)?;
        if is_text(known.kind) {
            let of = format!("{function}({}::text COLLATE \"C\")", self.written(column)?);
            return Ok((Sql::text(of), computed(output, Wire::Text, TEXT)?));
        }
        if !has_extremes(known.kind) {
            return Err(refused("the extremes of a column of this type"));
        }
        let (value, known) = self.plain(output, column)?;
        Ok((value.between(&format!("{function}("), ")"), known))
    }

    fn sum(&mut self, output: &OutputColumn, argument: &Operand) -> Result<(Sql<Literal>, Column)> {
        if let Operand::Column(column) = argument {
            let (_, known) = self.find(column)?;
            if is_single(known.kind) && matches!(known.kind.wire, Wire::Int2 | Wire::Int4 | Wire::Int8) {
                // The server's own sum of four-byte numbers wraps; that of eight bytes is kept in 128 bits, and checked at the end.
                let sum = format!("sum({}::int8)::int8", self.written(column)?);
                return Ok((Sql::text(sum), computed(output, Wire::Int8, INT8)?));
            }
        }
        let (precision, scale) = match output.data_type {
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => (precision, scale),
            _ => return Err(refused("a sum of this type")),
        };
        let (value, exact) = self.decimal(argument, MAX_DEPTH)?;
        if exact > i32::from(scale) {
            return Err(refused("a sum that would be rounded"));
        }
        // Digits that do not fit are an error where it is decoded.
        let column = computed(output, Wire::Numeric { precision, scale }, NUMERIC)?;
        Ok((value.between("sum(", ")"), column))
    }

    /// Arithmetic over decimals, and how many digits it has after the point: the server computes sums and products exactly.
    fn decimal(&mut self, operand: &Operand, depth: usize) -> Result<(Sql<Literal>, i32)> {
        let deeper = depth
            .checked_sub(1)
            .ok_or_else(|| refused("arithmetic of this depth"))?;
        match operand {
            Operand::Column(column) => {
                let (_, known) = self.find(column)?;
                match known.kind.wire {
                    Wire::Numeric { scale, .. } if is_ordered(known.kind) => {
                        Ok((Sql::text(self.written(column)?), i32::from(scale)))
                    }
                    _ => Err(refused("arithmetic over a column of this type")),
                }
            }
            Operand::Value(Datum(value)) => {
                let DataType::Decimal128(precision, scale) = value.data_type() else {
                    return Err(refused("arithmetic over a literal of this type"));
                };
                let literal = Literal::value(value, Wire::Numeric { precision, scale });
                let literal = literal.ok_or_else(|| refused("this literal"))?;
                Ok((Sql::parameter(literal).between("(", "::numeric)"), i32::from(scale)))
            }
            Operand::Arithmetic { operator, left, right } => {
                let ((mut sql, left), (other, right)) = (self.decimal(left, deeper)?, self.decimal(right, deeper)?);
                let (operator, scale) = match operator {
                    ArithmeticOperator::Add => (" + ", left.max(right)),
                    ArithmeticOperator::Multiply => (" * ", left + right),
                    ArithmeticOperator::Subtract => (" - ", left.max(right)),
                };
                sql.push(operator);
                sql.append(other);
                Ok((sql.between("(", ")"), scale))
            }
        }
    }
}

/// A column of what is computed: the server announces `sent` for it.
fn computed(output: &OutputColumn, wire: Wire, sent: u32) -> Result<Column> {
    if wire.arrow_type() != output.data_type {
        return Err(refused("an aggregate of another type"));
    }
    Ok(Column {
        name: output.name.clone(),
        kind: ColumnType {
            wire,
            dimensions: 0,
            output: Output::Plain,
            comparison: Comparison::Nothing,
        },
        sent,
        collation: 0,
        indexed: false,
        written: output.data_type.to_string(),
    })
}

pub(super) fn refused(what: &str) -> ConnectorError {
    ConnectorError::unsupported(format!("{what} at the source is not supported"))
}

#[cfg(test)]
mod tests;
