//! Does anything hang in the air after the change? What is still used stays, and so do tag values that are still set.
//!
//! The store refuses the first of these again at the commit; here a dry run sees all of them, by names that the applier may
//! know.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use lakegate_catalog::{
    connection::CredentialOf,
    governance::DataFilter,
    id::ObjectId,
    identity::Grantee,
    object::{Kind, LOCAL_LAKE, Stored},
    relation::{Table, View, ViewSecurity},
    snapshot::Snapshot,
};

use crate::lake::{
    change::name_of,
    draft::{Draft, Slot, Writer},
    problem::{Place, Problem, ProblemCode},
};

/// Names that a message shows.
const SHOWN: usize = 5;

/// Who uses something: kind and name, and the object that must be visible for that to be told.
#[derive(Clone, Debug)]
struct User {
    word: String,
    seen_as: (Kind, ObjectId),
}

impl User {
    fn new(kind: Kind, name: &str, id: &ObjectId) -> Self {
        Self {
            word: format!("{kind} `{name}`"),
            seen_as: (kind, id.clone()),
        }
    }
}

/// What is gone, with kind and name.
type Gone = HashMap<ObjectId, (Kind, String)>;

/// May the applier know of the object?
pub(in crate::lake) type Seen<'a> = &'a dyn Fn(&Draft, Kind, &ObjectId) -> bool;

/// Everything that a deletion, or the loss of a tag value, would leave without its ground is a problem. `pruned`: nothing may
/// go that was made another way.
pub(in crate::lake) fn nothing_hangs(draft: &mut Draft, pruned: bool, seen: Seen<'_>) {
    let gone = gone(draft);
    let mut problems = Vec::new();
    if !gone.is_empty() {
        let users = users(&draft.after, &gone);
        for (id, (kind, name)) in &gone {
            if let Some(users) = users.get(id) {
                let message = format!("{kind} `{name}` is still used by {}", told(draft, users, seen));
                problems.push((
                    *kind,
                    (*id).clone(),
                    message,
                    "delete or change those that use it as well",
                ));
            }
        }
        if let (true, Writer::Lake(lake)) = (pruned, &draft.writer) {
            for (id, users) in foreign(draft, &gone, lake) {
                if let Some((kind, name)) = gone.get(&id) {
                    let message = format!(
                        "{kind} `{name}` cannot be pruned: with it would go what lake `{lake}` did not make, {}",
                        told(draft, &users, seen)
                    );
                    problems.push((*kind, id, message, "delete that first, or keep the entry"));
                }
            }
        }
    }
    for (id, name, value, users) in lost_values(draft) {
        let message = format!(
            "value `{value}` of tag `{name}` is still set on {}",
            told(draft, &users, seen)
        );
        problems.push((Kind::Tag, id, message, "take it away there first, or in the same lake"));
    }
    problems.sort_by(|left, right| left.2.cmp(&right.2));
    for (kind, id, message, remedy) in problems {
        let place = draft.places.get(&(kind, id)).cloned();
        let place = place.unwrap_or_else(|| Place::of_input("lake"));
        draft
            .problems
            .push(Problem::new(ProblemCode::ConfigurationInvalid, &place, message, remedy));
    }
}

/// The users that the applier may know. Others are not told apart from nobody.
fn told(draft: &Draft, users: &[User], seen: Seen<'_>) -> String {
    let known: Vec<&str> = users
        .iter()
        .filter(|user| seen(draft, user.seen_as.0, &user.seen_as.1))
        .map(|user| user.word.as_str())
        .collect();
    match known.get(..SHOWN) {
        _ if known.is_empty() => "something else".to_owned(),
        Some(first) if known.len() > SHOWN => format!("{} and more", first.join(", ")),
        _ => known.join(", "),
    }
}

