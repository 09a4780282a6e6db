//! Are tables right: of files (declared or inferred), and of a source that has them?

use std::{collections::BTreeMap, sync::Arc};

use chrono::Utc;
use lakegate_catalog::{
    connection::Connection,
    id::ObjectId,
    name::TableName,
    object::{LOCAL_LAKE, Stored},
    relation::{
        AbsentPolicyColumns, Catalog, Column, Database, Partition, PartitionMode, RemoteTable, Table, TableFormat,
    },
};
use lakegate_connectors::{
    files::{Format, FormatOptions},
    option::OptionProblemKind,
};
use serde_json::Value;

use super::{CheckContext, dotted, owner, same, sources::location_is_name, table_columns, tags, unknown};
use crate::lake::{
    draft::{Draft, Seat, Writer},
    entry::partition_name,
    inspect::{FoundTable, InspectError},
    model::{Canonical, ColumnsEntry, Entry, InferWord, Lake, PartitionWord, PartitionsEntry, TableEntry},
    problem::{Place, Problem, ProblemCode},
};

pub(super) async fn table(cx: &CheckContext<'_>, draft: &mut Draft, lake: &Lake, entry: &Entry<TableEntry>) {
    let Some(parts) = dotted(draft, &entry.name, 3, &entry.place, "table") else {
        return;
    };
    let [catalog, database, name] = parts.as_slice() else {
        return;
    };
    let Some(catalog) = draft.after.find_catalog(catalog).cloned() else {
        return unknown::<Catalog>(draft, "catalog", catalog, &entry.place);
    };
    let Some(connection) = draft.after.connection(&catalog.body.connection).cloned() else {
        return;
    };
    let path = TableName::new(&catalog.name, database, name);
    let known = draft.after.find_table(&path).map(|path| path.table);
    if let Some(known) = &known {
        // An entry of nothing but filters and masks says nothing about the table, which may be another lake's.
        let silent = entry.body == TableEntry::default();
        let found = known.body.remote.is_some() && known.lake == LOCAL_LAKE;
        if silent && !found && !draft.owns(known) {
            return;
        }
        draft.claim(known, &entry.place, known.body.remote.is_some());
        if silent && known.body.remote.is_none() {
            return;
        }
        if unchanged(draft, known, &entry.body) {
            return;
        }
    }
    let spot = Spot {
        catalog: &catalog,
        connection: &connection,
        name: &path,
        known: known.as_ref(),
    };
    if catalog.body.discover {
        discovered(cx, draft, lake, entry, &spot).await;
    } else {
        of_files(cx, draft, entry, &spot).await;
    }
}

/// Where a table is to be.
struct Spot<'a> {
    catalog: &'a Arc<Stored<Catalog>>,
    connection: &'a Stored<Connection>,
    name: &'a TableName,
    known: Option<&'a Arc<Stored<Table>>>,
}

fn unchanged(draft: &Draft, known: &Arc<Stored<Table>>, given: &TableEntry) -> bool {
    let mut stored = draft.stored().table(known);
    stored.canonical();
    let mut given = given.clone();
    if known.body.remote.is_some() {
        let given = given.columns.take();
        let (Some(ColumnsEntry::List(list)), Some(ColumnsEntry::List(known))) =
            (given.or(Some(ColumnsEntry::List(Vec::new()))), stored.columns.take())
        else {
            return false;
        };
        if !table_columns::agrees(&list, &known) {
            return false;
        }
    }
    let declared = matches!(stored.partitions, Some(PartitionsEntry::List(_)));
    if declared && given.partitions == Some(PartitionsEntry::Mode(PartitionWord::Declared)) {
        stored.partitions = given.partitions.clone();
    }
    same(stored, &given)
}

async fn of_files(cx: &CheckContext<'_>, draft: &mut Draft, entry: &Entry<TableEntry>, spot: &Spot<'_>) {
    let name = spot.name;
    let Some(database) = draft.after.find_database(&name.catalog, &name.database).cloned() else {
        let full = format!("{}.{}", name.catalog, name.database);
        let remedy = format!("declare it: `databases: {{{full}: {{}}}}`");
        return draft.invalid(&entry.place, format!("database `{full}` does not exist"), remedy);
    };
    let known = spot.known.map(|known| known.body.columns.clone()).unwrap_or_default();
    let columns = table_columns::declared(draft, entry, &known);
    let Some((format, location)) = files(draft, entry) else {
        return;
    };
    let inferred = matches!(entry.body.columns, Some(ColumnsEntry::Infer(InferWord::Infer)));
    let mut table = Table {
        format: Some(format),
        location: Some(location),
        columns,
        inferred,
        partitions: mode(draft, entry),
        options: entry.body.options.clone(),
        comment: entry.body.comment.clone(),
        owner: owner(draft, entry.body.owner.as_ref(), entry.at(&["owner"])),
        tags: entry.body.tags.clone(),
        absent_policy_columns: absent(&entry.body),
        remote: None,
    };
    tags(draft, &entry.body.tags, |key| entry.at(&["tags", key]).clone());
    options(draft, entry, format);
    if inferred {
        let found = cx
            .inspector
            .infer(&unsaved(spot.connection), database.body.location.as_deref(), &table)
            .await;
        match found {
            Ok(found) => infer(draft, entry, &mut table, &found, &known),
            Err(error) => return failed(draft, entry.at(&["columns"]), &entry.name, &error),
        }
    }
    if table.columns.iter().all(|column| column.partition) {
        draft.invalid(
            entry.at(&["columns"]),
            format!("table `{}` has no columns", entry.name),
            "list them, or write `columns: infer`",
        );
    }
    write(draft, entry, spot, &database.id, table);
}

