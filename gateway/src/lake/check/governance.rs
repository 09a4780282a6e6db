//! Are tag keys and data filters right?

use lakegate_catalog::{
    governance::{DataFilter, FilterColumns, TagKey},
    id::ObjectId,
    name::{TableName, split_name},
    object::{Kind, Stored},
    relation::Table,
};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use super::{CheckContext, filter_body, mappings, plain, same};
use crate::lake::{
    draft::{Draft, Seat},
    judge::Asked,
    model::{Entry, FilterEntry, FilterOf, TagEntry},
    problem::Place,
};

pub(super) fn tags(draft: &mut Draft, entries: &[Entry<TagEntry>]) {
    for entry in entries {
        let known = draft.after.find_tag(&entry.name).cloned();
        if let Some(known) = &known {
            draft.claim(known, &entry.place, false);
            if same(draft.stored().tag(known), &entry.body) {
                continue;
            }
        }
        if !plain(draft, &entry.name, &entry.place, "tag key") {
            continue;
        }
        let TagEntry { values, ordered } = entry.body.clone();
        if let Some((at, value)) = values
            .iter()
            .enumerate()
            .find(|(at, value)| values.iter().take(*at).any(|other| other == *value))
        {
            draft.invalid(
                entry.at(&["values", &at.to_string()]),
                format!("value `{value}` stands twice"),
                "keep one of the two",
            );
        }
        if ordered && values.is_empty() {
            draft.invalid(
                entry.at(&["ordered"]),
                "an ordered tag needs `values`",
                "list them from least to most restrictive",
            );
        }
        let name = known.as_ref().map_or(entry.name.as_str(), |known| known.name.as_str());
        draft.write(
            known.as_deref(),
            &Seat {
                parent: None,
                name,
                place: &entry.place,
            },
            TagKey { values, ordered },
        );
    }
    draft.reindex();
}

/// The table or view that filters and masks of the lake belong to. (What is wrong with its name was said with the table.)
pub(super) fn table(draft: &Draft, name: &str) -> Option<std::sync::Arc<Stored<Table>>> {
    let parts = split_name(name)?;
    let [catalog, database, table] = parts.as_slice() else {
        return None;
    };
    draft
        .after
        .find_relation(&TableName::new(catalog, database, table))
        .map(|path| path.table)
}

pub(super) fn filters(cx: &CheckContext<'_>, draft: &mut Draft, filters: &[FilterOf]) {
    for FilterOf {
        table: name,
        filter: entry,
    } in filters
    {
        let Some(table) = table(draft, name) else { continue };
        let known = draft
            .after
            .filters_of(&table.id)
            .into_iter()
            .find(|filter| filter.name.eq_ignore_ascii_case(&entry.name))
            .cloned();
        let kept = known.as_ref().is_some_and(|known| {
            let mut stored = draft.stored().filter(known);
            // Who does not say whose rights mean leaves them as they are.
            stored.publisher = stored.publisher.filter(|_| entry.body.publisher.is_some());
            same(stored, &entry.body)
        });
        if !admits(cx, draft, (Kind::DataFilter, name), entry, kept) {
            continue;
        }
        if let Some(known) = &known {
            draft.claim(known, &entry.place, false);
        }
        if kept && !draft.reshaped.contains(&table.id) {
            continue;
        }
        if !plain(draft, &entry.name, &entry.place, "data filter") {
            continue;
        }
        let condition = filter_body::condition(draft, entry, &table);
        let (mappings, publisher) = mappings::bound(cx, draft, entry, &table, known.as_deref().filter(|_| kept));
        let columns = filter_columns(draft, entry, &table, name);
        let body = DataFilter {
            body: condition.body,
            language: condition.language,
            resolved: condition.resolved,
            covers: columns.meant(table.body.columns.iter().map(|column| &column.id)),
            columns,
            restrictive: entry.body.restrictive,
            reads: condition.reads,
            mappings,
            publisher,
        };
        let name = known.as_ref().map_or(entry.name.as_str(), |known| known.name.as_str());
        let seat = Seat {
            parent: Some(table.id.clone()),
            name,
            place: &entry.place,
        };
        draft.write(known.as_deref(), &seat, body);
    }
}

/// Filters and masks belong to the policies, whoever owns the table.
pub(super) fn admits<E>(
    cx: &CheckContext<'_>,
    draft: &mut Draft,
    (kind, owner): (Kind, &str),
    entry: &Entry<E>,
    same: bool,
) -> bool {
    let name = format!("{owner}/{}", entry.name);
    let asked = Asked {
        kind,
        name: &name,
        place: &entry.place,
        known: None,
        same,
    };
    cx.judge
        .admits(draft, asked, &[(Action::ManagePolicy, ObjectRef::policy_store())])
}

fn filter_columns(draft: &mut Draft, entry: &Entry<FilterEntry>, table: &Stored<Table>, name: &str) -> FilterColumns {
    let mut ids = |key: &str, names: &[String]| -> Vec<ObjectId> {
        let mut ids: Vec<ObjectId> = names
            .iter()
            .filter_map(|column| column_id(draft, table, name, column, entry.at(&[key])))
            .collect();
        ids.sort();
        ids
    };
    let listed = [("columns", &entry.body.columns), ("except", &entry.body.except)];
    if let Some((key, _)) = listed.iter().find(|(_, list)| list.is_some() && entry.body.restrictive) {
        let message = format!("filter `{}` is restrictive and has `{key}`", entry.name);
        let remedy = format!("remove `{key}`: a restrictive filter hides rows and opens no column");
        draft.invalid(entry.at(&[key]), message, remedy);
        return FilterColumns::All;
    }
    match (&entry.body.columns, &entry.body.except) {
        (Some(_), Some(_)) => {
            let message = format!("filter `{}` has both `columns` and `except`", entry.name);
            draft.invalid(entry.at(&["except"]), message, "keep one of the two");
            FilterColumns::All
        }
        (Some(columns), None) => FilterColumns::Include(ids("columns", columns)),
        (None, Some(except)) => FilterColumns::Except(ids("except", except)),
        (None, None) => FilterColumns::All,
    }
}

/// Id of a column of `table` (called `name`) by its dotted path.
pub(super) fn column_id(
    draft: &mut Draft,
    table: &Stored<Table>,
    name: &str,
    column: &str,
    place: &Place,
) -> Option<ObjectId> {
    let id = draft.after.resolve("Column", &format!("{name}.{column}"));
    if id.is_none() {
        let known = table.body.columns.iter().map(|column| column.name.as_str());
        let message = format!("table `{name}` has no column `{column}`");
        let remedy = draft.suggestion(column, known.clone());
        draft.invalid(place, message, remedy);
    }
    id
}
