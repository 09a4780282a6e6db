//! For whom is a change judged? Users, one for all that no policy can tell apart; whoever has a role; anybody at all.

use std::collections::{BTreeMap, BTreeSet};

use lakegate_catalog::{
    id::ObjectId,
    identity::{Grantee, User},
    object::Stored,
    snapshot::Snapshot,
};
use lakegate_policy::Vocabulary;

use super::effect::Who;

/// Somebody, before and after.
#[derive(Clone, Debug)]
pub(super) struct Person {
    /// Id of the principal that is asked for.
    pub id: ObjectId,
    pub before: User,
    pub after: User,
    /// Who is meant.
    pub who: Vec<Who>,
    /// The user and every role, before or after.
    pub holds: BTreeSet<ObjectId>,
    /// Of a stand-in for whoever has a role: that role.
    pub role: Option<ObjectId>,
}

impl Person {
    /// Is it a user of the store, and not a stand-in?
    pub(super) fn is_stored(&self) -> bool {
        self.who.iter().any(|who| matches!(who, Who::User(_)))
    }

    /// The purposes that a statement may declare, before or after.
    pub(super) fn purposes(&self) -> BTreeSet<&String> {
        [&self.before, &self.after]
            .into_iter()
            .filter_map(|user| user.attributes.get("purposes"))
            .flatten()
            .collect()
    }
}

/// What no policy and no filter can tell apart.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Likeness {
    /// Only for those whom a policy or a grant names.
    id: Option<ObjectId>,
    before: Option<Traits>,
    after: Traits,
}

type Traits = (String, i64, BTreeMap<String, Vec<String>>, BTreeSet<ObjectId>);

/// Everybody for whom the change of `before` to `after` is judged.
///
/// INVARIANT: whoever is new begins as somebody without a role and attributes, so that what everybody has is no gain.
pub(super) fn people(before: &Snapshot, after: &Snapshot, words: &Vocabulary) -> Vec<Person> {
    let mut people = vec![anybody()];
    people.extend(
        after
            .roles
            .iter()
            .map(|role| member(before, after, &role.id, &role.name)),
    );
    let named = named(before, after, words);
    let mut alike: BTreeMap<Likeness, usize> = BTreeMap::new();
    for user in &after.users {
        let known = before.user(&user.id);
        let traits = |snapshot: &Snapshot, user: &Stored<User>| {
            let body = &user.body;
            (
                body.kind.clone(),
                body.clearance,
                body.attributes.clone(),
                roles(snapshot, &body.roles),
            )
        };
        let likeness = Likeness {
            id: named.contains(&user.id).then(|| user.id.clone()),
            before: known.map(|known| traits(before, known)),
            after: traits(after, user),
        };
        let at = *alike.entry(likeness).or_insert(people.len());
        match people.get_mut(at) {
            Some(person) => person.who.push(Who::User(user.name.clone())),
            None => people.push(stored(before, after, user)),
        }
        // Everybody who is alike counts as holder of what names one of them.
        if let Some(person) = people.get_mut(at) {
            person.holds.insert(user.id.clone());
        }
    }
    people
}

fn stored(before: &Snapshot, after: &Snapshot, user: &Stored<User>) -> Person {
    let known = before.user(&user.id).map(|known| known.body.clone());
    let mut holds = roles(after, &user.body.roles);
    holds.extend(known.iter().flat_map(|known| roles(before, &known.roles)));
    Person {
        id: user.id.clone(),
        before: known.unwrap_or_else(nobody),
        after: user.body.clone(),
        who: vec![Who::User(user.name.clone())],
        holds,
        role: None,
    }
}

/// Whoever has this role: a token may bring it at any time.
fn member(before: &Snapshot, after: &Snapshot, role: &ObjectId, name: &str) -> Person {
    let direct = vec![role.clone()];
    let mut holds = roles(after, &direct);
    holds.extend(roles(before, &direct));
    let with = |direct: Vec<ObjectId>| User {
        roles: direct,
        ..nobody()
    };
    Person {
        id: ObjectId::from_stored(format!("whoever has role {role}")),
        before: before.role(role).map_or_else(nobody, |_| with(direct.clone())),
        after: with(direct),
        who: vec![Who::Role(name.to_owned())],
        holds,
        role: Some(role.clone()),
    }
}

fn anybody() -> Person {
    Person {
        id: ObjectId::from_stored("whoever has no role"),
        before: nobody(),
        after: nobody(),
        who: vec![Who::Everybody],
        holds: BTreeSet::new(),
        role: None,
    }
}

fn nobody() -> User {
    User {
        kind: "human".to_owned(),
        clearance: 0,
        roles: Vec::new(),
        attributes: BTreeMap::new(),
        subjects: Vec::new(),
    }
}

/// The roles with all that they belong to.
pub(super) fn roles(snapshot: &Snapshot, direct: &[ObjectId]) -> BTreeSet<ObjectId> {
    let mut found = BTreeSet::new();
    let mut open = direct.to_vec();
    while let Some(id) = open.pop() {
        if let Some(role) = snapshot.role(&id).filter(|_| !found.contains(&id)) {
            found.insert(id);
            open.extend(role.body.member_of.iter().cloned());
        }
    }
    found
}

/// Users whom a policy, a grant or a filter may single out.
fn named(before: &Snapshot, after: &Snapshot, words: &Vocabulary) -> BTreeSet<ObjectId> {
    let grants = before.grants.iter().chain(&after.grants);
    let mut named: BTreeSet<ObjectId> = grants
        .filter_map(|grant| match &grant.body.to {
            Grantee::User(id) => Some(id.clone()),
            Grantee::Role(_) => None,
        })
        .collect();
    named.extend(words.texts.iter().map(|text| ObjectId::from_stored(text.as_str())));
    named
}