/// Format and location, which a table of files must have.
fn files(draft: &mut Draft, entry: &Entry<TableEntry>) -> Option<(TableFormat, String)> {
    let format = match entry.body.format.as_deref() {
        Some("csv") => Some(TableFormat::Csv),
        Some("ndjson") => Some(TableFormat::Ndjson),
        Some("parquet") => Some(TableFormat::Parquet),
        _ => None,
    };
    for (key, given) in [
        ("format", format.is_some()),
        ("location", entry.body.location.is_some()),
        ("columns", entry.body.columns.is_some()),
    ] {
        if !given {
            let remedy = format!("add `{key}`; a table of files has format, location and columns");
            draft.invalid(&entry.place, format!("table `{}` lacks `{key}`", entry.name), remedy);
        }
    }
    let location = entry.body.location.clone()?;
    location_is_name(draft, &location, entry.at(&["location"]));
    entry.body.columns.as_ref()?;
    Some((format?, location))
}

fn mode(draft: &mut Draft, entry: &Entry<TableEntry>) -> PartitionMode {
    let mode = match &entry.body.partitions {
        None => PartitionMode::None,
        Some(PartitionsEntry::Mode(PartitionWord::Hive)) => PartitionMode::Hive,
        Some(PartitionsEntry::Mode(PartitionWord::Declared) | PartitionsEntry::List(_)) => PartitionMode::Declared,
    };
    let by = !entry.body.partitioned_by.is_empty();
    if by && mode == PartitionMode::None {
        let remedy = "add `partitions: hive`, or a list of `{values, location}`";
        draft.invalid(
            entry.at(&["partitioned_by"]),
            format!("table `{}` does not say where its partitions are", entry.name),
            remedy,
        );
    }
    if !by && mode != PartitionMode::None {
        let remedy = "add `partitioned_by`: the columns whose values come from the partition";
        draft.invalid(
            entry.at(&["partitions"]),
            format!("table `{}` has partitions but no partition columns", entry.name),
            remedy,
        );
    }
    mode
}

fn absent(entry: &TableEntry) -> AbsentPolicyColumns {
    match entry.absent_policy_columns.as_deref() {
        Some("null") => AbsentPolicyColumns::Null,
        _ => AbsentPolicyColumns::Deny,
    }
}

fn options(draft: &mut Draft, entry: &Entry<TableEntry>, format: TableFormat) {
    let format = match format {
        TableFormat::Parquet => Format::Parquet,
        TableFormat::Csv => Format::Csv,
        TableFormat::Ndjson => Format::Ndjson,
    };
    for problem in FormatOptions::parse(format, &entry.body.options)
        .err()
        .into_iter()
        .flatten()
    {
        let place = entry.at(&["options", &problem.name]);
        let problem = match &problem.kind {
            OptionProblemKind::NotSupported { what } => Problem::not_supported(place, what),
            _ => Problem::invalid(
                place,
                problem.to_string(),
                format!(
                    "see format `{}` for its options",
                    entry.body.format.as_deref().unwrap_or_default()
                ),
            ),
        };
        draft.problems.push(problem);
    }
}

fn infer(
    draft: &mut Draft,
    entry: &Entry<TableEntry>,
    table: &mut Table,
    found: &[crate::lake::inspect::FoundColumn],
    known: &[Column],
) {
    let partition: Vec<Column> = std::mem::take(&mut table.columns);
    let mut columns = table_columns::found(found, known);
    columns.retain(|column| !partition.iter().any(|partition| partition.name == column.name));
    let said = columns
        .iter()
        .map(|column| (column.name.clone(), column.data_type.clone()))
        .collect();
    draft.inferred.insert(entry.name.clone(), said);
    columns.extend(partition);
    table.columns = columns;
}

