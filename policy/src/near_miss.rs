//! Why was this decided so? The policies that speak about a request and say nothing, and what keeps them silent.
//!
//! For people who ask, never for the way of a query: it evaluates part by part what a decision evaluates at once
//! (`governance.md` §8). What it shows of a condition is for holders of `SimulateAs`; keeping it from others is the
//! caller's task.

use crate::authorizer::Authorizer;
use crate::clause::{Clause, ClauseKind, Join, clauses, parts, readings};
use crate::decision::{Decision, Verdict};
use crate::policy_set::{Circumstances, PolicySet, Question};
use crate::request::Request;
use crate::resource::uid;
use crate::scope_index::actions;
use cedar_policy::{
    Effect, Entities, EntityUid, EvalResult, Expression, Policy, PolicyId, PrincipalConstraint,
    Request as CedarRequest, ResourceConstraint, eval_expression,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Most policies that one decision names as near.
const MOST: usize = 20;

/// A decision with what would change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The decision itself, as queries get it.
    pub decision: Decision,
    /// Permits whose scope matches and that do not hold, by id. Empty if the request is allowed.
    pub near_misses: Vec<NearMiss>,
    /// Of the forbids that decided: the exceptions (`unless`) that do not hold, by id.
    pub exceptions: Vec<NearMiss>,
}

/// A policy or grant that would have changed the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NearMiss {
    /// Id of the policy or grant.
    pub policy: String,
    /// What keeps it from it; none if no single part of its conditions does.
    pub failed: Option<FailedCondition>,
    /// The grant has ended at this moment, in milliseconds since 1970-01-01 UTC.
    pub ended_ms: Option<i64>,
}

/// The first part of a condition that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedCondition {
    /// The clause that it is in.
    pub clause: ClauseKind,
    /// Its text, with object ids in place of names (`show_names`).
    pub text: String,
    /// What it is.
    pub outcome: Outcome,
    /// What it reads and what that is, as Cedar writes values; object ids in place of names.
    pub values: BTreeMap<String, String>,
}

/// What a part of a condition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is false, and must be true.
    False,
    /// It is true, and must be false.
    True,
    /// It cannot be evaluated.
    Error,
}

impl Authorizer<'_> {
    /// Answers one request, and says why.
    pub fn explain(&self, request: &Request<'_>) -> Explained {
        let decision = self.decide(request);
        let Ok(at) = Circumstances::new(request.context, &self.entities) else {
            return Explained::plain(decision);
        };
        let principal = uid("User", request.principal);
        let question = Question {
            principal: &principal,
            action: request.action,
            resource: &request.resource,
            at: &at,
            entities: &self.entities,
        };
        match question.to_cedar() {
            Ok(cedar) => self.policies.explain(decision, &question, &cedar),
            Err(_) => Explained::plain(decision),
        }
    }
}

impl Explained {
    fn plain(decision: Decision) -> Self {
        Self {
            decision,
            near_misses: Vec::new(),
            exceptions: Vec::new(),
        }
    }
}

impl PolicySet {
    /// An annotation of a policy, such as its `doc`; none for grants.
    pub fn annotation(&self, policy: &str, key: &str) -> Option<&str> {
        let policy = self.full().policy(&PolicyId::new(policy))?;
        policy.annotation(key).filter(|_| policy.is_static())
    }

    /// Whether a policy permits; none if there is none with this id.
    pub fn permits(&self, policy: &str) -> Option<bool> {
        let policy = self.full().policy(&PolicyId::new(policy))?;
        Some(policy.effect() == Effect::Permit)
    }

