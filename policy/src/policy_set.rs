//! Which policies and grants are in force, and what do they say?
//!
//! A published set: parsed, strictly validated, grants linked, indexed. Immutable; a change builds a new one.

use crate::action::Action;
use crate::decision::{Decision, Tally};
use crate::grant::{GrantLink, TEMPLATES};
use crate::problem::PolicyProblem;
use crate::request::{ContextFacts, Request};
use crate::resource::uid;
use crate::scope_index::ScopeIndex;
use crate::validation::check;
use cedar_policy::{
    Authorizer as CedarAuthorizer, Context, Decision as CedarDecision, Entities, EntityUid, PolicyId,
    PolicySet as CedarSet, Request as CedarRequest,
};
use std::collections::HashMap;

/// One Cedar statement with object ids in place of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyText {
    /// Id of the policy, unique among policies and grants.
    pub id: String,
    /// The statement, resolved by `resolve_names`.
    pub resolved: String,
}

/// The policies and grants in force.
#[derive(Debug, Clone)]
pub struct PolicySet {
    index: ScopeIndex,
    /// Everything in one set: what the index must agree with.
    full: CedarSet,
    /// Grants that end, with the moment in milliseconds since 1970-01-01 UTC.
    ends: HashMap<String, i64>,
    /// A policy reads `now` or `auth_age`, or says so in passing.
    reads_clock: bool,
}

/// The circumstances of a request in Cedar's shape; made once, used for many decisions.
#[derive(Debug, Clone)]
pub(crate) struct Circumstances {
    context: Context,
    now: i64,
    is_grant: bool,
}

impl Circumstances {
    /// Fails closed if a policy could read an entity through the context that is not there.
    pub(crate) fn new(facts: &dyn ContextFacts, entities: &Entities) -> Result<Self, String> {
        if let Some(absent) = facts.references().iter().find(|uid| entities.get(uid).is_none()) {
            return Err(format!("the context names `{absent}`, which was not supplied"));
        }
        Ok(Self {
            context: facts.to_cedar()?,
            now: facts.now(),
            is_grant: facts.is_grant(),
        })
    }
}

impl PolicySet {
    /// Parses, validates (strictly, level 1) and indexes policies, and links grants. Reports every problem at once.
    pub fn build(policies: &[PolicyText], grants: &[GrantLink]) -> Result<Self, Vec<PolicyProblem>> {
        let (mut full, mut problems) = check(policies);
        let mut index = ScopeIndex::default();
        for policy in full.policies() {
            if let Err(error) = index.add(policy) {
                problems.push(refused(policy.id().as_ref(), error.as_ref()));
            }
        }
        let mut ends = HashMap::new();
        for grant in grants {
            if let Err(problem) = link(grant, &mut full, &mut index) {
                problems.push(problem);
            }
            ends.extend(grant.expires_ms.map(|end| (grant.id.clone(), end)));
        }
        if problems.is_empty() {
            let reads_clock = policies.iter().any(|policy| names_clock(&policy.resolved));
            Ok(Self {
                index,
                full,
                ends,
                reads_clock,
            })
        } else {
            Err(problems)
        }
    }

    /// Whether a decision at `to` may differ from the same one at `from`, both in milliseconds since 1970-01-01 UTC: a
    /// grant has ended in between, or a policy reads the clock.
    pub fn may_turn_between(&self, from: i64, to: i64) -> bool {
        self.reads_clock || self.ends.values().any(|end| from < *end && *end <= to)
    }

    /// Answers one request. `entities` comes from `entity_store`; `Authorizer` is the form for many requests.
    pub fn decide(&self, request: &Request<'_>, entities: &Entities) -> Decision {
        match Circumstances::new(request.context, entities) {
            Ok(at) => self.decide_in(request, &at, entities),
            Err(error) => Decision::failed(error),
        }
    }

    /// The same answer from the whole set, without the index: the oracle for background checks and tests.
    pub fn decide_unsliced(&self, request: &Request<'_>, entities: &Entities) -> Decision {
        let principal = uid("User", request.principal);
        match Circumstances::new(request.context, entities) {
            Ok(at) => self.evaluate(&Question::new(&principal, request, &at, entities), &[&self.full]),
            Err(error) => Decision::failed(error),
        }
    }

    /// Answers one request in circumstances that are already known.
    pub(crate) fn decide_in(&self, request: &Request<'_>, at: &Circumstances, entities: &Entities) -> Decision {
        let principal = uid("User", request.principal);
        self.ask(&Question::new(&principal, request, at, entities))
    }

