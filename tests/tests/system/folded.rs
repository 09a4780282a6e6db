//! Are groups and first rows computed by PostgreSQL where that is the same, and nowhere else? Every answer is that of the engine
//! without folding; what the server was asked stands in its own statistics.

use std::sync::Arc;

use datafusion::{
    catalog::Session,
    common::Result,
    execution::context::QueryPlanner,
    logical_expr::LogicalPlan,
    physical_plan::ExecutionPlan,
    physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner},
};
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

const ORDERS: &str = "CREATE COLLATION soft (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE COLLATION hard (provider = icu, locale = 'de-u-kn', deterministic = true);
    CREATE TABLE orders (id int PRIMARY KEY, tiny int2, big int8, region text COLLATE hard, soft text COLLATE soft, code char(4),
        price numeric(15,2), discount numeric(15,2), bare numeric, day date, at timestamptz, ok bool, f float8, key uuid, secret text,
        narrow varchar(9) COLLATE hard, named name, word text COLLATE hard);
    INSERT INTO orders SELECT i, CASE WHEN i % 5 > 0 THEN i % 7 END, CASE WHEN i % 3 > 0 THEN i * 1000000007::int8 END,
        (ARRAY['DE', 'de', 'US', 'fr', NULL])[1 + i % 5], (ARRAY['a', 'A', 'b', NULL])[1 + i % 4], (ARRAY['a', 'a ', 'b'])[1 + i % 3],
        CASE WHEN i % 9 > 0 THEN i * 1.37 END, (i % 10) / 100.0, i / 8.0, CASE WHEN i % 6 > 0 THEN date '1994-01-01' + i % 400 END,
        CASE WHEN i % 4 > 0 THEN timestamptz '2020-01-01 00:00+00' + i * interval '1 hour' END, CASE WHEN i % 3 > 0 THEN i % 2 = 0 END,
        (ARRAY[0.0, '-0'::float8, 'NaN', 1.5])[1 + i % 4], ('00000000-0000-0000-0000-00000000000' || i % 10)::uuid, 'hidden-' || i,
        (ARRAY['b', 'B', NULL, 'ä', 'a10', 'a9'])[1 + i % 6], 'n' || i % 9, (ARRAY['ä', 'z', 'Z', 'a10', 'a9', '🚀', '～', '', NULL])[1 + i % 9]
        FROM generate_series(1, 2000) i;
    CREATE TABLE huge (n int8, m numeric(38,0));
    INSERT INTO huge VALUES (9223372036854775807, 99999999999999999999999999999999999999), (1, 1);
    CREATE TABLE empty (n int8, m numeric(10,2), t text);";

async fn world(database: &Database) -> World {
    database.execute(ORDERS).await;
    let mut world = World::with_environment(&database.secrets()).await;
    world.set_defaults("crm", "public");
    let closed = |who: &str, column: &str| {
        format!(
            "@id(\"{who}.{column}\")\nforbid(principal == Lakegate::User::\"{who}\", action == Lakegate::Action::\"Select\", \
             resource == Lakegate::Column::\"crm.public.orders.{column}\");\n"
        )
    };
    let yaml = format!(
        "lake: own\nconnections:\n  crm: {}\ncatalogs:\n  crm: {{connection: crm, discover: true}}\nusers:\n  \
         alice: {{}}\n  mia: {{}}\n  nora: {{}}\n  sam: {{}}\ntables:\n  crm.public.orders:\n    filters: {{de: {{where: \"region = 'DE'\"}}}}\n    \
         masks: {{price: {{none: {{func: replace-with-null, rank: 10}}}}}}\ngrants:\n  \
         - {{to: \"user:alice\", privileges: [select-filtered], resource: 'filter:crm.public.orders/de'}}\n  \
         - {{to: \"user:mia\", privileges: [select-masked], resource: 'mask:crm.public.orders.price/none'}}\n  \
         - {{to: \"user:mia\", privileges: [select], resource: 'table:crm.public.orders'}}\n  \
         - {{to: \"user:nora\", privileges: [select], resource: 'table:crm.public.orders'}}\n  \
         - {{to: \"user:sam\", privileges: [select], resource: 'database:crm.public'}}\n",
        database.connection()
    );
    world
        .apply(&yaml, &(closed("mia", "price") + &closed("nora", "secret")))
        .await;
    world
}

