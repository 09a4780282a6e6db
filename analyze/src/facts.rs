//! What is known of the objects that policies name? A solver invents the rest: without these facts it would put a table into
//! no database, and a column into two tables.
//!
//! Facts are a forbid beside the set that is to be proved narrower: a request in a world without them is none.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{EntityUid, Policy, PolicyId};

use crate::lake::Lake;

/// Id of the policy that holds the facts; no `@id` looks so.
pub const FACTS: &str = "(facts)";
/// Of a type with more named objects it is not said that nothing lies in two of them: the pairs are too many.
const MOST_APART: usize = 40;
/// Of so many pairs it is said that one does not lie in the other.
const MOST_OUTSIDE: usize = 2_000;
/// Types of which one object lies in at most one.
const APART: [&str; 5] = ["Catalog", "Database", "Table", "View", "Column"];

/// What is known.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// An object, and another in which it lies.
    inside: BTreeSet<(EntityUid, EntityUid)>,
    /// An object, and another in which it does not lie; a role, and another to which it does not belong.
    outside: BTreeSet<(EntityUid, EntityUid)>,
    /// Objects in no two of which anything lies.
    apart: Vec<(EntityUid, EntityUid)>,
}

impl Facts {
    /// What the lakes say of the objects that their policies, and these, name.
    pub fn of(lakes: &[&Lake], more: &[EntityUid]) -> Self {
        let policies = lakes.iter().flat_map(|lake| lake.policies.values());
        let named: BTreeSet<EntityUid> = policies
            .flat_map(Policy::entity_literals)
            .chain(more.iter().cloned())
            .collect();
        let mut by_type: BTreeMap<String, Vec<&EntityUid>> = BTreeMap::new();
        for one in &named {
            by_type
                .entry(one.type_name().basename().to_owned())
                .or_default()
                .push(one);
        }
        let mut facts = Self::default();
        for outer in &named {
            for inner in named
                .iter()
                .filter(|inner| *inner != outer && may_contain(outer, inner))
            {
                let pair = (inner.clone(), outer.clone());
                if contains(outer, inner) {
                    facts.inside.insert(pair);
                } else if facts.outside.len() < MOST_OUTSIDE && plain(outer) && plain(inner) {
                    // Objects lie in one another as in a tree: nothing lies in both.
                    facts.apart.push(pair.clone());
                    facts.outside.insert(pair);
                }
            }
        }
        for kind in APART {
            let of_kind = by_type.get(kind).map(Vec::as_slice).unwrap_or_default();
            facts.keep_apart(of_kind);
        }
        facts.roles(lakes, &by_type);
        facts
    }

    fn keep_apart(&mut self, objects: &[&EntityUid]) {
        if objects.len() > MOST_APART {
            return;
        }
        for (place, one) in objects.iter().enumerate() {
            let others = objects
                .iter()
                .skip(place + 1)
                .filter(|other| plain(one) && plain(other) && !contains(one, other) && !contains(other, one));
            self.apart
                .extend(others.map(|other| ((*one).clone(), (*other).clone())));
        }
    }

    fn roles(&mut self, lakes: &[&Lake], by_type: &BTreeMap<String, Vec<&EntityUid>>) {
        // Of two lakes the newer one is right.
        let Some(known) = lakes.iter().find_map(|lake| lake.roles.as_ref()) else {
            return;
        };
        let users: BTreeMap<&String, &Vec<String>> = lakes.iter().rev().flat_map(|lake| &lake.users).collect();
        let roles = by_type.get("Role").map(Vec::as_slice).unwrap_or_default();
        for role in roles {
            let upwards = reach(known, [role.id().unescaped().to_owned()]);
            for other in roles
                .iter()
                .filter(|other| *other != role && known.contains_key(role.id().unescaped()))
            {
                let pair = ((*role).clone(), (*other).clone());
                let side = if upwards.contains(other.id().unescaped()) {
                    &mut self.inside
                } else {
                    &mut self.outside
                };
                side.insert(pair);
            }
        }
        for user in by_type.get("User").into_iter().flatten() {
            // A token may bring more roles: what a user has is known, what not is not.
            let own = users
                .get(&user.id().unescaped().to_owned())
                .map(|roles| roles.iter().cloned());
            let upwards = reach(known, own.into_iter().flatten());
            let held = roles.iter().filter(|role| upwards.contains(role.id().unescaped()));
            self.inside.extend(held.map(|role| ((*user).clone(), (*role).clone())));
        }
    }

    /// Whether it is known that one lies in the other.
    pub fn says(&self, inner: &EntityUid, outer: &EntityUid) -> bool {
        self.inside.contains(&(inner.clone(), outer.clone()))
    }

    /// A forbid that leaves the worlds in which the facts hold; `None` if nothing is known.
    ///
    /// # Errors
    /// A fact that Cedar cannot read.
    pub fn policy(&self) -> Result<Option<Policy>, String> {
        let inside = self.inside.iter().map(|(inner, outer)| format!("{inner} in {outer}"));
        let outside = self
            .outside
            .iter()
            .map(|(inner, outer)| format!("!({inner} in {outer})"));
        let apart = self
            .apart
            .iter()
            .map(|(one, other)| format!("!(resource in {one} && resource in {other})"));
        let all: Vec<String> = inside.chain(outside).chain(apart).collect();
        if all.is_empty() {
            return Ok(None);
        }
        let text = format!("forbid(principal, action, resource) unless {{ {} }};", all.join(" && "));
        let parsed = Policy::parse(Some(PolicyId::new(FACTS)), text);
        parsed.map(Some).map_err(|error| error.to_string())
    }
}

/// Whether an object lies in another, by their names: what lies below begins with the name above.
fn contains(outer: &EntityUid, inner: &EntityUid) -> bool {
    let below = inner.id().unescaped().strip_prefix(outer.id().unescaped());
    let lies = outer.type_name().basename() == "Tenant" || below.is_some_and(|rest| rest.starts_with(['.', '/']));
    lies && may_contain(outer, inner)
}

fn may_contain(outer: &EntityUid, inner: &EntityUid) -> bool {
    let inside = inner.type_name().basename();
    match outer.type_name().basename() {
        "Tenant" => !matches!(inside, "Tenant" | "Action"),
        "Catalog" => matches!(
            inside,
            "Database" | "Table" | "View" | "Column" | "DataFilter" | "ColumnMask"
        ),
        "Database" => matches!(inside, "Table" | "View" | "Column" | "DataFilter" | "ColumnMask"),
        "Table" | "View" => matches!(inside, "Column" | "DataFilter" | "ColumnMask"),
        "Column" => matches!(inside, "Column" | "ColumnMask"),
        _ => false,
    }
}

/// Whether the name has one spelling: of quoted ones nothing is concluded from a difference.
fn plain(object: &EntityUid) -> bool {
    !object.id().unescaped().contains('"')
}

/// All roles that some belong to, themselves included.
fn reach(member_of: &BTreeMap<String, Vec<String>>, from: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<String> = from.into_iter().collect();
    while let Some(role) = open.pop() {
        if found.insert(role.clone()) {
            open.extend(member_of.get(&role).into_iter().flatten().cloned());
        }
    }
    found
}
