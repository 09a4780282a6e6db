//! Does a condition mean the same beside the policy filter as above it, for a source and for pruning?

use std::sync::Arc;

use datafusion::{
    arrow::array::{
        Array, ArrayRef, AsArray, BooleanArray, Int64Array, LargeStringArray, RecordBatch, StringArray, StringViewArray,
    },
    prelude::{col, lit},
};

use super::*;
use crate::govern::{
    inner_plan::physical,
    source_predicate::{conjuncts, expression},
};

/// Everything is clear, under its own name.
struct All(Vec<(&'static str, DataType)>);

impl ClearColumns for All {
    fn clear(&self, visible: &str) -> Option<(&str, &DataType)> {
        let found = self.0.iter().find(|(name, _)| *name == visible)?;
        Some((found.0, &found.1))
    }
}

fn batch() -> RecordBatch {
    let texts = [Some("DE"), Some("FR"), Some("D%"), None, Some("de")];
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "id",
            Arc::new(Int64Array::from(vec![Some(1), Some(2), Some(3), None, Some(5)])),
        ),
        ("region", Arc::new(StringArray::from(texts.to_vec()))),
        ("large", Arc::new(LargeStringArray::from(texts.to_vec()))),
        ("view", Arc::new(StringViewArray::from(texts.to_vec()))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn evaluated(expr: &Expr) -> BooleanArray {
    let batch = batch();
    let outcome = physical(expr, &batch.schema()).unwrap().evaluate(&batch).unwrap();
    outcome.into_array(batch.num_rows()).unwrap().as_boolean().clone()
}

fn shown(outcome: &BooleanArray) -> Vec<bool> {
    (0..outcome.len())
        .map(|row| outcome.is_valid(row) && outcome.value(row))
        .collect()
}

fn conditions() -> Vec<Expr> {
    let id = || col("id");
    let mut conditions = vec![
        id().is_null(),
        id().is_not_null(),
        !id().eq(lit(2_i64)),
        id().between(lit(2_i64), lit(3_i64)),
        id().not_between(lit(2_i64), lit(3_i64)),
        id().in_list(vec![lit(1_i64), lit(5_i64)], false),
        id().in_list(vec![lit(1_i64), lit(5_i64)], true),
        id().gt(lit(1_i64)).and(id().lt(lit(5_i64))),
        id().lt(lit(2_i64)).or(id().gt(lit(3_i64))),
        id().eq(lit(1_i64))
            .or(col("region").eq(lit("FR")))
            .and(id().is_not_null()),
        col("region").like(lit("D%")),
        col("region").not_like(lit("D%")),
        col("large").like(lit(ScalarValue::LargeUtf8(Some("D%".to_owned())))),
        col("view").like(lit(ScalarValue::Utf8View(Some("D%".to_owned())))),
    ];
    for operator in [
        Operator::Eq,
        Operator::NotEq,
        Operator::Lt,
        Operator::LtEq,
        Operator::Gt,
        Operator::GtEq,
    ] {
        let both = |left: Expr, right: Expr| crate::govern::row_filter::binary(left, operator, right);
        conditions.push(both(id(), lit(2_i64)));
        conditions.push(both(lit(2_i64), id()));
        conditions.push(both(col("region"), lit("DE")));
    }
    conditions
}

#[test]
fn every_form_keeps_its_meaning() {
    let batch = batch();
    let schema = batch.schema();
    let names = ["id", "region", "large", "view"];
    let clear = All(names
        .map(|name| (name, schema.field_with_name(name).unwrap().data_type().clone()))
        .into());
    for condition in conditions() {
        let expected = evaluated(&condition);
        let predicate = translate(&condition, &clear).unwrap_or_else(|| panic!("{condition} is leakproof"));
        let asked = predicate.evaluate(&batch).unwrap();
        assert_eq!(shown(&asked), shown(&expected), "{condition} as {predicate:?}");
        let written = expression(&predicate, &schema).unwrap_or_else(|| panic!("{condition} has an expression"));
        assert_eq!(evaluated(&written), expected, "{condition} as {written}");
        // Conjuncts are asked one by one: together they show the same rows.
        let each: Vec<Vec<bool>> = conjuncts(&predicate, &schema)
            .iter()
            .map(|part| shown(&evaluated(part)))
            .collect();
        let together: Vec<bool> = (0..batch.num_rows())
            .map(|row| each.iter().all(|part| part[row]))
            .collect();
        assert!(!each.is_empty());
        assert_eq!(together, shown(&expected), "{condition}");
    }
}

/// Constants and sets as sources know them; what the engine has no form of is left out, and only that.
#[test]
fn forms_of_sources_have_expressions_too() {
    let schema = batch().schema();
    let set = |or_null| {
        let values: ArrayRef = Arc::new(Int64Array::from(vec![1, 3]));
        let column = ColumnRef::of("id");
        Predicate::InSet {
            column,
            values,
            or_null,
        }
    };
    let like = |pattern| Predicate::Like {
        column: ColumnRef::of("region"),
        pattern: LikePattern::parse(pattern, None).unwrap(),
    };
    for (predicate, rows) in [
        (Predicate::True, vec![0, 1, 2, 3, 4]),
        (Predicate::False, vec![]),
        (Predicate::And(vec![]), vec![0, 1, 2, 3, 4]),
        (Predicate::Or(vec![]), vec![]),
        (set(false), vec![0, 2]),
        (set(true), vec![0, 2, 3]),
        (Predicate::And(vec![set(true), like("D%")]), vec![0, 2]),
        (Predicate::Or(vec![set(false), like("F%")]), vec![0, 1, 2]),
    ] {
        let outcome = shown(&evaluated(&expression(&predicate, &schema).unwrap()));
        let seen: Vec<usize> = (0..5).filter(|row| outcome[*row]).collect();
        assert_eq!(seen, rows, "{predicate:?}");
    }
    assert_eq!(expression(&like("%E"), &schema), None);
    assert_eq!(expression(&Predicate::Not(Box::new(like("%E"))), &schema), None);
    assert_eq!(
        conjuncts(&Predicate::And(vec![like("%E"), set(false)]), &schema).len(),
        1
    );
    assert!(conjuncts(&Predicate::True, &schema).is_empty());
}
