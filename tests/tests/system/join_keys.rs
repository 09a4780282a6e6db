//! Which keys of a join reach a source? Those of columns that are seen as they are, where nothing in between could fail or count rows;
//! and no answer changes by it.

use std::sync::Arc;

use datafusion::physical_optimizer::PhysicalOptimizerRule;
use lakegate_query::{error::ErrorCode, session::EngineChange};
use lakegate_tests::{files, postgres::Database, sqlite, world::World};

/// `connection` is an entry of `connections`, `schema` the database of its tables.
fn lake(connection: &str, schema: &str) -> String {
    format!(
        "lake: keys
connections:
  files: {{connector: files, options: {{root: \"./data\"}}}}
  crm: {connection}
catalogs:
  lake: {{connection: files, default: true}}
  crm: {{connection: crm, discover: true}}
databases:
  lake.t: {{location: \"t/\"}}
users:
  sam: {{}}
  ana: {{}}
  eve: {{}}
tables:
  lake.t.picked:
    format: parquet
    location: \"picked/\"
    columns: [{{name: id, type: bigint}}, {{name: code, type: varchar}}, {{name: x, type: bigint}}]
  crm.{schema}.orders:
    filters:
      even: {{where: \"amount = 2\"}}
      all: {{where: \"amount IN (0, 1, 2)\", except: [id]}}
    masks:
      id: {{hidden: {{func: mask-to-fixed-value, rank: 10}}}}
grants:
  - {{to: \"user:sam\", privileges: [select], resource: \"catalog:crm\"}}
  - {{to: \"user:sam\", privileges: [select], resource: \"database:lake.t\"}}
  - {{to: \"user:ana\", privileges: [select], resource: \"database:lake.t\"}}
  - {{to: \"user:ana\", privileges: [select-filtered], resource: \"filter:crm.{schema}.orders/even\"}}
  - {{to: \"user:eve\", privileges: [select], resource: \"database:lake.t\"}}
  - {{to: \"user:eve\", privileges: [select-filtered], resource: \"filter:crm.{schema}.orders/all\"}}
  - {{to: \"user:eve\", privileges: [select-masked], resource: \"table:crm.{schema}.orders\"}}
"
    )
}

/// 4,000 orders; `amount` is 0 for id 1 only.
const ROWS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
    INSERT INTO orders SELECT i, CASE i WHEN 1 THEN 0 ELSE 1 + i % 2 END, 'c' || i, 'a text that makes rows long ' || i, i * 1.5 FROM n;";

fn write_picked(world: &World) {
    files::parquet(
        &world.path("data/t/picked/a.parquet"),
        "id bigint, code varchar, x bigint",
        "5,c5,1\n8,c8,2\n8,other,3\n99999,c4001,4\nNULL,c12,5\n77,NULL,6",
    );
}

async fn on_sqlite() -> World {
    let world = World::new().await;
    write_picked(&world);
    let table = "CREATE TABLE orders (id INTEGER NOT NULL, amount INTEGER NOT NULL, code TEXT, note TEXT, f REAL);";
    sqlite::execute(&world.path("crm.sqlite"), &format!("{table}{ROWS}")).await;
    world
        .apply(
            &lake("{connector: sqlite, options: {path: \"./crm.sqlite\"}}", "main"),
            "",
        )
        .await;
    world
}

/// With the statements that the connections of the server ran last.
async fn on_postgres() -> Option<(World, Database)> {
    let database = Database::create().await?;
    let table = "CREATE TABLE orders (id bigint NOT NULL PRIMARY KEY, amount integer NOT NULL, code text, note text, f double precision);";
    database.execute(&format!("{table}{ROWS}ANALYZE orders")).await;
    let world = World::with_environment(&database.secrets()).await;
    write_picked(&world);
    world.apply(&lake(&database.connection(), "public"), "").await;
    Some((world, database))
}

async fn sources() -> Vec<(World, &'static str)> {
    let mut sources = vec![(on_sqlite().await, "crm.main")];
    if let Some((world, _)) = on_postgres().await {
        sources.push((world, "crm.public"));
    }
    sources
}

async fn read_bytes(world: &World, user: &str, sql: &str) -> (Vec<String>, u64) {
    let answer = world.ask(user, sql).await;
    let mut lines = answer.lines();
    lines.sort();
    (lines, world.record(&answer.id).await.usage.connector_bytes)
}

async fn plan(world: &World, user: &str, sql: &str) -> String {
    world.ask(user, &format!("EXPLAIN {sql}")).await.text()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_rows_that_meet_a_key_leave_their_source() {
    for (world, schema) in sources().await {
        let (_, all) = read_bytes(&world, "sam", &format!("SELECT id, note FROM {schema}.orders")).await;
        assert!(all > 150_000, "{all}");
        for (on, expected) in [
            ("p.id = o.id", 4),
            ("p.code = o.code", 3),
            ("p.id = o.id AND p.code = o.code", 2),
            // A condition that the source does not take keeps no key from it.
            ("p.id = o.id AND o.f <> 0e0 AND p.x < 100", 4),
        ] {
            let sql = format!("SELECT o.id, p.x, o.note FROM picked p JOIN {schema}.orders o ON {on}");
            let shown = plan(&world, "sam", &sql).await;
            assert!(shown.contains("keys=["), "{shown}");
            let (lines, bytes) = read_bytes(&world, "sam", &sql).await;
            assert_eq!(lines.len(), expected, "{on}: {lines:?}");
            assert!(bytes < 10_000, "{on}: {bytes} of {all}");
        }
        // No key: nothing is asked for, nothing comes.
        let sql = format!("SELECT o.id FROM picked p JOIN {schema}.orders o ON p.id = o.id WHERE p.x > 100");
        let (lines, bytes) = read_bytes(&world, "sam", &sql).await;
        assert_eq!((lines.len(), bytes), (0, 0), "{schema}");
    }
}

/// Beside the policy's guard; and what the policy hides no key brings back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_stand_beside_the_guard() {
    for (world, schema) in sources().await {
        let sql = format!("SELECT o.id, p.x FROM picked p JOIN {schema}.orders o ON p.id = o.id");
        let shown = plan(&world, "ana", &sql).await;
        assert!(shown.contains("keys=[id]"), "{shown}");
        assert!(!shown.contains("amount"), "{shown}");
        let (lines, bytes) = read_bytes(&world, "ana", &sql).await;
        // Of 5, 8, 8 and 77, two have an amount of 2.
        assert_eq!(lines, ["5 | 1", "77 | 6"]);
        assert!(bytes < 10_000, "{bytes}");
        // A masked column is not what the source holds.
        let sql = format!("SELECT p.x, o.note FROM picked p JOIN {schema}.orders o ON p.id = o.id");
        let shown = plan(&world, "eve", &sql).await;
        assert!(!shown.contains("keys=["), "{shown}");
        let sql = format!("SELECT p.x, o.note FROM picked p JOIN {schema}.orders o ON p.code = o.code");
        let shown = plan(&world, "eve", &sql).await;
        assert!(shown.contains("keys=[code]"), "{shown}");
        assert_eq!(read_bytes(&world, "eve", &sql).await.0.len(), 3);
    }
}

/// What lies between a scan and a join sees all rows of the scan, if it could fail on one or counts them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_fails_or_not_whether_keys_come_or_not() {
    let world = on_sqlite().await;
    for between in [
        "SELECT id, 10 / amount AS q FROM crm.main.orders",
        "SELECT id, note AS q FROM crm.main.orders LIMIT 100",
        "SELECT id, sum(amount) AS q FROM crm.main.orders GROUP BY id",
        "SELECT id, row_number() OVER (ORDER BY note) AS q FROM crm.main.orders",
        "SELECT id, note AS q FROM crm.main.orders WHERE 10 / amount > 1",
    ] {
        let sql = format!("SELECT p.x, o.q FROM picked p JOIN ({between}) o ON p.id = o.id");
        let shown = plan(&world, "sam", &sql).await;
        assert!(!shown.contains("keys=["), "{between}: {shown}");
    }
    let sql = "SELECT p.x, o.q FROM picked p JOIN (SELECT id, 10 / amount AS q FROM crm.main.orders) o ON p.id = o.id";
    assert_eq!(world.refusal("sam", sql).await.code, ErrorCode::DivisionByZero);
}

/// Every kind of join, with and without keys, whichever way the engine joins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_changes_by_keys() {
    for (mut world, schema) in sources().await {
        let statements: Vec<String> = [
            "SELECT p.x, o.id, o.amount FROM picked p JOIN S.orders o ON p.id = o.id",
            "SELECT p.x, o.id FROM S.orders o JOIN picked p ON p.id = o.id AND o.code = p.code",
            "SELECT p.x, o.id FROM picked p LEFT JOIN S.orders o ON p.id = o.id",
            "SELECT count(*), count(p.x) FROM picked p RIGHT JOIN S.orders o ON p.id = o.id",
            "SELECT count(*), count(p.x), count(o.id) FROM picked p FULL JOIN S.orders o ON p.id = o.id",
            "SELECT o.id, o.note FROM S.orders o WHERE o.id IN (SELECT id FROM picked)",
            "SELECT p.x FROM picked p WHERE p.id IN (SELECT id FROM S.orders)",
            "SELECT count(*) FROM S.orders o WHERE o.id NOT IN (SELECT id FROM picked WHERE id IS NOT NULL)",
            "SELECT p.x FROM picked p WHERE NOT EXISTS (SELECT 1 FROM S.orders o WHERE o.id = p.id)",
            "SELECT p.x FROM picked p WHERE p.id NOT IN (SELECT id FROM S.orders)",
            "SELECT a.x, b.x, o.id FROM picked a JOIN S.orders o ON a.id = o.id JOIN picked b ON b.code = o.code",
            "SELECT p.x, o.id, q.id FROM picked p JOIN S.orders o ON p.id = o.id JOIN S.orders q ON q.code = o.code",
            "SELECT count(*) FROM picked p JOIN S.orders o ON p.id IS NOT DISTINCT FROM o.id",
            "SELECT p.x, o.id FROM picked p JOIN S.orders o ON p.id = o.id AND o.amount > p.x",
            "WITH RECURSIVE w(n) AS (SELECT 5 UNION ALL SELECT o.id + 3 FROM w JOIN S.orders o ON o.id = w.n WHERE w.n < 20) \
             SELECT n FROM w",
        ]
        .iter()
        .map(|sql| sql.replace("S.", &format!("{schema}.")))
        .collect();
        for (user, partitioned) in [("sam", false), ("sam", true), ("ana", false)] {
            let mut answers = Vec::new();
            for keys in [true, false] {
                world.change_engine(engine(partitioned, keys));
                answers.push(outcomes(&world, user, &statements).await);
            }
            for (at, sql) in statements.iter().enumerate() {
                assert_eq!(answers[0][at], answers[1][at], "{user} {partitioned}: {sql}");
            }
        }
    }
}

/// Sorted rows, or the code of the failure.
async fn outcomes(world: &World, user: &str, statements: &[String]) -> Vec<Result<Vec<String>, &'static str>> {
    let mut outcomes = Vec::new();
    for sql in statements {
        let mut outcome = world.outcome(user, sql).await;
        if let Ok(lines) = &mut outcome {
            lines.sort();
        }
        outcomes.push(outcome.map_err(|(code, _)| code));
    }
    outcomes
}

/// With joins of both sides in partitions, and with or without keys.
fn engine(partitioned: bool, keys: bool) -> EngineChange {
    EngineChange::of(move |mut builder| {
        let config = builder.config().get_or_insert_default();
        if partitioned {
            let optimizer = &mut config.options_mut().optimizer;
            optimizer.hash_join_single_partition_threshold = 0;
            optimizer.hash_join_single_partition_threshold_rows = 0;
        }
        let rules = builder.physical_optimizers().as_ref().map(|all| all.rules.clone());
        let mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> = rules.unwrap_or_default();
        rules.retain(|rule| keys || rule.name() != "JoinKeys");
        builder.with_physical_optimizer_rules(rules)
    })
}

/// The statement that PostgreSQL gets, with its fence and its index.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_asked_for_the_keys() {
    let Some((world, database)) = on_postgres().await else {
        println!("skipped: keys of joins on PostgreSQL, LAKEGATE_TEST_PG_HOST is not set");
        return;
    };
    let sql = "SELECT o.id, p.x FROM picked p JOIN crm.public.orders o ON p.id = o.id";
    for (user, fence) in [("sam", false), ("ana", true)] {
        world.ask(user, sql).await;
        let asked = database.statements().await;
        let asked = asked
            .iter()
            .filter(|text| text.contains("(s.\"id\" = ANY ($") && text.contains("OFFSET") == fence);
        assert_eq!(asked.count(), 1, "{user}: {:?}", database.statements().await);
    }
}
