//! What happens to those who could read when grants, tables or sources change? (governance.md P6, P8, C1, F1, F4)

use lakegate::lake::ApplyOptions;
use lakegate_query::error::ErrorCode;
use lakegate_tests::{
    files,
    fixture::{self, Hidden, Place},
    sqlite,
    world::World,
};

const TABLE: &str = "lake: own\nconnections:\n  files: {connector: files, options: {root: \"./data\"}}\ncatalogs:\n  lake: \
                     {connection: files, default: true}\ndatabases:\n  lake.t: {location: \"t/\"}\nusers:\n  eve: {}\n";

fn table(columns: &str, rest: &str) -> String {
    format!("{TABLE}tables:\n  lake.t.x: {{format: parquet, location: \"x/\", columns: [{columns}]{rest}}}\n")
}

const ID_AND_REGION: &str = "{name: id, type: bigint}, {name: region, type: varchar}";
const FILTER: &str = ", filters: {de: {where: \"region = 'DE'\"}}";
const GRANT: &str =
    "grants:\n  - {to: \"user:eve\", privileges: [select-filtered], resource: \"filter:lake.t.x/de\"}\n";

async fn filtered() -> World {
    let world = World::new().await;
    files::parquet(
        &world.path("data/t/x/a.parquet"),
        "id bigint, region varchar",
        "1,DE\n2,US",
    );
    world.apply(&(table(ID_AND_REGION, FILTER) + GRANT), "").await;
    world
}

/// F1: a revoked grant binds the next statement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_grant_binds_the_next_statement() {
    let world = filtered().await;
    assert_eq!(world.rows("eve", "SELECT * FROM x").await, ["1 | DE"]);
    let prune = ApplyOptions {
        prune: true,
        ..ApplyOptions::default()
    };
    world
        .apply_with(&table(ID_AND_REGION, FILTER), "", prune)
        .await
        .unwrap();
    assert_eq!(
        world.refusal("eve", "SELECT * FROM x").await.code,
        ErrorCode::TableNotFound
    );
    world.apply(&(table(ID_AND_REGION, FILTER) + GRANT), "").await;
    assert_eq!(world.rows("eve", "SELECT * FROM x").await, ["1 | DE"]);
}

/// P1: without its last filter nothing opens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_last_filter_opens_nothing() {
    let world = filtered().await;
    let prune = ApplyOptions {
        prune: true,
        ..ApplyOptions::default()
    };
    world.apply_with(&table(ID_AND_REGION, ""), "", prune).await.unwrap();
    assert_eq!(
        world.refusal("eve", "SELECT * FROM x").await.code,
        ErrorCode::TableNotFound
    );
}

/// F4: a table of the same name is another table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recreated_table_inherits_nothing() {
    let world = World::new().await;
    files::parquet(
        &world.path("data/t/x/a.parquet"),
        "id bigint, region varchar",
        "1,DE\n2,US",
    );
    let cedar = "@id(\"eve.x\")\npermit(principal == Lakegate::User::\"eve\", action == Lakegate::Action::\"Select\", \
                 resource in Lakegate::Table::\"lake.t.x\");\n";
    world.apply(&table(ID_AND_REGION, ""), cedar).await;
    assert_eq!(world.ask("eve", "SELECT * FROM x").await.len(), 2);
    let prune = ApplyOptions {
        prune: true,
        ..ApplyOptions::default()
    };
    world.apply_with(TABLE, cedar, prune).await.unwrap();
    assert_eq!(
        world.refusal("eve", "SELECT * FROM x").await.code,
        ErrorCode::TableNotFound
    );
    world.apply(&table(ID_AND_REGION, ""), cedar).await;
    assert_eq!(
        world.refusal("eve", "SELECT * FROM x").await.code,
        ErrorCode::TableNotFound
    );
}

/// C1: a source that no longer has a policy's column denies the whole statement, whatever it asks, until repaired.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_without_a_policy_column_denies() {
    let world = filtered().await;
    files::parquet(&world.path("data/t/x/b.parquet"), "id bigint", "3");
    let mut refusals = Vec::new();
    for sql in [
        "SELECT id FROM x",
        "SELECT count(*) FROM x",
        "SELECT id FROM x WHERE id = 1",
        "SELECT id FROM x LIMIT 0",
        "SELECT id FROM x WHERE false",
    ] {
        let Err(refusal) = world.outcome("eve", sql).await else {
            continue;
        };
        assert!(
            !refusal.1.contains("region") && !refusal.1.contains("b.parquet"),
            "{refusal:?}"
        );
        refusals.push(refusal);
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    std::fs::remove_file(world.path("data/t/x/b.parquet")).unwrap();
    assert_eq!(world.rows("eve", "SELECT id FROM x").await, ["1"]);
}