    fn explain(&self, decision: Decision, question: &Question<'_>, request: &CedarRequest) -> Explained {
        // Not the index: it leaves out what the tags of the resource already make false.
        let all = self.full().policies();
        let mut matching: Vec<&Policy> = all.filter(|policy| matches(policy, question)).collect();
        matching.sort_by(|left, right| left.id().cmp(right.id()));
        let probe = Probe {
            request,
            entities: question.entities,
        };
        let of = |effect: Effect| matching.iter().filter(move |policy| policy.effect() == effect);
        let misses = of(Effect::Permit).filter_map(|policy| self.near_miss(policy, question, &probe));
        let decided = |policy: &&&Policy| decision.policies.iter().any(|id| *id == policy.id().to_string());
        let exceptions = of(Effect::Forbid)
            .filter(decided)
            .flat_map(|policy| exceptions(policy, &probe));
        let (near_misses, exceptions) = match decision.verdict {
            Verdict::Allow => (Vec::new(), Vec::new()),
            Verdict::NoPermit => (misses.take(MOST).collect(), Vec::new()),
            Verdict::Forbidden => (misses.take(MOST).collect(), exceptions.take(MOST).collect()),
        };
        Explained {
            decision,
            near_misses,
            exceptions,
        }
    }

    /// What keeps a permit from holding; none if it holds.
    fn near_miss(&self, policy: &Policy, question: &Question<'_>, probe: &Probe<'_>) -> Option<NearMiss> {
        let id = policy.id().to_string();
        let miss = |failed, ended_ms| NearMiss {
            policy: id.clone(),
            failed,
            ended_ms,
        };
        let Some(text) = policy.to_cedar().filter(|_| policy.is_static()) else {
            let ended = self.ends.get(&id).copied().filter(|end| *end <= question.at.now());
            return ended.map(|end| miss(None, Some(end)));
        };
        let all = clauses(&text);
        let failed = all.iter().find_map(|clause| probe.failed(clause));
        (failed.is_some() || !probe.holds(&all)).then(|| miss(failed, None))
    }
}

/// The `unless` clauses of a forbid that held: what in them is not true.
fn exceptions(policy: &Policy, probe: &Probe<'_>) -> Vec<NearMiss> {
    let text = policy.to_cedar().unwrap_or_default();
    let unless: Vec<FailedCondition> = clauses(&text)
        .iter()
        .filter(|clause| clause.kind == ClauseKind::Unless)
        .filter_map(|clause| probe.culprit(clause.kind, clause.body, true))
        .collect();
    let miss = |failed| NearMiss {
        policy: policy.id().to_string(),
        failed: Some(failed),
        ended_ms: None,
    };
    unless.into_iter().map(miss).collect()
}

/// Evaluates parts of conditions for one request.
struct Probe<'a> {
    request: &'a CedarRequest,
    entities: &'a Entities,
}