/// Objects of the catalog before that are not in the one after, with kind and name.
fn gone(draft: &Draft) -> Gone {
    fn of<B: Slot>(draft: &Draft, found: &mut Gone) {
        let left: HashSet<&ObjectId> = B::all(&draft.after).iter().map(|object| &object.id).collect();
        for object in B::all(&draft.before).iter().filter(|object| !left.contains(&object.id)) {
            found.insert(object.id.clone(), (B::KIND, name_of(&draft.before, B::KIND, object)));
        }
    }
    let mut found = Gone::new();
    of::<lakegate_catalog::connection::Connection>(draft, &mut found);
    of::<lakegate_catalog::relation::Catalog>(draft, &mut found);
    of::<lakegate_catalog::relation::Database>(draft, &mut found);
    of::<Table>(draft, &mut found);
    of::<View>(draft, &mut found);
    of::<lakegate_catalog::identity::Role>(draft, &mut found);
    of::<lakegate_catalog::identity::User>(draft, &mut found);
    found
}

/// Who refers to what is gone.
fn users(after: &Snapshot, gone: &Gone) -> HashMap<ObjectId, Vec<User>> {
    let mut found: HashMap<ObjectId, Vec<User>> = HashMap::new();
    fn add<'a, B: Slot>(
        (after, gone): (&Snapshot, &Gone),
        found: &mut HashMap<ObjectId, Vec<User>>,
        object: &Stored<B>,
        used: impl IntoIterator<Item = &'a ObjectId>,
    ) {
        for id in used.into_iter().filter(|id| gone.contains_key(*id)) {
            let user = User::new(B::KIND, &name_of(after, B::KIND, object), &object.id);
            found.entry(id.clone()).or_default().push(user);
        }
    }
    let at = (after, gone);
    for one in &after.connections {
        let named = one.body.credentials.iter().filter_map(|other| match &other.who {
            CredentialOf::User(id) | CredentialOf::Role(id) => Some(id),
            CredentialOf::Everyone => None,
        });
        add(at, &mut found, one, named);
    }
    for one in &after.catalogs {
        add(at, &mut found, one, [&one.body.connection]);
    }
    for one in &after.databases {
        add(at, &mut found, one, one.parent.iter().chain(&one.body.owner));
    }
    for one in after.tables.iter().filter(|table| !table.body.is_retired()) {
        add(at, &mut found, one, one.parent.iter().chain(&one.body.owner));
    }
    for one in &after.views {
        let definer = match &one.body.security {
            ViewSecurity::Definer(user) => Some(user),
            ViewSecurity::Invoker => None,
        };
        add(
            at,
            &mut found,
            one,
            one.parent.iter().chain(&one.body.owner).chain(definer),
        );
    }
    for one in &after.roles {
        add(at, &mut found, one, &one.body.member_of);
    }
    for one in &after.users {
        add(at, &mut found, one, &one.body.roles);
    }
    for one in &after.keys {
        add(at, &mut found, one, [&one.body.user]);
    }
    let staying =
        |filter: &&Arc<Stored<DataFilter>>| filter.parent.as_ref().is_none_or(|table| !gone.contains_key(table));
    for one in after.data_filters.iter().filter(staying) {
        let tables = one.body.mappings.iter().map(|mapping| &mapping.table);
        add(at, &mut found, one, tables.chain(&one.body.publisher));
    }
    found
}

