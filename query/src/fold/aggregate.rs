//! Which aggregates over a scan, or a join of scans, does their source compute? Those of whole columns, and sums of exact arithmetic.

use std::{collections::HashMap, sync::Arc};

use datafusion::{
    arrow::datatypes::{DataType, Field, FieldRef},
    catalog::Session,
    common::{Column, DFSchema, DFSchemaRef, Result, TableReference},
    logical_expr::{Aggregate as AggregateNode, Expr, LogicalPlan, Projection, expr::AggregateFunction as Call},
};
use lakegate_connectors::scan::{Aggregate, AggregateFunction, ColumnRef, Operand};

use super::{
    at_source, average,
    base::Base,
    chain::{arrow, shown, unaliased},
    operand::decimal,
};
use crate::govern::folded::Shape;

/// What takes the place of an aggregate.
pub(super) async fn folded(aggregate: &AggregateNode, session: &dyn Session) -> Result<Option<LogicalPlan>> {
    let Some((base, wanted)) = Base::below(&aggregate.input).and_then(|base| {
        let wanted = Groups::of(aggregate, &base)?;
        Some((base, wanted))
    }) else {
        return Ok(None);
    };
    let Groups {
        shape,
        told,
        schema,
        values,
    } = wanted;
    let leaf = at_source(&base, session, shape, (told, arrow(&schema)), &schema).await?;
    let (Some(leaf), Some(values)) = (leaf.clone(), values) else {
        return Ok(leaf);
    };
    let projection = Projection::try_new_with_schema(values, Arc::new(leaf), Arc::clone(&aggregate.schema));
    projection.map(|projection| Some(LogicalPlan::Projection(projection)))
}

/// The groups of a source.
struct Groups {
    shape: Shape,
    /// How plans show them.
    told: String,
    /// What comes back.
    schema: DFSchemaRef,
    /// What is made of that, if it is not what was wanted.
    values: Option<Vec<Expr>>,
}

/// A column of a part, and of its plan.
type Named = (Option<TableReference>, FieldRef);

/// What is asked for, one after the other.
#[derive(Default)]
struct Asked {
    aggregates: Vec<Aggregate>,
    /// What comes back.
    fields: Vec<Named>,
    /// What is made of that.
    values: Vec<Expr>,
    averages: usize,
}

impl Groups {
    fn of(aggregate: &AggregateNode, base: &Base<'_>) -> Option<Self> {
        let input = aggregate.input.as_ref();
        let keys = aggregate.group_expr.iter();
        let keys = keys.map(|key| base.column(&base.over(&unaliased(key.clone()), input)?));
        let keys = keys.collect::<Option<Vec<_>>>()?;
        // A grouping set has more columns than expressions.
        if aggregate.schema.fields().len() != keys.len() + aggregate.aggr_expr.len() {
            return None;
        }
        let mut asked = Asked::default();
        for (at, (qualifier, field)) in aggregate.schema.iter().enumerate() {
            let own = (qualifier.cloned(), Arc::clone(field));
            match at.checked_sub(keys.len()) {
                None => asked.as_is(own),
                Some(at) => asked.add(aggregate.aggr_expr.get(at)?, (input, base), own)?,
            }
        }
        let computed: Vec<String> = aggregate.aggr_expr.iter().map(shown).collect();
        let plain = asked.averages == 0;
        let schema = if plain {
            Arc::clone(&aggregate.schema)
        } else {
            Arc::new(DFSchema::new_with_metadata(asked.fields, HashMap::new()).ok()?)
        };
        Some(Self {
            told: told(&keys, &computed),
            shape: Shape::Groups {
                keys,
                aggregates: asked.aggregates,
            },
            schema,
            values: (!plain).then_some(asked.values),
        })
    }
}

impl Asked {
    fn as_is(&mut self, own: Named) {
        self.values.push(column(&own));
        self.fields.push(own);
    }

