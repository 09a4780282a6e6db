//! Which columns does a table have, and what becomes of values that do not fit them?

use arrow::{
    array::{Array, AsArray},
    datatypes::DataType,
};
use datafusion::common::ScalarValue;
use lakegate_connectors::{
    contract::ask,
    error::ConnectorErrorKind,
    predicate::{CompareOp, Predicate},
    scan::{ColumnRef, Guard},
};
use serde_json::json;

use crate::{
    door::{create, put},
    service::{Service, numbers},
};

#[tokio::test]
async fn columns_are_inferred_from_all_of_the_sample() {
    let Some(service) = Service::start(&[("item_column", "item".into())]).await else {
        return;
    };
    create(service.server, "inferred", &["id:N"]).await;
    let item = |id: i64| {
        let mut item = json!({"id": {"N": id.to_string()}, "name": {"S": format!("n{id}")}, "nothing": {"NULL": true}});
        // Four items would not show these.
        if id == 700 {
            item["rare"] = json!({"M": {"deep": {"L": [{"N": "1.5"}]}}});
        }
        item["mixed"] = if id % 2 == 0 {
            json!({"N": "1"})
        } else {
            json!({"S": "1"})
        };
        item
    };
    put(service.server, "inferred", (1..=800).map(item)).await;
    let table = service.table("inferred").await;
    let types: Vec<(&str, String)> = table
        .schema
        .fields()
        .iter()
        .map(|field| (field.name().as_str(), field.data_type().to_string()))
        .collect();
    assert_eq!(
        types.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["id", "mixed", "name", "rare", "item"]
    );
    assert_eq!((types[0].1.as_str(), types[1].1.as_str()), ("Int64", "Utf8"));
    assert!(
        matches!(table.schema.field(3).data_type(), DataType::Struct(_)),
        "{types:?}"
    );
    let (_, rows, _) = service.read(&table, &[], Guard::none(), Vec::new()).await.unwrap();
    assert_eq!(numbers(&rows, "id"), (1..=800).collect::<Vec<_>>());
    let mixed = rows.column_by_name("mixed").unwrap().as_string::<i32>();
    assert!((0..800).all(|row| matches!(mixed.value(row), "1" | "\"1\"")));
    let whole = rows.column_by_name("item").unwrap().as_string::<i32>();
    assert!(
        (0..800).all(|row| whole.value(row) == r#"{"nothing":null}"#),
        "{}",
        whole.value(0)
    );
    assert_eq!(rows.column_by_name("rare").unwrap().null_count(), 799);
}

#[tokio::test]
async fn an_empty_table_has_its_keys() {
    let Some(service) = Service::start(&[]).await else {
        return;
    };
    create(service.server, "empty", &["id:S", "no:N"]).await;
    let table = service.table("empty").await;
    let names: Vec<&String> = table.schema.fields().iter().map(|field| field.name()).collect();
    assert_eq!(names, ["id", "no"]);
    assert_eq!(
        service
            .read(&table, &[], Guard::none(), Vec::new())
            .await
            .unwrap()
            .1
            .num_rows(),
        0
    );
}

#[tokio::test]
async fn a_table_that_was_made_again_is_another_one() {
    let Some(service) = Service::start(&[]).await else {
        return;
    };
    create(service.server, "again", &["id:S"]).await;
    let first = service.table("again").await.version;
    crate::door::call(service.server, "DeleteTable", json!({"TableName": "again"})).await;
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    create(service.server, "again", &["id:S"]).await;
    let second = service.table("again").await.version;
    assert!(
        first.is_some() && second.is_some() && first != second,
        "{first:?} {second:?}"
    );
}

#[tokio::test]
async fn a_misfit_is_an_error_or_null() {
    let options = |lenient: &str| {
        [
            ("columns.misfits", "id bigint, n bigint".into()),
            ("on_mismatch", lenient.into()),
        ]
    };
    let Some(strict) = Service::start(&options("error")).await else {
        return;
    };
    create(strict.server, "misfits", &["id:N"]).await;
    let items = [
        json!({"N": "1"}),
        json!({"S": "x"}),
        json!({"N": "1.5"}),
        json!({"NULL": true}),
    ];
    put(
        strict.server,
        "misfits",
        (1..)
            .zip(items)
            .map(|(id, n)| json!({"id": {"N": id.to_string()}, "n": n})),
    )
    .await;
    let table = strict.table("misfits").await;
    let error = strict.read(&table, &[], Guard::none(), Vec::new()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.detail()),
        (ConnectorErrorKind::SourceFailed, Some("table `misfits`, column `n`"))
    );

    let lenient = Service::start(&options("null")).await.unwrap();
    let table = lenient.table("misfits").await;
    let (_, rows, _) = lenient.read(&table, &[], Guard::none(), Vec::new()).await.unwrap();
    assert_eq!(
        (rows.num_rows(), rows.column_by_name("n").unwrap().null_count()),
        (4, 3)
    );
    // What is read as NULL is asked as NULL: the service could not tell.
    let null = vec![Predicate::IsNull {
        column: ColumnRef::of("n"),
        negated: false,
    }];
    let (_, rows, _) = lenient.read(&table, &[], Guard::none(), null.clone()).await.unwrap();
    assert_eq!(ask::passing(&rows, &null).unwrap(), [2, 3, 4]);
}

#[tokio::test]
async fn a_key_is_declared_as_it_is() {
    let Some(service) = Service::start(&[("columns.wrong-key", "id varchar".into())]).await else {
        return;
    };
    create(service.server, "wrong-key", &["id:N"]).await;
    let error = ask::table(&service.connector, &service.call(), "default", "wrong-key")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ConnectorErrorKind::InvalidRequest);
    assert!(error.to_string().contains("key `id` is of type N"), "{error}");
}

/// The service compares a key as the number that it is, which here is read as NULL.
#[tokio::test]
async fn a_key_that_is_read_as_null_is_asked_as_null() {
    let options = [
        ("columns.odd-keys", "id bigint, n bigint".into()),
        ("on_mismatch", "null".into()),
    ];
    let Some(service) = Service::start(&options).await else {
        return;
    };
    create(service.server, "odd-keys", &["id:N"]).await;
    put(
        service.server,
        "odd-keys",
        ["1", "1.5", "2"].map(|id| json!({"id": {"N": id}, "n": {"N": "1"}})),
    )
    .await;
    let table = service.table("odd-keys").await;
    let other = vec![Predicate::compare("id", CompareOp::NotEq, ScalarValue::Int64(Some(2)))];
    let (planned, rows, _) = service
        .read(&table, &["id"], Guard::none(), other.clone())
        .await
        .unwrap();
    let left = ask::residual(&planned, &Predicate::True, &other).unwrap();
    assert_eq!(ask::passing(&rows, &left).unwrap(), [1]);
    assert_eq!(rows.num_rows() - rows.column(0).null_count(), 1);
    let kept = Predicate::And(left).evaluate(&rows).unwrap().true_count();
    assert_eq!(kept, 1);
}
