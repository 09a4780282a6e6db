//! Does a Cedar body mean on columns what Cedar says on rows?

mod keys;
mod pruned;
mod random;
mod rows;

use std::collections::BTreeMap;

use lakegate_policy::{NameResolver, PolicyProblem, resource};

use self::rows::{Row, World, columns};
use super::*;
use crate::govern::{inner_plan::physical, row_filter::raw_column};
use arrow::{
    array::{Array, AsArray, BooleanArray, RecordBatch},
    datatypes::SchemaRef,
};

/// Knows the roles `eu` and `us`; ids are names with `r-` before them.
struct Roles;

impl NameResolver for Roles {
    fn resolve(&self, entity_type: &str, name: &str) -> Option<String> {
        (entity_type == "Role" && ["eu", "us"].contains(&name)).then(|| format!("r-{name}"))
    }

    fn name_of(&self, _: &str, id: &str) -> Option<String> {
        id.strip_prefix("r-").map(str::to_owned)
    }
}

fn parse(resolved: &str, columns: &[(String, DataType)]) -> Result<RowCondition, Vec<PolicyProblem>> {
    RowCondition::parse(resolved, &path::row_columns(columns))
}

fn evaluated(expr: &Expr, batch: &RecordBatch) -> BooleanArray {
    let schema: SchemaRef = batch.schema();
    let outcome = physical(expr, &schema).and_then(|expr| expr.evaluate(batch));
    let outcome = outcome.and_then(|value| value.into_array(batch.num_rows())).unwrap();
    outcome.as_boolean().clone()
}

/// TRUE, FALSE and E of a condition on rows; what is compiled for the plan and for sources agrees with it.
fn outcome(bound: &BoundCondition, rows: &[Row]) -> Vec<Option<bool>> {
    let (columns, batch) = (columns(), rows::batch(rows));
    let compiled = value(bound, &columns, &raw_column).unwrap();
    let outcome: Vec<Option<bool>> = evaluated(&compiled, &batch).iter().collect();
    let shown = evaluated(&compile(bound, &columns, &raw_column).unwrap(), &batch);
    let pushed = superset(bound, &columns, &|name| Some(ColumnRef::of(name)))
        .evaluate(&batch)
        .unwrap();
    for (row, outcome) in outcome.iter().enumerate() {
        assert!(shown.is_valid(row) && shown.value(row) == (*outcome == Some(true)));
        assert!(
            *outcome != Some(true) || (pushed.is_valid(row) && pushed.value(row)),
            "row {row} would be pruned: {:?}",
            rows[row]
        );
    }
    outcome
}

/// What a body says on rows, once it is published.
fn published(body: &str, rows: &[Row]) -> Vec<Option<bool>> {
    let checked = check(body, &columns(), &Roles).unwrap_or_else(|problems| panic!("{body}: {problems:?}"));
    let condition = parse(&checked.resolved, &columns()).unwrap();
    outcome(&World::default().bind(&condition), rows)
}

/// Two rows: one with values, one of NULLs.
fn two() -> Vec<Row> {
    let values = |row: Row| row;
    vec![
        values(Row {
            txt: Some("DE".to_owned()),
            view: Some("a*b".to_owned()),
            num: Some(i64::MAX),
            small: Some(-7),
            byte: Some(200),
            price: Some(12_345),
            wide: Some(15),
            flag: Some(false),
            day: Some(-1),
            micro: Some(-1),
            nano: Some(1_999_999),
            milli: Some(1_000),
            sec: Some(86_401),
            zip: Some("8".to_owned()),
        }),
        Row::default(),
    ]
}

