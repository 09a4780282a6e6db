//! Are joined rows of the source those that the engine would join? Drawn from a seed; what a connector does not take is refused.

use std::{collections::BTreeMap, time::Duration};

use arrow::{array::RecordBatch, compute::filter_record_batch, datatypes::DataType};
use datafusion::common::ScalarValue;

use super::{Broken, Check, Outcome, Subject, ask, ensure, random::Random};
use crate::{
    call::Deadline,
    capability::Pushdown,
    connector::PlanRequest,
    error::ConnectorErrorKind,
    predicate::Predicate,
    scan::{Aggregate, AggregateFunction, ColumnRef, Guard, JoinKind, OutputColumn, OutputValue, Relation, ScanSpec},
    table_spec::TableSpec,
};

const SEEDS: u64 = 300;

const KINDS: [JoinKind; 4] = [JoinKind::Inner, JoinKind::Left, JoinKind::Semi, JoinKind::Anti];

/// A table, and all of its rows.
struct Known {
    spec: TableSpec,
    rows: RecordBatch,
}

/// A row of each table; `None`: of an outer join that met none.
type Row = Vec<Option<usize>>;

/// Joined rows of the source, or their groups = what is joined here of its rows.
pub(super) async fn joined(subject: &Subject) -> Check {
    let (mut cx, lake) = (subject.call("joined"), subject.lake());
    cx.deadline = Deadline::after(Duration::from_secs(100));
    let connector = subject.connector.as_ref();
    if !connector.spec().capabilities.join {
        return Ok(Outcome::Blank("the connector takes no joins"));
    }
    let mut taken = [0; 4];
    for name in &lake.random {
        let spec = ask::table(connector, &cx, &lake.database, name).await?;
        let (_, rows) = ask::read(connector, &cx, ask::scan(&spec, &[], Guard::none(), Vec::new())).await?;
        let known = Known { spec, rows };
        for seed in 0..SEEDS {
            let mut random = Random::of(seed);
            let drawn = Drawn::of(&mut random, &known);
            let scan = drawn.scan(&mut random, &known);
            let told = || format!("`{name}`, seed {seed}\n{scan:?}");
            let planned = match connector.plan(&cx, PlanRequest { scan: scan.clone() }).await {
                Err(error) if error.kind() == ConnectorErrorKind::Unsupported => continue,
                planned => planned?,
            };
            let exact = [planned.guard, planned.join]
                .iter()
                .chain(&planned.filter)
                .all(|one| *one == Pushdown::Exact);
            ensure!(exact, "joins of rows that are not decided: {planned:?} {}", told());
            let (_, found) = ask::read(connector, &cx, scan.clone())
                .await
                .map_err(|error| Broken::new(format!("{error:?} {}", told())))?;
            let (found, expected) = (lines(&found)?, drawn.expected(&scan, &known)?);
            ensure!(found == expected, "{found:#?} is not {expected:#?}: {}", told());
            for kind in &drawn.kinds {
                let at = KINDS.iter().position(|one| one == kind).unwrap_or(0);
                if let Some(count) = taken.get_mut(at) {
                    *count += 1;
                }
            }
        }
    }
    for (kind, count) in KINDS.iter().zip(taken) {
        ensure!(count > 0, "joins are claimed and {kind:?} was never taken");
    }
    Ok(Outcome::Kept)
}

/// Joins of a table with itself, each with the tables before it.
struct Drawn {
    kinds: Vec<JoinKind>,
    /// For each join: the columns that are equal, of a table before it and of its own.
    on: Vec<Vec<(ColumnRef, ColumnRef)>>,
    /// For each table.
    guards: Vec<Predicate>,
    filters: Vec<Vec<Predicate>>,
}

impl Drawn {
    fn of(random: &mut Random, known: &Known) -> Self {
        let mut drawn = Self {
            kinds: Vec::new(),
            on: Vec::new(),
            guards: Vec::new(),
            filters: Vec::new(),
        };
        for table in 0..2 + random.below(2) {
            let guarded = random.below(4) == 0;
            let guard = if guarded {
                random.predicate(&known.rows, 1)
            } else {
                Predicate::True
            };
            drawn.guards.push(guard);
            let filters = (0..random.below(2)).map(|_| random.predicate(&known.rows, 1));
            drawn.filters.push(filters.collect());
            if table > 0 {
                let shown = drawn.shown();
                let before = shown.get(random.below(shown.len())).copied().unwrap_or(0);
                let pairs = (0..1 + random.below(2)).filter_map(|_| pair(random, known, before, table));
                drawn.on.push(pairs.collect());
                let kind = KINDS.get(random.below(4)).copied();
                drawn.kinds.push(kind.unwrap_or(JoinKind::Inner));
            }
        }
        drawn
    }

