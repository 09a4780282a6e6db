//! Do JSON lines keep every value, and is a cut or glued file refused? (engine-gaps.md §5)

use std::fmt::Write as _;

use lakegate_query::error::ErrorCode;
use lakegate_tests::{files, world::World};

use super::plain::table;

async fn of_text(columns: &str, text: &str) -> World {
    let entry = format!("format: ndjson, location: \"x/\", columns: {columns}");
    table(&entry, |world| files::text(&world.path("data/t/x/a.ndjson"), text)).await
}

fn many(line: &str, last: &str) -> String {
    let mut text = String::new();
    for id in 0..3_000 {
        let _ = writeln!(text, "{}", line.replace('#', &id.to_string()));
    }
    text + last + "\n"
}

/// W: after integers in the sample, 1.75 read as 1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decimal_after_integers_is_not_cut() {
    let world = of_text(
        "infer",
        &many(
            "{\"id\": #, \"n\": 1}",
            "{\"id\": 3000, \"n\": 1.75}\n{\"id\": 3001, \"n\": -3.9}",
        ),
    )
    .await;
    let values = world
        .rows("sam", "SELECT CAST(n AS double) FROM x WHERE id >= 3000")
        .await;
    assert_eq!(values, ["-3.9", "1.75"]);
    // Declared as integer: an error, never a cut.
    let world = of_text("[{name: n, type: bigint}]", "{\"n\": 1}\n{\"n\": 1.75}\n").await;
    let error = world.refusal("sam", "SELECT n FROM x").await;
    assert!(!error.to_string().contains("1.75"), "{error}");
}

/// W: a key that first appears after the sample was dropped; R: a value after 1,000 NULLs was an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_keys_and_values_are_found() {
    let world = of_text(
        "infer",
        &many("{\"id\": #, \"e\": null}", "{\"id\": 3000, \"late\": \"x\", \"e\": 5}"),
    )
    .await;
    assert_eq!(
        world.rows("sam", "SELECT late, e FROM x WHERE id = 3000").await,
        ["x | 5"]
    );
    assert_eq!(
        world.rows("sam", "SELECT count(late), count(e) FROM x").await,
        ["1 | 1"]
    );
}

/// W: integers above 2^63 and long decimals became doubles.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_numbers_stay_exact() {
    let text = "{\"id\": 1, \"n\": 9223372036854775809, \"d\": 12345678901234567890.123456789}\n";
    let entry = "format: ndjson, location: \"x/\", columns: infer";
    let world = World::new().await;
    files::text(&world.path("data/t/x/a.ndjson"), text);
    // Exact, or refused when the lake is applied.
    if super::plain::declare(&world, &[("x", entry)]).await.is_ok() {
        let values = world
            .ask("sam", "SELECT CAST(n AS varchar), CAST(d AS varchar) FROM x")
            .await
            .values();
        assert_eq!(values[0][0], "9223372036854775809");
        assert_eq!(values[0][1], "12345678901234567890.123456789");
    }
    let world = of_text(
        "[{name: n, type: bigint}]",
        "{\"n\": 9223372036854775807}\n{\"n\": 9223372036854775809}\n",
    )
    .await;
    world.refusal("sam", "SELECT n FROM x").await;
    let world = of_text(
        "[{name: d, type: \"decimal(20,2)\"}]",
        "{\"d\": 123456789012345678.25}\n",
    )
    .await;
    assert_eq!(world.rows("sam", "SELECT d FROM x").await, ["123456789012345678.25"]);
}

/// W: malformed files passed: what is glued or cut may not look complete.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn glued_and_cut_files_are_refused() {
    for bad in [
        "{\"n\": 1}\n{\"n\": 2",
        "{\"n\": 1}\n{\"n\": 2}]",
        "{\"n\": 1}\n{\"n\": 2},\n{\"n\": 3}",
        "{\"n\": 1}\ntrailing",
        "{\"n\": 1} garbage\n{\"n\": 2}",
        "{\"n\": 1}\n[{\"n\": 2}]",
        "{\"n\": 1}\n5\n",
        "{\"n\": 01}",
        "{\"n\": 1,}",
    ] {
        let world = of_text("[{name: n, type: bigint}]", bad).await;
        for sql in ["SELECT n FROM x", "SELECT count(*) FROM x"] {
            match world.run("sam", sql).await {
                Ok(answer) => panic!("{bad:?}: {sql} gave {}", answer.text()),
                Err(error) => {
                    assert_eq!(error.code, ErrorCode::CorruptFile, "{bad:?}: {error:?}");
                    assert!(
                        !error.to_string().contains(&*world.directory().to_string_lossy()),
                        "{error}"
                    );
                }
            }
        }
    }
}

/// Fine as it is: escapes, missing keys, nested NULLs, a byte order mark, blank lines, long lines, duplicate keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_files_are_read() {
    let long = "y".repeat(300_000);
    let text = format!(
        "\u{feff}{{\"n\": 1, \"v\": \"a\\u00fc\\n\"}}\r\n\n{{\"n\": 2}}\n{{\"v\": null, \"n\": 3}}\n{{\"n\": 4, \"v\": \"{long}\"}}\n"
    );
    let world = of_text("[{name: n, type: bigint}, {name: v, type: varchar}]", &text).await;
    let rows = world
        .rows(
            "sam",
            "SELECT n, CASE WHEN length(v) < 10 THEN v ELSE 'long' END FROM x WHERE n < 4",
        )
        .await;
    assert_eq!(rows, ["1 | aü\\n", "2 | long", "3 | long"]);
    assert_eq!(world.rows("sam", "SELECT n FROM x WHERE v IS NULL").await, ["2", "3"]);
    assert_eq!(
        world.rows("sam", "SELECT length(v) FROM x WHERE n = 4").await,
        ["300000"]
    );
}

/// Deep nesting is refused, and the process lives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deep_nesting_does_not_overflow() {
    let deep = format!("{{\"n\": 1, \"v\": {}1{}}}\n", "[".repeat(100_000), "]".repeat(100_000));
    let world = of_text("[{name: n, type: bigint}]", &deep).await;
    let _ = world.run("sam", "SELECT n FROM x").await;
    assert_eq!(world.rows("sam", "SELECT 1").await, ["1"]);
}

/// A value of another type than declared, one key with several types.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_of_another_type_fail_without_being_shown() {
    let world = of_text("[{name: n, type: bigint}]", "{\"n\": 1}\n{\"n\": \"CANARY\"}\n").await;
    let error = world.refusal("sam", "SELECT n FROM x").await;
    assert!(!error.to_string().contains("CANARY"), "{error}");
    let world = of_text("infer", "{\"n\": 1}\n{\"n\": \"b\"}\n{\"n\": [1, 2]}\n").await;
    assert_eq!(world.ask("sam", "SELECT n FROM x").await.len(), 3);
}
