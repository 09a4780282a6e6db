//! What of the catalog may the applier of a lake know? The names of entries resolve in that and in nothing else, so what is
//! hidden takes the way of what is missing.
//!
//! Hidden are catalogs, databases, tables, columns and tags. A connection that is hidden has no name. Roles, users and the
//! rest stay: entries that name them are refused before they are looked up ([`super::judge`]). When the entries are written,
//! [`unveil`] brings back what was hidden: differences, decisions and what is stored are those of the whole catalog.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use lakegate_catalog::{
    connection::Connection,
    governance::TagKey,
    id::ObjectId,
    name::{quoted, split_name},
    object::{Kind, Stored},
    relation::{Catalog, Column, Database, Table, View},
    snapshot::{Partitions, Snapshot},
};
use lakegate_policy::Action;
use lakegate_query::{entities::ObjectRef, metadata::visible::Viewer};

use super::{
    draft::{Draft, Slot, copy},
    judge::Judge,
    model::Lake,
    problem::{Place, Problem, ProblemCode},
};

/// Which tables an applier may ask for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mentioned {
    Every,
    /// By their names in the lake, in one spelling. Others need no look: they stay as they are.
    Named(BTreeSet<String>),
}

impl Mentioned {
    /// Those that a lake names. Policies may name any table, and what is pruned is found by its absence.
    pub(crate) fn by(lake: &Lake, prune: bool) -> Self {
        // So may filters with mappings, in their text.
        let maps = |text: &str| text.to_lowercase().contains("select");
        let mapped = lake.filters.iter().any(|filter| maps(&filter.filter.body.condition));
        if prune || !lake.policies.is_empty() || mapped || !lake.views.is_empty() {
            return Self::Every;
        }
        let tables = lake.tables.iter().map(|entry| entry.name.as_str());
        let filters = lake.filters.iter().map(|filter| filter.table.as_str());
        let masks = lake.masks.iter().map(|mask| mask.table.as_str());
        let grants = lake
            .grants
            .iter()
            .filter_map(|grant| Some(grant.body.resource.split_once(':')?.1));
        let names = tables.chain(filters).chain(masks).chain(grants);
        Self::Named(names.flat_map(tables_of).collect())
    }

    /// The table that a dotted name begins with.
    pub(crate) fn one(name: &str) -> Self {
        Self::Named(tables_of(name).collect())
    }

    fn holds(&self, whole: &Snapshot, table: &ObjectId) -> bool {
        match self {
            Self::Every => true,
            Self::Named(names) => {
                let name = whole.name_of("Table", table.as_str());
                name.and_then(|name| table_of(&name))
                    .is_some_and(|name| names.contains(&name))
            }
        }
    }
}

/// The tables that a name may begin with: that of `lake.sales.orders.id`, and those of `lake.sales.orders/filter`.
fn tables_of(name: &str) -> impl Iterator<Item = String> + '_ {
    let owner = name.rsplit_once('/').map(|(owner, _)| owner);
    std::iter::once(name).chain(owner).filter_map(table_of)
}

/// The table that a dotted name begins with, in one spelling.
fn table_of(name: &str) -> Option<String> {
    let whole = split_name(name)?;
    let parts = whole.get(..3)?;
    let parts: Vec<String> = parts.iter().map(|part| quoted(&part.to_lowercase())).collect();
    Some(parts.join("."))
}