/// What the server computes, and then what it does not.
const FOLDED: &[&str] = &[
    "SELECT count(*) FROM orders",
    "SELECT count(*), count(region), count(soft), count(f), count(code) FROM orders",
    "SELECT min(id), max(id), min(tiny), max(tiny), min(big), max(big) FROM orders",
    "SELECT min(day), max(day), min(at), max(at), min(price), max(price) FROM orders",
    "SELECT sum(id), sum(tiny), sum(price), sum(discount) FROM orders",
    "SELECT sum(big) FROM orders WHERE id < 500",
    "SELECT sum(n), sum(m), min(n), count(t), count(*) FROM empty",
    "SELECT n, sum(m) FROM empty GROUP BY n",
    "SELECT region, count(*), sum(price) FROM orders GROUP BY region",
    "SELECT ok, day, key, count(*) FROM orders GROUP BY ok, day, key",
    "SELECT bare, count(*) FROM orders GROUP BY bare",
    "SELECT at, max(price) FROM orders GROUP BY at",
    "SELECT DISTINCT region, tiny FROM orders",
    "SELECT count(DISTINCT region) FROM orders",
    "SELECT avg(DISTINCT price) FROM orders",
    "SELECT region, sum(id) AS s FROM orders GROUP BY region HAVING sum(id) > 400000 ORDER BY s DESC",
    "SELECT o.region, count(*) FROM orders o WHERE o.day >= DATE '1994-06-01' AND o.region <> 'US' GROUP BY o.region",
    "SELECT r, 2 * s FROM (SELECT region AS r, sum(price) AS s FROM orders GROUP BY region) x",
    "SELECT sum(price * discount) AS revenue FROM orders WHERE day >= DATE '1994-01-01' AND day < DATE '1994-01-01' + INTERVAL '1' YEAR \
     AND discount BETWEEN 0.06 - 0.01 AND 0.06 + 0.01 AND tiny < 24",
    "SELECT region, sum(price * (1 - discount)) FROM orders GROUP BY region",
    // Averages of decimals: cut off here, whatever their sign; of nothing, NULL.
    "SELECT avg(price), avg(discount), avg(bare), avg(price - 1300) FROM orders",
    "SELECT region, avg(price), count(*), avg(price * discount), sum(price) FROM orders GROUP BY region",
    "SELECT tiny, avg(price - 900) AS a, avg(price) + 1 FROM orders WHERE id < 70 GROUP BY tiny ORDER BY a LIMIT 4",
    "SELECT avg(m), count(m) FROM empty",
    "SELECT n, avg(m) FROM empty GROUP BY n",
    "SELECT price, avg(price) FROM orders WHERE id < 30 GROUP BY price",
    "SELECT a.region, a.n, b.n FROM (SELECT region, count(*) n FROM orders GROUP BY region) a JOIN \
     (SELECT region, count(*) n FROM orders GROUP BY region) b ON a.region = b.region",
    "SELECT id FROM orders WHERE id = (SELECT max(id) FROM orders)",
    // The order of bytes, whatever the collation: `DE`, `US`, `de`, `fr`.
    "SELECT min(region), max(region), min(narrow), max(narrow), min(named), max(named) FROM orders",
    "SELECT tiny, min(region), max(word) FROM orders GROUP BY tiny",
    "SELECT min(t), max(t) FROM empty",
    "SELECT id, region FROM orders ORDER BY region, id LIMIT 5",
    "SELECT id, word FROM orders ORDER BY word DESC NULLS LAST, id DESC LIMIT 25",
    "SELECT id, price FROM orders ORDER BY price DESC, id LIMIT 7",
    "SELECT id, day FROM orders ORDER BY day NULLS FIRST, id DESC LIMIT 9 OFFSET 3",
    "SELECT o.id AS one, region FROM orders o WHERE o.id > 100 ORDER BY o.at NULLS LAST, o.id LIMIT 5",
];

