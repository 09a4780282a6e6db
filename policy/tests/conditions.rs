//! Does a lowered and bound condition say on a row what Cedar says? (`governance.md` §4.2)
//!
//! A tree walk over rows of tags, against Cedar's own evaluator: each case on each row, TRUE, FALSE or error.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::collections::BTreeMap;
use std::str::FromStr;

use cedar_policy::{Entities, Entity, EvalResult, Expression, Request, RestrictedExpression};
use lakegate_policy::{
    Action, Arithmetic, Bag, Comparison, ContextFacts, Method, NameResolver, RequestContext, RowColumn, RowCondition,
    RowExpr, RowValue, entity_store, resource,
};

/// Column path to value.
type Row = BTreeMap<&'static str, RowValue>;

const DAY: i64 = 86_400_000;

fn columns() -> Vec<RowColumn> {
    let column = |(path, bag): (&str, Option<Bag>)| RowColumn {
        path: path.to_owned(),
        bag,
        type_name: "a type".to_owned(),
    };
    [
        ("s", Some(Bag::Text)),
        ("addr.zip", Some(Bag::Text)),
        ("n", Some(Bag::Number)),
        ("m", Some(Bag::Number)),
        ("d", Some(Bag::Decimal)),
        ("b", Some(Bag::Boolean)),
        ("t", Some(Bag::Moment)),
        ("blob", None),
    ]
    .map(column)
    .into()
}

fn rows() -> Vec<Row> {
    let row = |s: &str, n: i64, m: i64, d: i64, b: bool, t: i64| {
        Row::from([
            ("s", RowValue::Text(s.to_owned())),
            ("addr.zip", RowValue::Text(format!("{s}8"))),
            ("n", RowValue::Number(n)),
            ("m", RowValue::Number(m)),
            ("d", RowValue::Decimal(d)),
            ("b", RowValue::Boolean(b)),
            ("t", RowValue::Moment(t)),
        ])
    };
    let mut half = row("DE", 2, 0, 1, true, 0);
    half.retain(|path, _| ["s", "m", "b"].contains(path));
    vec![
        row("DE", 1, 2, 15_000, true, 0),
        row("FR", i64::MAX, -1, -1, false, -1),
        row("a*b", i64::MIN, 7, 0, true, i64::MIN),
        row("", 0, 0, 250_000, false, 1_700_000_000_123),
        row("x", -5, 3, i64::MAX, true, i64::MAX),
        half,
        Row::new(),
    ]
}

