//! Which conversions of a key lose nothing? Into a wider type of its kind: they cannot fail, and each value comes from one only.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::{DataType, Schema},
    common::ScalarValue,
    physical_expr::{
        PhysicalExpr,
        expressions::{CastExpr, Column},
    },
};

/// A value of a join in the type of a source's column.
#[derive(Debug, PartialEq)]
pub(super) enum Narrowed {
    Value(ScalarValue),
    /// The column holds no such value.
    Never,
    /// The types are not of one kind.
    Unknown,
}

/// The number of the column that an expression is, as it is or in a wider type.
pub(crate) fn column_of(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Option<usize> {
    match expr.downcast_ref::<CastExpr>() {
        Some(cast) => {
            let from = cast.expr().data_type(schema).ok()?;
            is_lossless(&from, cast.cast_type())
                .then(|| column_of(cast.expr(), schema))
                .flatten()
        }
        None => expr.downcast_ref::<Column>().map(Column::index),
    }
}

/// The same of an expression whose conversions are known to lose nothing.
pub(super) fn below_casts(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    match expr.downcast_ref::<CastExpr>() {
        Some(cast) => below_casts(cast.expr()),
        None => expr.downcast_ref::<Column>().map(Column::index),
    }
}

/// Does every value have a value of its own in the other type?
pub(super) fn is_lossless(from: &DataType, to: &DataType) -> bool {
    use DataType::{Decimal128, Decimal256};
    match (from, to) {
        (from, to) if from == to => true,
        (from, to) if is_text(from) && is_text(to) => true,
        (from, to) if from.is_signed_integer() && to.is_signed_integer() => {
            from.primitive_width() <= to.primitive_width()
        }
        (Decimal128(had, scale), Decimal128(has, same) | Decimal256(has, same))
        | (Decimal256(had, scale), Decimal256(has, same)) => scale == same && had <= has,
        _ => false,
    }
}

/// The value of the column's type that is this one in the join's.
pub(super) fn narrowed(value: &ScalarValue, column: &DataType) -> Narrowed {
    let compared = value.data_type();
    if compared == *column {
        return Narrowed::Value(value.clone());
    }
    if !is_lossless(column, &compared) {
        return Narrowed::Unknown;
    }
    match value.cast_to(column) {
        // What does not come back as itself was no value of the column.
        Ok(narrow) if narrow.cast_to(&compared).is_ok_and(|again| again == *value) => Narrowed::Value(narrow),
        _ => Narrowed::Never,
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::Field;
    use datafusion::physical_expr::expressions::{cast, col};

    use super::*;

    #[test]
    fn only_wider_types_of_one_kind_lose_nothing() {
        use DataType::{Date32, Decimal128, Float64, Int32, Int64, UInt64, Utf8, Utf8View};
        for (from, to) in [
            (Int32, Int64),
            (Utf8, Utf8View),
            (Utf8View, Utf8),
            (Decimal128(9, 2), Decimal128(12, 2)),
        ] {
            assert!(is_lossless(&from, &to), "{from} {to}");
        }
        for (from, to) in [
            (Int64, Int32),
            (Int64, Float64),
            (Int32, UInt64),
            (Int64, Utf8),
            (Utf8, Date32),
            (Decimal128(9, 2), Decimal128(12, 3)),
            (Decimal128(9, 2), Decimal128(8, 2)),
        ] {
            assert!(!is_lossless(&from, &to), "{from} {to}");
        }
    }

    #[test]
    fn a_value_that_the_column_cannot_hold_is_none_of_its() {
        let wide = |value: i64| ScalarValue::Int64(Some(value));
        let narrow = |value: i64| narrowed(&wide(value), &DataType::Int32);
        assert_eq!(narrow(7), Narrowed::Value(ScalarValue::Int32(Some(7))));
        assert_eq!(narrow(1 << 40), Narrowed::Never);
        assert_eq!(narrowed(&wide(7), &DataType::Utf8), Narrowed::Unknown);
        let text = ScalarValue::Utf8View(Some("a".to_owned()));
        assert_eq!(
            narrowed(&text, &DataType::Utf8),
            Narrowed::Value(ScalarValue::Utf8(Some("a".to_owned())))
        );
    }

    #[test]
    fn a_column_is_found_below_wider_types_only() {
        let schema = Schema::new(vec![Field::new("k", DataType::Int32, true)]);
        let key = col("k", &schema).unwrap();
        let to = |data_type| cast(Arc::clone(&key), &schema, data_type).unwrap();
        assert_eq!(column_of(&key, &schema), Some(0));
        assert_eq!(column_of(&to(DataType::Int64), &schema), Some(0));
        assert_eq!(column_of(&to(DataType::Int16), &schema), None);
        assert_eq!(column_of(&to(DataType::Utf8), &schema), None);
    }
}
