//! Is the lake right, and which objects does it want? Entries are resolved and written into a draft, kind after kind.
//!
//! An entry equal to what is stored is not checked again, so a source that is down never stops a second apply.

mod credentials;
mod discovered;
mod filter_body;
mod governance;
mod grants;
pub(super) mod mappings;
mod masks;
mod partitions;
mod people;
pub(super) mod policies;
mod projection;
mod sources;
mod table_columns;
mod tables;
pub(super) mod usage;
pub(super) mod views;

use std::{collections::BTreeMap, path::PathBuf};

use lakegate_catalog::{id::ObjectId, name::split_name, object::Kind, relation::Column, snapshot::Snapshot};
use lakegate_connectors::registry::Registry;
use lakegate_policy::Action;
use lakegate_query::{connection::SecretSource, entities::ObjectRef};

use super::{
    draft::{Draft, Slot},
    entry::Picture,
    inspect::Inspector,
    judge::{Asked, Judge, alter},
    model::{Canonical, Entry, Lake},
    problem::{Place, suggestion},
};

/// What the check needs to know beside the lake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckContext<'a> {
    pub registry: &'a Registry,
    pub inspector: &'a dyn Inspector,
    pub secrets: &'a dyn SecretSource,
    /// Key of the HMAC of API keys.
    pub pepper: &'a [u8],
    /// Absolute directories below which local paths must lie.
    pub local_roots: &'a [PathBuf],
    /// `serve --apply`: relative paths belong to the directory of their file.
    pub operator: bool,
    /// Name of who applies: the grantor of grants.
    pub principal: &'a str,
    /// Id of the user who applies; `None`: the server itself.
    pub user: Option<&'a ObjectId>,
    /// File name → its absolute directory.
    pub directories: &'a BTreeMap<String, PathBuf>,
    /// What the applier may do.
    pub judge: &'a Judge<'a>,
}

/// Checks all of `lake`; problems and objects end up in the draft.
pub(crate) async fn check(cx: &CheckContext<'_>, draft: &mut Draft, lake: &Lake) {
    draft.declared = lake.declared.clone();
    governance::tags(draft, &lake.tags);
    people::roles(cx, draft, &lake.roles);
    draft.reindex();
    people::users(cx, draft, &lake.users);
    people::workgroups(cx, draft, &lake.workgroups);
    draft.reindex();
    sources::connections(cx, draft, &lake.connections);
    draft.reindex();
    sources::catalogs(cx, draft, &lake.catalogs);
    draft.reindex();
    sources::databases(cx, draft, &lake.databases);
    draft.reindex();
    for table in &lake.tables {
        tables::table(cx, draft, lake, table).await;
    }
    draft.reindex();
    views::views(cx, draft, &lake.views).await;
    draft.reindex();
    governance::filters(cx, draft, &lake.filters);
    masks::masks(cx, draft, &lake.masks);
    discovered::governed_are_declared(draft, lake);
    draft.reindex();
    grants::grants(cx, draft, &lake.grants);
    people::keys(cx, draft, &lake.keys);
    draft.reindex();
    policies::policies(cx, draft, &lake.policies);
    draft.reindex();
}

/// A column that a policy reads, lists or masks stays until the policy is changed: dropped and added again it would be
/// another column, which no policy protects.
pub(crate) fn governed_columns_stay(judge: &Judge<'_>, draft: &mut Draft) {
    let mut broken = Vec::new();
    let tables = draft.before.tables.iter().map(|before| {
        let after = draft.after.tables.iter().find(|table| table.id == before.id);
        (
            Kind::Table,
            &before.id,
            &before.body.columns,
            after.map(|after| &after.body.columns),
        )
    });
    let views = draft.before.views.iter().map(|before| {
        let after = draft.after.views.iter().find(|view| view.id == before.id);
        (
            Kind::View,
            &before.id,
            &before.body.columns,
            after.map(|after| &after.body.columns),
        )
    });
    for (kind, id, before, after) in tables.chain(views) {
        let Some(after) = after else { continue };
        let kept = |id: &ObjectId| after.iter().any(|column| column.id == *id);
        for column in before.iter().filter(|column| !kept(&column.id)) {
            for (what, user) in draft.after.users_of_column(id, &column.id) {
                let named = judge.may(Action::ManagePolicy, &ObjectRef::policy_store());
                let user = if named {
                    format!("{what} `{user}`")
                } else {
                    "a policy".to_owned()
                };
                broken.push(((kind, id.clone()), column.name.clone(), user));
            }
        }
    }
    for (relation, column, user) in broken {
        let place = draft
            .places
            .get(&relation)
            .cloned()
            .unwrap_or_else(|| Place::of_input("lake"));
        let message = format!("column `{column}` is used by {user}");
        draft.invalid(
            &place,
            message,
            "keep the column, or change or remove what uses it in the same lake",
        );
    }
}

/// Warns of policies that name what is gone: those of the lake, and those that this change leaves without their object.
pub(crate) fn dangling(draft: &mut Draft, seen: usage::Seen<'_>) {
    let picture = |snapshot| Picture {
        snapshot,
        partitions: &draft.partitions,
    };
    let (before, after) = (picture(&*draft.before), picture(&draft.after));
    let told = draft.after.policies.iter().filter(|policy| {
        let named = draft.named.contains(&(Kind::Policy, policy.id.clone()));
        let new = || {
            draft
                .before
                .policies
                .iter()
                .any(|known| known.id == policy.id && !before.is_dangling(known))
        };
        after.is_dangling(policy) && (named || new()) && seen(draft, Kind::Policy, &policy.id)
    });
    let warning = |name: &str| {
        format!(
            "policy `{name}` names an object that was dropped: one of the same name is another one, and a permit permits \
             nothing; delete the policy and apply it again, or change it"
        )
    };
    let warnings: Vec<String> = told.map(|policy| warning(&policy.name)).collect();
    draft.warnings.extend(warnings);
}

