//! What type do some values have together? A lattice that ends in text: nothing is rounded, truncated or dropped.

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use chrono::{NaiveDate, NaiveDateTime};

/// What has been seen so far.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) enum Shape {
    /// Nothing but NULL.
    #[default]
    Empty,
    Boolean,
    /// Fits a bigint; `exact`: a double holds it too.
    Integer {
        exact: bool,
    },
    /// Whole number of at most 38 digits.
    Decimal,
    Double,
    Date,
    Timestamp,
    Text,
    List(Box<Shape>),
    Object(Vec<(String, Shape)>),
    /// Values of several types, some of them nested.
    Mixed,
}

impl Shape {
    /// Both.
    pub(super) fn merge(self, other: Self) -> Self {
        match (self, other) {
            (Self::Empty, other) | (other, Self::Empty) => other,
            (Self::Integer { exact: a }, Self::Integer { exact: b }) => Self::Integer { exact: a && b },
            (Self::Integer { exact: true }, Self::Double) | (Self::Double, Self::Integer { exact: true }) => {
                Self::Double
            }
            (Self::Integer { .. }, Self::Decimal) | (Self::Decimal, Self::Integer { .. }) => Self::Decimal,
            (Self::Date, Self::Timestamp) | (Self::Timestamp, Self::Date) => Self::Timestamp,
            (Self::List(a), Self::List(b)) => Self::List(Box::new(a.merge(*b))),
            (Self::Object(a), Self::Object(b)) => Self::Object(merge_members(a, b)),
            (a, b) if a == b => a,
            (a, b) if a.is_nested() || b.is_nested() => Self::Mixed,
            _ => Self::Text,
        }
    }

    /// Is it, or does it hold, what only JSON text can show?
    fn is_mixed(&self) -> bool {
        match self {
            Self::Mixed => true,
            Self::List(item) => item.is_mixed(),
            Self::Object(members) => members.is_empty() || members.iter().any(|(_, member)| member.is_mixed()),
            _ => false,
        }
    }

    fn is_nested(&self) -> bool {
        matches!(self, Self::List(_) | Self::Object(_) | Self::Mixed)
    }

    /// The column type for it.
    pub(super) fn data_type(&self) -> DataType {
        if self.is_mixed() {
            return DataType::Utf8;
        }
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer { .. } => DataType::Int64,
            Self::Decimal => DataType::Decimal128(38, 0),
            Self::Double => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Empty | Self::Text | Self::Mixed => DataType::Utf8,
            Self::List(item) => DataType::new_list(item.data_type(), true),
            Self::Object(members) => {
                let fields = members
                    .iter()
                    .map(|(name, member)| Field::new(name, member.data_type(), true));
                DataType::Struct(fields.collect::<Fields>())
            }
        }
    }

    /// Shape of one text value.
    pub(super) fn of_text(text: &str) -> Self {
        match text.as_bytes().first() {
            Some(b'0'..=b'9' | b'-') => number(text).or_else(|| moment(text)).unwrap_or(Self::Text),
            Some(b't' | b'T' | b'f' | b'F') if matches!(text.to_lowercase().as_str(), "true" | "false") => {
                Self::Boolean
            }
            _ => Self::Text,
        }
    }
}

fn merge_members(mut left: Vec<(String, Shape)>, right: Vec<(String, Shape)>) -> Vec<(String, Shape)> {
    for (name, shape) in right {
        match left.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = std::mem::take(known).merge(shape),
            None => left.push((name, shape)),
        }
    }
    left
}

/// Shape of a number; text where a number would change it; `None` if it is none.
pub(super) fn number(text: &str) -> Option<Shape> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (digits, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let parts = [Some(whole), fraction, exponent];
    if !parts
        .iter()
        .flatten()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return None;
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return Some(Shape::Text);
    }
    if fraction.is_none() && exponent.is_none() {
        return Some(match text.parse::<i64>() {
            Ok(value) => Shape::Integer {
                exact: value.unsigned_abs() <= 1 << 53,
            },
            Err(_) if whole.len() <= 38 => Shape::Decimal,
            Err(_) => Shape::Text,
        });
    }
    let significant = format!("{whole}{}", fraction.unwrap_or_default());
    let finite = text.parse::<f64>().is_ok_and(f64::is_finite);
    Some(if finite && significant.trim_start_matches('0').len() <= 17 {
        Shape::Double
    } else {
        Shape::Text
    })
}

fn moment(text: &str) -> Option<Shape> {
    if text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok() {
        return Some(Shape::Date);
    }
    // More than microseconds would be cut off.
    let fits = text.len() <= 26 && text.len() >= 19;
    let read = |format| NaiveDateTime::parse_from_str(text, format).is_ok();
    (fits && (read("%Y-%m-%d %H:%M:%S%.f") || read("%Y-%m-%dT%H:%M:%S%.f"))).then_some(Shape::Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> DataType {
        values
            .iter()
            .map(|value| Shape::of_text(value))
            .fold(Shape::Empty, Shape::merge)
            .data_type()
    }

    #[test]
    fn nothing_is_lost() {
        assert_eq!(of(&[]), DataType::Utf8);
        assert_eq!(of(&["1", "-20"]), DataType::Int64);
        assert_eq!(of(&["1", "2.5"]), DataType::Float64);
        assert_eq!(of(&["00123"]), DataType::Utf8);
        assert_eq!(of(&["0", "0.5"]), DataType::Float64);
        assert_eq!(of(&["9223372036854775809", "1"]), DataType::Decimal128(38, 0));
        assert_eq!(of(&["9223372036854775807", "0.5"]), DataType::Utf8);
        assert_eq!(of(&["0.12345678901234567890"]), DataType::Utf8);
        assert_eq!(of(&["1e400"]), DataType::Utf8);
        assert_eq!(of(&["1", "x12"]), DataType::Utf8);
        assert_eq!(of(&["true", "FALSE"]), DataType::Boolean);
        assert_eq!(
            of(&["2024-01-31", "2024-01-31 10:00:00.5"]),
            DataType::Timestamp(TimeUnit::Microsecond, None)
        );
        assert_eq!(of(&["2024-02-31"]), DataType::Utf8);
        assert_eq!(of(&["2024-01-31T10:00:00+05:00"]), DataType::Utf8);
    }

    #[test]
    fn mixed_nested_values_are_json_text() {
        let list = |shape| Shape::List(Box::new(shape));
        assert_eq!(list(Shape::Empty).merge(Shape::Text).data_type(), DataType::Utf8);
        let object = |shape| Shape::Object(vec![("a".to_owned(), shape)]);
        assert_eq!(
            object(list(Shape::Text)).merge(object(Shape::Text)).data_type(),
            DataType::Utf8
        );
        assert_eq!(
            list(Shape::Integer { exact: true })
                .merge(list(Shape::Double))
                .data_type(),
            DataType::new_list(DataType::Float64, true)
        );
    }
}
