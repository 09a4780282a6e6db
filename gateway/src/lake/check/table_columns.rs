//! Which columns will a table have? Declared ones keep the ids of what kept its name.

use std::collections::BTreeSet;

use lakegate_catalog::{id::ObjectId, relation::Column};

use super::tags;
use crate::lake::{
    draft::Draft,
    inspect::FoundColumn,
    model::{ColumnEntry, ColumnsEntry, Entry, TableEntry},
};

/// Data columns and partition columns of an entry, the latter last. `known` gives ids.
pub(super) fn declared(draft: &mut Draft, entry: &Entry<TableEntry>, known: &[Column]) -> Vec<Column> {
    let data = match &entry.body.columns {
        Some(ColumnsEntry::List(columns)) => columns.as_slice(),
        Some(ColumnsEntry::Infer(_)) | None => &[],
    };
    let mut columns = Vec::new();
    let mut names = BTreeSet::new();
    let sections = [
        ("columns", data, false),
        ("partitioned_by", entry.body.partitioned_by.as_slice(), true),
    ];
    for (section, list, partition) in sections {
        for (at, column) in list.iter().enumerate() {
            let at = at.to_string();
            if !names.insert(column.name.clone()) {
                let place = entry.at(&[section, &at, "name"]).clone();
                draft.invalid(
                    &place,
                    format!("column `{}` stands twice", column.name),
                    "a column is either data or partition",
                );
                continue;
            }
            tags(draft, &column.tags, |key| {
                entry.at(&[section, &at, "tags", key]).clone()
            });
            columns.push(column_of(column, known, partition));
        }
    }
    columns
}

fn column_of(entry: &ColumnEntry, known: &[Column], partition: bool) -> Column {
    let known = known.iter().find(|column| column.name == entry.name);
    Column {
        id: known.map_or_else(ObjectId::new, |column| column.id.clone()),
        name: entry.name.clone(),
        remote_name: known.and_then(|column| column.remote_name.clone()),
        data_type: entry.data_type.clone(),
        nullable: entry.nullable,
        comment: entry.comment.clone(),
        tags: entry.tags.clone(),
        partition,
    }
}

/// Columns as a source has them, with ids, tags and comments of what kept its name.
pub(super) fn found(found: &[FoundColumn], known: &[Column]) -> Vec<Column> {
    found
        .iter()
        .map(|column| {
            let name = column.name.to_lowercase();
            let known = known.iter().find(|known| known.name == name);
            Column {
                id: known.map_or_else(ObjectId::new, |known| known.id.clone()),
                remote_name: (name != column.name).then(|| column.name.clone()),
                name,
                data_type: column.data_type.clone(),
                nullable: column.nullable,
                comment: known.and_then(|known| known.comment.clone()),
                tags: known.map(|known| known.tags.clone()).unwrap_or_default(),
                partition: false,
            }
        })
        .collect()
}

/// Writes what an entry says about columns of a discovered table onto what the source has.
pub(super) fn govern(draft: &mut Draft, entry: &Entry<TableEntry>, columns: &mut [Column]) {
    let Some(ColumnsEntry::List(list)) = &entry.body.columns else {
        return;
    };
    for (at, given) in list.iter().enumerate() {
        let at = at.to_string();
        let Some(column) = columns.iter_mut().find(|column| column.name == given.name) else {
            let message = format!("the source's table `{}` has no column `{}`", entry.name, given.name);
            draft.invalid(
                entry.at(&["columns", &at, "name"]),
                message,
                "name the columns as the source does, or leave it out",
            );
            continue;
        };
        if column.data_type != given.data_type {
            let message = format!(
                "column `{}` is `{}` at the source, not `{}`",
                given.name, column.data_type, given.data_type
            );
            draft.invalid(
                entry.at(&["columns", &at, "type"]),
                message,
                format!("write `type: {}`", column.data_type),
            );
        }
        if column.nullable && !given.nullable {
            let message = format!("column `{}` may be NULL at the source", given.name);
            let place = entry.at(&["columns", &at, "nullable"]);
            draft.invalid(place, message, "remove `nullable: false`");
        }
        tags(draft, &given.tags, |key| {
            entry.at(&["columns", &at, "tags", key]).clone()
        });
        column.tags = given.tags.clone();
        column.comment = given.comment.clone();
    }
}

/// Does the entry say about the columns of a stored discovered table what is stored?
pub(super) fn agrees(list: &[ColumnEntry], stored: &[ColumnEntry]) -> bool {
    let as_declared = list.iter().all(|given| {
        let plain = |column: &ColumnEntry| ColumnEntry {
            nullable: true,
            ..column.clone()
        };
        stored.iter().any(|known| plain(known) == plain(given))
    });
    let nothing_more = stored
        .iter()
        .filter(|known| !known.tags.is_empty() || known.comment.is_some())
        .all(|known| list.iter().any(|given| given.name == known.name));
    as_declared && nothing_more
}
