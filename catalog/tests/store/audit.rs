//! Does the audit trail hold, and does a change to it show?

use lakegate_catalog::{
    StoreError,
    audit::{AuditFaultKind, AuditFilter, AuditVerification},
    change::ChangeSet,
    identity::Role,
    record::{QueryEnd, QueryState, Usage},
};
use tokio::task::JoinSet;

use crate::{
    make::{at, event, put, query, set},
    place::Place,
};

/// Five records in one chain, changed by `sql`; the number of the first bad one.
async fn fault(place: &Place, sql: &str) -> (i64, AuditFaultKind) {
    let store = place.store().await;
    for n in 1..=5 {
        store.append_audit(&[event(&format!("a{n}"))]).await.unwrap();
    }
    assert_eq!(
        store.verify_audit().await.unwrap(),
        AuditVerification {
            streams: 1,
            records: 5,
            unsigned: 5,
            ..AuditVerification::default()
        }
    );
    assert!(place.tamper(sql).await > 0, "{sql} touches something");
    let fault = store.verify_audit().await.unwrap().fault.expect("a fault");
    assert_eq!(fault.stream, store.boot_id());
    (fault.seq, fault.kind)
}

pub async fn verify_finds_an_edited_byte(place: &Place) {
    let edit = "UPDATE audit_events SET body = replace(body, '\"allow\"', '\"allov\"') WHERE seq = 3";
    assert_eq!(fault(place, edit).await, (3, AuditFaultKind::Edited));
    place
        .tamper("UPDATE audit_events SET body = replace(body, '\"allov\"', '\"allow\"') WHERE seq = 3")
        .await;
    let store = place.store().await;
    assert_eq!(store.verify_audit().await.unwrap().fault, None);
    // A copy to search by is covered, too.
    place
        .tamper("UPDATE audit_events SET principal = 'bob' WHERE seq = 2")
        .await;
    let fault = store.verify_audit().await.unwrap().fault.unwrap();
    assert_eq!((fault.seq, fault.kind), (2, AuditFaultKind::Edited));
}

pub async fn verify_finds_a_removed_record(place: &Place) {
    assert_eq!(
        fault(place, "DELETE FROM audit_events WHERE seq = 2").await,
        (2, AuditFaultKind::Missing)
    );
}

pub async fn verify_finds_a_torn_tail(place: &Place) {
    assert_eq!(
        fault(place, "DELETE FROM audit_events WHERE seq > 3").await,
        (4, AuditFaultKind::TornTail)
    );
    place.tamper("DELETE FROM audit_events").await;
    let fault = place.store().await.verify_audit().await.unwrap().fault.unwrap();
    assert_eq!((fault.seq, fault.kind), (1, AuditFaultKind::TornTail));
}

pub async fn verify_finds_swapped_records(place: &Place) {
    let swap = "UPDATE audit_events SET seq = 99 WHERE seq = 2; UPDATE audit_events SET seq = 2 WHERE seq = 4; \
         UPDATE audit_events SET seq = 4 WHERE seq = 99";
    assert_eq!(fault(place, swap).await, (2, AuditFaultKind::Misplaced));
}

pub async fn a_chain_holds_over_commits_queries_and_boots(place: &Place) {
    for boot in 1..=2 {
        let store = place.store().await;
        let word = format!("r{boot}");
        let audit = vec![event("create"), event("create")];
        store
            .commit(ChangeSet {
                audit,
                ..set(vec![put(&word, None, &word, &Role::default())])
            })
            .await
            .unwrap();
        store.begin_query(&query(&word, 0, store.boot_id())).await.unwrap();
        let end = QueryEnd {
            id: word,
            state: QueryState::Failed,
            ended_at: at(1),
            failure: None,
            usage: Usage::default(),
            result: None,
        };
        store.end_query(&end, &[event("outcome")]).await.unwrap();
        store.append_audit(&[event("read")]).await.unwrap();
        let report = store.verify_audit().await.unwrap();
        assert_eq!(
            report,
            AuditVerification {
                streams: boot,
                records: boot * 4,
                unsigned: boot * 4,
                ..AuditVerification::default()
            }
        );
        store.close().await;
        assert!(matches!(
            store.append_audit(&[event("late")]).await,
            Err(StoreError::Unavailable(_))
        ));
    }
}

