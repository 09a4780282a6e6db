//! Does a change of policy act at once, whole, and on everything that waits? (governance.md §9.4, F)

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use lakegate::lake::ApplyOptions;
use lakegate_catalog::record::QueryState;
use lakegate_query::{error::ErrorCode, service::SubmitRequest};
use lakegate_tests::{
    files,
    fixture::CANARIES,
    governance::{
        oracle::{self, Complaints, Recorded},
        seen::{Look, Seen, is_question, order},
        statements::ALICE,
    },
    world::World,
};

use crate::stage::Stage;

const FORBID: &str = "@id(\"no.erin\")\nforbid(principal == Lakegate::User::\"erin\", action == Lakegate::Action::\"Select\", \
                      resource in Lakegate::Catalog::\"CATALOG\");\n";
const ENDLESS: &str =
    "SELECT count(*) FROM orders o JOIN generate_series(1, 1000000000000) g ON g.value % 7 <> o.id + 100";

/// The next statement, a running one, and rows that are kept.
pub async fn f1_revocation_ends_what_runs_and_closes_what_is_kept(stage: &Stage) -> Complaints {
    let world = &stage.one;
    let caller = world.caller("erin").await;
    let wait = Duration::from_secs(10);
    assert_eq!(world.rows("erin", "SELECT id FROM orders").await, ["1", "2", "3"]);
    let request = world.request("SELECT * FROM orders");
    let kept = world.queries.submit(&caller, request).await.unwrap().id;
    while !world.record(&kept).await.state.is_final() {
        world.queries.wait(&caller, &kept, wait).await.unwrap();
    }
    assert_eq!(world.record(&kept).await.state, QueryState::Succeeded);
    let running = world.queries.submit(&caller, world.request(ENDLESS)).await.unwrap().id;
    while world.record(&running).await.state != QueryState::Running {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let forbid = FORBID.replace("CATALOG", stage.database().0);
    world.apply("lake: revocation\n", &forbid).await;
    let sql = "SELECT id FROM orders";
    let complaints = oracle::denied(world, "erin", sql, ErrorCode::TableNotFound).await;
    let fetched = world.queries.results(&caller, &kept, 0, None).await.unwrap_err();
    assert_eq!(fetched.code, ErrorCode::PolicyChanged);
    let ended = world.queries.wait(&caller, &running, wait).await.unwrap();
    assert_eq!(ended.failure.unwrap().code, "POLICY_CHANGED");
    assert_eq!(world.rows("alice", sql).await.len(), 3);
    complaints
}

/// svc reads all but what is held; on behalf of alice it sees what she sees, and the audit names both.
pub async fn f3_a_service_sees_what_both_may_see(stage: &Stage) -> Complaints {
    let mut complaints = Vec::new();
    let questions = ALICE.iter().filter(|(_, sql)| is_question(sql)).step_by(9);
    for (_, sql) in stage.share(questions, 3) {
        let mut seen = Vec::new();
        for world in stage.worlds() {
            let svc = world.caller("svc").await;
            seen.push(
                Seen::by(
                    world,
                    &svc,
                    behalf(world, "alice", sql),
                    (Look::AnswerAndPlan, order(sql)),
                )
                .await,
            );
        }
        complaints.extend(oracle::indistinguishable(sql, &seen[0], &seen[1]));
        complaints.extend(oracle::no_canary(&stage.one, sql, &seen[0]));
        complaints.extend(oracle::diff(&stage.one, &seen[0], sql, "alice_copy").await);
        let expected = Recorded {
            user: "svc",
            ..Recorded::alice(".orders")
        };
        complaints.extend(oracle::audited(&stage.one, sql, &seen[0], expected).await);
        complaints.extend(oracle::audited_for(&stage.one, sql, &seen[0], "alice").await);
    }
    let svc = stage.one.caller("svc").await;
    let mut refused = Vec::new();
    for who in ["dana", "nemo"] {
        let answer = stage
            .one
            .run_as(&svc, behalf(&stage.one, who, "SELECT * FROM orders"))
            .await;
        let error = answer.expect_err(who).error;
        assert_eq!(error.code, ErrorCode::AccessDenied);
        complaints.extend(oracle::canary(&stage.one, who, &[&error.to_string()], &CANARIES));
        refused.push(error.to_string().replace(who, "nemo"));
    }
    // Nobody learns whom one could act for.
    assert_eq!(refused[0], refused[1]);
    complaints
}

fn behalf(world: &World, user: &str, sql: &str) -> SubmitRequest {
    SubmitRequest {
        on_behalf_of: Some(user.to_owned()),
        ..world.request(sql)
    }
}

const SETS: &str = "lake: sets\nconnections:\n  sets: {connector: files, options: {root: \"./data\"}}\ncatalogs:\n  \
                    sets: {connection: sets}\ndatabases:\n  sets.t: {location: \"t/\"}\nusers:\n  eve: {}\ntables:\n  \
                    sets.t.x: {format: parquet, location: \"x/\", columns: [{name: id, type: bigint}, {name: secret, type: \
                    varchar}], filters: {odd: {where: \"id = 1\", columns: [id]}, even: {where: \"id = 2\"}}}\ngrants:\n  \
                    - {to: \"user:eve\", privileges: [select-filtered], resource: \"filter:sets.t.x/odd\"}\n";
/// The permit of row 2 and the forbid of its secret come and go together.
const BOTH: &str = "@id(\"eve.even\")\npermit(principal == Lakegate::User::\"eve\", action == Lakegate::Action::\"SelectFiltered\", \
                    resource == Lakegate::DataFilter::\"sets.t.x/even\");\n@id(\"eve.secret\")\nforbid(principal == \
                    Lakegate::User::\"eve\", action == Lakegate::Action::\"Select\", resource == \
                    Lakegate::Column::\"sets.t.x.secret\");\n";

/// Under load, a statement is decided by the old set or by the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f2_a_set_is_published_whole() {
    let mut world = World::new().await;
    files::parquet(
        &world.path("data/t/x/a.parquet"),
        "id bigint, secret varchar",
        "1,CANARY_A\n2,CANARY_B",
    );
    world.apply(SETS, "").await;
    world.set_defaults("sets", "t");
    let pruned = ApplyOptions {
        prune: true,
        ..ApplyOptions::default()
    };
    let done = AtomicBool::new(false);
    let publish = async {
        for round in 0..6 {
            let cedar = if round % 2 == 0 { BOTH } else { "" };
            world.apply_with(SETS, cedar, pruned).await.unwrap();
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        done.store(true, Ordering::SeqCst);
    };
    let ask = async {
        let mut seen = BTreeSet::new();
        while !done.load(Ordering::SeqCst) {
            match world.run("eve", "SELECT * FROM x ORDER BY id").await {
                Ok(answer) => seen.insert(format!("{} {}", answer.columns(), answer.lines().join(";"))),
                Err(error) => {
                    assert_eq!(error.code, ErrorCode::PolicyChanged, "{error:?}");
                    false
                }
            };
        }
        seen
    };
    let ((), one, two) = tokio::join!(publish, ask, async {
        let mut counts = BTreeSet::new();
        while !done.load(Ordering::SeqCst) {
            if let Ok(answer) = world.run("eve", "SELECT count(*), max(id) FROM x").await {
                counts.insert(answer.text());
            }
        }
        counts
    });
    let old = "id Int64? 1".to_owned();
    let new = "id Int64? 1;2".to_owned();
    assert!(one.iter().all(|seen| *seen == old || *seen == new), "{one:?}");
    assert!(one.contains(&new), "the new set was never seen: {one:?}");
    assert!(two.iter().all(|seen| seen == "1 | 1" || seen == "2 | 2"), "{two:?}");
}

/// A table of the same name inherits nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_a_table_that_is_made_again_is_another_one() {
    let world = World::new().await;
    files::parquet(&world.path("data/t/x/a.parquet"), "id bigint", "1");
    let lake = |tables: &str, grants: &str| {
        format!(
            "lake: again\nconnections:\n  files: {{connector: files, options: {{root: \"./data\"}}}}\ncatalogs:\n  \
             lake: {{connection: files, default: true}}\ndatabases:\n  lake.t: {{location: \"t/\"}}\nusers:\n  eve: {{}}\n{tables}{grants}"
        )
    };
    let table = "tables:\n  lake.t.x: {format: parquet, location: \"x/\", columns: [{name: id, type: bigint}]}\n";
    let grant = "grants:\n  - {to: \"user:eve\", privileges: [select], resource: \"table:lake.t.x\"}\n";
    let pruned = || ApplyOptions {
        prune: true,
        ..ApplyOptions::default()
    };
    world.apply(&lake(table, grant), "").await;
    assert_eq!(world.rows("eve", "SELECT * FROM x").await, ["1"]);
    world.apply_with(&lake("", ""), "", pruned()).await.unwrap();
    assert_eq!(
        world.refusal("eve", "SELECT * FROM x").await.code,
        ErrorCode::TableNotFound
    );
    world.apply(&lake(table, ""), "").await;
    assert_eq!(
        world.refusal("eve", "SELECT * FROM x").await.code,
        ErrorCode::TableNotFound
    );
    world.apply(&lake(table, grant), "").await;
    assert_eq!(world.rows("eve", "SELECT * FROM x").await, ["1"]);
}