/// The question whether an entry may be checked.
fn asked<'a, E>(kind: Kind, entry: &'a Entry<E>, known: Option<&'a ObjectId>, same: bool) -> Asked<'a> {
    Asked {
        kind,
        name: &entry.name,
        place: &entry.place,
        known,
        same,
    }
}

/// What admits an entry below something: the right to change what is stored, or to make it in what is stored. Inside
/// something that the same lake makes, nothing is asked.
fn made_in(
    draft: &Draft,
    entity: &str,
    known: Option<&ObjectId>,
    (parent_entity, create, parent): (&str, Action, &ObjectId),
) -> Option<Vec<(Action, ObjectRef)>> {
    if let Some(known) = known {
        let columns = columns(&draft.before, known);
        let tagged = columns.map(|column| (Action::AssociateTag, ObjectRef::new("Column", column.id.as_str())));
        return Some(alter(entity, known).into_iter().chain(tagged).collect());
    }
    let stored = draft.before.name_of(parent_entity, parent.as_str()).is_some();
    stored.then(|| vec![(create, ObjectRef::new(parent_entity, parent.as_str()))])
}

/// The columns of a table or view.
fn columns<'a>(snapshot: &'a Snapshot, relation: &ObjectId) -> impl Iterator<Item = &'a Column> {
    let table = snapshot.table(relation).map(|table| table.body.columns.as_slice());
    let view = || snapshot.view(relation).map(|view| view.body.columns.as_slice());
    table.or_else(view).unwrap_or_default().iter()
}

/// The entry of `stored` equals `given`.
fn same<E: Canonical>(stored: E, given: &E) -> bool {
    let mut stored = stored;
    stored.canonical();
    stored == *given
}

/// A dotted name of `parts` parts, folded to lower case.
fn dotted(draft: &mut Draft, name: &str, parts: usize, place: &Place, what: &str) -> Option<Vec<String>> {
    let split = split_name(name).filter(|split| split.len() == parts);
    if split.is_none() {
        let form = ["", "NAME", "CATALOG.DATABASE", "CATALOG.DATABASE.NAME"]
            .get(parts)
            .copied()
            .unwrap_or("NAME");
        let message = format!("`{name}` is not the name of a {what}");
        draft.invalid(
            place,
            message,
            format!("write `{form}`; double-quote a part that holds a dot"),
        );
    }
    split.map(|split| split.into_iter().map(|part| part.to_lowercase()).collect())
}

/// A name of one part is not empty, not too long and has no control characters.
fn plain(draft: &mut Draft, name: &str, place: &Place, what: &str) -> bool {
    let good = !name.is_empty() && name.len() <= 256 && !name.chars().any(char::is_control);
    if !good {
        draft.invalid(
            place,
            format!("`{name}` is not the name of a {what}"),
            "use 1 to 256 printable characters",
        );
    }
    good
}

/// Tags name known keys and allowed values.
fn tags(draft: &mut Draft, tags: &BTreeMap<String, String>, place: impl Fn(&str) -> Place) {
    for (key, value) in tags {
        let problem = match draft.after.find_tag(key) {
            None if draft.excuses("TagKey", key) => None,
            None => {
                let known: Vec<String> = draft.after.tags.iter().map(|tag| tag.name.clone()).collect();
                let remedy = draft.suggestion(key, known.iter().map(String::as_str));
                Some((
                    format!("tag key `{key}` does not exist"),
                    format!("{remedy}; keys are declared under `tags`"),
                ))
            }
            Some(tag) if !tag.body.values.is_empty() && !tag.body.values.contains(value) => {
                let remedy = suggestion(value, tag.body.values.iter().map(String::as_str));
                Some((format!("tag `{key}` cannot be `{value}`"), remedy))
            }
            Some(_) => None,
        };
        if let Some((message, remedy)) = problem {
            draft.invalid(&place(key), message, remedy);
        }
    }
}

/// The id of a role by name.
fn role(draft: &mut Draft, name: &str, place: &Place) -> Option<ObjectId> {
    let id = draft.after.resolve("Role", name);
    if id.is_none() {
        unknown::<lakegate_catalog::identity::Role>(draft, "role", name, place);
    }
    id
}

/// `role:NAME` of an owner.
fn owner(draft: &mut Draft, owner: Option<&String>, place: &Place) -> Option<ObjectId> {
    let owner = owner?;
    match owner.strip_prefix("role:") {
        Some(name) => role(draft, name, place),
        None => {
            draft.invalid(place, format!("owner `{owner}` is not a role"), "write `role:NAME`");
            None
        }
    }
}

/// Nothing of that kind has that name.
fn unknown<B: Slot>(draft: &mut Draft, what: &str, name: &str, place: &Place) {
    if B::KIND.entity_type().is_some_and(|entity| draft.excuses(entity, name)) {
        return;
    }
    let known: Vec<String> = B::all(&draft.after).iter().map(|object| object.name.clone()).collect();
    let remedy = draft.suggestion(name, known.iter().map(String::as_str));
    draft.invalid(place, format!("{what} `{name}` does not exist"), remedy);
}
