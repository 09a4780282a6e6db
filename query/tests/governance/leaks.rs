//! Which leaks does a row filter have that is an ordinary view, and are they closed on the governed table?
//!
//! governance.md §6, first in minimal form on plain DataFusion: if a later release no longer leaks, `PLAIN` says so here.

use std::{collections::HashSet, sync::Arc};

use datafusion::{
    common::DFSchemaRef,
    datasource::MemTable,
    error::Result as EngineResult,
    execution::SessionStateBuilder,
    logical_expr::{
        Expr, Extension, LogicalPlan, LogicalPlanBuilder, UserDefinedLogicalNodeCore, lit, scalar_subquery,
    },
    optimizer::{Optimizer, OptimizerContext, push_down_filter::PushDownFilter},
    physical_plan::collect,
    prelude::{ParquetReadOptions, SessionConfig, SessionContext},
};

use crate::{
    directory,
    door::{Rows, ask, assert_no_canary, lines, session_with},
    fixture::{HIDDEN, Lake, VISIBLE, batch, schema, write_parquet},
};

/// `v` shows the regions that `alice` may see, as a view over one file of one row group.
async fn plain(directory: &std::path::Path) -> SessionContext {
    let rows: Vec<_> = VISIBLE.iter().chain(&HIDDEN[..1]).copied().collect();
    write_parquet(&directory.join("all.parquet"), &[batch(&rows)]);
    let config = SessionConfig::new().with_target_partitions(2);
    let context = SessionContext::new_with_config(config);
    let file = directory.join("all.parquet");
    context
        .register_parquet("o", file.to_str().unwrap(), ParquetReadOptions::default())
        .await
        .unwrap();
    let view = "CREATE VIEW v AS SELECT * FROM o WHERE region IN ('DE', 'FR')";
    context.sql(view).await.unwrap();
    context
}

async fn run(context: &SessionContext, sql: &str) -> EngineResult<Vec<String>> {
    let plan = context.sql(sql).await?.create_physical_plan().await?;
    Ok(lines(&collect(plan, context.task_ctx()).await?))
}

/// The probe queries of `barrier_probe.rs` and of governance.md §6, and whether the view fails on hidden rows in 55.2.
const PROBES: &[(&str, bool)] = &[
    // H1: a narrowing projection with a computation moves below the filter.
    (
        "SELECT region, CAST(concat(code, '') AS INT) + qty + length(tenant) AS x FROM {t}",
        true,
    ),
    ("SELECT region, 10 / (qty * length(tenant)) FROM {t}", true),
    // Adjacent filters merge and are reordered.
    ("SELECT id FROM {t} WHERE 10 / qty > 0", true),
    ("SELECT id FROM {t} WHERE CAST(code AS INT) >= 10", true),
    (
        "SELECT 10 / qty AS a, 20 / qty AS b FROM {t} WHERE 10 / qty > 0 AND 20 / qty > 0",
        true,
    ),
    ("SELECT id FROM {t} WHERE random() >= 0 AND 10 / qty > 0", true),
    // A guard made of CASE becomes AND and OR.
    (
        "SELECT id FROM {t} WHERE CASE WHEN qty > 0 THEN 10 / qty > 0 ELSE FALSE END",
        true,
    ),
    ("SELECT id FROM {t} ORDER BY CAST(code AS INT)", false),
    (
        "SELECT id FROM {t} WHERE id IN (SELECT CAST(code AS BIGINT) / 10 FROM {t})",
        false,
    ),
    (
        "SELECT a.id FROM {t} a JOIN {t} b ON a.id = CAST(b.code AS BIGINT) / 10",
        false,
    ),
    ("SELECT id FROM (SELECT * FROM {t} OFFSET 0) x WHERE 10 / qty > 0", true),
    ("SELECT id FROM {t}", false),
    ("SELECT id FROM {t} LIMIT 3", false),
];

#[tokio::test]
async fn probes_leak_through_a_view_and_not_through_the_barrier() {
    let plain_directory = tempfile::tempdir().unwrap();
    let view = plain(plain_directory.path()).await;
    let governed_directory = tempfile::tempdir().unwrap();
    let rows: Vec<_> = VISIBLE.iter().chain(HIDDEN).copied().collect();
    write_parquet(&governed_directory.path().join("all.parquet"), &[batch(&rows)]);
    let lake = Lake::default();
    let mut changed = Vec::new();
    for (sql, leaks) in PROBES {
        let outcome = run(&view, &sql.replace("{t}", "v")).await;
        if outcome.is_err() != *leaks {
            changed.push(format!(
                "{sql}: the view {}",
                if *leaks { "no longer leaks" } else { "leaks now" }
            ));
        }
        let spread = directory();
        for source in [
            Rows::Memory,
            Rows::Files(governed_directory.path()),
            Rows::Files(spread.path()),
        ] {
            let seen = ask(&lake, "alice", source, &sql.replace("{t}", "orders")).await;
            let seen = seen.unwrap_or_else(|error| panic!("{source:?} {sql}: {error:?}"));
            assert_eq!(seen.len(), 3, "{source:?} {sql}: {seen:?}");
        }
    }
    assert!(changed.is_empty(), "note what this release does: {changed:#?}");
}

#[tokio::test]
async fn h1_needs_no_where() {
    let directory = tempfile::tempdir().unwrap();
    let context = plain(directory.path()).await;
    let error = run(&context, PROBES[0].0.replace("{t}", "v").as_str())
        .await
        .unwrap_err()
        .to_string();
    // H3: the engine's text carries the hidden value.
    assert!(error.contains("CANARY_NAN"), "{error}");
}

