//! Are tables of discovered catalogs right? What stands in a lake governs what the source has.

use std::collections::{BTreeMap, BTreeSet};

use lakegate_catalog::{
    object::{BUILTIN_LAKE, LOCAL_LAKE},
    relation::{AbsentPolicyColumns, Column, Database, PartitionMode, RemoteTable, Table},
};

use super::{
    CheckContext, owner, table_columns,
    tables::{Spot, failed, found_columns, may_ask, unsaved, write},
    tags,
};
use crate::lake::{
    draft::{Draft, Seat, Writer},
    inspect::FoundTable,
    model::{ColumnsEntry, Entry, Lake, TableEntry},
    problem::{Problem, ProblemCode},
};

pub(super) async fn table(
    cx: &CheckContext<'_>,
    draft: &mut Draft,
    lake: &Lake,
    entry: &Entry<TableEntry>,
    spot: &Spot<'_>,
) {
    let body = &entry.body;
    let of_source = [
        ("format", body.format.is_some()),
        ("location", body.location.is_some()),
        ("partitioned_by", !body.partitioned_by.is_empty()),
        ("partitions", body.partitions.is_some()),
        ("options", !body.options.is_empty()),
        ("absent_policy_columns", body.absent_policy_columns.is_some()),
    ];
    for (key, _) in of_source.into_iter().filter(|(_, given)| *given) {
        draft.invalid(
            entry.at(&[key]),
            format!("`{key}` of a discovered table is the source's own"),
            format!("remove `{key}`"),
        );
    }
    if matches!(body.columns, Some(ColumnsEntry::Infer(_))) {
        draft.invalid(
            entry.at(&["columns"]),
            "columns of a discovered table are found anyway",
            "remove `columns`",
        );
    }
    let name = spot.name;
    let Some((mut columns, remote)) = source_table(cx, draft, lake, entry, spot).await else {
        return;
    };
    table_columns::govern(draft, entry, &mut columns);
    tags(draft, &body.tags, |key| entry.at(&["tags", key]).clone());
    let table = Table {
        format: None,
        location: None,
        columns,
        inferred: false,
        partitions: PartitionMode::None,
        options: BTreeMap::new(),
        comment: body.comment.clone(),
        owner: owner(draft, body.owner.as_ref(), entry.at(&["owner"])),
        tags: body.tags.clone(),
        absent_policy_columns: AbsentPolicyColumns::Deny,
        remote: Some(remote.clone()),
    };
    let database = match draft.after.find_database(&name.catalog, &name.database).cloned() {
        Some(database) => database.id.clone(),
        None => {
            let remote_name = (remote.database != name.database).then(|| remote.database.clone());
            let body = Database {
                discovered: true,
                remote_name,
                ..Database::default()
            };
            let seat = Seat {
                parent: Some(spot.catalog.id.clone()),
                name: &name.database,
                place: &entry.place,
            };
            // Discovery makes it, as it would at the first query.
            let lake = if draft.writer == Writer::Builtin {
                BUILTIN_LAKE
            } else {
                LOCAL_LAKE
            };
            draft.write_for(lake.to_owned(), None, &seat, body)
        }
    };
    draft.reindex();
    write(draft, entry, spot, &database, table);
}

