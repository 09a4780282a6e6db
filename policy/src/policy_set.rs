//! Which policies and grants are in force, and what do they say?
//!
//! A published set: parsed, strictly validated, grants linked, indexed. Immutable; a change builds a new one.

use crate::action::Action;
use crate::condition::{KeptConditions, RowColumn, RowCondition};
use crate::decision::{Decision, Tally};
use crate::grant::GrantLink;
use crate::member::Member;
use crate::problem::PolicyProblem;
use crate::reads::Reads;
use crate::request::{ContextFacts, Request, RequestContext};
use crate::resource::{Tags, uid};
use crate::scope_index::{Group, ScopeIndex};
use crate::validation::check;
use cedar_policy::{
    Authorizer as CedarAuthorizer, Context, Decision as CedarDecision, Entities, EntityUid, PolicyId,
    PolicySet as CedarSet, Request as CedarRequest,
};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

/// One Cedar statement with object ids in place of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyText {
    /// Id of the policy, unique among policies and grants.
    pub id: String,
    /// The statement, resolved by `resolve_names`.
    pub resolved: String,
}

/// The policies and grants in force.
#[derive(Debug, Clone, Default)]
pub struct PolicySet {
    pub(crate) index: ScopeIndex,
    members: HashMap<String, Arc<Member>>,
    /// Everything in one set, made when it is asked for: what the index must agree with.
    full: OnceLock<CedarSet>,
    /// Grants that end, with the moment in milliseconds since 1970-01-01 UTC.
    pub(crate) ends: HashMap<String, i64>,
    /// Relations and what lies in them, as far as a policy or grant names them.
    named: HashSet<EntityUid>,
    /// What the policies on `Select` read together.
    column_reads: Reads,
    /// What all of them read together, made when it is asked for.
    reads: OnceLock<Reads>,
    /// A policy reads `now` or `auth_age`, or says so in passing.
    reads_clock: bool,
    /// Bodies of data filters that statements under this set have read.
    conditions: KeptConditions,
}

/// What a policy may read of a column.
#[derive(Debug, Clone, Copy)]
pub struct AlikeFacts<'a> {
    /// Effective tags.
    pub tags: &'a Tags,
    /// As in the entity.
    pub name: &'a str,
    /// As in the entity.
    pub data_type: &'a str,
}

/// What tells a column from others under a set of policies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnKey {
    /// A policy names it.
    itself: Option<EntityUid>,
    within: EntityUid,
    tags: Tags,
    name: Option<String>,
    data_type: Option<String>,
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

    /// The record that policies see.
    pub(crate) fn to_cedar(&self) -> Context {
        self.context.clone()
    }

    /// The moment of the request, in milliseconds since 1970-01-01 UTC.
    pub(crate) fn now(&self) -> i64 {
        self.now
    }
}

impl PolicySet {
    /// Parses, validates (strictly, level 1) and indexes policies, and links grants. Reports every problem at once.
    pub fn build(policies: &[PolicyText], grants: &[GrantLink]) -> Result<Self, Vec<PolicyProblem>> {
        Self::default().succeed(policies, grants)
    }

    /// As [`PolicySet::build`], but what this set holds already is neither parsed nor validated nor linked again.
    pub fn succeed(&self, policies: &[PolicyText], grants: &[GrantLink]) -> Result<Self, Vec<PolicyProblem>> {
        let mut next = Succession::of(self);
        let new: Vec<PolicyText> = policies
            .iter()
            .filter(|text| !next.keep_policy(text))
            .cloned()
            .collect();
        let (parsed, mut problems) = check(&new);
        for text in &new {
            // A policy that did not parse is a problem already.
            let policy = parsed.policy(&PolicyId::new(&text.id));
            next.added
                .extend(policy.map(|policy| Arc::new(Member::of_policy(text, policy))));
        }
        for grant in grants.iter() {
            if next.keep_grant(grant) {
                continue;
            }
            match Member::of_grant(grant) {
                Ok(member) => next.added.push(Arc::new(member)),
                Err(problem) => problems.push(problem),
            }
        }
        let set = next.finish(&mut problems);
        if problems.is_empty() { Ok(set) } else { Err(problems) }
    }

    /// What a resolved body of a data filter means over these columns; read once for all statements under this set.
    ///
    /// # Errors
    /// As [`RowCondition::parse`].
    pub fn condition(&self, resolved: &str, columns: &[RowColumn]) -> Result<Arc<RowCondition>, Vec<PolicyProblem>> {
        self.conditions.get(resolved, columns)
    }

    /// What tells this column from others: two columns (or fields) with equal keys have one verdict on `Select`, for
    /// everybody. `within` is what the column lies in directly.
    pub fn alike(&self, column: &EntityUid, within: &EntityUid, facts: &AlikeFacts<'_>) -> ColumnKey {
        let read = |name: &str, value: &str| self.column_reads.attribute(name).then(|| value.to_owned());
        ColumnKey {
            itself: self.is_named(column).then(|| column.clone()),
            within: within.clone(),
            tags: facts.tags.clone(),
            name: read("name", facts.name),
            data_type: read("dtype", facts.data_type),
        }
    }

    /// Whether a policy or grant names this table, view, column, field, filter or mask.
    pub fn is_named(&self, object: &EntityUid) -> bool {
        self.named.contains(object)
    }

