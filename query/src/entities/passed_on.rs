//! Is a grant in force that was passed on by grant option? Only while the grant holds that it hangs on (governance.md §2.2).
//!
//! Whether somebody may pass a grant on is not decided here: here it is asked again, for what was, under each snapshot.

use chrono::{DateTime, Utc};
use lakegate_catalog::{
    id::ObjectId,
    identity::{Grant, GrantObject, Grantee},
    object::Stored,
    relation::View,
    snapshot::Snapshot,
};
use lakegate_policy::{Privilege, resource};

/// Longest chain of grants that hang on one another.
pub const MAX_CHAIN: usize = 16;

/// The end of a grant, the earliest of its whole chain (`None` inside: it has none). Outside `None`: it permits nothing,
/// as what it hangs on is gone, lost its grant option, means less, or has another receiver.
#[must_use]
pub fn in_force(snapshot: &Snapshot, grant: &Stored<Grant>) -> Option<Option<DateTime<Utc>>> {
    let mut end = grant.body.expires;
    for above in chain(snapshot, grant)? {
        end = [end, above.body.expires].into_iter().flatten().min();
    }
    Some(end)
}

/// The grants that a grant hangs on, the nearest first; `None`: the chain is broken.
#[must_use]
pub fn chain<'a>(snapshot: &'a Snapshot, grant: &'a Stored<Grant>) -> Option<Vec<&'a Stored<Grant>>> {
    let (mut chain, mut below) = (Vec::new(), grant);
    while let Some(passed) = &below.body.passed_on {
        let above = snapshot.grant(&passed.through)?;
        let by = is_to(snapshot, &above.body.to, &passed.by) && snapshot.user(&passed.by).is_some();
        if !by || !carries(snapshot, &above.body, &below.body.privilege, &below.body.object) {
            return None;
        }
        chain.push(&**above);
        if chain.len() > MAX_CHAIN {
            return None;
        }
        below = above;
    }
    Some(chain)
}

/// Does a user receive what is granted so, by the roles that the catalog knows?
#[must_use]
pub fn is_to(snapshot: &Snapshot, to: &Grantee, user: &ObjectId) -> bool {
    match to {
        Grantee::User(id) => id == user,
        Grantee::Role(id) => snapshot.roles_of(user).contains(id),
    }
}

/// May this privilege on this object be passed on from `grant`, as far as the grant itself says?
#[must_use]
pub fn carries(snapshot: &Snapshot, grant: &Grant, privilege: &str, object: &GrantObject) -> bool {
    let actions = |name: &str| name.parse::<Privilege>().map(Privilege::actions).unwrap_or_default();
    let (held, asked) = (actions(&grant.privilege), actions(privilege));
    grant.with_grant_option
        && !asked.is_empty()
        && asked.iter().all(|action| held.contains(action))
        && contains(snapshot, &grant.object, object)
}

/// Is `inner` the object `outer`, or does it lie in it?
#[must_use]
pub fn contains(snapshot: &Snapshot, outer: &GrantObject, inner: &GrantObject) -> bool {
    let mut open = vec![inner.clone()];
    while let Some(object) = open.pop() {
        if object == *outer {
            return true;
        }
        open.extend(above(snapshot, &object));
    }
    false
}

/// The table or view of a column.
fn relation_of(snapshot: &Snapshot, column: &ObjectId) -> Option<ObjectId> {
    let of_view = |view: &Stored<View>| view.body.columns.iter().any(|known| known.id == *column);
    let table = snapshot.column_path(column).map(|path| path.table.id.clone());
    table.or_else(|| {
        let view = snapshot.views.iter().find(|view| of_view(view));
        view.map(|view| view.id.clone())
    })
}

fn above(snapshot: &Snapshot, object: &GrantObject) -> Vec<GrantObject> {
    let of = |entity_type: &str, id: &ObjectId| GrantObject {
        entity_type: entity_type.to_owned(),
        id: id.clone(),
    };
    let tenant = || of("Tenant", &ObjectId::from_stored(resource::TENANT));
    let relation = |id: &ObjectId| {
        let entity_type = if snapshot.view(id).is_some() { "View" } else { "Table" };
        of(entity_type, id)
    };
    let id = &object.id;
    let parent = match object.entity_type.as_str() {
        "Column" => match id.column().filter(|column| column != id) {
            Some(column) => Some(of("Column", &column)),
            None => relation_of(snapshot, id).map(|id| relation(&id)),
        },
        "ColumnMask" => snapshot
            .column_mask(id)
            .and_then(|mask| mask.parent.clone())
            .map(|column| of("Column", &column)),
        "DataFilter" => snapshot
            .data_filter(id)
            .and_then(|filter| filter.parent.clone())
            .map(|table| relation(&table)),
        "Table" => snapshot
            .table(id)
            .and_then(|table| table.parent.clone())
            .map(|database| of("Database", &database)),
        "View" => snapshot
            .view(id)
            .and_then(|view| view.parent.clone())
            .map(|database| of("Database", &database)),
        "Database" => snapshot
            .database(id)
            .and_then(|database| database.parent.clone())
            .map(|catalog| of("Catalog", &catalog)),
        "User" => {
            let roles = snapshot.roles_of(id).into_iter().map(|role| of("Role", &role));
            return roles.chain([tenant()]).collect();
        }
        "Catalog" | "Connection" | "PolicyStore" | "Role" | "TagKey" | "Workgroup" => Some(tenant()),
        _ => None,
    };
    parent.into_iter().collect()
}
