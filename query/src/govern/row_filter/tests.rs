//! Does a body mean what governance.md §4.1 says, row by row?

mod literals;
mod moments;
mod numbers;
mod productions;
mod refusals;
mod sources;

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
        RecordBatch, StringArray, TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Fields},
};
use chrono::TimeZone;

use super::*;
use crate::govern::inner_plan::physical;

fn batch() -> RecordBatch {
    let struct_type = Fields::from(vec![Field::new("zip", DataType::Utf8, true)]);
    let zip: ArrayRef = Arc::new(StringArray::from(vec![Some("1"), Some("2"), Some("3"), None]));
    let nulls = Some(vec![true, false, true, true].into());
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "region",
            Arc::new(StringArray::from(vec![Some("DE"), Some("FR"), Some("de"), None])),
        ),
        (
            "id",
            Arc::new(Int64Array::from(vec![Some(1), Some(i64::MAX), Some(3), None])),
        ),
        (
            "qty",
            Arc::new(Int32Array::from(vec![Some(1), Some(2), Some(i32::MAX), Some(0)])),
        ),
        (
            "amount",
            Arc::new(
                Decimal128Array::from(vec![Some(1000), Some(2500), Some(-1), None])
                    .with_precision_and_scale(12, 2)
                    .unwrap(),
            ),
        ),
        (
            "score",
            Arc::new(Float64Array::from(vec![
                Some(0.5),
                Some(f64::NAN),
                Some(f64::MAX),
                None,
            ])),
        ),
        (
            "active",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, None])),
        ),
        (
            "day",
            Arc::new(Date32Array::from(vec![Some(0), Some(-1), Some(19_000), None])),
        ),
        (
            "ts",
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(0),
                Some(1_800_000_000_000_000),
                Some(-1),
                None,
            ])),
        ),
        (
            "addr",
            Arc::new(arrow::array::StructArray::new(struct_type, vec![zip], nulls)),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn columns() -> Vec<(String, DataType)> {
    batch()
        .schema()
        .fields()
        .iter()
        .map(|field| (field.name().clone(), field.data_type().clone()))
        .collect()
}

fn inputs() -> FilterInputs {
    FilterInputs {
        principal_id: "0198".to_owned(),
        principal_name: "ana".to_owned(),
        tags: BTreeMap::from([
            ("regions".to_owned(), vec!["DE".to_owned()]),
            ("none".to_owned(), Vec::new()),
        ]),
        now: Utc.timestamp_opt(1_700_000_000, 0).unwrap(),
        purpose: None,
        workgroup: Some("primary".to_owned()),
    }
}

/// The batch as files of some formats give it: whole columns of text are views, texts in structs are not.
fn views() -> RecordBatch {
    let (batch, fields) = (batch(), columns());
    let columns = fields.into_iter().zip(batch.columns());
    let columns = columns.map(|((name, data_type), column)| match data_type {
        DataType::Utf8 => (name, arrow::compute::cast(column, &DataType::Utf8View).unwrap()),
        _ => (name, Arc::clone(column)),
    });
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Which rows of the batch a body shows, however its texts are laid out.
fn shown(body: &str) -> Vec<usize> {
    let shown = shown_of(body, batch());
    assert_eq!(shown_of(body, views()), shown, "{body}, over views");
    shown
}

fn shown_of(body: &str, batch: RecordBatch) -> Vec<usize> {
    let fields = batch.schema().fields().clone();
    let columns: Vec<(String, DataType)> = fields
        .iter()
        .map(|field| (field.name().clone(), field.data_type().clone()))
        .collect();
    let bound = FilterBody::bind(body, &columns).unwrap_or_else(|problems| panic!("{body}: {problems:?}"));
    let expr = bound.compile(&inputs(), &raw_column);
    let outcome = physical(&expr, &batch.schema())
        .unwrap()
        .evaluate(&batch)
        .unwrap()
        .into_array(4)
        .unwrap();
    assert_eq!(outcome.null_count(), 0, "{body}");
    let outcome = outcome.as_boolean().clone();
    // What sources and pruning get holds at least wherever the body does.
    let superset = bound
        .superset(&inputs(), &|name| Some(ColumnRef::of(name)))
        .evaluate(&batch)
        .unwrap();
    for row in 0..4 {
        assert!(
            !outcome.value(row) || superset.value(row),
            "{body}: row {row} would be pruned"
        );
    }
    (0..4).filter(|row| outcome.value(*row)).collect()
}

fn refused(body: &str) -> FilterProblem {
    match check(body, &columns()) {
        Ok(reads) => panic!("`{body}` was accepted and reads {reads:?}"),
        Err(problems) => problems.into_iter().next().unwrap(),
    }
}

#[test]
fn conditions_are_true_or_hide_the_row() {
    for (body, expected) in [
        ("TRUE", vec![0, 1, 2, 3]),
        ("FALSE", vec![]),
        ("region IN ('DE','FR')", vec![0, 1]),
        ("region NOT IN ('DE','FR')", vec![2]),
        ("NOT (region = 'DE' OR region = 'FR')", vec![2]),
        ("region <> 'DE' AND id != 3", vec![1]),
        ("region IS NULL OR id <= 1", vec![0, 3]),
        ("region IS NOT NULL", vec![0, 1, 2]),
        ("'DE' = Region", vec![0]),
        ("addr.zip < region", vec![0, 2]),
        ("coalesce(addr.zip, region) = 'FR'", vec![1]),
        ("coalesce(region, addr.zip) = 'DE'", vec![0]),
        ("lower(region) = lower('DE')", vec![0, 2]),
        ("region BETWEEN addr.zip AND 'Z'", vec![0]),
        ("\"region\" LIKE 'D%'", vec![0]),
        ("region LIKE '_e'", vec![2]),
        ("region NOT LIKE 'D%'", vec![1, 2]),
        ("region LIKE 'D!%' ESCAPE '!'", vec![]),
        ("id BETWEEN 1 AND 3", vec![0, 2]),
        ("id NOT BETWEEN 1 AND 3", vec![1]),
        ("id >= -5", vec![0, 1, 2]),
        ("amount < 25", vec![0, 2]),
        ("amount = 25.00", vec![1]),
        ("amount * 2 = 50", vec![1]),
        ("amount + 1 > 10.99", vec![0, 1]),
        ("score > 1e308", vec![1, 2]),
        ("score >= 0.5", vec![0, 1, 2]),
        ("active = TRUE", vec![0]),
        ("active IS TRUE", vec![0]),
        ("active IS NOT TRUE", vec![1, 2, 3]),
        ("active IS FALSE", vec![1]),
        ("active IS NOT FALSE", vec![0, 2, 3]),
        ("day = DATE '1970-01-01'", vec![0]),
        ("day < '1970-01-01'", vec![1]),
        ("year(day) = 1969", vec![1]),
        ("month(day) = 12 AND day(day) = 31", vec![1]),
        ("ts < context.now", vec![0, 2]),
        ("date_trunc('day', ts) = TIMESTAMP '1969-12-31 00:00:00'", vec![2]),
        ("lower(region) = 'de'", vec![0, 2]),
        ("upper(region) = 'DE' AND length(region) = 2", vec![0, 2]),
        ("substr(region, 2, 1) = 'e'", vec![2]),
        ("starts_with(region, 'D') = TRUE", vec![0]),
        ("coalesce(region, 'none') = 'none'", vec![3]),
        ("addr.zip = '2' OR addr.zip IS NULL", vec![1, 3]),
        ("principal.name = 'ana'", vec![0, 1, 2, 3]),
        (
            "principal.id = '0198' AND context.workgroup = 'primary'",
            vec![0, 1, 2, 3],
        ),
        ("region IN principal.tag('regions')", vec![0]),
        ("region NOT IN principal.tag('regions')", vec![1, 2]),
        ("region = 'DE' OR TRUE", vec![0, 1, 2, 3]),
        ("(((region = 'DE')))", vec![0]),
    ] {
        assert_eq!(shown(body), expected, "{body}");
    }
}

#[test]
fn no_operator_absorbs_the_error_value() {
    for (body, expected) in [
        // Overflow on row 1 (id) and row 2 (qty, score).
        ("id + 1 > 0", vec![0, 2]),
        ("id + 1 > 0 OR TRUE", vec![0, 2, 3]),
        ("(id + 1 > 0) IS NULL", vec![]),
        ("id + 1 IS NULL", vec![3]),
        ("coalesce(id + 1, 0) >= 0", vec![0, 2, 3]),
        ("NOT (id + 1 > 0 AND FALSE)", vec![0, 2, 3]),
        ("qty * 2 >= 0 OR region = 'de'", vec![0, 1, 3]),
        ("qty - -1 > 0 OR TRUE", vec![0, 1, 3]),
        ("score + score > 0 OR TRUE", vec![0, 1, 3]),
        // An absent tag or attribute: the whole body.
        ("region IN principal.tag('absent')", vec![]),
        ("region NOT IN principal.tag('absent')", vec![]),
        ("TRUE OR region IN principal.tag('absent')", vec![]),
        ("NOT (region IN principal.tag('absent'))", vec![]),
        ("context.purpose = 'fraud' OR TRUE", vec![]),
        ("context.purpose IS NULL", vec![]),
        ("coalesce(context.purpose, 'x') = 'x'", vec![]),
        // A present empty set.
        ("region IN principal.tag('none')", vec![]),
        ("region NOT IN principal.tag('none')", vec![0, 1, 2, 3]),
    ] {
        if body.starts_with("(id + 1 > 0)") {
            // IS NULL is asked of values, not of conditions.
            assert_eq!(refused(body).kind, FilterProblemKind::Syntax);
            continue;
        }
        assert_eq!(shown(body), expected, "{body}");
    }
}

#[test]
fn reads_are_reported_once_by_column() {
    let reads = check("Region = 'a' OR region = 'b' OR addr.zip = 'c'", &columns()).unwrap();
    let names: Vec<&str> = reads.iter().map(|read| read.name.as_str()).collect();
    assert_eq!(names, ["region", "addr"]);
}

#[test]
fn what_is_not_in_the_language_is_refused_with_its_place() {
    use FilterProblemKind::{Limit, Syntax, Type, UnknownColumn, UnknownMapping};
    for (body, kind, offset) in [
        ("", Syntax, 0),
        ("region", Syntax, 6),
        ("region =", Syntax, 8),
        ("region = 'a' region", Syntax, 13),
        ("regoin = 'a'", UnknownColumn, 0),
        ("TRUE AND addr.street = 'x'", UnknownColumn, 9),
        ("region = 1", Type, 9),
        ("id = '1'", Type, 5),
        ("id = 1.5", Type, 5),
        ("qty = 3000000000", Type, 6),
        ("score > 0.1", Type, 8),
        ("id = qty", Type, 5),
        ("id + qty > 0", Type, 0),
        ("amount < 25.001", Type, 9),
        ("region + region = 'x'", Type, 0),
        ("region = NULL", Syntax, 9),
        ("id / 2 = 1", Syntax, 3),
        ("id % 2 = 1", Syntax, 3),
        ("CAST(id AS INT) = 1", Syntax, 0),
        ("id::int = 1", Syntax, 2),
        ("region ~ 'x'", Syntax, 7),
        ("region || 'x' = 'y'", Syntax, 7),
        ("region ILIKE 'x'", Syntax, 7),
        ("region SIMILAR TO 'x'", Syntax, 7),
        ("region IS DISTINCT FROM 'x'", Syntax, 10),
        ("regexp_like(region, 'x') = TRUE", Syntax, 0),
        ("random() < 1", Syntax, 0),
        ("now() < ts", Syntax, 0),
        ("count(id) > 1", Syntax, 0),
        (
            "region IN (SELECT region FROM lake.gov.user_regions)",
            UnknownMapping,
            30,
        ),
        ("region NOT IN (SELECT region FROM m)", Syntax, 15),
        ("EXISTS (SELECT 1 FROM t)", Syntax, 0),
        ("id IN (id)", Syntax, 7),
        ("id IN ()", Syntax, 7),
        ("region = 'x' -- y", Syntax, 13),
        ("region = 'x'; DROP TABLE t", Syntax, 12),
        ("CASE WHEN TRUE THEN TRUE END", Syntax, 0),
        ("NOT NOT TRUE", Syntax, 4),
        ("(id + 1) > 2", Syntax, 7),
        ("principal.tag('x') = 'y'", Syntax, 10),
        ("principal.email = 'y'", Syntax, 10),
        ("context.ip = 'y'", Syntax, 8),
        ("region LIKE id", Syntax, 12),
        ("region LIKE 'a!' ESCAPE '!'", Type, 0),
        ("region LIKE 'a' ESCAPE 'xy'", Syntax, 16),
        ("date_trunc('eon', ts) = ts", Type, 11),
        ("length(region, 1) = 1", Syntax, 0),
        ("starts_with(region, 'D')", Syntax, 24),
        ("region = 'open", Syntax, 9),
    ] {
        let problem = refused(body);
        assert_eq!((problem.kind, problem.offset), (kind, offset), "{body}: {problem}");
    }
    let deep = format!("{}TRUE{}", "(".repeat(40), ")".repeat(40));
    assert_eq!(refused(&deep).kind, Limit);
    let wide = vec!["id = 1"; 600].join(" OR ");
    assert_eq!(refused(&wide).kind, Limit);
    let chain = format!("id = {}", vec!["id"; 60].join(" + "));
    assert_eq!(refused(&chain).kind, Limit);
    assert_eq!(refused(&format!("region = '{}'", "x".repeat(MAX_BYTES))).kind, Limit);
    let every = check("regoin = 'a' AND id = 'b' AND qty = 0.5", &columns()).unwrap_err();
    assert_eq!(every.len(), 3, "{every:?}");
}
