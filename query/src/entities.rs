//! What does the catalog look like to Cedar? The one mapping from objects to entities, and the decisions on objects.
//!
//! Not here: which rows and cells of a relation are visible (`authorize`, `govern`).

mod closure;
mod names;
pub mod passed_on;

use std::{fmt, sync::Arc, time::Instant};

use lakegate_catalog::{governance::Policy, id::ObjectId, identity::Grantee, object::Stored, snapshot::Snapshot};
use lakegate_policy::{
    Action, Authorizer, ContextFacts, Decision, EntityUid, Explained, GrantContext, GrantLink, PolicyProblem,
    PolicySet, PolicyText, Privilege, Request, RequestContext, Verdict, is_dangling, is_permit, resource,
};

pub(crate) use closure::Closure;
pub use names::Names;

use crate::{
    context::Caller,
    decisions::Decisions,
    signal::{Signal, Signals},
};

/// An object of a decision: Cedar entity type without namespace, and id.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ObjectRef {
    pub entity_type: String,
    pub id: String,
    /// What the catalog does not know about it.
    outside: Outside,
}

/// Facts of objects that are not in the snapshot.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Outside {
    Nothing,
    Location {
        connection: String,
    },
    Query {
        workgroup: String,
        submitter: String,
    },
    /// In a discovered catalog (by id), perhaps in a database (by id) that is known.
    Undiscovered {
        catalog: String,
        database: Option<String>,
    },
}

impl ObjectRef {
    /// An object of the catalog: `Table`, `Database`, `DataFilter`, `User`, …; a struct field is a `Column`.
    #[must_use]
    pub fn new(entity_type: &str, id: &str) -> Self {
        Self {
            entity_type: entity_type.to_owned(),
            id: id.to_owned(),
            outside: Outside::Nothing,
        }
    }

    /// A data location (absolute, as `resolve_location` gives it) of a connection, by its id.
    #[must_use]
    pub fn location(uri: &str, connection: &str) -> Self {
        let outside = Outside::Location {
            connection: connection.to_owned(),
        };
        Self {
            entity_type: "DataLocation".to_owned(),
            id: uri.to_owned(),
            outside,
        }
    }

    /// A query, by the ids of its workgroup and its submitter.
    #[must_use]
    pub fn query(id: &str, workgroup: &str, submitter: &str) -> Self {
        let outside = Outside::Query {
            workgroup: workgroup.to_owned(),
            submitter: submitter.to_owned(),
        };
        Self {
            entity_type: "Query".to_owned(),
            id: id.to_owned(),
            outside,
        }
    }

    /// A table that discovery might find: in a database that is known, or in one that it might find too. Ids.
    #[must_use]
    pub fn undiscovered_table(catalog: &str, database: Option<&str>) -> Self {
        Self::undiscovered("Table", catalog, database)
    }

    /// A database that discovery might find in a catalog, by its id.
    #[must_use]
    pub fn undiscovered_database(catalog: &str) -> Self {
        Self::undiscovered("Database", catalog, None)
    }

    fn undiscovered(entity_type: &str, catalog: &str, database: Option<&str>) -> Self {
        Self {
            entity_type: entity_type.to_owned(),
            id: "undiscovered".to_owned(),
            outside: Outside::Undiscovered {
                catalog: catalog.to_owned(),
                database: database.map(str::to_owned),
            },
        }
    }

    /// The tenant.
    #[must_use]
    pub fn tenant() -> Self {
        Self::new("Tenant", resource::TENANT)
    }

    /// The policy store.
    #[must_use]
    pub fn policy_store() -> Self {
        Self::new("PolicyStore", resource::POLICY_STORE)
    }

    pub(crate) fn uid(&self) -> EntityUid {
        resource::uid(&self.entity_type, &self.id)
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.entity_type, self.id)
    }
}

/// Decides on objects under one snapshot and the policies published from it.
#[derive(Clone, Debug)]
pub struct Governor {
    snapshot: Arc<Snapshot>,
    policies: Arc<PolicySet>,
    signals: Signals,
    decisions: Arc<Decisions>,
}

