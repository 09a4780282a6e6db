//! What can a change touch, and for whom? Everything that is not found here is decided as before, so finding too much costs
//! time and finding too little would hide an effect.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use lakegate_catalog::{
    governance::Policy,
    id::ObjectId,
    identity::Grantee,
    object::{Noun, Stored},
    snapshot::Snapshot,
};
use lakegate_policy::{Action, Privilege, is_dangling, is_permit, reach};

use super::person::Person;
use crate::entities::Names;

/// Root of what lies everywhere.
pub(super) const TENANT: &str = "Tenant:default";

/// Key of an object: what contains it has one, too.
pub(super) fn key(entity_type: &str, id: &str) -> String {
    format!("{entity_type}:{id}")
}

/// For whom.
#[derive(Clone, Debug)]
enum Whom {
    All,
    /// A user, or whoever has a role.
    Holder(ObjectId),
}

/// Actions that may turn below an object: for everybody, and for holders.
#[derive(Clone, Debug, Default)]
struct Touch {
    all: BTreeSet<Action>,
    holders: BTreeMap<ObjectId, BTreeSet<Action>>,
}

/// Everything that a change can touch, by the object at whose top it lies.
#[derive(Debug, Default)]
pub(super) struct Touched {
    below: HashMap<String, Touch>,
    /// Ends of grants that may turn a decision, in milliseconds since 1970-01-01 UTC.
    pub ends: BTreeSet<i64>,
}

/// What of one object is to be compared.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// Positions of people.
    pub people: BTreeSet<usize>,
    pub actions: BTreeSet<Action>,
}

/// What is touched, for people that are known.
#[derive(Debug, Default)]
pub(super) struct Reached(HashMap<String, Selection>);

impl Reached {
    /// What is to be compared of an object with these keys, its own and those of all that contain it.
    pub(super) fn selection<'a>(&self, lineage: impl IntoIterator<Item = &'a String>) -> Selection {
        let mut selection = Selection::default();
        let mut seen: BTreeSet<&String> = BTreeSet::new();
        for key in lineage {
            if let Some(found) = self.0.get(key).filter(|_| seen.insert(key)) {
                selection.people.extend(&found.people);
                selection.actions.extend(&found.actions);
            }
        }
        selection
    }
}

impl Touched {
    /// Between two catalogs.
    pub(super) fn between(before: &Snapshot, after: &Snapshot) -> Self {
        let mut touched = Self::default();
        touched.containers(before, after);
        touched.governance(before, after);
        touched.policies(before, after);
        touched.grants(before, after);
        touched.identities(before, after);
        touched
    }

    /// For these people.
    pub(super) fn reach(self, people: &[Person]) -> Reached {
        let resolve = |touch: Touch| {
            let mut selection = Selection::default();
            for (at, person) in people.iter().enumerate() {
                let mut actions = person.holds.iter().filter_map(|id| touch.holders.get(id)).peekable();
                if !touch.all.is_empty() || actions.peek().is_some() {
                    selection.people.insert(at);
                }
                selection.actions.extend(actions.flatten());
            }
            selection.actions.extend(&touch.all);
            selection
        };
        let all = self.below.into_iter();
        Reached(all.map(|(root, touch)| (root, resolve(touch))).collect())
    }

    fn add(&mut self, root: String, whom: Whom, actions: &BTreeSet<Action>) {
        let touch = self.below.entry(root).or_default();
        let known = match whom {
            Whom::All => &mut touch.all,
            Whom::Holder(id) => touch.holders.entry(id).or_default(),
        };
        known.extend(actions);
    }

