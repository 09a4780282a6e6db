//! What of a body is asked of sources? Nothing narrower than the body, nothing about columns that are not theirs.

use super::{
    super::pushed::{all, any, flipped, relaxed},
    *,
};
use lakegate_connectors::predicate::CompareOp;

fn is(name: &str, value: i64) -> Predicate {
    Predicate::Compare {
        column: ColumnRef::of(name),
        op: CompareOp::Eq,
        value: ScalarValue::Int64(Some(value)).into(),
    }
}

fn shown(predicate: &Predicate) -> String {
    match predicate {
        Predicate::True => "true".to_owned(),
        Predicate::False => "false".to_owned(),
        Predicate::And(parts) => format!("({})", parts.iter().map(shown).collect::<Vec<_>>().join(" and ")),
        Predicate::Or(parts) => format!("({})", parts.iter().map(shown).collect::<Vec<_>>().join(" or ")),
        Predicate::Not(part) => format!("not {}", shown(part)),
        Predicate::Compare { column, value, .. } => format!("{}={}", column.column.as_str(), value.0),
        Predicate::InSet { column, values, .. } => format!("{} in {}", column.column.as_str(), values.len()),
        Predicate::IsNull { column, negated } => format!("{} null {}", column.column.as_str(), !negated),
        other => format!("{other:?}"),
    }
}

#[test]
fn constants_vanish_from_both_connectives() {
    use Predicate::{False, True};
    for (made, expected) in [
        (all(vec![]), "true"),
        (all(vec![True, True]), "true"),
        (all(vec![True, is("a", 1)]), "a=1"),
        (all(vec![is("a", 1), True, is("b", 2)]), "(a=1 and b=2)"),
        (all(vec![is("a", 1), False]), "false"),
        (all(vec![False, is("a", 1), is("b", 2)]), "false"),
        (any(vec![]), "false"),
        (any(vec![False, False]), "false"),
        (any(vec![False, is("a", 1)]), "a=1"),
        (any(vec![is("a", 1), False, is("b", 2)]), "(a=1 or b=2)"),
        (any(vec![is("a", 1), True]), "true"),
        (any(vec![True, is("a", 1), is("b", 2)]), "true"),
    ] {
        assert_eq!(shown(&made), expected);
    }
}

/// What speaks of another column becomes TRUE, and takes the OR around it with it.
#[test]
fn a_relaxed_condition_speaks_of_wanted_columns_only() {
    let wanted = |column: &ColumnRef| column.column.as_str() == "a";
    let not = |part| Predicate::Not(Box::new(part));
    for (condition, expected) in [
        (is("a", 1), "a=1"),
        (is("b", 1), "true"),
        (not(is("a", 1)), "not a=1"),
        (not(is("b", 1)), "true"),
        (Predicate::And(vec![is("a", 1), is("b", 2)]), "a=1"),
        (Predicate::Or(vec![is("a", 1), is("b", 2)]), "true"),
        (Predicate::Or(vec![is("a", 1), is("a", 2)]), "(a=1 or a=2)"),
        (not(Predicate::And(vec![is("a", 1), is("b", 2)])), "true"),
        (Predicate::False, "false"),
        (
            Predicate::And(vec![Predicate::Or(vec![is("a", 1), is("b", 2)]), is("a", 3)]),
            "a=3",
        ),
    ] {
        assert_eq!(shown(&relaxed(&condition, &wanted)), expected, "{}", shown(&condition));
    }
}

#[test]
fn sides_are_exchanged_with_their_operator() {
    for (op, expected) in [
        (CompareOp::Eq, CompareOp::Eq),
        (CompareOp::NotEq, CompareOp::NotEq),
        (CompareOp::Lt, CompareOp::Gt),
        (CompareOp::LtEq, CompareOp::GtEq),
        (CompareOp::Gt, CompareOp::Lt),
        (CompareOp::GtEq, CompareOp::LtEq),
    ] {
        assert_eq!(flipped(op), expected);
    }
}

