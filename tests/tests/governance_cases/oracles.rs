//! Can each oracle fail? A violation of each is planted: dana's answers, other lakes, wrong expectations. (governance.md §9.1)

use std::{collections::BTreeSet, sync::Arc};

use lakegate_query::error::ErrorCode;
use lakegate_tests::{
    fixture::{self, CANARIES, Hidden, Place},
    governance::{
        oracle::{self, Complaints, Recorded},
        probe::{self, Need, Probe},
        seen::{Id, Look, Seen},
    },
    world::{Making, World},
};

const ALL: &str = "SELECT id, tenant, region, ssn, email, amount, qty, code, note, legal_hold, ts FROM orders";
const IDS: &str = "SELECT id FROM orders";

#[track_caller]
fn complains(oracle: &str, complaints: &Complaints) {
    let told = complaints.iter().any(|complaint| complaint.starts_with(oracle));
    assert!(told, "{oracle} does not complain: {complaints:?}");
}

async fn seen(world: &World, who: &str, sql: &str) -> Seen {
    Seen::of(world, who, sql, Look::AnswerAndPlan).await
}

/// O1: dana's rows, raw cells, and failures are not those of alice's copy; alice's are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn diff_sees_a_row_a_cell_and_a_failure() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    for sql in [
        "SELECT id FROM orders",
        "SELECT ssn FROM orders WHERE id < 4",
        "SELECT 1/qty FROM orders",
        "SELECT count(*) FROM orders",
    ] {
        let planted = seen(&world, "dana", sql).await;
        complains("O1", &oracle::diff(&world, &planted, sql, "alice_copy").await);
        let right = seen(&world, "alice", sql).await;
        oracle::assert_none(&oracle::diff(&world, &right, sql, "alice_copy").await);
    }
}

/// O2 and O3: in rows, in errors, in plans, in figures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn canary_and_interference_see_what_dana_sees() {
    let one = fixture::world(Place::Parquet, Hidden::Canaries).await;
    let other = fixture::world(Place::Parquet, Hidden::Others).await;
    let planted = seen(&one, "dana", ALL).await;
    complains("O2", &oracle::no_canary(&one, ALL, &planted));
    complains(
        "O3",
        &oracle::indistinguishable(ALL, &planted, &seen(&other, "dana", ALL).await),
    );
    let count = "SELECT count(*) FROM orders";
    let [mine, others] = [seen(&one, "dana", count).await, seen(&other, "dana", count).await];
    complains("O3", &oracle::indistinguishable(count, &mine, &others));
    let hers = seen(&one, "alice", ALL).await;
    oracle::assert_none(&oracle::no_canary(&one, ALL, &hers));
    // One word anywhere is enough.
    for part in 0..3 {
        let mut planted = hers.clone();
        match part {
            0 => planted.plan.push_str("CANARY"),
            1 => planted.history.push_str("31337"),
            _ => planted.failure = Some(("CAST_FAILED", "90000".to_owned())),
        }
        complains("O3", &oracle::indistinguishable(ALL, &hers, &planted));
        planted.rows = planted.rows.filter(|_| part < 2);
        complains("O2", &oracle::no_canary(&one, ALL, &planted));
    }
    let path = one.directory().join("lake").display().to_string();
    complains("O2", &oracle::canary(&one, ALL, &[&path], &CANARIES));
}

/// Two values that fail are one answer, whichever comes first; a value that fails and anything else are not.
#[test]
fn only_failures_of_values_stand_for_each_other() {
    let failed = |code: &'static str| Seen {
        rows: None,
        failure: Some((code, String::new())),
        history: "FAILED".to_owned(),
        recorded: code.to_owned(),
        plan: String::new(),
        id: Id::default(),
    };
    let (cast, overflow) = (failed("INVALID_CAST_ARGUMENT"), failed("NUMERIC_VALUE_OUT_OF_RANGE"));
    assert!(cast.failed_in_another_way(&overflow));
    assert!(cast.but_for_the_failure() == overflow.but_for_the_failure());
    let other = Seen {
        history: "FAILED 7".to_owned(),
        ..overflow.clone()
    };
    assert!(cast.but_for_the_failure() != other.but_for_the_failure());
    let rows = Seen {
        rows: Some((String::new(), Vec::new())),
        failure: None,
        ..cast.clone()
    };
    for differs in [rows, failed("TABLE_NOT_FOUND"), failed("INTERNAL_ERROR"), cast.clone()] {
        assert!(!cast.failed_in_another_way(&differs) && !differs.failed_in_another_way(&cast));
    }
}

