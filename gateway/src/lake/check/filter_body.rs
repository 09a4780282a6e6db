//! Is the condition of a data filter right, and which columns does it read? In SQL or in Cedar; bound to ids and types.

use arrow::datatypes::DataType;
use lakegate_catalog::{
    governance::{BoundColumn, FilterLanguage},
    object::Stored,
    relation::Table,
};
use lakegate_query::{
    govern::{
        cedar_body,
        row_filter::{FilterBody, FilterProblem, FilterProblemKind, FilterRead},
    },
    type_name::parse_type,
};

use super::mappings;
use crate::lake::{
    draft::Draft,
    entry::Names,
    model::{Entry, FilterEntry},
    problem::{Problem, ProblemCode},
};

/// A condition as it is stored.
pub(super) struct Condition {
    pub(super) body: String,
    pub(super) language: FilterLanguage,
    /// With ids in place of names, in Cedar.
    pub(super) resolved: Option<String>,
    pub(super) reads: Vec<BoundColumn>,
}

/// Checks the condition and binds the columns that it reads; what is wrong is told to the draft.
pub(super) fn condition(draft: &mut Draft, entry: &Entry<FilterEntry>, table: &Stored<Table>) -> Condition {
    let columns: Vec<(String, DataType)> = table
        .body
        .columns
        .iter()
        .filter_map(|column| Some((column.name.clone(), parse_type(&column.data_type).ok()?)))
        .collect();
    match &entry.body.cedar {
        Some(body) => {
            let (resolved, reads) = cedar(draft, entry, body, &columns);
            Condition {
                body: body.clone(),
                language: FilterLanguage::Cedar,
                resolved: Some(resolved),
                reads: bound(reads, table),
            }
        }
        None => Condition {
            body: entry.body.condition.clone(),
            language: FilterLanguage::Sql,
            resolved: None,
            reads: bound(sql(draft, entry, &columns), table),
        },
    }
}

fn bound(reads: Vec<FilterRead>, table: &Stored<Table>) -> Vec<BoundColumn> {
    let bind = |read: FilterRead| {
        let column = table.body.columns.iter().find(|column| column.name == read.name)?;
        Some(BoundColumn {
            name: read.name,
            id: column.id.clone(),
            data_type: column.data_type.clone(),
        })
    };
    reads.into_iter().filter_map(bind).collect()
}

fn cedar(
    draft: &mut Draft,
    entry: &Entry<FilterEntry>,
    body: &str,
    columns: &[(String, DataType)],
) -> (String, Vec<FilterRead>) {
    match cedar_body::check(body, columns, &Names(&draft.after)) {
        Ok(filter) => (filter.resolved, filter.reads),
        Err(found) => {
            let place = entry.at(&["cedar"]);
            let problems = found.into_iter().map(|problem| {
                let message = format!("filter `{}`, {problem}", entry.name);
                // The nearest column is for those only who may know the columns.
                let remedy = if draft.lists_names {
                    problem.remedy
                } else {
                    "see the language of row filters in Cedar".to_owned()
                };
                Problem::invalid(place, message, remedy)
            });
            let problems: Vec<Problem> = problems.collect();
            draft.problems.extend(problems);
            (String::new(), Vec::new())
        }
    }
}

fn sql(draft: &mut Draft, entry: &Entry<FilterEntry>, columns: &[(String, DataType)]) -> Vec<FilterRead> {
    let tables = |name: &[String; 3]| mappings::columns(&draft.after, name);
    match FilterBody::bind_with(&entry.body.condition, columns, &tables) {
        Ok(body) => body.reads().to_vec(),
        Err(found) => {
            let problems: Vec<Problem> = found
                .iter()
                .map(|problem| sql_problem(draft, entry, columns, problem))
                .collect();
            draft.problems.extend(problems);
            Vec::new()
        }
    }
}

fn sql_problem(
    draft: &Draft,
    entry: &Entry<FilterEntry>,
    columns: &[(String, DataType)],
    problem: &FilterProblem,
) -> Problem {
    let place = entry.at(&["where"]);
    let before = entry.body.condition.get(..problem.offset);
    let at = before.map_or(0, |text| text.chars().count()) + 1;
    let message = format!("filter `{}`, character {at}: {}", entry.name, problem.message);
    match problem.kind {
        FilterProblemKind::NotSupported => {
            Problem::new(ProblemCode::NotSupported, place, message, "use another condition")
        }
        FilterProblemKind::UnknownColumn => {
            let names = columns.iter().map(|(name, _)| name.as_str());
            let name = problem.message.split('`').nth(1).unwrap_or_default();
            Problem::invalid(place, message, draft.suggestion(name, names))
        }
        FilterProblemKind::UnknownMapping => {
            let remedy = "name a table that you may describe in three parts, and columns of it";
            Problem::invalid(place, message, remedy)
        }
        FilterProblemKind::Limit | FilterProblemKind::Syntax | FilterProblemKind::Type => {
            Problem::invalid(place, message, "see the language of row filters")
        }
    }
}
