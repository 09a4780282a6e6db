//! Are tables of one connection joined by PostgreSQL where that is the same and sends less, and nowhere else? Every answer is that of the
//! engine without folding; what the server was asked stands in its own statistics.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use datafusion::{
    catalog::Session,
    common::Result,
    execution::context::QueryPlanner,
    logical_expr::LogicalPlan,
    physical_plan::ExecutionPlan,
    physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner},
};
use lakegate::lake::ApplyOptions;
use lakegate_catalog::record::{QueryFilter, QueryState};
use lakegate_query::{error::ErrorCode, session::EngineChange};
use lakegate_tests::{postgres::Database, world::World};

/// Plans as the engine does.
#[derive(Debug)]
struct Plain;

#[async_trait::async_trait]
impl QueryPlanner for Plain {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        DefaultPhysicalPlanner::default()
            .create_physical_plan(plan, session)
            .await
    }
}

fn plain() -> EngineChange {
    EngineChange::of(|builder| builder.with_query_planner(Arc::new(Plain)))
}

const TABLES: &str = "CREATE COLLATION soft (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE COLLATION hard (provider = icu, locale = 'de-u-kn', deterministic = true);
    CREATE TABLE customers (id int PRIMARY KEY, name text, region text COLLATE hard, soft text COLLATE soft, balance numeric(15,2),
        f float8, tiny int2, since date, secret text);
    INSERT INTO customers SELECT i, 'c' || i % 50, (ARRAY['DE', 'de', 'US', 'fr', NULL])[1 + i % 5], (ARRAY['a', 'A', 'b'])[1 + i % 3],
        i / 8.0, (ARRAY[0.0, '-0'::float8, 'NaN', 1.5])[1 + i % 4], CASE WHEN i % 4 > 0 THEN i % 90 END, date '2020-01-01' + i % 300,
        'hidden-' || i FROM generate_series(1, 500) i;
    CREATE TABLE orders (id int8 PRIMARY KEY, customer int8, region text COLLATE \"C\", price numeric(12,3), discount numeric(12,4), day date,
        at timestamp);
    INSERT INTO orders SELECT i, CASE WHEN i % 6 > 0 THEN i % 700 END, (ARRAY['DE', 'US', 'us', NULL])[1 + i % 4], (i % 500) / 8.0,
        (i % 7) / 100.0, date '2020-01-01' + i % 400, timestamp '2020-01-01' + i % 300 * interval '1 day' FROM generate_series(1, 70000) i;
    CREATE TABLE items (order_id int8, part int, qty numeric(10,2));
    INSERT INTO items SELECT i * 13 % 80000, i % 60, i / 4.0 FROM generate_series(1, 4000) i;
    CREATE TABLE one (k int); INSERT INTO one SELECT 1 FROM generate_series(1, 60000);
    CREATE TABLE other (k int); INSERT INTO other SELECT 1 FROM generate_series(1, 60000);
    CREATE VIEW orders_seen AS SELECT id, customer FROM orders;
    ANALYZE customers, orders, items;";

