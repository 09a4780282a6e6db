//! Are there exactly the rows of the policy, whatever happens to the source? (governance.md §9.4, C; C2 and C3 are in `statements`)

use lakegate_catalog::change::{ChangeSet, Put};
use lakegate_catalog::object::Stored;
use lakegate_query::error::ErrorCode;
use lakegate_tests::{
    files,
    fixture::Place,
    governance::{
        oracle::{self, Complaints, Recorded},
        seen::{Look, Seen},
    },
    sqlite,
    world::World,
};

use crate::stage::Stage;

const ORDERS: &str = "SELECT id FROM orders";

/// What was known of the source is asked for again.
async fn forget(world: &World) {
    let snapshot = world.store.snapshot().await.unwrap();
    let mut connection = Stored::clone(snapshot.find_connection("crm").unwrap());
    let path = connection.body.options.get_mut("path").unwrap();
    *path = format!("./{}", path.as_str().unwrap()).into();
    let change = ChangeSet {
        puts: vec![Put::update(&connection).unwrap()],
        principal: "test".to_owned(),
        ..ChangeSet::default()
    };
    world.store.commit(change).await.unwrap();
}

/// O7: the column that a filter reads is renamed, dropped or of another type at the source: one generic denial until it is
/// repaired.
pub async fn c1_a_source_that_drifts_is_closed(stage: &Stage) -> Complaints {
    if stage.place != Place::Sqlite {
        return Vec::new();
    }
    let world = &stage.one;
    let mut complaints = Vec::new();
    let crm = world.path("crm.sqlite");
    let healthy = world.rows("alice", ORDERS).await;
    let mut told = Vec::new();
    for (change, repair) in [
        ("RENAME COLUMN region TO area", "RENAME COLUMN area TO region"),
        ("RENAME COLUMN ssn TO social", "RENAME COLUMN social TO ssn"),
    ] {
        sqlite::execute(&crm, &format!("ALTER TABLE orders {change}")).await;
        forget(world).await;
        complaints.extend(oracle::denied(world, "alice", ORDERS, ErrorCode::MissingColumn).await);
        told.push(world.refusal("alice", ORDERS).await.to_string());
        sqlite::execute(&crm, &format!("ALTER TABLE orders {repair}")).await;
        forget(world).await;
        assert_eq!(world.rows("alice", ORDERS).await, healthy);
    }
    // Another type, and none.
    for change in [
        "CREATE TABLE other AS SELECT id, tenant, CAST(1 AS INTEGER) AS region, customer, ssn, email, amount, qty, code, note, \
         legal_hold, ts FROM orders",
        "CREATE TABLE other AS SELECT id, tenant, customer, ssn, email, amount, qty, code, note, legal_hold, ts FROM orders",
    ] {
        let statements = format!("{change}; ALTER TABLE orders RENAME TO kept; ALTER TABLE other RENAME TO orders");
        sqlite::execute(&crm, &statements).await;
        forget(world).await;
        let error = world.refusal("alice", ORDERS).await;
        assert!(!error.to_string().contains("region"), "{error}");
        told.push(error.to_string());
        sqlite::execute(&crm, "DROP TABLE orders; ALTER TABLE kept RENAME TO orders").await;
        forget(world).await;
        assert_eq!(world.rows("alice", ORDERS).await, healthy);
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    complaints
}

/// The same for a file of Parquet beside the others, whatever the user's own predicates leave of it.
pub async fn c1_a_file_that_drifts_closes_the_table(stage: &Stage) -> Complaints {
    if stage.place != Place::Parquet {
        return Vec::new();
    }
    let world = &stage.one;
    let mut complaints = Vec::new();
    let extra = world.path("data/sales/orders/c-extra.parquet");
    for (columns, rows) in [("id bigint, tenant varchar", "1,t1"), ("id bigint, region int", "1,5")] {
        files::parquet(&extra, columns, rows);
        for sql in [
            ORDERS,
            "SELECT id FROM orders WHERE id < 0",
            "SELECT count(*) FROM orders",
            "SELECT id FROM orders LIMIT 1",
        ] {
            complaints.extend(oracle::denied(world, "alice", sql, ErrorCode::MissingColumn).await);
            let error = world.refusal("alice", sql).await;
            assert!(!error.to_string().contains("region"), "{error}");
        }
        std::fs::remove_file(&extra).unwrap();
        assert_eq!(world.rows("alice", ORDERS).await, ["1", "2", "3"]);
    }
    complaints
}

/// amy sees rows of her regions, as a mapping says; what a statement calls by the mapping's name is another thing.
pub async fn c4_a_mapping_is_not_captured(stage: &Stage) -> Complaints {
    let mut complaints = Vec::new();
    for sql in [
        "SELECT count(*) FROM orders",
        "WITH user_regions AS (SELECT 'amy' AS user_id, 'US' AS region) SELECT count(*) FROM orders",
        "WITH lake AS (SELECT 1), gov AS (SELECT 'US' AS region) SELECT count(*) FROM orders",
        "SELECT count(*) FROM orders, (SELECT 'amy' AS user_id, 'US' AS region) AS user_regions",
    ] {
        let [one, other] = stage.worlds();
        let one = Seen::of(one, "amy", sql, Look::AnswerAndPlan).await;
        let other = Seen::of(other, "amy", sql, Look::AnswerAndPlan).await;
        complaints.extend(oracle::indistinguishable(sql, &one, &other));
        complaints.extend(oracle::no_canary(&stage.one, sql, &one));
        complaints.extend(oracle::diff(&stage.one, &one, sql, "alice_copy").await);
        let expected = Recorded {
            user: "amy",
            filters: [1, 1],
            masks: &[("email", "sha-256-query-local")],
            hidden: &[],
            ..Recorded::alice(".orders")
        };
        complaints.extend(oracle::audited(&stage.one, sql, &one, expected).await);
        assert_eq!(one.outcome(), Ok(["3".to_owned()].as_slice()), "{sql}");
    }
    // The mapping itself stays hidden from those whose rows it decides about.
    let mapping = "SELECT * FROM lake.gov.user_regions";
    complaints.extend(oracle::same_404(&stage.one, "amy", mapping, ["user_regions", "user_religions"]).await);
    complaints
}

/// Attributes are bound as values; an absent or empty one opens nothing.
pub async fn c5_an_attribute_is_a_value(stage: &Stage) -> Complaints {
    assert_eq!(stage.one.rows("sly", ORDERS).await, Vec::<String>::new());
    assert_eq!(stage.one.rows("right", ORDERS).await.len(), 8);
    Vec::new()
}

pub async fn c6_no_attribute_opens_nothing(stage: &Stage) -> Complaints {
    for who in ["empty", "tagless"] {
        for sql in ["SELECT * FROM orders", ORDERS] {
            assert_eq!(stage.one.rows(who, sql).await, Vec::<String>::new(), "{who} {sql}");
        }
        let count = "SELECT count(*) FROM orders";
        assert_eq!(stage.one.rows(who, count).await, ["0"], "{who}");
    }
    Vec::new()
}
