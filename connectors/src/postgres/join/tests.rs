//! What is joined, and what is refused.

use std::sync::Arc;

use arrow::datatypes::DataType;

use super::*;
use crate::{
    capability::Pushdown,
    connector::PlanResponse,
    postgres::{
        plan::{Scan, plan},
        types::{ColumnType, Comparison, Output, Wire},
    },
    predicate::{CompareOp, Predicate},
    scan::{Guard, OutputColumn, OutputValue, ScanSpec, SortKey},
    split::Handle,
    table_spec::{RemoteName, Statistics},
};
use datafusion::common::ScalarValue;

fn table(name: &str, oid: u32) -> Table {
    let column = |name: &str, wire: Wire, comparison, collation| Column {
        name: name.to_owned(),
        kind: ColumnType {
            wire,
            dimensions: 0,
            output: Output::Plain,
            comparison,
        },
        sent: 7,
        collation,
        indexed: false,
        written: String::new(),
    };
    let numeric = |scale| Wire::Numeric { precision: 15, scale };
    Table {
        name: RemoteName::table("s", name),
        relation: format!("\"s\".\"{name}\""),
        oid,
        stored: true,
        pages: 5_000,
        columns: vec![
            column("id", Wire::Int4, Comparison::Ordered, 0),
            column("big", Wire::Int8, Comparison::Ordered, 0),
            column("t", Wire::Text, Comparison::Text, 100),
            column("de", Wire::Text, Comparison::Text, 12_345),
            column("soft", Wire::Text, Comparison::Nothing, 9),
            column("price", numeric(2), Comparison::Ordered, 0),
            column("share", numeric(4), Comparison::Ordered, 0),
            column("f", Wire::Float8, Comparison::Float, 0),
            column("day", Wire::Date, Comparison::Ordered, 0),
            column("at", Wire::Timestamp, Comparison::Ordered, 0),
            column("tz", Wire::TimestampTz, Comparison::Ordered, 0),
        ],
        statistics: Statistics::default(),
    }
}

fn of(table: usize, name: &str) -> ColumnRef {
    ColumnRef {
        table,
        ..ColumnRef::of(name)
    }
}

fn leaf(name: &str, oid: u32) -> Relation {
    Relation::Table {
        table: Handle::new(Arc::new(table(name, oid))),
        columns: Vec::new(),
        guard: Guard::none(),
    }
}

fn join(left: Relation, kind: JoinKind, right: Relation, on: &[(ColumnRef, ColumnRef)]) -> Relation {
    Relation::Join {
        left: Box::new(left),
        right: Box::new(right),
        kind,
        on: on.to_vec(),
    }
}

/// `a.id` of a join.
fn scan(relation: Relation) -> ScanSpec {
    let mut scan = ScanSpec::table(Handle::new(()), Vec::new(), Guard::none(), vec![output(of(0, "id"))]);
    scan.relation = relation;
    scan
}

fn output(column: ColumnRef) -> OutputColumn {
    OutputColumn {
        name: "x".to_owned(),
        value: OutputValue::Column(column),
        data_type: DataType::Int32,
        nullable: true,
    }
}

fn both(kind: JoinKind, one: &str, other: &str) -> ScanSpec {
    scan(join(leaf("a", 1), kind, leaf("b", 2), &[(of(0, one), of(1, other))]))
}

fn text(planned: &PlanResponse) -> String {
    planned.handle.get::<Arc<Scan>>().expect("a scan").text.clone()
}

#[test]
fn a_join_is_one_statement_with_the_conditions_of_each_table_below_it() {
    let mut scan = both(JoinKind::Left, "id", "big");
    let condition =
        |table, value| Predicate::compare("id", CompareOp::Gt, ScalarValue::Int32(Some(value))).in_table(table);
    scan.filter = vec![condition(1, 5), condition(0, 7)];
    let planned = plan(&scan).expect("planned");
    assert_eq!(
        text(&planned),
        "SELECT t0.c0 AS v0 FROM ((SELECT s.\"id\" AS c0 FROM \"s\".\"a\" AS s WHERE (s.\"id\" > $1)) AS t0 \
         LEFT JOIN (SELECT s.\"big\" AS c0 FROM \"s\".\"b\" AS s WHERE (s.\"id\" > $2)) AS t1 ON (t0.c0 = t1.c0))"
    );
    assert_eq!(
        (planned.join, planned.filter),
        (Pushdown::Exact, vec![Pushdown::Exact; 2])
    );
    let scan = planned.handle.get::<Arc<Scan>>().expect("a scan");
    let literals: Vec<&str> = scan.parameters.iter().map(|literal| literal.text.as_str()).collect();
    assert_eq!(literals, ["7", "5"]);
    assert_eq!((scan.oid, scan.others.as_slice(), scan.pages), (1, &[2][..], 0));
    assert_eq!(
        (scan.name.name.as_str(), scan.pushdown.as_str()),
        ("a,b", "guard=exact filter=2/2 joins=1")
    );
}