/// O4: a function that is given raw values, one that is given none, one that runs too often.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leakprobe_sees_raw_values() {
    let probe = Arc::new(Probe::default());
    let making = Making {
        engine: probe.engine(),
        ..Making::default()
    };
    let world = fixture::world_made(Place::Parquet, Hidden::Canaries, making).await;
    let sql = "SELECT f_leak(ssn), f_cnt() FROM orders";
    let shown: BTreeSet<String> = world
        .rows("alice", "SELECT ssn FROM orders")
        .await
        .into_iter()
        .collect();
    world.ask("dana", sql).await;
    complains("O4", &probe::leakprobe(sql, &probe.take_values(), &shown, Need::Some));
    complains("O4", &probe::callprobe(sql, probe.take_calls(), 3));
    complains("O4", &probe::leakprobe(sql, &BTreeSet::new(), &shown, Need::Some));
    complains("O4", &probe::callprobe(sql, 0, 3));
    world.ask("alice", sql).await;
    oracle::assert_none(&probe::leakprobe(sql, &probe.take_values(), &shown, Need::Some));
    oracle::assert_none(&probe::callprobe(sql, probe.take_calls(), 3));
}

/// O5: a column that can be seen, and one whose failure is told otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn same_404_sees_what_exists() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    let sql = "SELECT note FROM orders";
    complains("O5", &oracle::same_404(&world, "alice", sql, ["note", "nope"]).await);
    // It fails in two ways: a table that alice may see, without that column, and none.
    let sql = "SELECT nope FROM orders";
    complains(
        "O5",
        &oracle::same_404(&world, "alice", sql, ["orders", "ordres"]).await,
    );
}

/// O6: every member of what is expected counts, and so do the events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn audited_sees_what_was_not_recorded() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    let hers = seen(&world, "alice", IDS).await;
    let right = Recorded::alice(".orders");
    oracle::assert_none(&oracle::audited(&world, IDS, &hers, right).await);
    for wrong in [
        Recorded { user: "dana", ..right },
        Recorded {
            resource: ".ordres",
            ..right
        },
        Recorded {
            decision: "deny",
            ..right
        },
        Recorded {
            filters: [1, 1],
            ..right
        },
        Recorded {
            filters: [2, 0],
            ..right
        },
        Recorded { masks: &[], ..right },
        Recorded { hidden: &[], ..right },
    ] {
        complains("O6", &oracle::audited(&world, IDS, &hers, wrong).await);
    }
    let mut failed = hers.clone();
    failed.failure = Some(("CAST_FAILED", String::new()));
    complains("O6", &oracle::audited(&world, IDS, &failed, right).await);
    complains("O6", &oracle::audited_for(&world, IDS, &hers, "dana").await);
    let mut unknown = hers.clone();
    unknown.id.0 = Some("0198d1f0-0000-7000-8000-000000000000".to_owned());
    complains("O6", &oracle::audited(&world, IDS, &unknown, right).await);
    // A statement that got rows is a query.
    unknown.id.0 = None;
    complains("O6", &oracle::audited(&world, IDS, &unknown, right).await);
}

/// O7: rows, or another failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn denied_sees_rows_and_another_failure() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    complains(
        "O7",
        &oracle::denied(&world, "alice", IDS, ErrorCode::MissingColumn).await,
    );
    complains(
        "O7",
        &oracle::denied(&world, "nobody", IDS, ErrorCode::MissingColumn).await,
    );
    oracle::assert_none(&oracle::denied(&world, "nobody", IDS, ErrorCode::TableNotFound).await);
}

/// What an assertion complains of is told whole.
#[test]
#[should_panic(expected = "2 complaints:\none\n\ntwo")]
fn assert_none_tells_all() {
    oracle::assert_none(&["one".to_owned(), "two".to_owned()]);
}
