//! Why is it decided so, for whom, under which circumstances? Asked by a caller, answered as far as the caller may know, and
//! audited before it is answered.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use lakegate_catalog::{audit::AuditEvent, id::ObjectId, object::Kind};
use lakegate_policy::{Action, Explained, RequestContext};
use lakegate_query::{
    audit::{event, simulated},
    authorize::{
        decide,
        explain::{RelationExplanation, explain, explain_other},
    },
    behalf,
    context::{Caller, QueryContext},
    entities::{Governor, ObjectRef, PolicyDraft},
    error::{ErrorCode, QueryError},
    service::{Circumstances, Simulation, SubmitRequest},
};
use sha2::{Digest, Sha256};

use super::{Asked, ColumnName, Desk, Target, desk::missing};
use crate::error::{ApiError, Result};

/// How much of an answer may be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sight {
    /// What the caller can find out by asking for data: no hidden column, no filter, no condition.
    Own,
    /// Everything: the caller holds `SimulateAs`.
    Full,
}

/// What is asked: an action on an object.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// Somebody, by name; the caller if absent.
    pub principal: Option<String>,
    /// Whom they act for, by name.
    pub on_behalf_of: Option<String>,
    pub action: Action,
    pub asked: Asked,
}

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Wish {
    pub principal: String,
    /// Names of roles that a token would bring.
    pub roles: Vec<String>,
    pub mfa: bool,
    pub auth_age_ms: Option<i64>,
    pub ip: Option<std::net::IpAddr>,
    pub door: &'static str,
    pub now: Option<DateTime<Utc>>,
    pub draft: PolicyDraft,
    /// Workgroup, purpose, and on whose behalf; of a statement also its text.
    pub statement: SubmitRequest,
    /// Absent: the statement.
    pub inquiry: Option<Inquiry>,
}

/// An answer with what is needed to tell it.
#[derive(Debug)]
pub struct Answer {
    pub sight: Sight,
    pub governor: Governor,
    pub subject: Caller,
    /// Name of the user whom the subject acts for.
    pub on_behalf_of: Option<String>,
    pub action: Action,
    /// `kind:name`
    pub resource: String,
    pub found: Found,
    /// The part of the user whom the subject acts for.
    pub theirs: Option<Box<Answer>>,
}

/// What was found out.
#[derive(Debug)]
pub enum Found {
    Relation {
        explanation: Box<RelationExplanation>,
        column: Option<ColumnName>,
    },
    Object {
        explained: Explained,
        /// By all who must be.
        allowed: bool,
    },
}

/// What would become of a simulated request.
#[derive(Debug)]
pub struct Simulated {
    pub context: RequestContext,
    pub answers: Vec<Answer>,
    /// Tables of the statement that are not there.
    pub missing: Vec<String>,
    /// Of a statement.
    pub plan: Option<Result<Vec<String>, QueryError>>,
    pub draft: bool,
}

/// Who asks, and by what it is decided.
struct Under {
    governor: Governor,
    subject: Caller,
    at: Circumstances,
}

impl Desk {
    /// How much may this caller be told?
    #[must_use]
    pub fn sight(&self) -> Sight {
        if self.may(Action::SimulateAs, &ObjectRef::policy_store()) {
            Sight::Full
        } else {
            Sight::Own
        }
    }

    /// Explains a decision.
    ///
    /// # Errors
    /// `ACCESS_DENIED` for somebody else's without `SimulateAs`; what is missing or hidden is not found.
    pub async fn explain(self, inquiry: Inquiry) -> Result<Answer> {
        let desk = match inquiry.asked.table() {
            Some(table) => self.with_described(table).await?,
            None => self,
        };
        let own = |name: &String| name.eq_ignore_ascii_case(&desk.caller().name);
        let other = inquiry.principal.clone().filter(|name| !own(name));
        let (sight, action) = (
            desk.sight(),
            if other.is_some() {
                Action::SimulateAs
            } else {
                inquiry.action
            },
        );
        if other.is_some() {
            desk.require(Action::SimulateAs, &ObjectRef::policy_store(), "policy-store:default")
                .await?;
        }
        let mut below = Vec::new();
        let answer = desk.explained(&inquiry, other.as_deref(), sight, &mut below).await;
        let mut noted = event(
            desk.caller(),
            "explain",
            action.name(),
            &inquiry.asked.to_string(),
            desk.snapshot(),
        );
        noted.outcome = outcome(&answer);
        noted.details = BTreeMap::from([("asked".to_owned(), inquiry.action.name().to_owned())]);
        noted.details.extend(acting(inquiry.on_behalf_of.as_deref()));
        noted.details.extend(other.map(|name| ("simulated".to_owned(), name)));
        let below = below.into_iter().map(|event| AuditEvent {
            kind: "explain".to_owned(),
            ..simulated(event, desk.caller())
        });
        let events: Vec<AuditEvent> = std::iter::once(noted).chain(below).collect();
        desk.audit(&events).await?;
        answer
    }

