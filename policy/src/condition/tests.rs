//! Limits of bodies, the types of their parts, and what a statement makes of them.

use std::collections::BTreeMap;

use super::{Bag, BoundCondition, Kind, MAX_CONDITION_BYTES, RowColumn, RowCondition, RowExpr};
use crate::problem::PolicyProblem;
use crate::{RequestContext, entity_store, resource};

const DAY: i64 = 86_400_000;
const GUARD: &str = "resource.n.hasTag(\"n\") && resource.t.hasTag(\"t\") &&";

fn columns() -> Vec<RowColumn> {
    let column = |(path, bag): (&str, Bag)| RowColumn {
        path: path.to_owned(),
        bag: Some(bag),
        type_name: "a type".to_owned(),
    };
    [
        ("n", Bag::Number),
        ("t", Bag::Moment),
        ("s", Bag::Text),
        ("d", Bag::Decimal),
    ]
    .map(column)
    .into()
}

/// A `when` with `$n` for the column's value.
fn parse(condition: &str) -> Result<RowCondition, Vec<PolicyProblem>> {
    let mut text = condition.to_owned();
    for bag in ["n", "t", "s", "d"] {
        text = text.replace(&format!("${bag}"), &format!("resource.{bag}.getTag(\"{bag}\")"));
    }
    RowCondition::parse(&format!("when {{ {text} }}"), &columns())
}

fn bound(condition: &str, now: i64, clearance: i64) -> BoundCondition {
    let user = resource::user("u", "human", clearance, &[], &BTreeMap::new()).unwrap();
    let context = RequestContext {
        now,
        ip: "10.0.0.1".parse().unwrap(),
        mfa: false,
        auth_age_ms: Some(90_000),
        workgroup: "w".to_owned(),
        client: "rest".to_owned(),
        purpose: None,
        via_view: None,
        on_behalf_of: None,
        ticket: None,
    };
    let condition = parse(condition).unwrap_or_else(|problems| panic!("{condition}: {problems:?}"));
    condition.bind("u", &context, &entity_store(vec![user]).unwrap())
}

#[test]
fn the_fingerprint_changes_with_the_caller_and_with_limits_of_time_only() {
    let (early, late) = (DAY, 3 * DAY);
    let limit = format!("{GUARD} $n > 0 && context.now < datetime(\"1970-01-03\")");
    let inside = format!("{GUARD} $n > 0 && {{at: context.now}}.at < datetime(\"1970-01-03\")");
    let cleared = format!("{GUARD} $n > principal.clearance");
    let cases = [
        // condition, (time, clearance) twice, alike, turns by time
        (cleared.clone(), (early, 1), (early, 2), false, false),
        (cleared, (early, 1), (late, 1), true, false),
        (format!("{GUARD} $t < context.now"), (early, 1), (late, 1), true, false),
        (limit.clone(), (early, 1), (early + 1, 1), true, true),
        (limit, (early, 1), (late, 1), false, true),
        (inside, (early, 1), (late, 1), false, true),
        (format!("{GUARD} context == context"), (early, 1), (late, 1), true, true),
        (
            format!("{GUARD} [context.now].contains(datetime(\"1970-01-02\"))"),
            (early, 1),
            (late, 1),
            false,
            true,
        ),
        (
            format!("{GUARD} {{at: context.now}} has at"),
            (early, 1),
            (late, 1),
            true,
            true,
        ),
        (format!("{GUARD} context.mfa"), (early, 1), (late, 1), true, false),
        (
            format!("{GUARD} context has purpose"),
            (early, 1),
            (late, 1),
            true,
            false,
        ),
        (
            format!("{GUARD} $n > 9223372036854775807 + principal.clearance"),
            (early, 0),
            (early, 1),
            false,
            false,
        ),
    ];
    for (condition, one, other, alike, turns) in cases {
        let (one, other) = (bound(&condition, one.0, one.1), bound(&condition, other.0, other.1));
        assert_eq!(one.fingerprint() == other.fingerprint(), alike, "{condition}");
        assert_eq!(
            (one.turns_by_time(), other.turns_by_time()),
            (turns, turns),
            "{condition}"
        );
    }
}