/// The catalog as the applier may know it.
pub(crate) fn seen(judge: &Judge<'_>, whole: &Arc<Snapshot>, mentioned: &Mentioned) -> Arc<Snapshot> {
    let Judge::Caller { caller, governor, .. } = judge else {
        return Arc::clone(whole);
    };
    let viewer = Viewer::new(governor, caller);
    let may = |entity: &str, id: &ObjectId, actions: &[Action]| {
        let object = ObjectRef::new(entity, id.as_str());
        actions.iter().any(|action| judge.may(*action, &object))
    };
    let mut snapshot = copy(whole);
    snapshot.tables = tables(judge, whole, &viewer, mentioned);
    snapshot.views.retain(|view| {
        let listed = || {
            whole
                .relation_path(&view.id)
                .and_then(|path| viewer.columns(&path))
                .is_some()
        };
        judge.sees(Kind::View, &view.id) || may("View", &view.id, &[Action::AssociateTag]) || listed()
    });
    let tables = snapshot.tables.iter().filter_map(|table| table.parent.as_ref());
    let views = snapshot.views.iter().filter_map(|view| view.parent.as_ref());
    let parents: BTreeSet<&ObjectId> = tables.chain(views).collect();
    let rights = [
        Action::Describe,
        Action::Alter,
        Action::AssociateTag,
        Action::CreateTable,
        Action::CreateView,
    ];
    snapshot.databases.retain(|database| {
        let catalog = database.parent.as_ref().and_then(|catalog| whole.catalog(catalog));
        let listed = || catalog.is_some_and(|catalog| viewer.database(&catalog.name, &database.name).is_some());
        parents.contains(&database.id) || may("Database", &database.id, &rights) || listed()
    });
    let parents: BTreeSet<ObjectId> = snapshot.databases.iter().filter_map(|one| one.parent.clone()).collect();
    let rights = [
        Action::Describe,
        Action::Alter,
        Action::AssociateTag,
        Action::CreateDatabase,
    ];
    snapshot
        .catalogs
        .retain(|catalog| parents.contains(&catalog.id) || may("Catalog", &catalog.id, &rights));
    let used = used_tags(&snapshot);
    let rights = [Action::Describe, Action::DefineTag, Action::AssociateTag];
    snapshot
        .tags
        .retain(|tag| used.contains(&tag.name.to_lowercase()) || may("TagKey", &tag.id, &rights));
    let altered = |connection: &ObjectId| {
        let mut catalogs = snapshot
            .catalogs
            .iter()
            .filter(|one| one.body.connection == *connection);
        catalogs.any(|catalog| may("Catalog", &catalog.id, &[Action::Alter]))
    };
    let named = |id: &ObjectId| {
        judge.sees(Kind::Connection, id) || may("Connection", id, &[Action::CreateCatalog]) || altered(id)
    };
    let connections = whole.connections.iter().map(|one| nameless(one, named(&one.id)));
    snapshot.connections = connections.collect();
    Arc::new(snapshot.indexed())
}

/// A connection, without its name if it is hidden.
fn nameless(connection: &Arc<Stored<Connection>>, named: bool) -> Arc<Stored<Connection>> {
    if named {
        return Arc::clone(connection);
    }
    Arc::new(Stored {
        name: connection.id.to_string(),
        ..connection.as_ref().clone()
    })
}

/// Partition values are data: those of tables that the applier may alter, or whose figures are open.
pub(crate) fn partitions(judge: &Judge<'_>, stored: &mut BTreeMap<ObjectId, Partitions>) {
    stored.retain(|table, _| {
        let object = ObjectRef::new("Table", table.as_str());
        judge.may(Action::Alter, &object) || judge.may(Action::ReadStats, &object)
    });
}

/// Brings back what was hidden. What cannot stand beside it is a problem: uniqueness is not hidden.
pub(crate) fn unveil(draft: &mut Draft, whole: Arc<Snapshot>) {
    if Arc::ptr_eq(&draft.before, &whole) {
        return;
    }
    draft.before = whole;
    restore::<Catalog>(draft);
    restore::<Database>(draft);
    restore::<Table>(draft);
    restore::<View>(draft);
    restore::<TagKey>(draft);
    for connection in &mut draft.after.connections {
        let hidden =
            |known: &&Arc<Stored<Connection>>| known.id == connection.id && connection.name == known.id.as_str();
        if let Some(known) = draft.before.connections.iter().find(hidden) {
            *connection = Arc::clone(known);
        }
    }
    columns(draft);
    draft.reindex();
    one_default(draft);
}