/// `grants` are those of sam on the tables `one` and `other`.
fn lake(database: &Database, grants: &str) -> (String, String) {
    let closed = [("nora", "secret"), ("mia", "name")].map(|(who, column)| {
        format!(
            "@id(\"{who}.{column}\")\nforbid(principal == Lakegate::User::\"{who}\", action == Lakegate::Action::\"Select\", \
             resource == Lakegate::Column::\"crm.public.customers.{column}\");\n"
        )
    });
    let connection = database.connection();
    let named = [("items", "part"), ("one", "k"), ("orders_seen", "id"), ("other", "k")];
    let named = named.map(|(table, column)| {
        format!("  crm.public.{table}:\n    filters: {{of_others: {{where: \"{column} = 1\"}}}}\n")
    });
    let named = named.concat();
    let mut yaml = format!(
        "lake: own\nconnections:\n  crm: {connection}\n  twin: {connection}\ncatalogs:\n  crm: {{connection: crm, discover: true}}\n  \
         again: {{connection: crm, discover: true}}\n  twin: {{connection: twin, discover: true}}\nusers:\n  \
         alice: {{}}\n  mia: {{}}\n  nora: {{}}\n  sam: {{}}\ntables:\n  crm.public.orders:\n    filters: {{de: {{where: \"region = 'DE'\"}}}}\n  \
         crm.public.customers:\n    masks: {{name: {{none: {{func: replace-with-null, rank: 10}}}}}}\n{named}grants:\n  \
         - {{to: \"user:alice\", privileges: [select-filtered], resource: 'filter:crm.public.orders/de'}}\n  \
         - {{to: \"user:alice\", privileges: [select], resource: 'table:crm.public.customers'}}\n  \
         - {{to: \"user:mia\", privileges: [select-masked], resource: 'mask:crm.public.customers.name/none'}}\n{grants}"
    );
    for (who, tables) in [
        ("mia", ["customers", "orders"].as_slice()),
        ("nora", &["customers", "orders"]),
        ("sam", &["customers", "orders", "items", "orders_seen"]),
    ] {
        for table in tables {
            yaml.push_str(&format!(
                "  - {{to: \"user:{who}\", privileges: [select], resource: 'table:crm.public.{table}'}}\n"
            ));
        }
    }
    for catalog in ["twin", "again"] {
        yaml.push_str(&format!(
            "  - {{to: \"user:sam\", privileges: [select], resource: 'catalog:{catalog}'}}\n"
        ));
    }
    (yaml, closed.concat())
}

fn granted(tables: &[&str]) -> String {
    let grant = |table: &&str| {
        format!("  - {{to: \"user:sam\", privileges: [select], resource: 'table:crm.public.{table}'}}\n")
    };
    tables.iter().map(grant).collect()
}

async fn world(database: &Database) -> World {
    database.execute(TABLES).await;
    let mut world = World::with_environment(&database.secrets()).await;
    world.set_defaults("crm", "public");
    let (yaml, cedar) = lake(database, &granted(&["one", "other"]));
    world.apply(&yaml, &cedar).await;
    world
}

