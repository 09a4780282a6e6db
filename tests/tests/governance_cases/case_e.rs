//! Do views show what their readers may see, and does nothing leave by writing? (governance.md §9.4, E as far as there is a surface)

use lakegate_query::error::ErrorCode;
use lakegate_tests::governance::{
    oracle::{self, Complaints, Recorded},
    seen::{Look, Seen},
};

use crate::stage::Stage;

/// There is no way to write yet: what would need `Export` or a location is refused, and says nothing of the rows.
pub async fn e1_nothing_is_written_elsewhere(stage: &Stage) -> Complaints {
    let mut complaints = Vec::new();
    for sql in [
        "INSERT INTO secret SELECT ssn FROM orders",
        "UNLOAD (SELECT ssn FROM orders) TO 's3://mallory/'",
        "COPY (SELECT ssn FROM orders) TO '/tmp/x.parquet'",
        "CREATE TABLE lake.mallory.own2 AS SELECT ssn FROM orders",
    ] {
        let one = Seen::of(&stage.one, "alice", sql, Look::Answer).await;
        let other = Seen::of(&stage.other, "alice", sql, Look::Answer).await;
        complaints.extend(oracle::indistinguishable(sql, &one, &other));
        complaints.extend(oracle::no_canary(&stage.one, sql, &one));
        assert!(
            matches!(one.outcome(), Err("NOT_SUPPORTED" | "SYNTAX_ERROR")),
            "{sql}: {one}"
        );
    }
    complaints
}

/// The columns in the order of the view: folders come last in a table.
const ALL_OF_THE_COPY: &str =
    "SELECT id, tenant, region, ssn, email, amount, qty, code, note, legal_hold, ts FROM alice_copy";

/// An invoker view has alice's rows of its base; a definer view has dana's, but for what is held from everybody.
pub async fn e2_a_view_shows_what_its_reader_may_see(stage: &Stage) -> Complaints {
    let mut complaints = Vec::new();
    for (sql, over_the_copy) in [
        ("SELECT * FROM lake.sales.v_inv", ALL_OF_THE_COPY),
        (
            "SELECT id FROM lake.sales.v_inv WHERE 6/qty > 1",
            "SELECT id FROM alice_copy WHERE 6/qty > 1",
        ),
        (
            "SELECT id FROM lake.sales.v_inv WHERE CAST(code AS int) > 10",
            "SELECT id FROM alice_copy WHERE CAST(code AS int) > 10",
        ),
        (
            "SELECT count(*), sum(amount), max(ssn) FROM lake.sales.v_inv",
            "SELECT count(*), sum(amount), max(ssn) FROM alice_copy",
        ),
    ] {
        let one = Seen::of(&stage.one, "alice", sql, Look::AnswerAndPlan).await;
        let other = Seen::of(&stage.other, "alice", sql, Look::AnswerAndPlan).await;
        complaints.extend(oracle::indistinguishable(sql, &one, &other));
        complaints.extend(oracle::no_canary(&stage.one, sql, &one));
        complaints.extend(oracle::diff_by(&stage.one, &one, sql, over_the_copy).await);
        complaints.extend(oracle::audited(&stage.one, sql, &one, Recorded::alice(".orders")).await);
    }
    let ids = stage.one.rows("alice", "SELECT id FROM lake.sales.v_def").await;
    let all_but_held = [
        "1", "2", "3", "900001", "900002", "900004", "900005", "900006", "900007",
    ];
    assert_eq!(ids, all_but_held);
    let hidden = "SELECT customer FROM lake.sales.v_inv";
    complaints.extend(oracle::same_404(&stage.one, "alice", hidden, ["customer", "custonner"]).await);
    complaints
}

fn dana(stage: &Stage, with_grant_option: &str) -> String {
    format!(
        "lake: fixture\ngrants:\n  - {{to: \"user:dana\", privileges: [select], resource: \"table:{}\", with_grant_option: \
         {with_grant_option}}}\n",
        stage.orders()
    )
}

/// When dana may no longer lend, her view is not there; the invoker view stays.
pub async fn e2_a_definer_who_may_not_lend(stage: &Stage) -> Complaints {
    let view = "SELECT id FROM lake.sales.v_def";
    stage.one.apply(&dana(stage, "false"), "").await;
    let mut complaints = oracle::same_404(&stage.one, "alice", view, ["v_def", "v_dof"]).await;
    complaints.extend(oracle::denied(&stage.one, "alice", view, ErrorCode::TableNotFound).await);
    assert_eq!(
        stage.one.rows("alice", "SELECT id FROM lake.sales.v_inv").await.len(),
        3
    );
    stage.one.apply(&dana(stage, "true"), "").await;
    assert_eq!(stage.one.rows("alice", view).await.len(), 9);
    complaints
}
