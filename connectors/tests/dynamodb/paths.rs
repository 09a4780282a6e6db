//! On which way are items read? The server's door tells which operations were asked, and what of them.

use std::sync::Arc;

use arrow::array::{Int64Array, StringArray};
use datafusion::common::ScalarValue;
use lakegate_connectors::{
    capability::{LimitVerdict, Pushdown},
    contract::ask,
    predicate::{CompareOp, LikePattern, Predicate},
    scan::{ColumnRef, Guard},
};
use serde_json::{Value, json};

use crate::{
    door::{create, create_with, put},
    service::{Service, numbers, operations},
};

fn is(column: &str, value: impl Into<ScalarValue>) -> Predicate {
    Predicate::compare(column, CompareOp::Eq, value.into())
}

fn one_of(column: &str, values: impl IntoIterator<Item = i64>) -> Predicate {
    Predicate::InSet {
        column: ColumnRef::of(column),
        values: Arc::new(Int64Array::from_iter_values(values)),
        or_null: false,
    }
}

/// 400 orders of four customers, 2 KB each: a scan reads 800 KB.
async fn orders(service: &Service, name: &str) {
    let index = |name: &str, keys: &[(&str, &str)], projection: Value| {
        let schema: Vec<Value> = keys
            .iter()
            .map(|(name, kind)| json!({"AttributeName": name, "KeyType": kind}))
            .collect();
        json!({"IndexName": name, "KeySchema": schema, "Projection": projection})
    };
    let more = json!({
        "AttributeDefinitions": [{"AttributeName": "status", "AttributeType": "S"}, {"AttributeName": "at", "AttributeType": "N"}],
        "GlobalSecondaryIndexes": [
            index("by_status", &[("status", "HASH"), ("at", "RANGE")], json!({"ProjectionType": "INCLUDE", "NonKeyAttributes": ["note"]})),
        ],
        "LocalSecondaryIndexes": [index("by_at", &[("customer", "HASH"), ("at", "RANGE")], json!({"ProjectionType": "ALL"}))],
    });
    create_with(service.server, name, &["customer:S", "id:N"], more).await;
    let order = |id: i64| {
        let mut item = json!({"customer": {"S": format!("c{}", id % 4)}, "id": {"N": id.to_string()}, "pad": {"S": "p".repeat(2_000)},
            "note": {"S": format!("n{id}")}, "at": {"N": (id * 10).to_string()}});
        if id % 5 != 0 {
            item["status"] = json!({"S": if id % 40 == 1 { "open" } else { "done" }});
        }
        // Not in the index by status, whose sort attribute it lacks.
        if id == 41 {
            item.as_object_mut().unwrap().remove("at");
        }
        item
    };
    put(service.server, name, (1..=400).map(order)).await;
}

const COLUMNS: &str = "customer varchar, id bigint, status varchar, at bigint, note varchar, pad varchar";