/// Its owner may declare that an absent policy column is NULL: then the filter decides, and NULL is not `DE`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_absent_policy_column_may_be_declared_null() {
    let world = World::new().await;
    files::parquet(
        &world.path("data/t/x/a.parquet"),
        "id bigint, region varchar",
        "1,DE\n2,US",
    );
    files::parquet(&world.path("data/t/x/b.parquet"), "id bigint", "3");
    let rest = format!("{FILTER}, absent_policy_columns: \"null\"");
    world.apply(&(table(ID_AND_REGION, &rest) + GRANT), "").await;
    assert_eq!(world.rows("eve", "SELECT id FROM x").await, ["1"]);
}

/// C1 over SQLite: dropped, renamed and retyped columns of a policy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_source_denies_until_it_is_repaired() {
    for (change, repair) in [
        (
            "ALTER TABLE orders RENAME COLUMN region TO area",
            "ALTER TABLE orders RENAME COLUMN area TO region",
        ),
        (
            "ALTER TABLE orders RENAME TO old; CREATE TABLE orders (id bigint)",
            "DROP TABLE orders; ALTER TABLE old RENAME TO orders",
        ),
    ] {
        let world = fixture::world(Place::Sqlite, Hidden::Canaries).await;
        assert_eq!(world.ask("alice", "SELECT id FROM orders").await.len(), 3);
        sqlite::execute(&world.path("crm.sqlite"), change).await;
        for sql in ["SELECT id FROM orders", "SELECT count(*) FROM orders"] {
            let answer = world.run("alice", sql).await;
            let error = answer.map(|answer| answer.text()).expect_err("a denial");
            let text = error.to_string();
            assert!(!text.contains("region") && !text.contains("area"), "{change}: {text}");
        }
        sqlite::execute(&world.path("crm.sqlite"), repair).await;
        world
            .run("alice", "SELECT id FROM orders")
            .await
            .map(|answer| assert_eq!(answer.len(), 3))
            .expect("repaired");
    }
}

/// Files that only hidden partitions hold are not even opened, so that damage to them tells nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_in_a_hidden_partition_is_not_seen() {
    let world = World::new().await;
    files::parquet(&world.path("data/t/x/region=DE/a.parquet"), "id bigint", "1");
    files::text(&world.path("data/t/x/region=US/a.parquet"), "PAR1 nonsense PAR1");
    let rest = format!(", partitioned_by: [{{name: region, type: varchar}}], partitions: hive{FILTER}");
    world
        .apply(&(table("{name: id, type: bigint}", &rest) + GRANT), "")
        .await;
    for sql in [
        "SELECT * FROM x",
        "SELECT count(*) FROM x",
        "SELECT id FROM x ORDER BY id LIMIT 1",
    ] {
        world.ask("eve", sql).await;
    }
    let answer = world.ask("eve", "SELECT * FROM x").await;
    assert_eq!(answer.lines(), ["1 | DE"]);
}

/// F1: a statement that runs when its grant is revoked ends; one whose decision is the same goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_grant_ends_a_running_statement() {
    let world = filtered().await;
    let endless = "SELECT count(*) FROM x JOIN generate_series(1, 1000000000000) g ON g.value % 7 <> x.id + 100";
    let revoke = async {
        tokio::time::sleep(std::time::Duration::from_millis(800)).await;
        world.apply("lake: other\nroles: {unrelated: {}}\n", "").await;
        tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
        let prune = ApplyOptions {
            prune: true,
            ..ApplyOptions::default()
        };
        let revoked = std::time::Instant::now();
        world
            .apply_with(&table(ID_AND_REGION, FILTER), "", prune)
            .await
            .expect("the grant is revoked");
        revoked
    };
    let (outcome, revoked) = tokio::join!(world.run("eve", endless), revoke);
    assert_eq!(
        outcome.map(|answer| answer.text()).unwrap_err().code,
        ErrorCode::PolicyChanged
    );
    assert!(
        revoked.elapsed() < std::time::Duration::from_secs(10),
        "{:?}",
        revoked.elapsed()
    );
}