    async fn explained(
        &self,
        inquiry: &Inquiry,
        other: Option<&str>,
        sight: Sight,
        events: &mut Vec<AuditEvent>,
    ) -> Result<Answer> {
        let subject = match other {
            Some(name) => self.subject(name)?,
            None => self.caller().clone(),
        };
        let governor = Governor::clone(self.governor());
        let at = Circumstances::of(governor.snapshot(), &subject, &SubmitRequest::default(), None)?;
        let under = Under { governor, subject, at };
        let on_behalf_of = inquiry.on_behalf_of.as_deref();
        self.answer_for((inquiry, on_behalf_of), sight, under, events).await
    }

    /// Simulates a request of somebody else.
    ///
    /// # Errors
    /// `ACCESS_DENIED` without `SimulateAs`; names that are not there; circumstances that cannot be.
    pub async fn simulate(self, wish: Wish) -> Result<Simulated> {
        self.require(Action::SimulateAs, &ObjectRef::policy_store(), "policy-store:default")
            .await?;
        let mut attempts = Vec::new();
        let done = self.simulated(&wish, &mut attempts).await;
        let mut noted = event(
            self.caller(),
            "simulate",
            Action::SimulateAs.name(),
            &format!("user:{}", wish.principal),
            self.snapshot(),
        );
        noted.outcome = outcome(&done);
        noted.details = details(&wish);
        let simulated = attempts.into_iter().map(|attempt| simulated(attempt, self.caller()));
        let events: Vec<AuditEvent> = std::iter::once(noted).chain(simulated).collect();
        self.audit(&events).await?;
        done
    }

    async fn simulated(&self, wish: &Wish, attempts: &mut Vec<AuditEvent>) -> Result<Simulated> {
        let subject = self.simulated_subject(wish)?;
        let draft = !wish.draft.is_empty();
        let queries = &self.app().queries;
        if let Some(inquiry) = &wish.inquiry {
            let governor = queries.governor_of(wish.draft.clone()).await?;
            let at = Circumstances::of(governor.snapshot(), &subject, &wish.statement, wish.now)?;
            let context = at.context.clone();
            let under = Under { governor, subject, at };
            let asked = (inquiry, wish.statement.on_behalf_of.as_deref());
            return Ok(Simulated {
                answers: vec![self.answer_for(asked, Sight::Full, under, attempts).await?],
                context,
                missing: Vec::new(),
                plan: None,
                draft,
            });
        }
        let simulation = Simulation {
            subject: subject.clone(),
            now: wish.now,
            draft: wish.draft.clone(),
            statement: wish.statement.clone(),
        };
        let done = queries.simulate(simulation).await?;
        attempts.extend(done.attempts);
        let (mut answers, mut missing) = (Vec::new(), Vec::new());
        for relation in done.relations {
            let is_view = |explanation: &RelationExplanation| explanation.grant.path.view.is_some();
            let kind = if relation.explanation.as_ref().is_some_and(is_view) {
                "view"
            } else {
                "table"
            };
            let resource = format!("{kind}:{}", relation.name);
            let answer = |subject: Caller, explanation: RelationExplanation| Answer {
                sight: Sight::Full,
                governor: done.governor.clone(),
                subject,
                on_behalf_of: None,
                action: Action::Select,
                resource: resource.clone(),
                found: Found::Relation {
                    explanation: Box::new(explanation),
                    column: None,
                },
                theirs: None,
            };
            let other = other_of(&done.governor, &subject, &done.context);
            match relation.explanation {
                Some(explanation) => answers.push(Answer {
                    on_behalf_of: other.as_ref().map(|other| other.name.clone()),
                    theirs: other
                        .zip(relation.theirs)
                        .map(|(other, theirs)| Box::new(answer(other, theirs))),
                    ..answer(subject.clone(), explanation)
                }),
                None => missing.push(relation.name.to_string()),
            }
        }
        Ok(Simulated {
            context: done.context,
            answers,
            missing,
            plan: Some(done.plan),
            draft,
        })
    }

