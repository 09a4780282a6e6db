//! Do sums fail where they do not fit, whatever computes them, and only there?

use datafusion::{
    arrow::{
        array::{ArrayRef, Decimal128Array, DurationSecondArray, Int64Array},
        record_batch::RecordBatch,
    },
    common::ScalarValue,
    prelude::SessionContext,
};

use super::*;

async fn sum(values: Vec<Option<i64>>, sql: &str) -> Result<Vec<RecordBatch>> {
    let cx = SessionContext::new();
    cx.register_udaf(AggregateUDF::from(CheckedSum { inner: Sum::new() }));
    let keys = Arc::new(Int64Array::from_iter_values((0..values.len() as i64).map(|n| n % 2))) as ArrayRef;
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("k", keys, false),
        ("x", Arc::new(Int64Array::from(values)) as ArrayRef, true),
    ])?;
    cx.register_batch("t", batch)?;
    cx.sql(sql).await?.collect().await
}

fn first(batches: &[RecordBatch]) -> ScalarValue {
    ScalarValue::try_from_array(batches[0].column(0), 0).unwrap()
}

#[tokio::test]
async fn sums_that_do_not_fit_are_errors() {
    let too_much = vec![Some(i64::MAX), Some(0), Some(1), Some(0)];
    for sql in [
        "SELECT sum(x) FROM t",
        "SELECT sum(x) FROM t GROUP BY k",
        "SELECT sum(DISTINCT x) FROM t",
        "SELECT sum(x) OVER (ORDER BY k) FROM t",
    ] {
        assert!(sum(too_much.clone(), sql).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn only_the_final_value_must_fit() {
    let values = vec![Some(i64::MAX), Some(1), Some(-1), None];
    assert_eq!(
        first(&sum(values, "SELECT sum(x) FROM t").await.unwrap()),
        ScalarValue::Int64(Some(i64::MAX))
    );
}

#[tokio::test]
async fn the_sum_of_nothing_is_null() {
    assert_eq!(
        first(&sum(vec![None, None], "SELECT sum(x) FROM t").await.unwrap()),
        ScalarValue::Int64(None)
    );
    let grouped = sum(
        vec![Some(1), Some(2), Some(3), Some(4)],
        "SELECT sum(x) FROM t GROUP BY k ORDER BY 1",
    )
    .await;
    assert_eq!(first(&grouped.unwrap()), ScalarValue::Int64(Some(4)));
    let framed = "SELECT sum(x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM t ORDER BY s DESC";
    assert_eq!(
        first(&sum(vec![Some(1), Some(2), Some(3)], framed).await.unwrap()),
        ScalarValue::Int64(Some(5))
    );
}

const LARGEST: i128 = 10_i128.pow(38) - 1;

async fn decimal_sum(values: &[Option<i128>], sql: &str) -> Result<ScalarValue> {
    let cx = SessionContext::new();
    cx.register_udaf(AggregateUDF::from(CheckedSum { inner: Sum::new() }));
    let keys = Arc::new(Int64Array::from_iter_values((0..values.len() as i64).map(|n| n % 2))) as ArrayRef;
    let decimals = Decimal128Array::from(values.to_vec()).with_precision_and_scale(38, 2)?;
    let durations: DurationSecondArray = values.iter().map(|value| value.map(|_| i64::MAX / 2)).collect();
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("k", keys, false),
        ("x", Arc::new(decimals) as ArrayRef, true),
        ("t", Arc::new(durations), true),
    ])?;
    cx.register_batch("t", batch)?;
    Ok(first(&cx.sql(sql).await?.collect().await?))
}

#[tokio::test]
async fn decimal_sums_that_do_not_fit_are_errors() {
    let too_much = [Some(LARGEST), Some(0), Some(1), None];
    for sql in [
        "SELECT sum(x) FROM t",
        "SELECT sum(x) FROM t GROUP BY k ORDER BY 1 DESC",
        "SELECT sum(DISTINCT x) FROM t",
        "SELECT sum(x) OVER (ORDER BY k) FROM t",
        "SELECT sum(t) FROM t",
        "SELECT sum(arrow_cast(k + 5, 'Decimal32(9, 8)')) FROM t",
    ] {
        let outcome = decimal_sum(&too_much, sql).await;
        let overflow = matches!(&outcome, Err(error) if error.to_string().contains("out of the range"));
        assert!(overflow, "{sql}: {outcome:?}");
    }
}

#[tokio::test]
async fn decimal_sums_that_fit_are_exact() {
    let values = [
        Some(LARGEST),
        Some(LARGEST),
        None,
        Some(LARGEST),
        Some(-LARGEST),
        Some(-LARGEST),
    ];
    for sql in [
        "SELECT sum(x) FROM t",
        "SELECT sum(x) FROM t WHERE k < 9",
        "SELECT sum(x) FILTER (WHERE x IS NOT NULL) FROM t GROUP BY k > 9",
        "SELECT sum(x) OVER (ORDER BY 1 ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM t",
    ] {
        let found = decimal_sum(&values, sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(found, ScalarValue::Decimal128(Some(LARGEST), 38, 2), "{sql}");
    }
    let different = decimal_sum(&values, "SELECT sum(DISTINCT x) FROM t").await.unwrap();
    assert_eq!(different, ScalarValue::Decimal128(Some(0), 38, 2));
    let none = decimal_sum(&[None, None], "SELECT sum(x) FROM t").await.unwrap();
    assert_eq!(none, ScalarValue::Decimal128(None, 38, 2));
}

/// Four times the largest number is, modulo 2^128, a number that fits.
#[tokio::test]
async fn a_sum_that_wraps_is_an_error() {
    for sql in [
        "SELECT sum(x) FROM t",
        "SELECT sum(x) FROM t GROUP BY k",
        "SELECT sum(x) FROM (SELECT * FROM t UNION ALL SELECT * FROM t) GROUP BY k",
        "SELECT sum(x) OVER (ORDER BY 1 ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM t",
    ] {
        let outcome = decimal_sum(&[Some(LARGEST); 8], sql).await;
        let overflow = matches!(&outcome, Err(error) if error.to_string().contains("out of the range"));
        assert!(overflow, "{sql}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_group_without_values_has_no_sum() {
    let sql = "SELECT sum(x) FROM t GROUP BY k ORDER BY k DESC";
    let found = decimal_sum(&[Some(1), None, Some(2), None], sql).await.unwrap();
    assert_eq!(found, ScalarValue::Decimal128(None, 38, 2));
    let filtered = "SELECT sum(x) FILTER (WHERE x > 1) FROM t GROUP BY k ORDER BY k";
    let found = decimal_sum(&[Some(1), Some(200), Some(3), None], filtered)
        .await
        .unwrap();
    assert_eq!(found, ScalarValue::Decimal128(None, 38, 2));
}
