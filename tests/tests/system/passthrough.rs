//! Who may speak to a source in its own language, what comes back, and what is left of it?

use lakegate_catalog::record::QueryState;
use lakegate_query::{error::ErrorCode, service::SubmitRequest};
use lakegate_tests::{
    postgres::{self, Database},
    world::World,
};

use super::revocation::fetched;

const TABLES: &str = "CREATE TABLE orders (id int PRIMARY KEY, region text, amount numeric(10,2), tags text[], secret text);
    INSERT INTO orders VALUES (1, 'DE', 10.50, '{a,b}', 'CANARY-1'), (2, 'US', NULL, '{}', 'CANARY-2'), (3, NULL, 5, NULL, 'CANARY-3');
    CREATE TABLE notes (id int, note text);
    INSERT INTO notes VALUES (1, 'one'), (2, 'two');
    CREATE FUNCTION spoil() RETURNS int LANGUAGE sql AS 'INSERT INTO notes VALUES (9, ''written''); SELECT 1';
    CREATE TABLE unnamed (secret text);
    CREATE DOMAIN money2 AS numeric(8,2);";

fn lake(database: &Database, more: &str) -> String {
    format!(
        r#"
lake: own
connections: {{crm: {}, files: {{connector: files, options: {{root: "./data"}}}}}}
catalogs: {{crm: {{connection: crm, discover: true, default: true}}, lake: {{connection: files}}}}
databases: {{lake.v: {{location: "v/"}}}}
users: {{ann: {{}}, bob: {{}}, cat: {{}}, dan: {{}}, eli: {{}}, svc: {{kind: service}}}}
tables:
  crm.public.orders:
    filters: {{de: {{where: "region = 'DE'"}}}}
  crm.public.notes: {{comment: "short ones"}}
grants:
  - {{to: "user:ann", privileges: [passthrough-query], resource: "connection:crm"}}
  - {{to: "user:ann", privileges: [select], resource: "catalog:crm"}}
  - {{to: "user:bob", privileges: [select], resource: "catalog:crm"}}
  - {{to: "user:cat", privileges: [passthrough-query], resource: "connection:crm"}}
  - {{to: "user:dan", privileges: [passthrough-query], resource: "connection:crm"}}
  - {{to: "user:dan", privileges: [select], resource: "table:crm.public.notes"}}
  - {{to: "user:dan", privileges: [select-filtered], resource: "filter:crm.public.orders/de"}}
  - {{to: "user:eli", privileges: [passthrough-query], resource: "connection:crm"}}
  - {{to: "user:eli", privileges: [select], resource: "table:crm.public.notes"}}
  - {{to: "user:eli", privileges: [select], resource: "table:crm.public.orders"}}
  - {{to: "user:svc", privileges: [passthrough-query], resource: "connection:crm"}}
  - {{to: "user:svc", privileges: [select], resource: "catalog:crm"}}
  - {{to: "user:svc", privileges: [impersonate], resource: "tenant:default"}}
  - {{to: "user:bob", privileges: [view-query, fetch-result], resource: "tenant:default"}}
{more}
"#,
        database.connection()
    )
}

async fn world(database: &Database, cedar: &str) -> World {
    database.execute(TABLES).await;
    let mut world = World::with_environment(&database.secrets()).await;
    world.path("data/v/x");
    world.set_defaults("crm", "public");
    world.apply(&lake(database, ""), cedar).await;
    world
}