#[test]
fn every_production_means_what_cedar_means() {
    const T: Option<bool> = Some(true);
    const F: Option<bool> = Some(false);
    let has = |bag: &str, column: &str, test: &str| {
        format!("when {{ resource.{bag}.hasTag(\"{column}\") && resource.{bag}.getTag(\"{column}\"){test} }}")
    };
    for (body, expected) in [
        ("when { true }".to_owned(), [T, T]),
        ("when { !resource.s.hasTag(\"txt\") }".to_owned(), [F, T]),
        (has("s", "txt", " == \"DE\""), [T, F]),
        (has("s", "txt", " != \"DE\""), [F, F]),
        (has("s", "view", " like \"a\\*?\""), [F, F]),
        (has("s", "view", " like \"a\\*b\""), [T, F]),
        (has("s", "view", " like \"*b\""), [T, F]),
        (has("s", "addr.zip", " == \"8\""), [T, F]),
        (has("n", "small", " < -6"), [T, F]),
        (has("n", "small", " < 3000000000"), [T, F]),
        (has("n", "byte", " * 2 == 400"), [T, F]),
        (has("n", "num", " + 1 > 0"), [None, F]),
        (has("d", "price", ".lessThan(decimal(\"123.46\"))"), [T, F]),
        (has("d", "price", " == decimal(\"123.45\")"), [T, F]),
        (has("d", "price", ".greaterThan(decimal(\"123.4499\"))"), [T, F]),
        (has("d", "price", " == decimal(\"123.4511\")"), [F, F]),
        (has("d", "price", " != decimal(\"123.4511\")"), [T, F]),
        (has("d", "price", ".lessThanOrEqual(decimal(\"123.4511\"))"), [T, F]),
        (has("d", "wide", " == decimal(\"0.0015\")"), [T, F]),
        (has("b", "flag", ""), [F, F]),
        (has("b", "flag", " == false"), [T, F]),
        (has("t", "day", " == datetime(\"1969-12-31\")"), [T, F]),
        (has("t", "micro", " == datetime(\"1969-12-31T23:59:59.999Z\")"), [T, F]),
        (has("t", "nano", " == datetime(\"1970-01-01T00:00:00.001Z\")"), [T, F]),
        (has("t", "milli", " < context.now"), [T, F]),
        (has("t", "sec", ".toDate() == datetime(\"1970-01-02\")"), [T, F]),
        (has("t", "sec", ".toTime() == duration(\"1s\")"), [T, F]),
        (has("t", "sec", ".offset(duration(\"-1s\")).toTime().toMilliseconds() == 0"), [T, F]),
        (has("t", "sec", ".durationSince(datetime(\"1970-01-01\")).toHours() == 24"), [T, F]),
        (has("s", "txt", " == \"DE\"").replace(" }", " } unless { context.mfa }"), [T, F]),
        (
            "when { if resource.n.hasTag(\"small\") then resource.n.getTag(\"small\") == -7 else principal in Lakegate::Role::\"eu\" }"
                .to_owned(),
            [T, T],
        ),
        (
            "when { resource.s.hasTag(\"txt\") && principal.hasTag(\"regions\") && principal.getTag(\"regions\").contains(resource.s.getTag(\"txt\")) }"
                .to_owned(),
            [T, F],
        ),
        (
            "when { resource.s.hasTag(\"txt\") && principal.hasTag(\"none\") && principal.getTag(\"none\").contains(resource.s.getTag(\"txt\")) }"
                .to_owned(),
            [F, F],
        ),
        ("when { principal in Lakegate::Role::\"us\" }".to_owned(), [F, F]),
    ] {
        assert_eq!(published(&body, &two()), expected, "{body}");
    }
}

/// What sources and pruning get hides the rows that the body hides, in each form that they understand.
#[test]
fn bodies_prune() {
    let world = World::default();
    let guarded = |bag: &str, column: &str, test: &str| {
        format!("resource.{bag}.hasTag(\"{column}\") && resource.{bag}.getTag(\"{column}\"){test}")
    };
    for body in [
        guarded("s", "txt", " == \"FR\""),
        guarded("s", "txt", " like \"F*\""),
        guarded("s", "txt", " != \"DE\""),
        format!("!({})", guarded("s", "txt", " == \"DE\"")),
        guarded("n", "num", " < 0"),
        guarded("n", "small", " > -7"),
        guarded("d", "price", ".lessThan(decimal(\"1.0\"))"),
        guarded("b", "flag", ""),
        guarded("t", "day", " >= datetime(\"1970-01-01\")"),
        guarded("t", "micro", " >= datetime(\"1970-01-01\")"),
        guarded("t", "nano", " == datetime(\"1970-01-01\")"),
        guarded("t", "milli", " > context.now"),
        guarded("t", "sec", " < datetime(\"1970-01-02\")"),
        "!resource.s.hasTag(\"txt\")".to_owned(),
        "resource.s.hasTag(\"txt\") && [\"FR\"].contains(resource.s.getTag(\"txt\"))".to_owned(),
        format!(
            "if resource.s.hasTag(\"txt\") then {} else true",
            guarded("s", "txt", " == \"FR\"")
        ),
        "principal in Lakegate::Role::\"r-us\" && resource.s.hasTag(\"txt\")".to_owned(),
        format!("{} || {}", guarded("n", "num", " < 0"), guarded("b", "flag", "")),
    ] {
        let condition = parse(&format!("when {{ {body} }}"), &columns()).unwrap();
        let bound = world.bind(&condition);
        let pushed = superset(&bound, &columns(), &|name| Some(ColumnRef::of(name)));
        let left = pushed.evaluate(&rows::batch(&two())).unwrap();
        assert!(!left.value(0), "{body}: {pushed:?}");
        assert_eq!(outcome(&bound, &two())[0], Some(false), "{body}");
        // A column that the source may not be asked about keeps its conditions here.
        let kept = superset(&bound, &columns(), &|_| None);
        assert!(kept.columns().is_empty(), "{body}: {kept:?}");
    }
}