    pub(crate) fn full(&self) -> &CedarSet {
        self.full.get_or_init(|| {
            let mut full = CedarSet::new();
            // INVARIANT: each of these has joined a set of its own before; two ids are never alike.
            self.members.values().for_each(|member| drop(member.join(&mut full)));
            full
        })
    }

    /// Whether a decision at `to` may differ from the same one at `from`, both in milliseconds since 1970-01-01 UTC: a
    /// grant has ended in between, or a policy reads the clock.
    pub fn may_turn_between(&self, from: i64, to: i64) -> bool {
        self.reads_clock || self.ends.values().any(|end| from < *end && *end <= to)
    }

    /// What tells these circumstances from others for any policy: as long as it is equal, so are all decisions on the same
    /// entities (a clock that is read in another way than against literals: to the minute).
    pub fn circumstances(&self, context: &RequestContext) -> String {
        let reads = self.reads.get_or_init(|| together(self.members.values()));
        reads.coarse_class_of(context)
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
            Ok(at) => self.ask_whole(&Question::new(&principal, request, &at, entities)),
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
        self.evaluate(question, self.slice(question).into_iter().map(|group| &group.set))
    }

    /// As [`PolicySet::ask`]; adds what could be read to answer it.
    pub(crate) fn ask_reading(&self, question: &Question<'_>, reads: &mut Reads) -> Decision {
        let slice = self.slice(question);
        slice.iter().for_each(|group| reads.join(&group.reads));
        self.evaluate(question, slice.into_iter().map(|group| &group.set))
    }

    /// As [`PolicySet::ask`], from the whole set.
    pub(crate) fn ask_whole(&self, question: &Question<'_>) -> Decision {
        self.evaluate(question, [self.full()])
    }

    /// Loses a policy from the index, not from the whole set: an injected fault for tests of what finds it.
    #[doc(hidden)]
    pub fn forget_in_index(&mut self, id: &str) {
        if let Some(member) = self.members.get(id) {
            drop(self.index.remove(member));
        }
    }

    fn slice(&self, question: &Question<'_>) -> Vec<&Group> {
        let Question {
            principal,
            action,
            resource,
            entities,
            ..
        } = *question;
        self.index.slice(principal, action, resource, entities)
    }

    fn evaluate<'a>(&self, question: &Question<'_>, sets: impl IntoIterator<Item = &'a CedarSet>) -> Decision {
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

fn together<'a>(members: impl Iterator<Item = &'a Arc<Member>>) -> Reads {
    members.fold(Reads::default(), |mut reads, member| {
        reads.join(&member.reads);
        reads
    })
}

/// A set that takes the place of another: what is kept, what is new.
struct Succession<'a> {
    before: &'a PolicySet,
    kept: HashSet<&'a str>,
    added: Vec<Arc<Member>>,
}

impl<'a> Succession<'a> {
    fn of(before: &'a PolicySet) -> Self {
        Self {
            before,
            kept: HashSet::new(),
            added: Vec::new(),
        }
    }

    /// Keeps it once: a second one of the same id is to be found out.
    fn keep(&mut self, id: &str, is_same: impl Fn(&Member) -> bool) -> bool {
        let known = self
            .before
            .members
            .get_key_value(id)
            .filter(|(_, member)| is_same(member));
        known.is_some_and(|(id, _)| self.kept.insert(id))
    }

    fn keep_policy(&mut self, text: &PolicyText) -> bool {
        self.keep(&text.id, |member| member.is_policy(text))
    }

    fn keep_grant(&mut self, grant: &GrantLink) -> bool {
        self.keep(&grant.id, |member| member.is_grant(grant))
    }

    fn finish(self, problems: &mut Vec<PolicyProblem>) -> PolicySet {
        let Self { before, kept, added } = self;
        let mut index = before.index.clone();
        let mut members = before.members.clone();
        for (id, member) in before.members.iter().filter(|(id, _)| !kept.contains(id.as_str())) {
            members.remove(id);
            if let Err(error) = index.remove(member) {
                problems.push(refused(id, error.as_ref()));
            }
        }
        for member in added {
            let id = member.id().to_owned();
            if members.contains_key(&id) {
                let message = format!("policy id `{id}` is used twice");
                problems.push(PolicyProblem::new(message, "give each policy an id of its own").of(&id));
                continue;
            }
            if let Err(error) = index.add(&member) {
                problems.push(refused(&id, error.as_ref()));
            }
            members.insert(id, member);
        }
        let all = || members.values();
        PolicySet {
            ends: all()
                .filter_map(|member| Some((member.id().to_owned(), member.end()?)))
                .collect(),
            named: all().flat_map(|member| member.named()).cloned().collect(),
            column_reads: together(all().filter(|member| member.actions().any(|action| action == Action::Select))),
            reads_clock: all().any(|member| member.reads_clock()),
            full: OnceLock::new(),
            reads: OnceLock::new(),
            conditions: KeptConditions::default(),
            index,
            members,
        }
    }
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
    pub(crate) fn to_cedar(self) -> Result<CedarRequest, String> {
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

fn refused(id: &str, error: &dyn std::error::Error) -> PolicyProblem {
    PolicyProblem::new(format!("it cannot join the set: {error}"), "give it an id of its own").of(id)
}
