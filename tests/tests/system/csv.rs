//! Do text files keep every value, and do bad ones fail with their line? (engine-gaps.md §4)

use std::fmt::Write as _;

use lakegate_query::error::ErrorCode;
use lakegate_tests::files;

use super::plain::table;

fn csv(columns: &str) -> String {
    format!("format: csv, location: \"x/\", columns: {columns}")
}

const INFER: &str = "infer";

async fn of_text(columns: &str, text: &str) -> lakegate_tests::world::World {
    table(&csv(columns), |world| files::text(&world.path("data/t/x/a.csv"), text)).await
}

/// W: a column that is empty in the first 1,000 rows was of type Null, and every later value read as NULL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_that_is_empty_at_first_keeps_its_values() {
    let mut text = "id,late\n".to_owned();
    for id in 0..2_000 {
        let _ = writeln!(text, "{id},");
    }
    text.push_str("2000,value\n");
    let world = of_text(INFER, &text).await;
    assert_eq!(world.rows("sam", "SELECT late FROM x WHERE id = 2000").await, ["value"]);
    assert_eq!(
        world.rows("sam", "SELECT count(late), count(*) FROM x").await,
        ["1 | 2001"]
    );
}

/// R: a value that does not fit what the first rows said widens the column.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_rows_are_asked_for_their_type() {
    let mut text = "id,v\n".to_owned();
    for id in 0..3_000 {
        let _ = writeln!(text, "{id},{id}");
    }
    text.push_str("3000,x12\n");
    let world = of_text(INFER, &text).await;
    assert_eq!(world.rows("sam", "SELECT v FROM x WHERE id = 3000").await, ["x12"]);
}

/// W: leading zeros, long numbers, zones and infinities were lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inference_loses_nothing() {
    let text = "zip,long,at,big,n,d\n00123,12345678901234567890,2020-01-01T10:00:00+05:00,1e400,1,1.50\n99999,1,2020-01-01T10:00:00Z,1,2,2.25\n";
    let world = of_text(INFER, text).await;
    let values = world
        .ask("sam", "SELECT zip, long, at, big FROM x ORDER BY n")
        .await
        .values();
    assert_eq!(values[0][0], "00123");
    assert_eq!(values[0][1], "12345678901234567890");
    assert!(
        values[0][2].contains("05:00") || values[0][2].starts_with("2020-01-01T05:00"),
        "{values:?}"
    );
    assert!(!values[0][3].contains("inf"), "{values:?}");
    assert_eq!(world.rows("sam", "SELECT sum(n), sum(d) FROM x").await, ["3 | 3.75"]);
}

/// W: the NULL marker held for inference only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_null_marker_is_honoured() {
    for columns in [
        "[{name: id, type: bigint}, {name: v, type: varchar}, {name: n, type: int}]",
        INFER,
    ] {
        let entry = format!("{}, options: {{\"null\": \"\\\\N\"}}", csv(columns));
        let world = table(&entry, |world| {
            files::text(&world.path("data/t/x/a.csv"), "id,v,n\n1,\\N,\\N\n2,x,5\n3,,7\n")
        })
        .await;
        assert_eq!(
            world
                .rows("sam", "SELECT id FROM x WHERE v IS NULL AND n IS NULL")
                .await,
            ["1"],
            "{columns}"
        );
        assert_eq!(world.rows("sam", "SELECT sum(n) FROM x").await, ["12"], "{columns}");
        assert_eq!(
            world.rows("sam", "SELECT count(*) FROM x WHERE v = '\\N'").await,
            ["0"],
            "{columns}"
        );
    }
}

/// W: `""` and an empty field were both NULL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_text_is_not_null() {
    let world = of_text(
        "[{name: id, type: bigint}, {name: v, type: varchar}]",
        "id,v\n1,\"\"\n2,\n3,x\n",
    )
    .await;
    assert_eq!(
        world.rows("sam", "SELECT id, v FROM x").await,
        ["1 | (empty)", "2 | NULL", "3 | x"]
    );
}

