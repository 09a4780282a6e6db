//! How does a TOML text become settings with their lines?

use std::path::Path;

use toml::{
    Value,
    de::{DeTable, DeValue},
};

use super::settings::{Origin, Problem, Settings};

/// Adds every `section.key` of the text, and a problem for everything that is not one.
pub(super) fn read(path: &Path, text: &str, settings: &mut Settings) {
    let origin = |start: usize| Origin::File {
        path: path.to_owned(),
        line: line(text, start),
    };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let start = error.span().map_or(0, |span| span.start);
        settings.complain(Problem {
            origin: origin(start),
            message: format!("not valid TOML: {}", error.message().trim()),
        });
    }
    for (section, value) in document.get_ref() {
        let start = section.span().start;
        let Some(table) = value.get_ref().as_table() else {
            let message = format!(
                "`{}` must be a section: write `[{}]`",
                section.get_ref(),
                section.get_ref()
            );
            settings.complain(Problem {
                origin: origin(start),
                message,
            });
            continue;
        };
        for (key, value) in table {
            let name = format!("{}.{}", section.get_ref(), key.get_ref());
            match convert(value.get_ref()) {
                Some(value) => settings.add_file(name, value, origin(key.span().start)),
                None => settings.complain(Problem {
                    origin: origin(key.span().start),
                    message: format!("`{name}` is a number that is too large"),
                }),
            }
        }
    }
}

fn line(text: &str, start: usize) -> usize {
    text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1
}

fn convert(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            Value::Integer(i64::from_str_radix(&digits, number.radix()).ok()?)
        }
        DeValue::Float(number) => Value::Float(number.as_str().replace('_', "").parse().ok()?),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(value) => Value::Datetime(*value),
        DeValue::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| convert(item.get_ref()))
                .collect::<Option<_>>()?,
        ),
        DeValue::Table(table) => Value::Table(
            table
                .iter()
                .map(|(key, value)| Some((key.get_ref().to_string(), convert(value.get_ref())?)))
                .collect::<Option<_>>()?,
        ),
    })
}
