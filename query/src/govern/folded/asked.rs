//! How is what is wanted of governed relations said to their source? In its own names, over columns that are clear on every row.

use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use lakegate_connectors::{
    capability::Pushdown,
    predicate::Predicate,
    scan::{Aggregate, ColumnId, ColumnRef, Guard, Operand, OutputColumn, OutputValue, Relation, SortKey},
};

use super::{Joined, Shape, Wanted, Whole};
use crate::{federate::fold::Fold, govern::leakproof::ClearColumns};

/// What the source is asked for; `None` where it cannot do it, or may not.
pub(super) fn fold(wanted: &Wanted<'_>, sources: &[Whole<'_>]) -> Option<Fold> {
    let can = |ability: &dyn Fn(&Whole<'_>) -> bool| sources.iter().all(ability);
    if sources.len() > 1 && !can(&|source| source.spec.capabilities.join) {
        return None;
    }
    let mut fold = match &wanted.shape {
        Shape::Groups { keys, aggregates } if can(&|source| !source.spec.capabilities.aggregate.0.is_empty()) => {
            groups(wanted, keys, aggregates)?
        }
        Shape::First { columns, order, rows } if can(&|source| source.spec.capabilities.top_n == Pushdown::Exact) => {
            first(wanted, columns, order, *rows)?
        }
        Shape::Rows(columns) if sources.len() > 1 => Fold {
            output: outputs(columns_of(wanted, columns)?, &wanted.schema)?,
            ..Fold::default()
        },
        _ => return None,
    };
    if sources.len() > 1 {
        let mut relation = related(wanted, sources, &wanted.joined)?;
        name_columns(&mut relation, &mut 0, &read(wanted, &fold, &wanted.joined)?);
        fold.relation = Some(relation);
    }
    Some(fold)
}

/// The conditions of all scans, each on its own table.
pub(super) fn conditions(wanted: &Wanted<'_>) -> Option<Vec<Predicate>> {
    let tables = wanted.tables.iter().enumerate();
    let conditions = tables.flat_map(|(number, one)| {
        let filters = one.filters.iter();
        filters.map(move |filter| Some(one.table.leakproof(filter)?.in_table(number)))
    });
    conditions.collect()
}

fn groups(wanted: &Wanted<'_>, keys: &[ColumnRef], aggregates: &[Aggregate]) -> Option<Fold> {
    let keys = keys.iter().map(|key| raw(wanted, key)).collect::<Option<Vec<_>>>()?;
    let aggregates = aggregates
        .iter()
        .map(|aggregate| {
            let argument = match &aggregate.argument {
                Some(argument) => Some(raw_operand(wanted, argument)?),
                None => None,
            };
            let function = aggregate.function;
            Some(Aggregate { function, argument })
        })
        .collect::<Option<Vec<_>>>()?;
    let columns = keys.iter().cloned().map(OutputValue::Column);
    let values = columns.chain((0..aggregates.len()).map(OutputValue::Aggregate));
    Some(Fold {
        output: outputs(values.collect(), &wanted.schema)?,
        group_by: keys,
        aggregates,
        ..Fold::default()
    })
}

fn first(wanted: &Wanted<'_>, columns: &[ColumnRef], order: &[SortKey], rows: u64) -> Option<Fold> {
    let keys = order.iter().map(|key| {
        Some(SortKey {
            column: raw(wanted, &key.column)?,
            ..*key
        })
    });
    Some(Fold {
        order: keys.collect::<Option<_>>()?,
        limit: Some(rows),
        output: outputs(columns_of(wanted, columns)?, &wanted.schema)?,
        ..Fold::default()
    })
}

fn columns_of(wanted: &Wanted<'_>, columns: &[ColumnRef]) -> Option<Vec<OutputValue>> {
    let columns = columns
        .iter()
        .map(|column| raw(wanted, column).map(OutputValue::Column));
    columns.collect()
}

/// A column that is clear on every row, as the source spells it.
fn raw(wanted: &Wanted<'_>, visible: &ColumnRef) -> Option<ColumnRef> {
    let one = wanted.tables.get(visible.table)?;
    let (raw, _) = one.table.scope.clear(visible.column.as_str())?;
    Some(ColumnRef {
        table: visible.table,
        ..ColumnRef::of(raw)
    })
}

fn raw_operand(wanted: &Wanted<'_>, operand: &Operand) -> Option<Operand> {
    Some(match operand {
        Operand::Column(column) => Operand::Column(raw(wanted, column)?),
        Operand::Value(value) => Operand::Value(value.clone()),
        Operand::Arithmetic { operator, left, right } => Operand::Arithmetic {
            operator: *operator,
            left: Box::new(raw_operand(wanted, left)?),
            right: Box::new(raw_operand(wanted, right)?),
        },
    })
}

fn pairs(wanted: &Wanted<'_>, on: &[(ColumnRef, ColumnRef)]) -> Option<Vec<(ColumnRef, ColumnRef)>> {
    let pairs = on
        .iter()
        .map(|(one, other)| Some((raw(wanted, one)?, raw(wanted, other)?)));
    pairs.collect()
}

fn related(wanted: &Wanted<'_>, sources: &[Whole<'_>], joined: &Joined) -> Option<Relation> {
    Some(match joined {
        Joined::Table(number) => Relation::Table {
            table: sources.get(*number)?.spec.handle.clone(),
            columns: Vec::new(),
            guard: Guard::none(),
        },
        Joined::Join { left, right, kind, on } => Relation::Join {
            left: Box::new(related(wanted, sources, left)?),
            right: Box::new(related(wanted, sources, right)?),
            kind: *kind,
            on: pairs(wanted, on)?,
        },
    })
}

