//! How does a single route of REST change one entry? As a lake of one entry, through the same checks.

mod single;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use lakegate_catalog::{
    Store,
    connection::Connection,
    governance::{ColumnMask, DataFilter, Policy, TagKey},
    id::ObjectId,
    identity::{Grant, Key, Role, User, Workgroup},
    object::{BUILTIN_LAKE, Kind, Stored},
    relation::{Catalog, Database, Table, View},
    snapshot::Snapshot,
};
use serde_json::{Map, Value};

use super::{
    Applier, ApplyContext, ApplyError, ApplyOptions, Plan, builtins,
    change::name_of,
    draft::{Draft, Slot, Writer},
    entry::Picture,
    gains::Rule,
    judge::Judge,
    model::{Canonical, Lake},
    partitions, permission,
    problem::{Place, Problem, ProblemCode, Problems},
    run,
    sight::{self, Mentioned},
    snapshot,
};

/// What the caller believes to be stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Precondition {
    /// Nothing of that name.
    Create,
    /// This version (`If-Match`).
    IfMatch(i64),
}

/// A stored object as REST shows it: the members of its entry, and `id`, `name`, `version`, `created_at`, `updated_at`.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryView {
    pub id: ObjectId,
    /// Dotted name.
    pub name: String,
    /// For the `ETag`.
    pub version: i64,
    pub body: Value,
}

/// Creates or replaces an entry. `name` is dotted where something is above it: `lake.sales.orders/eu` for a data filter,
/// `lake.sales.orders.ssn/last4` for a mask; a grant has none (its id to replace it). New ones belong to lake `local`.
///
/// # Errors
/// `ALREADY_EXISTS`, `NOT_FOUND` (also for what the caller may not see), `STALE_VERSION`, `ACCESS_DENIED`, or what is wrong
/// with the entry.
pub async fn put_entry(
    cx: &ApplyContext<'_>,
    kind: Kind,
    name: &str,
    entry: Value,
    precondition: Precondition,
) -> Result<EntryView, ApplyError> {
    let before = snapshot(cx.store).await?;
    expect(cx, &before, kind, name, precondition)?;
    let mut problems = Problems::default();
    let lake = single::single(kind, name, &entry, &mut problems);
    let directories = BTreeMap::new();
    let plan = Plan {
        lake: &lake,
        writer: Writer::Api,
        directories: &directories,
        removed: None,
        problems: &problems,
        gains: Rule::Free,
    };
    let report = run(cx, &plan, ApplyOptions::default())
        .await
        .map_err(|error| match precondition {
            Precondition::Create => error,
            Precondition::IfMatch(_) => as_missing(cx, &before, kind, name, error),
        })?;
    let changed = report.changes.iter().find(|change| change.kind == kind);
    let id = changed
        .map(|change| change.id.clone())
        .or_else(|| find(&before, kind, name).map(|(id, _)| id));
    let id = id.ok_or_else(|| missing(kind, name))?;
    view(cx.store, kind, &id).await?.ok_or_else(|| missing(kind, name))
}

/// Merges `patch` into the entry (RFC 7396) and stores the result.
///
/// # Errors
/// Those of [`put_entry`].
pub async fn patch_entry(
    cx: &ApplyContext<'_>,
    kind: Kind,
    name: &str,
    patch: &Value,
    if_match: i64,
) -> Result<EntryView, ApplyError> {
    let before = snapshot(cx.store).await?;
    expect(cx, &before, kind, name, Precondition::IfMatch(if_match))?;
    let (id, _) = find(&before, kind, name).ok_or_else(|| missing(kind, name))?;
    let mut stored = partitions(cx.store, &before, |_| kind == Kind::Table).await?;
    // The patch is merged into what the caller may know; the rest stays as it is.
    let judge = Judge::new(&cx.by, &before);
    let seen = match kind {
        Kind::Catalog | Kind::Database | Kind::Table | Kind::View | Kind::DataFilter | Kind::ColumnMask => {
            sight::seen(&judge, &before, &Mentioned::one(name))
        }
        _ => Arc::clone(&before),
    };
    sight::partitions(&judge, &mut stored);
    let picture = Picture {
        snapshot: &seen,
        partitions: &stored,
    };
    let mut entry = entry_of(picture, kind, &id).ok_or_else(|| missing(kind, name))?;
    merge(&mut entry, patch);
    put_entry(cx, kind, name, entry, Precondition::IfMatch(if_match)).await
}

/// Deletes an entry; filters, masks, partitions and grants on it go with it.
///
/// # Errors
/// Those of [`put_entry`]; `CONFIGURATION_INVALID` if something else uses it.
pub async fn delete_entry(cx: &ApplyContext<'_>, kind: Kind, name: &str, if_match: i64) -> Result<(), ApplyError> {
    let before = snapshot(cx.store).await?;
    expect(cx, &before, kind, name, Precondition::IfMatch(if_match))?;
    let (id, _) = find(&before, kind, name).ok_or_else(|| missing(kind, name))?;
    let (lake, problems, directories) = (Lake::default(), Problems::default(), BTreeMap::new());
    let removed = Some((kind, id));
    let plan = Plan {
        lake: &lake,
        writer: Writer::Api,
        directories: &directories,
        removed,
        problems: &problems,
        gains: Rule::Free,
    };
    run(cx, &plan, ApplyOptions::default())
        .await
        .map(drop)
        .map_err(|error| as_missing(cx, &before, kind, name, error))
}

