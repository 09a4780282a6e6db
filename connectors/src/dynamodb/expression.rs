//! Which part of a condition can DynamoDB evaluate, and how is it written? Names always as `#n`, values as `:v`.
//!
//! DynamoDB has two truth values where the engine has three, and compares values of another type as false. What is written for
//! a condition p is true wherever p is TRUE, and false wherever p is FALSE; so it may be negated, and gives a superset of the rows.

use std::collections::HashMap;

use datafusion::common::ScalarValue;
use serde_json::{Map, Value, json};

use super::{
    kind::Kind,
    literal,
    table::{Key, Table},
};
use crate::{
    capability::OperatorClass,
    predicate::{CompareOp, Predicate},
    scan::ColumnId,
};

/// Of one expression, and of all together (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>),
/// with room for what else is in them.
const MAX_TEXT: usize = 4_000;
const MAX_OPERATORS: usize = 280;
const MAX_VALUES_BYTES: usize = 1 << 20;
const MAX_IN: usize = 100;
const MAX_DEPTH: usize = 40;

/// Names and values of the expressions of one request.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    names: Vec<String>,
    known: HashMap<String, usize>,
    values: Vec<Value>,
    bytes: usize,
}

impl Terms {
    /// The place of a name.
    pub(super) fn name(&mut self, attribute: &str) -> String {
        let next = self.names.len();
        let at = *self.known.entry(attribute.to_owned()).or_insert(next);
        if at == next {
            self.names.push(attribute.to_owned());
        }
        format!("#{at}")
    }

    /// The place of a value.
    pub(super) fn value(&mut self, value: Value) -> String {
        self.bytes += value.to_string().len();
        self.values.push(value);
        format!(":{}", self.values.len() - 1)
    }

    /// An expression with the names in it, for people.
    pub(super) fn named(&self, text: &str) -> String {
        let mut parts = text.split('#');
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            let (number, rest) = part.split_at(end);
            let name = number.parse::<usize>().ok().and_then(|at| self.names.get(at));
            out.push_str(&format!(
                "`{}`",
                name.map_or("", String::as_str).replace([':', '#'], "_")
            ));
            out.push_str(rest);
        }
        out
    }

    /// `ExpressionAttributeNames` and `ExpressionAttributeValues`; empty ones are refused.
    pub(super) fn write(&self, body: &mut Map<String, Value>) {
        if !self.names.is_empty() {
            let names = self
                .names
                .iter()
                .enumerate()
                .map(|(at, name)| (format!("#{at}"), name.as_str().into()));
            body.insert("ExpressionAttributeNames".to_owned(), Value::Object(names.collect()));
        }
        if !self.values.is_empty() {
            let values = self
                .values
                .iter()
                .enumerate()
                .map(|(at, value)| (format!(":{at}"), value.clone()));
            body.insert("ExpressionAttributeValues".to_owned(), Value::Object(values.collect()));
        }
    }
}

/// A filter expression that grows by conjuncts, as far as the limits allow.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    conjuncts: Vec<String>,
    length: usize,
    operators: usize,
}

impl Filter {
    /// `None`: there is none.
    pub(super) fn text(&self) -> Option<String> {
        (!self.conjuncts.is_empty()).then(|| self.conjuncts.join(" AND "))
    }

    /// Adds a condition if it can be written as a whole and there is room. `closed`: attributes that a filter may not name here.
    pub(super) fn add(&mut self, terms: &mut Terms, table: &Table, predicate: &Predicate, closed: &[&str]) -> bool {
        let before = terms.clone();
        let mut writer = Writer {
            terms,
            table,
            closed,
            operators: 1,
        };
        let written = writer.write(predicate, MAX_DEPTH);
        let operators = self.operators + writer.operators;
        if let Some(text) = written {
            let length = self.length + text.len() + " AND ".len();
            if length <= MAX_TEXT && operators <= MAX_OPERATORS && terms.bytes <= MAX_VALUES_BYTES {
                self.length = length;
                self.operators = operators;
                self.conjuncts.push(text);
                return true;
            }
        }
        *terms = before;
        false
    }
}

/// An attribute that is compared.
struct Operand {
    kind: Kind,
    /// Its place among the names.
    name: String,
    /// Of the table or of an index.
    key: bool,
}

struct Writer<'a> {
    terms: &'a mut Terms,
    table: &'a Table,
    closed: &'a [&'a str],
    operators: usize,
}

