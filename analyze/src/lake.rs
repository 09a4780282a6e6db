//! What does a lake say about who sees what? Its policies, its grants as policies, its row filters and masks, and who belongs
//! to which role. Names stand for the objects that have them.

mod filter;
mod grant;

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Policy, PolicyId, PolicySet};
use lakegate_policy::{NameResolver, PolicyProblem, PolicyText, resolve_names, split_policies, validate};
use serde_json::{Map, Value};

use crate::{
    input::Texts,
    standing::{self, Standing},
};

pub use filter::Filter;
pub use grant::entity;

/// The part of a lake that decides.
#[derive(Clone, Debug, Default)]
pub struct Lake {
    /// By `@id`; grants below `grant:`.
    pub policies: BTreeMap<String, Policy>,
    /// By name: `lake.sales.orders/eu`.
    pub filters: BTreeMap<String, Filter>,
    /// By name of the column and the mask: `lake.sales.orders.ssn/last4`.
    pub masks: BTreeMap<String, Value>,
    /// Tables and views that are described.
    pub relations: BTreeSet<String>,
    /// Role to the roles that it belongs to; `None`: nothing is known of roles.
    pub roles: Option<BTreeMap<String, Vec<String>>>,
    /// User to roles.
    pub users: BTreeMap<String, Vec<String>>,
    /// What else policies read.
    pub standing: Standing,
}

impl Lake {
    /// Reads a lake.
    ///
    /// # Errors
    /// What is wrong with policies and grants, a line for each problem.
    pub fn read(texts: &Texts) -> Result<Self, String> {
        let mut lake = Self {
            policies: policies(&texts.policies)?,
            ..Self::default()
        };
        texts.maps.iter().try_for_each(|map| lake.take(map))?;
        Ok(lake)
    }

    /// As if a draft were stored: each of its parts in the place of ours of the same name.
    #[must_use]
    pub fn with(mut self, draft: Self) -> Self {
        for relation in &draft.relations {
            // A table that is named is described whole.
            self.filters.retain(|_, filter| filter.relation != *relation);
            let below = format!("{relation}.");
            self.masks.retain(|name, _| !name.starts_with(&below));
        }
        self.policies.extend(draft.policies);
        self.filters.extend(draft.filters);
        self.masks.extend(draft.masks);
        self.relations.extend(draft.relations);
        self.standing.extend(draft.standing);
        self.users.extend(draft.users);
        self.roles = match (self.roles, draft.roles) {
            (Some(mut ours), Some(new)) => {
                ours.extend(new);
                Some(ours)
            }
            (ours, new) => ours.or(new),
        };
        self
    }

    fn take(&mut self, map: &Value) -> Result<(), String> {
        self.standing.extend(standing::read(map));
        for (id, entry) in members(map, "policies") {
            let text = entry
                .get("text")
                .or(Some(entry))
                .and_then(Value::as_str)
                .unwrap_or_default();
            let read = policies(text)?;
            if !read.contains_key(id) {
                return Err(format!("the policy below `policies.{id}` has another `@id`"));
            }
            self.policies.extend(read);
        }
        for (kind, relations) in [("Table", members(map, "tables")), ("View", members(map, "views"))] {
            for (name, relation) in relations {
                self.relation(kind, name, relation);
            }
        }
        if let Some(Value::Object(roles)) = map.get("roles") {
            let known = self.roles.get_or_insert_default();
            known.extend(
                roles
                    .iter()
                    .map(|(name, role)| (canonical(name), canonicals(role, "member_of"))),
            );
        }
        for (name, user) in members(map, "users") {
            self.users.insert(canonical(name), canonicals(user, "roles"));
        }
        for grant in map.get("grants").and_then(Value::as_array).into_iter().flatten() {
            self.policies.extend(grant::policies(grant)?);
        }
        Ok(())
    }

    fn relation(&mut self, kind: &str, name: &str, relation: &Value) {
        let name = &canonical(name);
        self.relations.insert(name.clone());
        for (filter, entry) in members(relation, "filters") {
            let read = Filter::read(kind, name, entry);
            self.filters.insert(canonical(&format!("{name}/{filter}")), read);
        }
        for (column, masks) in members(relation, "masks") {
            for (mask, entry) in masks.as_object().into_iter().flatten() {
                self.masks
                    .insert(canonical(&format!("{name}.{column}/{mask}")), entry.clone());
            }
        }
    }
}

/// A set of policies.
///
/// # Errors
/// Two of one id.
pub fn set<'p>(policies: impl IntoIterator<Item = &'p Policy>) -> Result<PolicySet, String> {
    PolicySet::from_policies(policies.into_iter().cloned()).map_err(|error| error.to_string())
}

/// One way to write a name: names that differ in case only are one name. What is quoted stays as it is.
pub fn canonical(name: &str) -> String {
    if name.contains('"') {
        name.to_owned()
    } else {
        name.to_lowercase()
    }
}

struct AnyName;

impl NameResolver for AnyName {
    fn resolve(&self, _: &str, name: &str) -> Option<String> {
        Some(canonical(name))
    }

    fn name_of(&self, _: &str, id: &str) -> Option<String> {
        Some(id.to_owned())
    }
}

fn policies(text: &str) -> Result<BTreeMap<String, Policy>, String> {
    let told = |problems: Vec<PolicyProblem>| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        lines.join("\n")
    };
    let mut texts = Vec::new();
    for statement in split_policies(text).map_err(told)? {
        let resolved = resolve_names(&statement, &AnyName).map_err(told)?;
        texts.push(PolicyText {
            id: statement.id,
            resolved,
        });
    }
    validate(&texts).map_err(told)?;
    let parse = |text: &PolicyText| {
        let policy = Policy::parse(Some(PolicyId::new(&text.id)), &text.resolved);
        policy
            .map(|policy| (text.id.clone(), policy))
            .map_err(|error| error.to_string())
    };
    texts.iter().map(parse).collect()
}

/// The members of a map below a key; none if there is no such map.
fn members<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = (&'v String, &'v Value)> + use<'v> {
    value
        .get(key)
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
}

fn names(value: &Value, key: &str) -> Vec<String> {
    let list = value.get(key).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn canonicals(value: &Value, key: &str) -> Vec<String> {
    names(value, key).iter().map(|name| canonical(name)).collect()
}
