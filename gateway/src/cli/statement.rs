//! What is to run, and how? The flags that `sql` and `query submit` share.

use std::{io::Read, path::PathBuf};

use clap::Args;
use lakegate_openapi::query::{QueryLimits, SubmitQuery};
use serde_json::Value;

use super::failure::{Failure, Result};

/// A statement with everything that is said about it.
#[derive(Clone, Debug, Default, Args)]
pub struct Statement {
    /// The statement
    #[arg(short = 'e', long = "execute", value_name = "SQL", conflicts_with = "file")]
    execute: Option<String>,
    /// A file that holds the statement; `-` is the standard input
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Who pays, and how much may run [default: the profile's, else primary]
    #[arg(long, value_name = "WORKGROUP")]
    workgroup: Option<String>,
    /// Catalog of one- and two-part names
    #[arg(long, value_name = "CATALOG")]
    catalog: Option<String>,
    /// Database of one-part names
    #[arg(long, value_name = "DATABASE")]
    database: Option<String>,
    /// Value of the next parameter (`$1`, `$2`, …): a JSON number, string, true, false or null; anything else is a text
    #[arg(long = "param", value_name = "VALUE", allow_hyphen_values = true)]
    parameters: Vec<String>,
    /// Cancel the query when it would scan more than this
    #[arg(long, value_name = "BYTES")]
    max_bytes: Option<u64>,
    /// Cancel the query after so many seconds
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// The declared purpose, which policies may read
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
    /// Ask for this user: you see what both of you may see (needs the right to impersonate)
    #[arg(long, value_name = "USER")]
    on_behalf_of: Option<String>,
}

impl Statement {
    /// The request. Reads the file, or the standard input if nothing is named.
    ///
    /// # Errors
    /// If there is no statement.
    pub fn read(&self, workgroup: Option<String>, terminal: bool) -> Result<SubmitQuery> {
        let sql = match (&self.execute, &self.file) {
            (Some(text), _) => text.clone(),
            (None, Some(file)) if file.as_os_str() != "-" => std::fs::read_to_string(file)
                .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", file.display())))?,
            (None, None) if terminal => {
                return Err(Failure::usage(
                    "there is no statement: give `-e SQL`, `-f FILE`, or write it to the standard input",
                ));
            }
            _ => standard_input()?,
        };
        if sql.trim().is_empty() {
            return Err(Failure::usage("the statement is empty"));
        }
        let limits = QueryLimits {
            scanned_bytes: self.max_bytes,
            timeout_ms: self.timeout.map(|seconds| seconds.saturating_mul(1_000)),
            ..QueryLimits::default()
        };
        Ok(SubmitQuery {
            sql,
            catalog: self.catalog.clone(),
            database: self.database.clone(),
            workgroup: self.workgroup.clone().or(workgroup),
            parameters: self.parameters.iter().map(|text| parameter(text)).collect(),
            purpose: self.purpose.clone(),
            on_behalf_of: self.on_behalf_of.clone(),
            limits,
            ..SubmitQuery::default()
        })
    }
}

fn standard_input() -> Result<String> {
    let mut text = String::new();
    match std::io::stdin().read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::usage(format!("the standard input cannot be read: {error}"))),
    }
}

/// Numbers that a reader of JSON would round stay texts.
fn parameter(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(Value::Number(number)) if number.to_string() == text => Value::Number(number),
        Ok(value @ (Value::Null | Value::Bool(_) | Value::String(_))) => value,
        _ => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_json_scalars_or_texts() {
        let given = [
            "5",
            "-1.5",
            "\"5\"",
            "true",
            "null",
            "abc",
            "12345678901234567890123",
            "[1]",
            "",
        ];
        let expected = [
            json!(5),
            json!(-1.5),
            json!("5"),
            json!(true),
            json!(null),
            json!("abc"),
            json!("12345678901234567890123"),
            json!("[1]"),
            json!(""),
        ];
        assert_eq!(given.map(parameter), expected);
    }
}
