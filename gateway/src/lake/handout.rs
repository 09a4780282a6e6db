//! Does a change of people hand out more than its author has (docs/adr/0008)? Nobody raises themselves, and who manages
//! identities hands out no administration that they lack: not by a role, an attribute, a key or the subject of a token.

use std::{collections::BTreeSet, sync::Arc};

use chrono::Utc;
use lakegate_catalog::{
    id::ObjectId,
    identity::{Key, Role, User},
    object::{Kind, LOCAL_LAKE, Stored},
    snapshot::Snapshot,
};
use lakegate_policy::{Action, GrantContext, RequestContext};
use lakegate_query::{
    context::{Caller, request_context},
    entities::{Governor, ObjectRef},
};

use super::{
    change::{Change, ChangeKind},
    draft::{Draft, copy},
    permission::find,
};

/// Rights over the whole house that an author of changes may lack.
#[derive(Debug)]
pub(crate) struct Handout<'a> {
    caller: &'a Caller,
    lacking: Vec<Right>,
}

/// One administrative right.
#[derive(Clone, Debug)]
struct Right {
    action: Action,
    object: ObjectRef,
}

impl<'a> Handout<'a> {
    /// What the caller lacks, under the catalog as it is stored now.
    pub(crate) fn of(governor: &Governor, caller: &'a Caller) -> Self {
        let request = request_context(caller);
        let rights = administrative(governor.snapshot()).into_iter();
        let lacking = rights
            .filter(|right| !holds(governor, caller, &request, right))
            .collect();
        Self { caller, lacking }
    }

    /// Would acting as this user give the caller a right that they lack?
    pub(crate) fn exceeds(&self, governor: &Governor, user: &ObjectId) -> bool {
        let person = Caller {
            user: user.clone(),
            mfa: true,
            auth_age_ms: Some(0),
            extra_roles: Vec::new(),
            ..self.caller.clone()
        };
        let request = request_context(&person);
        self.lacking
            .iter()
            .any(|right| holds(governor, &person, &request, right))
    }

    /// Does a change hand out more than its author has? It is computed on the whole catalog.
    pub(crate) fn refuses(&self, draft: &Draft, governor: &Governor, change: &Change) -> bool {
        if self.lacking.is_empty() {
            return false;
        }
        let after = |extra: Option<User>| {
            let mut snapshot = copy(&draft.after);
            let person = extra.map(hypothetical);
            let id = person.as_ref().map(|person| person.id.clone());
            snapshot.users.extend(person.map(Arc::new));
            let governor = Governor::new(Arc::new(snapshot.indexed()), Arc::clone(governor.policies()));
            (governor, id)
        };
        match change.kind {
            Kind::User => {
                let changed = after(None).0;
                change.id != self.caller.user
                    && (self.exceeds(governor, &change.id) || self.exceeds(&changed, &change.id))
            }
            Kind::Key if change.change != ChangeKind::Deleted => {
                let user = find::<Key>(&draft.after, &change.id).map(|key| key.body.user);
                user.is_some_and(|user| user != self.caller.user && self.exceeds(&after(None).0, &user))
            }
            Kind::Role => {
                let member = User {
                    kind: "human".to_owned(),
                    clearance: 0,
                    roles: vec![change.id.clone()],
                    attributes: Default::default(),
                    subjects: Vec::new(),
                };
                let (changed, member) = after(Some(member));
                let holders =
                    draft.before.users.iter().filter(|user| {
                        user.id != self.caller.user && draft.before.roles_of(&user.id).contains(&change.id)
                    });
                let reached = |before: &Role, after: &Role| before.member_of != after.member_of;
                let roles = (
                    find::<Role>(&draft.before, &change.id),
                    find::<Role>(&draft.after, &change.id),
                );
                let relevant = match roles {
                    (Some(before), Some(after)) => reached(&before.body, &after.body),
                    (_, Some(after)) => !after.body.member_of.is_empty(),
                    _ => true,
                };
                relevant
                    && (member.is_some_and(|member| self.exceeds(&changed, &member))
                        || holders
                            .into_iter()
                            .any(|user| self.exceeds(governor, &user.id) || self.exceeds(&changed, &user.id)))
            }
            _ => false,
        }
    }
}

