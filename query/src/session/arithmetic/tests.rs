//! Does every operator fail where its result does not fit, and give the engine's result everywhere else?

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray, Datum, Decimal128Array, Int32Array, Int64Array},
        buffer::NullBuffer,
        compute::kernels::numeric::{add, mul, sub},
        datatypes::{DataType, Decimal128Type},
        error::ArrowError,
        record_batch::RecordBatch,
    },
    common::ScalarValue,
    execution::SessionStateBuilder,
    logical_expr::{ColumnarValue, Operator, type_coercion::binary::BinaryTypeCoercer},
    physical_expr_common::datum::apply,
    prelude::SessionContext,
};

use super::{super::rules, operation::Operation, quick};

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
        "1 - e",
        "e * (1 - e) * (1 + e)",
        "i * 0.5 - m * e",
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

/// xorshift64*
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Of any magnitude up to `bits`, and often at its end.
    fn number(&mut self, bits: u32) -> i128 {
        let all = (u128::from(self.next()) << 64) | u128::from(self.next());
        let bits = match self.next() % 3 {
            0 => bits,
            _ => u32::try_from(self.next() % u64::from(bits + 1)).unwrap(),
        };
        let value = match (self.next() % 4, bits) {
            (_, 0) => 0,
            (0, bits) => (u128::MAX >> (128 - bits)).cast_signed(),
            (_, bits) => (all >> (128 - bits)).cast_signed(),
        };
        if self.next().is_multiple_of(2) { value } else { -value }
    }
}

/// What is computed without a look at each value is what the engine's checked kernels compute, and where they fail it has no
/// answer; garbage below a NULL is no overflow.
#[test]
fn quick_results_are_the_exact_ones() {
    let mut random = Random(7);
    let operations: [(Operation, Operator, Kernel); 3] = [
        (Operation::Add, Operator::Plus, add),
        (Operation::Subtract, Operator::Minus, sub),
        (Operation::Multiply, Operator::Multiply, mul),
    ];
    let (mut quick_ones, mut failed) = (0, 0);
    for _ in 0..20_000 {
        let (operation, operator, kernel) = operations[usize::try_from(random.next() % 3).unwrap()];
        let bits = [20, 31, 62, 63, 64, 80, 110, 126][usize::try_from(random.next() % 8).unwrap()];
        let sides = sides(&mut random, bits);
        let types = sides.each_ref().map(ColumnarValue::data_type);
        let result = BinaryTypeCoercer::new(&types[0], &operator, &types[1]).get_result_type();
        let Ok(result) = result.map(|result| {
            if types[0].is_integer() {
                types[0].clone()
            } else {
                result
            }
        }) else {
            continue;
        };
        let exact = apply(&sides[0], &sides[1], kernel);
        failed += usize::from(exact.is_err());
        let Some(quick) = quick::computed(operation, [&sides[0], &sides[1]], &result) else {
            continue;
        };
        quick_ones += 1;
        let (quick, exact) = (
            quick.unwrap().into_array(3).unwrap(),
            exact.unwrap().into_array(3).unwrap(),
        );
        assert_eq!(&quick, &exact, "{operation:?} {sides:?}");
        if let Some(decimals) = quick.as_primitive_opt::<Decimal128Type>() {
            decimals.validate_decimal_precision(38).unwrap();
        }
    }
    assert!(quick_ones > 5_000 && failed > 1_000, "{quick_ones} {failed}");
}

type Kernel = fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError>;

/// Three values a side, or one for all rows; some are NULL.
fn sides(random: &mut Random, bits: u32) -> [ColumnarValue; 2] {
    let kind = random.next() % 4;
    let scales = [random.next() % 4, random.next() % 4];
    let constant = random.next() % 3;
    [0, 1].map(|side| {
        let values: Vec<Option<i128>> = (0..3)
            .map(|_| {
                let value = random.number(bits);
                (!random.next().is_multiple_of(8)).then_some(value)
            })
            .collect();
        let array: ArrayRef = match kind {
            0 => Arc::new(
                values
                    .iter()
                    .map(|value| value.map(|value| i64::try_from(value).unwrap_or(i64::MIN)))
                    .collect::<Int64Array>(),
            ),
            1 => Arc::new(
                values
                    .iter()
                    .map(|value| value.map(|value| i32::try_from(value).unwrap_or(i32::MIN)))
                    .collect::<Int32Array>(),
            ),
            _ => Arc::new(
                Decimal128Array::from(values)
                    .with_precision_and_scale(30, i8::try_from(scales[side]).unwrap())
                    .unwrap(),
            ),
        };
        if constant == side as u64 {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0).unwrap())
        } else {
            ColumnarValue::Array(array)
        }
    })
}

/// The sums and products of the benchmarks are among the quick ones: prices, discounts and taxes of decimal(15,2).
#[test]
fn ordinary_amounts_are_quick() {
    let amounts = |values: Vec<i128>, precision| {
        let array = Decimal128Array::from(values).with_precision_and_scale(precision, 2);
        ColumnarValue::Array(Arc::new(array.unwrap()) as ArrayRef)
    };
    let (price, discount) = (amounts(vec![10_494_950, 90_000], 15), amounts(vec![10, 0], 15));
    let one = ColumnarValue::Scalar(ScalarValue::Decimal128(Some(1), 20, 0));
    let rest = quick::computed(Operation::Subtract, [&one, &discount], &DataType::Decimal128(23, 2));
    let rest = rest.unwrap().unwrap();
    let paid = quick::computed(Operation::Multiply, [&price, &rest], &DataType::Decimal128(38, 4));
    let paid = paid.unwrap().unwrap().into_array(2).unwrap();
    let expected = Decimal128Array::from(vec![944_545_500, 9_000_000]).with_precision_and_scale(38, 4);
    assert_eq!(paid.as_primitive::<Decimal128Type>(), &expected.unwrap());
}

/// What lies below a NULL may be anything.
#[test]
fn garbage_below_a_null_is_no_overflow() {
    let nulls = NullBuffer::from(vec![true, false]);
    let values = Decimal128Array::new(vec![5, i128::MAX].into(), Some(nulls));
    let values = ColumnarValue::Array(Arc::new(values.with_precision_and_scale(38, 0).unwrap()) as ArrayRef);
    assert!(quick::computed(Operation::Add, [&values, &values], &DataType::Decimal128(38, 0)).is_none());
    let sum = apply(&values, &values, add).unwrap().into_array(2).unwrap();
    assert_eq!(
        sum.as_primitive::<Decimal128Type>().iter().collect::<Vec<_>>(),
        [Some(10), None]
    );
}
