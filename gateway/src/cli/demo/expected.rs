//! What is the right answer? `expected.json`, computed without Lakegate.

use lakegate_openapi::{query::Query, query_result::QueryResult};
use serde::Deserialize;
use serde_json::Value;

use super::home::Home;
use crate::cli::{
    failure::{Failure, Result},
    human,
};

/// The right answer for one question and one person.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    pub(super) query: String,
    pub(super) principal: String,
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    rows: Vec<Vec<Value>>,
    /// The code; then there are no rows.
    error: Option<String>,
    /// The least that a holder of `ReadStats` must see.
    pub(super) min_scanned_bytes: Option<u64>,
}

/// All right answers.
pub(super) fn read(home: &Home) -> Result<Vec<Expected>> {
    let text = home.read("expected.json")?;
    serde_json::from_str(&text).map_err(|error| Failure::local(format!("expected.json: {error}")))
}

impl Expected {
    /// What is wrong with an answer; says otherwise what it was.
    pub(super) fn compare(&self, query: &Query, result: Option<&QueryResult>) -> Result<String, String> {
        match (&self.error, result) {
            (Some(code), None) => match &query.error {
                Some(failure) if failure.code == *code => Ok(code.clone()),
                Some(failure) => Err(format!("expected {code}, got {}: {}", failure.code, failure.message)),
                None => Err(format!("expected {code}, got no error")),
            },
            (Some(code), Some(result)) => Err(format!("expected {code}, got {} rows", result.rows.len())),
            (None, None) => {
                let got = query.error.as_ref().map_or("no error".to_owned(), |failure| {
                    format!("{}: {}", failure.code, failure.message)
                });
                Err(format!("expected {} rows, got {got}", self.rows.len()))
            }
            (None, Some(result)) => self.compare_rows(result),
        }
    }

    fn compare_rows(&self, result: &QueryResult) -> Result<String, String> {
        let columns: Vec<&str> = result.columns.iter().map(|column| column.name.as_str()).collect();
        if columns != self.columns {
            return Err(format!("expected the columns {:?}, got {columns:?}", self.columns));
        }
        if result.rows.len() != self.rows.len() {
            return Err(format!("expected {} rows, got {}", self.rows.len(), result.rows.len()));
        }
        for (number, (expected, got)) in self.rows.iter().zip(&result.rows).enumerate() {
            let same =
                expected.len() == got.len() && expected.iter().zip(got).all(|(left, right)| is_same(left, right));
            if !same {
                let text = |row: &Vec<Value>| Value::from(row.clone()).to_string();
                return Err(format!(
                    "row {}: expected {}, got {}",
                    number + 1,
                    text(expected),
                    text(got)
                ));
            }
        }
        Ok(human::count(self.rows.len() as u64, "row"))
    }
}

/// `8` and `8.0` are one number; a number is never a text.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use lakegate_openapi::query_result::ResultColumn;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_compared_exactly() {
        let expected: Expected = serde_json::from_value(json!(
            {"query": "q", "principal": "p", "columns": ["a", "b"], "rows": [["1", 2.0], [null, 3]]}
        ))
        .unwrap();
        let result = |rows: Value| {
            let column = |name: &str| ResultColumn {
                name: name.to_owned(),
                type_text: String::new(),
                nullable: true,
            };
            let rows = serde_json::from_value(rows).unwrap();
            QueryResult {
                columns: vec![column("a"), column("b")],
                rows,
                next_cursor: None,
            }
        };
        assert!(expected.compare_rows(&result(json!([["1", 2], [null, 3.0]]))).is_ok());
        assert!(expected.compare_rows(&result(json!([[1, 2], [null, 3]]))).is_err());
        assert!(expected.compare_rows(&result(json!([[null, 3], ["1", 2]]))).is_err());
        assert!(expected.compare_rows(&result(json!([["1", 2]]))).is_err());
    }
}