/// What would go with the gone and belongs to another lake.
fn foreign(draft: &Draft, gone: &Gone, lake: &str) -> BTreeMap<ObjectId, Vec<User>> {
    let mut found: BTreeMap<ObjectId, Vec<User>> = BTreeMap::new();
    let mut add = |owner: &str, on: &ObjectId, user: User| {
        if owner != lake && gone.contains_key(on) {
            found.entry(on.clone()).or_default().push(user);
        }
    };
    let after = &draft.after;
    for one in &after.data_filters {
        if let Some(table) = &one.parent {
            add(&one.lake, table, User::new(Kind::DataFilter, &one.name, &one.id));
        }
    }
    for one in &after.column_masks {
        add(
            &one.lake,
            &one.body.table,
            User::new(Kind::ColumnMask, &one.name, &one.id),
        );
    }
    for one in &after.grants {
        let (Grantee::User(to) | Grantee::Role(to)) = &one.body.to;
        let user = User::new(Kind::Grant, &name_of(&draft.before, Kind::Grant, one), &one.id);
        add(&one.lake, to, user.clone());
        add(&one.lake, &one.body.object.id, user);
    }
    for one in draft.partitions_before.values().flatten() {
        // Declared partitions of a lake's own tables are stored with it.
        if let Some(table) = one.parent.as_ref().filter(|_| one.lake == LOCAL_LAKE) {
            add(&one.lake, table, User::new(Kind::Partition, &one.name, &one.id));
        }
    }
    found
}

/// Values that a changed tag key no longer allows and that are still set: key, its name, value, on what.
fn lost_values(draft: &Draft) -> Vec<(ObjectId, String, String, Vec<User>)> {
    let mut found: BTreeMap<(ObjectId, String, String), Vec<User>> = BTreeMap::new();
    let changed = draft.before.tags.iter().filter(|tag| {
        let after = draft.after.tags.iter().find(|after| after.id == tag.id);
        after.is_none_or(|after| after.body.values != tag.body.values)
    });
    for tag in changed {
        let after = draft.after.tags.iter().find(|after| after.id == tag.id);
        let lost = |value: &String| {
            after.is_none_or(|after| !after.body.values.is_empty() && !after.body.values.contains(value))
        };
        for (tags, user) in tagged(draft) {
            let set = tags
                .iter()
                .find(|(key, _)| key.to_lowercase() == tag.name.to_lowercase());
            if let Some((_, value)) = set.filter(|(_, value)| lost(value)) {
                let key = (tag.id.clone(), tag.name.clone(), value.clone());
                found.entry(key).or_default().push(user);
            }
        }
    }
    found
        .into_iter()
        .map(|((id, name, value), users)| (id, name, value, users))
        .collect()
}

/// Everything with tags of its own, but for what the lake changed: the values there were checked with their entry.
fn tagged(draft: &Draft) -> Vec<(&BTreeMap<String, String>, User)> {
    let after = &draft.after;
    let mut found = Vec::new();
    let before = &draft.before;
    for one in &after.catalogs {
        if before.catalog(&one.id).is_some_and(|known| known.body == one.body) {
            let name = name_of(after, Kind::Catalog, one);
            found.push((&one.body.tags, User::new(Kind::Catalog, &name, &one.id)));
        }
    }
    for one in &after.databases {
        if before.database(&one.id).is_some_and(|known| known.body == one.body) {
            let name = name_of(after, Kind::Database, one);
            found.push((&one.body.tags, User::new(Kind::Database, &name, &one.id)));
        }
    }
    for one in &after.views {
        if before.view(&one.id).is_some_and(|known| known.body == one.body) {
            let name = name_of(after, Kind::View, one);
            found.push((&one.body.tags, User::new(Kind::View, &name, &one.id)));
            for column in &one.body.columns {
                let word = format!("column `{name}.{}`", lakegate_catalog::name::quoted(&column.name));
                let seen_as = (Kind::View, one.id.clone());
                found.push((&column.tags, User { word, seen_as }));
            }
        }
    }
    let kept = |one: &&Arc<Stored<Table>>| {
        !one.body.is_retired() && before.table(&one.id).is_some_and(|known| known.body == one.body)
    };
    for one in after.tables.iter().filter(kept) {
        let name = name_of(after, Kind::Table, one);
        found.push((&one.body.tags, User::new(Kind::Table, &name, &one.id)));
        for column in &one.body.columns {
            let user = User {
                word: format!("column `{name}.{}`", lakegate_catalog::name::quoted(&column.name)),
                seen_as: (Kind::Table, one.id.clone()),
            };
            found.push((&column.tags, user));
        }
    }
    found
}