/// Conditions, all well typed; many read without `hasTag`, so that absence is an error.
fn cases() -> Vec<String> {
    let (s, n, m) = (
        r#"resource.s.getTag("s")"#,
        r#"resource.n.getTag("n")"#,
        r#"resource.n.getTag("m")"#,
    );
    let (d, b, t) = (
        r#"resource.d.getTag("d")"#,
        r#"resource.b.getTag("b")"#,
        r#"resource.t.getTag("t")"#,
    );
    let has = |read: &str| read.replace("getTag", "hasTag");
    let error = r#"principal.getTag("absent").contains("x")"#;
    let mut cases: Vec<String> = Vec::new();
    let parts = [
        b.to_owned(),
        format!("{n} + 1 > 0"),
        has(s),
        "true".into(),
        "false".into(),
        error.into(),
        "(principal in Lakegate::Role::\"staff\")".into(),
    ];
    for left in &parts {
        cases.push(format!("!({left})"));
        for right in &parts {
            cases.push(format!("{left} && {right}"));
            cases.push(format!("{left} || {right}"));
            cases.push(format!("{b} && ({left} || {right}) || {right}"));
            cases.push(format!("if {left} then {right} else {b}"));
        }
    }
    for op in ["==", "!=", "<", "<=", ">", ">="] {
        cases.push(format!("{n} {op} 1"));
        cases.push(format!("{n} {op} {m}"));
        cases.push(format!("{m} {op} principal.clearance"));
        cases.push(format!("{t} {op} context.now"));
        cases.push(format!("{t}.toTime() {op} duration(\"23h59m59s999ms\")"));
        cases.push(format!("{t}.toDate() {op} datetime(\"1969-12-31\")"));
    }
    for method in ["lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"] {
        cases.push(format!("{d}.{method}(decimal(\"1.5\"))"));
    }
    for unit in ["Milliseconds", "Seconds", "Minutes", "Hours", "Days"] {
        cases.push(format!("{t}.durationSince(datetime(\"1970-01-01\")).to{unit}() < 0"));
        cases.push(format!("{t}.durationSince(context.now).to{unit}() == -28333333"));
    }
    for op in ["+", "-", "*"] {
        cases.push(format!("{n} {op} {m} > 0"));
        cases.push(format!("{m} {op} 3 == 6"));
    }
    for whole in [
        format!("{s} == \"DE\""),
        format!("{s} != context.client"),
        r#"resource.s.getTag("addr.zip") like "*8""#.to_owned(),
        format!("{s} like \"a\\**\""),
        format!("{s} like \"\""),
        format!("{b} == true"),
        format!("{b} != ({n} > 0)"),
        format!("{d} == decimal(\"-0.0001\")"),
        format!("{d} != decimal(\"922337203685477.5807\")"),
        format!("-({n}) < 0"),
        format!("{t}.offset(duration(\"1ms\")) == datetime(\"1970-01-01\")"),
        format!("{t}.offset(context.auth_age).toTime() == context.auth_age"),
        format!("principal.getTag(\"regions\").contains({s})"),
        format!("principal.getTag(\"none\").contains({s})"),
        format!("principal.getTag(\"absent\").contains({s})"),
        format!("[1, -5].contains({n})"),
        format!("[datetime(\"1970-01-01\")].contains({t})"),
        format!("[decimal(\"1.50\")].contains({d})"),
        format!("[duration(\"0s\")].contains({t}.toTime())"),
        format!("(if {b} then {n} else {m}) > 0"),
        format!("(if {b} then {s} else principal.kind) == \"human\""),
        format!("(if context.mfa then {n} else 9223372036854775807 + {m}) > 0"),
        format!("(if {error} then {n} else {m}) > 0"),
        format!("{} && {s} == \"DE\"", has(s)),
        format!("!({} && {s} == \"DE\")", has(s)),
        format!("({} && {} || {} && {}) && {n} > 0", has(n), has(s), has(n), has(b)),
        format!("if {} then {n} > 0 else {m} == 0", has(n)),
        "context.now < datetime(\"2030-01-01\")".to_owned(),
        "context has purpose".to_owned(),
        "9223372036854775807 + principal.clearance > 0".to_owned(),
    ] {
        cases.push(whole);
    }
    cases
}

struct Asked {
    request: RequestContext,
    entities: Vec<Entity>,
}

fn asked() -> Asked {
    let attributes = BTreeMap::from([
        ("regions".to_owned(), vec!["DE".to_owned(), "x".to_owned()]),
        ("none".to_owned(), Vec::new()),
    ]);
    Asked {
        request: RequestContext {
            now: 1_700_000_000_123,
            ip: "10.0.0.1".parse().unwrap(),
            mfa: false,
            auth_age_ms: Some(90_000),
            workgroup: "w".to_owned(),
            client: "rest".to_owned(),
            purpose: None,
            via_view: None,
            on_behalf_of: None,
            ticket: None,
        },
        entities: vec![
            resource::user("u", "human", 3, &["staff"], &attributes).unwrap(),
            resource::role("staff", &[]).unwrap(),
        ],
    }
}

fn cedar_value(value: &RowValue) -> RestrictedExpression {
    match value {
        RowValue::Boolean(value) => RestrictedExpression::new_bool(*value),
        RowValue::Number(value) => RestrictedExpression::new_long(*value),
        RowValue::Text(text) => RestrictedExpression::new_string(text.clone()),
        RowValue::Decimal(units) => {
            let (sign, units) = (if *units < 0 { "-" } else { "" }, units.unsigned_abs());
            RestrictedExpression::new_decimal(format!("{sign}{}.{:04}", units / 10_000, units % 10_000))
        }
        RowValue::Moment(ms) => {
            RestrictedExpression::from_str(&format!("datetime(\"1970-01-01\").offset(duration(\"{ms}ms\"))")).unwrap()
        }
        RowValue::Duration(_) | RowValue::Set(_) => panic!("no column has this type"),
    }
}

