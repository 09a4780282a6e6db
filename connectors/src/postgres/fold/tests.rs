//! What is written, and what is refused.

use std::sync::Arc;

use datafusion::common::ScalarValue;

use super::*;
use crate::{
    capability::{LimitVerdict, OrderVerdict, Pushdown},
    connector::PlanResponse,
    postgres::plan::{Scan, plan},
    predicate::{CompareOp, Predicate},
    scan::{ColumnId, Guard, Relation},
    split::Handle,
    table_spec::{RemoteName, Statistics},
};

const MONEY: Wire = Wire::Numeric {
    precision: 15,
    scale: 2,
};

fn table() -> Table {
    let column = |name: &str, wire: Wire, comparison, output| Column {
        name: name.to_owned(),
        kind: ColumnType {
            wire,
            dimensions: 0,
            output,
            comparison,
        },
        sent: 7,
        collation: 0,
        indexed: false,
        written: String::new(),
    };
    let plain = |name, wire, comparison| column(name, wire, comparison, Output::Plain);
    Table {
        name: RemoteName::table("s", "t"),
        relation: "\"s\".\"t\"".to_owned(),
        oid: 1,
        stored: true,
        pages: 5_000,
        columns: vec![
            plain("id", Wire::Int4, Comparison::Ordered),
            plain("region", Wire::Text, Comparison::Text),
            plain("soft", Wire::Text, Comparison::Nothing),
            plain("price", MONEY, Comparison::Ordered),
            plain("share", Wire::Float8, Comparison::Float),
            column("mood", Wire::Text, Comparison::Nothing, Output::AsText),
            plain("day", Wire::Date, Comparison::Ordered),
        ],
        statistics: Statistics::default(),
    }
}

fn output(value: OutputValue, data_type: DataType) -> OutputColumn {
    OutputColumn {
        name: "x".to_owned(),
        value,
        data_type,
        nullable: true,
    }
}

fn scan(output: Vec<OutputColumn>) -> ScanSpec {
    let columns = table()
        .columns
        .iter()
        .map(|column| ColumnId::new(column.name.as_str()))
        .collect();
    ScanSpec::table(Handle::new(Arc::new(table())), columns, Guard::none(), output)
}

/// One aggregate, grouped by these.
fn grouped_by(keys: &[&str], function: AggregateFunction, argument: Option<Operand>, result: DataType) -> ScanSpec {
    let of = |name: &str| {
        table()
            .columns
            .iter()
            .find(|column| column.name == name)
            .map(|column| column.kind)
    };
    let mut columns: Vec<OutputColumn> = keys
        .iter()
        .map(|key| {
            output(
                OutputValue::Column(ColumnRef::of(*key)),
                of(key).expect("a column").arrow_type(),
            )
        })
        .collect();
    columns.push(output(OutputValue::Aggregate(0), result));
    let mut scan = scan(columns);
    scan.group_by = keys.iter().map(|key| ColumnRef::of(*key)).collect();
    scan.aggregates = vec![Aggregate { function, argument }];
    scan
}

fn column(name: &str) -> Option<Operand> {
    Some(Operand::Column(ColumnRef::of(name)))
}

fn text(planned: &PlanResponse) -> String {
    planned.handle.get::<Arc<Scan>>().expect("a scan").text.clone()
}

fn planned(scan: &ScanSpec) -> PlanResponse {
    plan(scan).expect("a plan")
}

#[test]
fn groups_are_one_statement_over_the_rows_of_the_conditions() {
    let mut scan = grouped_by(&["region"], AggregateFunction::Sum, column("id"), DataType::Int64);
    scan.filter = vec![Predicate::compare("id", CompareOp::Gt, ScalarValue::Int32(Some(7)))];
    let plan = planned(&scan);
    assert_eq!(
        text(&plan),
        "SELECT t0.c0 AS v0, sum(t0.c1::int8)::int8 AS v1 FROM (SELECT s.\"region\" AS c0, s.\"id\" AS c1 \
         FROM \"s\".\"t\" AS s WHERE (s.\"id\" > $1)) AS t0 GROUP BY t0.c0"
    );
    assert_eq!((plan.aggregate, plan.filter), (Pushdown::Exact, vec![Pushdown::Exact]));
    // Never in parts.
    assert_eq!(plan.handle.get::<Arc<Scan>>().expect("a scan").pages, 0);
    assert!(
        plan.handle
            .get::<Arc<Scan>>()
            .expect("a scan")
            .pushdown
            .ends_with("groups=1 aggregates=1")
    );
}

#[test]
fn a_guard_is_fenced_below_its_groups() {
    let mut scan = grouped_by(&[], AggregateFunction::Count, None, DataType::Int64);
    guard_of(&mut scan).rows = Predicate::compare("region", CompareOp::Eq, ScalarValue::from("DE"));
    assert_eq!(
        text(&planned(&scan)),
        "SELECT count(*) AS v0 FROM (SELECT  FROM \"s\".\"t\" AS s WHERE (s.\"region\" = $1) OFFSET 0) AS t0"
    );
    // What the server cannot decide alone stays here, and its groups with it.
    guard_of(&mut scan).rows = Predicate::compare("share", CompareOp::Eq, ScalarValue::Float64(Some(0.0)));
    assert!(plan(&scan).is_err());
    guard_of(&mut scan).rows = Predicate::True;
    scan.filter = vec![Predicate::compare("soft", CompareOp::Eq, ScalarValue::from("a"))];
    assert!(plan(&scan).is_err());
}

