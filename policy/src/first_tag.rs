//! What does a policy ask its resource for before anything else? A tag, and perhaps its value: without them it is false, and cannot err.

use cedar_policy::Policy;
use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, Var};

/// The tag that a policy asks its resource for before anything else, and the value that it then wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FirstTag {
    /// Without this tag the policy is false, and cannot err.
    pub(crate) tag: String,
    /// With another value than this the policy is false, and cannot err. None: nothing can be said about values.
    pub(crate) value: Option<String>,
}

/// What a policy asks its resource for first. Terms of AND are evaluated from the left, up to the first that is false.
pub(crate) fn first_tag(policy: &Policy) -> Option<FirstTag> {
    let policy = policy.to_pst().ok()?;
    let Some(Clause::When(body)) = policy.body().clauses().first() else {
        return None;
    };
    let mut terms = Vec::new();
    conjuncts(body, &mut terms);
    let mut terms = terms.into_iter();
    let tag = of_resource(terms.next()?, BinaryOp::HasTag)?.to_owned();
    let value = terms
        .next()
        .and_then(|second| wanted_value(second, &tag))
        .map(str::to_owned);
    Some(FirstTag { tag, value })
}

/// The terms of AND in the order in which they are evaluated.
fn conjuncts<'a>(expr: &'a Expr, found: &mut Vec<&'a Expr>) {
    match expr {
        Expr::BinaryOp {
            op: BinaryOp::And,
            left,
            right,
        } => {
            conjuncts(left, found);
            conjuncts(right, found);
        }
        other => found.push(other),
    }
}

/// The tag of `resource.hasTag("tag")` or `resource.getTag("tag")`.
fn of_resource(expr: &Expr, wanted: BinaryOp) -> Option<&str> {
    match expr {
        Expr::BinaryOp { op, left, right } if *op == wanted && **left == Expr::Var(Var::Resource) => text_of(right),
        _ => None,
    }
}

/// The text that a term compares the tag with.
fn wanted_value<'a>(expr: &'a Expr, tag: &str) -> Option<&'a str> {
    let Expr::BinaryOp {
        op: BinaryOp::Eq,
        left,
        right,
    } = expr
    else {
        return None;
    };
    let compared =
        |value: &'a Expr, with: &'a Expr| text_of(with).filter(|_| of_resource(value, BinaryOp::GetTag) == Some(tag));
    compared(left, right).or_else(|| compared(right, left))
}

fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(Literal::String(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    fn policy(conditions: &str) -> Policy {
        let scope = "permit(principal, action == Lakegate::Action::\"Select\", resource)";
        Policy::from_str(&format!("{scope} {conditions};")).unwrap()
    }

    #[test]
    fn the_first_tag_is_that_of_the_first_conjunct_of_the_first_clause() {
        let first = |conditions: &str| first_tag(&policy(conditions));
        let tag = |conditions: &str| first(conditions).map(|first| first.tag);
        let found = Some("pii".to_owned());
        assert_eq!(tag("when { resource.hasTag(\"pii\") }"), found);
        assert_eq!(
            tag(
                "when { resource.hasTag(\"pii\") && principal.clearance + 1 > 2 && context.mfa } unless { context.mfa }"
            ),
            found
        );
        for none in [
            "",
            "unless { resource.hasTag(\"pii\") }",
            "when { context.mfa } when { resource.hasTag(\"pii\") }",
            "unless { context.mfa } when { resource.hasTag(\"pii\") }",
            "when { resource.hasTag(\"pii\") || context.mfa }",
            "when { !resource.hasTag(\"pii\") }",
            "when { context.mfa && resource.hasTag(\"pii\") }",
            "when { principal.hasTag(\"pii\") }",
            "when { resource.hasTag(context.client) }",
        ] {
            assert_eq!(tag(none), None, "{none}");
        }
    }

    #[test]
    fn the_value_is_that_of_the_second_conjunct() {
        let value = |conditions: &str| first_tag(&policy(conditions)).and_then(|first| first.value);
        let (has, get) = ("resource.hasTag(\"pii\")", "resource.getTag(\"pii\")");
        for found in [
            format!("when {{ {has} && {get} == \"x\" }}"),
            format!("when {{ {has} && \"x\" == {get} && principal.clearance + 1 > 2 }} unless {{ context.mfa }}"),
            format!("when {{ {has} && ({get} == \"x\" && context.mfa) }}"),
        ] {
            assert_eq!(value(&found), Some("x".to_owned()), "{found}");
        }
        for none in [
            format!("when {{ {has} }} when {{ {get} == \"x\" }}"),
            format!("when {{ {has} && {get} != \"x\" }}"),
            format!("when {{ {has} && ({get} == \"x\" || context.mfa) }}"),
            format!("when {{ {has} && context.mfa && {get} == \"x\" }}"),
            format!("when {{ {has} && {get} == context.client }}"),
            format!("when {{ {has} && resource.hasTag(\"k\") && resource.getTag(\"k\") == \"x\" }}"),
            format!("when {{ {has} && principal.getTag(\"pii\") == [\"x\"] }}"),
            format!("when {{ {has} && [{get}] == [\"x\"] }}"),
        ] {
            let first = first_tag(&policy(&none)).unwrap();
            assert_eq!((first.tag.as_str(), first.value), ("pii", None), "{none}");
        }
    }
}
