//! How are the relational connectors asked in tests? Plans, reads, and predicates drawn from a seed.

use std::{sync::Arc, time::Duration};

use arrow::{
    array::{Array, ArrayRef, Int64Array, RecordBatch},
    compute::{concat_batches, filter_record_batch},
    datatypes::DataType,
};
use datafusion::common::ScalarValue;
use futures::TryStreamExt;
use lakegate_connectors::{
    call::CallContext,
    capability::Pushdown,
    connection::Connection,
    connector::{Connector, DescribeRequest, DescribeResponse, PlanRequest, PlanResponse},
    error::Result,
    predicate::{CompareOp, Datum, LikePattern, Predicate},
    scan::{ColumnId, ColumnRef, Guard, OutputColumn, OutputValue, ScanSpec},
    split::{ReadRequest, ReadStream, SplitsRequest},
    table_spec::{RemoteName, TableSpec},
};

pub const BATCH_ROWS: usize = 7;

pub fn context(connection: &Arc<Connection>) -> CallContext {
    CallContext::new("test-query", Arc::clone(connection), Duration::from_secs(30))
}

pub async fn table(connector: &dyn Connector, cx: &CallContext, database: &str, name: &str) -> Result<TableSpec> {
    match connector
        .describe(cx, DescribeRequest::Table(RemoteName::table(database, name)))
        .await?
    {
        DescribeResponse::Table(spec) => Ok(*spec),
        other => panic!("not a table: {other:?}"),
    }
}

/// A scan of these columns of a table.
pub fn scan(spec: &TableSpec, columns: &[&str], guard: Guard, filter: Vec<Predicate>) -> ScanSpec {
    let output = columns.iter().map(|name| {
        let field = spec.schema.field_with_name(name).expect("column");
        OutputColumn {
            name: (*name).to_owned(),
            value: OutputValue::Column(ColumnRef::of(*name)),
            data_type: field.data_type().clone(),
            nullable: field.is_nullable(),
        }
    });
    let all = spec.columns.iter().map(|column| column.id.clone()).collect();
    let mut scan = ScanSpec::table(spec.handle.clone(), all, guard, output.collect());
    scan.filter = filter;
    scan
}

pub fn guard(rows: Predicate) -> Guard {
    Guard {
        rows,
        masks: Vec::<(ColumnId, _)>::new(),
    }
}

pub async fn open(connector: &dyn Connector, cx: &CallContext, scan: ScanSpec) -> Result<(PlanResponse, ReadStream)> {
    let planned = connector.plan(cx, PlanRequest { scan }).await?;
    let request = SplitsRequest {
        scan: planned.handle.clone(),
        parallelism: 4,
        token: None,
    };
    let page = connector.splits(cx, request).await?;
    assert_eq!((page.splits.len(), page.next), (1, None));
    let split = page.splits.first().expect("split").handle.clone();
    let request = ReadRequest {
        split,
        batch_rows: BATCH_ROWS,
        dynamic: Vec::new(),
        row_hint: None,
    };
    let stream = connector.read(cx, request).await?;
    assert_eq!(stream.schema, planned.schema);
    Ok((planned, stream))
}

/// Plan and all rows, every batch checked against the planned schema.
pub async fn read(connector: &dyn Connector, cx: &CallContext, scan: ScanSpec) -> Result<(PlanResponse, RecordBatch)> {
    let (planned, stream) = open(connector, cx, scan).await?;
    let batches: Vec<RecordBatch> = stream.batches.try_collect().await?;
    for batch in &batches {
        assert_eq!(batch.schema(), planned.schema);
        assert!(batch.num_rows() > 0 && batch.num_rows() <= BATCH_ROWS);
    }
    let whole = concat_batches(&planned.schema, &batches).expect("batches");
    Ok((planned, whole))
}

/// What the engine keeps above the scan.
fn residual(planned: &PlanResponse, guard: &Predicate, filter: &[Predicate]) -> Vec<Predicate> {
    let mut kept = Vec::new();
    if planned.guard != Pushdown::Exact {
        kept.push(guard.clone());
    }
    assert_eq!(planned.filter.len(), filter.len());
    kept.extend(
        filter
            .iter()
            .zip(&planned.filter)
            .filter(|(_, verdict)| **verdict != Pushdown::Exact)
            .map(|(one, _)| one.clone()),
    );
    kept
}

/// The `id`s of the rows that pass.
pub fn passing(batch: &RecordBatch, predicates: &[Predicate]) -> Vec<i64> {
    let outcome = Predicate::And(predicates.to_vec()).evaluate(batch).expect("outcome");
    let rows = filter_record_batch(batch, &outcome).expect("rows");
    let ids = arrow::compute::cast(rows.column_by_name("id").expect("id"), &DataType::Int64).expect("ids");
    let mut ids: Vec<i64> = ids
        .as_any()
        .downcast_ref::<Int64Array>()
        .expect("ids")
        .values()
        .to_vec();
    ids.sort_unstable();
    ids
}

