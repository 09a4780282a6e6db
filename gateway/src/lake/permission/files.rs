//! What do files need that a table or partition names? Relative locations lie where the database's owner put it; absolute ones are
//! registered.

use lakegate_catalog::{object::Stored, relation::Table};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use super::Need;
use crate::lake::{change::Change, draft::Draft, overlap::is_absolute};

/// `RegisterTable` on the location of a table.
pub(super) fn table(draft: &Draft, table: &Stored<Table>) -> Option<Need> {
    registering(draft, table, table.body.location.as_ref()?)
}

/// `Alter` on the table, if that is stored, and `RegisterTable` on the partition's location.
pub(super) fn partition(draft: &Draft, change: &Change) -> Vec<Need> {
    let after = || draft.partitions.values().flatten();
    let all = after().chain(draft.partitions_before.values().flatten());
    let named = all.into_iter().find(|partition| partition.id == change.id);
    let Some(table) = named.and_then(|partition| partition.parent.as_ref()) else {
        return Vec::new();
    };
    let stored = draft.before.table(table).is_some();
    let alter = stored.then(|| Need::new(Action::Alter, ObjectRef::new("Table", table.as_str())));
    let location = after().find(|partition| partition.id == change.id);
    let registered = location
        .zip(draft.after.table(table))
        .and_then(|(partition, table)| registering(draft, table, &partition.body.location));
    alter.into_iter().chain(registered).collect()
}

fn registering(draft: &Draft, table: &Stored<Table>, location: &str) -> Option<Need> {
    if !is_absolute(location) {
        return None;
    }
    let database = draft.after.database(table.parent.as_ref()?)?;
    let catalog = draft.after.catalog(database.parent.as_ref()?)?;
    let connection = draft.before.connection(&catalog.body.connection)?;
    Some(Need::new(
        Action::RegisterTable,
        ObjectRef::location(location, connection.id.as_str()),
    ))
}