    /// As [`Desk::answer`], on behalf of somebody whom the subject must be permitted to act for.
    async fn answer_for(
        &self,
        (inquiry, on_behalf_of): (&Inquiry, Option<&str>),
        sight: Sight,
        mut under: Under,
        events: &mut Vec<AuditEvent>,
    ) -> Result<Answer> {
        let Some(name) = on_behalf_of else {
            return self.answer(inquiry, sight, under, events).await;
        };
        if sight == Sight::Full {
            self.user_named(name)?;
        }
        let attempt = under.at.act(&under.governor, &under.subject, name);
        events.push(attempt.event);
        match attempt.user {
            Ok(_) => self.answer(inquiry, sight, under, events).await,
            Err(error) if sight == Sight::Own || error.code != ErrorCode::AccessDenied => Err(error.into()),
            Err(_) => self.refused_to_act(name, under),
        }
    }

    /// Why somebody may not act for a user.
    fn refused_to_act(&self, name: &str, under: Under) -> Result<Answer> {
        let Under { governor, subject, at } = under;
        let object = ObjectRef::new("User", self.user_named(name)?.as_str());
        let explained = governor.explain(&subject, &at.context, Action::Impersonate, &object);
        Ok(Answer {
            sight: Sight::Full,
            governor,
            subject,
            on_behalf_of: None,
            action: Action::Impersonate,
            resource: format!("user:{name}"),
            found: Found::Object {
                explained,
                allowed: false,
            },
            theirs: None,
        })
    }

    async fn answer(
        &self,
        inquiry: &Inquiry,
        sight: Sight,
        under: Under,
        events: &mut Vec<AuditEvent>,
    ) -> Result<Answer> {
        let Under { governor, subject, at } = under;
        let other = at.other(&governor, &subject);
        let (found, theirs) = match self.target(&inquiry.asked, inquiry.action, sight)? {
            Target::Relation { path, column } => {
                // Under the snapshot of the decision: the table may have changed since the desk was opened.
                let path = governor.snapshot().relation_path(&path.table.id).unwrap_or(*path);
                let cx = at.observing(&governor, &subject);
                // Many columns and policies take a while: not on a thread that others wait for.
                let explained = tokio::task::spawn_blocking(move || {
                    Ok::<_, QueryError>((explain(&cx, &path)?, explain_other(&cx, &path)?))
                });
                let explained = explained.await.map_err(|error| ApiError::internal(error.to_string()))?;
                let (mut explanation, theirs) = explained?;
                // INVARIANT: nothing is read for those who are told no filter.
                if sight == Sight::Full {
                    let (queries, grant) = (&self.app().queries, explanation.grant.clone());
                    let known = self.seen_mappings(&explanation);
                    let (mappings, read) = queries
                        .explain_mappings(&governor, (&subject, &at), grant, known)
                        .await?;
                    explanation.mappings = mappings;
                    events.extend(read);
                }
                let relation = |explanation| Found::Relation {
                    explanation: Box::new(explanation),
                    column: column.clone(),
                };
                (relation(explanation), theirs.map(relation))
            }
            Target::Object(object) => {
                let asked = |caller: &Caller| governor.explain(caller, &at.context, inquiry.action, &object);
                let both = governor
                    .decide(&subject, &at.context, inquiry.action, &object)
                    .is_allowed();
                let told = |explained: Explained, allowed: bool| Found::Object { explained, allowed };
                let own = asked(&subject);
                let theirs = other.as_ref().map(asked);
                (
                    told(own, both),
                    theirs.map(|theirs| told(theirs.clone(), theirs.decision.is_allowed())),
                )
            }
        };
        let answer = |subject: Caller, found: Found| Answer {
            sight,
            governor: governor.clone(),
            subject,
            on_behalf_of: None,
            action: inquiry.action,
            resource: inquiry.asked.to_string(),
            found,
            theirs: None,
        };
        let on_behalf_of = other.as_ref().map(|other| other.name.clone());
        // What somebody else holds is for those who may simulate.
        let theirs = other.zip(theirs).filter(|_| sight == Sight::Full);
        Ok(Answer {
            on_behalf_of,
            theirs: theirs.map(|(other, found)| Box::new(answer(other, found))),
            ..answer(subject, found)
        })
    }

