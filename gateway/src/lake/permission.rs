//! Which permission does a change need (governance.md §2.1, "Who may change what"), and does the caller have it?
//!
//! Decided under the catalog as it is stored now: nothing in a lake can give its own applier a right. What is made inside
//! something that the same lake makes needs no more than that.

mod files;
mod retagged;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use lakegate_catalog::{
    id::ObjectId,
    identity::{Grant, Grantee, Key, Role, User},
    object::{Kind, Stored},
    relation::{Database, Table},
    snapshot::Snapshot,
};
use lakegate_policy::{Action, RequestContext};
use lakegate_query::{
    context::{Caller, request_context},
    entities::{Governor, ObjectRef},
};

use super::{
    change::{Change, ChangeKind, Difference},
    draft::{Draft, Slot},
    grant_option,
    handout::{Handout, own_roles, raises_itself},
    overlap::Overlaps,
    problem::{Place, Problem, ProblemCode},
    shed::Shed,
};

/// One question to the policies.
#[derive(Clone, Debug)]
struct Need {
    action: Action,
    object: ObjectRef,
    /// For `Grant` and `Revoke`.
    grant: Option<Grant>,
}

impl Need {
    fn new(action: Action, object: ObjectRef) -> Self {
        Self {
            action,
            object,
            grant: None,
        }
    }
}

/// What the caller may not do: each change with its problem.
pub(crate) fn refused(
    (governor, caller): (&Governor, &Caller),
    draft: &Draft,
    difference: &Difference,
    (overlaps, shed): (&Overlaps, &Shed),
) -> Vec<(Change, Problem)> {
    let request = request_context(caller);
    let governor = &Governor::new(draft.before_with_new_tags(), Arc::clone(governor.policies()));
    let people = |change: &Change| matches!(change.kind, Kind::Key | Kind::Role | Kind::User);
    let handout = difference
        .changes
        .iter()
        .any(people)
        .then(|| Handout::of(governor, caller));
    let mut problems = Vec::new();
    for change in difference
        .changes
        .iter()
        .filter(|change| change.change != ChangeKind::Unchanged)
    {
        let needs = needs(draft, change, caller);
        let permitted = needs.iter().all(|need| permits(governor, caller, &request, need));
        let mut refuse = |message: &str, remedy: &str, place: &Place| {
            let problem = Problem::new(ProblemCode::AccessDenied, place, message, remedy);
            problems.push((change.clone(), problem));
        };
        let place = draft
            .places
            .get(&(change.kind, change.id.clone()))
            .cloned()
            .unwrap_or_else(|| Place::of_input("lake"));
        if !permitted {
            problems.push((change.clone(), denied(change.kind, &change.name, &place)));
        } else if overlaps.are_made_by(draft, change) {
            let message = "its files would overlap those of another table: who reads it would read that one past its filters and masks";
            refuse(
                message,
                "choose another location, or ask somebody who manages policies",
                &place,
            );
        } else if shed.are_made_by(draft, change) {
            let message = "rows, cells or columns of a table would come out from under what governs them for you";
            refuse(
                message,
                "ask somebody who manages policies, or who sees all of it",
                &place,
            );
        } else if grants_itself(draft, change, caller) {
            let message = "nobody grants to themselves or to a role of theirs";
            refuse(message, "ask somebody else who may grant it", &place);
        } else if comes_back(draft, change, governor) {
            let message = "nobody passes a grant on to somebody through whom they have it";
            refuse(message, "grant it to somebody else", &place);
        } else if raises_itself(draft, change, caller) {
            let message = "nobody changes their own roles, attributes, clearance or kind, or a role of theirs";
            refuse(message, "ask somebody else who manages identities", &place);
        } else if handout
            .as_ref()
            .is_some_and(|handout| handout.refuses(draft, governor, change))
        {
            refuse(EXCEEDS, "ask somebody who has these rights", &place);
        }
    }
    problems
}

/// Does a user have administrative rights that the caller lacks?
#[must_use]
pub fn exceeds(governor: &Governor, caller: &Caller, user: &ObjectId) -> bool {
    Handout::of(governor, caller).exceeds(governor, user)
}

/// The refusal of a hand-out.
const EXCEEDS: &str = "nobody hands out, or takes over, administrative rights that they do not have";

/// The refusal, in the same words whether the object exists or not: a denied name tells nothing.
pub(crate) fn denied(kind: Kind, name: &str, place: &Place) -> Problem {
    let remedy = "ask an administrator or the owner for the right to change it";
    Problem::new(
        ProblemCode::AccessDenied,
        place,
        format!("you may not change {kind} `{name}`"),
        remedy,
    )
}