impl Probe<'_> {
    /// None: it cannot be evaluated, or is no truth value.
    fn truth(&self, text: &str) -> Option<bool> {
        match self.value(text)? {
            EvalResult::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    fn value(&self, text: &str) -> Option<EvalResult> {
        let expression: Expression = text.parse().ok()?;
        eval_expression(self.request, self.entities, &expression).ok()
    }

    fn holds(&self, all: &[Clause<'_>]) -> bool {
        all.iter()
            .all(|clause| self.truth(clause.body) == Some(clause.kind == ClauseKind::When))
    }

    /// What keeps a clause of a permit from being as it must be.
    fn failed(&self, clause: &Clause<'_>) -> Option<FailedCondition> {
        self.culprit(clause.kind, clause.body, clause.kind == ClauseKind::When)
    }

    /// The first part of `body` that is not `wanted`, if the whole is not. Parts are looked into, as far as they are joined
    /// in the same way.
    fn culprit(&self, clause: ClauseKind, body: &str, wanted: bool) -> Option<FailedCondition> {
        if self.truth(body) == Some(wanted) {
            return None;
        }
        let join = if wanted { Join::And } else { Join::Or };
        let found = parts(body, join);
        if let [_, _, ..] = found.as_slice()
            && let Some(culprit) = found.iter().find_map(|part| self.culprit(clause, part, wanted))
        {
            return Some(culprit);
        }
        let text = match found.as_slice() {
            [one] => one,
            _ => body,
        };
        let outcome = match self.truth(text) {
            Some(true) => Outcome::True,
            Some(false) => Outcome::False,
            None => Outcome::Error,
        };
        let values = readings(text)
            .into_iter()
            .filter_map(|reading| Some((reading.to_owned(), self.value(reading)?.to_string())))
            .collect();
        Some(FailedCondition {
            clause,
            text: text.to_owned(),
            outcome,
            values,
        })
    }
}

/// Whether the scope of a policy is true.
fn matches(policy: &Policy, question: &Question<'_>) -> bool {
    let inside = |inner: &EntityUid, outer: &EntityUid| {
        inner == outer
            || question
                .entities
                .ancestors(inner)
                .is_some_and(|mut above| above.any(|above| above == outer))
    };
    if !actions(&policy.action_constraint()).contains(&question.action) {
        return false;
    }
    let (principal, resource) = (question.principal, question.resource);
    let by_principal = match policy.principal_constraint() {
        PrincipalConstraint::Any => true,
        PrincipalConstraint::Is(name) => principal.type_name() == &name,
        PrincipalConstraint::Eq(uid) => principal == &uid,
        PrincipalConstraint::In(uid) => inside(principal, &uid),
        PrincipalConstraint::IsIn(name, uid) => principal.type_name() == &name && inside(principal, &uid),
    };
    by_principal
        && match policy.resource_constraint() {
            ResourceConstraint::Any => true,
            ResourceConstraint::Is(name) => resource.type_name() == &name,
            ResourceConstraint::Eq(uid) => resource == &uid,
            ResourceConstraint::In(uid) => inside(resource, &uid),
            ResourceConstraint::IsIn(name, uid) => resource.type_name() == &name && inside(resource, &uid),
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Action;
    use crate::grant::{GrantLink, Privilege};
    use crate::policy_set::PolicyText;
    use crate::request::RequestContext;
    use crate::resource;

    fn context() -> RequestContext {
        RequestContext {
            now: 1_000,
            ip: "192.168.0.1".parse().unwrap(),
            mfa: false,
            auth_age_ms: None,
            workgroup: "w".to_owned(),
            client: "rest".to_owned(),
            purpose: None,
            via_view: None,
            on_behalf_of: None,
            ticket: None,
        }
    }

    fn explain(policies: &[(&str, &str)], grants: &[GrantLink]) -> Explained {
        let texts: Vec<PolicyText> = policies
            .iter()
            .map(|(id, text)| PolicyText {
                id: (*id).to_owned(),
                resolved: text.replace('@', "Lakegate::Action::").replace('#', "Lakegate::"),
            })
            .collect();
        let set = PolicySet::build(&texts, grants).unwrap();
        let tags = BTreeMap::from([("pii".to_owned(), "mail".to_owned())]);
        let none = BTreeMap::new();
        let entities = vec![
            resource::role("staff", &[]).unwrap(),
            resource::user("u", "human", 3, &["staff"], &BTreeMap::new()).unwrap(),
            resource::catalog("c", None, &none).unwrap(),
            resource::database("d", "c", &none).unwrap(),
            resource::table("t", "d", "csv", "staff", &tags).unwrap(),
        ];
        let authorizer = Authorizer::new(&set, entities).unwrap();
        authorizer.explain(&Request {
            principal: "u",
            action: Action::Select,
            resource: uid("Table", "t"),
            context: &context(),
        })
    }

    /// policy, clause, text, outcome, values
    fn shown(misses: &[NearMiss]) -> Vec<String> {
        misses
            .iter()
            .map(|miss| match &miss.failed {
                Some(failed) => format!(
                    "{} {:?} {} {:?} {:?}",
                    miss.policy, failed.clause, failed.text, failed.outcome, failed.values
                ),
                None => format!("{} {:?}", miss.policy, miss.ended_ms),
            })
            .collect()
    }

    #[test]
    fn the_first_part_that_is_not_as_it_must_be_is_named() {
        let found = explain(
            &[
                (
                    "mfa",
                    r#"permit(principal in #Role::"staff", action == @"Select", resource in #Database::"d")
                       when { resource.hasTag("pii") && (context.client == "rest" && context.mfa) && false };"#,
                ),
                (
                    "not-here",
                    r#"permit(principal, action == @"Select", resource in #Database::"other") when { context.mfa };"#,
                ),
                (
                    "not-you",
                    r#"permit(principal == #User::"v", action == @"Select", resource) when { context.mfa };"#,
                ),
                (
                    "not-this",
                    r#"permit(principal, action == @"Describe", resource) when { context.mfa };"#,
                ),
                (
                    "forbid",
                    r#"forbid(principal, action == @"Select", resource) when { context.mfa };"#,
                ),
                (
                    "unless",
                    r#"permit(principal, action == @"Select", resource is #Table)
                       unless { context.mfa || resource.hasTag("pii") && resource.getTag("pii") == "mail" } when { principal.clearance > 1 };"#,
                ),
                (
                    "either",
                    r#"permit(principal, action == @"Select", resource) when { context.mfa || principal.clearance > 7 };"#,
                ),
            ],
            &[],
        );
        assert_eq!(found.decision.verdict, Verdict::NoPermit);
        assert_eq!(
            shown(&found.near_misses),
            [
                r#"either When context.mfa || principal.clearance > 7 False {"context.mfa": "false", "principal.clearance": "3"}"#,
                r#"mfa When context.mfa False {"context.mfa": "false"}"#,
                r#"unless Unless resource.hasTag("pii") && resource.getTag("pii") == "mail" True {"resource.getTag(\"pii\")": "\"mail\""}"#,
            ]
        );
        assert!(found.exceptions.is_empty());
    }

    #[test]
    fn a_forbid_tells_the_exception_that_does_not_hold() {
        let found = explain(
            &[
                ("all", r#"permit(principal, action == @"Select", resource);"#),
                (
                    "pii",
                    r#"forbid(principal, action == @"Select", resource) when { resource.hasTag("pii") }
                       unless { principal in #Role::"staff" && context has purpose && context.purpose == "fraud" };"#,
                ),
            ],
            &[],
        );
        assert_eq!(
            (found.decision.verdict, found.decision.policies),
            (Verdict::Forbidden, vec!["pii".to_owned()])
        );
        assert_eq!(shown(&found.exceptions), ["pii Unless context has purpose False {}"]);
        assert!(found.near_misses.is_empty(), "{:?}", found.near_misses);
    }

    #[test]
    fn what_cannot_be_evaluated_and_what_has_ended_is_said() {
        let overflow = r#"permit(principal, action == @"Select", resource)
            when { principal.clearance + 9223372036854775807 > 0 };"#;
        let grant = |id: &str, end| GrantLink {
            id: id.to_owned(),
            privilege: Privilege::Action(Action::Select),
            principal: uid("Role", "staff"),
            resource: uid("Catalog", "c"),
            expires_ms: end,
        };
        let found = explain(&[("big", overflow)], &[grant("g", Some(1_000))]);
        let shown = shown(&found.near_misses);
        assert!(
            shown[0].starts_with("big When principal.clearance + 9223372036854775807 > 0 Error"),
            "{shown:?}"
        );
        assert_eq!(shown[1], "g Some(1000)");
        let allowed = explain(&[], &[grant("g", Some(1_001)), grant("h", None)]);
        assert_eq!(allowed.decision.policies, ["g", "h"]);
        assert!(allowed.near_misses.is_empty());
    }

    #[test]
    fn under_a_forbid_only_what_would_help_is_named() {
        let grant = |id: &str, end| GrantLink {
            id: id.to_owned(),
            privilege: Privilege::Action(Action::Select),
            principal: uid("Role", "staff"),
            resource: uid("Catalog", "c"),
            expires_ms: end,
        };
        let found = explain(
            &[
                (
                    "decides",
                    r#"forbid(principal, action == @"Select", resource) unless { context.mfa };"#,
                ),
                (
                    "silent",
                    r#"forbid(principal, action == @"Select", resource) when { context.client == "cli" } unless { false };"#,
                ),
            ],
            &[
                grant("ended", Some(1_000)),
                grant("later", Some(1_001)),
                grant("open", None),
            ],
        );
        assert_eq!(found.decision.policies, ["decides"]);
        assert_eq!(
            shown(&found.exceptions),
            [r#"decides Unless context.mfa False {"context.mfa": "false"}"#]
        );
        assert_eq!(shown(&found.near_misses), ["ended Some(1000)"]);
    }
}
