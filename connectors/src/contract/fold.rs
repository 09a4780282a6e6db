//! Are groups and first rows of the source those that the engine would make of its rows? Drawn from a seed; what a connector does
//! not take is refused, or left to the engine.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arrow::{
    array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array},
    compute::{SortColumn, SortOptions, filter_record_batch, lexsort_to_indices, take},
    datatypes::DataType,
};
use datafusion::common::ScalarValue;

use super::{Broken, Check, Outcome, Subject, ask, ensure, random::Random};
use crate::{
    call::Deadline,
    capability::{LimitVerdict, OrderVerdict, Pushdown},
    connector::PlanRequest,
    error::ConnectorErrorKind,
    predicate::Predicate,
    scan::{Aggregate, AggregateFunction, ColumnRef, Guard, Operand, OutputColumn, OutputValue, ScanSpec, SortKey},
    table_spec::TableSpec,
};

const SEEDS: u64 = 150;

const FUNCTIONS: [AggregateFunction; 4] = [
    AggregateFunction::Count,
    AggregateFunction::Max,
    AggregateFunction::Min,
    AggregateFunction::Sum,
];

/// Groups of the source = groups made here of its rows.
pub(super) async fn groups(subject: &Subject) -> Check {
    let (mut cx, lake) = (subject.call("groups"), subject.lake());
    cx.deadline = Deadline::after(Duration::from_secs(100));
    let connector = subject.connector.as_ref();
    if connector.spec().capabilities.aggregate.0.is_empty() {
        return Ok(Outcome::Blank("the connector takes no aggregates"));
    }
    let mut taken: BTreeMap<AggregateFunction, usize> = BTreeMap::new();
    for name in &lake.random {
        let spec = ask::table(connector, &cx, &lake.database, name).await?;
        let (_, all) = ask::read(connector, &cx, ask::scan(&spec, &[], Guard::none(), Vec::new())).await?;
        for seed in 0..SEEDS {
            let mut random = Random::of(seed);
            let (scan, rows) = drawn(&mut random, &spec, &all);
            let scan = grouped(&mut random, scan, &all);
            let told = || format!("`{name}`, seed {seed}\n{scan:?}");
            let planned = match connector.plan(&cx, PlanRequest { scan: scan.clone() }).await {
                Err(error) if error.kind() == ConnectorErrorKind::Unsupported => continue,
                planned => planned?,
            };
            let exact = [planned.guard, planned.aggregate]
                .iter()
                .chain(&planned.filter)
                .all(|one| *one == Pushdown::Exact);
            ensure!(exact, "groups of rows that are not decided: {planned:?} {}", told());
            let (_, found) = ask::read(connector, &cx, scan.clone())
                .await
                .map_err(|error| Broken::new(format!("{error:?} {}", told())))?;
            let expected = groups_of(&scan, &passing(&all, &rows)?)?;
            let found = lines(&found)?;
            ensure!(found == expected, "{found:#?} is not {expected:#?}: {}", told());
            for aggregate in &scan.aggregates {
                *taken.entry(aggregate.function).or_default() += 1;
            }
        }
    }
    for function in connector.spec().capabilities.aggregate.0.keys() {
        ensure!(
            taken.contains_key(function),
            "{function:?} is claimed and was never taken"
        );
    }
    Ok(Outcome::Kept)
}

/// The source's first rows in an order = the first of its rows in that order; of rows that are alike, any.
pub(super) async fn first(subject: &Subject) -> Check {
    let (mut cx, lake) = (subject.call("first"), subject.lake());
    cx.deadline = Deadline::after(Duration::from_secs(100));
    let connector = subject.connector.as_ref();
    if connector.spec().capabilities.top_n == Pushdown::Unsupported {
        return Ok(Outcome::Blank("the connector takes no order"));
    }
    let mut taken = 0;
    for name in &lake.random {
        let spec = ask::table(connector, &cx, &lake.database, name).await?;
        let (_, all) = ask::read(connector, &cx, ask::scan(&spec, &[], Guard::none(), Vec::new())).await?;
        for seed in 0..SEEDS {
            let mut random = Random::of(seed);
            let (mut scan, rows) = drawn(&mut random, &spec, &all);
            scan.order = (0..1 + random.below(2))
                .filter_map(|_| key(&mut random, &all))
                .collect();
            scan.limit = u64::try_from(random.below(60)).ok();
            let told = || format!("`{name}`, seed {seed}\n{scan:?}");
            let (planned, found) = ask::read(connector, &cx, scan.clone())
                .await
                .map_err(|error| Broken::new(format!("{error:?} {}", told())))?;
            if planned.order != OrderVerdict::Global || planned.limit != LimitVerdict::Exact {
                continue;
            }
            let all_passing = passing(&all, &rows)?;
            let wanted = keys(&scan, &ordered(&scan, &all_passing)?)?;
            let shown = keys(&scan, &ordered(&scan, &found)?)?;
            ensure!(shown == wanted, "{shown:#?} is not {wanted:#?}: {}", told());
            let (before, after) = (ask::passing(&all_passing, &[])?, ask::passing(&found, &[])?);
            let distinct = after.windows(2).all(|pair| pair.first() != pair.last());
            ensure!(
                distinct && after.iter().all(|id| before.contains(id)),
                "other rows: {}",
                told()
            );
            taken += 1;
        }
    }
    ensure!(taken > 0, "an order is claimed and was never taken");
    Ok(Outcome::Kept)
}

