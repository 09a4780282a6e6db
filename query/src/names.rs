//! What are the columns of a result called? As Trino calls them: `_col0`, `_col1`, … without a name, and one name may stand twice.
//!
//! The planner needs distinct names inside. What has none, or one that is taken, gets a name with a sign in it that no statement
//! can hold, and loses it at the output.

mod items;

use std::{collections::BTreeMap, sync::Arc};

use datafusion::{
    arrow::{
        datatypes::{Field, FieldRef, Schema, SchemaRef},
        record_batch::{RecordBatch, RecordBatchOptions},
    },
    execution::SendableRecordBatchStream,
    physical_plan::stream::RecordBatchStreamAdapter,
    sql::{
        parser::Statement as EngineStatement,
        sqlparser::{
            ast::{Query, SetExpr, Statement, TableFactor, TableWithJoins},
            tokenizer::{Token, TokenWithSpan},
        },
    },
};
use futures::StreamExt;

/// Stands between a name and what makes it distinct.
const SIGN: char = '\u{1f}';

/// Quoted names by their folded form, as they were written.
pub type Spelled = BTreeMap<String, String>;

/// Names are the same in any case, quoted ones too. How the quoted ones were written is kept for the output.
#[must_use]
pub fn fold(tokens: &mut [TokenWithSpan]) -> Spelled {
    let mut spelled = Spelled::new();
    for token in tokens {
        if let Token::Word(word) = &mut token.token
            && (word.quote_style.is_some() || !word.value.is_ascii())
        {
            let folded = word.value.to_lowercase().replace(SIGN, " ");
            let written = std::mem::replace(&mut word.value, folded.clone());
            if word.quote_style.is_some() && written != folded {
                spelled.entry(folded).or_insert(written);
            }
        }
    }
    spelled
}

/// Output names as the statement wrote them, by what they are inside.
#[derive(Clone, Debug, Default)]
pub struct OutputNames {
    aliases: BTreeMap<String, String>,
}

/// Makes the names of all relations in the statement distinct.
pub fn distinguish(statement: &mut EngineStatement, spelled: &Spelled) -> OutputNames {
    let mut names = OutputNames::default();
    if let EngineStatement::Statement(inner) = statement
        && let Statement::Query(root) = inner.as_mut()
    {
        query(root, Place::Result, spelled, &mut names);
    }
    names
}

/// Whose columns a select list makes.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Place {
    /// The caller's: nothing refers to them by name but ORDER BY.
    Result,
    /// A relation's, inside the statement.
    Relation,
}

fn query(query: &mut Query, place: Place, spelled: &Spelled, names: &mut OutputNames) {
    for table in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
        self::query(&mut table.query, Place::Relation, spelled, names);
    }
    let order = query.order_by.as_mut();
    body(&mut query.body, place, order, spelled, names);
}

fn body(
    set: &mut SetExpr,
    place: Place,
    order: Option<&mut datafusion::sql::sqlparser::ast::OrderBy>,
    spelled: &Spelled,
    names: &mut OutputNames,
) {
    match set {
        SetExpr::Select(select) => {
            for from in &mut select.from {
                tables(from, spelled, names);
            }
            items::distinguish(select, place, order);
            for alias in items::aliases(select) {
                if let Some(written) = spelled.get(alias) {
                    names.aliases.insert(alias.to_owned(), written.clone());
                }
            }
        }
        SetExpr::Query(inner) => query(inner, place, spelled, names),
        SetExpr::SetOperation { left, right, .. } => {
            body(left, place, None, spelled, names);
            body(right, place, None, spelled, names);
        }
        _ => {}
    }
}

fn tables(from: &mut TableWithJoins, spelled: &Spelled, names: &mut OutputNames) {
    let joined = from.joins.iter_mut().map(|join| &mut join.relation);
    for table in std::iter::once(&mut from.relation).chain(joined) {
        match table {
            TableFactor::Derived { subquery, .. } => query(subquery, Place::Relation, spelled, names),
            TableFactor::NestedJoin { table_with_joins, .. } => tables(table_with_joins, spelled, names),
            _ => {}
        }
    }
}

/// A text that may show inner names, without what makes them distinct.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut parts = text.split(SIGN);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    }
    shown
}

impl OutputNames {
    /// The schema as the caller sees it.
    #[must_use]
    pub fn schema(&self, schema: &Schema) -> SchemaRef {
        let field = |(position, field): (usize, &FieldRef)| {
            let name = self.name(position, field.name());
            Arc::new(Field::clone(field).with_name(name))
        };
        Arc::new(Schema::new(
            schema.fields().iter().enumerate().map(field).collect::<Vec<_>>(),
        ))
    }

    fn name(&self, position: usize, inner: &str) -> String {
        let name = inner.split(SIGN).next().unwrap_or_default();
        if name.is_empty() && inner.starts_with(SIGN) {
            return format!("_col{position}");
        }
        self.aliases.get(name).map_or(name, String::as_str).to_owned()
    }

    /// The stream under the names that the caller sees.
    #[must_use]
    pub fn give(&self, stream: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = self.schema(&stream.schema());
        let target = SchemaRef::clone(&schema);
        let batches = stream.map(move |batch| {
            let batch = batch?;
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let schema = SchemaRef::clone(&schema);
            Ok(RecordBatch::try_new_with_options(
                schema,
                batch.columns().to_vec(),
                &options,
            )?)
        });
        Box::pin(RecordBatchStreamAdapter::new(target, batches))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::DataType;

    use super::*;

    #[test]
    fn the_sign_and_what_follows_are_gone_at_the_output() {
        let fields = ["id", "id\u{1f}1", "\u{1f}2", "total", "a b\u{1f}10"];
        let fields: Vec<Field> = fields.map(|name| Field::new(name, DataType::Int64, true)).into();
        let mut names = OutputNames::default();
        names.aliases.insert("total".to_owned(), "Total".to_owned());
        let schema = names.schema(&Schema::new(fields));
        let shown: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(shown, ["id", "id", "_col2", "Total", "a b"]);
        assert_eq!(super::shown("[id@0 as id\u{1f}1, x\u{1f}12@1]"), "[id@0 as id, x@1]");
    }
}
