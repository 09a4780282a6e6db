//! Is a set of policies fit to be published?
//!
//! Cedar's strict validation at level 1: a policy may read attributes and tags of principal, resource and context, not
//! of what those point to. Row conditions (`SelectRow`) read the bags of a row and have level 2; they are never decided
//! at run time. Whether a policy can *err* needs the analyser and is not answered here.

use crate::action::Action;
use crate::cedar_text::words;
use crate::model::MODEL;
use crate::policy_set::PolicyText;
use crate::problem::PolicyProblem;
use crate::scope_index::actions;
use crate::size::too_deep;
use crate::statement::id_problem;
use cedar_policy::ffi::DetailedError;
use cedar_policy::{Policy, PolicyId, PolicySet as CedarSet, ValidationMode};
use std::collections::HashMap;

const LEVEL: u32 = 1;
const ROW_BODY_LEVEL: u32 = 2;

/// Checks policies as `PolicySet::build` does. Positions are those of the resolved text; see
/// `PolicyProblem::in_statement`.
pub fn validate(policies: &[PolicyText]) -> Result<(), Vec<PolicyProblem>> {
    let (_, problems) = check(policies);
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// The policies that parse, under their own ids, and every problem.
pub(crate) fn check(policies: &[PolicyText]) -> (CedarSet, Vec<PolicyProblem>) {
    let (mut all, mut bodies, mut rest) = (CedarSet::new(), CedarSet::new(), CedarSet::new());
    let mut problems = Vec::new();
    for text in policies {
        match parse(text) {
            Err(found) => problems.extend(found),
            Ok(policy) => {
                let by_level = if is_row_body(&policy) { &mut bodies } else { &mut rest };
                if by_level.add(policy.clone()).is_err() || all.add(policy).is_err() {
                    let message = format!("policy id `{}` is used twice", text.id);
                    problems.push(PolicyProblem::new(message, "give each policy an id of its own").of(&text.id));
                }
            }
        }
    }
    let texts: HashMap<&str, &str> = policies
        .iter()
        .map(|text| (text.id.as_str(), text.resolved.as_str()))
        .collect();
    problems.extend(violations(&rest, LEVEL, &texts));
    problems.extend(violations(&bodies, ROW_BODY_LEVEL, &texts));
    (all, problems)
}

pub(crate) fn parse(text: &PolicyText) -> Result<Policy, Vec<PolicyProblem>> {
    if let Some(problem) = id_problem(&text.id) {
        return Err(vec![problem.of(&text.id)]);
    }
    let deep = words(&text.resolved)
        .ok()
        .and_then(|words| too_deep(&text.resolved, &words));
    if let Some(problem) = deep {
        return Err(vec![problem.of(&text.id)]);
    }
    // Cedar reads one static policy here and ignores `@id`; templates and second statements are errors.
    Policy::parse(Some(PolicyId::new(&text.id)), &text.resolved).map_err(|errors| {
        let located = |error| PolicyProblem::from_cedar(DetailedError::from(error), &text.resolved, 0).of(&text.id);
        errors.iter().map(located).collect()
    })
}

fn is_row_body(policy: &Policy) -> bool {
    actions(&policy.action_constraint()) == [Action::SelectRow]
}

fn violations(set: &CedarSet, level: u32, texts: &HashMap<&str, &str>) -> Vec<PolicyProblem> {
    let result = MODEL
        .validator()
        .validate_with_level(set, ValidationMode::Strict, level);
    let mut problems: Vec<PolicyProblem> = result
        .validation_errors()
        .map(|error| {
            let policy = error.policy_id().to_string();
            let text = texts.get(policy.as_str()).copied().unwrap_or_default();
            PolicyProblem::from_cedar(DetailedError::from(error), text, 0).of(&policy)
        })
        .collect();
    problems.sort_by(|a, b| (&a.policy, a.line, a.column).cmp(&(&b.policy, b.line, b.column)));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(policies: &[(&str, &str)]) -> Vec<PolicyProblem> {
        let texts: Vec<PolicyText> = policies
            .iter()
            .map(|(id, text)| PolicyText {
                id: (*id).to_owned(),
                resolved: (*text).to_owned(),
            })
            .collect();
        validate(&texts).err().unwrap_or_default()
    }

    #[test]
    fn a_type_error_is_located() {
        let found = problems(&[(
            "x",
            "permit(principal, action == Lakegate::Action::\"Describe\", resource)\nwhen { principal.clearence > 1 };",
        )]);
        assert_eq!(
            (found[0].policy.as_deref(), found[0].line),
            (Some("x"), Some(2)),
            "{found:?}"
        );
    }

    #[test]
    fn reading_beyond_level_one_is_refused_except_in_row_bodies() {
        let deep = "permit(principal, action == Lakegate::Action::\"FetchResult\", resource) when { resource.submitter.kind == \"human\" };";
        assert_eq!(problems(&[("deep", deep)]).len(), 1);
        let own = "permit(principal, action == Lakegate::Action::\"FetchResult\", resource) when { resource.submitter == principal };";
        assert!(problems(&[("own", own)]).is_empty());
        let body = "permit(principal, action == Lakegate::Action::\"SelectRow\", resource) when { resource.s.hasTag(\"region\") };";
        assert!(problems(&[("body", body)]).is_empty());
    }

    #[test]
    fn ids_are_unique_and_one_text_holds_one_policy() {
        let text = "permit(principal, action == Lakegate::Action::\"Select\", resource);";
        assert_eq!(
            problems(&[("x", text), ("x", text)])[0].message,
            "policy id `x` is used twice"
        );
        assert!(!problems(&[("x", &format!("{text}{text}"))]).is_empty());
        assert!(!problems(&[("tpl.select", text)]).is_empty());
        assert!(!problems(&[("x", "permit(principal == ?principal, action, resource);")]).is_empty());
    }
}
