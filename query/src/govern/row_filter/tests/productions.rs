//! Is every production of the grammar of governance.md §4.1 there, with the meaning of the page? One row of a table each.

use arrow::array::{Float32Array, TimestampNanosecondArray};

use super::*;

/// One table for all productions: values, edges of their types, NULLs.
fn table() -> RecordBatch {
    let floats = [Some(1.5), Some(f64::NAN), Some(f64::INFINITY), None];
    let signed = [Some(-f64::NAN), Some(f64::NAN), Some(f64::NEG_INFINITY), Some(-0.0)];
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "t",
            Arc::new(StringArray::from(vec![Some("äb"), Some("B"), Some("b"), None])),
        ),
        ("u", Arc::new(StringArray::from(vec![Some("ä"), Some("B"), None, None]))),
        (
            "n",
            Arc::new(Int64Array::from(vec![Some(1), Some(i64::MAX), Some(i64::MIN), None])),
        ),
        (
            "m",
            Arc::new(Int64Array::from(vec![Some(2), Some(1), Some(-1), Some(0)])),
        ),
        ("f", Arc::new(Float64Array::from(floats.to_vec()))),
        ("g", Arc::new(Float64Array::from(signed.to_vec()))),
        (
            "h",
            Arc::new(Float32Array::from(vec![
                Some(-f32::NAN),
                Some(1.0),
                None,
                Some(f32::NAN),
            ])),
        ),
        (
            "b",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true)])),
        ),
        (
            "d",
            Arc::new(Date32Array::from(vec![Some(0), Some(59), Some(-719_528), None])),
        ),
        (
            "s",
            Arc::new(TimestampNanosecondArray::from(vec![
                Some(0),
                Some(i64::MAX),
                Some(i64::MIN),
                None,
            ])),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// The rows that a body shows; what sources get holds at least there.
fn rows(body: &str) -> Vec<usize> {
    let batch = table();
    let columns: Vec<(String, DataType)> = batch
        .schema()
        .fields()
        .iter()
        .map(|field| (field.name().clone(), field.data_type().clone()))
        .collect();
    let bound = FilterBody::bind(body, &columns).unwrap_or_else(|problems| panic!("{body}: {problems:?}"));
    let evaluated = physical(&bound.compile(&inputs(), &raw_column), &batch.schema()).unwrap();
    let outcome = evaluated.evaluate(&batch).unwrap().into_array(4).unwrap();
    let outcome = outcome.as_boolean().clone();
    assert_eq!(outcome.null_count(), 0, "{body}");
    let pushed = bound
        .superset(&inputs(), &|name| Some(ColumnRef::of(name)))
        .evaluate(&batch)
        .unwrap();
    let shown: Vec<usize> = (0..4).filter(|row| outcome.value(*row)).collect();
    assert!(
        shown.iter().all(|row| pushed.value(*row)),
        "{body}: a row would be pruned"
    );
    shown
}

fn each(cases: &[(&str, &[usize])]) {
    for (body, expected) in cases {
        assert_eq!(rows(body), *expected, "{body}");
    }
}

#[test]
fn connectives() {
    each(&[
        ("TRUE OR FALSE AND FALSE", &[0, 1, 2, 3]),
        ("(TRUE OR FALSE) AND FALSE", &[]),
        ("NOT FALSE", &[0, 1, 2, 3]),
        ("NOT n = 1 AND m = 1", &[1]),
        ("NOT (n = 1 OR m = 1)", &[2]),
        ("n = 1 OR t = 'B' OR b IS NULL", &[0, 1, 2]),
        ("n = 1 AND t = 'äb' AND b IS TRUE", &[0]),
        // Three-valued: NULL is not TRUE, and neither is its negation.
        ("n = 1 OR NOT n = 1", &[0, 1, 2]),
    ]);
}

#[test]
fn tests_of_values() {
    each(&[
        ("n = m", &[]),
        ("m <> 1", &[0, 2, 3]),
        ("m != 1", &[0, 2, 3]),
        ("n < m", &[0, 2]),
        ("m <= 1", &[1, 2, 3]),
        ("m > 0", &[0, 1]),
        ("1 >= m", &[1, 2, 3]),
        ("m BETWEEN 0 AND 1", &[1, 3]),
        ("m NOT BETWEEN 0 AND 1", &[0, 2]),
        ("m BETWEEN n AND n", &[]),
        ("m NOT BETWEEN n AND 2", &[1]),
        ("t IN ('B', 'b')", &[1, 2]),
        ("t NOT IN ('B', 'b')", &[0]),
        ("t LIKE '_b'", &[0]),
        ("t NOT LIKE '_b'", &[1, 2]),
        ("t LIKE '%b' ESCAPE '%'", &[2]),
        ("n IS NULL", &[3]),
        ("n IS NOT NULL", &[0, 1, 2]),
        ("b IS TRUE", &[0, 3]),
        ("b IS NOT TRUE", &[1, 2]),
        ("b IS FALSE", &[1]),
        ("b IS NOT FALSE", &[0, 2, 3]),
        ("b = FALSE", &[1]),
        ("FALSE = b", &[1]),
        ("TRUE <> b", &[1]),
        ("d = DATE '1970-01-01'", &[0]),
        ("s >= TIMESTAMP '1970-01-01 00:00:00'", &[0, 1]),
    ]);
}

#[test]
fn values_and_functions() {
    each(&[
        ("n + m = 3", &[0]),
        ("m - 1 = 1", &[0]),
        ("m * m * m = 8", &[0]),
        ("1 + 2 * 3 - m = 5", &[0]),
        ("lower(t) = 'b'", &[1, 2]),
        ("upper(t) = 'ÄB'", &[0]),
        ("length(t) = 2", &[0]),
        ("substr(t, 2) = 'b'", &[0]),
        ("substr(t, 1, 1) = u", &[0, 1]),
        ("starts_with(t, u) = TRUE", &[0, 1]),
        ("starts_with(t, u) IS NOT TRUE", &[2, 3]),
        ("coalesce(u, t, 'none') = 'b'", &[2]),
        ("coalesce(n, m) = 0", &[3]),
        ("date_trunc('month', d) = DATE '1970-03-01'", &[1]),
        ("year(d) = 0 AND month(d) = 1 AND day(d) = 1", &[2]),
        ("year(s) = 2262", &[1]),
        ("principal.id = '0198'", &[0, 1, 2, 3]),
        ("principal.name <> 'ana'", &[]),
        ("context.workgroup LIKE 'prim%'", &[0, 1, 2, 3]),
        ("s < context.now", &[0, 2]),
        ("year(context.now) = 2023", &[0, 1, 2, 3]),
        ("upper(t) IN principal.tag('regions') OR n = 1", &[0]),
    ]);
}

/// Code points, not bytes nor collations; floats in total order, where NaN is the greatest.
#[test]
fn order() {
    each(&[
        ("t > 'b'", &[0]),
        ("t < 'a'", &[1]),
        ("f > 1.5", &[1, 2]),
        ("f = 1.5", &[0]),
        ("f <> 1.5", &[1, 2]),
        ("f BETWEEN 1.5 AND 1e308", &[0]),
        ("f NOT IN (1.5)", &[1, 2]),
        // A NaN has no sign, neither as it is stored nor as it is computed.
        ("g > 1.5", &[0, 1]),
        ("g < 1.5", &[2, 3]),
        ("g BETWEEN -1.5 AND 1e308", &[3]),
        ("g = f", &[1]),
        ("g >= f", &[0, 1]),
        ("h > 1.5", &[0, 3]),
        ("g + 1 > 1.5", &[0, 1]),
        ("f - f < 1e308", &[0]),
        ("coalesce(g, f) > 1e308", &[0, 1]),
    ]);
}

/// E: not absorbed by `IS NULL`, `coalesce`, OR TRUE, AND FALSE, NOT, IN.
#[test]
fn errors_of_overflow() {
    each(&[
        ("n + 1 > 0 OR TRUE", &[0, 2, 3]),
        ("n - 1 < 0 OR TRUE", &[0, 1, 3]),
        ("n * 2 > 0 OR TRUE", &[0, 3]),
        ("n * -1 > 0 OR TRUE", &[0, 1, 3]),
        ("n + 1 IS NULL", &[3]),
        ("n + 1 IS NOT NULL OR TRUE", &[0, 2, 3]),
        ("coalesce(n + 1, m) <> 99", &[0, 2, 3]),
        ("coalesce(m, n + 1) <> 99", &[0, 2, 3]),
        ("NOT (n + 1 > 0 AND FALSE)", &[0, 2, 3]),
        ("n + 1 NOT IN (99) OR m = m", &[0, 2, 3]),
        ("m NOT BETWEEN n + 1 AND 9 OR TRUE", &[0, 2, 3]),
        ("substr(t, n + 1) IS NULL OR TRUE", &[0, 2, 3]),
        ("f * 1e308 * 1e10 > 0 OR TRUE", &[1, 2, 3]),
        // The year of the first nanosecond that 64 bits hold begins before it.
        ("date_trunc('year', s) IS NULL", &[3]),
        ("date_trunc('year', s) = s OR TRUE", &[0, 1, 3]),
        ("coalesce(date_trunc('day', s), s) = s OR TRUE", &[0, 1, 3]),
    ]);
}

/// E of what is absent, on every row; a present empty set is a set.
#[test]
fn errors_of_absence() {
    each(&[
        ("t IN principal.tag('absent')", &[]),
        ("t NOT IN principal.tag('absent')", &[]),
        ("TRUE OR t IN principal.tag('absent')", &[]),
        ("NOT t IN principal.tag('absent')", &[]),
        ("context.purpose = 'x'", &[]),
        ("context.purpose IS NULL OR TRUE", &[]),
        ("coalesce(context.purpose, 'x') = 'x'", &[]),
        ("t IN principal.tag('none')", &[]),
        ("t NOT IN principal.tag('none')", &[0, 1, 2, 3]),
        ("NOT t IN principal.tag('none')", &[0, 1, 2, 3]),
    ]);
}

#[test]
fn limits_are_those_of_the_page() {
    let columns = [("n".to_owned(), DataType::Int64), ("b".to_owned(), DataType::Binary)];
    let kind = |body: &str| check(body, &columns).err().map(|problems| problems[0].kind);
    let parentheses = |depth: usize| format!("{}TRUE{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(kind(&parentheses(MAX_DEPTH)), None);
    assert_eq!(kind(&parentheses(MAX_DEPTH + 1)), Some(FilterProblemKind::Limit));
    // A comparison has three parts, and the chain is one.
    let chain = |tests: usize| vec!["n = 1"; tests].join(" OR ");
    assert_eq!(kind(&chain(333)), None);
    assert_eq!(kind(&chain(334)), Some(FilterProblemKind::Limit));
    let padded = |length: usize| format!("n = 1{}", " ".repeat(length - 5));
    assert_eq!(kind(&padded(MAX_BYTES)), None);
    assert_eq!(kind(&padded(MAX_BYTES + 1)), Some(FilterProblemKind::Limit));
    assert_eq!(kind("b = 'x'"), Some(FilterProblemKind::Type));
}

/// A source that knows one zero must not be asked about two: −0.0 is below 0.0 here, and the row would be lost there.
#[test]
fn floats_are_compared_here() {
    let columns = [("f".to_owned(), DataType::Float64), ("n".to_owned(), DataType::Int64)];
    for (body, pushed) in [
        ("f < 0", false),
        ("f IN (0, 1)", false),
        ("f BETWEEN 1 AND 2", false),
        ("1 > f", false),
        ("f IS NULL", true),
        ("n < 1", true),
        ("f < 1 AND n < 1", true),
    ] {
        let bound = FilterBody::bind(body, &columns).unwrap();
        let superset = bound.superset(&inputs(), &|name| Some(ColumnRef::of(name)));
        assert_eq!(!matches!(superset, Predicate::True), pushed, "{body}: {superset:?}");
    }
}
