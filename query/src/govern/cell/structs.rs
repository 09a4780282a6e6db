//! Which structs are NULL, which cells are shown, and what becomes of arguments that do not fit?

use datafusion::arrow::{array::Int64Array, datatypes::Field};

use super::*;

fn booleans(values: [Option<bool>; 4]) -> ArrayRef {
    Arc::new(BooleanArray::from(values.to_vec()))
}

/// NULL where the raw struct is and every field may be seen; nowhere else, or the null would tell of a hidden field.
#[test]
fn a_struct_is_null_only_where_all_of_it_may_be_seen() {
    let fields = Fields::from(vec![Field::new("a", DataType::Int64, true)]);
    let member: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), None, None]));
    let nulls = NullBuffer::from(vec![true, true, false, false]);
    let raw: ArrayRef = Arc::new(StructArray::new(fields.clone(), vec![Arc::clone(&member)], Some(nulls)));
    let function = CellFunction::Struct(fields.clone());
    let nulls = |clear| {
        let made = function
            .evaluate(&[Arc::clone(&raw), booleans(clear), Arc::clone(&member)], 4)
            .unwrap();
        assert_eq!(
            (made.data_type(), made.as_struct().column(0)),
            (raw.data_type(), &member)
        );
        (0..4).map(|row| made.is_null(row)).collect::<Vec<_>>()
    };
    let (yes, no) = (Some(true), Some(false));
    assert_eq!(nulls([yes, yes, yes, yes]), [false, false, true, true]);
    assert_eq!(nulls([yes, no, no, yes]), [false, false, false, true]);
    assert_eq!(nulls([yes, yes, None, no]), [false, false, false, false]);
}

#[test]
fn a_cell_is_shown_where_its_condition_is_true() {
    let numbers = |values: [Option<i64>; 4]| -> ArrayRef { Arc::new(Int64Array::from(values.to_vec())) };
    let condition = booleans([Some(true), Some(false), None, Some(true)]);
    let (shown, other) = (
        numbers([Some(1), Some(2), Some(3), None]),
        numbers([Some(-1), Some(-2), Some(-3), Some(-4)]),
    );
    let chosen = CellFunction::Choose.evaluate(&[Arc::clone(&condition), Arc::clone(&shown), other], 4);
    assert_eq!(&chosen.unwrap(), &numbers([Some(1), Some(-2), Some(-3), None]));
    let kept = CellFunction::Keep.evaluate(&[condition, shown], 4);
    assert_eq!(&kept.unwrap(), &numbers([Some(1), None, None, None]));
}

/// No cell is made of what it was not meant for.
#[test]
fn arguments_that_do_not_fit_make_no_cell() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    for function in [
        CellFunction::Choose,
        CellFunction::Keep,
        CellFunction::Struct(Fields::empty()),
    ] {
        assert!(function.evaluate(&[Arc::clone(&numbers)], 1).is_err(), "{function:?}");
        assert!(
            function.evaluate(&vec![Arc::clone(&numbers); 3], 1).is_err(),
            "{function:?}"
        );
    }
    let (path, to) = (Vec::new(), DataType::Int64);
    assert!(CellFunction::TryDecode { path, to }.evaluate(&[numbers], 1).is_err());
}