#[test]
fn an_error_goes_up_to_whatever_looks_at_it_in_every_row() {
    let error = "9223372036854775807 + principal.clearance";
    for whole in [
        format!("$n > {error}"),
        format!("!($n > {error})"),
        format!("-($n + ({error})) > 0"),
        format!("[1, 2].contains($n + ({error}))"),
        format!("(if $n > {error} then true else false)"),
    ] {
        let RowExpr::All(parts) = bound(&format!("{GUARD} {whole}"), DAY, 1).expr().clone() else {
            panic!("{whole}");
        };
        assert_eq!(parts.last(), Some(&RowExpr::Error(Kind::Boolean)), "{whole}");
    }
}

#[test]
fn what_a_statement_decides_is_gone_from_the_tree() {
    let tree = |condition: &str| format!("{:?}", bound(condition, DAY, 1).expr());
    assert_eq!(tree("!($n > 0 && principal.clearance > 7)"), tree("!($n > 0 && false)"));
    let known = tree("resource.n.hasTag(\"n\") && !(principal.clearance > 7 && $n > 0)");
    assert_eq!(known, tree("resource.n.hasTag(\"n\")"));
}

#[test]
fn parts_without_a_row_have_the_type_of_what_they_stand_beside() {
    for condition in [
        "$n > (if context.mfa then 1 else 2)",
        "$n > {a: 1}.a",
        "$n > -(principal.clearance)",
        "$n > principal.clearance * 2 - 1",
        "$n > context.now.durationSince(datetime(\"1970-01-01\")).toMinutes()",
        "$n > context.auth_age.toSeconds()",
        "$t < context.now.offset(duration(\"1d\"))",
        "$t < context.now.toDate()",
        "$t.toTime() < context.now.durationSince(datetime(\"1970-01-01\"))",
        "$t.toTime() < context.now.toTime()",
        "$t.toTime() < context.auth_age",
        "$s == (if context.mfa then \"x\" else context.client)",
        "$s == principal.kind",
        "$d.lessThan(if context.mfa then decimal(\"1.0\") else decimal(\"2.0\"))",
        "[1, principal.clearance].contains($n)",
        "($n > 0) == (if context.mfa then true else false)",
        "($n > 0) == [principal.clearance].contains(1)",
        "($n > 0) == (principal.kind like \"h*\")",
    ] {
        let tree = format!("{:?}", bound(condition, DAY, 1).expr());
        assert!(!tree.contains("Error") && tree.contains("Value"), "{condition}: {tree}");
    }
}

#[test]
fn what_is_at_hand_can_be_asked_and_nothing_behind_it() {
    let view = "context has via_view && context.via_view";
    for (condition, allowed) in [
        (format!("{view}.definer && $n > 0"), true),
        (
            format!("{view}.hasTag(\"d\") && $s == context.via_view.getTag(\"d\")"),
            true,
        ),
        (
            "{a: principal}.a in Lakegate::Role::\"staff\" && $n > 0".to_owned(),
            true,
        ),
        (format!("{view}.owner in Lakegate::Role::\"staff\""), false),
        (format!("{view}.owner.kind == \"x\""), false),
        (format!("{view}.owner has kind"), false),
        (format!("{view}.owner.hasTag(\"d\")"), false),
        (
            format!("{view}.owner is Lakegate::Role in Lakegate::Role::\"staff\""),
            false,
        ),
        (
            "(if context.mfa then context.via_view.owner else principal) in Lakegate::Role::\"staff\"".to_owned(),
            false,
        ),
        (
            "(if context.mfa then principal else context.via_view.owner) in Lakegate::Role::\"staff\"".to_owned(),
            false,
        ),
    ] {
        let said = refused(&condition);
        assert_eq!(said.is_empty(), allowed, "{condition}: {said}");
        assert_eq!(said.contains("points to"), !allowed, "{condition}: {said}");
    }
}

#[test]
fn literals_are_constants_of_the_body() {
    assert!(parse("true && $n > 1 && $s == \"x\"").unwrap().free.is_empty());
    assert_eq!(parse("$n > principal.clearance").unwrap().free.len(), 1);
}

#[test]
fn what_an_if_knows_holds_behind_it() {
    let has = "resource.n.hasTag(\"n\")";
    for condition in [
        format!("if {has} && {has} then $n > 0 else false"),
        format!("if {has} && resource.t.hasTag(\"t\") then $n > 0 else false"),
        format!("(if {has} then {has} else {has}) && $n > 0"),
        format!("(if {has} then true else {has}) && $n > 0"),
    ] {
        let tree = format!("{:?}", bound(&condition, DAY, 1).expr());
        assert!(
            tree.contains("guarded: true") && !tree.contains("guarded: false"),
            "{tree}"
        );
    }
}

