//! How is a literal written as an attribute? Exactly, or not at all.

use base64::{Engine, engine::general_purpose::STANDARD};
use datafusion::common::ScalarValue;
use serde_json::{Value, json};

use super::{kind::Kind, number::decimal_text};

/// Longer literals stay with the engine: all values of a request have 2 MB.
const MAX_BYTES: usize = 16 << 10;

/// A value of a column of this kind; `None` for NULL, for another type and for what is too long.
pub(super) fn attribute(kind: &Kind, value: &ScalarValue) -> Option<Value> {
    Some(match (kind, value) {
        (
            Kind::Text,
            ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)),
        ) => {
            short(text.len())?;
            json!({"S": text})
        }
        (Kind::Integer, ScalarValue::Int64(Some(number))) => json!({"N": number.to_string()}),
        (Kind::SmallInteger, ScalarValue::Int32(Some(number))) => json!({"N": number.to_string()}),
        (Kind::Decimal(..), ScalarValue::Decimal128(Some(number), _, scale)) => {
            // The service refuses numbers of more digits.
            (number.unsigned_abs() < 10_u128.pow(38)).then_some(())?;
            json!({"N": decimal_text(*number, *scale)})
        }
        (Kind::Boolean, ScalarValue::Boolean(Some(flag))) => json!({"BOOL": flag}),
        (
            Kind::Binary,
            ScalarValue::Binary(Some(bytes))
            | ScalarValue::LargeBinary(Some(bytes))
            | ScalarValue::BinaryView(Some(bytes)),
        ) => {
            short(bytes.len())?;
            json!({"B": STANDARD.encode(bytes)})
        }
        _ => return None,
    })
}

/// Bytes of a text or binary value; a number counts as one.
pub(super) fn length(value: &ScalarValue) -> usize {
    match value {
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            text.len()
        }
        ScalarValue::Binary(Some(bytes))
        | ScalarValue::LargeBinary(Some(bytes))
        | ScalarValue::BinaryView(Some(bytes)) => bytes.len(),
        _ => 1,
    }
}

fn short(bytes: usize) -> Option<()> {
    (bytes <= MAX_BYTES).then_some(())
}