fn pushed(body: &str) -> String {
    let bound = FilterBody::bind(body, &columns()).unwrap_or_else(|problems| panic!("{body}: {problems:?}"));
    shown(&bound.superset(&inputs(), &|name| (name != "qty").then(|| ColumnRef::of(name))))
}

/// A source is asked what it can answer: too little here reads all of a table.
#[test]
fn each_form_is_asked_of_a_source() {
    for (body, expected) in [
        ("TRUE", "true"),
        ("FALSE", "false"),
        ("id = 1", "id=1"),
        ("1 = id", "id=1"),
        ("NOT id = 1", "not id=1"),
        ("NOT (id = 1 OR id = 2)", "not (id=1 or id=2)"),
        ("NOT (id = 1 AND id = 2)", "not (id=1 and id=2)"),
        ("NOT (id = 1 AND TRUE)", "not (id=1 and true)"),
        ("NOT (id = 1 OR FALSE)", "not (id=1 or false)"),
        ("id IN (1, 2)", "id in 2"),
        ("id NOT IN (1, 2)", "not id in 2"),
        ("id IS NULL", "id null true"),
        ("id IS NOT NULL", "id null false"),
        ("NOT id IS NULL", "not id null true"),
        ("region IN principal.tag('regions')", "region in 1"),
        ("region IN principal.tag('none')", "true"),
        ("region = principal.name", "region=ana"),
        ("qty = 1", "true"),
        ("qty = 1 AND id = 1", "id=1"),
        ("qty = 1 OR id = 1", "true"),
        ("NOT (qty = 1 AND id = 1)", "true"),
        ("active IS TRUE", "true"),
        ("id = id", "true"),
        ("id + 1 = 2", "true"),
    ] {
        assert_eq!(pushed(body), expected, "{body}");
    }
}

/// The values of a mapping, as far as a statement may be long.
#[test]
fn small_mappings_are_asked_of_a_source() {
    let tables = |name: &[String; 3]| {
        let known = name.join(".") == "c.d.m";
        known.then(|| vec![("k".to_owned(), DataType::Int64)])
    };
    let body = "id IN (SELECT k FROM c.d.m)";
    let bound = FilterBody::bind_with(body, &columns(), &tables).unwrap();
    let asked = |values: Option<Vec<i64>>| {
        let set = values.map(|values| {
            values
                .into_iter()
                .map(|value| ScalarValue::Int64(Some(value)))
                .collect()
        });
        let body = bound.clone().mapped(vec![set]);
        shown(&body.superset(&inputs(), &|name| Some(ColumnRef::of(name))))
    };
    assert_eq!(asked(Some(vec![1, 3])), "id in 2");
    assert_eq!(asked(Some((0..1_000).collect())), "id in 1000");
    assert_eq!(asked(Some((0..1_001).collect())), "true");
    assert_eq!(asked(Some(Vec::new())), "true");
    assert_eq!(asked(None), "true");
    // The rows themselves: those with a value of the mapping; nobody where there are none, or they are not known.
    let rows = |values: Option<Vec<i64>>| {
        let set = values.map(|values| {
            values
                .into_iter()
                .map(|value| ScalarValue::Int64(Some(value)))
                .collect()
        });
        let expr = bound.clone().mapped(vec![set]).compile(&inputs(), &raw_column);
        let outcome = physical(&expr, &batch().schema()).unwrap().evaluate(&batch()).unwrap();
        let outcome = outcome.into_array(4).unwrap().as_boolean().clone();
        (0..4).filter(|row| outcome.value(*row)).collect::<Vec<_>>()
    };
    assert_eq!(rows(Some(vec![1, 3])), [0, 2]);
    assert!(rows(Some(Vec::new())).is_empty() && rows(None).is_empty());
}