fn tables(judge: &Judge<'_>, whole: &Snapshot, viewer: &Viewer, mentioned: &Mentioned) -> Vec<Arc<Stored<Table>>> {
    let seen = |table: &Arc<Stored<Table>>| {
        let columns = whole.table_path(&table.id).and_then(|path| viewer.columns(&path));
        let tags = || judge.may(Action::AssociateTag, &ObjectRef::new("Table", table.id.as_str()));
        if columns.is_none() && !judge.sees(Kind::Table, &table.id) && !tags() {
            return None;
        }
        let columns = columns.unwrap_or_default();
        if columns == table.body.columns {
            return Some(Arc::clone(table));
        }
        let mut part = table.as_ref().clone();
        part.body.columns = columns;
        Some(Arc::new(part))
    };
    let tables = whole.tables.iter().filter(|table| mentioned.holds(whole, &table.id));
    tables.filter_map(seen).collect()
}

/// Keys of tags on what is seen: tags follow their object.
fn used_tags(snapshot: &Snapshot) -> HashSet<String> {
    let catalogs = snapshot.catalogs.iter().flat_map(|one| one.body.tags.keys());
    let databases = snapshot.databases.iter().flat_map(|one| one.body.tags.keys());
    let tables = snapshot.tables.iter().flat_map(|one| {
        let columns = one.body.columns.iter().flat_map(|column| column.tags.keys());
        one.body.tags.keys().chain(columns)
    });
    let views = snapshot.views.iter().flat_map(|one| {
        let columns = one.body.columns.iter().flat_map(|column| column.tags.keys());
        one.body.tags.keys().chain(columns)
    });
    catalogs
        .chain(databases)
        .chain(tables)
        .chain(views)
        .map(|key| key.to_lowercase())
        .collect()
}

/// What the applier could not know is as it was.
fn restore<B: Slot>(draft: &mut Draft) {
    let seen: HashSet<&ObjectId> = B::all(&draft.seen).iter().map(|object| &object.id).collect();
    let hidden = B::all(&draft.before).iter().filter(|object| !seen.contains(&object.id));
    let hidden: Vec<Arc<Stored<B>>> = hidden.cloned().collect();
    B::all_mut(&mut draft.after).extend(hidden);
}

/// Hidden columns return to their places, and columns that were seen in part become whole.
fn columns(draft: &mut Draft) {
    let mut conflicts = Vec::new();
    for table in &mut draft.after.tables {
        let find = |tables: &[Arc<Stored<Table>>]| tables.iter().find(|known| known.id == table.id).cloned();
        let (Some(whole), Some(seen)) = (find(&draft.before.tables), find(&draft.seen.tables)) else {
            continue;
        };
        if whole.body.columns == seen.body.columns {
            continue;
        }
        match merged(&whole.body.columns, &seen.body.columns, &table.body.columns) {
            Ok(columns) => {
                let mut changed = table.as_ref().clone();
                changed.body.columns = columns;
                *table = Arc::new(changed);
            }
            Err(column) => conflicts.push((table.id.clone(), column)),
        }
    }
    for (table, column) in conflicts {
        let place = draft.places.get(&(Kind::Table, table)).cloned();
        let place = place.unwrap_or_else(|| Place::of_input("lake"));
        draft.problems.push(Problem::new(
            ProblemCode::AlreadyExists,
            &place,
            format!("column `{column}` cannot be written as it is here"),
            "choose another name, or have somebody change it who sees the whole table",
        ));
    }
}