    fn add(&mut self, expr: &Expr, (input, base): (&LogicalPlan, &Base<'_>), own: Named) -> Option<()> {
        let Expr::AggregateFunction(call) = unaliased(expr.clone()) else {
            return None;
        };
        if call.func.name() != "avg" {
            self.aggregates.push(one(&call, input, base, own.1.data_type())?);
            self.as_is(own);
            return Some(());
        }
        let (value, parts) = average_of(&call, (input, base), own.1.name())?;
        let [(_, sum), (_, count)] = &parts;
        let average = average::of(&value, column(sum), column(count))?;
        self.values.push(average.alias_qualified(own.0, own.1.name()));
        for (aggregate, part) in parts {
            self.aggregates.push(aggregate);
            self.fields.push(part);
        }
        self.averages += 1;
        Some(())
    }
}

fn column((qualifier, field): &Named) -> Expr {
    Expr::Column(Column::new(qualifier.clone(), field.name()))
}

/// `, groups=[a], aggregates=[sum(b)]`.
fn told(keys: &[ColumnRef], computed: &[String]) -> String {
    let mut text = String::new();
    let keys: Vec<&str> = keys.iter().map(|key| key.column.as_str()).collect();
    if !keys.is_empty() {
        text.push_str(&format!(", groups=[{}]", keys.join(", ")));
    }
    if !computed.is_empty() {
        text.push_str(&format!(", aggregates=[{}]", computed.join(", ")));
    }
    text
}

fn one(call: &Call, input: &LogicalPlan, base: &Base<'_>, result: &DataType) -> Option<Aggregate> {
    let function = match call.func.name() {
        "count" => AggregateFunction::Count,
        "max" => AggregateFunction::Max,
        "min" => AggregateFunction::Min,
        "sum" => AggregateFunction::Sum,
        _ => return None,
    };
    let argument = base.over(argument_of(call)?, input)?;
    let argument = match (function, &argument) {
        // `count(*)` is the count of a constant.
        (AggregateFunction::Count, Expr::Literal(value, _)) if !value.is_null() => None,
        (AggregateFunction::Sum, _) => Some(summed(&argument, base, result)?),
        _ => Some(Operand::Column(base.column(&argument)?)),
    };
    Some(Aggregate { function, argument })
}

/// The only argument of a call that is nothing more.
fn argument_of(call: &Call) -> Option<&Expr> {
    let of = &call.params;
    let more = of.distinct || of.filter.is_some() || !of.order_by.is_empty() || of.null_treatment.is_some();
    match of.args.as_slice() {
        [argument] if !more => Some(argument),
        _ => None,
    }
}

/// An aggregate of a source, and its column.
type Part = (Aggregate, Named);

/// The type of the values whose average is wanted, and the sum and the count that it is made of.
fn average_of(call: &Call, (input, base): (&LogicalPlan, &Base<'_>), name: &str) -> Option<(DataType, [Part; 2])> {
    let argument = base.over(argument_of(call)?, input)?;
    let value = base.type_of(&argument)?;
    let operand = decimal(&argument, base)?;
    let part = |function, data_type, nullable: bool, of: &str| {
        let field = Field::new(format!("{of} of {name}"), data_type, nullable);
        let aggregate = Aggregate {
            function,
            argument: Some(operand.clone()),
        };
        (aggregate, (None, Arc::new(field)))
    };
    let sum = part(AggregateFunction::Sum, average::sum_type(&value)?, true, "sum");
    let count = part(AggregateFunction::Count, DataType::Int64, false, "count");
    Some((value, [sum, count]))
}

/// Integers are widened before they are summed: the sum is the same.
fn summed(expr: &Expr, base: &Base<'_>, result: &DataType) -> Option<Operand> {
    if result.is_decimal() {
        return decimal(expr, base);
    }
    if *result != DataType::Int64 {
        return None;
    }
    let widened = match expr {
        Expr::Cast(cast) if *cast.field.data_type() == DataType::Int64 => cast.expr.as_ref(),
        other => other,
    };
    let column = base.column(widened)?;
    matches!(
        base.type_of(widened)?,
        DataType::Int16 | DataType::Int32 | DataType::Int64
    )
    .then_some(Operand::Column(column))
}