/// Why a condition is refused; nothing if it is not.
fn refused(condition: &str) -> String {
    parse(condition).err().map_or_else(String::new, |problems| {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        texts.join("; ")
    })
}

#[test]
fn a_body_has_a_length() {
    let frame = "when {  }".len();
    for (length, allowed) in [(0, true), (1, false), (2, false)] {
        let padded = format!("true{}", " ".repeat(MAX_CONDITION_BYTES - frame - 4 + length));
        let said = refused(&padded);
        assert_eq!(said.is_empty(), allowed, "{said}");
        assert_eq!(said.contains("longer than"), !allowed, "{said}");
    }
}

#[test]
fn a_body_has_a_depth() {
    let brackets = |count: usize| format!("{}true{}", "(".repeat(count), ")".repeat(count));
    let choices = |count: usize| format!("{}true{}", "if true then ".repeat(count), " else false".repeat(count));
    let turns = |count: usize| {
        let opened: Vec<&str> = (0..count)
            .map(|at| if at % 2 == 0 { "true && (" } else { "true || (" })
            .collect();
        format!("{}true{}", opened.concat(), ")".repeat(count))
    };
    for (condition, allowed) in [
        (brackets(63), true),
        (brackets(64), false),
        (brackets(65), false),
        (["(true)"; 70].join(" && "), true),
        (choices(31), true),
        (choices(32), false),
        (choices(40), false),
        (turns(31), true),
        (turns(40), false),
        (["true"; 100].join(" && "), true),
        (["true"; 100].join(" || "), true),
    ] {
        let said = refused(&condition);
        assert_eq!(said.is_empty(), allowed, "{condition}: {said}");
        assert_eq!(said.contains("nested deeper"), !allowed, "{condition}: {said}");
    }
}

#[test]
fn a_body_has_a_number_of_parts() {
    let chain = |terms: usize| vec!["true"; terms].join(" && ");
    for (condition, allowed) in [
        (chain(500), true),
        (format!("!{}", chain(500)), true),
        (chain(501), false),
        (chain(600), false),
    ] {
        let said = refused(&condition);
        assert_eq!(said.is_empty(), allowed, "{said}");
        assert_eq!(said.contains("parts"), !allowed, "{said}");
    }
}

#[test]
fn a_problem_says_where() {
    let body = "when {\n  resource.n.hasTag(\"n\") && && true }";
    let problems = RowCondition::parse(body, &columns()).unwrap_err();
    let column = body.lines().nth(1).and_then(|line| line.find("&& true")).unwrap() + 1;
    assert_eq!((problems[0].line, problems[0].column), (Some(2), Some(column)));
}

#[test]
fn types_that_do_not_fit_are_refused() {
    for (condition, why) in [
        ("$n == \"x\"", "do not fit"),
        ("-($s) == 1", "do not fit"),
        ("$t + 1 > 1", "do not fit"),
        ("principal.kind.contains($s)", "do not fit"),
        ("$n", "is no condition"),
        ("[$n] == [1]", "a set does not hold"),
        ("[$n].contains(1)", "not part of a row condition"),
        ("{a: $n} == {a: 1}", "a record does not hold"),
        ("resource in Lakegate::Table::\"t\"", "`in` does not ask"),
        (
            "(if resource.n.hasTag(\"n\") then 1 else \"x\") == 1",
            "branches of `if`",
        ),
        (
            "(if resource.n.hasTag(\"n\") then [1] else [2]) == [1]",
            "branches of `if`",
        ),
        ("{n: resource}.n.hasTag(\"n\")", "not part of a row condition"),
    ] {
        let said = refused(condition);
        assert!(said.contains(why), "{condition}: {said}");
    }
}

#[test]
fn each_problem_is_at_its_own_place() {
    for (condition, right) in [
        ("resource is Lakegate::Row && resource.n.hasTag(\"zz\")", 0),
        ("resource.n.hasTag(context.client) && resource.n.hasTag(\"zz\")", 0),
        ("resource.n.hasTag(\"n\") && resource.n.hasTag(\"zz\")", 1),
    ] {
        let body = format!("when {{ {condition} }}");
        let problems = RowCondition::parse(&body, &columns()).unwrap_err();
        let places: Vec<Option<usize>> = problems.iter().map(|problem| problem.column).collect();
        let expected: Vec<Option<usize>> = body.match_indices("resource").map(|(at, _)| Some(at + 1)).collect();
        assert_eq!(places, expected[right..], "{body}");
    }
}