#[test]
fn each_guard_is_fenced_in_its_own_table() {
    let mut scan = both(JoinKind::Inner, "id", "id");
    let Relation::Join { right, .. } = &mut scan.relation else {
        panic!()
    };
    let Relation::Table { guard, .. } = right.as_mut() else {
        panic!()
    };
    guard.rows = Predicate::compare("t", CompareOp::Eq, ScalarValue::from("DE"));
    let expected = "JOIN (SELECT s.\"id\" AS c0 FROM \"s\".\"b\" AS s WHERE (s.\"t\" = $1) OFFSET 0) AS t1";
    let planned = text(&plan(&scan).expect("planned"));
    assert!(planned.contains(expected), "{planned}");
    let Relation::Join { right, .. } = &mut scan.relation else {
        panic!()
    };
    let Relation::Table { guard, .. } = right.as_mut() else {
        panic!()
    };
    guard.rows = Predicate::compare("soft", CompareOp::Eq, ScalarValue::from("DE"));
    assert!(plan(&scan).is_err());
}

#[test]
fn only_what_is_equal_here_is_compared_there() {
    for (one, other, expected) in [
        ("id", "big", Some("t0.c1 = t1.c0")),
        ("price", "share", Some("t0.c1 = t1.c0")),
        ("t", "t", Some("t0.c1 = t1.c0")),
        ("t", "de", Some("t0.c1 COLLATE \"C\" = t1.c0 COLLATE \"C\"")),
        ("day", "day", Some("t0.c1 = t1.c0")),
        ("soft", "soft", None),
        ("f", "f", None),
        ("id", "price", None),
        ("t", "id", None),
        ("day", "at", None),
        ("at", "tz", None),
        ("t", "soft", None),
    ] {
        let planned = plan(&both(JoinKind::Inner, one, other)).map(|planned| text(&planned));
        let condition = planned.as_ref().ok().and_then(|text| text.split(" ON (").nth(1));
        let condition = condition.map(|rest| rest.trim_end_matches(')').replace("t0.c0", "t0.c1"));
        assert_eq!(condition.as_deref(), expected, "{one} {other}: {planned:?}");
    }
}

#[test]
fn columns_are_read_where_they_are_known() {
    let semi = |on: &[(ColumnRef, ColumnRef)]| join(leaf("a", 1), JoinKind::Semi, leaf("b", 2), on);
    let pair = (of(0, "id"), of(1, "id"));
    assert!(plan(&scan(semi(std::slice::from_ref(&pair)))).is_ok());
    // Nothing to join by, columns of one side, the sides the other way round, a table that is not there.
    for on in [
        vec![],
        vec![(of(0, "id"), of(0, "id"))],
        vec![(of(1, "id"), of(0, "id"))],
        vec![(of(0, "id"), of(2, "id"))],
    ] {
        assert!(plan(&scan(semi(&on))).is_err(), "{on:?}");
    }
    // A table that is only asked about gives no values, orders nothing and is joined by nothing.
    let mut shown = scan(semi(std::slice::from_ref(&pair)));
    shown.output = vec![output(of(1, "id"))];
    assert!(plan(&shown).is_err());
    let mut ordered = scan(semi(std::slice::from_ref(&pair)));
    ordered.order = vec![SortKey {
        column: of(1, "id"),
        descending: false,
        nulls_first: false,
    }];
    ordered.limit = Some(3);
    assert!(plan(&ordered).is_err());
    let third = |table| {
        scan(join(
            semi(std::slice::from_ref(&pair)),
            JoinKind::Inner,
            leaf("c", 3),
            &[(of(table, "id"), of(2, "id"))],
        ))
    };
    assert!(plan(&third(0)).is_ok());
    assert!(plan(&third(1)).is_err());
}

#[test]
fn a_condition_over_two_tables_or_one_that_is_not_there_is_refused() {
    let compare = |table| Predicate::compare("id", CompareOp::Gt, ScalarValue::Int32(Some(1))).in_table(table);
    for (condition, taken) in [
        (compare(1), true),
        (compare(2), false),
        (Predicate::Or(vec![compare(0), compare(1)]), false),
    ] {
        let mut scan = both(JoinKind::Inner, "id", "id");
        scan.filter = vec![condition];
        assert_eq!(plan(&scan).is_ok(), taken, "{:?}", scan.filter);
    }
}

#[test]
fn no_more_than_eight_tables_are_joined() {
    let mut relation = leaf("a", 1);
    for number in 1..9 {
        let on = [(of(0, "id"), of(number, "id"))];
        relation = join(relation, JoinKind::Inner, leaf("b", 2), &on);
        assert_eq!(plan(&scan(relation.clone())).is_ok(), number < 8, "{number}");
    }
}
