//! Which policies are valid and cannot mean what they say in this lake? They ask for tags that nothing has, or open rows that
//! row filters were made for.

use crate::action::Action;
use crate::cedar_text::{Kind, unescape, words};
use crate::nearest::nearest;
use crate::problem::PolicyProblem;
use crate::scope_index::actions;
use cedar_policy::{Effect, EntityUid, Policy, ResourceConstraint};
use std::collections::BTreeSet;

/// What a lake has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LintFacts {
    /// Tag keys of objects.
    pub tag_keys: BTreeSet<String>,
    /// Keys of attributes of users.
    pub attributes: BTreeSet<String>,
    /// Tables and views that have permissive row filters.
    pub filtered: Vec<FilteredRelation>,
}

/// A table or view with a permissive row filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilteredRelation {
    /// For people.
    pub name: String,
    /// What it lies in: its database, its catalog, the tenant.
    pub within: Vec<EntityUid>,
}

/// Most names in one warning.
const NAMED: usize = 3;

/// Tags that are asked for and that nothing can have.
pub(super) fn unknown_tags(text: &str, facts: &LintFacts) -> Vec<PolicyProblem> {
    let all = words(text).unwrap_or_default();
    let mut found: Vec<(usize, String, &str)> = Vec::new();
    for (at, piece) in all.windows(5).enumerate() {
        let [root, dot, method, open, key] = piece else {
            continue;
        };
        let inner = at
            .checked_sub(1)
            .and_then(|before| all.get(before))
            .is_some_and(|word| word.is('.'));
        let asks = dot.is('.') && matches!(method.text, "hasTag" | "getTag") && open.is('(') && key.kind == Kind::Text;
        let known = match root.text {
            "principal" => &facts.attributes,
            "resource" => &facts.tag_keys,
            _ => continue,
        };
        let Some(name) = unescape(key.text).filter(|name| asks && !inner && !known.contains(name)) else {
            continue;
        };
        if !found.iter().any(|(_, other, of)| *other == name && *of == root.text) {
            found.push((key.start, name, root.text));
        }
    }
    let told = |(start, name, root): (usize, String, &str)| {
        let (what, known) = match root {
            "principal" => ("no user has the attribute", &facts.attributes),
            _ => ("there is no tag key", &facts.tag_keys),
        };
        let remedy = match nearest(&name, known.iter().map(String::as_str)) {
            Some(known) => format!("did you mean `{known}`?"),
            None => "define it, or the condition never holds".to_owned(),
        };
        PolicyProblem::new(format!("{what} `{name}`"), remedy).at(text, start)
    };
    found.into_iter().map(told).collect()
}

/// A permit of `Select` on a container opens all rows of the tables in it, whatever their permissive filters say.
pub(super) fn open_rows(policy: &Policy, facts: &LintFacts) -> Option<PolicyProblem> {
    let selects = actions(&policy.action_constraint()).contains(&Action::Select);
    if policy.effect() != Effect::Permit || !selects {
        return None;
    }
    let is_table = |name: &str| matches!(name, "Table" | "View");
    let covers = |relation: &&FilteredRelation| match policy.resource_constraint() {
        ResourceConstraint::Any => true,
        ResourceConstraint::Is(name) => is_table(name.basename()),
        ResourceConstraint::In(uid) => relation.within.contains(&uid),
        ResourceConstraint::IsIn(name, uid) => is_table(name.basename()) && relation.within.contains(&uid),
        ResourceConstraint::Eq(_) => false,
    };
    let opened: Vec<&str> = facts
        .filtered
        .iter()
        .filter(covers)
        .map(|one| one.name.as_str())
        .collect();
    if opened.is_empty() {
        return None;
    }
    let named = opened.iter().take(NAMED).map(|name| format!("`{name}`"));
    let more = opened.len().saturating_sub(NAMED);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    Some(PolicyProblem::new(
        format!(
            "where it holds, it opens all rows of {}{more}, whose row filters then show nothing more",
            named.collect::<Vec<_>>().join(", ")
        ),
        "permit `Select` on columns (`resource is Lakegate::Column`) and `SelectFiltered` on the filters",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::uid;

    fn facts() -> LintFacts {
        let set = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
        LintFacts {
            tag_keys: set(&["pii", "domain"]),
            attributes: set(&["dept"]),
            filtered: vec![FilteredRelation {
                name: "lake.sales.orders".to_owned(),
                within: vec![uid("Database", "d"), uid("Catalog", "c"), uid("Tenant", "default")],
            }],
        }
    }

    #[test]
    fn tags_that_nothing_has_are_told_once() {
        let text = "permit(principal, action, resource) when { resource.hasTag(\"pij\") && resource.getTag(\"pij\") == \"x\" \
                    && resource.hasTag(\"domain\") && principal.hasTag(\"pii\") && resource.s.hasTag(\"column\") \
                    && context.via_view.hasTag(\"x\") && principal.getTag(\"dept\").contains(\"hasTag\") };";
        let found: Vec<(String, String)> = unknown_tags(text, &facts())
            .into_iter()
            .map(|found| (found.message, found.remedy))
            .collect();
        let pair = |message: &str, remedy: &str| (message.to_owned(), remedy.to_owned());
        assert_eq!(
            found,
            [
                pair("there is no tag key `pij`", "did you mean `pii`?"),
                pair(
                    "no user has the attribute `pii`",
                    "define it, or the condition never holds"
                ),
            ]
        );
    }

    #[test]
    fn a_permit_over_a_container_opens_rows() {
        let opens = |effect: &str, action: &str, resource: &str| {
            let text = format!("{effect}(principal, action == Lakegate::Action::\"{action}\", {resource});");
            open_rows(&text.parse().unwrap(), &facts()).is_some()
        };
        assert!(opens("permit", "Select", "resource in Lakegate::Database::\"d\""));
        assert!(opens("permit", "Select", "resource is Lakegate::Table"));
        assert!(opens("permit", "Select", "resource"));
        assert!(opens(
            "permit",
            "Select",
            "resource is Lakegate::Table in Lakegate::Catalog::\"c\""
        ));
        assert!(!opens(
            "permit",
            "Select",
            "resource is Lakegate::Column in Lakegate::Catalog::\"c\""
        ));
        assert!(!opens("permit", "Select", "resource in Lakegate::Database::\"other\""));
        assert!(
            !opens("permit", "Select", "resource in Lakegate::Table::\"t\""),
            "whoever names a table means it"
        );
        assert!(!opens("permit", "Describe", "resource"));
        assert!(!opens("forbid", "Select", "resource"));
    }
}