/// May the caller read the entry of an object? `Describe` on it, or the right to change it (governance.md §2.1).
#[must_use]
pub fn visible(governor: &Governor, caller: &Caller, kind: Kind, id: &ObjectId) -> bool {
    let request = request_context(caller);
    let snapshot = governor.snapshot();
    let may = |action: Action, object: ObjectRef| governor.decide(caller, &request, action, &object).is_allowed();
    let object = |entity: &str| ObjectRef::new(entity, id.as_str());
    let either = |entity: &str, change: Action| may(Action::Describe, object(entity)) || may(change, object(entity));
    match kind {
        Kind::Connection => either("Connection", Action::ManageConnection),
        Kind::Catalog => either("Catalog", Action::Alter),
        Kind::Database => either("Database", Action::Alter),
        Kind::Table => either("Table", Action::Alter),
        Kind::View => either("View", Action::Alter),
        Kind::Tag => either("TagKey", Action::DefineTag),
        Kind::DataFilter | Kind::ColumnMask | Kind::Policy => may(Action::ManagePolicy, ObjectRef::policy_store()),
        Kind::Role => may(Action::ManageIdentity, object("Role")),
        Kind::User => *id == caller.user || may(Action::ManageIdentity, object("User")),
        Kind::Workgroup => {
            may(Action::ManageWorkgroup, object("Workgroup")) || may(Action::SubmitQuery, object("Workgroup"))
        }
        Kind::Key => snapshot.key(id).is_some_and(|key| {
            key.body.user == caller.user || may(Action::ManageIdentity, ObjectRef::new("User", key.body.user.as_str()))
        }),
        Kind::Grant => snapshot.grant(id).is_some_and(|grant| {
            let body = &grant.body;
            let object = ObjectRef::new(&body.object.entity_type, body.object.id.as_str());
            let need = Need {
                action: Action::Revoke,
                object,
                grant: Some(body.clone()),
            };
            permits(governor, caller, &request, &need) || is_own(snapshot, caller, &body.to)
        }),
        // Asked for with its table.
        Kind::Partition => true,
    }
}

fn is_own(snapshot: &Snapshot, caller: &Caller, to: &Grantee) -> bool {
    match to {
        Grantee::User(id) => *id == caller.user,
        Grantee::Role(id) => own_roles(snapshot, caller).contains(id),
    }
}

fn permits(governor: &Governor, caller: &Caller, request: &RequestContext, need: &Need) -> bool {
    match &need.grant {
        None => governor.decide(caller, request, need.action, &need.object).is_allowed(),
        Some(grant) => {
            let wish = grant_option::wish(grant);
            let passed_on = || match need.action {
                // Who passed it on takes it back.
                Action::Revoke => grant.passed_on.as_ref().is_some_and(|passed| passed.by == caller.user),
                _ => {
                    grant.passed_on.is_some()
                        && grant.passed_on == grant_option::passing_on(governor, caller, wish, &grant.object)
                }
            };
            passed_on()
                || (grant.passed_on.is_none() || need.action == Action::Revoke)
                    && grant_option::permitted(governor, caller, (need.action, wish), &need.object)
        }
    }
}

fn comes_back(draft: &Draft, change: &Change, governor: &Governor) -> bool {
    change.kind == Kind::Grant
        && change.change != ChangeKind::Deleted
        && find::<Grant>(&draft.after, &change.id).is_some_and(|grant| grant_option::comes_back(governor, &grant))
}

fn grants_itself(draft: &Draft, change: &Change, caller: &Caller) -> bool {
    if change.kind != Kind::Grant || change.change == ChangeKind::Deleted {
        return false;
    }
    let Some(grant) = find::<Grant>(&draft.after, &change.id) else {
        return false;
    };
    is_own(&draft.before, caller, &grant.body.to)
}

fn needs(draft: &Draft, change: &Change, caller: &Caller) -> Vec<Need> {
    let created = change.change == ChangeKind::Created;
    let id = change.id.as_str();
    let on = |entity: &str, action: Action| {
        let object = if created {
            ObjectRef::tenant()
        } else {
            ObjectRef::new(entity, id)
        };
        vec![Need::new(action, object)]
    };
    match change.kind {
        Kind::Connection => on("Connection", Action::ManageConnection),
        Kind::Workgroup => on("Workgroup", Action::ManageWorkgroup),
        Kind::Role => [on("Role", Action::ManageIdentity), handed_out(draft, change)].concat(),
        Kind::User => [on("User", Action::ManageIdentity), handed_out(draft, change)].concat(),
        Kind::Key => key(draft, change, caller),
        Kind::DataFilter | Kind::ColumnMask | Kind::Policy => {
            vec![Need::new(Action::ManagePolicy, ObjectRef::policy_store())]
        }
        Kind::Tag => vec![Need::new(Action::DefineTag, ObjectRef::new("TagKey", id))],
        Kind::Grant => grant(draft, change),
        Kind::Catalog => container(draft, change),
        Kind::Database => database(draft, change),
        Kind::Table => table(draft, change),
        Kind::Partition => files::partition(draft, change),
        Kind::View => view::needs(draft, change, caller),
    }
}

