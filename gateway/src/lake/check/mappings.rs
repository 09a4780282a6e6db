//! Are the mappings of row filters right: do their tables exist, who reads them, and does none lead back to its own table?

use arrow::datatypes::DataType;
use lakegate_catalog::{
    governance::{BoundColumn, BoundMapping, DataFilter},
    id::ObjectId,
    name::TableName,
    object::{Kind, Stored},
    relation::Table,
    snapshot::Snapshot,
};
use lakegate_query::{
    govern::row_filter::{FilterBody, FilterRead, Mapping},
    type_name::parse_type,
};

use super::CheckContext;
use crate::lake::{
    draft::Draft,
    model::{Entry, FilterEntry},
    problem::Place,
};

/// The columns of a table as a mapping may name them.
pub(super) fn columns(snapshot: &Snapshot, name: &[String; 3]) -> Option<Vec<(String, DataType)>> {
    let table = table(snapshot, name)?;
    let columns = table.body.columns.iter();
    Some(
        columns
            .filter_map(|column| Some((column.name.clone(), parse_type(&column.data_type).ok()?)))
            .collect(),
    )
}

fn table(snapshot: &Snapshot, [catalog, database, table]: &[String; 3]) -> Option<std::sync::Arc<Stored<Table>>> {
    let path = snapshot.find_table(&TableName::new(catalog, database, table))?;
    Some(path.table)
}

/// The mappings of a body that binds, and who reads them. `known`: the filter as it is stored, if the entry changes nothing of it.
pub(super) fn bound(
    cx: &CheckContext<'_>,
    draft: &mut Draft,
    entry: &Entry<FilterEntry>,
    governed: &Stored<Table>,
    known: Option<&Stored<DataFilter>>,
) -> (Vec<BoundMapping>, Option<ObjectId>) {
    let own: Vec<(String, DataType)> = governed
        .body
        .columns
        .iter()
        .filter_map(|column| Some((column.name.clone(), parse_type(&column.data_type).ok()?)))
        .collect();
    let body = FilterBody::bind_with(&entry.body.condition, &own, &|name| columns(&draft.after, name));
    // What does not bind was told with the columns that it reads.
    let mappings: Vec<Mapping> = body.map(|body| body.mappings().to_vec()).unwrap_or_default();
    if mappings.is_empty() {
        if entry.body.publisher.is_some() && draft.problems.is_empty() {
            let message = format!("filter `{}` has a `publisher` and no mapping", entry.name);
            draft.invalid(entry.at(&["publisher"]), message, "leave `publisher` out");
        }
        return (Vec::new(), None);
    }
    let publisher = match known {
        Some(known) => known.body.publisher.clone(),
        None => publisher(cx, draft, entry),
    };
    let bound = mappings.into_iter().filter_map(|mapping| {
        let table = table(&draft.after, &mapping.table)?;
        let reads = mapping.reads.iter().filter_map(|read| column(&table, read)).collect();
        Some(BoundMapping {
            name: mapping.table,
            table: table.id.clone(),
            reads,
        })
    });
    (bound.collect(), publisher)
}

fn column(table: &Stored<Table>, read: &FilterRead) -> Option<BoundColumn> {
    let column = table.body.columns.iter().find(|column| column.name == read.name)?;
    Some(BoundColumn {
        name: read.name.clone(),
        id: column.id.clone(),
        data_type: column.data_type.clone(),
    })
}

/// With whose rights the mappings are read: the applier's own, or, at the start of the server, those of the user that is named.
fn publisher(cx: &CheckContext<'_>, draft: &mut Draft, entry: &Entry<FilterEntry>) -> Option<ObjectId> {
    let Some(given) = &entry.body.publisher else {
        if cx.user.is_none() {
            let message = format!("filter `{}` reads a mapping, and with nobody's rights", entry.name);
            let remedy = "say whose: `publisher: \"user:NAME\"`";
            draft.invalid(entry.at(&["where"]), message, remedy);
        }
        return cx.user.cloned();
    };
    let name = given.strip_prefix("user:").unwrap_or_default();
    let found = draft.after.resolve("User", name);
    let own = |found: &ObjectId| cx.operator || cx.user == Some(found);
    match found.filter(own) {
        Some(found) => Some(found),
        // Somebody else and nobody are not told apart.
        None => {
            let (message, remedy) = if cx.operator {
                (format!("`publisher` names no user: `{given}`"), "write `user:NAME`")
            } else {
                let message = format!(
                    "filter `{}` cannot be published with the rights of `{given}`",
                    entry.name
                );
                (
                    message,
                    "leave `publisher` out: who changes a filter publishes it with their own rights",
                )
            };
            draft.invalid(entry.at(&["publisher"]), message, remedy);
            None
        }
    }
}

/// Refuses mappings that lead back to the table that they govern, over the filters of the whole catalog.
pub(crate) fn no_circles(draft: &mut Draft) {
    let circular: Vec<(ObjectId, String)> = draft
        .after
        .data_filters
        .iter()
        .filter(|filter| leads_back(&draft.after, filter))
        .map(|filter| (filter.id.clone(), filter.name.clone()))
        .collect();
    for (id, name) in circular {
        let place = draft.places.get(&(Kind::DataFilter, id)).cloned();
        let place = place.unwrap_or_else(|| Place::of_input("lake"));
        let message = format!("the mapping of filter `{name}` leads back to the filter's own table");
        let remedy = "read a table whose filters do not need this one";
        draft.invalid(&place, message, remedy);
    }
}

fn leads_back(snapshot: &Snapshot, filter: &Stored<DataFilter>) -> bool {
    let Some(own) = &filter.parent else { return false };
    let mut seen: Vec<&ObjectId> = Vec::new();
    let mut open: Vec<&ObjectId> = filter.body.mappings.iter().map(|mapping| &mapping.table).collect();
    while let Some(table) = open.pop() {
        if table == own {
            return true;
        }
        if !seen.contains(&table) {
            seen.push(table);
            let filters = snapshot.filters_of(table).into_iter();
            open.extend(
                filters
                    .flat_map(|filter| &filter.body.mappings)
                    .map(|mapping| &mapping.table),
            );
        }
    }
    false
}
