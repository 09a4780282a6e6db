//! What is the value of a part that no row changes? Cedar answers; its values become ours.

use std::str::FromStr;

use super::RowValue;
use cedar_policy::{Entities, EvalResult, Expression, Request, eval_expression};

/// `None`: Cedar raises an error, or the value is none that stands beside a column.
pub(super) fn evaluated(expression: &Expression, request: &Request, entities: &Entities) -> Option<RowValue> {
    let value = eval_expression(request, entities, expression).ok()?;
    scalar(&value, request, entities).or_else(|| match &value {
        EvalResult::Set(items) => items
            .iter()
            .map(|item| scalar(item, request, entities))
            .collect::<Option<_>>()
            .map(RowValue::Set),
        _ => None,
    })
}

fn scalar(value: &EvalResult, request: &Request, entities: &Entities) -> Option<RowValue> {
    match value {
        EvalResult::Bool(value) => Some(RowValue::Boolean(*value)),
        EvalResult::Long(value) => Some(RowValue::Number(*value)),
        EvalResult::String(value) => Some(RowValue::Text(value.clone())),
        EvalResult::ExtensionValue(text) => extension(text, request, entities),
        _ => None,
    }
}

/// A value of an extension type, from the expression that Cedar writes for it: Cedar itself turns it into milliseconds.
fn extension(text: &str, request: &Request, entities: &Entities) -> Option<RowValue> {
    if let Some(digits) = text
        .strip_prefix("decimal(\"")
        .and_then(|rest| rest.strip_suffix("\")"))
    {
        return decimal(digits).map(RowValue::Decimal);
    }
    let number = |written: String| -> Option<i64> {
        let expression = Expression::from_str(&written).ok()?;
        match eval_expression(request, entities, &expression).ok()? {
            EvalResult::Long(value) => Some(value),
            _ => None,
        }
    };
    number(format!(
        "({text}).durationSince(datetime(\"1970-01-01\")).toMilliseconds()"
    ))
    .map(RowValue::Moment)
    .or_else(|| number(format!("({text}).toMilliseconds()")).map(RowValue::Duration))
}

/// A decimal as Cedar reads it, in units of 0.0001.
fn decimal(digits: &str) -> Option<i64> {
    let (whole, fraction) = digits.split_once('.')?;
    if fraction.is_empty() || fraction.len() > 4 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let scaled: i128 = format!("{whole}{fraction:0<4}").parse().ok()?;
    i64::try_from(scaled).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_to_the_last_digit() {
        for (digits, expected) in [
            ("1.0", Some(10_000)),
            ("-0.5", Some(-5_000)),
            ("-0.0001", Some(-1)),
            ("922337203685477.5807", Some(i64::MAX)),
            ("-922337203685477.5808", Some(i64::MIN)),
            ("922337203685477.5808", None),
            ("1", None),
            ("1.", None),
            ("1.00000", None),
        ] {
            assert_eq!(decimal(digits), expected, "{digits}");
        }
    }
}
