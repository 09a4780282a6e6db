//! What may a caller know about the lake itself? SHOW, DESCRIBE, EXPLAIN and `information_schema`, from visible objects only.

pub mod information;
mod listed;
pub(crate) mod table;
mod views;
pub mod visible;

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, StringArray},
        datatypes::{DataType, Field, Schema, SchemaRef},
        record_batch::RecordBatch,
    },
    physical_plan::{ExecutionPlan, displayable},
};
use lakegate_catalog::{audit::AuditEvent, name::TableName, snapshot::Snapshot};
use lakegate_policy::Action;

use crate::{
    audit::{Attempts, acting, event},
    context::QueryContext,
    discover::Discovery,
    entities::{Governor, ObjectRef},
    error::{ErrorCode, QueryError, Result},
    metadata::visible::Viewer,
    names,
    parse::MetadataStatement,
    published::Published,
    resolve::Defaults,
};

/// Who asks about what.
#[derive(Debug)]
pub struct Asked<'a> {
    pub governor: &'a Governor,
    pub cx: &'a Arc<QueryContext>,
    pub discovery: &'a Discovery,
    pub published: &'a Published,
}

impl Asked<'_> {
    /// Decisions over the newest snapshot, after the discovered catalog of that name was listed at its source. A source
    /// that cannot be listed is told to those who may describe the catalog; others see what is known of it.
    async fn listed(&self, catalog: &str, database: Option<&str>) -> Result<Governor> {
        if !self.viewer(self.governor).may_list(catalog, database) {
            return Ok(self.governor.clone());
        }
        let snapshot = match self
            .discovery
            .list(Arc::clone(self.governor.snapshot()), catalog, database)
            .await
        {
            Ok(snapshot) => snapshot,
            Err(error) => {
                let found = self.governor.snapshot().find_catalog(catalog);
                let object = found.map(|found| ObjectRef::new("Catalog", found.id.as_str()));
                if object.is_some_and(|object| self.viewer(self.governor).may(Action::Describe, &object)) {
                    return Err(error);
                }
                return Ok(self.governor.clone());
            }
        };
        self.published.governor(&snapshot)
    }

    fn viewer(&self, governor: &Governor) -> Viewer {
        Viewer::within(governor, self.cx)
    }
}

/// Answers SHOW and DESCRIBE.
///
/// # Errors
/// `TABLE_NOT_FOUND` and `SCHEMA_NOT_FOUND`, for what is missing and what is hidden alike.
pub async fn answer(
    asked: &Asked<'_>,
    question: &MetadataStatement,
    defaults: &Defaults,
    attempts: &Attempts,
) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let answer = answered(asked, question, defaults).await;
    attempts.push(attempt(asked, "metadata", answer.as_ref().err()));
    answer
}

/// The audit event of a look at metadata.
fn attempt(asked: &Asked<'_>, resource: &str, error: Option<&QueryError>) -> AuditEvent {
    let event = AuditEvent {
        query_id: Some(asked.cx.query.clone()),
        decision: if error.is_some() { "deny" } else { "allow" }.to_owned(),
        outcome: error.map_or("ok", |error| error.code.text()).to_owned(),
        ..event(
            &asked.cx.caller,
            "query.attempt",
            "Describe",
            resource,
            &asked.cx.snapshot,
        )
    };
    acting(asked.cx, event)
}

async fn answered(
    asked: &Asked<'_>,
    question: &MetadataStatement,
    defaults: &Defaults,
) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    match question {
        MetadataStatement::Catalogs { like } => {
            let names = asked
                .viewer(asked.governor)
                .catalogs()
                .into_iter()
                .map(|catalog| catalog.name.clone());
            one_column("catalog", matching(names, like.as_deref()))
        }
        MetadataStatement::Databases { catalog, like } => {
            let catalog = catalog.as_deref().unwrap_or(&defaults.catalog);
            let governor = asked.listed(catalog, None).await?;
            let viewer = asked.viewer(&governor);
            let found = viewer.catalog(catalog).ok_or_else(|| missing_database(catalog))?;
            let names = viewer
                .databases(&found)
                .into_iter()
                .map(|database| database.name.clone());
            one_column("schema", matching(names, like.as_deref()))
        }
        MetadataStatement::Tables { database, like } => {
            let (catalog, database) = match database.as_slice() {
                [] => (defaults.catalog.as_str(), defaults.database.as_str()),
                [database] => (defaults.catalog.as_str(), database.as_str()),
                [catalog, database] => (catalog.as_str(), database.as_str()),
                _ => {
                    return Err(QueryError::new(
                        ErrorCode::SyntaxError,
                        "SHOW TABLES takes `catalog.database`",
                    ));
                }
            };
            let named = format!("{catalog}.{database}");
            let governor = asked.listed(catalog, Some(database)).await?;
            let viewer = asked.viewer(&governor);
            let found = viewer
                .database(catalog, database)
                .ok_or_else(|| missing_database(&named))?;
            let names = viewer.tables(&found).into_iter().map(|path| path.table.name.clone());
            one_column("table", matching(names, like.as_deref()))
        }
        MetadataStatement::Columns { table } => describe(asked, table, defaults).await,
        MetadataStatement::CreateView { view } => {
            let name = relation(view, defaults, "SHOW CREATE VIEW")?;
            let batch = views::statement(&asked.viewer(asked.governor), &name)?;
            Ok((batch.schema(), vec![batch]))
        }
    }
}

