//! Is a text a text, however its source lays it out? Parquet gives views, CSV does not; clients see neither (ADR 0028).

use lakegate_tests::{files, world::World};

use super::plain::declare;

const LONG: &str = "a text that is longer than a view";

/// `x` is Parquet with a partition of text, `y` CSV; `v_x` and `v_both` are views over them.
async fn world() -> World {
    let mut world = World::new().await;
    let schema = files::schema("id bigint, v varchar");
    let one = files::batch(&schema, &format!("1,a\n2,{LONG}\n3,NULL"));
    files::write_parquet(&world.path("data/t/x/p=one/a.parquet"), &one, 2);
    let two = files::batch(&schema, "4,two\n5,NULL");
    files::write_parquet(&world.path("data/t/x/p=two/a.parquet"), &two, 2);
    files::text(&world.path("data/t/y/a.csv"), &format!("id,v\n1,a\n2,{LONG}\n9,z\n"));
    let columns = "columns: [{name: id, type: bigint}, {name: v, type: varchar}]";
    let x = format!(
        "format: parquet, location: \"x/\", {columns}, partitioned_by: [{{name: p, type: varchar}}], partitions: hive, filters: \
         {{same: {{where: \"v = p OR length(v) > 20\"}}}}"
    );
    let y = format!("format: csv, location: \"y/\", {columns}");
    declare(&world, &[("x", &x), ("y", &y)]).await.unwrap();
    let views = "lake: more\nusers:\n  fay: {}\nviews:\n  lake.t.v_x: {sql: \"SELECT id, v, upper(v) AS u, p FROM x\"}\n  \
                 lake.t.v_all: {sql: \"SELECT array_agg(v ORDER BY id) AS l, max(v) AS m FROM x\"}\n  \
                 lake.t.v_both: {sql: \"SELECT id, v FROM x UNION ALL SELECT id, v FROM y\"}\ngrants:\n  \
                 - {to: \"user:fay\", privileges: [select-filtered], resource: \"filter:lake.t.x/same\"}\n";
    world.apply(views, "").await;
    world.set_defaults("lake", "t");
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_of_two_layouts_are_one_type() {
    let world = world().await;
    for (sql, columns, rows) in [
        (
            "SELECT v FROM x WHERE v > 'a' ORDER BY v",
            "v Utf8?",
            &[LONG, "two"][..],
        ),
        (
            "SELECT v FROM x WHERE v IN ('a', 'two') AND p = 'two'",
            "v Utf8?",
            &["two"],
        ),
        ("SELECT p FROM x WHERE v = p", "p Utf8?", &["two"]),
        (
            "SELECT v FROM x UNION SELECT v FROM y ORDER BY v NULLS LAST",
            "v Utf8?",
            &["a", LONG, "two", "z", "NULL"],
        ),
        (
            "SELECT x.id FROM x JOIN y ON x.v = y.v ORDER BY 1",
            "id Int64?",
            &["1", "2"],
        ),
        (
            "SELECT v FROM y WHERE v IN (SELECT v FROM x) ORDER BY 1",
            "v Utf8?",
            &["a", LONG],
        ),
        (
            "SELECT coalesce(y.v, x.v) AS w FROM x LEFT JOIN y USING (id) WHERE x.id IN (1, 4) ORDER BY id",
            "w Utf8?",
            &["a", "two"],
        ),
        (
            "SELECT min(v), max(v), count(DISTINCT v) FROM x",
            "_col0 Utf8?, _col1 Utf8?, _col2 Int64",
            &["a | two | 3"],
        ),
        (
            "SELECT CAST(v AS varchar) || p AS w FROM x WHERE id = 4",
            "w Utf8?",
            &["twotwo"],
        ),
        ("SELECT u FROM v_x WHERE v = 'two'", "u Utf8?", &["TWO"]),
        ("SELECT l[1] AS f, m FROM v_all", "f Utf8?, m Utf8?", &["a | two"]),
        ("SELECT count(*) AS n FROM v_both WHERE v = 'a'", "n Int64", &["2"]),
        (
            "SELECT data_type FROM information_schema.columns WHERE table_name = 'x' AND column_name = 'v'",
            "data_type Utf8",
            &["varchar"],
        ),
    ] {
        let answer = world.ask("sam", sql).await;
        assert_eq!(answer.lines(), rows, "{sql}");
        assert_eq!(answer.columns(), columns, "{sql}");
    }
}

/// A condition on a text is still one on the column alone, so that files and row groups are skipped by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_on_texts_reach_the_scan() {
    let world = world().await;
    for condition in ["v = 'a'", "v LIKE 'a%'", "v IN ('a', 'b')", "'b' > v", "p = 'two'"] {
        let plan = world
            .ask("sam", &format!("EXPLAIN SELECT id FROM x WHERE {condition}"))
            .await
            .text();
        assert!(
            plan.contains("filters=[") && !plan.contains("FilterExec"),
            "{condition}: {plan}"
        );
    }
    let joined = "SELECT x.id FROM x JOIN y ON x.v = y.v WHERE x.v = 'a'";
    let plan = world.ask("sam", &format!("EXPLAIN {joined}")).await.text();
    assert!(plan.contains("filters=["), "{plan}");
}

/// The filter's own columns lie in both layouts' places: a column of the file and one of its folder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_reads_columns_and_partitions_of_text() {
    let world = world().await;
    assert_eq!(
        world.rows("fay", "SELECT id, v FROM x ORDER BY id").await,
        [format!("2 | {LONG}"), "4 | two".to_owned()]
    );
}