const JOINED: &[&str] = &[
    "SELECT c.region, count(*), sum(o.price) FROM orders o JOIN customers c ON o.customer = c.id GROUP BY c.region",
    "SELECT count(*) FROM orders o JOIN items i ON o.id = i.order_id",
    "SELECT count(*) FROM items i, orders o WHERE i.order_id = o.id AND i.part = 7",
    "SELECT c.region, sum(i.qty * o.discount), min(c.name) FROM items i JOIN orders o ON i.order_id = o.id \
     JOIN customers c ON o.customer = c.id WHERE o.day >= DATE '2020-03-01' GROUP BY c.region",
    "SELECT o.day, count(*) FROM orders o JOIN (SELECT id AS key, region AS r FROM customers WHERE tiny > 3) c ON c.key = o.customer \
     WHERE c.r = 'DE' GROUP BY o.day",
    // By a wider type, a finer one, another collation; days.
    "SELECT count(*), sum(c.id) FROM orders o JOIN customers c ON o.id = c.tiny",
    "SELECT count(*) FROM orders o JOIN customers c ON o.price = c.balance",
    "SELECT count(*) FROM orders o JOIN customers c ON o.region = c.region",
    "SELECT count(*), min(o.id) FROM orders o JOIN customers c ON o.day = c.since AND o.region = c.region",
    "SELECT count(*) FROM customers a JOIN customers b ON a.tiny = b.tiny",
    // Rows, where fewer are sent.
    "SELECT o.id, c.name FROM orders o JOIN customers c ON o.customer = c.id WHERE c.region = 'DE'",
    "SELECT o.id, c.id, c.name AS id FROM orders o JOIN customers c ON o.customer = c.id WHERE c.region = 'fr' AND o.price > 50",
    "SELECT a.id, b.id FROM customers a JOIN customers b ON a.id = b.tiny WHERE a.name < 'c3'",
    "SELECT id, name FROM orders JOIN customers USING (id) WHERE name = 'c7'",
    // Outer joins, and whether there is any.
    "SELECT count(*), count(c.name), count(o.customer) FROM orders o LEFT JOIN customers c ON o.customer = c.id AND c.region = 'US'",
    "SELECT c.region, count(*) FROM orders o LEFT JOIN customers c ON o.customer = c.id WHERE o.price < 10 GROUP BY c.region",
    "SELECT o.day, count(*), count(c.name), max(o.id) FROM customers c RIGHT JOIN orders o ON o.customer = c.id AND c.tiny < 9 GROUP BY o.day",
    "SELECT name FROM customers WHERE id IN (SELECT customer FROM orders WHERE price > 60)",
    "SELECT c.id, c.name FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id)",
    "SELECT c.region, count(*) FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.region = c.region) GROUP BY c.region",
    "SELECT count(*) FROM orders o JOIN customers c ON o.customer = c.id WHERE EXISTS (SELECT 1 FROM items i WHERE i.order_id = o.id)",
    // The first rows.
    "SELECT o.id, c.name, o.price FROM orders o JOIN customers c ON o.customer = c.id ORDER BY o.price DESC, o.id LIMIT 5",
    "SELECT o.id, c.region AS r FROM orders o JOIN customers c ON o.customer = c.id ORDER BY c.region, o.id DESC LIMIT 9 OFFSET 2",
    // Within others.
    "SELECT name FROM customers WHERE id = (SELECT max(o.customer) FROM orders o JOIN items i ON o.id = i.order_id)",
    "SELECT DISTINCT c.region FROM orders o JOIN customers c ON o.customer = c.id",
    "SELECT count(*) FROM crm.public.orders o JOIN again.public.customers c ON o.customer = c.id",
    "SELECT count(*) FROM orders_seen s JOIN customers c ON s.customer = c.id",
];

const APART: &[&str] = &[
    // Equal there, different here, or in another sense.
    "SELECT count(*) FROM customers a JOIN customers b ON a.f = b.f",
    "SELECT count(*) FROM customers a JOIN customers b ON a.soft = b.soft",
    "SELECT count(*) FROM customers a JOIN customers b ON a.id = b.f",
    "SELECT count(*) FROM orders o JOIN customers c ON o.at = c.since",
    "SELECT count(*) FROM customers a JOIN customers b ON a.tiny IS NOT DISTINCT FROM b.tiny",
    "SELECT count(*) FROM customers WHERE tiny NOT IN (SELECT part FROM items)",
    // Another condition.
    "SELECT count(*) FROM orders o JOIN customers c ON o.customer = c.id AND o.price > c.balance",
    "SELECT count(*) FROM orders o JOIN customers c ON o.customer % 7 = c.id",
    "SELECT count(*) FROM orders o JOIN customers c ON o.customer = c.id WHERE upper(c.region) = 'DE'",
    "SELECT count(*) FROM orders o JOIN customers c ON o.customer = c.id WHERE c.soft = 'a'",
    "SELECT count(*) FROM orders o LEFT JOIN customers c ON o.customer = c.id WHERE c.id IS NULL OR c.tiny = 5",
    "SELECT count(*) FROM customers a FULL JOIN customers b ON a.id = b.tiny",
    // As much or more would be sent, or nobody knows.
    "SELECT * FROM orders o JOIN customers c ON o.customer = c.id",
    "SELECT i.part, c.tiny, count(*) FROM items i JOIN customers c ON i.part = c.tiny GROUP BY i.part, c.tiny",
    "SELECT i.qty, c.name FROM items i JOIN customers c ON i.part = c.tiny WHERE c.name = 'c7'",
    // What is computed between would be computed of fewer rows, or not be NULL where there is none.
    "SELECT count(*) FROM orders o JOIN (SELECT id, 7 / (id - 1000) AS share FROM customers) c ON o.customer = c.id WHERE share < 9",
    "SELECT count(one) FROM orders o LEFT JOIN (SELECT id, 1 AS one FROM customers) c ON o.customer = c.id",
    "SELECT count(*) FROM orders o JOIN (SELECT id FROM customers ORDER BY id LIMIT 5) c ON o.customer = c.id",
    // Two connections.
    "SELECT count(*) FROM orders o JOIN twin.public.customers c ON o.customer = c.id",
    "SELECT o.id, c.name FROM orders o JOIN twin.public.customers c ON o.customer = c.id WHERE c.region = 'DE'",
    // Its tables take the keys of the third instead.
    "SELECT x.id, i.qty FROM (SELECT o.id FROM orders o JOIN customers c ON o.customer = c.id WHERE c.region = 'DE') x \
     JOIN twin.public.items i ON x.id = i.order_id",
];

