//! Who may know that there is a view, what its columns are, and what its text says? (D3)

use super::{missing, world};
use lakegate_tests::fixture::{Hidden, Place};

#[tokio::test]
async fn views_are_listed_for_who_may_read_or_describe_them() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    assert_eq!(
        world.rows("alice", "SHOW TABLES").await,
        ["orders", "v_de", "v_def", "v_inv", "v_two"]
    );
    assert_eq!(world.rows("carol", "SHOW TABLES").await, ["orders"]);
    let kinds = "SELECT table_name, table_type FROM lake.information_schema.tables WHERE table_name IN ('orders', 'v_de', 'v_all')";
    assert_eq!(world.rows("alice", kinds).await, ["orders | BASE TABLE", "v_de | VIEW"]);
    let columns =
        "SELECT column_name, ordinal_position FROM lake.information_schema.columns WHERE table_name = 'v_two'";
    assert_eq!(world.rows("alice", columns).await, ["code | 2", "id | 1"]);
    assert_eq!(
        world.ask("alice", "DESCRIBE v_two").await.lines(),
        ["id | bigint | (empty)", "code | varchar | (empty)"]
    );
    assert_eq!(world.rows("alice", "SHOW COLUMNS FROM v_two").await.len(), 2);
    assert_eq!(
        world.refusal("carol", "DESCRIBE v_inv").await.to_string(),
        "table `lake.sales.v_inv` does not exist"
    );
}

#[tokio::test]
async fn the_text_is_for_who_may_describe_the_view_and_all_that_it_reads() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let views = "SELECT table_name, view_definition FROM lake.information_schema.views WHERE table_name LIKE 'v_d%'";
    let describe = |resources: &[&str]| {
        let grant =
            |resource: &&str| format!("  - {{to: \"user:alice\", privileges: [describe], resource: \"{resource}\"}}\n");
        format!(
            "lake: fixture\ngrants:\n{}",
            resources.iter().map(grant).collect::<String>()
        )
    };
    assert_eq!(world.rows("alice", views).await, ["v_de | NULL", "v_def | NULL"]);
    assert_eq!(world.rows("alice", "SHOW CREATE VIEW v_def").await, ["NULL"]);
    world
        .apply(&describe(&["view:lake.sales.v_def", "view:lake.sales.v_two"]), "")
        .await;
    assert_eq!(world.rows("alice", "SHOW CREATE VIEW v_def").await, ["NULL"]);
    world.apply(&describe(&["table:lake.sales.orders"]), "").await;
    assert_eq!(
        world.rows("alice", views).await,
        ["v_de | NULL", "v_def | SELECT * FROM lake.sales.orders"]
    );
    assert_eq!(
        world.rows("alice", "SHOW CREATE VIEW v_def").await,
        ["CREATE VIEW lake.sales.v_def SECURITY DEFINER AS\\nSELECT * FROM lake.sales.orders"]
    );
    // v_two reads v_de, which alice may not describe.
    assert_eq!(world.rows("alice", "SHOW CREATE VIEW v_two").await, ["NULL"]);
    for (user, name) in [("alice", "v_nope"), ("alice", "orders"), ("carol", "v_def")] {
        let refusal = world.refusal(user, &format!("SHOW CREATE VIEW {name}")).await;
        assert_eq!(refusal.to_string(), format!("table `lake.sales.{name}` does not exist"));
    }
    missing(&world, "carol", "v_def").await;
}