/// The columns to store: those of `after`, and the hidden ones of `whole` each behind the column that it stood behind.
///
/// # Errors
/// The column that has the name of a hidden one, or that was seen in part and is changed.
fn merged(whole: &[Column], seen: &[Column], after: &[Column]) -> Result<Vec<Column>, String> {
    let find = |columns: &[Column], id: &ObjectId| columns.iter().find(|column| column.id == *id).cloned();
    let mut columns = Vec::with_capacity(whole.len());
    for column in after {
        let mut column = column.clone();
        if let (Some(whole), Some(seen)) = (find(whole, &column.id), find(seen, &column.id)) {
            if column.data_type == seen.data_type {
                column.data_type = whole.data_type;
            } else if seen.data_type != whole.data_type {
                return Err(column.name);
            }
            if column.nullable == seen.nullable {
                column.nullable = whole.nullable;
            }
        }
        columns.push(column);
    }
    let mut before: Option<&ObjectId> = None;
    for column in whole {
        if find(seen, &column.id).is_none() && find(&columns, &column.id).is_none() {
            if columns.iter().any(|other| other.name == column.name) {
                return Err(column.name.clone());
            }
            let at = before.and_then(|before| columns.iter().position(|other| other.id == *before));
            columns.insert(at.map_or(0, |at| at + 1), column.clone());
        }
        if columns.iter().any(|other| other.id == column.id) {
            before = Some(&column.id);
        }
    }
    Ok(columns)
}

/// Two defaults are told by the entries; a default that was hidden is told without its name.
fn one_default(draft: &mut Draft) {
    let defaults: Vec<&Arc<Stored<Catalog>>> = draft
        .after
        .catalogs
        .iter()
        .filter(|catalog| catalog.body.default)
        .collect();
    let new = defaults.iter().find(|catalog| {
        let before = draft.before.catalog(&catalog.id);
        before.is_none_or(|before| !before.body.default)
    });
    let hidden = defaults
        .iter()
        .any(|catalog| draft.seen.catalog(&catalog.id).is_none() && draft.before.catalog(&catalog.id).is_some());
    if let Some(new) = new.filter(|_| hidden) {
        let place = draft.places.get(&(Kind::Catalog, new.id.clone())).cloned();
        let place = place.unwrap_or_else(|| Place::of_input("lake"));
        draft.problems.push(Problem::invalid(
            &place,
            "another catalog is the default already",
            "leave `default` out",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str) -> Column {
        Column {
            id: ObjectId::from_stored(name),
            name: name.to_owned(),
            remote_name: None,
            data_type: "varchar".to_owned(),
            nullable: true,
            comment: None,
            tags: BTreeMap::new(),
            partition: false,
        }
    }

    fn names(columns: &[Column]) -> String {
        columns.iter().map(|column| column.name.as_str()).collect()
    }

    #[test]
    fn hidden_columns_return_to_their_places() {
        let of = |names: &str| -> Vec<Column> { names.chars().map(|name| column(&name.to_string())).collect() };
        let (whole, seen) = (of("abcd"), of("ac"));
        assert_eq!(names(&merged(&whole, &seen, &of("ac")).unwrap()), "abcd");
        assert_eq!(names(&merged(&whole, &seen, &of("acx")).unwrap()), "abcdx");
        assert_eq!(names(&merged(&whole, &seen, &of("c")).unwrap()), "bcd");
        assert_eq!(names(&merged(&whole, &seen, &[]).unwrap()), "bd");
        let mut twin = column("new");
        twin.name = "d".to_owned();
        assert_eq!(merged(&whole, &seen, &[twin]).unwrap_err(), "d");
    }

    #[test]
    fn a_column_seen_in_part_stays_whole_or_is_refused() {
        let mut whole = column("a");
        whole.data_type = "row(x bigint, y bigint)".to_owned();
        let mut seen = whole.clone();
        seen.data_type = "row(x bigint)".to_owned();
        let mut after = seen.clone();
        after.comment = Some("c".to_owned());
        let kept = merged(
            std::slice::from_ref(&whole),
            std::slice::from_ref(&seen),
            &[after.clone()],
        )
        .unwrap();
        assert_eq!(
            (kept[0].data_type.as_str(), kept[0].comment.as_deref()),
            (whole.data_type.as_str(), Some("c"))
        );
        after.data_type = "bigint".to_owned();
        assert!(merged(&[whole], &[seen], &[after]).is_err());
    }
}
