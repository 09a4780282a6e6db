//! Does a table consist of all of its files, and of no others? (engine-gaps.md §2)

use lakegate_query::error::ErrorCode;
use lakegate_tests::{files, world::World};

use super::plain::{declare, table};

const ID: &str = "format: parquet, location: \"x/\", columns: [{name: id, type: bigint}]";

fn hive(key: &str) -> String {
    format!("{ID}, partitioned_by: [{key}], partitions: hive")
}

/// W: the default partition was the text `__HIVE_DEFAULT_PARTITION__`, and a cast error for a number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_default_partition_is_null() {
    for (key, value) in [("{name: p, type: varchar}", "a"), ("{name: p, type: int}", "7")] {
        let world = table(&hive(key), |world| {
            files::parquet(&world.path(&format!("data/t/x/p={value}/f.parquet")), "id bigint", "1");
            files::parquet(
                &world.path("data/t/x/p=__HIVE_DEFAULT_PARTITION__/f.parquet"),
                "id bigint",
                "2",
            );
        })
        .await;
        assert_eq!(
            world.rows("sam", "SELECT id, p FROM x").await,
            [format!("1 | {value}"), "2 | NULL".to_owned()]
        );
        assert_eq!(world.rows("sam", "SELECT id FROM x WHERE p IS NULL").await, ["2"]);
        assert_eq!(world.rows("sam", "SELECT id FROM x WHERE p IS NOT NULL").await, ["1"]);
        assert_eq!(
            world
                .rows("sam", &format!("SELECT id FROM x WHERE p <> '{value}'"))
                .await,
            Vec::<String>::new()
        );
    }
}

/// W: folders whose keys come in another order were left out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_folder_has_its_own_order_of_keys() {
    let world = table(&hive("{name: a, type: int}, {name: b, type: varchar}"), |world| {
        files::parquet(&world.path("data/t/x/a=1/b=x/f.parquet"), "id bigint", "1");
        files::parquet(&world.path("data/t/x/b=y/a=2/f.parquet"), "id bigint", "2");
    })
    .await;
    assert_eq!(
        world.rows("sam", "SELECT id, a, b FROM x").await,
        ["1 | 1 | x", "2 | 2 | y"]
    );
    assert_eq!(world.rows("sam", "SELECT id FROM x WHERE a = 2").await, ["2"]);
}

/// W: folders of other depth or with other names were left out in silence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_does_not_fit_is_an_error() {
    for folder in ["q=1/", "", "p=1/q=2/"] {
        let world = table(&hive("{name: p, type: int}"), |world| {
            files::parquet(&world.path("data/t/x/p=1/f.parquet"), "id bigint", "1");
            files::parquet(&world.path(&format!("data/t/x/{folder}g.parquet")), "id bigint", "2");
        })
        .await;
        match world.run("sam", "SELECT id FROM x").await {
            Ok(answer) => assert_eq!(answer.len(), 2, "{folder}: a row is missing"),
            Err(error) => assert_eq!(error.code.kind(), ErrorCode::SourceFailed.kind(), "{folder}: {error:?}"),
        }
    }
}

/// Percent-encoded values, as Hive and Spark write them; a text with `=` in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partition_values_are_decoded() {
    let world = table(&hive("{name: p, type: varchar}"), |world| {
        files::parquet(&world.path("data/t/x/p=a%2Fb/f.parquet"), "id bigint", "1");
        files::parquet(&world.path("data/t/x/p=c=d/f.parquet"), "id bigint", "2");
        files::parquet(&world.path("data/t/x/p=a b/f.parquet"), "id bigint", "3");
    })
    .await;
    assert_eq!(
        world.rows("sam", "SELECT id, p FROM x").await,
        ["1 | a/b", "2 | c=d", "3 | a b"]
    );
    assert_eq!(world.rows("sam", "SELECT id FROM x WHERE p = 'a/b'").await, ["1"]);
}