/// Cedar's own answer.
fn reference(case: &str, row: &Row, asked: &Asked) -> Option<bool> {
    let bags = [
        (Bag::Text, "StrBag"),
        (Bag::Number, "NumBag"),
        (Bag::Decimal, "DecBag"),
        (Bag::Boolean, "BoolBag"),
        (Bag::Moment, "TimeBag"),
    ];
    let mut entities = asked.entities.clone();
    let mut attributes = Vec::new();
    for (bag, entity_type) in bags {
        let uid = resource::uid(entity_type, "r");
        attributes.push((bag.name().to_owned(), RestrictedExpression::new_entity_uid(uid.clone())));
        let of_bag = |path: &str| {
            columns()
                .iter()
                .any(|column| column.path == path && column.bag == Some(bag))
        };
        let tags = row.iter().filter(|(path, _)| of_bag(path));
        let tags = tags.map(|(path, value)| ((*path).to_owned(), cedar_value(value)));
        entities.push(Entity::new_with_tags(uid, [], [], tags).unwrap());
    }
    entities.push(Entity::new_with_tags(resource::uid("Row", "r"), attributes, [], []).unwrap());
    let entities = entity_store(entities).unwrap();
    let context = cedar_policy::Context::from_pairs([
        ("now".to_owned(), cedar_value(&RowValue::Moment(asked.request.now))),
        ("mfa".to_owned(), RestrictedExpression::new_bool(asked.request.mfa)),
        ("client".to_owned(), RestrictedExpression::new_string("rest".to_owned())),
        ("auth_age".to_owned(), RestrictedExpression::new_duration("90s")),
    ]);
    let [principal, row] = [resource::uid("User", "u"), resource::uid("Row", "r")];
    let request = Request::new(principal, Action::SelectRow.uid(), row, context.unwrap(), None).unwrap();
    match cedar_policy::eval_expression(&request, &entities, &Expression::from_str(case).unwrap()) {
        Ok(EvalResult::Bool(outcome)) => Some(outcome),
        Ok(other) => panic!("{case} is {other}"),
        Err(_) => None,
    }
}

/// The bound tree, walked: `None` is an error.
fn walked(expr: &RowExpr, row: &Row) -> Option<RowValue> {
    let truth = |expr: &RowExpr| match walked(expr, row)? {
        RowValue::Boolean(value) => Some(value),
        other => panic!("{other:?} is no condition"),
    };
    let number = |expr: &RowExpr| match walked(expr, row)? {
        RowValue::Number(value) | RowValue::Moment(value) | RowValue::Duration(value) => Some(value),
        other => panic!("{other:?} is no number"),
    };
    let boolean = |value: bool| Some(RowValue::Boolean(value));
    let of_kind = |kind, value: i64| match kind {
        lakegate_policy::Kind::Moment => RowValue::Moment(value),
        lakegate_policy::Kind::Duration => RowValue::Duration(value),
        _ => RowValue::Number(value),
    };
    match expr {
        RowExpr::Value(value) => Some(value.clone()),
        RowExpr::Error(_) => None,
        RowExpr::Free(..) => panic!("an unbound part"),
        RowExpr::Column { read, .. } => row.get(read.path.as_str()).cloned(),
        RowExpr::Present(read) => boolean(row.contains_key(read.path.as_str())),
        RowExpr::Not(inner) => boolean(!truth(inner)?),
        RowExpr::Negate(inner) => number(inner)?.checked_neg().map(RowValue::Number),
        RowExpr::All(parts) => parts
            .iter()
            .map(truth)
            .find(|part| *part != Some(true))
            .unwrap_or(Some(true))
            .map(RowValue::Boolean),
        RowExpr::Any(parts) => parts
            .iter()
            .map(truth)
            .find(|part| *part != Some(false))
            .unwrap_or(Some(false))
            .map(RowValue::Boolean),
        RowExpr::If(parts) => {
            let [condition, then, otherwise] = parts.as_ref();
            if truth(condition)? {
                walked(then, row)
            } else {
                walked(otherwise, row)
            }
        }
        RowExpr::Compare(op, sides) => {
            let (left, right) = (walked(&sides[0], row)?, walked(&sides[1], row)?);
            assert_eq!(left.kind(), right.kind());
            let order = match (&left, &right) {
                (RowValue::Text(left), RowValue::Text(right)) => left.cmp(right),
                (RowValue::Boolean(left), RowValue::Boolean(right)) => left.cmp(right),
                (RowValue::Decimal(left), RowValue::Decimal(right)) => left.cmp(right),
                _ => number(&sides[0])?.cmp(&number(&sides[1])?),
            };
            boolean(match op {
                Comparison::Equal => order.is_eq(),
                Comparison::NotEqual => order.is_ne(),
                Comparison::Less => order.is_lt(),
                Comparison::LessOrEqual => order.is_le(),
                Comparison::Greater => order.is_gt(),
                Comparison::GreaterOrEqual => order.is_ge(),
            })
        }
        RowExpr::Arithmetic(op, kind, sides) => {
            let (left, right) = (number(&sides[0])?, number(&sides[1])?);
            let value = match op {
                Arithmetic::Add => left.checked_add(right),
                Arithmetic::Subtract => left.checked_sub(right),
                Arithmetic::Multiply => left.checked_mul(right),
            };
            value.map(|value| of_kind(*kind, value))
        }
        RowExpr::Within(sides) => match walked(&sides[0], row)? {
            RowValue::Set(set) => boolean(set.contains(&walked(&sides[1], row)?)),
            other => panic!("{other:?} is no set"),
        },
        RowExpr::Like(inner, pattern) => match walked(inner, row)? {
            RowValue::Text(text) => boolean(matches(&text.chars().collect::<Vec<_>>(), pattern)),
            other => panic!("{other:?} is no text"),
        },
        RowExpr::Method(method, inner) => {
            let value = number(inner)?;
            Some(match method {
                Method::ToDate => RowValue::Moment(value.checked_sub(value.rem_euclid(DAY))?),
                Method::ToTime => RowValue::Duration(value.rem_euclid(DAY)),
                Method::Divide(by) => RowValue::Number(value / by),
            })
        }
    }
}

