//! Does any rule of the optimiser protect the barrier, or break an answer? Each is switched off once (governance.md §9.2).

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, Int64Array, RecordBatch},
        datatypes::{DataType, Field, Schema},
    },
    execution::{SessionState, SessionStateBuilder},
    prelude::{ParquetReadOptions, SessionConfig, SessionContext},
};

use crate::{
    directory,
    door::{Rows, lines, open_in, rows, session_with},
    fixture::{Lake, write_parquet},
};

const QUERIES: &[(&str, &[&str])] = &[
    (
        "SELECT id, ssn FROM orders WHERE 10 / qty > 0 ORDER BY id LIMIT 2",
        &["1|nnn-nn-3333", "2|nnn-nn-4444"],
    ),
    (
        "SELECT region, count(*), min(id), max(id) FROM orders GROUP BY region",
        &["DE|2|1|3", "FR|1|2|2"],
    ),
    (
        "SELECT a.id FROM orders a LEFT JOIN orders b ON a.id = b.id AND CAST(b.code AS INT) > 10 WHERE b.id IS NULL",
        &["1"],
    ),
    (
        "SELECT id FROM orders WHERE id IN (SELECT CAST(code AS BIGINT) / 10 FROM orders) AND region = 'DE'",
        &["1", "3"],
    ),
    ("SELECT count(*) FROM orders", &["3"]),
    (
        "SELECT id FROM orders WHERE region = 'DE' UNION SELECT id FROM orders WHERE region = 'FR'",
        &["1", "2", "3"],
    ),
    ("SELECT CAST(code AS INT) FROM orders ORDER BY 1 DESC LIMIT 1", &["30"]),
];

fn defaults() -> SessionState {
    SessionStateBuilder::new().with_default_features().build()
}

async fn holds(name: &str, builder: impl Fn() -> SessionStateBuilder, required: bool) {
    let lake = Lake::default();
    let directory = directory();
    let (cx, context) = open_in(builder(), &lake, "alice", Rows::Files(directory.path()))
        .await
        .unwrap();
    for (sql, expected) in QUERIES {
        match rows(&cx, &context, sql).await {
            Ok(seen) => assert_eq!(lines(&seen), *expected, "without {name}: {sql}"),
            // Some rules are not optional for planning; then nothing is shown.
            Err(error) => {
                crate::door::assert_no_canary(&error.to_string());
                assert!(!required, "without {name}: {sql}: {error:?}");
            }
        }
    }
}

#[tokio::test]
async fn all_rules() {
    holds("nothing", || SessionStateBuilder::new().with_default_features(), true).await;
}

#[tokio::test]
async fn each_logical_rule_off_once() {
    let rules = defaults().optimizers().to_vec();
    assert!(rules.len() > 10);
    for rule in &rules {
        let left: Vec<_> = rules
            .iter()
            .filter(|other| other.name() != rule.name())
            .cloned()
            .collect();
        let builder = || {
            SessionStateBuilder::new()
                .with_default_features()
                .with_optimizer_rules(left.clone())
        };
        holds(rule.name(), builder, false).await;
    }
    holds(
        "all logical rules",
        || {
            SessionStateBuilder::new()
                .with_default_features()
                .with_optimizer_rules(Vec::new())
        },
        false,
    )
    .await;
}

#[tokio::test]
async fn each_physical_rule_off_once() {
    let rules = defaults().physical_optimizers().to_vec();
    assert!(rules.len() > 10);
    for rule in &rules {
        let left: Vec<_> = rules
            .iter()
            .filter(|other| other.name() != rule.name())
            .cloned()
            .collect();
        let builder = || {
            SessionStateBuilder::new()
                .with_default_features()
                .with_physical_optimizer_rules(left.clone())
        };
        holds(rule.name(), builder, false).await;
    }
}

/// One partition, so that nothing but the barrier is needed for a right answer.
#[tokio::test]
async fn all_rules_off() {
    let lake = Lake::default();
    let directory = directory();
    let builder = SessionStateBuilder::new().with_default_features();
    let builder = builder
        .with_optimizer_rules(Vec::new())
        .with_physical_optimizer_rules(Vec::new());
    let context = session_with(
        builder,
        SessionConfig::new().with_target_partitions(1),
        Some(directory.path()),
    );
    let cx = lake.context("alice");
    let source = crate::door::file_source(&lake, directory.path()).await;
    context
        .register_table("orders", Arc::new(crate::door::governed(&cx, source).unwrap()))
        .unwrap();
    for (sql, expected) in QUERIES
        .iter()
        .filter(|(sql, _)| !sql.contains("IN (SELECT") && !sql.contains("UNION"))
    {
        assert_eq!(lines(&rows(&cx, &context, sql).await.unwrap()), *expected, "{sql}");
    }
}

