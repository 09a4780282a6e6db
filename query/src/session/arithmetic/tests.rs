//! Does every operator fail where its result does not fit, and give the engine's result everywhere else?

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, Decimal128Array, Int32Array, Int64Array},
        record_batch::RecordBatch,
    },
    execution::SessionStateBuilder,
    prelude::SessionContext,
};

use super::super::rules;

fn table() -> RecordBatch {
    let decimals = Decimal128Array::from(vec![Some(10_i128.pow(38) - 1), Some(5), None]);
    let decimals = decimals.with_precision_and_scale(38, 0).unwrap();
    let small = Decimal128Array::from(vec![99_999, 1, 2])
        .with_precision_and_scale(5, 2)
        .unwrap();
    RecordBatch::try_from_iter([
        (
            "i",
            Arc::new(Int64Array::from(vec![Some(i64::MAX), Some(1), None])) as ArrayRef,
        ),
        ("m", Arc::new(Int64Array::from(vec![i64::MIN, 1, 2]))),
        ("s", Arc::new(Int32Array::from(vec![i32::MAX, 1, 2]))),
        ("d", Arc::new(decimals)),
        ("e", Arc::new(small)),
    ])
    .unwrap()
}

fn engine() -> SessionContext {
    SessionContext::new()
}

fn checked() -> SessionContext {
    SessionContext::new_with_state(rules::register(SessionStateBuilder::new().with_default_features()).build())
}

async fn run(cx: &SessionContext, sql: &str) -> datafusion::common::Result<Vec<RecordBatch>> {
    cx.register_batch("t", table())?;
    cx.sql(sql).await?.collect().await
}

/// Where nothing overflows, names, types, nullability and values are the engine's.
#[tokio::test]
async fn what_fits_is_as_in_the_engine() {
    for expression in [
        "i - 1",
        "m + 1",
        "s + 1000000000000",
        "s - 1",
        "- s",
        "-(s - 1)",
        "e + e",
        "e * e",
        "d - 1",
        "e / 3",
        "e + 1",
        "s + e",
        "i / 2",
        "i % 2",
        "m / 2 + s * (s - s)",
        "1.5 + e",
        "s * 1.5",
        "sum(s) + 1 - count(*)",
        "sum(e * 2) over (order by m)",
        "date '2020-02-29' + interval '1 year'",
        "null + s",
        "null - 1",
        "case when s > 5 then s - 1 else s * 2 end",
        "(select max(t2.s) - 1 from t t2 where t2.s = t.s)",
    ] {
        let sql = format!("SELECT {expression} FROM t");
        let expected = run(&engine(), &sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        let found = run(&checked(), &sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(expected, found, "{sql}");
        assert_eq!(expected[0].schema(), found[0].schema(), "{sql}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_an_error() {
    for sql in [
        "SELECT i + 1 FROM t",
        "SELECT m - 1 FROM t",
        "SELECT i * 2 FROM t",
        "SELECT -m FROM t",
        "SELECT s + s FROM t",
        "SELECT d + 1 FROM t",
        "SELECT d * 10 FROM t",
        "SELECT -d - 1 FROM t",
        "SELECT d / CAST(0.1 AS decimal(2,1)) FROM t",
        "SELECT 9223372036854775807 + 1",
        "SELECT -(-9223372036854775807 - 1)",
        "SELECT max(i + 1) FROM t",
        "SELECT max(i) + 1 FROM t",
        "SELECT count(*) FROM t WHERE i + 1 > 0",
        "SELECT count(*) FROM t GROUP BY i + 1",
        "SELECT count(*) FROM t a JOIN t b ON a.i + 1 = b.i",
        "SELECT count(*) FROM t a JOIN t b ON a.i + b.m * 3 > 1",
        "SELECT count(*) FROM t a FULL JOIN t b ON a.i = b.i + 1",
        "SELECT sum(i + 1) OVER (ORDER BY m) FROM t",
        "SELECT rank() OVER (ORDER BY i + 1) FROM t",
        "SELECT m FROM t ORDER BY i + 1",
        "SELECT (SELECT max(b.i + 1) FROM t b) FROM t",
        "SELECT count(*) FROM t WHERE EXISTS (SELECT 1 FROM t b WHERE b.i + 1 = t.m)",
        "SELECT CASE WHEN i > 5 THEN i + 1 END FROM t",
        "SELECT * FROM (VALUES (9223372036854775807 + 1)) v(x)",
        "WITH RECURSIVE r(n) AS (SELECT 9223372036854775806 UNION ALL SELECT n + 1 FROM r WHERE n > 0) SELECT * FROM r",
    ] {
        match run(&checked(), sql).await {
            Err(error) => {
                let text = error.to_string().to_lowercase();
                assert!(text.contains("overflow"), "{sql}: {text}");
            }
            Ok(batches) => panic!("{sql}: {batches:?}"),
        }
    }
}

/// What is not reached is not computed.
#[tokio::test]
async fn a_branch_that_is_not_taken_does_not_fail() {
    let sql = "SELECT CASE WHEN i < 5 THEN i + 1 END FROM t";
    assert!(run(&checked(), sql).await.is_ok());
}
