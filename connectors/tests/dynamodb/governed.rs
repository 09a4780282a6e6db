//! Does a guard hold on a source that cannot evaluate it exactly? It is judged before an item is decoded.

use datafusion::common::ScalarValue;
use lakegate_connectors::{
    capability::Pushdown,
    predicate::{CompareOp, Predicate},
    scan::{ColumnRef, Guard},
};
use serde_json::{Value, json};

use crate::{
    door::{create, put},
    service::{Service, guard, numbers, operations},
};

const COLUMNS: &str = "id bigint, owner varchar, odd bigint, note varchar";

async fn fill(service: &Service, name: &str) {
    create(service.server, name, &["id:N"]).await;
    let item = |id: i64| -> Value {
        let mut item = json!({"id": {"N": id.to_string()}, "odd": {"N": "1"}, "note": {"S": "x".repeat(2_000)}});
        match id % 5 {
            0 => {}
            1 => item["owner"] = json!({"NULL": true}),
            2 => item["owner"] = json!({"N": "7"}),
            3 => item["owner"] = json!({"S": "bo"}),
            _ => item["owner"] = json!({"S": "ana"}),
        }
        // Every hidden item is broken.
        if id % 5 != 4 {
            item["odd"] = json!({"S": "broken"});
        }
        item
    };
    put(service.server, name, (1..=100).map(item)).await;
}

fn owner(op: CompareOp, name: &str) -> Predicate {
    Predicate::compare("owner", op, ScalarValue::from(name))
}

fn all_of_ana() -> Vec<i64> {
    (1..=100).filter(|id| id % 5 == 4).collect()
}

#[tokio::test]
async fn hidden_items_are_neither_sent_on_nor_decoded() {
    let Some(service) = Service::start(&[("columns.guarded", COLUMNS.into())]).await else {
        return;
    };
    fill(&service, "guarded").await;
    let table = service.table("guarded").await;
    let nobody = Predicate::IsNull {
        column: ColumnRef::of("owner"),
        negated: false,
    };
    let not_bo = || owner(CompareOp::NotEq, "bo");
    let negated = Predicate::Not(Box::new(owner(CompareOp::Eq, "bo")));
    for rows in [
        owner(CompareOp::Eq, "ana"),
        not_bo(),
        negated,
        Predicate::And(vec![not_bo(), owner(CompareOp::LtEq, "b")]),
    ] {
        let told = format!("{rows:?}");
        // The guard's column need not be among those that are read.
        let (planned, found, _) = service
            .read(&table, &["id", "odd"], guard(rows), Vec::new())
            .await
            .unwrap();
        assert_eq!(
            (planned.guard, numbers(&found, "id")),
            (Pushdown::Exact, all_of_ana()),
            "{told}"
        );
    }
    // Items without an owner, or with one that is no text, belong to no rule about NULL: only what says NULL does.
    let (_, found, _) = service.read(&table, &["id"], guard(nobody), Vec::new()).await.unwrap();
    assert_eq!(
        numbers(&found, "id"),
        (1..=100).filter(|id| id % 5 == 1).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_key_is_fetched_below_a_guard() {
    let Some(service) = Service::start(&[("columns.guarded-keys", COLUMNS.into())]).await else {
        return;
    };
    fill(&service, "guarded-keys").await;
    let table = service.table("guarded-keys").await;
    for (id, visible) in [(4_i64, vec![4]), (3, vec![]), (2, vec![]), (5, vec![]), (999, vec![])] {
        let key = Predicate::compare("id", CompareOp::Eq, ScalarValue::Int64(Some(id)));
        let (planned, rows, asked) = service
            .read(&table, &["id", "odd"], guard(owner(CompareOp::Eq, "ana")), vec![key])
            .await
            .unwrap();
        assert_eq!(
            (operations(&asked), planned.filter),
            (vec!["BatchGetItem"], vec![Pushdown::Exact])
        );
        assert_eq!(numbers(&rows, "id"), visible, "{id}");
    }
}

#[tokio::test]
async fn what_a_mask_hides_is_not_asked() {
    let Some(service) = Service::start(&[("columns.masked", COLUMNS.into())]).await else {
        return;
    };
    fill(&service, "masked").await;
    let table = service.table("masked").await;
    let masked = Guard {
        rows: Predicate::True,
        masks: vec![(
            lakegate_connectors::scan::ColumnId::new("id"),
            lakegate_connectors::scan::MaskExpr {
                function: "null".into(),
                arguments: Vec::new(),
            },
        )],
    };
    let key = Predicate::compare("id", CompareOp::Eq, ScalarValue::Int64(Some(4)));
    let (planned, rows, asked) = service.read(&table, &["id"], masked, vec![key]).await.unwrap();
    assert_eq!(planned.filter, [Pushdown::Unsupported]);
    assert_eq!((asked[0].0.as_str(), rows.num_rows()), ("Scan", 100));
}
