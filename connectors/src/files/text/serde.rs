//! What does a field mean to Hive's readers? LazySimpleSerDe and OpenCSVSerDe differ in NULL, in nested values and in
//! moments (Athena user guide, "LazySimpleSerDe", "Open CSV SerDe").

use std::borrow::Cow;

use arrow::datatypes::DataType;
use chrono::{DateTime, Days, NaiveDate};

use crate::files::table::{CsvSerde, FormatOptions};

/// How the fields of one column are read.
#[derive(Clone, Debug)]
pub(super) enum Meaning {
    AsWritten,
    /// A field without a byte is no value of the type.
    EmptyIsNull,
    /// Days since 1970.
    Days,
    /// Milliseconds since 1970.
    Milliseconds,
    /// Elements between the delimiters of their level, as JSON.
    Nested(DataType, Delimiters),
}

/// The delimiters below those of columns, outermost first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delimiters {
    items: u8,
    keys: u8,
}

impl Delimiters {
    fn at(self, level: u8) -> u8 {
        match level {
            0 => self.items,
            1 => self.keys,
            // Hive's own: the fourth level is separated by byte 4, and so on.
            level => level.saturating_add(2),
        }
    }
}

/// Levels of nesting that are taken apart.
const MAX_LEVEL: u8 = 7;

impl Meaning {
    pub(super) fn new(options: &FormatOptions, declared: &DataType) -> Self {
        match (options.serde, declared) {
            (CsvSerde::None, _) | (_, DataType::Utf8 | DataType::Binary) => Self::AsWritten,
            (CsvSerde::OpenCsv, DataType::Date32 | DataType::Date64) => Self::Days,
            (CsvSerde::OpenCsv, DataType::Timestamp(..)) => Self::Milliseconds,
            (CsvSerde::LazySimple, declared) if declared.is_nested() => {
                let delimiters = Delimiters {
                    items: options.collection_delimiter,
                    keys: options.map_key_delimiter,
                };
                Self::Nested(declared.clone(), delimiters)
            }
            (CsvSerde::LazySimple, _) => Self::EmptyIsNull,
            (CsvSerde::OpenCsv, _) => Self::AsWritten,
        }
    }

    /// The text of a field that is not NULL; `None`: it is NULL after all. What does not fit stays as it is written, so that
    /// it fails where it is shown and nowhere else.
    pub(super) fn text<'a>(&self, field: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let as_written = || Some(Cow::Borrowed(field));
        let number = || std::str::from_utf8(field).ok()?.trim().parse::<i64>().ok();
        match self {
            Self::AsWritten => as_written(),
            Self::EmptyIsNull if field.is_empty() => None,
            Self::EmptyIsNull => as_written(),
            Self::Days => number()
                .and_then(day)
                .map_or_else(as_written, |day| Some(Cow::Owned(day.into_bytes()))),
            Self::Milliseconds => number()
                .and_then(DateTime::from_timestamp_millis)
                .map(|moment| moment.format("%Y-%m-%d %H:%M:%S%.3f").to_string())
                .map_or_else(as_written, |moment| Some(Cow::Owned(moment.into_bytes()))),
            Self::Nested(..) if field.is_empty() => None,
            Self::Nested(declared, delimiters) => match std::str::from_utf8(field) {
                Ok(field) => {
                    let mut json = String::new();
                    write(&mut json, field, declared, *delimiters, 0);
                    Some(Cow::Owned(json.into_bytes()))
                }
                Err(_) => as_written(),
            },
        }
    }
}

fn day(days: i64) -> Option<String> {
    let epoch = NaiveDate::default();
    let distance = Days::new(days.unsigned_abs());
    let day = if days < 0 {
        epoch.checked_sub_days(distance)
    } else {
        epoch.checked_add_days(distance)
    };
    day.map(|day| day.format("%Y-%m-%d").to_string())
}