/// Every column that is read, with repetitions.
fn read(wanted: &Wanted<'_>, fold: &Fold, joined: &Joined) -> Option<Vec<ColumnRef>> {
    let output = fold.output.iter().filter_map(|output| match &output.value {
        OutputValue::Column(column) => Some(column.clone()),
        OutputValue::Aggregate(_) => None,
    });
    let arguments = fold
        .aggregates
        .iter()
        .filter_map(|aggregate| aggregate.argument.as_ref());
    let arguments = arguments.flat_map(Operand::columns).cloned();
    let order = fold.order.iter().map(|key| key.column.clone());
    let conditions = conditions(wanted)?;
    let conditions = conditions.iter().flat_map(Predicate::columns).cloned();
    let mut all: Vec<ColumnRef> = output.chain(arguments).chain(order).chain(conditions).collect();
    compared(wanted, joined, &mut all)?;
    Some(all)
}

fn compared(wanted: &Wanted<'_>, joined: &Joined, all: &mut Vec<ColumnRef>) -> Option<()> {
    if let Joined::Join { left, right, on, .. } = joined {
        all.extend(pairs(wanted, on)?.into_iter().flat_map(|(one, other)| [one, other]));
        compared(wanted, left, all)?;
        compared(wanted, right, all)?;
    }
    Some(())
}

/// Says of each table which columns are read; `next` is the number of the next table.
fn name_columns(relation: &mut Relation, next: &mut usize, all: &[ColumnRef]) {
    match relation {
        Relation::Table { columns, .. } => {
            let mut own: Vec<ColumnId> = Vec::new();
            for column in all.iter().filter(|column| column.table == *next) {
                if !own.contains(&column.column) {
                    own.push(column.column.clone());
                }
            }
            *columns = own;
            *next += 1;
        }
        Relation::Join { left, right, .. } => {
            name_columns(left, next, all);
            name_columns(right, next, all);
        }
    }
}

/// The columns that come back, in types and nullability of the engine.
fn outputs(values: Vec<OutputValue>, schema: &SchemaRef) -> Option<Vec<OutputColumn>> {
    if values.len() != schema.fields().len() || values.is_empty() {
        return None;
    }
    let columns = values.into_iter().zip(schema.fields()).enumerate();
    let column = |(at, (value, field)): (usize, (OutputValue, &FieldRef))| OutputColumn {
        // Two visible columns may have one name where their qualifiers differ.
        name: format!("v{at}"),
        value,
        data_type: field.data_type().clone(),
        nullable: field.is_nullable(),
    };
    Some(columns.map(column).collect())
}