async fn explained(world: &World, who: &str, sql: &str) -> String {
    world.rows(who, &format!("EXPLAIN {sql}")).await.join("\n")
}

fn is_joined(plan: &str) -> bool {
    plan.contains(", joins=[")
}

async fn sorted(world: &World, who: &str, sql: &str) -> Vec<String> {
    let mut rows = world.rows(who, sql).await;
    if !sql.contains("LIMIT 9") && !sql.ends_with("LIMIT 5") {
        rows.sort();
    }
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_joins_is_what_the_engine_joins() {
    let Some(database) = Database::create().await else {
        return;
    };
    let mut world = world(&database).await;
    let mut given = Vec::new();
    let mut wrong = Vec::new();
    for (sql, joined) in JOINED
        .iter()
        .map(|sql| (sql, true))
        .chain(APART.iter().map(|sql| (sql, false)))
    {
        let plan = explained(&world, "sam", sql).await;
        if is_joined(&plan) != joined {
            wrong.push(format!("{sql}\n{plan}"));
        }
        given.push((sql, sorted(&world, "sam", sql).await));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(given.iter().filter(|(_, rows)| !rows.is_empty()).count() > JOINED.len());
    world.change_engine(plain());
    for (sql, rows) in given {
        assert!(
            !is_joined(&explained(&world, "sam", sql).await),
            "the engine is not plain"
        );
        assert_eq!(rows, sorted(&world, "sam", sql).await, "{sql}");
    }
}

/// The statement that the server ran, that the audit names both tables, and that nothing is joined for whoever sees less.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_tables_that_are_wholly_seen_are_joined_there() {
    let Some(database) = Database::create().await else {
        return;
    };
    let world = world(&database).await;
    let sql =
        "SELECT c.region, count(*), sum(o.price) FROM orders o JOIN customers c ON o.customer = c.id GROUP BY c.region";
    let plan = explained(&world, "sam", sql).await;
    assert_eq!(plan.matches("GovernedScanExec").count(), 1, "{plan}");
    assert!(
        plan.contains("joins=[INNER crm.public.customers ON customer = id], groups=[region], aggregates=["),
        "{plan}"
    );
    let sent = |statements: Vec<String>| {
        statements
            .into_iter()
            .filter(|text| text.contains(" JOIN (SELECT"))
            .count()
    };
    assert_eq!(sent(database.statements().await), 0);
    let answer = world.ask("sam", sql).await;
    assert_eq!(sent(database.statements().await), 1);
    let attempts = world.audit_of(&answer.id).await;
    let mut tables: Vec<String> = attempts
        .iter()
        .filter(|event| event.kind == "query.attempt" && event.action == "Select")
        .map(|event| event.resource.clone())
        .collect();
    tables.sort();
    assert_eq!(tables, ["table:crm.public.customers", "table:crm.public.orders"]);
    let usage = world.record(&answer.id).await.usage;
    let bytes = usage.by_connection.get("crm").copied().unwrap_or(0);
    assert!(
        (1..10_000).contains(&bytes) && bytes == usage.connector_bytes,
        "{usage:?}"
    );

    // Alice sees some orders, Mia no name; Nora does not see what she does not ask for.
    let names = "SELECT c.name, count(*) FROM orders o JOIN customers c ON o.customer = c.id GROUP BY c.name";
    let by_name = "SELECT count(*) FROM orders o JOIN customers c ON o.region = c.name";
    let where_name = "SELECT count(*) FROM orders o JOIN customers c ON o.customer = c.id WHERE c.name = 'c7'";
    for (who, sql, joined) in [
        ("alice", sql, false),
        (
            "alice",
            "SELECT c.id FROM customers c WHERE c.id IN (SELECT customer FROM orders WHERE price > 60)",
            false,
        ),
        (
            "alice",
            "SELECT count(*) FROM customers a JOIN customers b ON a.tiny = b.tiny",
            true,
        ),
        ("mia", names, false),
        ("mia", by_name, false),
        ("mia", where_name, false),
        ("mia", sql, true),
        ("nora", names, true),
        ("nora", sql, true),
        ("sam", names, true),
        ("sam", by_name, true),
        ("sam", where_name, true),
    ] {
        assert_eq!(is_joined(&explained(&world, who, sql).await), joined, "{who} {sql}");
    }
    let alice = sorted(&world, "alice", sql).await;
    let german = sql.replace(" GROUP", " WHERE o.region = 'DE' GROUP");
    assert_eq!(alice, sorted(&world, "sam", &german).await);
    assert_eq!(sorted(&world, "mia", where_name).await, ["0"]);
    let hidden = format!(
        "SELECT count(*) FROM orders o JOIN customers c ON o.region = c.{}",
        "secret"
    );
    let absent = hidden.replace("secret", "nosuch");
    let (hidden, absent) = (
        world.refusal("nora", &hidden).await,
        world.refusal("nora", &absent).await,
    );
    assert_eq!(hidden.to_string().replace("secret", "nosuch"), absent.to_string());
}

/// A grant on either table that goes while the server joins them ends the statement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_about_either_table_ends_the_join() {
    let Some(database) = Database::create().await else {
        return;
    };
    let world = world(&database).await;
    let sql = "SELECT count(*) FROM one a JOIN other b ON a.k = b.k";
    for left in [["one"], ["other"]] {
        let (yaml, cedar) = lake(&database, &granted(&["one", "other"]));
        world.apply(&yaml, &cedar).await;
        assert!(is_joined(&explained(&world, "sam", sql).await));
        let statement = async {
            let outcome = world.run_request("sam", world.request(sql)).await;
            (
                outcome.map(|answer| answer.id).map_err(|failure| failure.error.code),
                Instant::now(),
            )
        };
        let change = async {
            let filter = QueryFilter {
                state: Some(QueryState::Running),
                limit: 10,
                ..QueryFilter::default()
            };
            while world.store.list_queries(&filter).await.unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let (yaml, cedar) = lake(&database, &granted(&left));
            let options = ApplyOptions {
                prune: true,
                ..ApplyOptions::default()
            };
            world.apply_with(&yaml, &cedar, options).await.expect("applied");
            Instant::now()
        };
        let both = async { tokio::join!(statement, change) };
        let ((outcome, ended), changed) = tokio::time::timeout(Duration::from_secs(60), both)
            .await
            .expect("an end");
        assert_eq!(outcome, Err(ErrorCode::PolicyChanged), "{left:?}");
        let took = ended.saturating_duration_since(changed);
        assert!(took < Duration::from_secs(5), "{left:?}: {took:?}");
    }
}