/// W: a quote that is never closed swallowed the rest of the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_quote_is_an_error() {
    let world = of_text(
        "[{name: id, type: bigint}, {name: v, type: varchar}]",
        "id,v\n1,a\n2,\"b\n3,c\n4,d\n",
    )
    .await;
    let error = world.refusal("sam", "SELECT * FROM x").await;
    assert_eq!(error.code, ErrorCode::CorruptFile, "{error:?}");
    assert!(
        !error.to_string().contains(&*world.directory().to_string_lossy()),
        "{error}"
    );
}

/// A quoted line break, CRLF, a byte order mark, blanks, other delimiters: as they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_files_are_read() {
    let columns = "[{name: id, type: bigint}, {name: v, type: varchar}]";
    let world = of_text(columns, "\u{feff}id,v\r\n1,\"a\nb\"\r\n2,\"say \"\"hi\"\"\"\r\n").await;
    assert_eq!(
        world.rows("sam", "SELECT id, v FROM x").await,
        ["1 | a\\nb", "2 | say \"hi\""]
    );
    let entry = format!("{}, options: {{delimiter: \";\"}}", csv(columns));
    let world = table(&entry, |world| {
        files::text(&world.path("data/t/x/a.csv"), "id;v\n1;a,b\n")
    })
    .await;
    assert_eq!(world.rows("sam", "SELECT id, v FROM x").await, ["1 | a,b"]);
}

/// A row that is too long, a value that does not fit: errors that do not show the value or the path.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_rows_fail_without_their_values() {
    for (text, sql) in [
        ("id,v\n1,a\nCANARY,b\n", "SELECT id FROM x"),
        ("id,v\n1,a\nCANARY,b\n", "SELECT sum(id) FROM x"),
        ("id,v\n1,a\n99999999999999999999,b\n", "SELECT id FROM x"),
    ] {
        let world = of_text("[{name: id, type: bigint}, {name: v, type: varchar}]", text).await;
        let error = world.refusal("sam", sql).await;
        assert!(
            !error.to_string().contains("CANARY") && !error.to_string().contains("9999"),
            "{error}"
        );
        assert!(
            !error.to_string().contains(&*world.directory().to_string_lossy()),
            "{error}"
        );
        assert_eq!(
            world.ask("sam", "SELECT v FROM x").await.len(),
            2,
            "a column that is not asked for does not fail"
        );
    }
}

/// W: headers in another order were read by position without a word: by position is the rule, and it is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_files_with_other_headers() {
    let world = table(&csv("[{name: id, type: bigint}, {name: v, type: varchar}]"), |world| {
        files::text(&world.path("data/t/x/a.csv"), "id,v\n1,a\n");
        files::text(&world.path("data/t/x/b.csv"), "v,id\nb,2\n");
    })
    .await;
    if let Ok(answer) = world.run("sam", "SELECT id, v FROM x ORDER BY id").await {
        assert_eq!(answer.lines(), ["1 | a", "2 | b"], "neither by name nor refused");
    }
}

/// Files compressed as their names say, and several gzip members in one file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compression_is_by_file() {
    use std::io::Write;
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let world = table(&csv("[{name: id, type: bigint}]"), |world| {
        files::text(&world.path("data/t/x/a.csv"), "id\n1\n");
        let members = [gzip("id\n2\n"), gzip("3\n")].concat();
        std::fs::write(world.path("data/t/x/b.csv.gz"), members).unwrap();
    })
    .await;
    assert_eq!(world.rows("sam", "SELECT id FROM x").await, ["1", "2", "3"]);
    let world = table(&csv("[{name: id, type: bigint}]"), |world| {
        let whole = gzip(&format!("id\n{}", "7\n".repeat(10_000)));
        std::fs::write(world.path("data/t/x/b.csv.gz"), &whole[..whole.len() / 2]).unwrap();
    })
    .await;
    world.refusal("sam", "SELECT count(*) FROM x").await;
}