/// The object of an id as REST shows it.
///
/// # Errors
/// When the store cannot be used.
pub async fn view(store: &Store, kind: Kind, id: &ObjectId) -> Result<Option<EntryView>, ApplyError> {
    let now = snapshot(store).await?;
    let stored = partitions(store, &now, |_| kind == Kind::Table).await?;
    Ok(view_of(
        Picture {
            snapshot: &now,
            partitions: &stored,
        },
        kind,
        id,
    ))
}

/// As [`view`], from a snapshot.
#[must_use]
pub fn view_of(picture: Picture<'_>, kind: Kind, id: &ObjectId) -> Option<EntryView> {
    let (name, version, created_at, updated_at) = facts(picture.snapshot, kind, id)?;
    let time = |time: DateTime<Utc>| Value::String(time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true));
    let mut body = Map::from_iter([
        ("id".to_owned(), Value::String(id.to_string())),
        ("name".to_owned(), Value::String(name.clone())),
    ]);
    if let Value::Object(members) = entry_of(picture, kind, id)? {
        // A member of the entry may not hide what identifies the object.
        members.into_iter().for_each(|(key, value)| {
            body.entry(key).or_insert(value);
        });
    }
    if kind == Kind::Policy
        && let Some(policy) = picture.snapshot.policies.iter().find(|policy| policy.id == *id)
    {
        body.insert("dangling".to_owned(), Value::Bool(picture.is_dangling(policy)));
    }
    body.insert("version".to_owned(), Value::from(version));
    body.insert("created_at".to_owned(), time(created_at));
    body.insert("updated_at".to_owned(), time(updated_at));
    Some(EntryView {
        id: id.clone(),
        name,
        version,
        body: Value::Object(body),
    })
}

/// Calls a macro's arm for the noun behind a kind.
macro_rules! by_kind {
    ($kind:expr, $noun:ident => $body:expr, else $other:expr) => {
        match $kind {
            Kind::Connection => {
                type $noun = Connection;
                $body
            }
            Kind::Catalog => {
                type $noun = Catalog;
                $body
            }
            Kind::Database => {
                type $noun = Database;
                $body
            }
            Kind::Table => {
                type $noun = Table;
                $body
            }
            Kind::View => {
                type $noun = View;
                $body
            }
            Kind::Tag => {
                type $noun = TagKey;
                $body
            }
            Kind::DataFilter => {
                type $noun = DataFilter;
                $body
            }
            Kind::ColumnMask => {
                type $noun = ColumnMask;
                $body
            }
            Kind::Policy => {
                type $noun = Policy;
                $body
            }
            Kind::Role => {
                type $noun = Role;
                $body
            }
            Kind::User => {
                type $noun = User;
                $body
            }
            Kind::Grant => {
                type $noun = Grant;
                $body
            }
            Kind::Workgroup => {
                type $noun = Workgroup;
                $body
            }
            Kind::Key => {
                type $noun = Key;
                $body
            }
            Kind::Partition => $other,
        }
    };
}

/// The entry of an object: the members that a lake file gives it.
#[must_use]
pub fn entry_of(picture: Picture<'_>, kind: Kind, id: &ObjectId) -> Option<Value> {
    fn object<B: Slot>(snapshot: &Snapshot, id: &ObjectId) -> Option<Arc<Stored<B>>> {
        B::all(snapshot).iter().find(|object| object.id == *id).cloned()
    }
    fn json<E: Canonical>(entry: E) -> Option<Value> {
        let mut entry = entry;
        entry.canonical();
        serde_json::to_value(entry).ok()
    }
    let snapshot = picture.snapshot;
    match kind {
        Kind::Connection => json(picture.connection(&*object(snapshot, id)?)),
        Kind::Catalog => json(picture.catalog(&*object(snapshot, id)?)),
        Kind::Database => json(picture.database(&*object(snapshot, id)?)),
        Kind::Table => json(picture.table(&*object(snapshot, id)?)),
        Kind::View => json(picture.view(&*object(snapshot, id)?)),
        Kind::Tag => json(picture.tag(&*object(snapshot, id)?)),
        Kind::DataFilter => json(picture.filter(&*object(snapshot, id)?)),
        Kind::ColumnMask => json(picture.mask(&*object(snapshot, id)?)),
        Kind::Policy => json(picture.policy(&*object(snapshot, id)?)),
        Kind::Role => json(picture.role(&*object(snapshot, id)?)),
        Kind::User => json(picture.user(&*object(snapshot, id)?)),
        Kind::Grant => json(picture.grant(&*object(snapshot, id)?)),
        Kind::Workgroup => json(picture.workgroup(&*object(snapshot, id)?)),
        Kind::Key => json(picture.key(&*object(snapshot, id)?)),
        Kind::Partition => None,
    }
}