fn matches(text: &[char], pattern: &[Option<char>]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((None, rest)) => (0..=text.len()).any(|skip| matches(&text[skip..], rest)),
        Some((Some(wanted), rest)) => text.first() == Some(wanted) && matches(&text[1..], rest),
    }
}

fn bound(body: &str, asked: &Asked) -> lakegate_policy::BoundCondition {
    let condition = RowCondition::parse(body, &columns()).unwrap_or_else(|problems| panic!("{body}: {problems:?}"));
    let entities: Entities = entity_store(asked.entities.clone()).unwrap();
    condition.bind("u", &asked.request as &dyn ContextFacts, &entities)
}

#[test]
fn a_bound_condition_says_on_each_row_what_cedar_says() {
    let asked = asked();
    let (mut outcomes, mut wrong) = (BTreeMap::new(), Vec::new());
    for case in cases() {
        let condition = bound(&format!("when {{ {case} }}"), &asked);
        for row in rows() {
            let walked = walked(condition.expr(), &row).map(|value| value == RowValue::Boolean(true));
            let reference = reference(&case, &row, &asked);
            *outcomes.entry(reference).or_insert(0) += 1;
            if walked != reference {
                wrong.push(format!("{case} on {row:?}: {walked:?} for {reference:?}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {outcomes:?}: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(9)]
    );
    assert!(
        outcomes.len() == 3 && outcomes.values().all(|count| *count > 100),
        "{outcomes:?}"
    );
}

#[test]
fn unless_takes_away() {
    let asked = asked();
    let body = "when { resource.s.hasTag(\"s\") } unless { resource.s.getTag(\"s\") == \"DE\" || resource.n.getTag(\"n\") + 1 > 5 }";
    let said: Vec<_> = rows()
        .iter()
        .map(|row| walked(bound(body, &asked).expr(), row))
        .collect();
    let (yes, no) = (Some(RowValue::Boolean(true)), Some(RowValue::Boolean(false)));
    assert_eq!(said, [no.clone(), None, yes.clone(), yes.clone(), yes, no.clone(), no]);
}

/// `hasTag` protects what stands behind it, and nothing else.
#[test]
fn guards_are_those_of_cedar() {
    let guarded = |body: &str| {
        let text = format!("{:?}", bound(body, &asked()).expr());
        assert!(text.contains("guarded"), "{text}");
        !text.contains("guarded: false")
    };
    let (has, get) = ("resource.n.hasTag(\"n\")", "resource.n.getTag(\"n\") > 0");
    for (body, expected) in [
        (format!("{has} && {get}"), true),
        (format!("{has} && resource.b.hasTag(\"b\") && {get}"), true),
        (format!("({has} && resource.b.hasTag(\"b\")) && ({get} || {get})"), true),
        (format!("if {has} then {get} else false"), true),
        (format!("if {has} then false else {get}"), false),
        (format!("{get} && {has}"), false),
        (format!("{has} || {get}"), false),
        (format!("!{has} || {get}"), false),
        (format!("({has} || {has}) && {get}"), true),
        (format!("({has} || resource.b.hasTag(\"b\")) && {get}"), false),
        (
            format!("(if resource.b.hasTag(\"b\") then {has} else {has}) && {get}"),
            true,
        ),
        (format!("(if {has} then true else {has}) && {get}"), true),
        (format!("(if {has} then true else true) && {get}"), false),
        ("resource.n.hasTag(\"m\") && ".to_owned() + get, false),
    ] {
        assert_eq!(guarded(&format!("when {{ {body} }}")), expected, "{body}");
    }
}

struct Nobody;

impl NameResolver for Nobody {
    fn resolve(&self, _: &str, name: &str) -> Option<String> {
        (name == "staff").then(|| "0198".to_owned())
    }

    fn name_of(&self, _: &str, id: &str) -> Option<String> {
        (id == "0198").then(|| "staff".to_owned())
    }
}

#[test]
fn names_become_ids_and_names_again() {
    let body = "when {\n  // staff: Lakegate::Role::\"staff\"\n  principal in Lakegate::Role::\"staff\" && resource.s.hasTag(\"s\")\n} // end";
    let published = RowCondition::publish(body, &columns(), &Nobody).unwrap();
    assert_eq!(
        published.resolved,
        body.replace("in Lakegate::Role::\"staff\"", "in Lakegate::Role::\"0198\"")
    );
    assert_eq!(
        lakegate_policy::show_condition(&published.resolved, &Nobody).unwrap(),
        body
    );
    assert!(lakegate_policy::show_condition(&published.resolved.replace("0198", "0199"), &Nobody).is_err());
    let reads: Vec<&str> = published
        .condition
        .reads()
        .iter()
        .map(|read| read.path.as_str())
        .collect();
    assert_eq!(reads, ["s"]);
    let problems =
        RowCondition::publish("when {\n  principal in Lakegate::Role::\"gone\" }", &columns(), &Nobody).unwrap_err();
    assert_eq!(
        (problems[0].line, problems[0].column),
        (Some(2), Some(16)),
        "{problems:?}"
    );
    assert_eq!(problems[0].policy, None, "a body has no id of its own");
}

#[test]
fn what_is_not_for_rows_is_refused() {
    for (body, expected) in [
        ("when { resource.x.hasTag(\"s\") }", "attribute"),
        (
            "when { resource.s.hasTag(\"blob\") }",
            "a type that Cedar does not have",
        ),
        ("when { resource.n.hasTag(\"s\") }", "does not lie in `resource.n`"),
        ("when { resource.s.hasTag(\"sz\") }", "column `sz` does not exist"),
        ("when { resource.s.getTag(\"s\") == \"x\" }", "tag"),
        ("when { resource is Lakegate::Row }", "`is` does not ask about a row"),
        ("when { resource has s }", "`has` does not ask about a row"),
        ("when { {a: resource}.a == resource }", "is no value"),
        ("when { resource == resource }", "is no value"),
        (
            "when { context has via_view && context.via_view.owner in Lakegate::Role::\"staff\" }",
            "points to",
        ),
        (
            "when { context has via_view && (if context.mfa then context.via_view.owner else context.via_view.owner) in Lakegate::Role::\"staff\" }",
            "points to",
        ),
    ] {
        let problems = RowCondition::publish(body, &columns(), &Nobody).unwrap_err();
        let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(text.join("; ").contains(expected), "{body}: {text:?}");
        assert!(
            problems
                .iter()
                .all(|problem| problem.line.is_some() && !problem.remedy.is_empty())
        );
    }
}
