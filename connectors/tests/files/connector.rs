//! Does the connector answer honestly, and do filters that the engine pushes stay with the engine?

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arrow::{
    array::{ArrayRef, Float64Array, Int64Array, RecordBatch},
    datatypes::DataType,
};
use datafusion::{
    config::ConfigOptions,
    physical_expr::expressions::{binary, col, lit},
    physical_optimizer::{PhysicalOptimizerRule, filter_pushdown::FilterPushdown},
    physical_plan::{ExecutionPlan, collect, displayable, filter::FilterExec},
    prelude::SessionContext,
};
use lakegate_connectors::{
    call::CallContext,
    connection::Connection,
    connector::{DescribeRequest, DescribeResponse},
    error::ConnectorErrorKind,
    files::{FileScan, Format, scan, store_url},
    registry::Registry,
    table_spec::RemoteName,
};

use crate::lake::Lake;

#[tokio::test]
async fn ping_opens_the_root() {
    let lake = Lake::new();
    let registry = Registry::built_in();
    let files = registry.connector("files").expect("files");
    let cx = CallContext::new("q", Arc::clone(&lake.connection), Duration::from_secs(5));
    assert!(matches!(
        files.describe(&cx, DescribeRequest::Ping).await,
        Ok(DescribeResponse::Pong)
    ));
    let table = files
        .describe(&cx, DescribeRequest::Table(RemoteName::table("d", "t")))
        .await;
    assert_eq!(
        table.expect_err("declared by the catalog").kind(),
        ConnectorErrorKind::Unsupported
    );
    let outside = Connection {
        local_roots: vec![],
        ..lake.connection.as_ref().clone()
    };
    let cx = CallContext::new("q", Arc::new(outside), Duration::from_secs(5));
    let error = files
        .describe(&cx, DescribeRequest::Ping)
        .await
        .expect_err("not allowed");
    assert_eq!(error.kind(), ConnectorErrorKind::AccessDenied);
    assert_eq!(
        registry.connector("mongodb").expect_err("not yet").code(),
        "NOT_SUPPORTED"
    );
}

#[test]
fn options_are_checked_by_name() {
    let registry = Registry::built_in();
    let files = registry.connector("files").expect("files");
    let options = |pairs: &[(&str, &str)]| -> BTreeMap<String, serde_json::Value> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).into()))
            .collect()
    };
    assert!(files.check_options(&options(&[("root", "./data")]), &[]).is_empty());
    assert!(
        files
            .check_options(
                &options(&[("root", "s3://b/p"), ("region", "x")]),
                &["access_key_id", "secret_access_key"]
            )
            .is_empty()
    );
    let problems = files.check_options(&options(&[("root", "gs://b"), ("regoin", "x")]), &["access_key_id"]);
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(
        shown.contains(&"unknown option `regoin`, did you mean `region`?".to_owned()),
        "{shown:?}"
    );
    assert!(
        shown.contains(&"option `root`: root `gs://b` is not supported yet".to_owned()),
        "{shown:?}"
    );
    assert!(
        shown.contains(&"credential member `secret_access_key` is missing".to_owned()),
        "{shown:?}"
    );
}

#[tokio::test]
async fn a_pushed_filter_prunes_and_stays() {
    let lake = Lake::new();
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
    let doubles: ArrayRef = Arc::new(Float64Array::from_iter(
        (0..100).map(|row| if row == 0 { f64::NAN } else { 0.0 }),
    ));
    lake.parquet(
        "t/a",
        &[RecordBatch::try_from_iter([("id", ids), ("f", doubles)]).expect("batch")],
        10,
    );
    let table = lake.table(
        "t",
        Format::Parquet,
        &[("id", DataType::Int64), ("f", DataType::Float64)],
    );
    let files = lake.list(&table).await;
    let url = store_url(&lake.connection).expect("url");
    let session = SessionContext::new();
    session
        .runtime_env()
        .register_object_store(url.as_ref(), Arc::clone(&lake.store));
    let source = scan(FileScan {
        table: &table,
        files: &files,
        projection: vec![0, 1],
        prune: None,
        policy_columns: vec![],
        restricted: false,
        target_partitions: 1,
        batch_size: 100,
        meter: Arc::clone(&lake.meter) as _,
        cache: Arc::clone(&lake.cache),
        store_url: url,
    })
    .expect("scan");
    let schema = source.schema();
    let compare = |name, operator, value| {
        binary(col(name, &schema).expect("column"), operator, value, &schema).expect("predicate")
    };
    let low = compare("id", datafusion::logical_expr::Operator::Lt, lit(10_i64));
    let nan = compare("f", datafusion::logical_expr::Operator::Gt, lit(1.0_f64));
    let both = binary(low, datafusion::logical_expr::Operator::And, nan, &schema).expect("predicate");
    let plan: Arc<dyn ExecutionPlan> = Arc::new(FilterExec::try_new(both, source).expect("filter"));
    lake.scanned();
    let plan = FilterPushdown::new()
        .optimize(plan, &ConfigOptions::default())
        .expect("optimized");
    let shown = displayable(plan.as_ref()).indent(true).to_string();
    assert!(shown.contains("FilterExec"), "{shown}");
    let rows: usize = collect(plan, session.task_ctx())
        .await
        .expect("rows")
        .iter()
        .map(RecordBatch::num_rows)
        .sum();
    assert_eq!(rows, 1, "the NaN row");
    let pruned = lake.scanned();
    lake.scan(&table, &files, vec![0, 1], None, vec![]).await.expect("all");
    assert!(pruned < lake.scanned(), "nine of ten row groups were skipped");
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_out_of_the_root_is_no_file_of_the_table() {
    let lake = Lake::new();
    let other = Lake::new();
    other.write("secret.csv", "x\n42\n");
    lake.write("t/f.csv", "x\n1\n");
    std::os::unix::fs::symlink(other.path("secret.csv"), lake.path("t/g.csv")).expect("link");
    std::os::unix::fs::symlink(other.directory.path(), lake.path("t/h")).expect("link");
    let table = lake.table("t", Format::Csv, &[("x", DataType::Int64)]);
    assert_eq!(lake.read(&table).await.expect("rows"), "x\n1");
}