/// Roles that a user or role gains or loses: each is managed by itself, so that a policy may keep one out of reach.
fn handed_out(draft: &Draft, change: &Change) -> Vec<Need> {
    let of = |snapshot: &Snapshot| -> BTreeSet<ObjectId> {
        let roles = match change.kind {
            Kind::User => find::<User>(snapshot, &change.id).map(|user| user.body.roles),
            _ => find::<Role>(snapshot, &change.id).map(|role| role.body.member_of),
        };
        roles.unwrap_or_default().into_iter().collect()
    };
    let (before, after) = (of(&draft.before), of(&draft.after));
    let changed = before
        .symmetric_difference(&after)
        .filter(|role| draft.before.role(role).is_some());
    changed
        .map(|role| Need::new(Action::ManageIdentity, ObjectRef::new("Role", role.as_str())))
        .collect()
}

fn key(draft: &Draft, change: &Change, caller: &Caller) -> Vec<Need> {
    let of = |snapshot: &Snapshot| find::<Key>(snapshot, &change.id).map(|key| key.body);
    let (before, after) = (of(&draft.before), of(&draft.after));
    // Resolving a secret by reference tells whether it is there: nothing for everybody.
    let resolved = after.as_ref().is_some_and(|key| key.secret_ref.is_some());
    let users = [before, after].into_iter().flatten().map(|key| key.user);
    let others = users.filter(|user| resolved || *user != caller.user);
    others
        .map(|user| {
            let stored = draft.before.user(&user).is_some();
            let object = if stored {
                ObjectRef::new("User", user.as_str())
            } else {
                ObjectRef::tenant()
            };
            Need::new(Action::ManageIdentity, object)
        })
        .collect()
}

fn grant(draft: &Draft, change: &Change) -> Vec<Need> {
    let (before, after) = (
        find::<Grant>(&draft.before, &change.id),
        find::<Grant>(&draft.after, &change.id),
    );
    let need = |action: Action, grant: Stored<Grant>| {
        let (kind, id) = (grant.body.object.entity_type.as_str(), &grant.body.object.id);
        // What the same lake makes has no entity yet: the right to grant on everything is needed.
        let known = matches!(kind, "Tenant" | "PolicyStore") || draft.before.name_of(kind, id.as_str()).is_some();
        let object = if known && kind != "DataLocation" {
            ObjectRef::new(kind, id.as_str())
        } else {
            ObjectRef::tenant()
        };
        Need {
            action,
            object,
            grant: Some(grant.body),
        }
    };
    let revoked = before.map(|grant| need(Action::Revoke, grant));
    let granted = after.map(|grant| need(Action::Grant, grant));
    revoked.into_iter().chain(granted).collect()
}

fn container(draft: &Draft, change: &Change) -> Vec<Need> {
    let id = change.id.as_str();
    let mut needs = Vec::new();
    match change.change {
        ChangeKind::Deleted => needs.push(Need::new(Action::Drop, ObjectRef::new("Catalog", id))),
        ChangeKind::Created => {}
        ChangeKind::Updated | ChangeKind::Unchanged => needs.extend(alter(change, "Catalog")),
    }
    let connection = |snapshot: &Snapshot| {
        snapshot
            .catalog(&change.id)
            .map(|catalog| catalog.body.connection.clone())
    };
    let (before, after) = (connection(&draft.before), connection(&draft.after));
    if let Some(after) = after.filter(|after| Some(after) != before.as_ref())
        && draft.before.connection(&after).is_some()
    {
        needs.push(Need::new(
            Action::CreateCatalog,
            ObjectRef::new("Connection", after.as_str()),
        ));
    }
    let tags = |snapshot: &Snapshot| {
        snapshot
            .catalog(&change.id)
            .map(|catalog| catalog.body.tags.clone())
            .unwrap_or_default()
    };
    needs.extend(tagging(
        draft,
        &tags(&draft.before),
        &tags(&draft.after),
        "Catalog",
        &change.id,
    ));
    needs
}

fn database(draft: &Draft, change: &Change) -> Vec<Need> {
    let (before, after) = (
        find::<Database>(&draft.before, &change.id),
        find::<Database>(&draft.after, &change.id),
    );
    let parent = after.as_ref().and_then(|after| after.parent.clone());
    let mut needs = made_in(draft, change, ("Database", Action::CreateDatabase), ("Catalog", parent));
    let tags = |database: Option<Stored<Database>>| database.map(|database| database.body.tags).unwrap_or_default();
    needs.extend(tagging(draft, &tags(before), &tags(after), "Database", &change.id));
    needs
}

