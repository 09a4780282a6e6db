//! Can conditions or keys of a caller be aimed at rows that are hidden from them? What of such a row cannot be decoded must not tell
//! whether they meet it.

use lakegate_tests::{
    postgres::{self, Database},
    world::World,
};

/// 666 and 7 are hidden by every filter of the lake; `d` of 666 is no date that Arrow has.
const TABLES: &str = "CREATE TABLE p (id int PRIMARY KEY, region text, score float8, d date, t text, b bool);
    INSERT INTO p VALUES (1, 'DE', 0.9, '2020-01-01', 'seen', true), (7, 'DE', 0.1, '2020-01-02', 'good', true),
        (666, 'DE', 0.2, 'infinity', 'hid', false);
    CREATE TABLE q (id int PRIMARY KEY, b bool, t text);
    INSERT INTO q VALUES (1, true, 't1'), (2, false, 't2'), (3, NULL, NULL);";

fn lake(database: &Database) -> String {
    let grant = |who: &str| {
        format!("  - {{to: \"user:{who}\", privileges: [select-filtered], resource: \"filter:crm.public.p/{who}\"}}\n")
    };
    let filters = [
        ("float", "where: \"region = 'DE' AND score > 0.5\""),
        ("either", "where: \"id = 1 OR score > 0.5\""),
        ("like", "where: \"region = 'DE' AND t LIKE '%ee%'\""),
        ("exact", "where: \"region = 'DE' AND id < 5\""),
        ("nobody", "where: \"TRUE\", except: [d]"),
        (
            "cedar",
            r#"cedar: 'when { resource.n.hasTag("id") && resource.n.getTag("id") < 5 }'"#,
        ),
        (
            "broken",
            r#"cedar: 'when { (resource.s.hasTag("t") && resource.s.getTag("t") like "se*") || (resource.n.hasTag("id") && resource.n.getTag("id") < 5) }'"#,
        ),
    ];
    let users: String = filters.iter().map(|(name, _)| format!("{name}: {{}}, ")).collect();
    let bodies: String = filters
        .iter()
        .map(|(name, body)| format!("      {name}: {{{body}}}\n"))
        .collect();
    let grants: String = filters.iter().map(|(name, _)| grant(name)).collect();
    format!(
        "lake: own\nconnections: {{crm: {}}}\ncatalogs: {{crm: {{connection: crm, discover: true, default: true}}}}\n\
         users: {{{users}sam: {{}}}}\ntables:\n  crm.public.p:\n    filters:\n{bodies}    masks:\n      d: {{none: {{func: replace-with-null, rank: 10}}}}\ngrants:\n{grants}  \
         - {{to: \"user:nobody\", privileges: [select-masked], resource: \"mask:crm.public.p.d/none\"}}\n  \
         - {{to: \"user:sam\", privileges: [select], resource: \"catalog:crm\"}}\n",
        database.connection()
    )
}

async fn world(database: &Database) -> World {
    database.execute(TABLES).await;
    let mut world = World::with_environment(&database.secrets()).await;
    world.set_defaults("crm", "public");
    world.apply(&lake(database), "").await;
    world
}

/// Each with a place for what a hidden row is met by: the one that can be decoded, and the one that cannot.
const AIMED: &[(&str, &str, &str)] = &[
    ("SELECT id, d FROM p WHERE id = {}", "7", "666"),
    ("SELECT id, d FROM p WHERE t LIKE '{}%'", "g", "h"),
    (
        "SELECT id, d FROM p WHERE id BETWEEN {} AND 700 AND id < 667",
        "666 + 1",
        "666",
    ),
    (
        "SELECT p.id, p.d FROM (VALUES ({})) v(x) JOIN p ON p.id = v.x",
        "7",
        "666",
    ),
    ("SELECT count(d) FROM p WHERE t = '{}'", "good", "hid"),
    ("SELECT id FROM p WHERE t = '{}' ORDER BY d LIMIT 1", "good", "hid"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_row_is_met_by_no_condition_and_no_key() {
    if !postgres::is_there("aimed") {
        return;
    }
    let database = Database::create().await.expect("a database");
    let world = world(&database).await;
    for who in ["float", "either", "like", "exact", "cedar", "broken"] {
        for (sql, missed, met) in AIMED {
            let told = async |value: &str| {
                let outcome = world.outcome(who, &sql.replace("{}", value)).await;
                outcome.map_err(|(code, _)| code)
            };
            assert_eq!(told(missed).await, told(met).await, "{who}: {sql}");
        }
    }
    // What a mask does not look at is not read.
    let masked = "SELECT id, d FROM p ORDER BY id";
    assert_eq!(
        world.rows("nobody", masked).await,
        ["1 | NULL", "666 | NULL", "7 | NULL"]
    );
    // A policy that the source can be told wholly costs no condition: the row is never sent.
    for who in ["exact", "cedar"] {
        assert_eq!(
            world.rows(who, "SELECT id, d FROM p").await,
            ["1 | 2020-01-01"],
            "{who}"
        );
        let joined = "EXPLAIN SELECT p.id FROM (VALUES (1), (2)) v(x) JOIN p ON p.id = v.x";
        let plan = world.rows(who, joined).await.join("\n");
        assert!(plan.contains("keys=[id]"), "{who}: {plan}");
    }
}

/// Conditions that were handed over are simplified again: what comes of them is as good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_optimizer_makes_of_conditions_is_taken() {
    if !postgres::is_there("aimed") {
        return;
    }
    let database = Database::create().await.expect("a database");
    let world = world(&database).await;
    for (sql, rows) in [
        ("SELECT id FROM q WHERE b IN (true)", &["1"][..]),
        ("SELECT id FROM q WHERE b NOT IN (true)", &["2"]),
        ("SELECT id FROM q WHERE b NOT IN (true, false)", &[]),
        ("SELECT id FROM q WHERE b", &["1"]),
        ("SELECT id FROM q WHERE NOT b", &["2"]),
        ("SELECT id FROM q WHERE id IS NOT NULL AND t = 't1'", &["1"]),
        (
            "SELECT l.k FROM (VALUES (1), (2)) l(k) LEFT JOIN q ON q.id = l.k WHERE q.t = 't1' AND q.id IS NOT NULL",
            &["1"],
        ),
        (
            "SELECT l.k FROM (VALUES (1), (9)) l(k) LEFT JOIN q ON q.id = l.k WHERE q.t = 't1' AND q.id IS NULL",
            &[],
        ),
    ] {
        assert_eq!(world.rows("sam", sql).await, rows, "{sql}");
    }
}
