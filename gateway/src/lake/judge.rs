//! Who applies a lake, and what may they do? Asked entry by entry, before anything that an entry refers to is looked up,
//! read or asked: a refusal tells nothing about it.
//!
//! Not the last word: `permission` asks again, change by change.

use std::sync::Arc;

use lakegate_catalog::{
    id::ObjectId,
    identity::{GrantObject, PassedOn},
    object::Kind,
    relation::Column,
    snapshot::{Snapshot, TablePath},
};
use lakegate_policy::{Action, RequestContext};
use lakegate_query::{
    context::{Caller, request_context},
    entities::{Governor, ObjectRef},
    metadata::visible::Viewer,
};

use super::{
    Applier,
    change::{Change, ChangeKind},
    draft::Draft,
    grant_option, permission,
    problem::Place,
    resource,
};

/// Decides for one applier under the catalog as it is stored now.
#[derive(Debug)]
pub(crate) enum Judge<'a> {
    /// The operator may do everything.
    Operator,
    /// The policies decide.
    Caller {
        caller: &'a Caller,
        governor: Governor,
        request: Box<RequestContext>,
    },
}

/// An entry of a lake, and the object that it stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub kind: Kind,
    /// As the entry writes it.
    pub name: &'a str,
    pub place: &'a Place,
    /// What is stored under the name.
    pub known: Option<&'a ObjectId>,
    /// The entry says what is stored.
    pub same: bool,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(by: &Applier<'a>, whole: &Arc<Snapshot>) -> Self {
        match by {
            Applier::Operator => Self::Operator,
            Applier::Caller { caller, governor } => Self::Caller {
                caller,
                governor: Governor::new(Arc::clone(whole), Arc::clone(governor.policies())),
                request: Box::new(request_context(caller)),
            },
        }
    }

    /// May the applier do this?
    pub(crate) fn may(&self, action: Action, object: &ObjectRef) -> bool {
        match self {
            Self::Operator => true,
            Self::Caller {
                caller,
                governor,
                request,
            } => governor.decide(caller, request, action, object).is_allowed(),
        }
    }

    /// May the applier grant this?
    pub(crate) fn may_grant(&self, wish: GrantWish<'_>, object: &ObjectRef) -> bool {
        let Self::Caller { caller, governor, .. } = self else {
            return true;
        };
        grant_option::permitted(governor, caller, (Action::Grant, wish), object)
    }

    /// May the applier pass this on by a grant of their own? Which one?
    pub(crate) fn passing_on(&self, wish: GrantWish<'_>, object: &GrantObject) -> Option<PassedOn> {
        match self {
            Self::Operator => None,
            Self::Caller { caller, governor, .. } => grant_option::passing_on(governor, caller, wish, object),
        }
    }

    /// May the applier read the entry of this object?
    pub(crate) fn sees(&self, kind: Kind, id: &ObjectId) -> bool {
        match self {
            Self::Operator => true,
            Self::Caller { caller, governor, .. } => permission::visible(governor, caller, kind, id),
        }
    }

    /// May the applier know of this user of something, told by the store as `kind` and name?
    pub(crate) fn names(&self, user: &str) -> bool {
        let Some(whole) = self.whole() else { return true };
        Kind::ALL.into_iter().any(|kind| {
            let name = user
                .strip_prefix(&format!("{kind} `"))
                .and_then(|rest| rest.strip_suffix('`'));
            name.is_some_and(|name| resource::any_named(whole, kind, name, |id| self.sees(kind, id)))
        })
    }

    /// The whole catalog, if a part of it may be hidden from the applier.
    pub(crate) fn whole(&self) -> Option<&Arc<Snapshot>> {
        match self {
            Self::Operator => None,
            Self::Caller { governor, .. } => Some(governor.snapshot()),
        }
    }

    /// The columns of a stored relation that the applier may know; `None`: not even the relation.
    pub(crate) fn columns(&self, path: &TablePath) -> Option<Vec<Column>> {
        match self {
            Self::Operator => Some(path.table.body.columns.clone()),
            Self::Caller { caller, governor, .. } => Viewer::new(governor, caller).columns(path),
        }
    }

    /// May the object be written into a lake of the applier's? A view only with its text.
    pub(crate) fn exports(&self, kind: Kind, id: &ObjectId) -> bool {
        match self {
            Self::Caller { caller, governor, .. } if kind == Kind::View => governor
                .snapshot()
                .view(id)
                .is_some_and(|view| Viewer::new(governor, caller).definition(view).is_some()),
            _ => true,
        }
    }

    /// Is this the applier?
    pub(crate) fn is(&self, user: &ObjectId) -> bool {
        matches!(self, Self::Caller { caller, .. } if caller.user == *user)
    }

    /// Is the entry to be checked at all? It is if it says what the applier sees anyway, or if one of `questions` is answered
    /// with yes; else it is refused, in the same words whatever is stored.
    pub(crate) fn admits(&self, draft: &mut Draft, asked: Asked<'_>, questions: &[(Action, ObjectRef)]) -> bool {
        let kept = || asked.same && asked.known.is_some_and(|id| self.sees(asked.kind, id));
        let admitted = matches!(self, Self::Operator)
            || kept()
            || questions.iter().any(|(action, object)| self.may(*action, object));
        if !admitted {
            refuse(draft, asked);
        }
        admitted
    }
}

/// The facts that a decision on a grant needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GrantWish<'a> {
    pub privilege: &'a str,
    /// Absent: a user.
    pub grantee_role: Option<&'a ObjectId>,
    pub with_grant_option: bool,
    pub expires_ms: Option<i64>,
}

/// Refuses an entry.
pub(crate) fn refuse(draft: &mut Draft, asked: Asked<'_>) {
    let change = Change {
        kind: asked.kind,
        name: asked.name.to_owned(),
        change: if asked.known.is_some() {
            ChangeKind::Updated
        } else {
            ChangeKind::Created
        },
        fields: Vec::new(),
        id: asked.known.cloned().unwrap_or_default(),
    };
    let problem = permission::denied(asked.kind, asked.name, asked.place);
    draft.refusals.push((change, problem));
}

/// The right to manage what is stored, or else to make such things at all.
pub(crate) fn manage(action: Action, kind: Kind, known: Option<&ObjectId>) -> [(Action, ObjectRef); 1] {
    let object = known
        .zip(kind.entity_type())
        .map_or_else(ObjectRef::tenant, |(id, entity)| ObjectRef::new(entity, id.as_str()));
    [(action, object)]
}

/// The right to change what is stored in any way.
pub(crate) fn alter(entity: &str, id: &ObjectId) -> [(Action, ObjectRef); 2] {
    [Action::Alter, Action::AssociateTag].map(|action| (action, ObjectRef::new(entity, id.as_str())))
}
