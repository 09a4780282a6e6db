//! How are text files written? The options of a table, a closed list per format.

use std::collections::BTreeMap;

use serde_json::Value;

pub use super::{compression::Compression, encoding::Encoding};
use super::{projection::is_projection_option, table::Format};
use crate::option::{self, OptionPlace, OptionProblem, OptionProblemKind, OptionSpec, OptionType};

/// Whose rules a CSV file follows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CsvSerde {
    /// Those of this page: RFC 4180, an empty unquoted field is NULL.
    #[default]
    None,
    /// Hive's LazySimpleSerDe: no quotes, no header, `\N` is NULL, nested values between delimiters of their own.
    LazySimple,
    /// Hive's OpenCSVSerDe: quotes and escapes, no header, no NULL, days and milliseconds since 1970 as moments.
    OpenCsv,
}

impl CsvSerde {
    /// By the name of the class, with or without its package, in any case.
    fn named(name: &str) -> Option<Self> {
        let class = name.rsplit('.').next().unwrap_or_default().to_lowercase();
        match class.as_str() {
            "lazysimpleserde" => Some(Self::LazySimple),
            "opencsvserde" => Some(Self::OpenCsv),
            _ => None,
        }
    }
}

/// Options of the text formats.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FormatOptions {
    /// CSV: the first line (after `skip_header`) names the columns; otherwise columns go by position.
    pub header: bool,
    /// CSV: one byte.
    pub delimiter: u8,
    /// CSV: one byte; `None`: no quoting.
    pub quote: Option<u8>,
    /// CSV: makes the next byte plain; `None`: a doubled quote stands for one.
    pub escape: Option<u8>,
    /// CSV: an unquoted field of this text is NULL; `None`: an empty unquoted field is.
    pub null: Option<String>,
    /// Lines at the start of each file that are neither data nor names.
    pub skip_header: usize,
    /// `None`: by the file's extension.
    pub compression: Option<Compression>,
    pub encoding: Encoding,
    pub serde: CsvSerde,
    /// LazySimpleSerDe: between the elements of a list, the members of a struct and the entries of a map.
    pub collection_delimiter: u8,
    /// LazySimpleSerDe: between the key and the value of an entry.
    pub map_key_delimiter: u8,
    /// ORC: columns go by their place, as Athena reads them (`orc.column.index.access`); otherwise by name.
    pub by_position: bool,
}

impl Default for FormatOptions {
    fn default() -> Self {
        Self {
            header: true,
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            null: None,
            skip_header: 0,
            compression: None,
            encoding: Encoding::Utf8,
            serde: CsvSerde::None,
            collection_delimiter: 2,
            map_key_delimiter: 3,
            by_position: true,
        }
    }
}

const TEXT_OPTIONS: &[OptionSpec] = &[
    // sorted: start
    OptionSpec {
        name: "compression",
        value: OptionType::Choice(Compression::WORDS),
        required: false,
    },
    OptionSpec {
        name: "encoding",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "skip_header",
        value: OptionType::Integer(0, 1_000_000),
        required: false,
    },
    // sorted: end
];

const ORC_OPTIONS: &[OptionSpec] = &[OptionSpec {
    name: "by_position",
    value: OptionType::Boolean,
    required: false,
}];

const CSV_OPTIONS: &[OptionSpec] = &[
    // sorted: start
    OptionSpec {
        name: "collection_delimiter",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "compression",
        value: OptionType::Choice(Compression::WORDS),
        required: false,
    },
    OptionSpec {
        name: "delimiter",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "encoding",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "escape",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "header",
        value: OptionType::Boolean,
        required: false,
    },
    OptionSpec {
        name: "map_key_delimiter",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "null",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "quote",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "serde",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "skip_header",
        value: OptionType::Integer(0, 1_000_000),
        required: false,
    },
    // sorted: end
];

impl FormatOptions {
    /// What a CSV file of these rules is without further options.
    #[must_use]
    pub fn of(serde: CsvSerde) -> Self {
        let plain = Self {
            serde,
            ..Self::default()
        };
        match serde {
            CsvSerde::None => plain,
            CsvSerde::LazySimple => Self {
                header: false,
                delimiter: 1,
                quote: None,
                null: Some("\\N".to_owned()),
                ..plain
            },
            CsvSerde::OpenCsv => Self {
                header: false,
                escape: Some(b'\\'),
                ..plain
            },
        }
    }

    /// The unquoted field that is NULL; `None`: every field is a value.
    #[must_use]
    pub fn null(&self) -> Option<&str> {
        match (&self.null, self.serde) {
            (Some(marker), _) => Some(marker),
            (None, CsvSerde::None) => Some(""),
            (None, CsvSerde::LazySimple | CsvSerde::OpenCsv) => None,
        }
    }