/// engine-gaps.md §1: `x RIGHT JOIN y … WHERE x.id IS NULL` with a column of the same name on the other side.
#[tokio::test]
async fn join_kinds_filter_sides_and_equal_names() {
    let directory = tempfile::tempdir().unwrap();
    let field = |name: &str| Field::new(name, DataType::Int64, true);
    let columns = |values: [Option<i64>; 3]| -> ArrayRef { Arc::new(Int64Array::from(values.to_vec())) };
    let write = |name: &str, second: &str, ids, seconds| {
        let schema = Arc::new(Schema::new(vec![field("id"), field(second)]));
        let batch = RecordBatch::try_new(schema, vec![columns(ids), columns(seconds)]).unwrap();
        write_parquet(&directory.path().join(name), std::slice::from_ref(&batch));
        batch
    };
    let x = write(
        "x.parquet",
        "a",
        [Some(1), Some(2), None],
        [Some(10), Some(20), Some(30)],
    );
    let y = write("y.parquet", "g", [Some(7), None, Some(9)], [Some(1), Some(3), None]);
    let files = session_with(
        SessionStateBuilder::new().with_default_features(),
        SessionConfig::new().with_target_partitions(2),
        None,
    );
    for name in ["x", "y"] {
        let path = directory.path().join(format!("{name}.parquet"));
        files
            .register_parquet(name, path.to_str().unwrap(), ParquetReadOptions::default())
            .await
            .unwrap();
    }
    // The oracle: in memory, without hash joins and without any optimiser.
    let config = SessionConfig::new()
        .set_bool("datafusion.optimizer.prefer_hash_join", false)
        .with_target_partitions(1);
    let memory = SessionContext::new_with_config(config);
    for (name, batch) in [("x", x), ("y", y)] {
        memory.register_batch(name, batch).unwrap();
    }
    let mut wrong = Vec::new();
    for join in ["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"] {
        for on in ["x.id = y.g", "x.id = y.id", "x.a = y.g"] {
            for side in ["x", "y"] {
                for condition in [
                    "id IS NULL",
                    "id IS NOT NULL",
                    "id > 1",
                    "id IS NOT DISTINCT FROM 1",
                    "id IS NULL OR {s}.id = 7",
                ] {
                    let condition = format!("{side}.{}", condition.replace("{s}", side));
                    let sql = format!("SELECT x.id, x.a, y.id, y.g FROM x {join} y ON {on} WHERE {condition}");
                    let sql = sql.replace(
                        "x.id, x.a, y.id, y.g FROM",
                        "x.id AS xi, x.a AS xa, y.id AS yi, y.g AS yg FROM",
                    );
                    let answer = |context: SessionContext, sql: String| async move {
                        lines(&context.sql(&sql).await.unwrap().collect().await.unwrap())
                    };
                    let (seen, expected) = (
                        answer(files.clone(), sql.clone()).await,
                        answer(memory.clone(), sql.clone()).await,
                    );
                    if seen != expected {
                        wrong.push(format!("{sql}: {seen:?} instead of {expected:?}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The same on governed tables: whatever the engine pushes, the barrier refuses.
#[tokio::test]
async fn joins_of_governed_tables_are_right() {
    let lake = Lake::default();
    let directory = directory();
    for (sql, expected) in [
        (
            "SELECT a.id, b.id FROM orders a RIGHT JOIN orders b ON a.id = b.qty + 1 WHERE a.id IS NULL",
            vec!["-|3"],
        ),
        (
            "SELECT a.id, b.id FROM orders a LEFT JOIN orders b ON a.id = b.qty + 1 WHERE b.id IS NULL",
            vec!["1|-"],
        ),
        (
            "SELECT count(*) FROM orders a FULL JOIN orders b ON a.id = b.qty + 1 WHERE a.id IS NULL OR b.id IS NULL",
            vec!["2"],
        ),
    ] {
        let builder = SessionStateBuilder::new().with_default_features();
        let (cx, context) = open_in(builder, &lake, "alice", Rows::Files(directory.path()))
            .await
            .unwrap();
        assert_eq!(
            lines(
                &rows(&cx, &context, &sql.replace("a.id, b.id", "a.id AS x, b.id AS y"))
                    .await
                    .unwrap()
            ),
            expected,
            "{sql}"
        );
    }
}