impl Governor {
    /// `policies` must be those of [`publish`] for the same snapshot.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>, policies: Arc<PolicySet>) -> Self {
        Self {
            snapshot,
            policies,
            signals: Signals::default(),
            decisions: Arc::default(),
        }
    }

    /// The same; decisions on relations are kept in `decisions` and looked up there.
    #[must_use]
    pub fn keeping(self, decisions: Arc<Decisions>) -> Self {
        Self { decisions, ..self }
    }

    /// Where decisions on relations are kept.
    #[must_use]
    pub fn decisions(&self) -> &Arc<Decisions> {
        &self.decisions
    }

    /// The same; its decisions are told to `signals`.
    #[must_use]
    pub fn telling(self, signals: Signals) -> Self {
        Self { signals, ..self }
    }

    /// Where decisions are told.
    #[must_use]
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    #[must_use]
    pub fn policies(&self) -> &Arc<PolicySet> {
        &self.policies
    }

    /// May the caller do this with this object? Whatever cannot be answered is Forbidden.
    #[must_use]
    pub fn decide(&self, caller: &Caller, request: &RequestContext, action: Action, object: &ObjectRef) -> Decision {
        self.answer(caller, request, &[(action, object.clone())])
            .pop()
            .unwrap_or_else(|| forbidden("there is no answer"))
    }

    /// The answers to several questions, in their order.
    #[must_use]
    pub fn decide_all(
        &self,
        caller: &Caller,
        request: &RequestContext,
        questions: &[(Action, ObjectRef)],
    ) -> Vec<Decision> {
        self.answer(caller, request, questions)
    }

    /// As [`Governor::decide`], for `Grant` and `Revoke`.
    #[must_use]
    pub fn decide_grant(
        &self,
        caller: &Caller,
        context: &GrantContext,
        action: Action,
        object: &ObjectRef,
    ) -> Decision {
        self.answer(caller, context, &[(action, object.clone())])
            .pop()
            .unwrap_or_else(|| forbidden("there is no answer"))
    }

    /// As [`Governor::decide`], with the reasons; for people who ask, not for queries.
    #[must_use]
    pub fn explain(&self, caller: &Caller, request: &RequestContext, action: Action, object: &ObjectRef) -> Explained {
        let mut closure = Closure::new(&self.snapshot);
        let gathered = closure.caller(caller).and_then(|()| {
            closure.named_by(request)?;
            closure.object(object)
        });
        match gathered.and_then(|()| Authorizer::new(&self.policies, closure.entities())) {
            Ok(authorizer) => authorizer.explain(&Request {
                principal: caller.user.as_str(),
                action,
                resource: object.uid(),
                context: request,
            }),
            Err(error) => Explained {
                decision: forbidden(&error.to_string()),
                near_misses: Vec::new(),
                exceptions: Vec::new(),
            },
        }
    }

    /// What is done on behalf of somebody needs both.
    fn answer(&self, caller: &Caller, context: &dyn ContextFacts, questions: &[(Action, ObjectRef)]) -> Vec<Decision> {
        let start = Instant::now();
        let mut closure = Closure::new(&self.snapshot);
        let gathered = closure.caller(caller).and_then(|()| {
            closure.named_by(context)?;
            if let Some(user) = context.on_behalf_of() {
                closure.object(&ObjectRef::new("User", user))?;
            }
            questions.iter().try_for_each(|(_, object)| closure.object(object))
        });
        let authorizer = match gathered.and_then(|()| Authorizer::new(&self.policies, closure.entities())) {
            Ok(authorizer) => authorizer,
            Err(error) => {
                tracing::error!(error = %error, "the entities of a request cannot be built");
                return questions.iter().map(|_| forbidden(&error.to_string())).collect();
            }
        };
        let ask = |principal: &str| {
            let request = |(action, object): &(Action, ObjectRef)| Request {
                principal,
                action: *action,
                resource: object.uid(),
                context,
            };
            authorizer.decide_batch(&questions.iter().map(request).collect::<Vec<_>>())
        };
        let mut decisions = ask(caller.user.as_str());
        if let Some(user) = context.on_behalf_of() {
            let both = decisions.into_iter().zip(ask(user));
            decisions = both.map(|(own, other)| own.and(other)).collect();
        }
        let allowed = decisions.iter().filter(|decision| decision.is_allowed()).count();
        self.signals.tell(&Signal::Decided {
            allowed,
            denied: decisions.len() - allowed,
            took: start.elapsed(),
        });
        for error in decisions.iter().flat_map(|decision| &decision.errors) {
            self.signals.tell(&Signal::PolicyFailed);
            tracing::warn!(error = %error, principal = %caller.name, "a policy could not be evaluated");
        }
        decisions
    }
}