/// Does the caller change what they are: their own roles, attributes, clearance or kind, or what a role of theirs is?
pub(crate) fn raises_itself(draft: &Draft, change: &Change, caller: &Caller) -> bool {
    match change.kind {
        Kind::User if change.id == caller.user => {
            let users = (
                find::<User>(&draft.before, &change.id),
                find::<User>(&draft.after, &change.id),
            );
            let person = |user: &User| {
                (
                    user.roles.clone(),
                    user.clearance,
                    user.kind.clone(),
                    user.attributes.clone(),
                )
            };
            matches!(users, (Some(before), Some(after)) if person(&before.body) != person(&after.body))
        }
        Kind::Role if own_roles(&draft.before, caller).contains(&change.id) => {
            let roles = (
                find::<Role>(&draft.before, &change.id),
                find::<Role>(&draft.after, &change.id),
            );
            !matches!(roles, (Some(before), Some(after)) if before.body.member_of == after.body.member_of)
        }
        _ => false,
    }
}

/// Every role of the caller, those that the token brought included.
pub(crate) fn own_roles(snapshot: &Snapshot, caller: &Caller) -> BTreeSet<ObjectId> {
    let mut roles = snapshot.roles_of(&caller.user);
    let mut open = caller.extra_roles.clone();
    while let Some(id) = open.pop() {
        if let Some(role) = snapshot.role(&id).filter(|_| roles.insert(id)) {
            open.extend(role.body.member_of.clone());
        }
    }
    roles
}

/// The administrative rights over the whole house, and the right to grant on each container.
fn administrative(snapshot: &Snapshot) -> Vec<Right> {
    let tenant = [
        Action::ManageConnection,
        Action::ManageIdentity,
        Action::ManageWorkgroup,
        Action::ReadUsage,
        Action::Grant,
    ]
    .map(|action| (action, ObjectRef::tenant()));
    let store = [
        Action::BreakGlass,
        Action::ManagePolicy,
        Action::ReadAudit,
        Action::SimulateAs,
    ]
    .map(|action| (action, ObjectRef::policy_store()));
    let catalogs = snapshot
        .catalogs
        .iter()
        .map(|one| ObjectRef::new("Catalog", one.id.as_str()));
    let databases = snapshot
        .databases
        .iter()
        .map(|one| ObjectRef::new("Database", one.id.as_str()));
    let grants = catalogs.chain(databases).map(|object| (Action::Grant, object));
    let tags = snapshot
        .tags
        .iter()
        .map(|one| (Action::DefineTag, ObjectRef::new("TagKey", one.id.as_str())));
    let rights = tenant.into_iter().chain(store).chain(grants).chain(tags);
    rights.map(|(action, object)| Right { action, object }).collect()
}

fn holds(governor: &Governor, caller: &Caller, request: &RequestContext, right: &Right) -> bool {
    if right.action != Action::Grant {
        return governor
            .decide(caller, request, right.action, &right.object)
            .is_allowed();
    }
    let context = GrantContext {
        request: request.clone(),
        privilege: Action::Select.name().to_owned(),
        grantee_role: None,
        with_grant_option: false,
        expires: None,
    };
    governor
        .decide_grant(caller, &context, right.action, &right.object)
        .is_allowed()
}

/// Somebody who has a role and nothing else: whom a token may bring at any time.
fn hypothetical(body: User) -> Stored<User> {
    let now = Utc::now();
    let id = ObjectId::new();
    Stored {
        name: id.to_string(),
        id,
        parent: None,
        version: 0,
        lake: LOCAL_LAKE.to_owned(),
        created_at: now,
        updated_at: now,
        body,
    }
}