const NOT_FOLDED: &[&str] = &[
    // Equal there, different here, or the other way round.
    "SELECT soft, count(*) FROM orders GROUP BY soft",
    "SELECT code, count(*) FROM orders GROUP BY code",
    "SELECT f, count(*) FROM orders GROUP BY f",
    "SELECT min(soft) FROM orders",
    "SELECT max(code) FROM orders",
    "SELECT max(f), sum(f) FROM orders",
    // A condition that the server does not decide.
    "SELECT count(*) FROM orders WHERE soft = 'a'",
    "SELECT count(*) FROM orders WHERE id * 2 > 10",
    "SELECT region, count(*) FROM orders WHERE upper(region) = 'DE' GROUP BY region",
    // The sum of floats depends on the order of the rows.
    "SELECT avg(id), sum(id) FROM orders",
    "SELECT avg(tiny) FROM orders",
    "SELECT avg(f) FROM orders WHERE id % 4 = 3",
    "SELECT avg(price) FILTER (WHERE id > 5) FROM orders",
    // Other aggregates, and what could overflow or be rounded.
    "SELECT count(*) FILTER (WHERE id > 5) FROM orders",
    "SELECT sum(DISTINCT tiny), sum(id) FROM orders",
    "SELECT sum(price * discount * price * discount) FROM orders",
    "SELECT sum(id * 2) FROM orders",
    "SELECT region, count(*) FROM orders GROUP BY ROLLUP (region)",
    "SELECT id % 3, count(*) FROM orders GROUP BY id % 3",
    "SELECT count(*) FROM (SELECT id FROM orders LIMIT 10) x",
    "SELECT id, soft FROM orders ORDER BY soft, id LIMIT 5",
    "SELECT id FROM orders ORDER BY f, id LIMIT 5",
    // It would be computed of five rows, and fail on fewer.
    "SELECT o.id * 2 AS twice FROM orders o WHERE o.id > 100 ORDER BY o.at NULLS LAST, o.id LIMIT 5",
    "SELECT id FROM orders WHERE soft = 'a' ORDER BY id LIMIT 5",
];

async fn explained(world: &World, who: &str, sql: &str) -> String {
    world.rows(who, &format!("EXPLAIN {sql}")).await.join("\n")
}

fn is_folded(plan: &str) -> bool {
    [", aggregates=[", ", groups=[", ", order=["]
        .iter()
        .any(|word| plan.contains(word))
}

