//! Does the final walk refuse what is not governed? governance.md §6.3.

use std::{any::Any, sync::Arc};

use datafusion::{
    arrow::{
        array::{ArrayRef, Float64Array, Int64Array, RecordBatch},
        datatypes::SchemaRef,
    },
    common::tree_node::TreeNodeRecursion,
    datasource::MemTable,
    error::Result as EngineResult,
    execution::{SendableRecordBatchStream, SessionStateBuilder, TaskContext},
    physical_expr::PhysicalExpr,
    physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, empty::EmptyExec},
    prelude::ParquetReadOptions,
};
use lakegate_query::{
    error::ErrorCode,
    govern::{TableSource, invariant},
};

use crate::{
    directory,
    door::{Rows, governed, lines, open, plan, rows, session},
    fixture::{HIDDEN, Lake, VISIBLE, batch, schema},
};

#[tokio::test]
async fn an_ungoverned_scan_is_refused_wherever_it_stands() {
    let lake = Lake::default();
    let directory = directory();
    let (cx, context) = open(&lake, "alice", Rows::Memory).await.unwrap();
    let table = MemTable::try_new(schema(), vec![vec![batch(VISIBLE)]]).unwrap();
    context.register_table("loose", Arc::new(table)).unwrap();
    let file = directory.path().join("a.parquet");
    context
        .register_parquet("file", file.to_str().unwrap(), ParquetReadOptions::default())
        .await
        .unwrap();
    for sql in [
        "SELECT id FROM loose",
        "SELECT id FROM file",
        "SELECT o.id FROM orders o JOIN loose l ON o.id = l.id",
        "SELECT id FROM orders UNION ALL SELECT id FROM file",
        "SELECT id FROM orders WHERE id = (SELECT max(id) FROM loose WHERE note > 'a')",
        "SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM file f WHERE f.id = orders.id)",
        "WITH x AS (SELECT id FROM loose) SELECT * FROM x",
    ] {
        let error = plan(&cx, &context, sql).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::PlanInvariant, "{sql}");
        crate::door::assert_no_canary(&error.to_string());
    }
    for sql in [
        "SELECT 1",
        "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v(x, y) WHERE x > 1",
        "SELECT y FROM (VALUES (1, 'a'), (2, 'b')) v(x, y)",
        "SELECT * FROM generate_series(1, 3)",
        "SELECT * FROM range(1, 3)",
        "SELECT * FROM generate_series(NULL, 3)",
        "SELECT * FROM generate_series(TIMESTAMP '2020-01-01', TIMESTAMP '2020-01-02', INTERVAL '1 hour')",
        "SELECT id FROM orders WHERE FALSE",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT * FROM r",
        "SELECT id FROM orders WHERE id = (SELECT max(id) FROM orders)",
    ] {
        plan(&cx, &context, sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

#[tokio::test]
async fn a_scan_of_another_statement_is_refused() {
    let lake = Lake::default();
    let (cx, context) = open(&lake, "dana", Rows::Memory).await.unwrap();
    let other = lake.context("alice");
    let stolen = plan(&cx, &context, "SELECT ssn FROM orders").await.unwrap();
    assert_eq!(
        invariant::check(&stolen, &other).unwrap_err().code,
        ErrorCode::PlanInvariant
    );
    invariant::check(&stolen, &cx).unwrap();
}

/// A leaf that nobody knows, and that claims to be something else.
#[derive(Debug)]
struct Disguised {
    properties: Arc<PlanProperties>,
    face: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for Disguised {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GovernedScanExec")
    }
}

impl ExecutionPlan for Disguised {
    fn name(&self) -> &'static str {
        "GovernedScanExec"
    }
    fn downcast_delegate(&self) -> Option<&dyn ExecutionPlan> {
        Some(self.face.as_ref())
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }
    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> EngineResult<TreeNodeRecursion>,
    ) -> EngineResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> EngineResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> EngineResult<SendableRecordBatchStream> {
        self.face.execute(partition, context)
    }
}

#[tokio::test]
async fn a_disguised_leaf_is_refused() {
    let lake = Lake::default();
    let (cx, context) = open(&lake, "alice", Rows::Memory).await.unwrap();
    let real = plan(&cx, &context, "SELECT id FROM orders").await.unwrap();
    let faces: Vec<Arc<dyn ExecutionPlan>> = vec![real, Arc::new(EmptyExec::new(schema()))];
    for face in faces {
        let _: &dyn Any = face.as_ref();
        let disguised: Arc<dyn ExecutionPlan> = Arc::new(Disguised {
            properties: Arc::clone(face.properties()),
            face,
        });
        assert_eq!(
            invariant::check(&disguised, &cx).unwrap_err().code,
            ErrorCode::PlanInvariant
        );
    }
}

