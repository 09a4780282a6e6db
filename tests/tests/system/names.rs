//! Which names does each principal learn? Lists, descriptions and refusals (governance.md P7, O5, D1, D2).

use lakegate_tests::{
    fixture::{self, Hidden, Place},
    world::World,
};

/// Statement with the name of something that is there but hidden, and the same with one of equal length that is not there.
const PAIRS: &[(&str, &str)] = &[
    ("SELECT * FROM lake.sales.secret", "SELECT * FROM lake.sales.secrex"),
    ("SELECT * FROM secret", "SELECT * FROM secrex"),
    (
        "SELECT 1 FROM orders JOIN secret ON true",
        "SELECT 1 FROM orders JOIN secrex ON true",
    ),
    (
        "SELECT (SELECT max(id) FROM secret)",
        "SELECT (SELECT max(id) FROM secrex)",
    ),
    (
        "WITH q AS (SELECT * FROM secret) SELECT 1",
        "WITH q AS (SELECT * FROM secrex) SELECT 1",
    ),
    ("EXPLAIN SELECT * FROM secret", "EXPLAIN SELECT * FROM secrex"),
    ("SELECT nothing FROM secret", "SELECT nothing FROM secrex"),
    ("SELECT nothing(1) FROM secret", "SELECT nothing(1) FROM secrex"),
    ("DESCRIBE secret", "DESCRIBE secrex"),
    ("SHOW COLUMNS FROM secret", "SHOW COLUMNS FROM secrex"),
    ("SELECT * FROM lake.mallory.own", "SELECT * FROM lake.mallorx.own"),
    ("SELECT * FROM lake.mallory.own", "SELECT * FROM lake.mallory.owx"),
    ("SHOW TABLES FROM lake.mallory", "SHOW TABLES FROM lake.mallorx"),
    ("SELECT * FROM crm.main.secret", "SELECT * FROM crm.main.secrex"),
    ("DESCRIBE crm.main.secret", "DESCRIBE crm.main.secrex"),
    (
        "SELECT * FROM lake.information_schema.columns WHERE table_name = 'secret'",
        "SELECT * FROM lake.information_schema.columns WHERE table_name = 'secrex'",
    ),
];

/// What one has typed is not counted.
fn neutral(outcome: Result<Vec<String>, (&'static str, String)>, sql: &str, typed: &str) -> String {
    let different = sql.split(' ').zip(typed.split(' ')).find(|(one, other)| one != other);
    let text = format!("{outcome:?}");
    match different {
        Some((one, other)) => text
            .replace(one.trim_matches('\''), other.trim_matches('\''))
            .replace("secret", "secrex"),
        None => text,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hidden_is_missing() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    for who in ["alice", "bob", "nobody"] {
        for (hidden, missing) in PAIRS {
            let one = neutral(world.outcome(who, hidden).await, hidden, missing);
            let other = neutral(world.outcome(who, missing).await, "", "");
            let renamed = one.replace("lake.mallory`", "lake.mallorx`").replace("own`", "owx`");
            let other = other.replace("own`", "owx`");
            assert!(renamed == other || one == other, "{who}: {hidden}\n{one}\n{other}");
        }
    }
    // A catalog that nobody granted anything in, and one that is not there.
    for who in ["alice", "nobody"] {
        for sql in [
            "SHOW SCHEMAS FROM crm",
            "SHOW TABLES FROM crm.main",
            "SELECT * FROM crm.information_schema.tables",
        ] {
            let hidden = format!("{:?}", world.outcome(who, sql).await).replace("crm", "crx");
            assert_eq!(
                hidden,
                format!("{:?}", world.outcome(who, &sql.replace("crm", "crx")).await),
                "{who} {sql}"
            );
        }
    }
}

/// The order of refusals may not tell which of two names exists.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_names_are_refused_in_the_order_of_names() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    let one = world.refusal("alice", "SELECT * FROM secret, aaa").await.to_string();
    let other = world.refusal("alice", "SELECT * FROM secrex, aaa").await.to_string();
    assert_eq!(one, other);
    let one = world.refusal("alice", "SELECT * FROM secret, zzz").await.to_string();
    let other = world.refusal("alice", "SELECT * FROM secrex, zzz").await.to_string();
    assert_eq!(one.replace("secret", "secrex"), other);
}

/// D1: a permit on the database itself shows the database and nothing in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bob_sees_the_database_and_nothing_in_it() {
    for place in Place::ALL {
        let world = fixture::world(place, Hidden::Canaries).await;
        let (catalog, database) = place.database().split_once('.').unwrap();
        assert_eq!(world.rows("bob", "SHOW CATALOGS").await, [catalog], "{place:?}");
        assert_eq!(
            world.rows("bob", &format!("SHOW SCHEMAS FROM {catalog}")).await,
            [database]
        );
        assert!(
            world
                .rows("bob", &format!("SHOW TABLES FROM {}", place.database()))
                .await
                .is_empty(),
            "{place:?}"
        );
        let listed = information(&world, "bob", catalog, "tables").await;
        assert!(!listed.contains("orders") && !listed.contains("secret"), "{listed}");
        let columns = information(&world, "bob", catalog, "columns").await;
        assert!(!columns.contains("orders") && !columns.contains("region"), "{columns}");
    }
}

