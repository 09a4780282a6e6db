//! How does a literal reach the server? As a bound parameter of its column's type, printed in PostgreSQL's text form.
//!
//! Each type has one printer; what it cannot print so that the server reads exactly the same value is not sent at all.

use arrow::{
    array::Array,
    datatypes::{DataType, Decimal128Type, Decimal256Type, DecimalType},
};
use bytes::BytesMut;
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime};
use datafusion::common::ScalarValue;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};

use super::types::Wire;
use crate::capability::TypeClass;

/// Longer arrays stay with the engine.
const MAX_ARRAY_BYTES: usize = 16 << 20;

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Literal {
    pub text: String,
    pub kind: Type,
}

impl Literal {
    /// Text.
    pub(super) fn text(text: &str) -> Option<Self> {
        printed_text(text).map(|text| Self { text, kind: Type::TEXT })
    }

    /// A value of a column's type, not NULL.
    pub(super) fn value(value: &ScalarValue, wire: Wire) -> Option<Self> {
        Some(Self {
            text: print(value, wire)?,
            kind: types(wire)?.0,
        })
    }

    /// An array of such values, for `= ANY`.
    pub(super) fn array(values: &dyn Array, wire: Wire) -> Option<Self> {
        if values.null_count() > 0 || !fits(values.data_type(), wire) {
            return None;
        }
        let mut text = String::from("{");
        for row in 0..values.len() {
            let value = print(&ScalarValue::try_from_array(values, row).ok()?, wire)?;
            if row > 0 {
                text.push(',');
            }
            text.push('"');
            for character in value.chars() {
                if matches!(character, '"' | '\\') {
                    text.push('\\');
                }
                text.push(character);
            }
            text.push('"');
            if text.len() > MAX_ARRAY_BYTES {
                return None;
            }
        }
        text.push('}');
        Some(Self {
            text,
            kind: types(wire)?.1,
        })
    }
}

impl ToSql for Literal {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(self.text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// Type of a parameter and of an array of them.
fn types(wire: Wire) -> Option<(Type, Type)> {
    Some(match wire {
        Wire::Bool => (Type::BOOL, Type::BOOL_ARRAY),
        Wire::Int2 => (Type::INT2, Type::INT2_ARRAY),
        Wire::Int4 => (Type::INT4, Type::INT4_ARRAY),
        Wire::Int8 => (Type::INT8, Type::INT8_ARRAY),
        Wire::Float4 => (Type::FLOAT4, Type::FLOAT4_ARRAY),
        Wire::Float8 => (Type::FLOAT8, Type::FLOAT8_ARRAY),
        Wire::Numeric { .. } => (Type::NUMERIC, Type::NUMERIC_ARRAY),
        Wire::Text => (Type::TEXT, Type::TEXT_ARRAY),
        Wire::Bytea => (Type::BYTEA, Type::BYTEA_ARRAY),
        Wire::Timestamp => (Type::TIMESTAMP, Type::TIMESTAMP_ARRAY),
        Wire::TimestampTz => (Type::TIMESTAMPTZ, Type::TIMESTAMPTZ_ARRAY),
        Wire::Date => (Type::DATE, Type::DATE_ARRAY),
        Wire::Time => (Type::TIME, Type::TIME_ARRAY),
        Wire::Uuid => (Type::UUID, Type::UUID_ARRAY),
        Wire::Double | Wire::Interval => return None,
    })
}

/// Is it the column's type? Of text the layout does not matter.
fn fits(data_type: &DataType, wire: Wire) -> bool {
    match wire {
        Wire::Text => TypeClass::of(data_type) == TypeClass::Text,
        wire => *data_type == wire.arrow_type(),
    }
}

fn print(value: &ScalarValue, wire: Wire) -> Option<String> {
    if !fits(&value.data_type(), wire) {
        return None;
    }
    match value {
        ScalarValue::Boolean(Some(flag)) => Some(if *flag { "t" } else { "f" }.to_owned()),
        ScalarValue::Int16(Some(number)) => Some(number.to_string()),
        ScalarValue::Int32(Some(number)) => Some(number.to_string()),
        ScalarValue::Int64(Some(number)) => Some(number.to_string()),
        // `{:?}` prints the shortest text that reads as the same number. ±0.0 are equal at the server and not here.
        ScalarValue::Float32(Some(number)) if *number != 0.0 => Some(float(f64::from(*number), format!("{number:?}"))),
        ScalarValue::Float64(Some(number)) if *number != 0.0 => Some(float(*number, format!("{number:?}"))),
        ScalarValue::Decimal128(Some(number), precision, scale) => {
            Some(Decimal128Type::format_decimal(*number, *precision, *scale))
        }
        ScalarValue::Decimal256(Some(number), precision, scale) => {
            Some(Decimal256Type::format_decimal(*number, *precision, *scale))
        }
        ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) | ScalarValue::LargeUtf8(Some(text)) => {
            printed_text(text)
        }
        ScalarValue::Binary(Some(bytes)) => Some(format!("\\x{}", hex(bytes))),
        ScalarValue::FixedSizeBinary(16, Some(bytes)) => uuid::Uuid::from_slice(bytes).ok().map(|id| id.to_string()),
        ScalarValue::Date32(Some(days)) => date(*days),
        ScalarValue::Time64Microsecond(Some(micros)) => time(*micros),
        ScalarValue::TimestampMicrosecond(Some(micros), zone) => timestamp(*micros, zone.is_some()),
        _ => None,
    }
}

/// Text as it is; the server's text holds no NUL character.
fn printed_text(text: &str) -> Option<String> {
    (!text.contains('\0')).then(|| text.to_owned())
}

fn float(number: f64, finite: String) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        finite
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Years of four digits, which read the same everywhere.
fn plain_year(year: i32) -> bool {
    (1..=9_999).contains(&year)
}

fn date(days: i32) -> Option<String> {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
    let distance = Days::new(u64::from(days.unsigned_abs()));
    let date = if days < 0 {
        epoch.checked_sub_days(distance)
    } else {
        epoch.checked_add_days(distance)
    }?;
    plain_year(date.year()).then(|| date.format("%Y-%m-%d").to_string())
}

fn time(micros: i64) -> Option<String> {
    let seconds = u32::try_from(micros.checked_div_euclid(1_000_000)?).ok()?;
    let nanos = u32::try_from(micros.checked_rem_euclid(1_000_000)?).ok()? * 1_000;
    let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos)?;
    Some(time.format("%H:%M:%S%.6f").to_string())
}

fn timestamp(micros: i64, zoned: bool) -> Option<String> {
    let moment: NaiveDateTime = DateTime::from_timestamp_micros(micros)?.naive_utc();
    let text = moment.format("%Y-%m-%d %H:%M:%S%.6f");
    plain_year(moment.year()).then(|| format!("{text}{}", if zoned { "+00" } else { "" }))
}