#[tokio::test]
async fn a_decision_of_another_epoch_is_refused() {
    let lake = Lake::default();
    let cx = lake.context("alice");
    let mut grant = crate::door::attempt(&cx).grant.unwrap();
    grant.epoch += 1;
    let source = crate::door::memory_source();
    let error = lakegate_query::govern::GovernedTable::new(cx, grant, source).unwrap_err();
    assert_eq!(error.code, ErrorCode::PlanInvariant);
}

#[tokio::test]
async fn a_cancelled_query_reads_nothing() {
    let lake = Lake::default();
    let (cx, context) = open(&lake, "alice", Rows::Memory).await.unwrap();
    let plan = plan(&cx, &context, "SELECT id FROM orders").await.unwrap();
    cx.cancel.cancel();
    let error = datafusion::physical_plan::collect(plan, context.task_ctx())
        .await
        .unwrap_err();
    let error = lakegate_query::engine_error::translate(error, lakegate_query::engine_error::Phase::Execute);
    assert_eq!(error.code, ErrorCode::QueryCancelled);
}

fn measures(rows: &[(i64, Option<f64>)]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(rows.iter().map(|row| Some(row.0)).collect::<Int64Array>());
    let values: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<Float64Array>());
    RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("f", values, true)]).unwrap()
}

/// NaN is greatest, and is neither pruned away by statistics that leave it out nor by the user's condition.
#[tokio::test]
async fn nan_rows_are_not_lost_to_pruning() {
    let directory = tempfile::tempdir().unwrap();
    let groups = [
        measures(&[(1, Some(0.5)), (2, Some(f64::NAN))]),
        measures(&[(3, Some(1.0)), (4, None)]),
    ];
    crate::fixture::write_parquet(&directory.path().join("f.parquet"), &groups);
    let mut lake = Lake::default();
    lake.columns.retain(|column| column.name == "id");
    let mut float = lake.columns[0].clone();
    (float.id, float.name, float.data_type) = (crate::fixture::id("c-qty"), "f".to_owned(), "double".to_owned());
    lake.columns.push(float);
    lake.filters.clear();
    lake.grants
        .retain(|(user, privilege, ..)| user == "dana" && privilege == "select");
    let store = Some(directory.path());
    let cx = lake.context("dana");
    for (sql, expected) in [
        ("SELECT id FROM orders WHERE f > 1", vec!["2"]),
        ("SELECT id FROM orders WHERE f >= 0.75", vec!["2", "3"]),
        ("SELECT max(f) FROM orders", vec!["NaN"]),
    ] {
        let source = crate::door::file_source(&lake, directory.path()).await;
        let context = session(SessionStateBuilder::new().with_default_features(), store);
        context
            .register_table("orders", Arc::new(governed(&cx, source).unwrap()))
            .unwrap();
        assert_eq!(lines(&rows(&cx, &context, sql).await.unwrap()), expected, "{sql}");
    }
}

/// A column whose file statistics say min = max must still show the values that are in the pages.
#[tokio::test]
async fn constant_columns_come_from_pages() {
    let lake = Lake::default();
    let directory = tempfile::tempdir().unwrap();
    crate::fixture::write_parquet(&directory.path().join("c.parquet"), &[batch(&VISIBLE[..1])]);
    let seen = crate::door::ask(
        &lake,
        "alice",
        Rows::Files(directory.path()),
        "SELECT tenant, region, note FROM orders",
    )
    .await;
    assert_eq!(seen.unwrap(), ["t1|DE|ok"]);
}

#[tokio::test]
async fn an_empty_table_and_empty_batches_are_fine() {
    let lake = Lake::default();
    let empty: SchemaRef = schema();
    for batches in [
        vec![],
        vec![RecordBatch::new_empty(Arc::clone(&empty))],
        vec![batch(&HIDDEN[..1])],
    ] {
        let cx = lake.context("alice");
        let source = TableSource::Memory {
            schema: Arc::clone(&empty),
            batches,
        };
        let context = session(SessionStateBuilder::new().with_default_features(), None);
        context
            .register_table("orders", Arc::new(governed(&cx, source).unwrap()))
            .unwrap();
        assert_eq!(
            lines(
                &rows(&cx, &context, "SELECT count(*), min(ssn) FROM orders")
                    .await
                    .unwrap()
            ),
            ["0|-"]
        );
        assert!(lines(&rows(&cx, &context, "SELECT * FROM orders").await.unwrap()).is_empty());
    }
}