/// The values of a mapping are compared as they are; every NaN is one NaN.
#[test]
fn floats_of_a_mapping_are_found() {
    let tables = |_: &[String; 3]| Some(vec![("k".to_owned(), DataType::Float64)]);
    let bound = FilterBody::bind_with("score IN (SELECT k FROM c.d.m)", &columns(), &tables).unwrap();
    for (value, expected) in [(0.5, vec![0]), (-f64::NAN, vec![1]), (1.5, vec![])] {
        let set = Some(vec![ScalarValue::Float64(Some(value))].into());
        let expr = bound.clone().mapped(vec![set]).compile(&inputs(), &raw_column);
        let outcome = physical(&expr, &batch().schema()).unwrap().evaluate(&batch()).unwrap();
        let outcome = outcome.into_array(4).unwrap().as_boolean().clone();
        let rows: Vec<_> = (0..4).filter(|row| outcome.value(*row)).collect();
        assert_eq!(rows, expected, "{value}");
    }
}

/// Names of a mapping may be quoted; one that is not there is no name of the table beside it.
#[test]
fn a_mapping_has_names_of_its_own() {
    let tables = |name: &[String; 3]| {
        name[1]
            .eq_ignore_ascii_case("D x")
            .then(|| vec![("k".to_owned(), DataType::Int64)])
    };
    let bind = |body: &str| FilterBody::bind_with(body, &columns(), &tables);
    assert!(bind("id IN (SELECT k FROM c.\"D x\".m)").is_ok());
    let problems = bind("id IN (SELECT id FROM c.\"D x\".m)").unwrap_err();
    let kinds: Vec<_> = problems.iter().map(|problem| problem.kind).collect();
    assert_eq!(kinds, [FilterProblemKind::UnknownMapping]);
}

/// A NOT ends with its condition: the mapping beside it is not below it.
#[test]
fn a_mapping_may_stand_beside_a_negation() {
    let tables = |_: &[String; 3]| Some(vec![("k".to_owned(), DataType::Int64)]);
    for (body, allowed) in [
        ("NOT region = 'x' AND id IN (SELECT k FROM c.d.m)", true),
        ("(NOT region = 'x') AND (id IN (SELECT k FROM c.d.m))", true),
        ("NOT (region = 'x' OR id IN (SELECT k FROM c.d.m))", false),
        (
            "id IN (SELECT k FROM c.d.m WHERE NOT k = 1) OR id IN (SELECT k FROM c.d.m)",
            true,
        ),
    ] {
        let bound = FilterBody::bind_with(body, &columns(), &tables);
        assert_eq!(bound.is_ok(), allowed, "{body}: {bound:?}");
    }
}

/// The engine is told the type of a field as it is told that of a column.
#[test]
fn a_field_has_its_type() {
    use datafusion::{common::DFSchema, logical_expr::ExprSchemable};
    let schema = DFSchema::try_from(batch().schema()).unwrap();
    let field = |name: &str| FilterFunction::Field(name.to_owned()).call(vec![raw_column("addr")]);
    assert_eq!(field("zip").get_type(&schema).unwrap(), DataType::Utf8);
    assert_eq!(field("zap").get_type(&schema).unwrap(), DataType::Null);
}

#[test]
fn a_problem_is_told_with_its_place() {
    assert_eq!(
        refused("TRUE AND regoin = 'a'").to_string(),
        "column `regoin` does not exist (at byte 9)"
    );
}

/// A condition of a source is a conjunct that equals a value of the statement, on either side.
#[test]
fn equalities_are_conjuncts() {
    let equal = |body: &str| -> Vec<String> {
        let bound = FilterBody::bind(body, &columns()).unwrap();
        let equalities = bound.equalities(&inputs(), &raw_column);
        equalities.iter().map(ToString::to_string).collect()
    };
    assert_eq!(equal("id = 1"), ["id = Int64(1)"]);
    assert_eq!(
        equal("1 = id AND region = principal.name"),
        ["id = Int64(1)", "region = Utf8(\"ana\")"]
    );
    for body in [
        "id = 1 OR id = 2",
        "NOT id = 1",
        "id <> 1",
        "id > 1",
        "id = id",
        "id = id + 1",
        "id IN (1)",
        "TRUE",
    ] {
        assert!(equal(body).is_empty(), "{body}");
    }
}
