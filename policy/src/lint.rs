//! Which policies are valid and yet hardly meant?
//!
//! Warnings (`governance.md` §2.3); none of them stops a publication.

mod can_err;
mod facts;

use crate::action::Action;
use crate::model::MODEL;
use crate::policy_set::PolicyText;
use crate::problem::PolicyProblem;
use crate::scope_index::actions;
use crate::validation::{check, parse};
use cedar_policy::ffi::DetailedError;
use cedar_policy::{ActionConstraint, Effect, Policy, ResourceConstraint, ValidationMode};

pub use facts::{FilteredRelation, LintFacts};

/// The warnings about policies in a lake: those of [`lints`], and what does not fit the lake.
pub fn lints_in(policies: &[PolicyText], facts: &LintFacts) -> Vec<PolicyProblem> {
    let mut found = lints(policies);
    for text in policies {
        let Ok(policy) = parse(text) else { continue };
        let tags = facts::unknown_tags(&text.resolved, facts);
        let rows = facts::open_rows(&policy, facts);
        found.extend(tags.into_iter().chain(rows).map(|lint| lint.of(&text.id)));
    }
    found
}

/// The warnings about policies; those that do not parse are `validate`'s.
pub fn lints(policies: &[PolicyText]) -> Vec<PolicyProblem> {
    let mut found = Vec::new();
    for text in policies {
        let Ok(policy) = parse(text) else { continue };
        found.extend(
            [relation_alone(&policy), whole_group(&policy), can_err::can_err(&policy)]
                .into_iter()
                .flatten()
                .map(|lint| lint.of(&text.id)),
        );
    }
    let (set, _) = check(policies);
    let result = MODEL.validator().validate(&set, ValidationMode::Strict);
    found.extend(result.validation_warnings().map(|warning| {
        let detail = DetailedError::from(warning);
        let remedy = detail.help.unwrap_or_else(|| "say what was meant".to_owned());
        PolicyProblem::new(detail.message, remedy).of(warning.policy_id().as_ref())
    }));
    found
}

/// `permit(… Select, resource == Table)` opens the rows of a table and none of its columns.
fn relation_alone(policy: &Policy) -> Option<PolicyProblem> {
    let ResourceConstraint::Eq(resource) = policy.resource_constraint() else {
        return None;
    };
    let relation = resource.type_name().basename();
    let selects = actions(&policy.action_constraint()).contains(&Action::Select);
    (policy.effect() == Effect::Permit && selects && matches!(relation, "Table" | "View")).then(|| {
        let message = format!("`resource == {resource}` selects no column");
        PolicyProblem::new(message, "write `in`, which covers the columns too")
    })
}

/// A permit of a group permits every action that the group will ever hold.
fn whole_group(policy: &Policy) -> Option<PolicyProblem> {
    let widest = match policy.action_constraint() {
        ActionConstraint::Any => "every action".to_owned(),
        ActionConstraint::Eq(_) => return None,
        ActionConstraint::In(uids) => {
            let group = uids
                .iter()
                .find(|uid| MODEL.schema().action_groups().any(|group| group == *uid))?;
            format!("the group `{group}`")
        }
    };
    (policy.effect() == Effect::Permit).then(|| {
        PolicyProblem::new(
            format!("it permits {widest}"),
            "list the actions; groups are for forbids",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let policies = [PolicyText {
            id: "x".to_owned(),
            resolved: text.to_owned(),
        }];
        lints(&policies).into_iter().map(|lint| lint.message).collect()
    }

    #[test]
    fn traps_are_told() {
        let alone = "permit(principal, action == Lakegate::Action::\"Select\", resource == Lakegate::Table::\"t\");";
        assert_eq!(
            messages(alone),
            ["`resource == Lakegate::Table::\"t\"` selects no column"]
        );
        assert!(messages(&alone.replace("resource ==", "resource in")).is_empty());
        assert!(messages(&alone.replace("permit", "forbid")).is_empty());
        let group = "permit(principal, action in Lakegate::Action::\"DataRead\", resource);";
        assert_eq!(
            messages(group),
            ["it permits the group `Lakegate::Action::\"DataRead\"`"]
        );
        assert!(messages(&group.replace("permit", "forbid")).is_empty());
        let never = "permit(principal, action == Lakegate::Action::\"Select\", resource) when { false };";
        assert_eq!(messages(never).len(), 1);
    }
}