/// Pushed = not pushed, for guards and conjuncts drawn from the seeds; tells how many verdicts of each kind there were.
pub async fn pushed_is_not_pushed(
    connector: &dyn Connector,
    cx: &CallContext,
    spec: &TableSpec,
    seeds: u64,
) -> [usize; 3] {
    let columns: Vec<&str> = spec.schema.fields().iter().map(|field| field.name().as_str()).collect();
    let (_, all) = read(connector, cx, scan(spec, &columns, Guard::none(), Vec::new()))
        .await
        .expect("whole table");
    let mut verdicts = [0; 3];
    for seed in 0..seeds {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1);
        let rows = if random.below(2) == 0 {
            Predicate::True
        } else {
            random.predicate(&all, 3)
        };
        let filter: Vec<Predicate> = (0..random.below(3)).map(|_| random.predicate(&all, 3)).collect();
        let (planned, pushed) = read(connector, cx, scan(spec, &columns, guard(rows.clone()), filter.clone()))
            .await
            .unwrap_or_else(|error| {
                panic!("seed {seed}: {error:?}\nguard {rows:?}\nfilter {filter:?}");
            });
        for verdict in planned.filter.iter().chain([&planned.guard]) {
            verdicts[*verdict as usize] += 1;
        }
        let mut everything = filter.clone();
        everything.push(rows.clone());
        let expected = passing(&all, &everything);
        let found = passing(&pushed, &residual(&planned, &rows, &filter));
        assert_eq!(
            found, expected,
            "seed {seed}\nguard {rows:?}\nfilter {filter:?}\n{planned:?}"
        );
        if !matches!(rows, Predicate::True) && planned.guard == Pushdown::Exact {
            // No hidden row left the source.
            assert_eq!(
                passing(&pushed, std::slice::from_ref(&rows)).len(),
                pushed.num_rows(),
                "seed {seed}"
            );
        }
    }
    verdicts
}

/// A small generator: the same numbers on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }

    fn value(&mut self, column: &ArrayRef) -> Option<ScalarValue> {
        let present: Vec<usize> = (0..column.len()).filter(|row| column.is_valid(*row)).collect();
        if present.is_empty() {
            return None;
        }
        let row = present[self.below(present.len())];
        Some(ScalarValue::try_from_array(column, row).expect("value"))
    }

    pub fn predicate(&mut self, batch: &RecordBatch, depth: usize) -> Predicate {
        if depth > 0 && self.below(2) == 0 {
            let parts = (0..1 + self.below(3))
                .map(|_| self.predicate(batch, depth - 1))
                .collect();
            return match self.below(3) {
                0 => Predicate::And(parts),
                1 => Predicate::Or(parts),
                _ => Predicate::Not(Box::new(Predicate::Or(parts))),
            };
        }
        let number = self.below(batch.num_columns());
        let name = batch.schema().field(number).name().clone();
        let column = ColumnRef::of(name.as_str());
        let null = Predicate::IsNull {
            column: column.clone(),
            negated: self.below(2) == 0,
        };
        // Not comparable in the engine either.
        if matches!(batch.column(number).data_type(), DataType::Interval(_)) {
            return null;
        }
        let (Some(one), Some(other)) = (self.value(batch.column(number)), self.value(batch.column(number))) else {
            return null;
        };
        match self.below(10) {
            0 => null,
            1 | 2 => Predicate::InSet {
                column,
                values: ScalarValue::iter_to_array([one, other]).expect("set"),
                or_null: self.below(2) == 0,
            },
            3 => Predicate::Between {
                column,
                low: Datum(one),
                high: Datum(other),
            },
            4 if batch.column(number).data_type() == &DataType::Utf8 => {
                let ScalarValue::Utf8(Some(text)) = one else {
                    return null;
                };
                let head: String = text.chars().take(2).collect();
                let pattern = ["%", "_%", "%a%"][self.below(3)];
                let escaped: String = head.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
                Predicate::Like {
                    column,
                    pattern: LikePattern::parse(&format!("{escaped}{pattern}"), Some('\\')).expect("pattern"),
                }
            }
            n => {
                let op = [
                    CompareOp::Eq,
                    CompareOp::NotEq,
                    CompareOp::Lt,
                    CompareOp::LtEq,
                    CompareOp::Gt,
                    CompareOp::GtEq,
                ][n % 6];
                Predicate::Compare {
                    column,
                    op,
                    value: Datum(one),
                }
            }
        }
    }
}
