//! Does every query have one life, one end and one usage row? Is a key answered once?

use lakegate_catalog::{
    StoreError,
    audit::AuditFilter,
    change::ChangeSet,
    idempotency::{IdempotencyScope, IdempotentAnswer, Reservation},
    identity::Role,
    record::{OnBehalfOf, QueryEnd, QueryFilter, QueryStart, QueryState, Usage, UsageFilter},
};
use tokio::task::JoinSet;

use crate::{
    make::{at, event, put, query, set},
    place::Place,
};

fn start(id: &str) -> QueryStart {
    QueryStart {
        id: id.to_owned(),
        statement: "SELECT".to_owned(),
        started_at: at(100),
        snapshot_version: 7,
        policy_version: 7,
    }
}

fn usage(bytes: u64) -> Usage {
    let by_connection = [("store".to_owned(), bytes)].into();
    Usage {
        scanned_bytes: bytes,
        billed_bytes: bytes,
        rows: 3,
        detailed: true,
        by_connection,
        ..Usage::default()
    }
}

fn end(id: &str, state: QueryState) -> QueryEnd {
    QueryEnd {
        id: id.to_owned(),
        state,
        ended_at: at(200),
        failure: None,
        usage: usage(10_000_000),
        result: None,
    }
}

pub async fn a_query_lives_from_queue_to_end(place: &Place) {
    let store = place.store().await;
    let mut record = query("q1", 0, store.boot_id());
    store.begin_query(&record).await.unwrap();
    assert_eq!(store.find_query("q1").await.unwrap().as_ref(), Some(&record));
    assert!(matches!(
        store.begin_query(&record).await,
        Err(StoreError::Invalid { .. })
    ));
    store
        .start_query(&start("q1"), &[event("select"), event("select")])
        .await
        .unwrap();
    store.checkpoint_query("q1", &usage(5)).await.unwrap();
    record.state = QueryState::Running;
    record.statement = Some("SELECT".to_owned());
    record.started_at = Some(at(100));
    (record.snapshot_version, record.policy_version) = (Some(7), Some(7));
    record.usage = usage(5);
    assert_eq!(store.find_query("q1").await.unwrap().as_ref(), Some(&record));
    assert_eq!(store.find_usage("q1").await.unwrap(), None);
    assert!(
        store
            .end_query(&end("q1", QueryState::Succeeded), &[event("outcome")])
            .await
            .unwrap()
    );
    let row = store.find_usage("q1").await.unwrap().unwrap();
    assert_eq!(
        (row.usage, row.state, row.price_per_tb.as_str()),
        (usage(10_000_000), QueryState::Succeeded, "5.00 USD")
    );
    assert_eq!(
        (row.labels, row.submitted_at, row.ended_at),
        (record.labels, at(0), at(200))
    );
    assert_eq!(store.verify_audit().await.unwrap().records, 3);
    assert_eq!(store.find_query("none").await.unwrap(), None);
}

pub async fn a_query_ends_once(place: &Place) {
    let store = place.store().await;
    store.begin_query(&query("q1", 0, "n")).await.unwrap();
    assert!(store.end_query(&end("q1", QueryState::Running), &[]).await.is_err());
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        let cancelled = end("q1", QueryState::Cancelled);
        tasks.spawn(async move { store.end_query(&cancelled, &[event("outcome")]).await.unwrap() });
    }
    let ended = tasks.join_all().await.into_iter().filter(|ended| *ended).count();
    assert_eq!((ended, store.verify_audit().await.unwrap().records), (1, 1));
    assert!(
        !store
            .end_query(&end("q1", QueryState::Succeeded), &[event("outcome")])
            .await
            .unwrap()
    );
    assert_eq!(
        store.find_query("q1").await.unwrap().unwrap().state,
        QueryState::Cancelled
    );
    store.checkpoint_query("q1", &usage(1)).await.unwrap();
    assert_eq!(store.find_query("q1").await.unwrap().unwrap().usage, usage(10_000_000));
    let missing = store.end_query(&end("q2", QueryState::Failed), &[]).await.unwrap_err();
    assert_eq!(missing.to_string(), "query `q2` does not exist");
}

pub async fn a_query_that_has_ended_does_not_start(place: &Place) {
    let store = place.store().await;
    store.begin_query(&query("q1", 0, "n")).await.unwrap();
    store.end_query(&end("q1", QueryState::Cancelled), &[]).await.unwrap();
    let error = store.start_query(&start("q1"), &[event("select")]).await.unwrap_err();
    assert!(matches!(error, StoreError::QueryNotQueued { .. }), "{error:?}");
    assert_eq!(store.verify_audit().await.unwrap().records, 0);
}