/// E and FALSE: SQL's AND says FALSE, and NOT would turn that into TRUE.
#[test]
fn e_and_false_is_e() {
    let body = "when { resource.n.hasTag(\"num\") && resource.b.hasTag(\"flag\") && !(resource.n.getTag(\"num\") + 1 > 0 && resource.b.getTag(\"flag\")) }";
    let rows = [two().remove(0)];
    assert_eq!(published(body, &rows), [None]);
}

/// The day of the first moments that 64 bits hold begins before them: E, which no FALSE behind it absorbs.
#[test]
fn a_day_that_begins_too_early_is_e() {
    let body = |moment: &str| {
        format!(
            "when {{ resource.t.hasTag(\"milli\") && resource.b.hasTag(\"flag\") && \
             !(resource.t.getTag(\"milli\").{moment} && resource.b.getTag(\"flag\")) }}"
        )
    };
    let mut rows = vec![two().remove(0)];
    rows[0].milli = Some(i64::MIN);
    let day = body("toDate() < datetime(\"1970-01-01\")");
    assert_eq!(published(&day, &rows), [None]);
    let time = body("toTime() < duration(\"1d\")");
    assert_eq!(published(&time, &rows), [Some(true)]);
}

/// E or TRUE: SQL's OR says TRUE and would show the row.
#[test]
fn e_or_true_is_e() {
    let body = "when { resource.n.hasTag(\"num\") && resource.s.hasTag(\"txt\") && (resource.n.getTag(\"num\") + 1 > 0 || resource.s.getTag(\"txt\") == \"DE\") }";
    let rows = [two().remove(0)];
    assert_eq!(published(body, &rows), [None]);
}

/// A long chain of parts that may fail is one call, not a tree that doubles at each level.
#[test]
fn long_chains_stay_small() {
    let part = "resource.n.getTag(\"num\") * 2 > 0";
    let body = format!(
        "when {{ resource.n.hasTag(\"num\") && {} }}",
        vec![part; 100].join(" && ")
    );
    assert_eq!(published(&body, &two()), [None, Some(false)]);
    let nested = (0..24).fold(part.to_owned(), |inner, at| {
        let op = if at % 2 == 0 { "||" } else { "&&" };
        format!("({inner} {op} resource.b.hasTag(\"flag\"))")
    });
    let body = format!("when {{ resource.n.hasTag(\"num\") && {nested} }}");
    assert_eq!(published(&body, &two()), [None, Some(false)]);
}

fn refused(body: &str) -> Vec<PolicyProblem> {
    match check(body, &columns(), &Roles) {
        Ok(filter) => panic!("`{body}` was accepted and reads {:?}", filter.reads),
        Err(problems) => problems,
    }
}

