//! Is every decision recorded, before the first row and on denial too, and never with a literal? (governance.md P10, O6)

use futures::StreamExt;
use lakegate_catalog::audit::AuditEvent;
use lakegate_tests::{
    fixture::{self, Hidden, Place},
    world::World,
};

async fn events_of(world: &World, query: &str) -> Vec<AuditEvent> {
    let mut events: Vec<AuditEvent> = world
        .audit()
        .await
        .into_iter()
        .filter(|event| event.query_id.as_deref() == Some(query))
        .collect();
    events.reverse();
    events
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_is_durable_before_the_first_row() {
    for place in Place::ALL {
        let world = fixture::world(place, Hidden::Canaries).await;
        let caller = world.caller("alice").await;
        let mut running = world
            .queries
            .run(&caller, world.request("SELECT * FROM orders WHERE note <> 'a literal'"))
            .await
            .unwrap();
        let attempts = events_of(&world, &running.id).await;
        let attempts: Vec<&AuditEvent> = attempts.iter().filter(|event| event.kind == "query.attempt").collect();
        let [attempt] = attempts.as_slice() else {
            panic!("{place:?} {attempts:?}")
        };
        assert_eq!(
            attempt.resource,
            format!("table:{}.orders", place.database()),
            "{place:?}"
        );
        assert_eq!(
            (attempt.decision.as_str(), attempt.action.as_str()),
            ("allow", "Select")
        );
        assert_eq!(attempt.principal, "alice");
        assert_eq!(attempt.filters.len(), 2, "{attempt:?}");
        assert_eq!(attempt.restrictive.len(), 1, "{attempt:?}");
        assert_eq!(attempt.masks.len(), 2, "{attempt:?}");
        assert_eq!(attempt.hidden, ["customer"], "{attempt:?}");
        assert!(!attempt.policies.is_empty() && attempt.policy_version.is_some() && attempt.resource_id.is_some());
        while let Some(batch) = running.batches.next().await {
            batch.unwrap();
        }
        let events = events_of(&world, &running.id).await;
        let outcome = events.iter().find(|event| event.kind == "query.outcome").unwrap();
        assert_eq!((outcome.outcome.as_str(), outcome.rows), ("ok", Some(3)), "{outcome:?}");
        assert!(!format!("{events:?}").contains("a literal"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denial_is_recorded_by_table() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    for (who, sql, resource) in [
        ("alice", "SELECT * FROM secret", "lake.sales.secret"),
        ("nobody", "SELECT * FROM orders", "lake.sales.orders"),
        ("nobody", "SELECT * FROM missing", "lake.sales.missing"),
        ("alice", "SELECT * FROM orders JOIN secret ON true", "lake.sales.secret"),
    ] {
        let failure = world.run_request(who, world.request(sql)).await.unwrap_err();
        let events = events_of(&world, &failure.query_id.unwrap()).await;
        let denied = events
            .iter()
            .find(|event| event.kind == "query.attempt" && event.resource.ends_with(resource));
        let denied = denied.unwrap_or_else(|| panic!("{sql}: {events:?}"));
        assert_eq!(denied.decision, "deny", "{sql}");
        let outcome = events.iter().find(|event| event.kind == "query.outcome").unwrap();
        assert_eq!(outcome.outcome, "TABLE_NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_recorded() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    let before = world.audit().await.len();
    world.refusal("alice", "SELEC").await;
    world.refusal("alice", "SET x = 1").await;
    assert_eq!(world.audit().await.len(), before + 2);
    for (sql, code) in [
        ("SELECT customer FROM orders", "COLUMN_NOT_FOUND"),
        ("SELECT 1/(qty - 1) FROM orders", "DIVISION_BY_ZERO"),
        ("SELECT no_function(id) FROM orders", "FUNCTION_NOT_FOUND"),
    ] {
        let failure = world.run_request("alice", world.request(sql)).await.unwrap_err();
        let id = failure.query_id.unwrap();
        let events = events_of(&world, &id).await;
        assert!(
            events
                .iter()
                .any(|event| event.kind == "query.attempt" && event.decision == "allow"),
            "{sql}: {events:?}"
        );
        assert!(
            events
                .iter()
                .any(|event| event.kind == "query.outcome" && event.outcome == code),
            "{sql}: {events:?}"
        );
        assert_eq!(world.record(&id).await.failure.unwrap().code, code);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chain_verifies_and_holds_no_value() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    world
        .ask("dana", "SELECT * FROM orders WHERE customer = 'CANARY_C1'")
        .await;
    world.refusal("dana", "SELECT CAST(customer AS int) FROM orders").await;
    let events = format!("{:?}", world.audit().await);
    assert!(!events.contains("CANARY"), "{events}");
    let verified = world.store.verify_audit().await.unwrap();
    assert!(verified.fault.is_none(), "{verified:?}");
}
