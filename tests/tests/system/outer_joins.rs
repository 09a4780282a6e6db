//! Does WHERE keep exactly the rows of which its condition is true? Asked of every kind of join, with conditions on either
//! side that treat NULL in every way, against the same condition as a column that the test itself filters by.
//!
//! The tables have columns of the same names: what finds a column by its name alone, finds the wrong one.

use lakegate_tests::{files, world::World};

use crate::plain;

/// What is joined, and its two aliases.
const JOINS: &[&str] = &[
    "x a JOIN y b ON a.id = b.g",
    "x a RIGHT JOIN y b ON a.id = b.g",
    "x a FULL JOIN y b ON a.id = b.g",
    "x a RIGHT JOIN x b ON a.t = b.u",
    "x a LEFT JOIN y b ON a.id = b.g AND a.t < b.t",
    "x a FULL JOIN y b ON a.id = b.g AND a.id > 1",
    "x a RIGHT JOIN y b ON a.id < b.g",
    "x a LEFT JOIN (x c JOIN y d ON c.id = d.g) ON a.g = c.g JOIN y b ON b.g = a.id",
    "x c RIGHT JOIN y a ON c.id = a.id RIGHT JOIN x b ON a.t = b.u",
    "x c LEFT JOIN x a ON c.g = a.g RIGHT JOIN y b ON b.g = a.id",
    "(SELECT id, t, u, g FROM x) a RIGHT JOIN (SELECT t, u, id, g FROM y) b ON a.id = b.g",
];

/// Conditions over one side, `s`.
const CONDITIONS: &[&str] = &[
    "s.t <> 'a'",
    "substr(s.t, 1, 0) <> 'a'",
    "substr(s.t, 1, 1) = 'a'",
    "coalesce(s.t, 'z') = 'z'",
    "coalesce(s.t, s.u) <> 'a'",
    "s.t IS NULL",
    "s.id IS NOT DISTINCT FROM 2",
    "(s.id > 1) IS UNKNOWN",
    "(s.id > 1) IS NOT TRUE",
    "s.id > 1 OR s.u IS NULL",
    "CASE WHEN s.id = 1 THEN true WHEN s.t IS NULL THEN true END",
    "CASE s.id WHEN 1 THEN false ELSE s.u <> 'x' END",
    "nullif(s.t, 'a') IS NULL",
    "s.id NOT IN (1, NULL)",
    "s.id + 1 > 2",
    "upper(s.t) || s.u > 'A'",
    "concat(s.t, s.u) <> 'axx'",
];

async fn lake() -> World {
    let world = World::new().await;
    let tables = [
        (
            "x",
            "id bigint, g bigint, t varchar, u varchar",
            "1,10,a,a_c\n2,20,b,xx\n3,NULL,,a\nNULL,1,a_c,NULL\n4,2,NULL,a\n",
        ),
        (
            "y",
            "g bigint, t varchar, u varchar, id bigint",
            "1,a,xx,1\n2,NULL,a,7\n9,a_c,NULL,8\nNULL,,xx,2\n1,b,b,NULL\n",
        ),
    ];
    let mut entries = Vec::new();
    for (name, columns, rows) in tables {
        let batch = files::batch(&files::schema(columns), rows.trim_end());
        files::write_parquet(&world.path(&format!("data/t/{name}/part.parquet")), &batch, 2);
        let columns: Vec<String> = columns
            .split(", ")
            .filter_map(|column| column.split_once(' '))
            .map(|(column, data_type)| format!("{{name: {column}, type: {data_type}}}"))
            .collect();
        entries.push((
            name,
            format!(
                "format: parquet, location: \"{name}/\", columns: [{}]",
                columns.join(", ")
            ),
        ));
    }
    let entries: Vec<(&str, &str)> = entries.iter().map(|(name, entry)| (*name, entry.as_str())).collect();
    plain::declare(&world, &entries).await.expect("a lake");
    world
}

const COLUMNS: &str = "b.t, a.id, a.t, b.id, b.u";

/// Each condition over either side, and some with a second one.
fn conditions() -> Vec<String> {
    let mut all = Vec::new();
    for (at, condition) in CONDITIONS.iter().enumerate() {
        let (left, right) = (condition.replace("s.", "a."), condition.replace("s.", "b."));
        match at % 3 {
            0 => all.push(format!("{left} AND b.g > 1")),
            1 => all.push(format!("{right} OR a.u = 'a'")),
            _ => all.push(format!("({left}) IS NOT DISTINCT FROM ({right})")),
        }
        all.extend([left, right]);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_keeps_what_is_true() {
    let world = lake().await;
    let conditions = conditions();
    let mut differences = String::new();
    for join in JOINS {
        let asked = format!("SELECT {COLUMNS}, {} FROM {join}", conditions.join(", "));
        let shown = world.ask("sam", &asked).await.values();
        for (at, condition) in conditions.iter().enumerate() {
            let is_true = |row: &&Vec<String>| row[5 + at] == "true";
            let mut expected: Vec<_> = shown.iter().filter(is_true).map(|row| row[..5].join(" | ")).collect();
            expected.sort();
            let sql = format!("SELECT {COLUMNS} FROM {join} WHERE {condition}");
            let filtered = world.rows("sam", &sql).await;
            if filtered != expected {
                differences.push_str(&format!("{sql}\n  {expected:?}\n  {filtered:?}\n"));
            }
        }
    }
    assert!(differences.is_empty(), "{differences}");
}