/// Writes a value as JSON. Elements are told apart here; their types are looked at where the value is decoded.
fn write(json: &mut String, text: &str, declared: &DataType, delimiters: Delimiters, level: u8) {
    if text == "\\N" {
        json.push_str("null");
        return;
    }
    let parts = |level| text.split(char::from(delimiters.at(level)));
    let nested = declared.is_nested() && level < MAX_LEVEL;
    match declared {
        DataType::List(item) | DataType::LargeList(item) if nested => {
            json.push('[');
            for (place, part) in parts(level).filter(|_| !text.is_empty()).enumerate() {
                comma(json, place);
                write(json, part, item.data_type(), delimiters, level + 1);
            }
            json.push(']');
        }
        DataType::Struct(fields) if nested => {
            json.push('{');
            for (place, (field, part)) in fields.iter().zip(parts(level)).enumerate() {
                comma(json, place);
                quoted(json, field.name());
                json.push(':');
                write(json, part, field.data_type(), delimiters, level + 1);
            }
            json.push('}');
        }
        DataType::Map(entries, _) if nested => {
            let value = match entries.data_type() {
                DataType::Struct(fields) => fields.get(1).map(|field| field.data_type().clone()),
                _ => None,
            };
            json.push('{');
            for (place, entry) in parts(level).filter(|_| !text.is_empty()).enumerate() {
                let (key, part) = entry
                    .split_once(char::from(delimiters.at(level + 1)))
                    .unwrap_or((entry, "\\N"));
                comma(json, place);
                quoted(json, key);
                json.push(':');
                write(
                    json,
                    part,
                    value.as_ref().unwrap_or(&DataType::Utf8),
                    delimiters,
                    level + 2,
                );
            }
            json.push('}');
        }
        DataType::Boolean if matches!(text.to_lowercase().as_str(), "true" | "false") => {
            json.push_str(&text.to_lowercase());
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => quoted(json, text),
        _ if text.is_empty() => json.push_str("null"),
        _ => quoted(json, text),
    }
}

fn comma(json: &mut String, place: usize) {
    if place > 0 {
        json.push(',');
    }
}

fn quoted(json: &mut String, text: &str) {
    json.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Field, TimeUnit};

    use super::*;

    fn read(serde: CsvSerde, declared: &DataType, field: &str) -> Option<String> {
        let options = FormatOptions {
            serde,
            ..FormatOptions::default()
        };
        let meaning = Meaning::new(&options, declared);
        let text = meaning.text(field.as_bytes())?;
        Some(String::from_utf8(text.into_owned()).expect("text"))
    }

    #[test]
    fn moments_of_open_csv_are_numbers() {
        let moment = DataType::Timestamp(TimeUnit::Microsecond, None);
        let open = |declared: &DataType, field: &str| read(CsvSerde::OpenCsv, declared, field).expect("a value");
        assert_eq!(open(&DataType::Date32, "18000"), "2019-04-14");
        assert_eq!(open(&DataType::Date32, "-1"), "1969-12-31");
        assert_eq!(open(&moment, "1555200000123"), "2019-04-14 00:00:00.123");
        assert_eq!(open(&moment, "-1"), "1969-12-31 23:59:59.999");
        assert_eq!(open(&DataType::Date32, "999999999999"), "999999999999");
        // No number: an error where it is shown, not NULL.
        assert_eq!(open(&DataType::Int64, ""), "");
        assert_eq!(open(&DataType::Utf8, "18000"), "18000");
    }

    #[test]
    fn lazy_values_are_taken_apart() {
        let lazy = |declared: &DataType, field: &str| read(CsvSerde::LazySimple, declared, field);
        assert_eq!(lazy(&DataType::Int64, ""), None);
        assert_eq!(lazy(&DataType::Utf8, "").as_deref(), Some(""));
        let list = DataType::new_list(DataType::Int64, true);
        assert_eq!(lazy(&list, "1\u{2}\\N\u{2}3").as_deref(), Some("[\"1\",null,\"3\"]"));
        let members = vec![
            Field::new("a", DataType::Boolean, true),
            Field::new("b", DataType::new_list(DataType::Utf8, true), true),
        ];
        let row = DataType::Struct(members.into());
        assert_eq!(
            lazy(&row, "TRUE\u{2}x\"\u{3}").as_deref(),
            Some("{\"a\":true,\"b\":[\"x\\\"\",\"\"]}")
        );
        let entries = vec![Field::new("key", DataType::Utf8, false), Field::new("value", row, true)];
        let map = DataType::Map(
            std::sync::Arc::new(Field::new("entries", DataType::Struct(entries.into()), false)),
            false,
        );
        assert_eq!(
            lazy(&map, "k\u{3}false\u{4}p\u{5}q\u{2}l").as_deref(),
            Some("{\"k\":{\"a\":false,\"b\":[\"p\",\"q\"]},\"l\":null}")
        );
    }
}