impl Writer<'_> {
    fn write(&mut self, predicate: &Predicate, depth: usize) -> Option<String> {
        let depth = depth.checked_sub(1)?;
        match predicate {
            Predicate::And(parts) if !parts.is_empty() => self.joined(parts, " AND ", depth),
            Predicate::Or(parts) if !parts.is_empty() => self.joined(parts, " OR ", depth),
            Predicate::Not(part) => {
                self.operators += 1;
                Some(format!("(NOT {})", self.write(part, depth)?))
            }
            Predicate::Compare { column, op, value } => {
                let class = match op {
                    CompareOp::Eq | CompareOp::NotEq => OperatorClass::Equality,
                    _ => OperatorClass::Range,
                };
                let operand = self.column(&column.column, class)?;
                self.compare(&operand, *op, &value.0)
            }
            Predicate::Between { column, low, high } => {
                // Two comparisons: BETWEEN refuses bounds that are the wrong way round.
                let operand = self.column(&column.column, OperatorClass::Range)?;
                let low = self.compare(&operand, CompareOp::GtEq, &low.0)?;
                let high = self.compare(&operand, CompareOp::LtEq, &high.0)?;
                self.operators += 1;
                Some(format!("({low} AND {high})"))
            }
            Predicate::InSet {
                column,
                values,
                or_null,
            } => {
                let operand = self.column(&column.column, OperatorClass::Equality)?;
                let mut parts = self.members(&operand, values)?;
                if *or_null {
                    parts.push(self.null(&operand.name)?);
                }
                self.operators += parts.len();
                (!parts.is_empty()).then(|| grouped(parts, " OR "))
            }
            Predicate::IsNull { column, negated } => {
                let operand = self.column(&column.column, OperatorClass::Null)?;
                let null = self.null(&operand.name)?;
                self.operators += 1;
                Some(if *negated { format!("(NOT {null})") } else { null })
            }
            Predicate::Like { column, pattern } => {
                let prefix = pattern.prefix().filter(|prefix| !prefix.is_empty())?;
                let operand = self.column(&column.column, OperatorClass::LikePrefix)?;
                let value = self.literal(&operand, &ScalarValue::from(prefix))?;
                self.operators += 1;
                Some(format!("begins_with({}, {value})", operand.name))
            }
            Predicate::True | Predicate::False | Predicate::And(_) | Predicate::Or(_) | Predicate::Call { .. } => None,
        }
    }

    fn joined(&mut self, parts: &[Predicate], operator: &str, depth: usize) -> Option<String> {
        let mut written = Vec::with_capacity(parts.len());
        for part in parts {
            written.push(self.write(part, depth)?);
            self.operators += 1;
            if self.operators > MAX_OPERATORS {
                return None;
            }
        }
        Some(grouped(written, operator))
    }

    fn compare(&mut self, operand: &Operand, op: CompareOp, value: &ScalarValue) -> Option<String> {
        let value = self.literal(operand, value)?;
        self.operators += 1;
        let operator = match op {
            CompareOp::Eq => "=",
            CompareOp::NotEq => "<>",
            CompareOp::Lt => "<",
            CompareOp::LtEq => "<=",
            CompareOp::Gt => ">",
            CompareOp::GtEq => ">=",
        };
        Some(format!("{} {operator} {value}", operand.name))
    }

    /// `name IN (…)`, as often as the limit of its list asks for. NULL in the list never makes it TRUE.
    fn members(&mut self, operand: &Operand, values: &arrow::array::ArrayRef) -> Option<Vec<String>> {
        self.operators += values.len();
        if self.operators > MAX_OPERATORS {
            return None;
        }
        let mut places = Vec::new();
        for row in 0..values.len() {
            let value = ScalarValue::try_from_array(values, row).ok()?;
            if !value.is_null() {
                places.push(self.literal(operand, &value)?);
            }
        }
        let chunks = places.chunks(MAX_IN);
        Some(
            chunks
                .map(|places| format!("{} IN ({})", operand.name, places.join(", ")))
                .collect(),
        )
    }

    /// A value that does not fit may be read as NULL: then the service cannot tell which are.
    fn null(&mut self, name: &str) -> Option<String> {
        if self.table.lenient {
            return None;
        }
        self.operators += 3;
        let null = self.terms.value(json!({"S": "NULL"}));
        Some(format!(
            "(attribute_not_exists({name}) OR attribute_type({name}, {null}))"
        ))
    }

    fn column(&mut self, column: &ColumnId, operator: OperatorClass) -> Option<Operand> {
        let known = self.table.position(column).and_then(|at| self.table.columns.get(at))?;
        if !known.kind.compares(operator) || self.closed.contains(&known.name.as_str()) {
            return None;
        }
        let is_key = |key: &Key| key.has(&known.name);
        Some(Operand {
            kind: known.kind.clone(),
            name: self.terms.name(&known.name),
            key: is_key(&self.table.key) || self.table.indexes.iter().any(|index| is_key(&index.key)),
        })
    }

    fn literal(&mut self, operand: &Operand, value: &ScalarValue) -> Option<String> {
        // Keys are never empty, and the service refuses to compare them with what is.
        if operand.key && literal::length(value) == 0 {
            return None;
        }
        let value = literal::attribute(&operand.kind, value)?;
        Some(self.terms.value(value))
    }
}

/// Joined, in parentheses that are needed: the service refuses others.
fn grouped(mut parts: Vec<String>, operator: &str) -> String {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            format!("({})", parts.join(operator))
        }
        None => String::new(),
    }
}