    /// Tables whose columns are there above all joins so far.
    fn shown(&self) -> Vec<usize> {
        let joins = self.kinds.iter().zip(1..);
        let joins = joins.filter(|(kind, _)| matches!(kind, JoinKind::Inner | JoinKind::Left));
        [0].into_iter().chain(joins.map(|(_, table)| table)).collect()
    }

    fn scan(&self, random: &mut Random, known: &Known) -> ScanSpec {
        let table = |number: usize| Relation::Table {
            table: known.spec.handle.clone(),
            columns: known.spec.columns.iter().map(|column| column.id.clone()).collect(),
            guard: ask::guard(self.guards.get(number).cloned().unwrap_or(Predicate::False)),
        };
        let mut scan = ask::scan(&known.spec, &[], Guard::none(), Vec::new());
        scan.relation = table(0);
        for (number, (kind, on)) in self.kinds.iter().zip(&self.on).enumerate() {
            scan.relation = Relation::Join {
                left: Box::new(scan.relation),
                right: Box::new(table(number + 1)),
                kind: *kind,
                on: on.clone(),
            };
        }
        let filters = self.filters.iter().enumerate();
        let filters = filters.flat_map(|(number, own)| own.iter().map(move |one| one.in_table(number)));
        scan.filter = filters.collect();
        scan.output.clear();
        let shown = self.shown();
        for _ in 0..1 + random.below(3) {
            let table = shown.get(random.below(shown.len())).copied().unwrap_or(0);
            scan.output.extend(output(random, known, table));
        }
        if random.below(2) == 0 {
            group(&mut scan);
        }
        scan
    }

    /// What the engine would make of the rows, as text in the order of the text.
    fn expected(&self, scan: &ScanSpec, known: &Known) -> Result<Vec<String>, Broken> {
        let mut sides = Vec::new();
        for (guard, filters) in self.guards.iter().zip(&self.filters) {
            let all = Predicate::And(filters.iter().chain([guard]).cloned().collect());
            sides.push(filter_record_batch(&known.rows, &all.evaluate(&known.rows)?)?);
        }
        let first = sides.first().map_or(0, RecordBatch::num_rows);
        let mut rows: Vec<Row> = (0..first).map(|row| vec![Some(row)]).collect();
        for (number, (kind, on)) in self.kinds.iter().zip(&self.on).enumerate() {
            rows = joined_with(&rows, number + 1, *kind, on, &sides)?;
        }
        let columns = scan.output.iter().filter_map(|output| match &output.value {
            OutputValue::Column(column) => Some((column, &output.data_type)),
            OutputValue::Aggregate(_) => None,
        });
        let columns: Vec<_> = columns.collect();
        let line = |row: &Row| {
            let values = columns
                .iter()
                .map(|(column, data_type)| value(&sides, row, column, data_type));
            values.collect::<Result<Vec<_>, Broken>>()
        };
        let values = rows.iter().map(line).collect::<Result<Vec<_>, Broken>>()?;
        let mut lines = if scan.aggregates.is_empty() {
            values.iter().map(|values| format!("{values:?}")).collect()
        } else {
            counted(values, scan.group_by.is_empty())
        };
        lines.sort_unstable();
        Ok(lines)
    }
}

fn joined_with(
    rows: &[Row],
    table: usize,
    kind: JoinKind,
    on: &[(ColumnRef, ColumnRef)],
    sides: &[RecordBatch],
) -> Result<Vec<Row>, Broken> {
    let count = sides.get(table).map_or(0, RecordBatch::num_rows);
    let mut joined = Vec::new();
    for row in rows {
        let mut met = Vec::new();
        for other in 0..count {
            let mut both = row.clone();
            both.push(Some(other));
            if equal(sides, &both, on)? {
                met.push(both);
            }
        }
        let alone = || [row.clone(), vec![None]].concat();
        match kind {
            JoinKind::Inner => joined.extend(met),
            JoinKind::Left if met.is_empty() => joined.push(alone()),
            JoinKind::Left => joined.extend(met),
            JoinKind::Semi if !met.is_empty() => joined.push(alone()),
            JoinKind::Anti if met.is_empty() => joined.push(alone()),
            JoinKind::Semi | JoinKind::Anti => {}
        }
    }
    Ok(joined)
}