/// A node that lets no condition pass, by the engine's own means.
#[derive(Debug, Eq, Hash, PartialEq)]
struct Fence {
    input: LogicalPlan,
}

impl PartialOrd for Fence {
    fn partial_cmp(&self, _: &Self) -> Option<std::cmp::Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for Fence {
    fn name(&self) -> &'static str {
        "Fence"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }
    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }
    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    }
    fn fmt_for_explain(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fence")
    }
    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> EngineResult<Self> {
        Ok(Self {
            input: inputs.remove(0),
        })
    }
}

#[tokio::test]
async fn h2_an_extension_node_is_no_barrier() {
    let context = SessionContext::new();
    context.register_batch("o", batch(VISIBLE)).unwrap();
    let input = context.table("o").await.unwrap().into_unoptimized_plan();
    let fence = LogicalPlan::Extension(Extension {
        node: Arc::new(Fence { input }),
    });
    // Without columns, and not constant: a scalar subquery.
    let one = context
        .sql("SELECT max(id) FROM o")
        .await
        .unwrap()
        .into_unoptimized_plan();
    let condition = scalar_subquery(Arc::new(one)).gt(lit(1_i64));
    let plan = LogicalPlanBuilder::from(fence)
        .filter(condition)
        .unwrap()
        .build()
        .unwrap();
    let optimized = Optimizer::with_rules(vec![Arc::new(PushDownFilter::new())])
        .optimize(plan, &OptimizerContext::new(), |_, _| {})
        .unwrap();
    let text = optimized.display_indent().to_string();
    let (fence, filter) = (text.find("Fence"), text.find("(<subquery>) > Int64(1)"));
    assert!(
        fence < filter,
        "the engine no longer pushes conditions without columns through extension nodes: {text}"
    );
}

#[tokio::test]
async fn h2_conditions_without_columns_run_where_the_engine_likes() {
    // On the governed table they run above the barrier: they see as many rows as are visible.
    let lake = Lake::default();
    let directory = directory();
    for source in [Rows::Memory, Rows::Files(directory.path())] {
        let seen = ask(&lake, "alice", source, "SELECT count(*) FROM orders WHERE random() < 2")
            .await
            .unwrap();
        assert_eq!(seen, ["3"]);
        let seen = ask(&lake, "alice", source, "SELECT count(*) FROM orders WHERE 1 = 0")
            .await
            .unwrap();
        assert_eq!(seen, ["0"]);
    }
}

#[tokio::test]
async fn h3_error_texts_carry_no_value() {
    let lake = Lake::default();
    let directory = directory();
    std::fs::write(directory.path().join("z.parquet"), b"PAR1 CANARY broken PAR1").unwrap();
    let error = ask(&lake, "alice", Rows::Files(directory.path()), "SELECT id FROM orders")
        .await
        .unwrap_err();
    assert_no_canary(&error.to_string());
    assert!(!error.to_string().contains("z.parquet"), "{error}");
}

#[tokio::test]
async fn operator_settings_change_nothing() {
    let lake = Lake::default();
    let directory = directory();
    let cx = lake.context("alice");
    for key in [
        "datafusion.execution.parquet.pushdown_filters",
        "datafusion.execution.parquet.reorder_filters",
    ] {
        let config = SessionConfig::new()
            .with_target_partitions(2)
            .set_bool(key, true)
            .set_bool("datafusion.execution.collect_statistics", true);
        let context = session_with(
            SessionStateBuilder::new().with_default_features(),
            config,
            Some(directory.path()),
        );
        let source = crate::door::file_source(&lake, directory.path()).await;
        context
            .register_table("orders", Arc::new(crate::door::governed(&cx, source).unwrap()))
            .unwrap();
        for (sql, _) in PROBES {
            let seen = crate::door::rows(&cx, &context, &sql.replace("{t}", "orders"))
                .await
                .unwrap();
            assert_eq!(lines(&seen).len(), 3, "{key} {sql}");
        }
        // A3: no cast in a dynamic filter of the scan.
        let seen = crate::door::rows(
            &cx,
            &context,
            "SELECT id FROM orders ORDER BY CAST(code AS INT) LIMIT 1",
        )
        .await
        .unwrap();
        assert_eq!(lines(&seen), ["1"]);
    }
}

#[tokio::test]
async fn wrong_statistics_of_a_view_are_trusted_and_ours_are_not() {
    // A table that says how many rows it has: the engine answers count(*) from that, below a filter of ours it cannot.
    let context = SessionContext::new();
    let table = MemTable::try_new(schema(), vec![vec![batch(VISIBLE), batch(HIDDEN)]]).unwrap();
    context.register_table("o", Arc::new(table)).unwrap();
    let plan = context
        .sql("SELECT count(*) FROM o")
        .await
        .unwrap()
        .create_physical_plan()
        .await
        .unwrap();
    let text = crate::door::shown(&plan);
    assert!(
        text.contains("PlaceholderRowExec"),
        "plain count(*) is no longer folded: {text}"
    );
    let (cx, context) = crate::door::open(&Lake::default(), "alice", Rows::Memory)
        .await
        .unwrap();
    for sql in ["SELECT count(*) FROM orders", "SELECT min(id), max(id) FROM orders"] {
        let plan = crate::door::plan(&cx, &context, sql).await.unwrap();
        assert!(crate::door::shown(&plan).contains("GovernedScanExec"));
    }
}
