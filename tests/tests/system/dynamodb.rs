//! Does governance hold over DynamoDB, whose items have whatever attributes they like? A row filter, a mask and a hidden column
//! over items of which the hidden ones are broken.

use lakegate_query::error::ErrorCode;
use lakegate_tests::{dynamodb::Tables, world::World};
use serde_json::{Value, json};

fn tables() -> Option<Tables> {
    let tables = Tables::create();
    if tables.is_none() {
        eprintln!("skipped: LAKEGATE_TEST_DYNAMODB is not set");
    }
    tables
}

fn items() -> Vec<Value> {
    let item = |id: i64, region: Value, amount: Value| {
        let mut item = json!({"id": {"N": id.to_string()}, "amount": amount, "card": {"S": format!("4000-0000-{id:04}")},
            "secret": {"S": format!("secret-{id}")}, "pad": {"S": "p".repeat(3_000)}});
        if !region.is_null() {
            item["region"] = region;
        }
        item
    };
    let (de, us, amount) = (json!({"S": "DE"}), json!({"S": "US"}), json!({"N": "10.5"}));
    let broken = json!({"S": "broken"});
    vec![
        item(1, de.clone(), amount.clone()),
        item(2, de, amount),
        item(901, us, broken.clone()),
        // The policy's attribute is absent, of another type, and nothing.
        item(902, Value::Null, broken.clone()),
        item(903, json!({"N": "5"}), broken.clone()),
        item(904, json!({"NULL": true}), broken),
    ]
}

async fn world(tables: &Tables, filter: &str) -> World {
    let mut world = World::with_environment(&tables.secrets()).await;
    world.set_defaults("shop", "default");
    let name = tables.name("orders");
    let yaml = format!(
        "lake: own\nconnections:\n  shop:\n    connector: dynamodb\n    options: {{region: eu-central-1, endpoint: \"{}\", \"columns.{name}\": \
         \"id bigint, region varchar, amount decimal(12,2), card varchar, secret varchar\"}}\n    credential: {{access_key_id: \
         \"env://AWS_KEY\", secret_access_key: \"env://AWS_SECRET\"}}\ncatalogs:\n  shop: {{connection: shop, discover: true}}\nusers:\n  \
         alice: {{}}\n  sam: {{}}\ntables:\n  \
         'shop.default.{name}':\n    filters: {{eu: {{where: \"{filter}\", except: [secret, card]}}}}\n    masks: {{card: {{last4: {{func: \
         show-last-4, rank: 10}}}}}}\ngrants:\n  \
         - {{to: \"user:alice\", privileges: [select-filtered], resource: 'filter:shop.default.{name}/eu'}}\n  \
         - {{to: \"user:alice\", privileges: [select-masked], resource: 'mask:shop.default.{name}.card/last4'}}\n  \
         - {{to: \"user:sam\", privileges: [select], resource: 'table:shop.default.{name}'}}\n",
        tables.endpoint()
    );
    world.apply(&yaml, "").await;
    world
}

/// Two lakes: the connection, with declared columns or without, and the rules over its table.
async fn reached(tables: &Tables, world: &World, columns: Option<&str>) {
    let name = tables.name("orders");
    let columns = columns
        .map(|columns| format!(", \"columns.{name}\": \"{columns}\""))
        .unwrap_or_default();
    let yaml = format!(
        "lake: source\nconnections:\n  shop:\n    connector: dynamodb\n    options: {{region: eu-central-1, endpoint: \"{}\"{columns}}}\n    \
         credential: {{access_key_id: \"env://AWS_KEY\", secret_access_key: \"env://AWS_SECRET\"}}\ncatalogs:\n  \
         shop: {{connection: shop, discover: true}}\nusers:\n  alice: {{}}\n  sam: {{}}\ngrants:\n  \
         - {{to: \"user:sam\", privileges: [select, describe], resource: 'catalog:shop'}}\n",
        tables.endpoint()
    );
    world.apply(&yaml, "").await;
}

fn rules(tables: &Tables, rule: &str) -> String {
    format!(
        "lake: rules\ntables:\n  'shop.default.{}':\n    {rule}\n",
        tables.name("orders")
    )
}

const FILTER: &str = "filters: {eu: {where: \"region = 'DE'\"}}";
const MASK: &str = "masks: {card: {last4: {func: show-last-4, rank: 10}}}";
const DECLARED: &str = "id bigint, region varchar, card varchar";