    fn objects<'a, B: Noun>(&mut self, entity: &str, (before, after): Pair<'a, B>) {
        let all = every();
        for (old, new) in changed((before, after)) {
            if let Some(object) = new.or(old) {
                self.add(key(entity, object.id.as_str()), Whom::All, &all);
            }
        }
    }

    fn containers(&mut self, before: &Snapshot, after: &Snapshot) {
        self.objects("Connection", (&before.connections, &after.connections));
        self.objects("Catalog", (&before.catalogs, &after.catalogs));
        self.objects("Database", (&before.databases, &after.databases));
        self.objects("Table", (&before.tables, &after.tables));
        self.objects("View", (&before.views, &after.views));
        self.objects("TagKey", (&before.tags, &after.tags));
        self.objects("Workgroup", (&before.workgroups, &after.workgroups));
    }

    /// What governs a relation touches all of it.
    fn governance(&mut self, before: &Snapshot, after: &Snapshot) {
        let all = every();
        let filters = changed((&before.data_filters, &after.data_filters));
        let masks = changed((&before.column_masks, &after.column_masks));
        let of_filters = filters.into_iter().flat_map(|(old, new)| {
            [old, new]
                .into_iter()
                .flatten()
                .filter_map(|filter| filter.parent.clone())
        });
        let of_masks = masks
            .into_iter()
            .flat_map(|(old, new)| [old, new].into_iter().flatten().map(|mask| mask.body.table.clone()));
        let relations: BTreeSet<ObjectId> = of_filters.chain(of_masks).collect();
        for id in relations {
            self.add(key("Table", id.as_str()), Whom::All, &all);
            self.add(key("View", id.as_str()), Whom::All, &all);
        }
    }

    /// A policy that permits nothing any more because its object is gone has changed, too.
    fn policies(&mut self, before: &Snapshot, after: &Snapshot) {
        let (before, after) = (in_force(before), in_force(after));
        let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for id in ids {
            let (old, new) = (before.get(id), after.get(id));
            if old == new {
                continue;
            }
            for text in [old, new].into_iter().flatten() {
                let reach = reach(text);
                let root = reach.within.map_or_else(
                    || TENANT.to_owned(),
                    |uid| key(uid.type_name().basename(), uid.id().unescaped()),
                );
                self.add(root, Whom::All, &reach.actions.into_iter().collect());
            }
        }
    }

    fn grants(&mut self, before: &Snapshot, after: &Snapshot) {
        for (old, new) in changed((&before.grants, &after.grants)) {
            for grant in [old, new].into_iter().flatten() {
                let body = &grant.body;
                let actions = body.privilege.parse::<Privilege>().map(Privilege::actions);
                let actions = actions.unwrap_or_else(|_| Action::ALL.to_vec());
                let (Grantee::User(holder) | Grantee::Role(holder)) = &body.to;
                let root = key(&body.object.entity_type, body.object.id.as_str());
                self.add(root, Whom::Holder(holder.clone()), &actions.into_iter().collect());
                self.ends.extend(body.expires.map(|end| end.timestamp_millis()));
            }
        }
        // Once all of these have ended, only the rest permits.
        let all = before.grants.iter().chain(&after.grants);
        let last = all.filter_map(|grant| grant.body.expires).max();
        self.ends.extend(last.map(|end| end.timestamp_millis()));
    }

    fn identities(&mut self, before: &Snapshot, after: &Snapshot) {
        let all = every();
        for (old, new) in changed((&before.users, &after.users)) {
            let traits = |user: &&Stored<lakegate_catalog::identity::User>| {
                let body = &user.body;
                (
                    body.kind.clone(),
                    body.clearance,
                    body.roles.clone(),
                    body.attributes.clone(),
                )
            };
            if old.as_ref().map(traits) != new.as_ref().map(traits)
                && let Some(user) = new.or(old)
            {
                self.add(TENANT.to_owned(), Whom::Holder(user.id.clone()), &all);
                self.add(key("User", user.id.as_str()), Whom::All, &all);
            }
        }
        for (old, new) in changed((&before.roles, &after.roles)) {
            let above = |role: &&Stored<lakegate_catalog::identity::Role>| role.body.member_of.clone();
            if old.as_ref().map(above) != new.as_ref().map(above)
                && let Some(role) = new.or(old)
            {
                self.add(TENANT.to_owned(), Whom::Holder(role.id.clone()), &all);
                self.add(key("Role", role.id.as_str()), Whom::All, &all);
            }
        }
    }
}

fn every() -> BTreeSet<Action> {
    Action::ALL.iter().copied().collect()
}

type Objects<'a, B> = &'a [Arc<Stored<B>>];
type Pair<'a, B> = (Objects<'a, B>, Objects<'a, B>);
type Change<'a, B> = (Option<&'a Stored<B>>, Option<&'a Stored<B>>);

/// What was made, changed or deleted.
pub(super) fn changed<'a, B: Noun>((before, after): Pair<'a, B>) -> Vec<Change<'a, B>> {
    let old: HashMap<&ObjectId, &Stored<B>> = before.iter().map(|one| (&one.id, one.as_ref())).collect();
    let new: HashMap<&ObjectId, &Stored<B>> = after.iter().map(|one| (&one.id, one.as_ref())).collect();
    let same =
        |old: &Stored<B>, new: &Stored<B>| old.body == new.body && old.name == new.name && old.parent == new.parent;
    let gone = before.iter().filter(|one| !new.contains_key(&one.id));
    let gone = gone.map(|one| (Some(one.as_ref()), None));
    let there = after.iter().filter_map(|one| match old.get(&one.id) {
        Some(old) if same(old, one) => None,
        Some(old) => Some((Some(*old), Some(one.as_ref()))),
        None => Some((None, Some(one.as_ref()))),
    });
    gone.chain(there).collect()
}

/// Id and text of every policy that can say anything.
pub(super) fn in_force(snapshot: &Snapshot) -> BTreeMap<String, String> {
    let holds = |policy: &&Arc<Stored<Policy>>| {
        let resolved = &policy.body.resolved;
        !(is_permit(resolved) && is_dangling(resolved, &Names(snapshot)))
    };
    let policies = snapshot.policies.iter().filter(holds);
    policies
        .map(|policy| (policy.name.clone(), policy.body.resolved.clone()))
        .collect()
}
