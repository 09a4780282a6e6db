//! Which columns and fields have a key, and in which bag does their value lie?

use arrow::datatypes::{Field, TimeUnit};
use lakegate_policy::Bag;

use super::*;

/// A field 32 levels down has a key; one below it has none.
#[test]
fn fields_have_keys_down_to_a_depth() {
    let nested = |levels: usize| {
        (0..levels).fold(DataType::Int64, |inner, _| {
            DataType::Struct(vec![Field::new("F", inner, true)].into())
        })
    };
    let key = |levels: usize| format!("c{}", ".f".repeat(levels));
    let place = |type_levels: usize, levels: usize| path::place(&[("c".to_owned(), nested(type_levels))], &key(levels));
    let leaf = place(32, 32).unwrap();
    assert_eq!((leaf.column, leaf.data_type), (0, DataType::Int64));
    assert_eq!(leaf.fields, vec!["F"; 32]);
    assert!(place(33, 32).is_some());
    assert_eq!(place(33, 33), None);
}

/// Two fields whose names differ by case only are no one's.
#[test]
fn a_key_of_two_fields_means_neither() {
    let fields = vec![
        Field::new("zip", DataType::Utf8, true),
        Field::new("ZIP", DataType::Utf8, true),
        Field::new("city", DataType::Utf8, true),
    ];
    let columns = [
        ("other".to_owned(), DataType::Int64),
        ("addr".to_owned(), DataType::Struct(fields.into())),
    ];
    assert_eq!(path::place(&columns, "addr.zip"), None);
    assert_eq!(path::place(&columns, "addr.city").map(|place| place.column), Some(1));
}

#[test]
fn a_bag_holds_every_value_of_its_types() {
    let at = |unit| DataType::Timestamp(unit, None);
    for (data_type, expected) in [
        (DataType::Utf8, Some(Bag::Text)),
        (DataType::LargeUtf8, Some(Bag::Text)),
        (DataType::Utf8View, Some(Bag::Text)),
        (DataType::Int8, Some(Bag::Number)),
        (DataType::Int64, Some(Bag::Number)),
        (DataType::UInt32, Some(Bag::Number)),
        (DataType::UInt64, None),
        (DataType::Float64, None),
        (DataType::Decimal128(18, 4), Some(Bag::Decimal)),
        (DataType::Decimal128(19, 4), None),
        (DataType::Decimal128(14, 0), Some(Bag::Decimal)),
        (DataType::Decimal128(15, 0), None),
        (DataType::Decimal128(10, 5), None),
        (DataType::Decimal128(10, -1), None),
        (DataType::Boolean, Some(Bag::Boolean)),
        (DataType::Date32, Some(Bag::Moment)),
        (at(TimeUnit::Second), Some(Bag::Moment)),
        (at(TimeUnit::Nanosecond), Some(Bag::Moment)),
        (DataType::Binary, None),
    ] {
        assert_eq!(path::bag(&data_type), expected, "{data_type}");
    }
}
