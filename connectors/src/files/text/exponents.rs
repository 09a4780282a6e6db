//! Which decimal does a text with an exponent mean? `-1E-10` is how Java writes small ones; conversions know plain digits only.

use std::{fmt::Write, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, StringArray},
    datatypes::{DataType, Schema},
    error::ArrowError,
};

/// Places that an exponent may move the point by: no decimal has more digits.
const MAX_PLACES: i32 = 100;

/// The batch with its decimals, as `declared` calls them, in plain digits. What is no number stays as it is.
pub(super) fn plain(batch: RecordBatch, declared: &Schema) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let is_decimal = |name: &str| {
        declared
            .field_with_name(name)
            .is_ok_and(|field| field.data_type().is_decimal())
    };
    let fields = schema.fields().iter().zip(batch.columns());
    let mut exponents = fields
        .clone()
        .filter(|(field, column)| is_decimal(field.name()) && has_exponents(column));
    if exponents.next().is_none() {
        return Ok(batch);
    }
    let columns = fields.map(|(field, column)| match column.as_string_opt::<i32>() {
        Some(texts) if is_decimal(field.name()) => {
            let digits = texts
                .iter()
                .map(|text| text.map(|text| digits(text).unwrap_or_else(|| text.to_owned())));
            Arc::new(digits.collect::<StringArray>()) as ArrayRef
        }
        _ => Arc::clone(column),
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns)
}

fn has_exponents(column: &ArrayRef) -> bool {
    *column.data_type() == DataType::Utf8
        && column
            .as_string_opt::<i32>()
            .is_some_and(|texts| texts.value_data().iter().any(|byte| matches!(byte, b'e' | b'E')))
}

/// The plain digits of a number with an exponent; `None`: it has none, or is no number.
fn digits(text: &str) -> Option<String> {
    let (number, exponent) = text.split_once(['e', 'E'])?;
    let places: i32 = exponent.parse().ok()?;
    let (sign, number) = match number.strip_prefix('-') {
        Some(number) => ("-", number),
        None => ("", number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !is_plain(whole) || !is_plain(fraction) || places.abs() > MAX_PLACES {
        return None;
    }
    let all = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).ok()?.checked_add(places)?;
    let mut plain = sign.to_owned();
    match usize::try_from(point) {
        Ok(point) if point >= all.len() => write!(plain, "{all:0<point$}").ok()?,
        Ok(point) if point > 0 => write!(plain, "{}.{}", all.get(..point)?, all.get(point..)?).ok()?,
        _ => {
            let zeros = usize::try_from(-point).ok()?;
            write!(plain, "0.{:0<zeros$}{all}", "").ok()?;
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_move_the_point() {
        for (text, plain) in [
            ("-1E-10", "-0.0000000001"),
            ("0E-10", "0.0000000000"),
            ("1.25e3", "1250"),
            ("+12.5E1", "125"),
            ("12.345E1", "123.45"),
            ("12.5E-1", "1.25"),
            ("12.5E-2", "0.125"),
            ("5e0", "5"),
        ] {
            assert_eq!(digits(text).as_deref(), Some(plain), "{text}");
        }
        for text in [
            "1",
            "e5",
            "1e",
            "1e101",
            "1e-101",
            "x1e5",
            "1.2.3e4",
            "1e5e5",
            "NaN",
            "--1e5",
            "1e99999999999",
        ] {
            assert_eq!(digits(text), None, "{text}");
        }
    }
}