/// W: files without the expected extension were skipped, subfolders too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn extensions_mean_nothing_and_folders_are_entered() {
    let world = table(ID, |world| {
        files::parquet(&world.path("data/t/x/a.parquet"), "id bigint", "1");
        files::parquet(&world.path("data/t/x/part-0001"), "id bigint", "2");
        files::parquet(&world.path("data/t/x/b.parq"), "id bigint", "3");
        files::parquet(&world.path("data/t/x/deep/er/c.parquet"), "id bigint", "4");
        // What tools leave behind is no data.
        files::text(&world.path("data/t/x/_SUCCESS"), "");
        files::text(&world.path("data/t/x/.part.crc"), "crc");
        files::text(&world.path("data/t/x/_temporary/0/d.parquet"), "half");
    })
    .await;
    assert_eq!(world.rows("sam", "SELECT id FROM x").await, ["1", "2", "3", "4"]);
}

/// W: a location with glob characters was a pattern that read its neighbours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_is_never_a_pattern() {
    let world = World::new().await;
    let places = ["a*b", "a?b", "[ab]", "{a,b}", "a", "axb", "b"];
    for (id, place) in (1..).zip(places) {
        files::parquet(
            &world.path(&format!("data/t/{place}/f.parquet")),
            "id bigint",
            &id.to_string(),
        );
    }
    let entries: Vec<(String, String)> = (1..)
        .zip(places)
        .map(|(id, place)| {
            (
                format!("t{id}"),
                format!("format: parquet, location: \"{place}/\", columns: [{{name: id, type: bigint}}]"),
            )
        })
        .collect();
    let entries: Vec<(&str, &str)> = entries
        .iter()
        .map(|(name, entry)| (name.as_str(), entry.as_str()))
        .collect();
    declare(&world, &entries).await.unwrap();
    for (id, place) in (1..).zip(places) {
        assert_eq!(
            world.rows("sam", &format!("SELECT id FROM t{id}")).await,
            [id.to_string()],
            "{place}"
        );
    }
}

/// A location is a folder: `tenant-a` does not reach into `tenant-ab`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prefix_is_a_folder() {
    let world = World::new().await;
    files::parquet(&world.path("data/t/tenant-a/f.parquet"), "id bigint", "1");
    files::parquet(&world.path("data/t/tenant-ab/f.parquet"), "id bigint", "2");
    declare(
        &world,
        &[(
            "x",
            "format: parquet, location: \"tenant-a\", columns: [{name: id, type: bigint}]",
        )],
    )
    .await
    .unwrap();
    assert_eq!(world.rows("sam", "SELECT id FROM x").await, ["1"]);
}

/// S5: no way out of the root, by dots, encoded dots or links.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_never_leaves_its_root() {
    let world = World::new().await;
    std::fs::create_dir_all(world.path("data/t/x/f")).unwrap();
    files::parquet(&world.path("outside/f.parquet"), "id bigint", "31337");
    for location in [
        "../../outside/",
        "x/../../../outside/",
        "%2e%2e/%2e%2e/outside/",
        "/etc/",
        "file:///etc/",
    ] {
        let entry = format!("format: parquet, location: \"{location}\", columns: [{{name: id, type: bigint}}]");
        if declare(&world, &[("x", &entry)]).await.is_ok() {
            let outcome = world.run("sam", "SELECT id FROM x").await.map(|answer| answer.text());
            assert!(
                !matches!(&outcome, Ok(text) if !text.is_empty()),
                "{location}: {outcome:?}"
            );
        }
    }
    let world = World::new().await;
    files::parquet(&world.path("outside/f.parquet"), "id bigint", "31337");
    std::fs::create_dir_all(world.path("data/t/x/f")).unwrap();
    std::os::unix::fs::symlink(world.path("outside/f.parquet"), world.path("data/t/x/link.parquet")).unwrap();
    std::os::unix::fs::symlink(world.path("outside"), world.path("data/t/x/folder")).unwrap();
    declare(&world, &[("x", ID)]).await.unwrap();
    let outcome = world.run("sam", "SELECT id FROM x").await.map(|answer| answer.text());
    assert!(!matches!(&outcome, Ok(text) if text.contains("31337")), "{outcome:?}");
}