    /// Answers one question.
    pub(crate) fn ask(&self, question: &Question<'_>) -> Decision {
        let Question {
            principal,
            action,
            resource,
            entities,
            ..
        } = *question;
        self.evaluate(question, &self.index.slice(principal, action, resource, entities))
    }

    fn evaluate(&self, question: &Question<'_>, sets: &[&CedarSet]) -> Decision {
        let request = match question.to_cedar() {
            Ok(request) => request,
            Err(error) => return Decision::failed(error),
        };
        let mut tally = Tally::default();
        for set in sets {
            consult(set, &request, question.entities, &mut tally);
        }
        // Grants are permits without conditions, so leaving out the ended ones here is leaving them out of the set.
        tally
            .permits
            .retain(|id| self.ends.get(id).is_none_or(|end| question.at.now < *end));
        tally.decide()
    }
}

/// Whether a policy may depend on the time. A word in a comment or a name counts too: that costs a decision, no more.
fn names_clock(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|word| word == "now" || word == "auth_age")
}

/// A request with all that is needed to answer it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) principal: &'a EntityUid,
    pub(crate) action: Action,
    pub(crate) resource: &'a EntityUid,
    pub(crate) at: &'a Circumstances,
    pub(crate) entities: &'a Entities,
}

impl<'a> Question<'a> {
    fn new(principal: &'a EntityUid, request: &'a Request<'_>, at: &'a Circumstances, entities: &'a Entities) -> Self {
        Self {
            principal,
            action: request.action,
            resource: &request.resource,
            at,
            entities,
        }
    }

    /// Refuses what Cedar would answer wrongly: an absent entity has no ancestors and no tags, so a forbid on them
    /// would be lost.
    fn to_cedar(self) -> Result<CedarRequest, String> {
        let Self {
            principal,
            action,
            resource,
            at,
            entities,
        } = self;
        if !action.applies_to(resource.type_name().basename()) {
            return Err(format!("action `{action}` does not apply to `{resource}`"));
        }
        if at.is_grant != action.needs_grant_context() {
            return Err(format!(
                "action `{action}` was asked with the context of another kind of action"
            ));
        }
        let action = action.uid();
        if let Some(absent) = [principal, &action, resource]
            .into_iter()
            .find(|uid| entities.get(uid).is_none())
        {
            return Err(format!("`{absent}` was not supplied"));
        }
        CedarRequest::new(principal.clone(), action, resource.clone(), at.context.clone(), None)
            .map_err(|error| error.to_string())
    }
}

fn consult(set: &CedarSet, request: &CedarRequest, entities: &Entities, tally: &mut Tally) {
    let response = CedarAuthorizer::new().is_authorized(request, set, entities);
    let diagnostics = response.diagnostics();
    let reasons = diagnostics.reason().map(ToString::to_string);
    match response.decision() {
        CedarDecision::Allow => tally.permits.extend(reasons),
        CedarDecision::Deny => tally.forbids.extend(reasons),
    }
    tally.failed.extend(diagnostics.errors().map(|error| {
        let cedar_policy::AuthorizationError::PolicyEvaluationError(failure) = error;
        (failure.policy_id().to_string(), error.to_string())
    }));
}

fn link(grant: &GrantLink, full: &mut CedarSet, index: &mut ScopeIndex) -> Result<(), PolicyProblem> {
    let (grantee, object) = (
        grant.principal.type_name().basename(),
        grant.resource.type_name().basename(),
    );
    if !matches!(grantee, "Role" | "User") {
        let message = format!("a grant to a `{grantee}`");
        return Err(PolicyProblem::new(message, "grant to a user or a role").of(&grant.id));
    }
    if !grant.privilege.applies_to(object) {
        let message = format!("privilege `{}` does not apply to a `{object}`", grant.privilege);
        return Err(PolicyProblem::new(message, "grant it on an object that it applies to").of(&grant.id));
    }
    let Some(template) = TEMPLATES.get(&grant.privilege) else {
        let message = format!("privilege `{}` has no template", grant.privilege);
        return Err(PolicyProblem::new(message, "report this as a defect").of(&grant.id));
    };
    if full.template(template.id()).is_none() {
        full.add_template(template.clone())
            .map_err(|error| refused(&grant.id, &error))?;
    }
    full.link(template.id().clone(), PolicyId::new(&grant.id), grant.slots())
        .map_err(|error| refused(&grant.id, &error))?;
    index.link(grant).map_err(|error| refused(&grant.id, error.as_ref()))
}

fn refused(id: &str, error: &dyn std::error::Error) -> PolicyProblem {
    PolicyProblem::new(format!("it cannot join the set: {error}"), "give it an id of its own").of(id)
}