pub async fn lists_are_paged_newest_first(place: &Place) {
    let store = place.store().await;
    for n in 0..6 {
        // Pairs have the same time: the id decides.
        let mut record = query(&format!("q{n}"), n / 2, "n");
        if n == 3 {
            record.principal_id = "u-bob".to_owned();
        }
        store.begin_query(&record).await.unwrap();
    }
    let mut filter = QueryFilter {
        limit: 4,
        ..QueryFilter::default()
    };
    let page = store.list_queries(&filter).await.unwrap();
    assert_eq!(
        page.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(),
        ["q5", "q4", "q3", "q2"]
    );
    let last = page.last().unwrap();
    filter.before = Some((last.submitted_at, last.id.clone()));
    let page = store.list_queries(&filter).await.unwrap();
    assert_eq!(
        page.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(),
        ["q1", "q0"]
    );
    store.end_query(&end("q0", QueryState::Failed), &[]).await.unwrap();
    let only = async |filter: QueryFilter| store.list_queries(&filter).await.unwrap().len();
    let all = QueryFilter {
        limit: 100,
        ..QueryFilter::default()
    };
    assert_eq!(
        only(QueryFilter {
            principal_id: Some("u-bob".to_owned()),
            ..all.clone()
        })
        .await,
        1
    );
    assert_eq!(
        only(QueryFilter {
            state: Some(QueryState::Queued),
            ..all.clone()
        })
        .await,
        5
    );
    assert_eq!(
        only(QueryFilter {
            workgroup: Some("other".to_owned()),
            ..all
        })
        .await,
        0
    );
}

pub async fn lost_queries_fail_and_cost_nothing(place: &Place) {
    let dead = place.store().await;
    for (id, seconds) in [("running", 1), ("queued", 2), ("ended", 3)] {
        let mut record = query(id, seconds, dead.boot_id());
        record.on_behalf_of = Some(OnBehalfOf {
            id: "u-bob".to_owned(),
            name: "bob".to_owned(),
        });
        dead.begin_query(&record).await.unwrap();
    }
    dead.start_query(&start("running"), &[event("select")]).await.unwrap();
    dead.checkpoint_query("running", &usage(12_000_000)).await.unwrap();
    dead.end_query(&end("ended", QueryState::Succeeded), &[]).await.unwrap();
    dead.close().await;
    let store = place.store().await;
    store.begin_query(&query("ours", 4, store.boot_id())).await.unwrap();
    assert_eq!(
        store.recover_lost(store.boot_id()).await.unwrap(),
        ["running", "queued"]
    );
    assert!(store.recover_lost(store.boot_id()).await.unwrap().is_empty());
    let record = store.find_query("running").await.unwrap().unwrap();
    let failure = record.failure.unwrap();
    assert_eq!(
        (record.state, failure.code.as_str(), failure.retryable),
        (QueryState::Failed, "SERVER_LOST", true)
    );
    assert!(record.ended_at.is_some());
    let row = store.find_usage("running").await.unwrap().unwrap();
    assert_eq!(
        (row.usage.scanned_bytes, row.usage.billed_bytes, row.state),
        (12_000_000, 0, QueryState::Failed)
    );
    assert!(store.find_usage("queued").await.unwrap().is_some());
    assert_eq!(
        store.find_query("ours").await.unwrap().unwrap().state,
        QueryState::Queued
    );
    assert_eq!(
        store.find_usage("ended").await.unwrap().unwrap().usage.billed_bytes,
        10_000_000
    );
    let told = AuditFilter {
        query_id: Some("running".to_owned()),
        limit: 9,
        ..AuditFilter::default()
    };
    let told = store.list_audit(&told).await.unwrap();
    assert_eq!(
        told.first().map(|record| record.event.outcome.as_str()),
        Some("SERVER_LOST")
    );
    let acting = told.first().and_then(|record| record.event.details.get("on_behalf_of"));
    assert_eq!(acting.map(String::as_str), Some("bob"));
    assert_eq!(store.verify_audit().await.unwrap().fault, None);
}

fn answer(key: &str, body_hash: &str) -> IdempotentAnswer {
    let scope = IdempotencyScope {
        principal_id: "u-ana".into(),
        route: "POST /v1/roles".into(),
        key: key.into(),
    };
    IdempotentAnswer {
        scope,
        body_hash: body_hash.into(),
        status: 201,
        response: vec![0, 255, 1],
        created_at: at(0),
    }
}

