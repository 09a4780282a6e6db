//! How large can the result of a growing function be, row by row, judged by its arguments?

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, Float64Array},
        compute::{cast, kernels::length::length},
        datatypes::{DataType, Date32Type, Int64Type, IntervalMonthDayNanoType, TimeUnit},
    },
    common::Result,
    logical_expr::ColumnarValue,
};

/// Bytes of an element of a list whose width is not known.
const ELEMENT: f64 = 16.0;
/// The shortest month, in seconds.
const MONTH: f64 = 28.0 * DAY;
const DAY: f64 = 86_400.0;

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Growth {
    /// `lpad(text, characters, …)`
    Pad,
    /// `array_to_string(list, separator)`
    Join,
    /// `repeat(text, times)`
    Repeat,
    /// `array_repeat(element, times)`
    RepeatElement,
    /// `replace(text, from, to)`
    Replace,
    /// `regexp_replace(text, pattern, to, …)`
    ReplacePattern,
    /// `array_resize(list, elements, …)`
    Resize,
    /// `range(start, stop, step)`
    Series,
}

impl Growth {
    /// Is the estimate what the result will really have, or only what it cannot exceed?
    pub(super) fn is_exact(self) -> bool {
        !matches!(self, Self::Join | Self::Replace | Self::ReplacePattern)
    }

    /// The arguments as the engine can take them: `lpad` and `rpad` reserve memory for the sum of the lengths as unsigned
    /// numbers, a negative one is an overflow of capacity (DataFusion 55). What is padded to less than nothing is empty.
    pub(super) fn prepared(self, mut args: Vec<ColumnarValue>) -> Vec<ColumnarValue> {
        if self == Self::Pad
            && let Some(ColumnarValue::Array(lengths)) = args.get_mut(1)
            && let Some(numbers) = lengths.as_primitive_opt::<Int64Type>()
        {
            *lengths = Arc::new(numbers.unary::<_, Int64Type>(|length| length.max(0)));
        }
        args
    }

    /// Bytes of the result, one figure a row. An argument that is NULL or of an unexpected type counts as nothing.
    pub(super) fn estimates(self, args: &[ColumnarValue], rows: usize) -> Result<Vec<f64>> {
        let columns: Vec<Column> = args.iter().map(Column::new).collect::<Result<_>>()?;
        Ok((0..rows).map(|row| self.estimate(&columns, row)).collect())
    }

    fn estimate(self, columns: &[Column], row: usize) -> f64 {
        let number = |index: usize| columns.get(index).map_or(0.0, |column| column.number(row));
        let length = |index: usize| columns.get(index).map_or(0.0, |column| column.length(row));
        let width = |index: usize| columns.get(index).map_or(0.0, |column| column.width);
        match self {
            Self::Pad => number(1),
            Self::Repeat => length(0) * number(1),
            Self::RepeatElement => width(0).max(length(0)).max(1.0) * number(1),
            Self::Resize => number(1) * ELEMENT,
            Self::Join => length(0) * (length(1) + ELEMENT) + width(0),
            Self::Replace => length(0) + length(0) * length(2) / length(1).max(1.0),
            Self::ReplacePattern => length(0) + 2.0 * (length(0) + 1.0) * length(2),
            Self::Series => {
                let (start, stop) = match columns.len() {
                    0 => return 0.0,
                    1 => (0.0, number(0)),
                    _ => (number(0), number(1)),
                };
                let step = if columns.len() > 2 { number(2).abs() } else { 1.0 };
                if step == 0.0 {
                    0.0
                } else {
                    (stop - start).abs() / step * 8.0
                }
            }
        }
        .max(0.0)
    }
}

/// An argument, as the numbers that an estimate asks for.
struct Column {
    numbers: Option<Float64Array>,
    lengths: Option<Float64Array>,
    /// Mean bytes of a value.
    width: f64,
    constant: bool,
}

impl Column {
    fn new(value: &ColumnarValue) -> Result<Self> {
        let (array, constant) = match value {
            ColumnarValue::Array(array) => (ArrayRef::clone(array), false),
            ColumnarValue::Scalar(scalar) => (scalar.to_array()?, true),
        };
        let lengths = match array.data_type() {
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(..) => Some(floats(&length(&array)?)?),
            _ => None,
        };
        Ok(Self {
            numbers: numbers(&array)?,
            lengths,
            width: width(&array),
            constant,
        })
    }

    fn number(&self, row: usize) -> f64 {
        self.at(self.numbers.as_ref(), row)
    }

    fn length(&self, row: usize) -> f64 {
        self.at(self.lengths.as_ref(), row)
    }

    fn at(&self, values: Option<&Float64Array>, row: usize) -> f64 {
        let row = if self.constant { 0 } else { row };
        values
            .filter(|values| values.is_valid(row))
            .map_or(0.0, |values| values.value(row))
    }
}

/// Mean bytes of a value. What an array holds around its values counts only where they have no width of their own.
fn width(array: &ArrayRef) -> f64 {
    match (array.data_type().primitive_width(), array.data_type()) {
        (Some(bytes), _) => bytes as f64,
        // Others may share what lies behind views.
        (None, DataType::Utf8View) => {
            let texts = array.as_string_view();
            16.0 + texts.total_buffer_bytes_used() as f64 / texts.len().max(1) as f64
        }
        (None, _) => array.get_array_memory_size() as f64 / array.len().max(1) as f64,
    }
}

fn floats(array: &ArrayRef) -> Result<Float64Array> {
    Ok(cast(array, &DataType::Float64)?.as_primitive().clone())
}

/// Numbers as they are, times and intervals in seconds.
fn numbers(array: &ArrayRef) -> Result<Option<Float64Array>> {
    Ok(match array.data_type() {
        kind if kind.is_integer() => Some(floats(array)?),
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>();
            Some(days.unary(|days| f64::from(days) * DAY))
        }
        DataType::Timestamp(unit, _) => {
            let per_second = match unit {
                TimeUnit::Second => 1.0,
                TimeUnit::Millisecond => 1e3,
                TimeUnit::Microsecond => 1e6,
                TimeUnit::Nanosecond => 1e9,
            };
            let ticks = floats(&cast(array, &DataType::Int64)?)?;
            Some(ticks.unary(|ticks| ticks / per_second))
        }
        DataType::Interval(_) => {
            let Some(intervals) = array.as_primitive_opt::<IntervalMonthDayNanoType>() else {
                return Ok(None);
            };
            Some(intervals.unary(|interval| {
                f64::from(interval.months) * MONTH + f64::from(interval.days) * DAY + interval.nanoseconds as f64 / 1e9
            }))
        }
        _ => None,
    })
}
