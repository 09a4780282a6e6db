//! What happens when the service is busy? It is asked again, slower; nothing is lost, and what it cost is counted.

use std::time::{Duration, Instant};

use datafusion::common::ScalarValue;
use lakegate_connectors::{
    call::Deadline,
    contract::ask,
    error::ConnectorErrorKind,
    predicate::{CompareOp, Predicate},
    scan::Guard,
};
use serde_json::json;

use crate::{
    door::{Refusal, call, create, create_with, put},
    service::{Service, numbers},
};

async fn fill(service: &Service, name: &str, count: i64) {
    create(service.server, name, &["id:N"]).await;
    put(
        service.server,
        name,
        (1..=count).map(|id| json!({"id": {"N": id.to_string()}, "pad": {"S": "p".repeat(400)}})),
    )
    .await;
}

#[tokio::test]
async fn a_busy_service_is_asked_again_until_it_answers() {
    let Some(service) = Service::start(&[("columns.busy", "id bigint, pad varchar".into())]).await else {
        return;
    };
    fill(&service, "busy", 3_000).await;
    let table = service.table("busy").await;
    for (refusal, throttled) in [
        (Refusal::Named(503, "ServiceUnavailable"), false),
        (Refusal::Named(500, "InternalServerError"), false),
        (Refusal::Named(400, "ProvisionedThroughputExceededException"), true),
        (Refusal::Named(400, "ThrottlingException"), true),
        (Refusal::Named(400, "RequestLimitExceeded"), true),
        (Refusal::Named(429, ""), true),
    ] {
        let cx = service.call();
        service.door.refuse(vec![refusal.clone(); 3]);
        let scan = ask::scan(&table, &["id"], Guard::none(), Vec::new());
        let (_, rows) = ask::read(&service.connector, &cx, scan).await.unwrap();
        assert_eq!(numbers(&rows, "id"), (1..=3_000).collect::<Vec<_>>(), "{refusal:?}");
        let counted = cx.counters.snapshot();
        assert_eq!(
            (counted.retries, counted.throttled_ms > 0),
            (3, throttled),
            "{refusal:?}: {counted:?}"
        );
    }
}

#[tokio::test]
async fn a_service_that_stays_busy_is_an_error_in_time() {
    let Some(service) = Service::start(&[("columns.busier", "id bigint, pad varchar".into())]).await else {
        return;
    };
    fill(&service, "busier", 10).await;
    let table = service.table("busier").await;
    let scan = || ask::scan(&table, &["id"], Guard::none(), Vec::new());
    service.door.refuse(vec![Refusal::Named(503, "ServiceUnavailable"); 50]);
    let error = ask::read(&service.connector, &service.call(), scan())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ConnectorErrorKind::Unavailable);
    service.door.relent();
    service
        .door
        .refuse(vec![Refusal::Named(400, "ProvisionedThroughputExceededException"); 500]);
    let mut cx = service.call();
    cx.deadline = Deadline::after(Duration::from_secs(1));
    let started = Instant::now();
    let error = ask::read(&service.connector, &cx, scan()).await.unwrap_err();
    let kind = error.kind();
    assert!(
        matches!(kind, ConnectorErrorKind::Throttled | ConnectorErrorKind::Timeout),
        "{error:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    // What cannot be mended by waiting is told at once.
    service.door.relent();
    for (name, kind) in [
        ("AccessDeniedException", ConnectorErrorKind::AccessDenied),
        ("UnrecognizedClientException", ConnectorErrorKind::Unauthenticated),
        ("ResourceNotFoundException", ConnectorErrorKind::NotFound),
        ("ValidationException", ConnectorErrorKind::InvalidRequest),
    ] {
        service.door.refuse([Refusal::Named(400, name)]);
        let cx = service.call();
        let error = ask::read(&service.connector, &cx, scan()).await.unwrap_err();
        assert_eq!((error.kind(), cx.counters.snapshot().retries), (kind, 0), "{name}");
        assert_eq!(error.status(), Some(name));
    }
}

#[tokio::test]
async fn keys_that_were_left_out_are_fetched_again() {
    let Some(service) = Service::start(&[("columns.left-out", "id bigint, pad varchar".into())]).await else {
        return;
    };
    fill(&service, "left-out", 2_000).await;
    let table = service.table("left-out").await;
    let some = |ids: std::ops::RangeInclusive<i64>| {
        Predicate::Or(
            ids.map(|id| Predicate::compare("id", CompareOp::Eq, ScalarValue::Int64(Some(id))))
                .collect(),
        )
    };
    service.door.refuse(vec![Refusal::Half; 5]);
    let (_, rows, asked) = service
        .read(&table, &["id"], Guard::none(), vec![some(1..=80)])
        .await
        .unwrap();
    assert!(
        asked.len() > 3 && asked.iter().all(|(operation, _)| operation == "BatchGetItem"),
        "{asked:?}"
    );
    assert_eq!(numbers(&rows, "id"), (1..=80).collect::<Vec<_>>());
}

#[tokio::test]
async fn read_units_are_counted_and_kept_to() {
    let Some(service) = Service::start(&[("columns.units", "id bigint, pad varchar".into())]).await else {
        return;
    };
    // 40 units a second are provisioned, of which 20 are ours, with 100 at first.
    let more = json!({"BillingMode": "PROVISIONED", "ProvisionedThroughput": {"ReadCapacityUnits": 40, "WriteCapacityUnits": 1_000}});
    create_with(service.server, "units", &["id:N"], more).await;
    put(
        service.server,
        "units",
        (1..=2_500).map(|id| json!({"id": {"N": id.to_string()}, "pad": {"S": "p".repeat(400)}})),
    )
    .await;
    let table = service.table("units").await;
    let expected = units_of_a_scan(&service).await;
    let started = Instant::now();
    let cx = service.call();
    let scan = || ask::scan(&table, &["id"], Guard::none(), Vec::new());
    let (_, rows) = ask::read(&service.connector, &cx, scan()).await.unwrap();
    let counted = cx.counters.snapshot();
    assert_eq!(rows.num_rows(), 2_500);
    assert_eq!(counted.capacity_milli, expected, "{counted:?}");
    // About 130 units each time: the burst is used up by the first read.
    ask::read(&service.connector, &cx, scan()).await.unwrap();
    let took = started.elapsed();
    assert!(
        took > Duration::from_secs(1) && cx.counters.snapshot().throttled_ms > 500,
        "{took:?}"
    );
}

/// As the server itself says.
async fn units_of_a_scan(service: &Service) -> u64 {
    let mut last = serde_json::Value::Null;
    let mut units = 0.0;
    loop {
        let mut body = json!({"TableName": "units", "ReturnConsumedCapacity": "TOTAL"});
        if !last.is_null() {
            body["ExclusiveStartKey"] = last;
        }
        let answer = call(service.server, "Scan", body).await;
        units += answer["ConsumedCapacity"]["CapacityUnits"].as_f64().unwrap();
        last = answer["LastEvaluatedKey"].clone();
        if last.is_null() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "small and positive"
            )]
            return (units * 1_000.0) as u64;
        }
    }
}