/// Names and types of attributes that hidden items alone have are nobody's to see: where something is hidden, columns are declared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_of_a_governed_table_do_not_follow_from_its_items() {
    let Some(tables) = tables() else { return };
    tables.fill("orders", ("id", "N"), &items());
    let mut world = World::with_environment(&tables.secrets()).await;
    world.set_defaults("shop", "default");
    let orders = format!("shop.\"default\".\"{}\"", tables.name("orders"));
    let columns = async || {
        let rows = world.rows("sam", &format!("SHOW COLUMNS FROM {orders}")).await;
        rows.iter()
            .map(|row| row.split(" | ").next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let refused = async |rule: &str| {
        let refused = world
            .try_apply(&rules(&tables, rule), "")
            .await
            .expect_err("inferred columns");
        let (words, remedy) = (refused.to_string(), format!("columns.{}", tables.name("orders")));
        assert!(
            words.contains(&tables.name("orders")) && words.contains(&remedy),
            "{words}"
        );
    };
    reached(&tables, &world, None).await;
    // As a table that nobody knows yet, and as one that was found.
    refused(FILTER).await;
    assert_eq!(columns().await, ["amount", "card", "id", "pad", "region", "secret"]);
    refused(FILTER).await;
    refused(MASK).await;
    // Declared and governed at once, though the catalog still has the inferred ones.
    reached(&tables, &world, Some(DECLARED)).await;
    world.apply(&rules(&tables, &format!("{FILTER}\n    {MASK}")), "").await;
    assert_eq!(columns().await, ["card", "id", "region"]);
    let count = format!("SELECT count(*) FROM {orders}");
    assert_eq!(world.rows("sam", &count).await, ["6"]);
    // The declaration goes: what hidden items say of columns is not learnt, and nothing is read, whoever asks.
    reached(&tables, &world, None).await;
    let hidden = json!({"id": {"N": "905"}, "region": {"S": "US"}, "only_of_hidden": {"S": "x"}});
    tables.call("PutItem", &json!({"TableName": tables.name("orders"), "Item": hidden}));
    assert_eq!(world.refusal("sam", &count).await.code, ErrorCode::MissingColumn);
    assert_eq!(columns().await, ["card", "id", "region"]);
    refused(FILTER).await;
    world.apply(&rules(&tables, "comment: another"), "").await;
    assert_eq!(columns().await, ["card", "id", "region"]);
    // It comes back, and so do the rows.
    reached(&tables, &world, Some(DECLARED)).await;
    assert_eq!(world.rows("sam", &count).await, ["7"]);
}

/// E4 and the rest of §9.4 on a source without types.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_governed_table_shows_its_rows_and_tells_nothing_of_others() {
    let Some(tables) = tables() else { return };
    tables.fill("orders", ("id", "N"), &items());
    let world = world(&tables, "region IN ('DE', 'FR')").await;
    let orders = format!("shop.\"default\".\"{}\"", tables.name("orders"));
    let rows = async |condition: &str| {
        world
            .rows(
                "alice",
                &format!("SELECT id, region, amount, card FROM {orders} {condition}"),
            )
            .await
    };
    let shown = ["1|DE|10.50|nnnn-nnnn-0001", "2|DE|10.50|nnnn-nnnn-0002"];
    let lines = |rows: Vec<String>| rows.into_iter().map(|row| row.replace(" | ", "|")).collect::<Vec<_>>();
    assert_eq!(lines(rows("ORDER BY id").await), shown);
    // By key, by a condition that aims at the broken values, and by one that is true of hidden items only.
    assert_eq!(lines(rows("WHERE id = 2").await), shown[1..]);
    for nothing in [
        "WHERE id = 901",
        "WHERE id IN (902, 903, 904)",
        "WHERE region IS NULL",
        "WHERE region <> 'DE'",
        "WHERE amount < 1",
    ] {
        assert_eq!(rows(nothing).await, Vec::<String>::new(), "{nothing}");
    }
    assert_eq!(
        world
            .rows("alice", &format!("SELECT count(*), sum(amount) FROM {orders}"))
            .await
            .len(),
        1
    );
    assert_eq!(
        world.rows("alice", &format!("SELECT count(*) FROM {orders}")).await,
        ["2"]
    );
    // The hidden column is not there, in the same words as one that never was.
    let told = async |column: &str| {
        let refusal = world.refusal("alice", &format!("SELECT {column} FROM {orders}")).await;
        (refusal.code, refusal.to_string().replace(column, "X"))
    };
    assert_eq!(told("secret").await, told("nosuch").await);
    // Sam sees every item, and is told of the value that does not fit.
    let refusal = world.refusal("sam", &format!("SELECT amount FROM {orders}")).await;
    assert!(refusal.to_string().contains("the type of its column"), "{refusal}");
    assert_eq!(
        world.rows("sam", &format!("SELECT count(id) FROM {orders}")).await,
        ["6"]
    );
}

/// An item that lacks what the policy reads belongs to nobody who is under the policy, whatever the policy says of NULL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_absent_policy_attribute_hides_its_item() {
    let Some(tables) = tables() else { return };
    tables.fill("orders", ("id", "N"), &items());
    let world = world(&tables, "region = 'DE' OR region IS NULL").await;
    let orders = format!("shop.\"default\".\"{}\"", tables.name("orders"));
    // 904 says that it has no region; 902 and 903 say nothing that could be judged.
    assert_eq!(
        world
            .rows("alice", &format!("SELECT id FROM {orders} ORDER BY id"))
            .await,
        ["1", "2", "904"]
    );
}

/// Path, index and read units, to whom figures may be known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_explanation_names_the_way_to_the_items() {
    let Some(tables) = tables() else { return };
    tables.fill("orders", ("id", "N"), &items());
    let world = world(&tables, "region = 'DE'").await;
    let orders = tables.name("orders");
    let explained = async |who: &str, condition: &str| {
        let sql = format!("EXPLAIN SELECT id FROM \"{orders}\" WHERE {condition}");
        world.rows(who, &sql).await.join("\n")
    };
    let by_key = explained("sam", "id = 1").await;
    assert!(
        by_key.contains("source=[path=BatchGetItem index=- splits=1 units="),
        "{by_key}"
    );
    let scanned = explained("sam", "region = 'DE'").await;
    assert!(scanned.contains("source=[path=Scan index=-"), "{scanned}");
    // What is read of a table of which rows are hidden follows from the policy.
    for condition in ["id = 1", "region = 'DE'"] {
        let hidden = explained("alice", condition).await;
        assert!(!hidden.contains("source=["), "{hidden}");
    }
}