/// Id and version of an object by the name that lake files give it (a grant by its id). Retired tables have no name.
#[must_use]
pub fn find(snapshot: &Snapshot, kind: Kind, name: &str) -> Option<(ObjectId, i64)> {
    let id = match kind {
        Kind::Policy => snapshot.find_policy(name)?.id.clone(),
        Kind::Key => snapshot.find_key(name)?.id.clone(),
        Kind::Grant => snapshot.grant(&ObjectId::from_stored(name))?.id.clone(),
        _ => snapshot.resolve(kind.entity_type()?, name)?,
    };
    facts(snapshot, kind, &id).map(|(_, version, _, _)| (id, version))
}

fn facts(snapshot: &Snapshot, kind: Kind, id: &ObjectId) -> Option<(String, i64, DateTime<Utc>, DateTime<Utc>)> {
    by_kind!(kind, B => {
        let object = <B as Slot>::all(snapshot).iter().find(|object| object.id == *id)?;
        Some((name_of(snapshot, kind, object), object.version, object.created_at, object.updated_at))
    }, else None)
}

/// Does a snapshot hold the object?
pub(super) fn is_stored(snapshot: &Snapshot, kind: Kind, id: &ObjectId) -> bool {
    facts(snapshot, kind, id).is_some()
}

/// Is there an object of this kind and own name that is `wanted`?
pub(super) fn any_named(snapshot: &Snapshot, kind: Kind, name: &str, wanted: impl Fn(&ObjectId) -> bool) -> bool {
    by_kind!(kind, B => <B as Slot>::all(snapshot).iter().any(|object| object.name == name && wanted(&object.id)), else false)
}

/// Takes an object out of the draft.
pub(super) fn remove(draft: &mut Draft, kind: Kind, id: &ObjectId) {
    let built_in = by_kind!(kind, B => {
        let known = <B as Slot>::all(&draft.before).iter().find(|object| object.id == *id);
        known.filter(|known| known.lake == BUILTIN_LAKE && kind != Kind::Key).map(|known| known.name.clone())
    }, else None);
    if let Some(name) = built_in {
        let message = format!("{kind} `{name}` is built in and cannot be deleted");
        let remedy = match kind {
            Kind::Workgroup => "disable it: `disabled: true`",
            Kind::Policy => "change it: store a policy of the same `@id` that permits less",
            _ => "it stays; take its members or keys away instead",
        };
        return draft.invalid(&Place::of_input("request"), message, remedy);
    }
    if builtins::restore(draft, kind, id) {
        return draft.reindex();
    }
    by_kind!(kind, B => draft.remove::<B>(id), else ());
    if kind == Kind::Catalog {
        super::change::drop_discovered(draft);
    }
    draft.reindex();
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            members.shift_remove(key);
        } else {
            merge(members.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Checks what the caller believes; what it may not see does not exist.
fn expect(
    cx: &ApplyContext<'_>,
    snapshot: &Snapshot,
    kind: Kind,
    name: &str,
    precondition: Precondition,
) -> Result<(), ApplyError> {
    let found = find(snapshot, kind, name);
    let problem = |code, message: String, remedy| {
        Err(ApplyError::one(Problem::new(
            code,
            &Place::of_input("request"),
            message,
            remedy,
        )))
    };
    match (precondition, found) {
        (Precondition::Create, None) => Ok(()),
        // Who may make it learns from the store that the name is taken; nobody else learns anything.
        (Precondition::Create, Some((id, _))) if !seen(cx, kind, &id) => Ok(()),
        (Precondition::Create, Some(_)) => problem(
            ProblemCode::AlreadyExists,
            format!("{kind} `{name}` exists already"),
            "choose another name, or update it",
        ),
        (Precondition::IfMatch(_), None) => Err(missing(kind, name)),
        (Precondition::IfMatch(_), Some((id, _))) if !seen(cx, kind, &id) => Err(missing(kind, name)),
        (Precondition::IfMatch(expected), Some((_, version))) if version != expected => {
            let message = format!("{kind} `{name}` is at version {version}, not {expected}");
            problem(
                ProblemCode::StaleVersion,
                message,
                "read it again and repeat the change with its new `ETag`",
            )
        }
        (Precondition::IfMatch(_), Some(_)) => Ok(()),
    }
}

fn seen(cx: &ApplyContext<'_>, kind: Kind, id: &ObjectId) -> bool {
    match &cx.by {
        Applier::Operator => true,
        Applier::Caller { caller, governor } => permission::visible(governor, caller, kind, id),
    }
}

/// A refusal about something hidden is the answer to something missing.
fn as_missing(cx: &ApplyContext<'_>, before: &Snapshot, kind: Kind, name: &str, error: ApplyError) -> ApplyError {
    let hidden = find(before, kind, name).is_some_and(|(id, _)| !seen(cx, kind, &id));
    if hidden { missing(kind, name) } else { error }
}

fn missing(kind: Kind, name: &str) -> ApplyError {
    let message = format!("{kind} `{name}` does not exist");
    ApplyError::one(Problem::new(
        ProblemCode::NotFound,
        &Place::of_input("request"),
        message,
        "check the name",
    ))
}
