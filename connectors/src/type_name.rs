//! How is a type written? Trino's spelling to Arrow types and back; Hive's spelling is read too.
//!
//! Deliberately not a type system: no coercions, no comparison of types.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

/// Deeper types are refused.
const MAX_DEPTH: u32 = 32;

/// Reads a type: `bigint`, `decimal(12,2)`, `row(a varchar)`, `array(varchar)`, `map(varchar, bigint)`; of Hive `string`,
/// `struct<a:int>`, `array<int>`, `map<string,int>`. Lengths of `char` and `varchar` are read and not kept.
///
/// # Errors
/// What is wrong, as one sentence without position.
pub fn parse_type(text: &str) -> Result<DataType, String> {
    let mut reader = Reader {
        text,
        rest: text,
        depth: 0,
    };
    let data_type = reader.data_type()?;
    reader.skip_space();
    if reader.rest.is_empty() {
        Ok(data_type)
    } else {
        Err(format!("type `{text}` ends with an unexpected `{}`", reader.rest))
    }
}

/// Writes a type in Trino's spelling. What Trino lacks is written as the narrowest type that holds it (`uint32` is `bigint`).
#[must_use]
pub fn type_text(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "unknown".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 | DataType::UInt8 => "smallint".to_owned(),
        DataType::Int32 | DataType::UInt16 => "integer".to_owned(),
        DataType::Int64 | DataType::UInt32 => "bigint".to_owned(),
        DataType::UInt64 => "decimal(20,0)".to_owned(),
        DataType::Float16 | DataType::Float32 => "real".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "varchar".to_owned(),
        DataType::FixedSizeBinary(16) => "uuid".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "varbinary".to_owned()
        }
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Time32(unit) | DataType::Time64(unit) => format!("time({})", digits(*unit)),
        DataType::Timestamp(unit, None) => format!("timestamp({})", digits(*unit)),
        DataType::Timestamp(unit, Some(_)) => format!("timestamp({}) with time zone", digits(*unit)),
        DataType::Interval(IntervalUnit::YearMonth) => "interval year to month".to_owned(),
        DataType::Interval(IntervalUnit::DayTime | IntervalUnit::MonthDayNano) | DataType::Duration(_) => {
            "interval day to second".to_owned()
        }
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => format!("array({})", type_text(item.data_type())),
        DataType::Struct(fields) => format!("row({})", fields_text(fields)),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => {
                format!(
                    "map({})",
                    fields
                        .iter()
                        .map(|field| type_text(field.data_type()))
                        .collect::<Vec<_>>()
                        .join(", ")
                )
            }
            other => type_text(other),
        },
        DataType::Dictionary(_, value) => type_text(value),
        DataType::RunEndEncoded(_, value) => type_text(value.data_type()),
        DataType::Union(..) => "unknown".to_owned(),
    }
}

fn fields_text(fields: &Fields) -> String {
    let field = |field: &Arc<Field>| format!("{} {}", quoted(field.name()), type_text(field.data_type()));
    fields.iter().map(field).collect::<Vec<_>>().join(", ")
}