#[test]
fn what_has_no_meaning_on_a_row_is_refused_at_its_place() {
    let mut wrong = Vec::new();
    for (body, place, message) in [
        ("", (1, 1), "is not one `when"),
        ("true", (1, 5), ""),
        ("when { true }; permit(principal, action, resource)", (1, 16), ""),
        ("unless { true }", (1, 1), "is not one `when"),
        ("when { true } when { true }", (1, 1), "is not one `when"),
        ("when { 1 + }", (1, 12), ""),
        ("when { resource.s.getTag(\"txt\") == \"x\" }", (1, 8), ""),
        (
            "when {\n  resource.s.hasTag(\"tx\") }",
            (2, 3),
            "column `tx` does not exist",
        ),
        (
            "when { resource.s.hasTag(\"Txt\") }",
            (1, 8),
            "column `Txt` does not exist",
        ),
        (
            "when { true && resource.s.hasTag(\"num\") }",
            (1, 16),
            "column `num` is bigint and does not lie in `resource.s`",
        ),
        (
            "when { resource.n.hasTag(\"score\") }",
            (1, 8),
            "column `score` is double, a type that Cedar does not have",
        ),
        (
            "when { resource.n.hasTag(\"huge\") }",
            (1, 8),
            "a type that Cedar does not have",
        ),
        (
            "when { resource.d.hasTag(\"broad\") }",
            (1, 8),
            "a type that Cedar does not have",
        ),
        (
            "when { resource.s.hasTag(\"list\") }",
            (1, 8),
            "a type that Cedar does not have",
        ),
        (
            "when { resource.s.hasTag(principal.kind) }",
            (1, 8),
            "the name of a column is a text in quotes",
        ),
        (
            "when { resource in Lakegate::Table::\"t\" }",
            (1, 20),
            "unknown name `t`",
        ),
        (
            "when { resource is Lakegate::Row }",
            (1, 8),
            "`is` does not ask about a row",
        ),
        ("when { resource.s == resource.s }", (1, 8), "is no value"),
        (
            "when { resource.s.hasTag(\"txt\") && [resource.s.getTag(\"txt\")].contains(\"x\") }",
            (1, 37),
            "this is not part of a row condition",
        ),
        (
            "when { principal in Lakegate::Role::\"gone\" }",
            (1, 21),
            "unknown name `gone`",
        ),
        (
            "when { context has via_view && context.via_view.owner in Lakegate::Role::\"eu\" }",
            (1, 1),
            "points to",
        ),
        ("when { principal.nothing == 1 }", (1, 8), ""),
    ] {
        let problem = &refused(body)[0];
        let found = (problem.line.unwrap(), problem.column.unwrap());
        if found != place || !problem.message.contains(message) || problem.remedy.is_empty() {
            wrong.push(format!("{body}: {problem}; {}", problem.remedy));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(
        refused("when { resource.s.hasTag(\"tx\") }")[0].remedy,
        "did you mean `txt`?"
    );
    assert_eq!(
        refused("when { resource.s.hasTag(\"num\") }")[0].remedy,
        "read it from `resource.n`"
    );
    let every = refused("when { resource.s.hasTag(\"a\") && resource.s.hasTag(\"b\") }");
    assert_eq!(every.len(), 2, "{every:?}");
}

#[test]
fn limits_are_told() {
    for body in [
        format!("when {{ \"{}\" == \"\" }}", "x".repeat(20_000)),
        format!("when {{ {} }}", vec!["resource.b.hasTag(\"flag\")"; 400].join(" || ")),
        format!("when {{ {}true{} }}", "(".repeat(100), ")".repeat(100)),
        format!("when {{ {} > 0 }}", vec!["1"; 200].join(" + ")),
        format!("when {{ {}true }}", "if true then true else ".repeat(100)),
    ] {
        let message = &refused(&body)[0].message;
        assert!(
            ["longer than", "more than", "deeper than"]
                .iter()
                .any(|limit| message.contains(limit)),
            "{message}"
        );
    }
}

#[test]
fn facts_of_the_caller_are_values() {
    let body = "when { resource.s.hasTag(\"txt\") && principal.hasTag(\"dept\") && principal.getTag(\"dept\").contains(resource.s.getTag(\"txt\")) }";
    let condition = parse(body, &columns()).unwrap();
    let mut world = World::default();
    let shown = |world: &World| outcome(&world.bind(&condition), &two());
    assert_eq!(shown(&world), [Some(false), Some(false)], "an absent tag");
    for (dept, expected) in [(vec!["x\") || true"], false), (vec![], false), (vec!["FR", "DE"], true)] {
        let dept = dept.into_iter().map(str::to_owned).collect();
        world.attributes = BTreeMap::from([("dept".to_owned(), dept)]);
        assert_eq!(shown(&world), [Some(expected), Some(false)]);
    }
    // Nobody: not even "not in a role" follows.
    let nobody = parse("when { !(principal in Lakegate::Role::\"r-us\") }", &columns()).unwrap();
    let entities = lakegate_policy::entity_store(vec![resource::role("r-us", &[]).unwrap()]).unwrap();
    let bound = nobody.bind("stranger", &world.request, &entities);
    assert_eq!(outcome(&bound, &two()), [None, None]);
}

#[test]
fn the_fingerprint_follows_the_caller_and_not_the_clock() {
    let print = |body: &str, world: &World| world.bind(&parse(body, &columns()).unwrap()).fingerprint().to_owned();
    let (now, mut later) = (World::default(), World::default());
    later.request.now += 60_000;
    let value = "when { resource.t.hasTag(\"milli\") && resource.t.getTag(\"milli\") < context.now }";
    assert_eq!(print(value, &now), print(value, &later));
    let limit = "when { context.now < datetime(\"2023-11-14T22:13:30Z\") }";
    assert_ne!(print(limit, &now), print(limit, &later));
    let turns = |body: &str| now.bind(&parse(body, &columns()).unwrap()).turns_by_time();
    assert!(turns(limit) && !turns(value));
    let role = "when { principal in Lakegate::Role::\"r-eu\" }";
    let mut out = World::default();
    out.roles.clear();
    assert_ne!(print(role, &now), print(role, &out));
}