fn guard_of(scan: &mut ScanSpec) -> &mut Guard {
    let Relation::Table { guard, .. } = &mut scan.relation else {
        panic!()
    };
    guard
}

#[test]
fn what_the_server_finds_equal_in_another_sense_is_no_key() {
    for (key, taken) in [
        ("id", true),
        ("region", true),
        ("day", true),
        ("price", true),
        ("soft", false),
        ("share", false),
        ("mood", false),
    ] {
        let scan = grouped_by(&[key], AggregateFunction::Count, None, DataType::Int64);
        assert_eq!(plan(&scan).is_ok(), taken, "{key}");
    }
}

#[test]
fn aggregates_of_other_types_stay_with_the_engine() {
    use AggregateFunction::{Count, Max, Min, Sum};
    let (money, sum) = (MONEY.arrow_type(), DataType::Decimal128(25, 2));
    for (function, argument, result, taken) in [
        (Count, "mood", DataType::Int64, true),
        (Count, "id", DataType::Int32, false),
        (Max, "id", DataType::Int32, true),
        (Max, "id", DataType::Int64, false),
        (Min, "day", DataType::Date32, true),
        (Min, "region", DataType::Utf8View, true),
        (Min, "region", DataType::Utf8, false),
        (Max, "soft", DataType::Utf8View, false),
        (Max, "mood", DataType::Utf8View, false),
        (Max, "share", DataType::Float64, false),
        (Max, "price", money, true),
        (Sum, "price", sum.clone(), true),
        // It would be rounded.
        (Sum, "price", DataType::Decimal128(25, 1), false),
        (Sum, "id", sum, false),
        (Sum, "share", DataType::Float64, false),
    ] {
        let scan = grouped_by(&[], function, column(argument), result);
        assert_eq!(plan(&scan).is_ok(), taken, "{function:?} of {argument}");
    }
}

#[test]
fn extremes_of_text_are_those_of_its_bytes() {
    let scan = grouped_by(&["id"], AggregateFunction::Max, column("region"), DataType::Utf8View);
    let plan = planned(&scan);
    assert!(
        text(&plan).starts_with("SELECT t0.c0 AS v0, max(t0.c1::text COLLATE \"C\") AS v1 FROM"),
        "{}",
        text(&plan)
    );
    let columns = &plan.handle.get::<Arc<Scan>>().expect("a scan").columns;
    assert_eq!(columns.last().expect("a column").sent, TEXT);
}

#[test]
fn arithmetic_is_written_with_bound_literals() {
    let one = Operand::Value(Datum(ScalarValue::Decimal128(Some(1), 20, 0)));
    let rest = Operand::Arithmetic {
        operator: ArithmeticOperator::Subtract,
        left: Box::new(one),
        right: Box::new(Operand::Column(ColumnRef::of("price"))),
    };
    let product = |result| {
        let argument = Operand::Arithmetic {
            operator: ArithmeticOperator::Multiply,
            left: Box::new(Operand::Column(ColumnRef::of("price"))),
            right: Box::new(rest.clone()),
        };
        grouped_by(&[], AggregateFunction::Sum, Some(argument), result)
    };
    let plan_of = planned(&product(DataType::Decimal128(38, 4)));
    assert!(
        text(&plan_of).starts_with("SELECT sum((t0.c0 * (($1::numeric) - t0.c0))) AS v0 FROM"),
        "{}",
        text(&plan_of)
    );
    assert!(plan(&product(DataType::Decimal128(38, 3))).is_err());
}

#[test]
fn first_rows_are_found_by_what_is_ordered_alike() {
    let ordered_by = |key: &str| {
        let mut scan = scan(vec![output(
            OutputValue::Column(ColumnRef::of("region")),
            DataType::Utf8View,
        )]);
        scan.order = vec![SortKey {
            column: ColumnRef::of(key),
            descending: true,
            nulls_first: false,
        }];
        scan.limit = Some(3);
        scan
    };
    let plan_of = planned(&ordered_by("day"));
    assert_eq!(
        text(&plan_of),
        "SELECT t0.c0 AS v0 FROM (SELECT s.\"region\" AS c0, s.\"day\" AS c1 FROM \"s\".\"t\" AS s) AS t0 \
         ORDER BY t0.c1 DESC NULLS LAST LIMIT 3"
    );
    assert_eq!(
        (plan_of.order, plan_of.limit),
        (OrderVerdict::Global, LimitVerdict::Exact)
    );
    for other in ["share", "soft", "mood"] {
        let plan_of = planned(&ordered_by(other));
        assert_eq!(
            (plan_of.order, plan_of.limit),
            (OrderVerdict::Unsupported, LimitVerdict::Unsupported),
            "{other}"
        );
        assert!(!text(&plan_of).contains("LIMIT"), "{other}");
    }
    // Text by its bytes, which are announced as they are.
    assert!(text(&planned(&ordered_by("region"))).ends_with(" ORDER BY t0.c0 COLLATE \"C\" DESC NULLS LAST LIMIT 3"));
    // A condition that stays with the engine would be applied to too few rows.
    let mut scan = ordered_by("day");
    scan.filter = vec![Predicate::compare("soft", CompareOp::Eq, ScalarValue::from("a"))];
    assert_eq!(planned(&scan).limit, LimitVerdict::Unsupported);
}