/// A scan of all columns with a guard and conjuncts, and both together.
fn drawn(random: &mut Random, spec: &TableSpec, all: &RecordBatch) -> (ScanSpec, Vec<Predicate>) {
    let guard = if random.below(2) == 0 {
        Predicate::True
    } else {
        random.predicate(all, 1)
    };
    let filter: Vec<Predicate> = (0..random.below(3)).map(|_| random.predicate(all, 1)).collect();
    let scan = ask::scan(spec, &[], ask::guard(guard.clone()), filter.clone());
    (scan, filter.into_iter().chain([guard]).collect())
}

fn column(random: &mut Random, all: &RecordBatch) -> Option<OutputColumn> {
    let at = random.below(all.num_columns());
    let schema = all.schema();
    let field = schema.fields().get(at)?;
    Some(OutputColumn {
        name: field.name().clone(),
        value: OutputValue::Column(ColumnRef::of(field.name().as_str())),
        data_type: field.data_type().clone(),
        nullable: true,
    })
}

fn key(random: &mut Random, all: &RecordBatch) -> Option<SortKey> {
    Some(SortKey {
        column: ColumnRef::of(column(random, all)?.name),
        descending: random.below(2) == 0,
        nulls_first: random.below(2) == 0,
    })
}

fn grouped(random: &mut Random, mut scan: ScanSpec, all: &RecordBatch) -> ScanSpec {
    scan.output.clear();
    for _ in 0..random.below(3) {
        if let Some(column) = column(random, all)
            && let OutputValue::Column(key) = &column.value
            && !scan.group_by.contains(key)
        {
            scan.group_by.push(key.clone());
            scan.output.push(column);
        }
    }
    let least = usize::from(scan.group_by.is_empty());
    for at in 0..least + random.below(3) {
        let function = FUNCTIONS
            .get(random.below(4))
            .copied()
            .unwrap_or(AggregateFunction::Count);
        let argument = column(random, all);
        let of = argument
            .as_ref()
            .map_or(DataType::Int64, |column| column.data_type.clone());
        let whole = function == AggregateFunction::Count && random.below(2) == 0;
        scan.output.push(OutputColumn {
            name: format!("a{at}"),
            value: OutputValue::Aggregate(at),
            data_type: result(function, &of),
            nullable: function != AggregateFunction::Count,
        });
        scan.aggregates.push(Aggregate {
            function,
            argument: argument
                .filter(|_| !whole)
                .map(|column| Operand::Column(ColumnRef::of(column.name))),
        });
    }
    scan
}

/// Of what type is it in the engine?
fn result(function: AggregateFunction, of: &DataType) -> DataType {
    match (function, of) {
        (AggregateFunction::Count, _) => DataType::Int64,
        (AggregateFunction::Sum, integer) if integer.is_integer() => DataType::Int64,
        (AggregateFunction::Sum, DataType::Decimal128(precision, scale)) => {
            DataType::Decimal128(precision.saturating_add(10).min(38), *scale)
        }
        (_, other) => other.clone(),
    }
}

fn passing(all: &RecordBatch, rows: &[Predicate]) -> Result<RecordBatch, Broken> {
    let outcome: BooleanArray = Predicate::And(rows.to_vec()).evaluate(all)?;
    Ok(filter_record_batch(all, &outcome)?)
}

fn values<'a>(rows: &'a RecordBatch, column: &ColumnRef) -> Result<&'a ArrayRef, Broken> {
    rows.column_by_name(column.column.as_str())
        .ok_or_else(|| Broken::new("a column is not read"))
}

/// The rows of a batch as text, in the order of the text.
fn lines(batch: &RecordBatch) -> Result<Vec<String>, Broken> {
    let row = |row: usize| {
        let values = batch
            .columns()
            .iter()
            .map(|column| ScalarValue::try_from_array(column, row));
        values
            .collect::<Result<Vec<_>, _>>()
            .map(|values| format!("{values:?}"))
    };
    let mut lines = (0..batch.num_rows()).map(row).collect::<Result<Vec<_>, _>>()?;
    lines.sort_unstable();
    Ok(lines)
}

