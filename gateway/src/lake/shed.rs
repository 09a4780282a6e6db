//! Would somebody take files or columns out from under what governs them? governance.md §6.4.
//!
//! Filters, masks, tags and policies stand on a table and on its columns by their ids, and files and columns outlive the ids: who
//! drops a table and makes it again, moves it off its files, or gives a column's name to a new one has the same data without them.
//! So a table that its changer does not see whole keeps its shape, unless they may manage policies.

use std::{collections::HashSet, sync::Arc};

use lakegate_catalog::{
    id::ObjectId,
    object::{Kind, Stored},
    relation::{Column, RemoteTable, Table},
    snapshot::Snapshot,
};
use lakegate_policy::Verdict;
use lakegate_query::{
    authorize::{self, RelationGrant},
    context::{Caller, QueryContext},
    entities::Governor,
};

use super::{
    change::Change,
    draft::Draft,
    overlap::{Places, is_absolute, lies_in, manages_policies},
};

/// Tables that a draft drops, moves or reshapes, and that its applier may not.
#[derive(Debug, Default)]
pub(crate) struct Shed(HashSet<ObjectId>);

impl Shed {
    pub(crate) fn of((governor, caller): (&Governor, &Caller), draft: &Draft) -> Self {
        if manages_policies(governor, caller) {
            return Self::default();
        }
        let governor = &Governor::new(Arc::clone(&draft.before), Arc::clone(governor.policies()));
        let mut places = Places::default();
        let stored = draft.before.tables.iter().filter(|table| !table.body.is_retired());
        let changed = stored.filter(|table| loses_something(&mut places, draft, table));
        let shed = changed.filter(|table| is_kept((governor, caller), table));
        Self(shed.map(|table| table.id.clone()).collect())
    }

    /// Whether a change does it: of the table itself, of a partition of it, or of what it lies in.
    pub(crate) fn are_made_by(&self, draft: &Draft, change: &Change) -> bool {
        let has_partition = |table: &ObjectId| {
            let partitions = draft.partitions_before.get(table).into_iter().flatten();
            partitions.into_iter().any(|partition| partition.id == change.id)
        };
        self.0.iter().any(|table| match change.kind {
            Kind::Table => *table == change.id,
            Kind::Partition => has_partition(table),
            Kind::Database | Kind::Catalog | Kind::Connection => lies_in(&draft.before, table, &change.id),
            _ => false,
        })
    }
}

/// Whether a stored table keeps its shape and its files whoever else may change it: the caller does not see it whole.
pub(crate) fn is_kept((governor, caller): (&Governor, &Caller), table: &Stored<Table>) -> bool {
    let cx = QueryContext::observing(governor, caller);
    !manages_policies(governor, caller) && is_governed(&cx, governor.snapshot(), table)
}

/// Whether files or columns of a stored table are no longer its own, or are read in another way.
fn loses_something(places: &mut Places, draft: &Draft, before: &Stored<Table>) -> bool {
    let Some(after) = draft.after.table(&before.id) else {
        return true;
    };
    // Of a big lake hardly anything changes: nothing is copied to see that.
    let reshaped = before.body != after.body
        && (shape(&before.body) != shape(&after.body) || !keeps_columns(&before.body, &after.body));
    let mut moved = || places.of_table(&draft.before, before) != places.of_table(&draft.after, after);
    (&before.name, &before.parent) != (&after.name, &after.parent)
        || reshaped
        || moved()
        || loses_partition(draft, &before.id)
}

/// A partition that stood for itself, and so keeps nobody off its folder once it is gone.
fn loses_partition(draft: &Draft, table: &ObjectId) -> bool {
    let Some(before) = draft.partitions_before.get(table) else {
        return false;
    };
    let after = draft.partitions.get(table).into_iter().flatten();
    let left: HashSet<&str> = after.map(|partition| partition.body.location.as_str()).collect();
    let mut absolute = before.iter().filter(|partition| is_absolute(&partition.body.location));
    absolute.any(|partition| !left.contains(partition.body.location.as_str()))
}

/// All but columns, and what says nothing of the data: comments and tags, which have rights of their own.
fn shape(table: &Table) -> Table {
    let remote = table.remote.clone();
    Table {
        columns: Vec::new(),
        comment: None,
        inferred: false,
        tags: Default::default(),
        remote: remote.map(|remote| RemoteTable {
            sampled: false,
            ..remote
        }),
        ..table.clone()
    }
}

/// Whether each column reads what it has read. More of them may follow, of which nothing is governed yet.
fn keeps_columns(before: &Table, after: &Table) -> bool {
    let [before, after] = [before, after].map(|table| {
        let bare = table.columns.iter().map(|column| Column {
            comment: None,
            tags: Default::default(),
            ..column.clone()
        });
        bare.partition::<Vec<Column>, _>(|column| column.partition)
    });
    after.0 == before.0 && after.1.starts_with(&before.1)
}

/// Whether anything keeps rows, cells or columns of it from the caller, or could if it were permitted to them.
fn is_governed(cx: &QueryContext, snapshot: &Snapshot, table: &Stored<Table>) -> bool {
    let decided = snapshot.table_path(&table.id).map(|path| authorize::decide(cx, &path));
    match decided {
        Some(Ok(grant)) if grant.is_unrestricted() => false,
        Some(Ok(grant)) => !is_merely_not_permitted(&grant) || is_marked(snapshot, table),
        _ => true,
    }
}

/// Nobody forbids it, and nothing of it is permitted: a new table in its place would be as closed.
fn is_merely_not_permitted(grant: &RelationGrant) -> bool {
    grant.access.gate == Verdict::NoPermit && !grant.access.is_open()
}

/// Whether filters, masks or tags stand on it or on its columns.
fn is_marked(snapshot: &Snapshot, table: &Stored<Table>) -> bool {
    let index = &snapshot.index;
    let is_column_marked = |column: &Column| !column.tags.is_empty() || index.masks_by_column.contains_key(&column.id);
    !table.body.tags.is_empty()
        || index.filters_by_table.contains_key(&table.id)
        || table.body.columns.iter().any(is_column_marked)
}
