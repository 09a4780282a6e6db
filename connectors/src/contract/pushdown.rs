//! Is what the source does the same as what the engine would do, and is the rest refused or left alone?

use std::time::Duration;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use super::{Broken, Check, Outcome, Subject, ask, ensure, random::Random};
use crate::{
    call::{CallContext, Deadline},
    capability::{LimitVerdict, OperatorClass, OrderVerdict, Pushdown, TypeClass},
    connector::{Connector, PlanRequest},
    predicate::{CompareOp, Datum, FunctionId, LikePattern, Predicate},
    scan::{
        Aggregate, AggregateFunction, ColumnRef, DynamicSlot, DynamicSlotId, Guard, OutputColumn, OutputValue,
        ScanSpec, SortKey,
    },
    table_spec::TableSpec,
};

const SEEDS: u64 = 120;

pub(super) async fn random_predicates(subject: &Subject) -> Check {
    let (mut cx, lake) = (subject.call("random"), subject.lake());
    cx.deadline = Deadline::after(Duration::from_secs(100));
    ensure!(
        !lake.random.is_empty(),
        "the fixture has no table for random predicates"
    );
    for name in &lake.random {
        let spec = ask::table(subject.connector.as_ref(), &cx, &lake.database, name).await?;
        let [unsupported, inexact, exact] =
            pushed_is_not_pushed(subject.connector.as_ref(), &cx, &spec, (0..SEEDS, lake.sparse)).await?;
        ensure!(
            unsupported + inexact + exact > 0 && (exact > 0 || spec.capabilities.filter == Default::default()),
            "`{name}`: nothing was ever pushed"
        );
    }
    Ok(Outcome::Kept)
}

/// Reads with guards and conjuncts drawn from the seeds: with the residual applied, what comes back are the rows that pass
/// here; of a `sparse` table those at least that have all that the guard reads, and no others. Tells how many verdicts of each kind
/// there were (`Unsupported`, `Inexact`, `Exact`).
///
/// # Errors
/// With the first difference and its seed.
pub async fn pushed_is_not_pushed(
    connector: &dyn Connector,
    cx: &CallContext,
    spec: &TableSpec,
    (seeds, sparse): (std::ops::Range<u64>, bool),
) -> Result<[usize; 3], Broken> {
    let (_, all) = ask::read(connector, cx, ask::scan(spec, &[], Guard::none(), Vec::new())).await?;
    let [mut unsupported, mut inexact, mut exact] = [0; 3];
    for seed in seeds {
        let mut random = Random::of(seed);
        let rows = if random.below(2) == 0 {
            Predicate::True
        } else {
            random.predicate(&all, 3)
        };
        let filter: Vec<Predicate> = (0..random.below(3)).map(|_| random.predicate(&all, 3)).collect();
        let told = || format!("seed {seed}\nguard {rows:?}\nfilter {filter:?}");
        let scan = ask::scan(spec, &[], ask::guard(rows.clone()), filter.clone());
        let (planned, pushed) = ask::read(connector, cx, scan)
            .await
            .map_err(|error| Broken::new(format!("{error:?}\n{}", told())))?;
        for verdict in planned.filter.iter().chain([&planned.guard]) {
            match verdict {
                Pushdown::Unsupported => unsupported += 1,
                Pushdown::Inexact => inexact += 1,
                Pushdown::Exact => exact += 1,
            }
        }
        let mut everything = filter.clone();
        everything.push(rows.clone());
        let expected = ask::passing(&all, &everything)?;
        let found = ask::passing(&pushed, &ask::residual(&planned, &rows, &filter)?)?;
        let whole = rows
            .columns()
            .into_iter()
            .filter(|_| sparse)
            .map(|column| Predicate::IsNull {
                column: column.clone(),
                negated: true,
            });
        everything.extend(whole);
        let least = ask::passing(&all, &everything)?;
        ensure!(
            least.iter().all(|id| found.contains(id)) && found.iter().all(|id| expected.contains(id)),
            "{found:?} is not {expected:?}, nor {least:?} and more: {}\n{planned:?}",
            told()
        );
        if planned.guard == Pushdown::Exact {
            let visible = ask::passing(&pushed, std::slice::from_ref(&rows))?;
            ensure!(visible.len() == pushed.num_rows(), "a hidden row came: {}", told());
        }
    }
    Ok([unsupported, inexact, exact])
}

