//! Are tables right? Those of files here, declared or inferred; those of a source in `discovered`.

use std::sync::Arc;

use chrono::Utc;
use lakegate_catalog::{
    connection::Connection,
    id::ObjectId,
    name::TableName,
    object::{Kind, LOCAL_LAKE, Stored},
    relation::{AbsentPolicyColumns, Catalog, Column, PartitionMode, Table, TableFormat},
};
use lakegate_connectors::{
    files::{Format, FormatOptions},
    option::OptionProblemKind,
};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use super::{
    CheckContext, asked, discovered, dotted, made_in, owner, partitions, projection, same, sources::location_is_name,
    table_columns, tags, unknown,
};
use crate::lake::{
    draft::{Draft, Seat},
    inspect::{FoundColumn, InspectError},
    model::{Canonical, ColumnsEntry, Entry, InferWord, Lake, PartitionWord, PartitionsEntry, TableEntry},
    overlap::is_absolute,
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
        if silent && known.body.remote.is_none() {
            draft.claim(known, &entry.place, false);
            return;
        }
    }
    let kept = known.as_ref().is_some_and(|known| unchanged(draft, known, &entry.body));
    let silent = entry.body == TableEntry::default();
    let free = silent && kept;
    if !free && !admitted(cx, draft, entry, (&catalog, database), (known.as_deref(), kept)) {
        return;
    }
    if let Some(known) = &known {
        draft.claim(known, &entry.place, known.body.remote.is_some());
    }
    // Whether columns are still inferred, the source says.
    let inferred = known.as_ref().is_some_and(|known| known.body.is_sampled());
    if kept && !inferred {
        return;
    }
    let spot = Spot {
        catalog: &catalog,
        connection: &connection,
        name: &path,
        known: known.as_ref(),
    };
    if catalog.body.discover {
        discovered::table(cx, draft, lake, entry, &spot).await;
    } else {
        of_files(cx, draft, entry, &spot).await;
    }
}

/// May the applier say anything about the table? Making one of a source is governing it: that needs `Alter` on its catalog.
fn admitted(
    cx: &CheckContext<'_>,
    draft: &mut Draft,
    entry: &Entry<TableEntry>,
    (catalog, database): (&Stored<Catalog>, &str),
    (known, kept): (Option<&Stored<Table>>, bool),
) -> bool {
    let asked = asked(Kind::Table, entry, known.map(|known| &known.id), kept);
    let place = if catalog.body.discover {
        Some(("Catalog", Action::Alter, catalog.id.clone()))
    } else {
        let database = draft.after.find_database(&catalog.name, database);
        database.map(|database| ("Database", Action::CreateTable, database.id.clone()))
    };
    let place = place.as_ref().map(|(entity, action, id)| (*entity, *action, id));
    let questions = match place {
        Some(place) => made_in(draft, "Table", asked.known, place),
        None => None,
    };
    questions.is_none_or(|questions| cx.judge.admits(draft, asked, &questions))
}

/// May the source be asked for the applier? Who may only tag a stored table does not learn what has become of it.
pub(super) fn may_ask(cx: &CheckContext<'_>, spot: &Spot<'_>) -> bool {
    let known = spot.known.map(|known| ObjectRef::new("Table", known.id.as_str()));
    known.is_none_or(|known| cx.judge.may(Action::Alter, &known))
}

/// Columns as a source has them: those that were stored keep their ids, and hidden ones are left out.
pub(super) fn found_columns(cx: &CheckContext<'_>, spot: &Spot<'_>, found: &[FoundColumn]) -> Vec<Column> {
    let whole = stored_columns(cx, spot);
    let hidden = |column: &Column| {
        let seen = spot
            .known
            .is_some_and(|known| known.body.columns.iter().any(|seen| seen.id == column.id));
        !seen && whole.iter().any(|stored| stored.id == column.id)
    };
    let mut columns = table_columns::found(found, &whole);
    columns.retain(|column| !hidden(column));
    columns
}

/// All columns of the stored table, hidden ones too.
fn stored_columns(cx: &CheckContext<'_>, spot: &Spot<'_>) -> Vec<Column> {
    let whole = cx
        .judge
        .whole()
        .zip(spot.known)
        .and_then(|(whole, known)| whole.table(&known.id));
    let stored = whole.or(spot.known);
    stored.map(|stored| stored.body.columns.clone()).unwrap_or_default()
}

