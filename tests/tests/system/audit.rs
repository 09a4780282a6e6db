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

/// governance.md §8, literally: what a table is read by.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_record_of_a_decision_says_all_that_decided() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    let snapshot = world.store.snapshot().await.unwrap();
    let mut running = world
        .queries
        .run(&world.caller("alice").await, world.request("SELECT id FROM orders"))
        .await
        .unwrap();
    while let Some(batch) = running.batches.next().await {
        batch.unwrap();
    }
    let events = events_of(&world, &running.id).await;
    let [attempt, outcome] = events.as_slice() else {
        panic!("{events:?}")
    };
    let mut attempt = attempt.clone();
    attempt.filters.sort();
    let table = snapshot.tables.iter().find(|table| table.name == "orders").unwrap();
    let text = |text: &str| text.to_owned();
    let expected = AuditEvent {
        time: attempt.time,
        kind: text("query.attempt"),
        principal: text("alice"),
        principal_id: snapshot.find_user("alice").unwrap().id.as_str().to_owned(),
        method: attempt.method.clone(),
        address: attempt.address.clone(),
        door: attempt.door.clone(),
        action: text("Select"),
        resource: format!("table:{}.orders", Place::Parquet.database()),
        resource_id: Some(table.id.as_str().to_owned()),
        decision: text("allow"),
        outcome: text("ok"),
        policies: attempt.policies.clone(),
        filters: vec![text("orders#de@1"), text("orders#eu@1")],
        restrictive: vec![text("orders#hold@1")],
        masks: [("email", "hmac-sha-256@1"), ("ssn", "show-last-4@1")]
            .map(|(column, mask)| (text(column), text(mask)))
            .into(),
        hidden: vec![text("customer")],
        snapshot_version: Some(snapshot.version),
        policy_version: Some(snapshot.version),
        query_id: Some(running.id.clone()),
        trace_id: attempt.trace_id.clone(),
        rows: None,
        bytes: None,
        details: attempt.details.clone(),
    };
    assert_eq!(attempt, expected);
    assert_eq!(attempt.details["resource_version"], table.version.to_string());
    assert_eq!(attempt.details["digest"].len(), 64);
    let revisions: Vec<&str> = attempt.details["revisions"].split(',').collect();
    assert_eq!(revisions.len(), attempt.policies.len());
    for (policy, revision) in attempt.policies.iter().zip(revisions) {
        assert!(revision == format!("{policy}@1") || revision == policy, "{revision}");
    }
    assert_eq!((outcome.kind.as_str(), outcome.rows), ("query.outcome", Some(3)));
    assert_eq!(outcome.policy_version, Some(snapshot.version));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_are_recorded_on_denial_too() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    let admin = world
        .store
        .snapshot()
        .await
        .unwrap()
        .find_role("admin")
        .unwrap()
        .id
        .clone();
    let mut caller = world.caller("nobody").await;
    caller.extra_roles = vec![admin];
    // Whatever it may do: the roles are in the record.
    let _ = world.queries.run(&caller, world.request("SELECT * FROM missing")).await;
    let event = world
        .audit()
        .await
        .into_iter()
        .find(|event| event.resource.ends_with("missing"));
    let event = event.expect("an attempt");
    assert_eq!(
        (event.decision.as_str(), event.details["roles"].as_str()),
        ("deny", "admin")
    );
}