pub(super) async fn limits(subject: &Subject) -> Check {
    let (cx, lake) = (subject.call("limits"), subject.lake());
    let spec = ask::table(subject.connector.as_ref(), &cx, &lake.database, lake.numbers).await?;
    let few = Predicate::Between {
        column: ColumnRef::of("id"),
        low: Datum(number(&spec, 10)?),
        high: Datum(number(&spec, 29)?),
    };
    for (rows, limit) in [
        (Predicate::True, 0),
        (Predicate::True, 13),
        (few.clone(), 13),
        (few.clone(), 50),
    ] {
        for filter in [Vec::new(), vec![few.clone()]] {
            let mut scan = ask::scan(&spec, &["id"], ask::guard(rows.clone()), filter.clone());
            scan.limit = Some(limit);
            let (planned, found) = ask::read(subject.connector.as_ref(), &cx, scan).await?;
            let restricted = !filter.is_empty() || !matches!(rows, Predicate::True);
            let matching = if restricted { 20 } else { super::fixture::NUMBERS };
            let limit = usize::try_from(limit)?;
            match planned.limit {
                LimitVerdict::Exact => {
                    let exact =
                        planned.guard == Pushdown::Exact && planned.filter.iter().all(|one| *one == Pushdown::Exact);
                    ensure!(exact, "a limit below a condition that the engine applies: {planned:?}");
                    ensure!(
                        found.num_rows() == matching.min(limit),
                        "{} rows of {limit}",
                        found.num_rows()
                    );
                }
                LimitVerdict::PerSplit | LimitVerdict::Unsupported => {
                    let mut kept = filter.clone();
                    kept.push(rows.clone());
                    let found = ask::passing(&found, &kept)?;
                    ensure!(found.len() >= matching.min(limit), "{} rows of {limit}", found.len());
                }
            }
        }
    }
    Ok(Outcome::Kept)
}

/// A literal of the type of `id`.
pub(super) fn number(spec: &TableSpec, value: i64) -> Result<ScalarValue, Broken> {
    let kind = spec.schema.field_with_name("id")?.data_type();
    Ok(ScalarValue::Int64(Some(value)).cast_to(kind)?)
}

pub(super) async fn claims(subject: &Subject) -> Check {
    let (cx, lake) = (subject.call("claims"), subject.lake());
    let best = &subject.connector.spec().capabilities.filter;
    for name in &lake.random {
        let spec = ask::table(subject.connector.as_ref(), &cx, &lake.database, name).await?;
        let (_, all) = ask::read(
            subject.connector.as_ref(),
            &cx,
            ask::scan(&spec, &[], Guard::none(), Vec::new()),
        )
        .await?;
        for (field, values) in spec.schema.fields().iter().zip(all.columns()) {
            let class = TypeClass::of(field.data_type());
            let present = (0..values.len()).find(|row| values.is_valid(*row));
            let value = match present {
                Some(row) => ScalarValue::try_from_array(values, row)?,
                None => continue,
            };
            for (operator, predicate) in leaves(field.name(), &value)? {
                let claimed = spec.capabilities.filter.verdict(operator, class);
                ensure!(
                    claimed <= best.verdict(operator, class),
                    "`{name}` claims more than the connector: {operator:?} on {class:?}"
                );
                let scan = ask::scan(&spec, &["id"], Guard::none(), vec![predicate]);
                let planned = subject.connector.plan(&cx, PlanRequest { scan }).await?;
                let given = planned.filter.first().copied().unwrap_or_default();
                // A literal may have no place in the source's language (±0.0): weaker is allowed, stronger is not.
                ensure!(
                    claimed != Pushdown::Unsupported || given == Pushdown::Unsupported,
                    "`{name}.{}`: {operator:?} is not claimed and still {given:?}",
                    field.name()
                );
                let zero = matches!(class, TypeClass::Float);
                ensure!(
                    claimed != Pushdown::Exact || given == Pushdown::Exact || zero,
                    "`{name}.{}`: {operator:?} is claimed as exact and {given:?}",
                    field.name()
                );
            }
        }
    }
    Ok(Outcome::Kept)
}