pub async fn a_failed_write_does_not_break_the_chain(place: &Place) {
    let store = place.store().await;
    store.append_audit(&[event("one")]).await.unwrap();
    let role = || ChangeSet {
        audit: vec![event("create")],
        ..set(vec![put("r", None, "r", &Role::default())])
    };
    store.commit(role()).await.unwrap();
    assert!(store.commit(role()).await.is_err());
    // Calls that are dropped half-way happen as a whole or not at all.
    for n in 0..50_u64 {
        let events = [event("dropped")];
        let limit = std::time::Duration::from_micros(n * 40);
        let _ = tokio::time::timeout(limit, store.append_audit(&events)).await;
    }
    store.append_audit(&[event("last")]).await.unwrap();
    assert_eq!(store.verify_audit().await.unwrap().fault, None);
    let listed = store
        .list_audit(&AuditFilter {
            limit: 1,
            ..AuditFilter::default()
        })
        .await
        .unwrap();
    assert_eq!(listed.first().map(|record| record.event.action.as_str()), Some("last"));
}

pub async fn appends_at_once_all_arrive(place: &Place) {
    let store = place.store().await;
    let mut tasks = JoinSet::new();
    for n in 0..40 {
        let store = store.clone();
        tasks.spawn(async move {
            let action = format!("a{n}");
            store.append_audit(&[event(&action), event(&action)]).await.unwrap();
        });
    }
    tasks.join_all().await;
    let report = store.verify_audit().await.unwrap();
    assert_eq!(
        report,
        AuditVerification {
            streams: 1,
            records: 80,
            unsigned: 80,
            ..AuditVerification::default()
        }
    );
    let one = AuditFilter {
        action: Some("a17".to_owned()),
        limit: 9,
        ..AuditFilter::default()
    };
    assert_eq!(store.list_audit(&one).await.unwrap().len(), 2);
}

pub async fn lists_are_filtered_and_newest_first(place: &Place) {
    let store = place.store().await;
    let mut events: Vec<_> = (1..=5).map(|n| event(&format!("a{n}"))).collect();
    for (n, event) in (0..).zip(&mut events) {
        event.time = at(n);
    }
    events.get_mut(1).unwrap().decision = "deny".to_owned();
    events.get_mut(2).unwrap().principal = "bob".to_owned();
    events.get_mut(3).unwrap().query_id = None;
    store.append_audit(&events).await.unwrap();
    let list = async |filter: AuditFilter| {
        let filter = AuditFilter { limit: 3, ..filter };
        store.list_audit(&filter).await.unwrap()
    };
    let page = list(AuditFilter::default()).await;
    assert_eq!(page.iter().map(|record| record.seq).collect::<Vec<_>>(), [5, 4, 3]);
    assert_eq!(page.last().map(|record| &record.event), events.get(2));
    let before = page.last().map(|record| record.position);
    assert_eq!(
        list(AuditFilter {
            before,
            ..AuditFilter::default()
        })
        .await
        .len(),
        2
    );
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        list(AuditFilter {
            decision: some("deny"),
            ..AuditFilter::default()
        })
        .await
        .len(),
        1
    );
    assert_eq!(
        list(AuditFilter {
            principal: some("bob"),
            ..AuditFilter::default()
        })
        .await
        .len(),
        1
    );
    assert_eq!(
        list(AuditFilter {
            principal: some("u-ana"),
            ..AuditFilter::default()
        })
        .await
        .len(),
        3
    );
    assert_eq!(
        list(AuditFilter {
            resource: some("none"),
            ..AuditFilter::default()
        })
        .await
        .len(),
        0
    );
    assert_eq!(
        list(AuditFilter {
            query_id: some("q1"),
            from: Some(at(2)),
            ..AuditFilter::default()
        })
        .await
        .len(),
        2
    );
    assert_eq!(
        list(AuditFilter {
            from: Some(at(1)),
            to: Some(at(3)),
            ..AuditFilter::default()
        })
        .await
        .len(),
        2
    );
}