pub async fn a_key_is_stored_with_its_effect(place: &Place) {
    let store = place.store().await;
    let change = |word: &str| ChangeSet {
        idempotency: Some(answer("k1", "h1")),
        ..set(vec![put(word, None, word, &Role::default())])
    };
    store.commit(change("a")).await.unwrap();
    assert_eq!(
        store.find_idempotent(&answer("k1", "").scope).await.unwrap(),
        Some(answer("k1", "h1"))
    );
    let error = store.commit(change("b")).await.unwrap_err();
    assert_eq!(error.to_string(), "idempotency key `k1` has been used");
    assert!(store.snapshot().await.unwrap().find_role("b").is_none());
    // A change that fails stores no answer.
    let failing = ChangeSet {
        idempotency: Some(answer("k2", "h")),
        ..set(vec![put("a2", None, "A", &Role::default())])
    };
    assert!(store.commit(failing).await.is_err());
    assert_eq!(store.find_idempotent(&answer("k2", "").scope).await.unwrap(), None);
    store
        .begin_query_once(&query("q1", 0, "n"), &answer("k3", "h"))
        .await
        .unwrap();
    let again = store.begin_query_once(&query("q2", 0, "n"), &answer("k3", "h")).await;
    assert!(matches!(again, Err(StoreError::KeyUsed { .. })) && store.find_query("q2").await.unwrap().is_none());
}

pub async fn a_key_is_answered_once(place: &Place) {
    let store = place.store().await;
    let scope = answer("k", "").scope;
    assert_eq!(
        store.reserve_idempotent(&scope, "h").await.unwrap(),
        Reservation::Reserved
    );
    let pending = store.reserve_idempotent(&scope, "h").await.unwrap();
    assert!(
        matches!(&pending, Reservation::Pending { body_hash, .. } if body_hash == "h"),
        "{pending:?}"
    );
    assert_eq!(store.find_idempotent(&scope).await.unwrap(), None);
    assert!(matches!(
        store.complete_idempotent(&answer("k", "other")).await,
        Err(StoreError::KeyUsed { .. })
    ));
    store.complete_idempotent(&answer("k", "h")).await.unwrap();
    store.release_idempotent(&scope).await.unwrap();
    let answered = Reservation::Answered(answer("k", "h"));
    assert_eq!(store.reserve_idempotent(&scope, "h").await.unwrap(), answered);
    assert_eq!(store.forget_idempotent(at(0)).await.unwrap(), 0);
    assert_eq!(store.forget_idempotent(at(1)).await.unwrap(), 1);
    assert_eq!(
        store.reserve_idempotent(&scope, "h").await.unwrap(),
        Reservation::Reserved
    );
    store.release_idempotent(&scope).await.unwrap();
    assert_eq!(
        store.reserve_idempotent(&scope, "h2").await.unwrap(),
        Reservation::Reserved
    );
}

pub async fn usage_is_summed(place: &Place) {
    let store = place.store().await;
    for (id, principal, bytes) in [("q1", "ana", 1), ("q2", "ana", 2), ("q3", "bob", 4), ("q4", "bob", 8)] {
        let mut record = query(id, 0, store.boot_id());
        (record.principal_id, record.principal) = (format!("id-{principal}"), principal.to_owned());
        store.begin_query(&record).await.unwrap();
        if id == "q4" {
            continue;
        }
        let ended = QueryEnd {
            usage: usage(bytes),
            ..end(id, QueryState::Succeeded)
        };
        assert!(store.end_query(&ended, &[]).await.unwrap());
    }
    let filter = UsageFilter {
        from: at(0),
        to: at(201),
        principal_id: None,
    };
    let mut sums = store.sum_usage(&filter).await.unwrap();
    sums.sort_by(|left, right| left.principal.cmp(&right.principal));
    let found: Vec<_> = sums
        .iter()
        .map(|sum| (sum.principal.as_str(), sum.queries, sum.scanned_bytes, sum.billed_bytes))
        .collect();
    assert_eq!(
        found,
        [("ana", 2, 3, 3), ("bob", 1, 4, 4)],
        "what has not ended is no usage"
    );
    assert!(
        sums.iter()
            .all(|sum| sum.day == at(200).date_naive().to_string() && sum.price_per_tb == "5.00 USD")
    );
    let rows = store.list_usage("id-ana", &filter).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.usage.scanned_bytes).sum::<u64>(), 3);
    let bob = UsageFilter {
        principal_id: Some("id-bob".to_owned()),
        ..filter.clone()
    };
    assert_eq!(store.sum_usage(&bob).await.unwrap().len(), 1);
    let before = UsageFilter { to: at(200), ..filter };
    assert!(store.sum_usage(&before).await.unwrap().is_empty(), "`to` is excluded");
}