    /// The tables among the mappings of filters of which the caller may see everything. By the policies in force, whatever draft
    /// is asked about.
    fn seen_mappings(&self, explanation: &RelationExplanation) -> BTreeSet<ObjectId> {
        let cx = QueryContext::observing(self.governor(), self.caller());
        let sees_all = |table: &ObjectId| {
            let path = self.snapshot().relation_path(table);
            let grant = path.and_then(|path| decide(&cx, &path).ok());
            grant.is_some_and(|grant| grant.is_unrestricted())
        };
        let mappings = explanation
            .filters
            .iter()
            .flat_map(|filter| &filter.filter.body.mappings);
        let tables: BTreeSet<ObjectId> = mappings.map(|mapping| mapping.table.clone()).collect();
        tables.into_iter().filter(sees_all).collect()
    }

    /// Somebody else, as a key from the caller's address would prove them.
    fn subject(&self, name: &str) -> Result<Caller> {
        let user = self.user_named(name)?;
        let caller = self.caller();
        let stored = self.snapshot().user(&user);
        Ok(Caller {
            name: stored.map_or_else(|| name.to_owned(), |user| user.name.clone()),
            user,
            key: None,
            method: "simulated",
            mfa: false,
            auth_age_ms: None,
            client: None,
            purpose: None,
            extra_roles: Vec::new(),
            proof_ends: None,
            ..caller.clone()
        })
    }

    fn simulated_subject(&self, wish: &Wish) -> Result<Caller> {
        let subject = self.subject(&wish.principal)?;
        let role = |name: &String| {
            let found = self.snapshot().find_role(name).map(|role| role.id.clone());
            found.ok_or_else(|| missing(Kind::Role, name))
        };
        for id in &wish.draft.without {
            self.snapshot()
                .find_policy(id)
                .ok_or_else(|| missing(Kind::Policy, id))?;
        }
        Ok(Caller {
            extra_roles: wish.roles.iter().map(role).collect::<Result<_>>()?,
            mfa: wish.mfa,
            auth_age_ms: wish.auth_age_ms,
            ip: wish.ip.unwrap_or(subject.ip),
            door: wish.door,
            ..subject
        })
    }
}

/// The user whom a subject acts for in a simulated statement.
fn other_of(governor: &Governor, subject: &Caller, context: &RequestContext) -> Option<Caller> {
    let mut cx = QueryContext::clone(&*QueryContext::observing(governor, subject));
    cx.request = context.clone();
    behalf::caller(&cx)
}

fn acting(name: Option<&str>) -> Option<(String, String)> {
    name.map(|name| ("on_behalf_of".to_owned(), behalf::bounded(name)))
}

fn outcome<T>(answer: &Result<T>) -> String {
    let code = answer.as_ref().err().map(|error| error.code().text());
    code.unwrap_or("ok").to_owned()
}

/// What the trail keeps of a simulation: no literals, so of a statement its digest only.
fn details(wish: &Wish) -> BTreeMap<String, String> {
    let mut details = BTreeMap::from([("simulated".to_owned(), wish.principal.clone())]);
    match &wish.inquiry {
        Some(inquiry) => {
            details.insert("asked".to_owned(), format!("{} on {}", inquiry.action, inquiry.asked));
        }
        None => {
            let digest = hex::encode(Sha256::digest(wish.statement.sql.as_bytes()));
            details.insert("statement_sha256".to_owned(), digest);
        }
    }
    details.extend(acting(wish.statement.on_behalf_of.as_deref()));
    let drafted = wish.draft.policies.iter().map(|policy| policy.id.as_str());
    let left_out = wish.draft.without.iter().map(String::as_str);
    for (key, ids) in [("draft", drafted.collect::<Vec<_>>()), ("without", left_out.collect())] {
        if !ids.is_empty() {
            details.insert(key.to_owned(), ids.join(", "));
        }
    }
    details
}
