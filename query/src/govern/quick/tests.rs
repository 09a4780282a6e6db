//! Have quick conditions the same value on every row, and are they used where they are meant?

use datafusion::{
    arrow::{
        array::{ArrayRef, StringArray, StringViewArray},
        datatypes::SchemaRef,
    },
    logical_expr::{Expr, col, lit},
};

use super::*;
use crate::govern::inner_plan::physical;

const TEXTS: [Option<&str>; 12] = [
    Some("AIR"),
    Some("AIR\0"),
    Some(""),
    None,
    Some("REG AIR"),
    Some("TRUCK"),
    Some("exactly 12 b"),
    Some("exactly 12 bytes"),
    Some("AIRAIRAIRAIRAIR"),
    Some("air"),
    Some("ÄIR"),
    Some("RAIL"),
];

/// More than one word of rows, and a slice: what a filter leaves does not begin at the first row.
fn batch() -> RecordBatch {
    let texts = || TEXTS.iter().cycle().skip(1).take(200);
    let views: ArrayRef = Arc::new(texts().copied().collect::<StringViewArray>());
    let plain: ArrayRef = Arc::new(texts().copied().collect::<StringArray>());
    let flags: ArrayRef = Arc::new(
        (0..200)
            .map(|at| [Some(true), None, Some(false)][at % 3])
            .collect::<BooleanArray>(),
    );
    let whole = RecordBatch::try_from_iter([("view", views), ("plain", plain), ("flag", flags)]).unwrap();
    whole.slice(3, 190)
}

fn both(expr: &Expr, schema: &SchemaRef) -> (Arc<dyn PhysicalExpr>, Arc<dyn PhysicalExpr>) {
    let slow = physical(expr, schema).unwrap();
    (Arc::clone(&slow), quick(slow, schema).unwrap())
}

fn texts(count: usize, column: &str) -> Vec<Expr> {
    let all = ["AIR", "", "TRUCK", "exactly 12 b", "RAIL", "ÄIR", "x", "REG AIR", "y"];
    let layout = |text: &str| match column {
        "view" => lit(ScalarValue::Utf8View(Some(text.to_owned()))),
        _ => lit(text),
    };
    all.iter().take(count).map(|text| layout(text)).collect()
}

#[test]
fn a_quick_condition_has_the_same_value_on_every_row() {
    let batch = batch();
    let schema = batch.schema();
    for negated in [false, true] {
        for count in 1..=9 {
            let list = col("view").in_list(texts(count, "view"), negated);
            for expr in [
                list.clone(),
                list.clone().is_true(),
                list.clone().is_not_true().and(col("flag")),
            ] {
                let (slow, fast) = both(&expr, &schema);
                let [slow, fast] = [slow, fast].map(|expr| expr.evaluate(&batch).unwrap().into_array(190).unwrap());
                assert_eq!(&slow, &fast, "{expr}");
            }
        }
    }
    let (slow, fast) = both(&col("flag").is_true(), &schema);
    let [slow, fast] = [slow, fast].map(|expr| expr.evaluate(&batch).unwrap().into_array(190).unwrap());
    assert_eq!(&slow, &fast);
    assert_eq!(fast.null_count(), 0);
}

#[test]
fn only_short_lists_of_short_texts_over_views_are_words() {
    let schema = batch().schema();
    let long = || lit(ScalarValue::Utf8View(Some("thirteen byte".to_owned())));
    let null = || lit(ScalarValue::Utf8View(None));
    let is_quick = |expr: &Expr| both(expr, &schema).1.downcast_ref::<FewTexts>().is_some();
    assert!(is_quick(&col("view").in_list(texts(8, "view"), false)));
    assert!(is_quick(&col("view").in_list(texts(4, "view"), true)));
    assert!(!is_quick(&col("view").in_list(texts(9, "view"), false)));
    assert!(!is_quick(&col("plain").in_list(texts(4, "plain"), false)));
    for other in [long(), null()] {
        let mut list = texts(3, "view");
        list.push(other);
        assert!(!is_quick(&col("view").in_list(list, false)));
    }
    let (_, truth) = both(&col("flag").is_true(), &schema);
    assert!(truth.downcast_ref::<IsTrue>().is_some());
    for other in [
        col("flag").is_not_true(),
        col("flag").is_false(),
        col("flag").is_unknown(),
    ] {
        assert!(both(&other, &schema).1.downcast_ref::<IsTrue>().is_none(), "{other}");
    }
}