#[tokio::test]
async fn keys_are_fetched_and_never_scanned() {
    let Some(service) = Service::start(&[("columns.orders-keys", COLUMNS.into())]).await else {
        return;
    };
    orders(&service, "orders-keys").await;
    let table = service.table("orders-keys").await;
    // Three full keys, one of them twice and one of nobody; the last condition is asked of the keys, too.
    let filter = vec![
        is("customer", "c1"),
        one_of("id", [1, 5, 1, 9, 4_000]),
        Predicate::compare("id", CompareOp::NotEq, ScalarValue::Int64(Some(9))),
    ];
    let (planned, rows, asked) = service.read(&table, &["id"], Guard::none(), filter).await.unwrap();
    assert_eq!(operations(&asked), ["BatchGetItem"]);
    assert_eq!(
        asked[0].1["RequestItems"]["orders-keys"]["Keys"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(planned.filter, [Pushdown::Exact; 3]);
    assert_eq!(numbers(&rows, "id"), [1, 5]);

    // 150 keys are two requests.
    let filter = vec![is("customer", "c1"), one_of("id", 1..=150)];
    let (_, rows, asked) = service.read(&table, &["id"], Guard::none(), filter).await.unwrap();
    assert_eq!(operations(&asked), ["BatchGetItem"; 2]);
    assert_eq!(rows.num_rows(), 38);

    // So many that reading everything is cheaper.
    let filter = vec![is("customer", "c1"), one_of("id", 1..=5_000)];
    let (_, rows, asked) = service.read(&table, &["id"], Guard::none(), filter).await.unwrap();
    assert!(
        !operations(&asked).contains(&"BatchGetItem"),
        "{:?}",
        operations(&asked)
    );
    assert_eq!(ask::passing(&rows, &[]).unwrap().len(), 100);
}

/// An answer ends at a megabyte, whatever is left.
#[tokio::test]
async fn pages_are_followed_to_the_end() {
    let Some(service) = Service::start(&[("columns.orders-pages", COLUMNS.into())]).await else {
        return;
    };
    create(service.server, "orders-pages", &["customer:S", "id:N"]).await;
    let pad = "p".repeat(4_000);
    let order = |id: i64| json!({"customer": {"S": "c"}, "id": {"N": id.to_string()}, "pad": {"S": pad}});
    put(service.server, "orders-pages", (1..=800).map(order)).await;
    let table = service.table("orders-pages").await;
    let all: Vec<i64> = (1..=800).collect();
    for (filter, operation) in [(vec![is("customer", "c")], "Query"), (Vec::new(), "Scan")] {
        let (_, rows, asked) = service.read(&table, &["id"], Guard::none(), filter).await.unwrap();
        assert_eq!(numbers(&rows, "id"), all, "{operation}");
        let asked = operations(&asked);
        assert!(
            asked.len() > 2 && asked.iter().all(|one| *one == operation),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn a_hash_key_is_queried_with_its_range() {
    let Some(service) = Service::start(&[("columns.orders-query", COLUMNS.into())]).await else {
        return;
    };
    orders(&service, "orders-query").await;
    let table = service.table("orders-query").await;
    let number = |op, value: i64| Predicate::compare("id", op, ScalarValue::Int64(Some(value)));
    for (conditions, verdicts, condition, rows) in [
        (vec![number(CompareOp::Gt, 393)], vec![Pushdown::Exact], ">", 1),
        (
            vec![number(CompareOp::GtEq, 393), number(CompareOp::LtEq, 397)],
            vec![Pushdown::Exact; 2],
            "BETWEEN",
            2,
        ),
        (
            vec![number(CompareOp::Gt, 393), number(CompareOp::LtEq, 397)],
            vec![Pushdown::Inexact, Pushdown::Exact],
            "BETWEEN",
            1,
        ),
    ] {
        let mut filter = vec![is("customer", "c1")];
        filter.extend(conditions);
        let (planned, found, asked) = service
            .read(&table, &["id"], Guard::none(), filter.clone())
            .await
            .unwrap();
        assert_eq!(operations(&asked), ["Query"]);
        let text = asked[0].1["KeyConditionExpression"].as_str().unwrap();
        assert!(
            text.contains(condition) && !text.contains("c1") && !text.contains("customer"),
            "{text}"
        );
        assert_eq!(planned.filter[1..], verdicts);
        assert_eq!(ask::passing(&found, &filter[1..]).unwrap().len(), rows);
    }
    // A filter beside the key, of which the engine keeps its part.
    let filter = vec![is("customer", "c1"), is("status", "open")];
    let (planned, rows, asked) = service
        .read(&table, &["id", "customer"], Guard::none(), filter)
        .await
        .unwrap();
    assert_eq!(operations(&asked), ["Query"]);
    assert_eq!(planned.filter, [Pushdown::Exact, Pushdown::Inexact]);
    assert_eq!(numbers(&rows, "id"), (0..10).map(|i| i * 40 + 1).collect::<Vec<_>>());
    // Conditions on the key that a Query's filter may not name stay with the engine.
    let filter = vec![is("customer", "c1"), number(CompareOp::NotEq, 1)];
    let (planned, _, asked) = service.read(&table, &["id"], Guard::none(), filter).await.unwrap();
    assert_eq!(
        (operations(&asked), planned.filter),
        (vec!["Query"], vec![Pushdown::Exact, Pushdown::Unsupported])
    );
}

#[tokio::test]
async fn an_index_is_read_where_it_has_all_that_is_asked() {
    let Some(service) = Service::start(&[("columns.orders-index", COLUMNS.into())]).await else {
        return;
    };
    orders(&service, "orders-index").await;
    let table = service.table("orders-index").await;
    let at = |negated| Predicate::IsNull {
        column: ColumnRef::of("at"),
        negated,
    };
    let open = || is("status", "open");
    let index = |asked: &[(String, Value)]| asked[0].1["IndexName"].as_str().map(str::to_owned);
    // Order 41 has no `at` and is not in the index.
    let filter = vec![open(), at(true)];
    let (_, rows, asked) = service
        .read(&table, &["id", "note"], Guard::none(), filter)
        .await
        .unwrap();
    assert_eq!(
        (operations(&asked), index(&asked).as_deref()),
        (vec!["Query"], Some("by_status"))
    );
    assert_eq!(rows.num_rows(), 9);
    let filter = vec![
        open(),
        Predicate::compare("at", CompareOp::Lt, ScalarValue::Int64(Some(2_000))),
    ];
    let (planned, rows, asked) = service.read(&table, &["id"], Guard::none(), filter).await.unwrap();
    assert_eq!(
        (index(&asked).as_deref(), planned.filter),
        (Some("by_status"), vec![Pushdown::Exact; 2])
    );
    assert_eq!(numbers(&rows, "id"), [1, 81, 121, 161]);
    // Without a condition on `at` the index lacks an order, and `pad` it has not.
    for (columns, filter, count) in [
        (["id", "note"], vec![open()], 10),
        (["id", "pad"], vec![open(), at(true)], 9),
    ] {
        let (_, rows, asked) = service
            .read(&table, &columns, Guard::none(), filter.clone())
            .await
            .unwrap();
        assert_eq!((asked[0].0.as_str(), index(&asked)), ("Scan", None), "{columns:?}");
        assert_eq!(rows.num_rows(), count, "{columns:?}");
    }
    // An attribute that is only asked must be there as well.
    let filter = vec![open(), at(true), is("pad", "x")];
    let (_, _, asked) = service.read(&table, &["id"], Guard::none(), filter).await.unwrap();
    assert_eq!(asked[0].0, "Scan");
    // The local index, for its sort attribute.
    let filter = vec![is("customer", "c1"), is("at", 10_i64)];
    let (_, rows, asked) = service
        .read(&table, &["id", "pad"], Guard::none(), filter)
        .await
        .unwrap();
    assert_eq!(
        (index(&asked).as_deref(), numbers(&rows, "id")),
        (Some("by_at"), vec![1])
    );
}

#[tokio::test]
async fn names_and_values_never_stand_in_an_expression() {
    let Some(service) = Service::start(&[]).await else {
        return;
    };
    create(service.server, "odd-names", &["size:S"]).await;
    let items = ["a", "b"].map(|id| json!({"size": {"S": id}, "the name": {"S": "x' OR #0"}, "a.b[0]": {"S": "y"}, ":v": {"N": "1"}, "#n": {"N": "2"}}));
    put(service.server, "odd-names", items).await;
    let table = service.table("odd-names").await;
    let prefix = Predicate::Like {
        column: ColumnRef::of("a.b[0]"),
        pattern: LikePattern::parse("y%", None).unwrap(),
    };
    let filter = vec![is("the name", "x' OR #0"), prefix, is(":v", 1_i64), is("#n", 2_i64)];
    let (planned, rows, asked) = service.read(&table, &[], Guard::none(), filter).await.unwrap();
    assert_eq!((rows.num_rows(), planned.filter), (2, vec![Pushdown::Inexact; 4]));
    let body = &asked[0].1;
    for expression in ["FilterExpression", "ProjectionExpression"] {
        let text = body[expression].as_str().unwrap();
        let plain = |c: char| c.is_ascii_alphanumeric() || " #:,=()_".contains(c);
        assert!(
            text.chars().all(plain) && !text.contains("name") && !text.contains('x'),
            "{text}"
        );
    }
}

/// 4 KB, 300 operators, 100 members of a list: what does not fit stays with the engine.
#[tokio::test]
async fn limits_of_expressions_are_kept() {
    let Some(service) = Service::start(&[]).await else {
        return;
    };
    create(service.server, "limits", &["id:S"]).await;
    put(
        service.server,
        "limits",
        (0..300).map(|i| json!({"id": {"S": format!("k{i}")}, "n": {"N": i.to_string()}, "t": {"S": format!("t{i}")}})),
    )
    .await;
    let table = service.table("limits").await;
    let texts = |count: usize| Predicate::InSet {
        column: ColumnRef::of("t"),
        values: Arc::new(StringArray::from_iter_values((0..count).map(|i| format!("t{i}")))),
        or_null: false,
    };
    for (count, verdict) in [
        (100, Pushdown::Inexact),
        (101, Pushdown::Inexact),
        (250, Pushdown::Inexact),
        (300, Pushdown::Unsupported),
    ] {
        let (planned, rows, _) = service
            .read(&table, &["id", "t"], Guard::none(), vec![texts(count)])
            .await
            .unwrap();
        assert_eq!(planned.filter, [verdict], "{count}");
        assert!(rows.num_rows() >= count);
    }
    let deep = (0..60).fold(is("n", 1_i64), |inner, _| Predicate::Not(Box::new(inner)));
    let wide = Predicate::Or((0..200).map(|i| is("n", i)).collect());
    let many: Vec<Predicate> = (0..200)
        .map(|i| Predicate::compare("n", CompareOp::NotEq, ScalarValue::Int64(Some(i))))
        .collect();
    let (planned, _, _) = service
        .read(&table, &["id"], Guard::none(), vec![deep, wide.clone(), wide])
        .await
        .unwrap();
    assert_eq!(planned.filter[0], Pushdown::Unsupported);
    let (planned, rows, _) = service.read(&table, &["id"], Guard::none(), many).await.unwrap();
    let applied = planned.filter.iter().filter(|one| **one == Pushdown::Inexact).count();
    assert!(
        (50..200).contains(&applied) && rows.num_rows() == 300 - applied,
        "{applied} {}",
        rows.num_rows()
    );
    // A key is never empty, and asking so is refused by the service.
    for condition in [
        is("id", ""),
        Predicate::compare("id", CompareOp::Gt, ScalarValue::from("")),
    ] {
        service
            .read(&table, &["id"], Guard::none(), vec![condition])
            .await
            .unwrap();
    }
    // Bounds that are the wrong way round are no error.
    let between = Predicate::Between {
        column: ColumnRef::of("n"),
        low: ScalarValue::Int64(Some(9)).into(),
        high: ScalarValue::Int64(Some(3)).into(),
    };
    assert_eq!(
        service
            .read(&table, &["id"], Guard::none(), vec![between])
            .await
            .unwrap()
            .1
            .num_rows(),
        0
    );
}

#[tokio::test]
async fn a_limit_evaluates_no_more_than_it_wants() {
    let Some(service) = Service::start(&[("columns.orders-limit", COLUMNS.into())]).await else {
        return;
    };
    orders(&service, "orders-limit").await;
    let table = service.table("orders-limit").await;
    let mut scan = ask::scan(&table, &["id"], Guard::none(), vec![is("customer", "c1")]);
    scan.limit = Some(3);
    let cx = service.call();
    service.door.bodies();
    let (planned, rows) = ask::read(&service.connector, &cx, scan).await.unwrap();
    assert_eq!((planned.limit, rows.num_rows()), (LimitVerdict::PerSplit, 3));
    assert_eq!(service.door.bodies()[0].1["Limit"], 3);
    assert!(
        cx.counters.snapshot().capacity_milli <= 1_000,
        "{:?}",
        cx.counters.snapshot()
    );
    // Below a condition that is not the source's own, every item may be the one.
    let mut scan = ask::scan(&table, &["id"], Guard::none(), vec![is("status", "open")]);
    scan.limit = Some(3);
    let (planned, _) = ask::read(&service.connector, &cx, scan).await.unwrap();
    assert_eq!(planned.limit, LimitVerdict::Unsupported);
    assert!(service.door.bodies().iter().all(|(_, body)| body["Limit"].is_null()));
}