/// Policies that are tried out: as if they were stored, and stored nowhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyDraft {
    /// Each stands for the stored one of its id, or joins the set.
    pub policies: Vec<PolicyText>,
    /// Ids of stored policies that are left out.
    pub without: Vec<String>,
}

impl PolicyDraft {
    /// Does the draft say anything?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty() && self.without.is_empty()
    }

    /// The policies of a snapshot with those of the draft in their places.
    #[must_use]
    pub fn over(&self, snapshot: &Snapshot) -> Vec<PolicyText> {
        let replaced = |id: &str| {
            let drafted = self.policies.iter().map(|policy| &policy.id);
            drafted.chain(&self.without).any(|other| other.eq_ignore_ascii_case(id))
        };
        let kept = snapshot.policies.iter().filter(|policy| !replaced(&policy.name));
        let text = |policy: &Arc<Stored<Policy>>| PolicyText {
            id: policy.name.clone(),
            resolved: policy.body.resolved.clone(),
        };
        kept.map(text).chain(self.policies.iter().cloned()).collect()
    }
}

/// Builds the policies and grants in force: what the snapshot holds, validated and indexed.
///
/// INVARIANT: a permit that names an object that is gone permits nothing. Its exceptions would no longer hold: an `unless` for
/// a table that was dropped and made again does not know the new one.
///
/// # Errors
/// Every problem of a policy or grant.
pub fn publish(snapshot: &Snapshot) -> Result<PolicySet, Vec<PolicyProblem>> {
    publish_after(&PolicySet::default(), snapshot, &PolicyDraft::default())
}

/// As [`publish`], with the policies of a draft in their places, and sharing with `before` what has not changed since.
///
/// # Errors
/// Every problem of a policy or grant.
pub fn publish_after(
    before: &PolicySet,
    snapshot: &Snapshot,
    draft: &PolicyDraft,
) -> Result<PolicySet, Vec<PolicyProblem>> {
    let holds = |policy: &PolicyText| {
        let resolved = &policy.resolved;
        !(is_permit(resolved) && is_dangling(resolved, &Names(snapshot)))
    };
    let policies: Vec<PolicyText> = draft.over(snapshot).into_iter().filter(holds).collect();
    let mut links = Vec::with_capacity(snapshot.grants.len());
    let mut problems = Vec::new();
    for grant in &snapshot.grants {
        let body = &grant.body;
        let Some(end) = passed_on::in_force(snapshot, grant) else {
            continue;
        };
        match body.privilege.parse::<Privilege>() {
            Ok(privilege) => links.push(GrantLink {
                id: grant.id.as_str().to_owned(),
                privilege,
                principal: grantee(&body.to),
                resource: resource::uid(&body.object.entity_type, body.object.id.as_str()),
                expires_ms: end.map(|end| end.timestamp_millis()),
            }),
            Err(error) => {
                let remedy = "name a Cedar action in kebab-case, or `all`";
                problems.push(PolicyProblem::new(error.to_string(), remedy).of(grant.id.as_str()));
            }
        }
    }
    match before.succeed(&policies, &links) {
        Ok(set) if problems.is_empty() => Ok(set),
        Ok(_) => Err(problems),
        Err(more) => Err(problems.into_iter().chain(more).collect()),
    }
}

fn grantee(to: &Grantee) -> EntityUid {
    let (entity_type, id): (_, &ObjectId) = match to {
        Grantee::User(id) => ("User", id),
        Grantee::Role(id) => ("Role", id),
    };
    resource::uid(entity_type, id.as_str())
}

pub(crate) fn forbidden(error: &str) -> Decision {
    Decision {
        verdict: Verdict::Forbidden,
        policies: Vec::new(),
        errors: vec![error.to_owned()],
    }
}