async fn sorted(world: &World, who: &str, sql: &str) -> Vec<String> {
    let mut rows = world.rows(who, sql).await;
    if !sql.contains("LIMIT") {
        rows.sort();
    }
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_groups_is_what_the_engine_groups() {
    let Some(database) = Database::create().await else {
        return;
    };
    let mut world = world(&database).await;
    let mut given = Vec::new();
    for (sql, folded) in FOLDED
        .iter()
        .map(|sql| (sql, true))
        .chain(NOT_FOLDED.iter().map(|sql| (sql, false)))
    {
        let plan = explained(&world, "sam", sql).await;
        assert_eq!(is_folded(&plan), folded, "{sql}\n{plan}");
        given.push((sql, sorted(&world, "sam", sql).await));
    }
    world.change_engine(plain());
    for (sql, rows) in given {
        assert!(
            !is_folded(&explained(&world, "sam", sql).await),
            "the engine is not plain"
        );
        assert_eq!(rows, sorted(&world, "sam", sql).await, "{sql}");
    }
}

/// Types of results are the engine's too: a difference would show in what is made of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn types_of_folded_results_are_those_of_the_engine() {
    let Some(database) = Database::create().await else {
        return;
    };
    let mut world = world(&database).await;
    let sql = "SELECT arrow_typeof(count(*)), arrow_typeof(sum(id)), arrow_typeof(sum(big)), arrow_typeof(sum(price)), \
               arrow_typeof(max(day)), arrow_typeof(min(at)), arrow_typeof(sum(price * discount)), arrow_typeof(max(tiny)) FROM orders WHERE id < 9";
    assert!(is_folded(&explained(&world, "sam", sql).await));
    let folded = world.rows("sam", sql).await;
    world.change_engine(plain());
    assert_eq!(folded, world.rows("sam", sql).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sum_that_does_not_fit_is_an_error_on_both_sides() {
    let Some(database) = Database::create().await else {
        return;
    };
    let mut world = world(&database).await;
    for _ in 0..2 {
        for sql in [
            "SELECT sum(n) FROM huge",
            "SELECT sum(m) FROM huge",
            // 38 digits and four more after the point.
            "SELECT avg(m) FROM huge",
        ] {
            assert_eq!(
                world.refusal("sam", sql).await.code,
                ErrorCode::NumericOutOfRange,
                "{sql}"
            );
        }
        assert_eq!(
            world.rows("sam", "SELECT sum(n) FROM huge WHERE n > 1").await,
            ["9223372036854775807"]
        );
        world.change_engine(plain());
    }
}

/// The statement that the server ran, and that one of whoever sees less groups nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_sees_all_rows_has_them_grouped_there() {
    let Some(database) = Database::create().await else {
        return;
    };
    let world = world(&database).await;
    let sql = "SELECT region, count(*), sum(price) FROM orders GROUP BY region";
    assert_eq!(
        explained(&world, "sam", sql)
            .await
            .lines()
            .filter(|line| line.contains("GovernedScanExec"))
            .count(),
        1
    );
    world.rows("sam", sql).await;
    let grouped = |statements: Vec<String>| statements.into_iter().filter(|text| text.contains("GROUP BY")).count();
    assert_eq!(grouped(database.statements().await), 1);

    // Alice sees rows of Germany, Mia no price, Nora no secret.
    let before = grouped(database.statements().await);
    assert!(!is_folded(&explained(&world, "alice", sql).await));
    let alice = world.rows("alice", sql).await;
    let expected = world
        .rows(
            "sam",
            "SELECT region, count(*), sum(price) FROM orders WHERE region = 'DE' GROUP BY region",
        )
        .await;
    assert_eq!(alice, expected);
    assert!(!is_folded(
        &explained(&world, "alice", "SELECT id FROM orders ORDER BY id LIMIT 3").await
    ));
    assert!(!is_folded(
        &explained(&world, "alice", "SELECT count(*) FROM orders").await
    ));
    assert_eq!(world.rows("alice", "SELECT count(*) FROM orders").await, ["400"]);
    let sent = database.statements().await;
    assert!(sent.iter().any(|text| text.contains("OFFSET")), "{sent:#?}");
    // Sam's second statement, under his own condition.
    assert_eq!(grouped(sent), before + 1);
    for sql in [
        "SELECT sum(price), max(price) FROM orders",
        "SELECT price, count(*) FROM orders GROUP BY price",
        "SELECT count(price) FROM orders",
        "SELECT id FROM orders ORDER BY price LIMIT 3",
        "SELECT id, price FROM orders ORDER BY id LIMIT 3",
    ] {
        assert!(!is_folded(&explained(&world, "mia", sql).await), "{sql}");
    }
    assert_eq!(
        world.rows("mia", "SELECT count(price), count(*) FROM orders").await,
        ["0 | 2000"]
    );
    for who in ["mia", "nora"] {
        let sql = "SELECT region, count(*), max(id) FROM orders GROUP BY region";
        assert!(is_folded(&explained(&world, who, sql).await), "{who}");
        assert_eq!(
            sorted(&world, who, sql).await,
            sorted(&world, "sam", sql).await,
            "{who}"
        );
    }
    let hidden = world
        .refusal("nora", "SELECT secret, count(*) FROM orders GROUP BY secret")
        .await;
    let absent = world
        .refusal("nora", "SELECT nosuch, count(*) FROM orders GROUP BY nosuch")
        .await;
    assert_eq!(hidden.to_string().replace("secret", "nosuch"), absent.to_string());
}