/// A connection that no cache knows: what is checked is not stored yet.
fn unsaved(connection: &Stored<Connection>) -> Stored<Connection> {
    Stored {
        id: ObjectId::new(),
        version: 0,
        created_at: Utc::now(),
        ..connection.clone()
    }
}

fn failed(draft: &mut Draft, place: &Place, name: &str, error: &InspectError) {
    let (code, remedy) = if error.unreachable {
        (
            ProblemCode::SourceUnavailable,
            "check the connection, or declare `columns` instead",
        )
    } else {
        (
            ProblemCode::ConfigurationInvalid,
            "check format, location and options, or declare `columns` instead",
        )
    };
    draft.problems.push(Problem::new(
        code,
        place,
        format!("columns of `{name}` cannot be found: {}", error.message),
        remedy,
    ));
}

async fn discovered(cx: &CheckContext<'_>, draft: &mut Draft, lake: &Lake, entry: &Entry<TableEntry>, spot: &Spot<'_>) {
    let body = &entry.body;
    let of_source = [
        ("format", body.format.is_some()),
        ("location", body.location.is_some()),
        ("partitioned_by", !body.partitioned_by.is_empty()),
        ("partitions", body.partitions.is_some()),
        ("options", !body.options.is_empty()),
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
        absent_policy_columns: absent(body),
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
                lakegate_catalog::object::BUILTIN_LAKE
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
        })) => Some((
            table_columns::found(&columns, &known),
            RemoteTable {
                database,
                table,
                source_id,
                retired: false,
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
            };
            Some((declared, remote))
        }
    }
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

fn write(draft: &mut Draft, entry: &Entry<TableEntry>, spot: &Spot<'_>, database: &ObjectId, table: Table) {
    let shape = |columns: &[Column]| -> Vec<(ObjectId, String)> {
        columns
            .iter()
            .map(|column| (column.id.clone(), column.data_type.clone()))
            .collect()
    };
    let reshaped = spot
        .known
        .is_none_or(|known| shape(&known.body.columns) != shape(&table.columns));
    let partition: Vec<Column> = table
        .columns
        .iter()
        .filter(|column| column.partition)
        .cloned()
        .collect();
    let seat = Seat {
        parent: Some(database.clone()),
        name: &spot.name.table,
        place: &entry.place,
    };
    let id = draft.write(spot.known.map(AsRef::as_ref), &seat, table);
    if reshaped {
        draft.reshaped.insert(id.clone());
    }
    partitions(draft, entry, &id, &partition);
}

/// The declared list replaces what is stored.
fn partitions(draft: &mut Draft, entry: &Entry<TableEntry>, table: &ObjectId, columns: &[Column]) {
    let Some(PartitionsEntry::List(list)) = &entry.body.partitions else {
        return;
    };
    let columns: Vec<&Column> = columns.iter().collect();
    let known = draft.partitions.get(table).cloned().unwrap_or_default();
    let mut wanted: Vec<Arc<Stored<Partition>>> = Vec::new();
    for partition in list {
        let place = entry.at(&["partitions"]).clone();
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        if partition.values.len() != columns.len() || !names.iter().all(|name| partition.values.contains_key(*name)) {
            let message = format!(
                "a partition of `{}` must have one value for each of `{}`",
                entry.name,
                names.join("`, `")
            );
            draft.invalid(&place, message, "write `values: {column: value}`");
            continue;
        }
        location_is_name(draft, &partition.location, &place);
        let value = |name: &&str| partition.values.get(*name).and_then(Value::as_str).map(str::to_owned);
        let values: Vec<Option<String>> = names.iter().map(value).collect();
        let name = partition_name(&columns, &values);
        if wanted.iter().any(|other| other.name == name) {
            draft.invalid(
                &place,
                format!("partition `{name}` of `{}` stands twice", entry.name),
                "keep one of the two",
            );
            continue;
        }
        let stored = known.iter().find(|known| known.name == name);
        let body = Partition {
            values,
            location: partition.location.clone(),
        };
        let lake = match &draft.writer {
            Writer::Lake(lake) => lake.clone(),
            Writer::Api | Writer::Builtin => LOCAL_LAKE.to_owned(),
        };
        wanted.push(Arc::new(Stored {
            id: stored.map_or_else(ObjectId::new, |known| known.id.clone()),
            parent: Some(table.clone()),
            name,
            version: stored.map_or(0, |known| known.version),
            lake: stored.map_or(lake, |known| known.lake.clone()),
            created_at: stored.map_or_else(Utc::now, |known| known.created_at),
            updated_at: stored.map_or_else(Utc::now, |known| known.updated_at),
            body,
        }));
    }
    wanted.sort_by(|left, right| left.name.cmp(&right.name));
    draft.partitions.insert(table.clone(), wanted);
}
