//! Does anything fail on a hidden row, or see one? (governance.md §9.4, A; A1 to A3 are statements too; A4's other half is in `chaos`)

use std::collections::BTreeSet;

use lakegate_query::{error::ErrorCode, service::SubmitRequest};
use lakegate_tests::{
    governance::{
        oracle::{self, Complaints},
        probe::{self, Need},
        seen::{Look, Seen, order},
    },
    world::World,
};
use serde_json::{Value, json};

use crate::stage::Stage;

/// Where a condition may stand, with `PROBE` for it.
const CONDITIONS: [&str; 12] = [
    "SELECT id FROM orders WHERE PROBE",
    "SELECT id FROM orders WHERE PROBE AND id < 100",
    "SELECT id FROM orders WHERE id < 100 OR PROBE",
    "SELECT PROBE FROM orders",
    "SELECT count(*) FROM orders WHERE PROBE",
    "SELECT id FROM orders ORDER BY PROBE LIMIT 1",
    "SELECT count(*) FROM orders GROUP BY PROBE",
    "SELECT max(id) FROM orders HAVING bool_or(PROBE)",
    "SELECT CASE WHEN PROBE THEN 1 END FROM orders",
    "SELECT o.id FROM orders o JOIN orders q ON o.id = q.id WHERE PROBE",
    "SELECT q.id FROM orders q WHERE EXISTS (SELECT 1 FROM orders o WHERE PROBE)",
    "SELECT id FROM (SELECT *, PROBE AS p FROM orders) q WHERE p LIMIT 2",
];

/// O4. Every column meets every condition somewhere, with one function or the other.
pub async fn a1_functions_see_governed_values_of_visible_rows(stage: &Stage) -> Complaints {
    let world = &stage.one;
    let mut complaints = Vec::new();
    let columns = world.ask("alice", "SELECT * FROM orders").await.schema;
    for (at, field) in columns.fields().iter().enumerate() {
        let name = field.name();
        let values = format!("SELECT DISTINCT {name} FROM orders WHERE {name} IS NOT NULL");
        let shown: BTreeSet<String> = world.rows("alice", &values).await.into_iter().collect();
        for (number, condition) in stage.share(CONDITIONS.iter().enumerate(), 4) {
            let call = ["f_leak(X)", "f_same(X) IS NOT NULL"][(at + number) % 2];
            let qualified = if condition.contains("orders o") {
                format!("o.{name}")
            } else {
                name.clone()
            };
            let sql = condition.replace("PROBE", &call.replace('X', &qualified));
            stage.probe.take_values();
            world.ask("alice", &sql).await;
            let given = stage.probe.take_values();
            // Of OR, the left side may decide.
            let need = if sql.contains(" OR ") { Need::None } else { Need::Some };
            complaints.extend(probe::leakprobe(&sql, &given, &shown, need));
        }
    }
    complaints
}

/// O4: a function without arguments runs for visible rows at most, once each.
pub async fn a1_functions_run_once_for_a_visible_row(stage: &Stage) -> Complaints {
    let mut complaints = Vec::new();
    for (sql, most) in [
        ("SELECT id, f_cnt() FROM orders", 3),
        ("SELECT id FROM orders WHERE f_cnt() = 1", 3),
        ("SELECT sum(f_cnt()) FROM orders", 3),
        ("SELECT count(*) FROM orders WHERE f_cnt() > 0", 3),
        // Parts are sorted, and then merged: by the key of each row, once more.
        ("SELECT id FROM orders ORDER BY f_cnt()", 6),
    ] {
        stage.probe.take_calls();
        stage.one.ask("alice", sql).await;
        complaints.extend(probe::callprobe(sql, stage.probe.take_calls(), most));
    }
    complaints
}

/// What a client binds is a value like a literal: O1, O2 and O3.
pub async fn a1_parameters_are_values(stage: &Stage) -> Complaints {
    let mut complaints = Vec::new();
    for (sql, parameters) in [
        ("SELECT 1/(id - $1) FROM orders", json!([900_001])),
        ("SELECT id FROM orders WHERE region = $1", json!(["US"])),
        (
            "SELECT id FROM orders WHERE 1/(id - $1) < 1 AND region = $2",
            json!([900_001, "DE"]),
        ),
        ("SELECT id FROM orders WHERE ssn = $1", json!(["111-22-3333"])),
        ("SELECT id FROM orders WHERE CAST(code AS int) > $1", json!([10])),
        ("SELECT id FROM orders ORDER BY id LIMIT 2 OFFSET 1", json!([])),
    ] {
        let parameters: Vec<Value> = parameters.as_array().unwrap().clone();
        let ask = |world: &World, sql: &str| SubmitRequest {
            parameters: parameters.clone(),
            ..world.request(sql)
        };
        let mut seen = Vec::new();
        for world in stage.worlds() {
            let alice = world.caller("alice").await;
            seen.push(Seen::by(world, &alice, ask(world, sql), (Look::AnswerAndPlan, order(sql))).await);
        }
        complaints.extend(oracle::indistinguishable(sql, &seen[0], &seen[1]));
        complaints.extend(oracle::no_canary(
            &stage.one,
            &format!("{sql} {parameters:?}"),
            &seen[0],
        ));
        let plain = stage.one.caller("plain").await;
        let copy = ask(&stage.one, &sql.replace("orders", "alice_copy"));
        let copy = Seen::by(&stage.one, &plain, copy, (Look::Answer, order(sql))).await;
        if seen[0].outcome() != copy.outcome() {
            complaints.push(format!("O1: {sql}\n--- over the copy\n{copy}\n--- got\n{}", seen[0]));
        }
    }
    complaints
}

pub async fn a4_nobody_sets_how_files_are_read(stage: &Stage) -> Complaints {
    let set = "SET datafusion.execution.parquet.pushdown_filters = true";
    let refused = stage.one.refusal("alice", set).await;
    assert!(
        [ErrorCode::NotSupported, ErrorCode::SyntaxError].contains(&refused.code),
        "{refused:?}"
    );
    Vec::new()
}