fn quoted(name: &str) -> String {
    let plain = name
        .chars()
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(is_word);
    if plain {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

fn digits(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

fn unit(digits: u8) -> TimeUnit {
    match digits {
        0 => TimeUnit::Second,
        1..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        _ => TimeUnit::Nanosecond,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    depth: u32,
}

impl Reader<'_> {
    fn data_type(&mut self) -> Result<DataType, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("a type is nested more than {MAX_DEPTH} deep"));
        }
        let name = self.word()?.to_lowercase();
        let data_type = match name.as_str() {
            "boolean" | "bool" => DataType::Boolean,
            "tinyint" => DataType::Int8,
            "smallint" => DataType::Int16,
            "integer" | "int" => DataType::Int32,
            "bigint" | "long" => DataType::Int64,
            "real" | "float" => DataType::Float32,
            "double" => {
                self.keywords(&["precision"]);
                DataType::Float64
            }
            "varchar" | "char" | "string" => {
                self.number()?;
                DataType::Utf8
            }
            "varbinary" | "binary" => DataType::Binary,
            "uuid" => DataType::FixedSizeBinary(16),
            "date" => DataType::Date32,
            "decimal" | "numeric" => self.decimal()?,
            "time" => self.time()?,
            "timestamp" => self.timestamp()?,
            "interval" => self.interval()?,
            "array" => self.array()?,
            "map" => self.map()?,
            "row" | "struct" => self.row()?,
            _ => return Err(format!("`{name}` is not a type")),
        };
        self.depth -= 1;
        Ok(data_type)
    }

    fn decimal(&mut self) -> Result<DataType, String> {
        let (precision, scale) = if self.eat('(') {
            let precision = self.digits()?;
            let scale = if self.eat(',') { self.digits()? } else { 0 };
            self.require(')')?;
            (precision, scale)
        } else if self.text.contains('<') {
            (10, 0)
        } else {
            (38, 0)
        };
        if precision == 0 || precision > 38 || scale > precision {
            return Err(format!(
                "decimal({precision},{scale}) is out of range: precision 1 to 38, scale 0 to the precision"
            ));
        }
        Ok(DataType::Decimal128(precision, i8::try_from(scale).unwrap_or(0)))
    }

    fn time(&mut self) -> Result<DataType, String> {
        let unit = unit(self.precision()?);
        if self.keywords(&["with", "time", "zone"]) {
            return Err("`time with time zone` is not supported".to_owned());
        }
        self.keywords(&["without", "time", "zone"]);
        Ok(match unit {
            TimeUnit::Second | TimeUnit::Millisecond => DataType::Time32(unit),
            TimeUnit::Microsecond | TimeUnit::Nanosecond => DataType::Time64(unit),
        })
    }

    fn timestamp(&mut self) -> Result<DataType, String> {
        let unit = unit(self.precision()?);
        let zone = self.keywords(&["with", "time", "zone"]);
        if !zone {
            self.keywords(&["without", "time", "zone"]);
        }
        Ok(DataType::Timestamp(unit, zone.then(|| "UTC".into())))
    }

    fn interval(&mut self) -> Result<DataType, String> {
        if self.keywords(&["year", "to", "month"]) {
            Ok(DataType::Interval(IntervalUnit::YearMonth))
        } else if self.keywords(&["day", "to", "second"]) {
            Ok(DataType::Interval(IntervalUnit::MonthDayNano))
        } else {
            Err("an interval is `interval year to month` or `interval day to second`".to_owned())
        }
    }

    fn array(&mut self) -> Result<DataType, String> {
        let close = self.open()?;
        let item = self.data_type()?;
        self.require(close)?;
        Ok(DataType::List(Arc::new(Field::new_list_field(item, true))))
    }

    fn map(&mut self) -> Result<DataType, String> {
        let close = self.open()?;
        let key = self.data_type()?;
        self.require(',')?;
        let value = self.data_type()?;
        self.require(close)?;
        let entries = Fields::from(vec![Field::new("key", key, false), Field::new("value", value, true)]);
        Ok(DataType::Map(
            Arc::new(Field::new("entries", DataType::Struct(entries), false)),
            false,
        ))
    }

    fn row(&mut self) -> Result<DataType, String> {
        let close = self.open()?;
        let mut fields: Vec<Field> = Vec::new();
        loop {
            let name = self.field_name()?;
            if close == '>' {
                self.require(':')?;
            }
            if fields.iter().any(|field| field.name().eq_ignore_ascii_case(&name)) {
                return Err(format!("field `{name}` stands twice in one row type"));
            }
            fields.push(Field::new(name, self.data_type()?, true));
            if !self.eat(',') {
                break;
            }
        }
        self.require(close)?;
        Ok(DataType::Struct(fields.into()))
    }

    /// `(` or `<`; answers what closes it.
    fn open(&mut self) -> Result<char, String> {
        if self.eat('<') {
            Ok('>')
        } else {
            self.require('(')?;
            Ok(')')
        }
    }

    fn precision(&mut self) -> Result<u8, String> {
        match self.number()? {
            None => Ok(6),
            Some(digits) if digits <= 9 => Ok(digits),
            Some(digits) => Err(format!("precision {digits} is out of range: 0 to 9")),
        }
    }

    /// An optional number in parentheses; a longer one than fits is the largest.
    fn number(&mut self) -> Result<Option<u8>, String> {
        if !self.eat('(') {
            return Ok(None);
        }
        let digits = self.digits()?;
        self.require(')')?;
        Ok(Some(digits))
    }

    fn digits(&mut self) -> Result<u8, String> {
        self.skip_space();
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        if number.is_empty() {
            return Err(format!("type `{}` lacks a number", self.text));
        }
        self.rest = rest;
        Ok(number.parse().unwrap_or(u8::MAX))
    }

    fn field_name(&mut self) -> Result<String, String> {
        self.skip_space();
        let Some(mut rest) = self.rest.strip_prefix('"') else {
            return self.word().map(str::to_owned);
        };
        let mut name = String::new();
        loop {
            let end = rest
                .find('"')
                .ok_or_else(|| format!("type `{}` has an open quote", self.text))?;
            let (part, tail) = rest.split_at(end);
            name.push_str(part);
            rest = tail.get(1..).unwrap_or_default();
            let Some(tail) = rest.strip_prefix('"') else { break };
            name.push('"');
            rest = tail;
        }
        self.rest = self.rest.get(self.rest.len() - rest.len()..).unwrap_or_default();
        Ok(name)
    }

    fn word(&mut self) -> Result<&str, String> {
        self.skip_space();
        let end = self.rest.find(|c: char| !is_word(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if word.is_empty() {
            return Err(if self.text.trim().is_empty() {
                "the type is empty".to_owned()
            } else {
                format!("type `{}` lacks a name", self.text)
            });
        }
        self.rest = rest;
        Ok(word)
    }

    /// Eats all the words or none.
    fn keywords(&mut self, words: &[&str]) -> bool {
        let start = self.rest;
        for word in words {
            if !matches!(self.word(), Ok(found) if found.eq_ignore_ascii_case(word)) {
                self.rest = start;
                return false;
            }
        }
        true
    }

    fn require(&mut self, c: char) -> Result<(), String> {
        if self.eat(c) {
            Ok(())
        } else {
            Err(format!("type `{}` lacks a `{c}`", self.text))
        }
    }

    fn eat(&mut self, c: char) -> bool {
        self.skip_space();
        let Some(rest) = self.rest.strip_prefix(c) else {
            return false;
        };
        self.rest = rest;
        true
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trino_spelling_survives() {
        for text in [
            "boolean",
            "tinyint",
            "smallint",
            "integer",
            "bigint",
            "real",
            "double",
            "varchar",
            "varbinary",
            "uuid",
            "date",
            "decimal(12,2)",
            "time(6)",
            "timestamp(0)",
            "timestamp(3)",
            "timestamp(6)",
            "timestamp(9)",
            "timestamp(6) with time zone",
            "interval year to month",
            "interval day to second",
            "array(varchar)",
            "map(varchar, bigint)",
            "row(street varchar, zip varchar)",
            "row(\"a b\" integer, c array(row(d date)))",
        ] {
            assert_eq!(type_text(&parse_type(text).unwrap()), text);
        }
    }

    #[test]
    fn other_spellings_are_read() {
        for (text, trino) in [
            ("INT", "integer"),
            ("string", "varchar"),
            ("varchar(20)", "varchar"),
            ("char(2000)", "varchar"),
            ("struct<a:int,b:array<string>>", "row(a integer, b array(varchar))"),
            ("map<string,double>", "map(varchar, double)"),
            ("double precision", "double"),
            ("timestamp", "timestamp(6)"),
            ("timestamp with time zone", "timestamp(6) with time zone"),
            ("decimal(5)", "decimal(5,0)"),
            ("time", "time(6)"),
            ("binary", "varbinary"),
        ] {
            assert_eq!(type_text(&parse_type(text).unwrap()), trino);
        }
    }

    #[test]
    fn broken_types_are_refused() {
        for text in [
            "",
            "bigints",
            "bigint x",
            "decimal(39,0)",
            "decimal(3,4)",
            "array",
            "array(int",
            "row(a)",
            "row(a int, A int)",
            "struct<a int>",
            "map(int)",
            "timestamp(12)",
            "time with time zone",
            "row(\"a int)",
            "interval hour",
        ] {
            assert!(parse_type(text).is_err(), "{text}");
        }
        assert!(parse_type(&format!("{}int{}", "array(".repeat(40), ")".repeat(40))).is_err());
    }
}