/// An absolute location is read only for who may register it. What is refused here is refused later.
fn may_read(cx: &CheckContext<'_>, draft: &Draft, spot: &Spot<'_>, table: &Table) -> bool {
    let location = table.location.as_ref().filter(|location| is_absolute(location));
    let stored = draft.before.connection(&spot.connection.id).is_some();
    location.filter(|_| stored).is_none_or(|location| {
        let object = ObjectRef::location(location, spot.connection.id.as_str());
        cx.judge.may(Action::RegisterTable, &object)
    })
}

/// Where a table is to be.
pub(super) struct Spot<'a> {
    pub catalog: &'a Arc<Stored<Catalog>>,
    pub connection: &'a Stored<Connection>,
    pub name: &'a TableName,
    pub known: Option<&'a Arc<Stored<Table>>>,
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
        if draft.excuses("Database", &full) {
            return;
        }
        let remedy = format!("declare it: `databases: {{{full}: {{}}}}`");
        return draft.invalid(&entry.place, format!("database `{full}` does not exist"), remedy);
    };
    let known = spot.known.map(|known| known.body.columns.clone()).unwrap_or_default();
    let columns = table_columns::declared(draft, entry, &known);
    let owner = owner(draft, entry.body.owner.as_ref(), entry.at(&["owner"]));
    tags(draft, &entry.body.tags, |key| entry.at(&["tags", key]).clone());
    let partitions = mode(draft, entry);
    let Some((format, location)) = files(draft, entry) else {
        return;
    };
    let inferred = matches!(entry.body.columns, Some(ColumnsEntry::Infer(InferWord::Infer)));
    let mut table = Table {
        format: Some(format),
        location: Some(location),
        columns,
        inferred,
        partitions,
        options: entry.body.options.clone(),
        comment: entry.body.comment.clone(),
        owner,
        tags: entry.body.tags.clone(),
        absent_policy_columns: absent(&entry.body),
        remote: None,
    };
    options(draft, entry, format);
    projection::options(draft, entry, &table);
    if inferred && matches!(table.partitions, PartitionMode::Declared | PartitionMode::Projection) {
        let feature = "`columns: infer` with listed partitions";
        draft
            .problems
            .push(Problem::not_supported(entry.at(&["columns"]), feature));
    } else if inferred && !(may_ask(cx, spot) && may_read(cx, draft, spot, &table)) {
        table.columns = known.clone();
    } else if inferred {
        let found = cx
            .inspector
            .infer(&unsaved(spot.connection), database.body.location.as_deref(), &table)
            .await;
        match found {
            Ok(columns) => infer(draft, entry, &mut table, found_columns(cx, spot, &columns)),
            Err(error) => return failed(draft, entry.at(&["columns"]), &entry.name, &error),
        }
    }
    let none = table.columns.iter().all(|column| column.partition);
    let hidden = stored_columns(cx, spot).len() > known.len();
    if !inferred && none && !hidden {
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
        Some("avro") => Some(TableFormat::Avro),
        Some("csv") => Some(TableFormat::Csv),
        Some("ndjson") => Some(TableFormat::Ndjson),
        Some("orc") => Some(TableFormat::Orc),
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
        Some(PartitionsEntry::Mode(PartitionWord::Projection)) => PartitionMode::Projection,
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
        TableFormat::Avro => Format::Avro,
        TableFormat::Csv => Format::Csv,
        TableFormat::Ndjson => Format::Ndjson,
        TableFormat::Orc => Format::Orc,
        TableFormat::Parquet => Format::Parquet,
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

fn infer(draft: &mut Draft, entry: &Entry<TableEntry>, table: &mut Table, mut columns: Vec<Column>) {
    let partition: Vec<Column> = std::mem::take(&mut table.columns);
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
pub(super) fn unsaved(connection: &Stored<Connection>) -> Stored<Connection> {
    Stored {
        id: ObjectId::new(),
        version: 0,
        created_at: Utc::now(),
        ..connection.clone()
    }
}

pub(super) fn failed(draft: &mut Draft, place: &Place, name: &str, error: &InspectError) {
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

pub(super) fn write(draft: &mut Draft, entry: &Entry<TableEntry>, spot: &Spot<'_>, database: &ObjectId, table: Table) {
    let shape = |columns: &[Column]| -> Vec<(ObjectId, String, bool)> {
        let facts = |column: &Column| (column.id.clone(), column.data_type.clone(), column.nullable);
        columns.iter().map(facts).collect()
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
    partitions::declared(draft, entry, &id, &partition);
}