    /// Reads the `options:` of a table.
    ///
    /// # Errors
    /// Every unknown, mistyped or unsupported option, by name.
    pub fn parse(format: Format, given: &BTreeMap<String, Value>) -> Result<Self, Vec<OptionProblem>> {
        let known = match format {
            Format::Avro | Format::Parquet => &[],
            Format::Orc => ORC_OPTIONS,
            Format::Csv => CSV_OPTIONS,
            Format::Ndjson => TEXT_OPTIONS,
        };
        // Where partitions come from is said by other properties.
        let given = given.iter().filter(|(name, _)| !is_projection_option(name));
        let given: BTreeMap<String, Value> = given.map(|(name, value)| (name.clone(), value.clone())).collect();
        let mut problems = option::check(known, &[], &given, &[]);
        let serde = given.get("serde").and_then(Value::as_str).map(CsvSerde::named);
        let mut options = Self::of(serde.flatten().unwrap_or_default());
        for (name, value) in &given {
            if let Err(kind) = options.set(name, value) {
                problems.push(problem(name, kind));
            }
        }
        if problems.is_empty() {
            Ok(options)
        } else {
            Err(problems)
        }
    }

    /// Takes an option whose name and type are right.
    fn set(&mut self, name: &str, value: &Value) -> Result<(), OptionProblemKind> {
        match (name, value) {
            ("header", Value::Bool(header)) => self.header = *header,
            ("by_position", Value::Bool(by_position)) => self.by_position = *by_position,
            ("null", Value::String(marker)) => self.null = Some(marker.clone()),
            ("skip_header", Value::Number(lines)) => {
                let lines = lines.as_u64().and_then(|lines| usize::try_from(lines).ok());
                self.skip_header = lines.unwrap_or_default();
            }
            ("compression", Value::String(word)) => self.compression = Compression::named(word),
            ("encoding", Value::String(word)) => {
                self.encoding = Encoding::named(word).ok_or_else(|| not_supported("encoding", word))?;
            }
            ("serde", Value::String(word)) => {
                CsvSerde::named(word).ok_or_else(|| not_supported("SerDe", word))?;
            }
            ("quote", Value::String(text)) if text.is_empty() => self.quote = None,
            (_, Value::String(text)) => self.set_byte(name, byte(text))?,
            _ => {}
        }
        Ok(())
    }

    fn set_byte(&mut self, name: &str, byte: Option<u8>) -> Result<(), OptionProblemKind> {
        let place = match name {
            "collection_delimiter" => &mut self.collection_delimiter,
            "delimiter" => &mut self.delimiter,
            "map_key_delimiter" => &mut self.map_key_delimiter,
            "escape" => self.escape.insert(0),
            "quote" => self.quote.insert(0),
            _ => return Ok(()),
        };
        *place = byte.ok_or_else(one_byte)?;
        Ok(())
    }
}

fn not_supported(what: &str, word: &str) -> OptionProblemKind {
    OptionProblemKind::NotSupported {
        what: format!("{what} `{word}`"),
    }
}

fn byte(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Some(*byte),
        _ => None,
    }
}

fn one_byte() -> OptionProblemKind {
    OptionProblemKind::Invalid {
        why: "one ASCII character is expected".to_owned(),
    }
}

fn problem(name: &str, kind: OptionProblemKind) -> OptionProblem {
    OptionProblem {
        place: OptionPlace::Option,
        name: name.to_owned(),
        kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_a_closed_list() {
        let given = BTreeMap::from([
            ("delimiter".to_owned(), Value::from(";")),
            ("quote".to_owned(), Value::from("")),
            ("null".to_owned(), Value::from("\\N")),
        ]);
        let options = FormatOptions::parse(Format::Csv, &given).expect("options");
        assert_eq!(
            (options.delimiter, options.quote, options.null.as_deref()),
            (b';', None, Some("\\N"))
        );
        assert!(FormatOptions::parse(Format::Parquet, &given).is_err());
        for (name, word) in [
            ("encoding", "ebcdic"),
            ("serde", "RegexSerDe"),
            ("compression", "lzo"),
            ("escape", "ab"),
        ] {
            let given = BTreeMap::from([(name.to_owned(), Value::from(word))]);
            let problems = FormatOptions::parse(Format::Csv, &given).expect_err(word);
            assert_eq!((problems.len(), problems[0].name.as_str()), (1, name));
        }
        let class = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe";
        let given = BTreeMap::from([
            ("serde".to_owned(), Value::from(class)),
            ("encoding".to_owned(), Value::from("ISO-8859-1")),
            ("compression".to_owned(), Value::from("zstd")),
        ]);
        let options = FormatOptions::parse(Format::Csv, &given).expect("options");
        assert_eq!(
            (options.delimiter, options.header, options.null()),
            (1, false, Some("\\N"))
        );
        assert_eq!(
            (options.encoding, options.compression),
            (Encoding::Latin1, Some(Compression::Zstd))
        );
    }
}
