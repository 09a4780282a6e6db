//! Which policies of a set can fail, say nothing, or say nothing new?

use serde_json::json;

use super::ask::{TABLE, select, told};

fn inspected(text: &str) -> String {
    told(json!({"new": {"policies": text}}))
}

#[test]
fn a_forbid_that_overflows_is_found_with_a_request() {
    let overflow = " when { principal.clearance + 9223372036854775807 == 7 }";
    let guarded = " when { principal.clearance < 0 && principal.clearance + 9223372036854775807 > 7 }";
    let text = select("bad", "forbid", TABLE, overflow) + &select("good", "permit", TABLE, guarded);
    assert_eq!(
        inspected(&text),
        "fails bad -\n  user:somebody, clearance = 1\n  Select column:something, in table:lake.sales.orders"
    );
}

#[test]
fn what_says_nothing_is_found() {
    let text = select("all", "permit", TABLE, "")
        + &select("some", "permit", TABLE, " when { context.mfa }")
        + &select(
            "never",
            "permit",
            TABLE,
            " when { principal.kind == \"human\" && principal.kind == \"agent\" }",
        )
        + &select(
            "other",
            "permit",
            "resource in Lakegate::Table::\"lake.sales.people\"",
            "",
        );
    assert_eq!(inspected(&text), "dead never -\nshadowed some all");
}

#[test]
fn of_two_that_say_the_same_one_is_superfluous() {
    let text = select("a", "permit", TABLE, " when { context.mfa && principal.clearance > 1 }")
        + &select("b", "permit", TABLE, " when { principal.clearance > 1 && context.mfa }");
    assert_eq!(inspected(&text), "shadowed b a");
}

#[test]
fn several_together_shadow_one() {
    let text = select("a", "forbid", TABLE, " when { context.mfa }")
        + &select("b", "forbid", TABLE, " unless { context.mfa }")
        + &select("c", "forbid", TABLE, " when { principal.kind == \"agent\" }");
    assert_eq!(inspected(&text), "shadowed c the others together");
}

#[test]
fn a_permit_that_is_always_forbidden_is_overruled() {
    let text = select("p", "permit", TABLE, " when { !context.mfa }")
        + &select("f", "forbid", TABLE, " unless { context.mfa }");
    assert_eq!(inspected(&text), "overruled p -");
}

/// The set of the sample policies says nothing twice, and none can fail.
#[test]
fn the_sample_policies_are_sound() {
    let text = include_str!("../../../policy/tests/sample.cedar");
    let policies = text.split_once("// ---------- rows").unwrap().1;
    assert_eq!(inspected(&format!("// {policies}")), "");
}