fn call(text: &str) -> String {
    format!("TABLE(crm.system.query('{}'))", text.replace('\'', "''"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_of_the_source_is_a_relation() {
    if !postgres::is_there("passthrough") {
        return;
    }
    let database = Database::create().await.expect("a database");
    let world = world(&database, "").await;
    let rows = async |sql: &str| world.rows("ann", sql).await;
    let all = call("SELECT id, region, amount, tags FROM orders ORDER BY id DESC -- the newest first");
    assert_eq!(
        rows(&format!("SELECT * FROM {all} ORDER BY id")).await,
        [
            "1 | DE | 10.50 | [a, b]",
            "2 | US | NULL | []",
            "3 | NULL | 5.00 | NULL"
        ]
    );
    let counted = call("SELECT region, count(*) AS n, sum(amount) AS total FROM orders GROUP BY ROLLUP (region)");
    assert_eq!(
        rows(&format!("SELECT n, total FROM {counted} AS t WHERE n = 3")).await,
        ["3 | 15.500000000"],
        "`numeric` without precision is read as the connection says"
    );
    assert_eq!(
        rows(&format!(
            "SELECT query.one FROM {} JOIN notes ON notes.id = query.one",
            call("SELECT 1 AS one")
        ))
        .await,
        ["1"]
    );
    assert_eq!(
        rows(&format!("SELECT d FROM {}", call("SELECT 1.5::money2 AS d"))).await,
        ["1.50"]
    );
    let two = format!(
        "SELECT (SELECT max(b) FROM {} x) + a FROM {} y",
        call("SELECT 10 AS b"),
        call("SELECT 1 AS a")
    );
    assert_eq!(rows(&two).await, ["11"]);
    let plan = rows(&format!("EXPLAIN SELECT count(*) FROM {all}")).await.join("\n");
    assert!(plan.contains("GovernedScanExec: relation=crm.system.query#1"), "{plan}");
    for (text, words) in [
        ("SELECT * FROM nowhere", "nowhere"),
        ("SELECT id FROM orders WHERE id = $1", "parameters"),
        ("SELECT 1 AS a, 2 AS \"A\"", "`a`"),
        ("SELECT 1; SELECT 2", "source does not take"),
        ("DELETE FROM notes", "source does not take"),
        (
            "WITH gone AS (DELETE FROM notes RETURNING 1) SELECT * FROM gone",
            "source does not take",
        ),
        ("CREATE TABLE x (a int)", "source does not take"),
        ("COPY notes TO PROGRAM 'id'", "source does not take"),
    ] {
        let refusal = world.refusal("ann", &format!("SELECT * FROM {}", call(text))).await;
        assert!(refusal.to_string().contains(words), "{text}: {refusal:?}");
    }
    let views = "views:\n  lake.v.x: {sql: \"SELECT * FROM TABLE(crm.system.query('SELECT 1'))\"}";
    let refused = world.try_apply(&lake(&database, views), "").await.expect_err("a view");
    assert!(refused.to_string().contains("`system.query` in a view"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_for_those_from_whom_nothing_is_hidden() {
    if !postgres::is_there("passthrough") {
        return;
    }
    let database = Database::create().await.expect("a database");
    let cedar = "@id(\"no.secret\") forbid(principal == Lakegate::User::\"bob\", action == Lakegate::Action::\"Select\", \
         resource == Lakegate::Column::\"crm.public.orders.secret\");";
    let world = world(&database, cedar).await;
    let sql = format!("SELECT * FROM {}", call("SELECT secret FROM orders"));
    assert_eq!(world.rows("ann", &sql).await.len(), 3);
    // No right on the connection; none on its tables; a filter; none on tables that nobody has found yet.
    let mut texts = Vec::new();
    for who in ["bob", "cat", "dan", "eli"] {
        for form in [sql.clone(), format!("EXPLAIN {sql}"), format!("EXPLAIN ANALYZE {sql}")] {
            let refusal = world.refusal(who, &form).await;
            assert_eq!(refusal.code, ErrorCode::AccessDenied, "{who}: {form}: {refusal:?}");
            texts.push(refusal.message);
        }
    }
    let gone = world.refusal("cat", &sql.replace("crm.system", "gone.system")).await;
    assert_eq!(gone.message.replace("`gone`", "`crm`"), texts.pop().unwrap());
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    let other = world.refusal("ann", &sql.replace("crm.system", "lake.system")).await;
    assert_eq!(
        other.code,
        ErrorCode::AccessDenied,
        "no right on that connection: {other:?}"
    );
    // Nobody is asked on behalf of somebody who may not.
    for (who, allowed) in [("ann", true), ("bob", false), ("dan", false)] {
        let request = SubmitRequest {
            on_behalf_of: Some(who.to_owned()),
            ..world.request(&sql)
        };
        let answer = world.run_request("svc", request).await;
        assert_eq!(answer.is_ok(), allowed, "{who}: {answer:?}");
    }
    let events = world.audit().await;
    let attempts = events.iter().filter(|event| event.action == "PassthroughQuery");
    let (allowed, denied): (Vec<_>, Vec<_>) = attempts.partition(|event| event.decision == "allow");
    assert!(
        allowed
            .iter()
            .any(|event| event.principal == "ann" && !event.policies.is_empty()),
        "{allowed:?}"
    );
    for who in ["bob", "cat", "dan"] {
        assert!(
            denied
                .iter()
                .any(|event| event.principal == who && event.outcome == "ACCESS_DENIED"),
            "{who}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_and_no_session_is_left_changed() {
    if !postgres::is_there("passthrough") {
        return;
    }
    let database = Database::create().await.expect("a database");
    let world = world(&database, "").await;
    for text in [
        "SELECT spoil() AS x",
        "SELECT set_config('transaction_read_only', 'off', false) AS x, spoil() AS y",
        "SELECT 1 AS x) AS q, LATERAL (SELECT spoil() AS y",
    ] {
        let refusal = world.refusal("ann", &format!("SELECT * FROM {}", call(text))).await;
        // Brackets that do not match make another statement, one that reads all the same.
        let codes = [ErrorCode::SourceFailed, ErrorCode::MissingColumn];
        assert!(codes.contains(&refusal.code), "{text}: {refusal:?}");
    }
    // The next statement does not meet the session that this one leaves.
    let off = call(
        "SELECT set_config('default_transaction_read_only', 'off', false) AS x, set_config('search_path', 'nowhere', false) AS y",
    );
    for _ in 0..4 {
        world.rows("ann", &format!("SELECT * FROM {off}")).await;
        world
            .refusal("ann", &format!("SELECT * FROM {}", call("SELECT spoil() AS x")))
            .await;
    }
    assert_eq!(world.rows("ann", "SELECT count(*) FROM notes").await, ["2"]);
    let mark = call("SELECT set_config('left.behind', 'a mark', false) AS x");
    let look = call("SELECT coalesce(current_setting('left.behind', true), 'nothing') AS x");
    for _ in 0..4 {
        world.rows("ann", &format!("SELECT * FROM {mark}")).await;
        assert_eq!(world.rows("ann", &format!("SELECT * FROM {look}")).await, ["nothing"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_rows_are_decided_again_and_nobody_elses() {
    if !postgres::is_there("passthrough") {
        return;
    }
    let database = Database::create().await.expect("a database");
    let world = world(&database, "").await;
    let (ann, bob) = (world.caller("ann").await, world.caller("bob").await);
    let sql = format!("SELECT * FROM {}", call("SELECT id FROM orders"));
    let id = world
        .queries
        .submit(&ann, world.request(&sql))
        .await
        .expect("a query")
        .id;
    while !world.record(&id).await.state.is_final() {
        let wait = std::time::Duration::from_secs(10);
        world.queries.wait(&ann, &id, wait).await.expect("the query");
    }
    assert_eq!(world.record(&id).await.state, QueryState::Succeeded);
    assert_eq!(fetched(&world, &ann, &id).await, Ok(3));
    assert_eq!(fetched(&world, &bob, &id).await, Err(ErrorCode::AccessDenied));
    // A restrictive filter on one of the tables ends it.
    let bound = lake(&database, "").replace(
        "filters: {de: {where: \"region = 'DE'\"}}",
        "filters: {de: {where: \"region = 'DE'\"}, all: {where: \"region IS NOT NULL\", restrictive: true}}",
    );
    world.apply(&bound, "").await;
    assert_eq!(fetched(&world, &ann, &id).await, Err(ErrorCode::PolicyChanged));
    assert_eq!(world.refusal("ann", &sql).await.code, ErrorCode::AccessDenied);
}