/// A name as these statements take it, completed.
fn relation(name: &[String], defaults: &Defaults, statement: &str) -> Result<TableName> {
    match name {
        [table] => Ok(TableName::new(&defaults.catalog, &defaults.database, table)),
        [database, table] => Ok(TableName::new(&defaults.catalog, database, table)),
        [catalog, database, table] => Ok(TableName::new(catalog, database, table)),
        _ => Err(QueryError::new(
            ErrorCode::SyntaxError,
            format!("{statement} takes `catalog.database.table`"),
        )),
    }
}

async fn describe(asked: &Asked<'_>, table: &[String], defaults: &Defaults) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let name = relation(table, defaults, "DESCRIBE")?;
    let mut snapshot: Arc<Snapshot> = Arc::clone(asked.governor.snapshot());
    if asked.viewer(asked.governor).may_describe(&name)
        && let Ok(newer) = asked.discovery.refresh(Arc::clone(&snapshot), &name).await
    {
        snapshot = newer;
    }
    let governor = asked.published.governor(&snapshot)?;
    let viewer = asked.viewer(&governor);
    let columns = governor
        .snapshot()
        .find_relation(&name)
        .and_then(|path| viewer.columns(&path))
        .ok_or_else(|| QueryError::table_not_found(&name))?;
    let rows: Vec<[String; 3]> = columns
        .into_iter()
        .map(|column| [column.name, column.data_type, column.comment.unwrap_or_default()])
        .collect();
    text_rows(["column", "type", "comment"], &rows)
}

/// The governed plan as text: the barrier shows no filter, path or figure.
///
/// # Errors
/// When the rows cannot be built.
pub fn explained(plan: &Arc<dyn ExecutionPlan>) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let text = names::shown(&displayable(plan.as_ref()).indent(false).to_string());
    let lines: Vec<[String; 1]> = text.lines().map(|line| [line.to_owned()]).collect();
    text_rows(["plan"], &lines)
}

fn missing_database(name: &str) -> QueryError {
    QueryError::new(ErrorCode::DatabaseNotFound, format!("database `{name}` does not exist"))
}

fn matching(names: impl Iterator<Item = String>, like: Option<&str>) -> Vec<[String; 1]> {
    let mut names: Vec<[String; 1]> = names
        .filter(|name| like.is_none_or(|pattern| like_matches(pattern, name)))
        .map(|name| [name])
        .collect();
    names.sort();
    names
}

/// `%` and `_` of LIKE, without escapes.
fn like_matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let mut reachable = vec![false; text.len() + 1];
    if let Some(first) = reachable.first_mut() {
        *first = true;
    }
    for wanted in pattern {
        let mut next = vec![false; text.len() + 1];
        if wanted == '%' {
            let mut seen = false;
            for (slot, before) in next.iter_mut().zip(&reachable) {
                seen |= *before;
                *slot = seen;
            }
        } else {
            for ((slot, before), found) in next.iter_mut().skip(1).zip(&reachable).zip(&text) {
                *slot = *before && (wanted == '_' || wanted == *found);
            }
        }
        reachable = next;
    }
    reachable.last().copied().unwrap_or_default()
}

fn one_column(name: &str, rows: Vec<[String; 1]>) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    text_rows([name], &rows)
}

fn text_rows<const N: usize>(names: [&str; N], rows: &[[String; N]]) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let fields: Vec<Field> = names
        .iter()
        .map(|name| Field::new(*name, DataType::Utf8, false))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let columns: Vec<ArrayRef> = (0..N)
        .map(|index| {
            let values = rows
                .iter()
                .map(|row| row.get(index).map(String::as_str).unwrap_or_default());
            Arc::new(StringArray::from_iter_values(values)) as ArrayRef
        })
        .collect();
    let batch = RecordBatch::try_new(SchemaRef::clone(&schema), columns).map_err(QueryError::internal)?;
    Ok((schema, vec![batch]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_knows_percent_and_underscore() {
        for (pattern, text, expected) in [
            ("f%", "flights", true),
            ("%s", "flights", true),
            ("_lights", "flights", true),
            ("f_", "flights", false),
            ("%", "", true),
            ("", "x", false),
            ("a%b%c", "axxbyyc", true),
        ] {
            assert_eq!(like_matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