/// W: a partition column that is in the file as well: the partition's value wins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_partition_value_wins() {
    let world = table(&hive("{name: p, type: int}"), |world| {
        files::parquet(&world.path("data/t/x/p=1/f.parquet"), "id bigint, p int", "1,9");
        files::parquet(&world.path("data/t/x/p=2/f.parquet"), "p int, id bigint", "9,2");
    })
    .await;
    assert_eq!(world.rows("sam", "SELECT * FROM x").await, ["1 | 1", "2 | 2"]);
    assert_eq!(
        world.rows("sam", "SELECT id FROM x WHERE p = 9").await,
        Vec::<String>::new()
    );
}

/// W: names of a declared schema matched by case only, so that `Amount` read as NULL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_match_without_case() {
    let world = table(
        "format: parquet, location: \"x/\", columns: [{name: amount, type: bigint}]",
        |world| {
            files::parquet(&world.path("data/t/x/a.parquet"), "Amount bigint", "1");
            files::parquet(&world.path("data/t/x/b.parquet"), "AMOUNT bigint, other bigint", "2,3");
        },
    )
    .await;
    assert_eq!(world.rows("sam", "SELECT amount FROM x").await, ["1", "2"]);
    assert_eq!(world.rows("sam", "SELECT amount FROM x WHERE amount = 2").await, ["2"]);
}

/// Two columns that differ in case only: an error, not one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_differ_in_case_only_are_refused() {
    let world = table(
        "format: parquet, location: \"x/\", columns: [{name: amount, type: bigint}]",
        |world| {
            files::parquet(&world.path("data/t/x/a.parquet"), "Amount bigint, amount bigint", "1,2");
        },
    )
    .await;
    let error = world.refusal("sam", "SELECT amount FROM x").await;
    assert_eq!(error.code, ErrorCode::MissingColumn, "{error:?}");
}

/// R: files of one table may be narrower than the declaration, or lack columns; text never becomes a number in silence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_widened_to_the_declaration() {
    let columns = "columns: [{name: id, type: bigint}, {name: d, type: \"decimal(12,2)\"}, {name: f, type: double}]";
    let world = table(&format!("format: parquet, location: \"x/\", {columns}"), |world| {
        files::parquet(
            &world.path("data/t/x/a.parquet"),
            "id int, d decimal(5,1), f real",
            "1,1.5,0.5",
        );
        files::parquet(&world.path("data/t/x/b.parquet"), "id smallint", "2");
        files::parquet(&world.path("data/t/x/c.parquet"), "f double, id bigint", "0.25,3");
    })
    .await;
    assert_eq!(
        world.rows("sam", "SELECT * FROM x").await,
        ["1 | 1.50 | 0.5", "2 | NULL | NULL", "3 | NULL | 0.25"]
    );
    assert_eq!(world.rows("sam", "SELECT id FROM x WHERE d IS NULL").await, ["2", "3"]);
    let world = table(
        "format: parquet, location: \"x/\", columns: [{name: id, type: bigint}]",
        |world| {
            files::parquet(&world.path("data/t/x/a.parquet"), "id varchar", "abc");
        },
    )
    .await;
    world.refusal("sam", "SELECT id FROM x").await;
}

/// An empty folder, and an empty file among others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_file_is_no_row() {
    let world = table(ID, |world| {
        std::fs::create_dir_all(world.path("data/t/x/f").parent().unwrap()).unwrap()
    })
    .await;
    assert_eq!(world.rows("sam", "SELECT count(*) FROM x").await, ["0"]);
    assert!(world.ask("sam", "SELECT * FROM x").await.is_empty());
}