fn table(draft: &Draft, change: &Change) -> Vec<Need> {
    let (before, after) = (
        find::<Table>(&draft.before, &change.id),
        find::<Table>(&draft.after, &change.id),
    );
    let parent = after.as_ref().and_then(|after| after.parent.clone());
    let discovered = after.as_ref().is_some_and(|after| after.body.remote.is_some());
    let mut needs = if retagged::is_retagged(before.as_ref(), after.as_ref(), retagged::table) {
        Vec::new()
    } else if discovered && change.change == ChangeKind::Created {
        // Discovery would make it at the first query; what governs it has needs of its own.
        let catalog = parent
            .as_ref()
            .and_then(|parent| draft.after.database(parent))
            .and_then(|database| database.parent.clone());
        let catalog = catalog.filter(|catalog| draft.before.catalog(catalog).is_some());
        catalog
            .map(|catalog| Need::new(Action::Alter, ObjectRef::new("Catalog", catalog.as_str())))
            .into_iter()
            .collect()
    } else {
        made_in(draft, change, ("Table", Action::CreateTable), ("Database", parent))
    };
    if let Some(after) = &after {
        let location = |table: &Stored<Table>| table.body.location.clone();
        if location(after) != before.as_ref().and_then(location) {
            needs.extend(files::table(draft, after));
        }
    }
    let tags = |table: Option<&Stored<Table>>| table.map(|table| table.body.tags.clone()).unwrap_or_default();
    let (old, new) = (tags(before.as_ref()), tags(after.as_ref()));
    needs.extend(tagging(draft, &old, &new, "Table", &change.id));
    for column in after.iter().flat_map(|after| &after.body.columns) {
        let known = before
            .iter()
            .flat_map(|before| &before.body.columns)
            .find(|known| known.id == column.id);
        let tags = known.map(|known| known.tags.clone()).unwrap_or_default();
        needs.extend(tagging(draft, &tags, &column.tags, "Column", &column.id));
    }
    needs
}

/// Creation needs the action on a parent that is stored; the rest needs `Alter` or `Drop`.
fn made_in(
    draft: &Draft,
    change: &Change,
    (entity, create): (&str, Action),
    (parent_entity, parent): (&str, Option<ObjectId>),
) -> Vec<Need> {
    match change.change {
        ChangeKind::Deleted => vec![Need::new(Action::Drop, ObjectRef::new(entity, change.id.as_str()))],
        ChangeKind::Updated | ChangeKind::Unchanged => alter(change, entity),
        ChangeKind::Created => {
            let stored = |id: &ObjectId| draft.before.catalog(id).is_some() || draft.before.database(id).is_some();
            let parent = parent.filter(stored);
            parent
                .map(|parent| Need::new(create, ObjectRef::new(parent_entity, parent.as_str())))
                .into_iter()
                .collect()
        }
    }
}

/// Tags have rights of their own.
fn alter(change: &Change, entity: &str) -> Vec<Need> {
    let tags_only = change.fields.iter().all(|field| field == "tags");
    if tags_only {
        Vec::new()
    } else {
        vec![Need::new(Action::Alter, ObjectRef::new(entity, change.id.as_str()))]
    }
}

/// `AssociateTag` on each key that changes, and on the object if it is stored.
fn tagging(
    draft: &Draft,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    entity: &str,
    id: &ObjectId,
) -> Vec<Need> {
    let keys = before
        .keys()
        .chain(after.keys())
        .filter(|key| before.get(*key) != after.get(*key));
    // A key that is hidden is missing, unless the object has it.
    let find = |key: &String| {
        let tags = if before.contains_key(key) {
            &draft.before
        } else {
            &draft.seen
        };
        tags.find_tag(key)
    };
    let mut needs: Vec<Need> = keys
        .filter_map(find)
        .map(|tag| Need::new(Action::AssociateTag, ObjectRef::new("TagKey", tag.id.as_str())))
        .collect();
    let changed = before != after;
    if changed && draft.before.name_of(entity, id.as_str()).is_some() {
        needs.push(Need::new(Action::AssociateTag, ObjectRef::new(entity, id.as_str())));
    }
    needs
}

pub(crate) fn find<B: Slot>(snapshot: &Snapshot, id: &ObjectId) -> Option<Stored<B>> {
    B::all(snapshot)
        .iter()
        .find(|object| object.id == *id)
        .map(|object| object.as_ref().clone())
}