/// Columns and remote name of a discovered table: the source's, or the declared ones if it cannot be asked.
async fn source_table(
    cx: &CheckContext<'_>,
    draft: &mut Draft,
    lake: &Lake,
    entry: &Entry<TableEntry>,
    spot: &Spot<'_>,
) -> Option<(Vec<Column>, RemoteTable)> {
    let name = spot.name;
    let known = spot.known.map(|known| known.body.columns.clone()).unwrap_or_default();
    if !may_ask(cx, spot) {
        let remote = spot.known.and_then(|known| known.body.remote.clone())?;
        return Some((known, remote));
    }
    match cx
        .inspector
        .describe(&unsaved(spot.connection), &name.database, &name.table)
        .await
    {
        Ok(Some(FoundTable {
            database,
            table,
            source_id,
            columns,
            sampled,
        })) => Some((
            if sampled && is_governed(cx, draft, spot) {
                known
            } else {
                found_columns(cx, spot, &columns)
            },
            RemoteTable {
                database,
                table,
                source_id,
                retired: false,
                sampled,
            },
        )),
        Ok(None) => {
            let remedy = "check the name; databases and tables of a discovered catalog are those of the source";
            draft.invalid(
                &entry.place,
                format!("the source has no table `{}`", entry.name),
                remedy,
            );
            None
        }
        Err(error) if !known.is_empty() && !error.unreachable => {
            failed(draft, &entry.place, &entry.name, &error);
            None
        }
        Err(_) if !known.is_empty() => {
            let remote = spot.known.and_then(|known| known.body.remote.clone())?;
            Some((known, remote))
        }
        Err(error) => {
            let declared = table_columns::declared(draft, entry, &known);
            let missing = not_declared(lake, entry, &declared);
            if declared.is_empty() || !missing.is_empty() {
                let what = if missing.is_empty() {
                    String::new()
                } else {
                    format!(": `{}`", missing.join("`, `"))
                };
                let message = format!("the source of `{}` cannot be asked: {}", entry.name, error.message);
                let remedy = format!("start the source, or declare under `columns` what filters and masks need{what}");
                draft.problems.push(Problem::new(
                    ProblemCode::SourceUnavailable,
                    &entry.place,
                    message,
                    remedy,
                ));
                return None;
            }
            let remote = RemoteTable {
                database: name.database.clone(),
                table: name.table.clone(),
                source_id: None,
                retired: false,
                sampled: false,
            };
            Some((declared, remote))
        }
    }
}

/// Names and types that follow from all rows tell of hidden ones: tables on which filters or masks stand have declared columns.
pub(super) fn governed_are_declared(draft: &mut Draft, lake: &Lake) {
    let filters = lake.filters.iter().map(|filter| (&filter.table, &filter.filter.place));
    let masks = lake.masks.iter().map(|mask| (&mask.table, &mask.mask.place));
    let mut told = BTreeSet::new();
    for (name, place) in filters.chain(masks) {
        let table = super::governance::table(draft, name);
        let Some(remote) = table
            .and_then(|table| table.body.remote.clone())
            .filter(|remote| remote.sampled)
        else {
            continue;
        };
        if told.insert(name) {
            let message = format!(
                "columns of `{name}` are inferred from a sample of all its rows: their names and types would tell of rows that a \
                 filter or mask hides"
            );
            let remedy = format!("declare them: option `columns.{}` of its connection", remote.table);
            draft.invalid(place, message, remedy);
        }
    }
}

/// Whether filters or masks stand on the stored table, those too that the applier does not know of: what a sample shows is then not
/// taken over.
fn is_governed(cx: &CheckContext<'_>, draft: &Draft, spot: &Spot<'_>) -> bool {
    spot.known.is_some_and(|known| {
        let whole = cx
            .judge
            .whole()
            .is_some_and(|whole| whole.is_filtered_or_masked(&known.id));
        whole || draft.before.is_filtered_or_masked(&known.id)
    })
}

/// Columns that masks and column lists of the lake name and the entry does not declare. (What a filter's condition reads is
/// found when it is checked.)
fn not_declared(lake: &Lake, entry: &Entry<TableEntry>, declared: &[Column]) -> Vec<String> {
    let here = |table: &str| table.eq_ignore_ascii_case(&entry.name);
    let masked = lake
        .masks
        .iter()
        .filter(|mask| here(&mask.table))
        .map(|mask| mask.column.clone());
    let filters = lake
        .filters
        .iter()
        .filter(|filter| here(&filter.table))
        .map(|filter| &filter.filter.body);
    let listed = filters.flat_map(|filter| filter.columns.iter().chain(&filter.except).flatten().cloned());
    let top = |name: String| {
        name.split('.')
            .next()
            .unwrap_or_default()
            .trim_matches('"')
            .to_lowercase()
    };
    let mut missing: Vec<String> = masked.chain(listed).map(top).collect();
    missing.retain(|name| !declared.iter().any(|column| column.name == *name));
    missing.sort();
    missing.dedup();
    missing
}