/// D2: no hidden column, no gap where it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_sees_her_columns_without_gaps() {
    for place in Place::ALL {
        let world = fixture::world(place, Hidden::Canaries).await;
        let described = world.ask("alice", "DESCRIBE orders").await.values();
        let names: Vec<&str> = described.iter().map(|row| row[0].as_str()).collect();
        let visible = [
            "id",
            "tenant",
            "region",
            "ssn",
            "email",
            "amount",
            "qty",
            "code",
            "note",
            "legal_hold",
            "ts",
        ];
        assert_eq!(names, visible, "{place:?}");
        let (catalog, database) = place.database().split_once('.').unwrap();
        let sql = format!(
            "SELECT ordinal_position, column_name FROM {catalog}.information_schema.columns WHERE table_name = 'orders' AND \
             table_schema = '{database}' ORDER BY 1"
        );
        let columns = world.ask("alice", &sql).await.lines();
        let expected: Vec<String> = (1..).zip(visible).map(|(at, name)| format!("{at} | {name}")).collect();
        assert_eq!(columns, expected, "{place:?}");
        let shown = world.ask("alice", "SELECT * FROM orders LIMIT 1").await;
        let shown: Vec<&str> = shown
            .schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        assert_eq!(shown, visible);
        assert_eq!(world.rows("alice", "SHOW TABLES").await, ["orders"], "{place:?}");
        let tables = information(&world, "alice", catalog, "tables").await;
        assert!(
            tables.contains("orders") && !tables.contains("secret") && !tables.contains("own"),
            "{tables}"
        );
        let schemata = information(&world, "alice", catalog, "schemata").await;
        assert!(
            schemata.contains(database) && !schemata.contains("mallory"),
            "{schemata}"
        );
    }
}

async fn information(world: &World, user: &str, catalog: &str, table: &str) -> String {
    world
        .ask(user, &format!("SELECT * FROM {catalog}.information_schema.{table}"))
        .await
        .text()
}

/// Patterns and joins over the lists reach no more than the lists.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_filtered_before_the_question() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    assert!(world.rows("alice", "SHOW TABLES LIKE 's%'").await.is_empty());
    assert!(world.rows("alice", "SHOW CATALOGS LIKE 'c%'").await.is_empty());
    let counted = "SELECT count(*) FROM lake.information_schema.tables WHERE table_schema <> 'information_schema'";
    assert_eq!(world.rows("alice", counted).await, ["1"]);
    assert_eq!(world.rows("nobody", "SHOW CATALOGS").await, Vec::<String>::new());
    world.refusal("nobody", counted).await;
}