fn leaves(column: &str, value: &ScalarValue) -> Result<Vec<(OperatorClass, Predicate)>, Broken> {
    let compare = |op| Predicate::compare(column, op, value.clone());
    let mut all = vec![(
        OperatorClass::Null,
        Predicate::IsNull {
            column: ColumnRef::of(column),
            negated: true,
        },
    )];
    if matches!(value.data_type(), DataType::Interval(_)) {
        return Ok(all);
    }
    all.extend([
        (OperatorClass::Equality, compare(CompareOp::NotEq)),
        (OperatorClass::Range, compare(CompareOp::LtEq)),
    ]);
    if matches!(value, ScalarValue::Utf8(_)) {
        for (class, pattern) in [(OperatorClass::LikePrefix, "a%"), (OperatorClass::Like, "%a_")] {
            let pattern = LikePattern::parse(pattern, None)?;
            let column = ColumnRef::of(column);
            all.push((class, Predicate::Like { column, pattern }));
        }
    }
    Ok(all)
}

pub(super) async fn unclaimed(subject: &Subject) -> Check {
    let (cx, lake) = (subject.call("unclaimed"), subject.lake());
    let spec = ask::table(subject.connector.as_ref(), &cx, &lake.database, lake.numbers).await?;
    let plain = || ask::scan(&spec, &["id"], Guard::none(), Vec::new());
    let can = &spec.capabilities;

    if can.aggregate.0.is_empty() {
        let planned = subject
            .connector
            .plan(&cx, PlanRequest { scan: counted(plain()) })
            .await;
        ensure!(
            planned.is_err(),
            "an aggregate that is not claimed is planned: {planned:?}"
        );
    }
    if can.top_n == Pushdown::Unsupported {
        let mut scan = plain();
        scan.order.push(SortKey {
            column: ColumnRef::of("id"),
            descending: true,
            nulls_first: false,
        });
        scan.limit = Some(3);
        if let Ok(planned) = subject.connector.plan(&cx, PlanRequest { scan: scan.clone() }).await {
            ensure!(
                planned.order == OrderVerdict::Unsupported && planned.limit == LimitVerdict::Unsupported,
                "a limit without its order: {planned:?}"
            );
            let (_, rows) = ask::read(subject.connector.as_ref(), &cx, scan).await?;
            ensure!(
                rows.num_rows() >= super::fixture::NUMBERS,
                "{} rows of a top 3",
                rows.num_rows()
            );
        }
    }
    if can.dynamic_filter.is_none() {
        let mut scan = plain();
        scan.dynamic.push(DynamicSlot {
            id: DynamicSlotId(1),
            columns: vec![ColumnRef::of("id")],
        });
        let planned = subject.connector.plan(&cx, PlanRequest { scan }).await?;
        ensure!(planned.dynamic == [Pushdown::Unsupported], "{planned:?}");
    }
    let mut scan = plain();
    scan.filter.push(Predicate::Call {
        function: FunctionId("no_such_function"),
        arguments: Vec::new(),
    });
    let planned = subject.connector.plan(&cx, PlanRequest { scan }).await;
    let given = planned.as_ref().ok().and_then(|planned| planned.filter.first());
    ensure!(
        planned.is_err() || given == Some(&Pushdown::Unsupported),
        "an unknown function is planned: {planned:?}"
    );
    Ok(Outcome::Kept)
}

fn counted(mut scan: ScanSpec) -> ScanSpec {
    scan.aggregates.push(Aggregate {
        function: AggregateFunction::Count,
        argument: None,
    });
    scan.output = vec![OutputColumn {
        name: "n".to_owned(),
        value: OutputValue::Aggregate(0),
        data_type: DataType::Int64,
        nullable: false,
    }];
    scan
}