/// The groups that the engine would make of these rows, as text.
fn groups_of(scan: &ScanSpec, rows: &RecordBatch) -> Result<Vec<String>, Broken> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    if scan.group_by.is_empty() {
        groups.insert(String::new(), Vec::new());
    }
    for row in 0..rows.num_rows() {
        let key = scan
            .group_by
            .iter()
            .map(|key| Ok(ScalarValue::try_from_array(values(rows, key)?, row)?));
        let key = key.collect::<Result<Vec<_>, Broken>>()?;
        let key = if key.is_empty() {
            String::new()
        } else {
            format!("{key:?}")
        };
        groups.entry(key).or_default().push(row);
    }
    let mut lines = Vec::new();
    for members in groups.values() {
        let line = scan.output.iter().map(|output| match &output.value {
            OutputValue::Column(key) => {
                let first = members.first().copied().unwrap_or(0);
                Ok(ScalarValue::try_from_array(values(rows, key)?, first)?)
            }
            OutputValue::Aggregate(at) => {
                let aggregate = scan
                    .aggregates
                    .get(*at)
                    .ok_or_else(|| Broken::new("no such aggregate"))?;
                computed(aggregate, &output.data_type, rows, members)
            }
        });
        lines.push(format!("{:?}", line.collect::<Result<Vec<_>, Broken>>()?));
    }
    lines.sort_unstable();
    Ok(lines)
}

fn computed(
    aggregate: &Aggregate,
    result: &DataType,
    rows: &RecordBatch,
    members: &[usize],
) -> Result<ScalarValue, Broken> {
    let Some(Operand::Column(column)) = &aggregate.argument else {
        return Ok(ScalarValue::Int64(Some(i64::try_from(members.len())?)));
    };
    let column = values(rows, column)?;
    let present = members.iter().filter(|row| column.is_valid(**row));
    let present = present
        .map(|row| ScalarValue::try_from_array(column, *row))
        .collect::<Result<Vec<_>, _>>()?;
    let least = |left: &ScalarValue, right: &ScalarValue| left.partial_cmp(right).unwrap_or(std::cmp::Ordering::Equal);
    let null = ScalarValue::try_from(result)?;
    Ok(match aggregate.function {
        AggregateFunction::Count => ScalarValue::Int64(Some(i64::try_from(present.len())?)),
        AggregateFunction::Max => present.into_iter().max_by(least).unwrap_or(null),
        AggregateFunction::Min => present.into_iter().min_by(least).unwrap_or(null),
        AggregateFunction::Sum => {
            let wide = |value: &ScalarValue| match value {
                ScalarValue::Decimal128(Some(value), ..) => Ok(*value),
                other => match other.cast_to(&DataType::Int64)? {
                    ScalarValue::Int64(Some(value)) => Ok(i128::from(value)),
                    _ => Err(Broken::new("a sum of no numbers")),
                },
            };
            let sum = present.iter().map(wide).sum::<Result<i128, Broken>>()?;
            match (present.is_empty(), result) {
                (true, _) => null,
                (false, DataType::Decimal128(precision, scale)) => {
                    ScalarValue::Decimal128(Some(sum), *precision, *scale)
                }
                (false, _) => ScalarValue::Int64(Some(i64::try_from(sum)?)),
            }
        }
    })
}

/// The first rows in the order of a scan.
fn ordered(scan: &ScanSpec, rows: &RecordBatch) -> Result<RecordBatch, Broken> {
    let sort = scan.order.iter().map(|key| {
        Ok(SortColumn {
            values: Arc::clone(values(rows, &key.column)?),
            options: Some(SortOptions {
                descending: key.descending,
                nulls_first: key.nulls_first,
            }),
        })
    });
    let limit = scan.limit.and_then(|limit| usize::try_from(limit).ok());
    let places: UInt32Array = lexsort_to_indices(&sort.collect::<Result<Vec<_>, Broken>>()?, limit)?;
    let columns = rows.columns().iter().map(|column| take(column, &places, None));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new(rows.schema(), columns)?)
}

/// What the rows are ordered by, row by row.
fn keys(scan: &ScanSpec, rows: &RecordBatch) -> Result<Vec<String>, Broken> {
    let row = |row: usize| {
        let keys = scan
            .order
            .iter()
            .map(|key| Ok(ScalarValue::try_from_array(values(rows, &key.column)?, row)?));
        keys.collect::<Result<Vec<_>, Broken>>().map(|keys| format!("{keys:?}"))
    };
    (0..rows.num_rows()).map(row).collect()
}