fn equal(sides: &[RecordBatch], row: &Row, on: &[(ColumnRef, ColumnRef)]) -> Result<bool, Broken> {
    for (one, other) in on {
        let (one, other) = (
            value(sides, row, one, &DataType::Null)?,
            value(sides, row, other, &DataType::Null)?,
        );
        if one.is_null() || other.is_null() || wide(&one)? != wide(&other)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Integers of all widths are compared as one type.
fn wide(value: &ScalarValue) -> Result<ScalarValue, Broken> {
    Ok(match value.data_type().is_integer() {
        true => value.cast_to(&DataType::Int64)?,
        false => value.clone(),
    })
}

/// A value of a joined row; NULL of this type where there is none.
fn value(sides: &[RecordBatch], row: &Row, column: &ColumnRef, data_type: &DataType) -> Result<ScalarValue, Broken> {
    let Some(at) = row.get(column.table).copied().flatten() else {
        return Ok(ScalarValue::try_from(data_type)?);
    };
    let side = sides.get(column.table);
    let values = side.and_then(|side| side.column_by_name(column.column.as_str()));
    let values = values.ok_or_else(|| Broken::new("a column is not read"))?;
    Ok(ScalarValue::try_from_array(values, at)?)
}

/// A column of each side, often of the same name.
fn pair(random: &mut Random, known: &Known, before: usize, table: usize) -> Option<(ColumnRef, ColumnRef)> {
    let left = output(random, known, before)?;
    let right = if random.below(4) > 0 {
        left.name.clone()
    } else {
        output(random, known, table)?.name
    };
    let column = |table, name: String| ColumnRef {
        table,
        ..ColumnRef::of(name)
    };
    Some((column(before, left.name), column(table, right)))
}

fn output(random: &mut Random, known: &Known, table: usize) -> Option<OutputColumn> {
    let at = random.below(known.rows.num_columns());
    let schema = known.rows.schema();
    let field = schema.fields().get(at)?;
    Some(OutputColumn {
        name: field.name().clone(),
        value: OutputValue::Column(ColumnRef {
            table,
            ..ColumnRef::of(field.name().as_str())
        }),
        data_type: field.data_type().clone(),
        nullable: true,
    })
}

/// The same scan as how many rows there are of each.
fn group(scan: &mut ScanSpec) {
    for output in std::mem::take(&mut scan.output) {
        if let OutputValue::Column(column) = &output.value
            && !scan.group_by.contains(column)
        {
            scan.group_by.push(column.clone());
            scan.output.push(output);
        }
    }
    scan.aggregates.push(Aggregate {
        function: AggregateFunction::Count,
        argument: None,
    });
    scan.output.push(OutputColumn {
        name: "count".to_owned(),
        value: OutputValue::Aggregate(0),
        data_type: DataType::Int64,
        nullable: false,
    });
}

fn counted(rows: Vec<Vec<ScalarValue>>, whole: bool) -> Vec<String> {
    let mut groups: BTreeMap<String, (Vec<ScalarValue>, i64)> = BTreeMap::new();
    if whole {
        groups.insert("[]".to_owned(), (Vec::new(), 0));
    }
    for row in rows {
        groups.entry(format!("{row:?}")).or_insert((row, 0)).1 += 1;
    }
    let lines = groups.into_values().map(|(mut values, count)| {
        values.push(ScalarValue::Int64(Some(count)));
        format!("{values:?}")
    });
    lines.collect()
}

/// The rows of a batch as text, in the order of the text.
fn lines(batch: &RecordBatch) -> Result<Vec<String>, Broken> {
    let row = |row: usize| {
        let columns = batch.columns().iter();
        let values = columns.map(|column| ScalarValue::try_from_array(column, row));
        values
            .collect::<Result<Vec<_>, _>>()
            .map(|values| format!("{values:?}"))
    };
    let mut lines = (0..batch.num_rows()).map(row).collect::<Result<Vec<_>, _>>()?;
    lines.sort_unstable();
    Ok(lines)
}
