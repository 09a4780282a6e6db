//! Do values come from pages and never from statistics, and are damaged files refused cleanly? (engine-gaps.md §1, §3)

use std::{fs, sync::Arc};

use arrow::{
    array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema},
};
use lakegate_query::error::ErrorCode;
use lakegate_tests::{files, world::World};

use super::plain::table;

const ENTRY: &str = "format: parquet, location: \"x/\", columns: [{name: id, type: bigint}, {name: v, type: varchar}]";

fn write(world: &World, name: &str, rows: &str) {
    files::write_parquet(
        &world.path(&format!("data/t/x/{name}")),
        &files::batch(&files::schema("id bigint, v varchar"), rows),
        2,
    );
}

/// W (datafusion#19089): a column whose statistics say min = max was replaced by that constant, without a look at the pages.
/// The statistics of this file lie: every value of `v` is `aa`, they say `zz`. Guards: `collect_statistics` is off, and
/// `PartitionedFile.statistics` are `None` (connectors/src/files/scan.rs).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statistics_never_become_values() {
    let world = table(ENTRY, |world| {
        let path = world.path("data/t/x/a.parquet");
        let batch = files::batch(&files::schema("id bigint, v varchar"), "1,aaaa\n2,aaaa");
        files::write_parquet(&path, &batch, 10);
        let mut bytes = fs::read(&path).unwrap();
        // The pages hold the text with its length before it (once: a dictionary); what follows is statistics in the footer.
        let places: Vec<usize> = bytes
            .windows(4)
            .enumerate()
            .filter(|(_, text)| *text == b"aaaa")
            .map(|(at, _)| at)
            .collect();
        assert!(places.len() > 1, "{places:?}");
        for at in &places[1..] {
            bytes[*at..*at + 4].copy_from_slice(b"zzzz");
        }
        fs::write(path, bytes).unwrap();
    })
    .await;
    assert_eq!(world.rows("sam", "SELECT v FROM x").await, ["aaaa", "aaaa"]);
    assert_eq!(world.rows("sam", "SELECT min(v), max(v) FROM x").await, ["aaaa | aaaa"]);
    assert_eq!(world.rows("sam", "SELECT v || '' FROM x WHERE id = 1").await, ["aaaa"]);
}

/// W (datafusion#25226): min and max of files of which some row groups have no bounds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bounds_are_not_answers() {
    let world = table(ENTRY, |world| {
        write(world, "a.parquet", "1,NULL\n2,NULL\n30,b\n4,a\n");
        write(world, "b.parquet", "NULL,c\nNULL,c\n-5,c\n");
    })
    .await;
    assert_eq!(
        world
            .rows(
                "sam",
                "SELECT min(id), max(id), min(v), max(v), count(*), count(id) FROM x"
            )
            .await,
        ["-5 | 30 | a | c | 7 | 5"]
    );
    assert_eq!(world.rows("sam", "SELECT max(id) FROM x WHERE v = 'c'").await, ["-5"]);
}

/// P: damage anywhere in a file is an error or the right rows, never a panic, a hang or another process's end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_files_are_refused() {
    let world = table(ENTRY, |world| write(world, "a.parquet", "1,a\n2,b\n3,c")).await;
    let path = world.path("data/t/x/a.parquet");
    let good = fs::read(&path).unwrap();
    let mut damaged: Vec<Vec<u8>> = vec![
        b"PAR1\xff\xff\xff\x7f\0\0\0PAR1"[..].to_vec(),
        b"PAR1PAR1".to_vec(),
        b"PAR1".to_vec(),
        Vec::new(),
        b"not a parquet file, but long enough to have a footer".to_vec(),
        good[..good.len() / 2].to_vec(),
        [&good[..good.len() - 8], &[0xff, 0xff, 0xff, 0xff], b"PAR1"].concat(),
    ];
    for at in (4..good.len()).step_by(good.len() / 60) {
        let mut bytes = good.clone();
        bytes[at] ^= 0xff;
        damaged.push(bytes);
    }
    for (number, bytes) in damaged.iter().enumerate() {
        fs::write(&path, bytes).unwrap();
        match world.run("sam", "SELECT id, v FROM x").await {
            // A flipped byte may lie in a value, in a name that nobody reads, or in padding.
            Ok(answer) => assert!(number >= 7 || number == 3, "{number}: {}", answer.text()),
            Err(error) => {
                assert_ne!(error.code, ErrorCode::Internal, "{number}: {error:?}");
                assert!(!error.to_string().contains("a.parquet") || number < 1_000, "{error}");
                assert!(
                    !error.to_string().contains(&*world.directory().to_string_lossy()),
                    "{error}"
                );
            }
        }
    }
    fs::write(&path, good).unwrap();
    assert_eq!(world.rows("sam", "SELECT id FROM x").await, ["1", "2", "3"]);
}

/// W: `SELECT *` of two columns of one name showed the first only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_columns_of_one_name_are_refused() {
    let world = table(ENTRY, |world| {
        let schema = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, true),
            Field::new("id", DataType::Int64, true),
        ]));
        let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![1])), Arc::new(Int64Array::from(vec![2]))];
        let batch = RecordBatch::try_new(schema, columns).unwrap();
        files::write_parquet(&world.path("data/t/x/a.parquet"), &batch, 10);
    })
    .await;
    let error = world.refusal("sam", "SELECT id FROM x").await;
    assert_ne!(error.code, ErrorCode::Internal, "{error:?}");
}

/// W: NaN in one row group, whatever the others hold; the filter of a policy reads floats in the same order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floats_are_not_pruned_by_statistics() {
    let entry = "format: parquet, location: \"x/\", columns: [{name: id, type: bigint}, {name: f, type: double}], filters: \
                 {big: {where: \"f > 1\"}}";
    let world = World::new().await;
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4]));
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN, 0.5, 0.25, 2.0]));
    let batch = RecordBatch::try_from_iter([("id", ids), ("f", floats)]).unwrap();
    files::write_parquet(&world.path("data/t/x/a.parquet"), &batch, 2);
    super::plain::declare(&world, &[("x", entry)]).await.unwrap();
    let grant = "lake: more\nusers:\n  fay: {}\ngrants:\n  - {to: \"user:fay\", privileges: [select-filtered], resource: \"filter:lake.t.x/big\"}\n";
    world.apply(grant, "").await;
    assert_eq!(world.rows("sam", "SELECT id FROM x WHERE f > 1").await, ["1", "4"]);
    assert_eq!(world.rows("fay", "SELECT id FROM x").await, ["1", "4"]);
    assert_eq!(world.rows("fay", "SELECT id FROM x WHERE f > 3").await, ["1"]);
    assert_eq!(world.rows("fay", "SELECT max(f) FROM x").await, ["NaN"]);
}

/// Types that users' files have: unsigned, dictionaries, large and fixed binaries, decimals, dates, times, nanoseconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inferred_types_keep_their_values() {
    use arrow::{
        array::{
            Date32Array, Decimal128Array, DictionaryArray, LargeStringArray, TimestampMillisecondArray,
            TimestampNanosecondArray, UInt32Array,
        },
        datatypes::Int32Type,
    };
    let dictionary: DictionaryArray<Int32Type> = vec!["x", "y"].into_iter().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("u", Arc::new(UInt32Array::from(vec![u32::MAX, 0]))),
        ("dictionary", Arc::new(dictionary)),
        ("large", Arc::new(LargeStringArray::from(vec!["a", "b"]))),
        ("text", Arc::new(StringArray::from(vec![Some(""), None]))),
        (
            "amount",
            Arc::new(
                Decimal128Array::from(vec![12345, -1])
                    .with_precision_and_scale(7, 2)
                    .unwrap(),
            ),
        ),
        ("day", Arc::new(Date32Array::from(vec![2_932_896, -719_162]))),
        ("ms", Arc::new(TimestampMillisecondArray::from(vec![1, -1]))),
        ("ns", Arc::new(TimestampNanosecondArray::from(vec![1_000, -1_000]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let world = table("format: parquet, location: \"x/\", columns: infer", |world| {
        files::write_parquet(&world.path("data/t/x/a.parquet"), &batch, 10);
    })
    .await;
    let lines = world
        .ask(
            "sam",
            "SELECT u, dictionary, large, text, amount, day, ms, ns FROM x ORDER BY u DESC",
        )
        .await
        .lines();
    assert_eq!(
        lines,
        [
            "4294967295 | x | a | (empty) | 123.45 | 9999-12-31 | 1970-01-01T00:00:00.001 | 1970-01-01T00:00:00.000001",
            "0 | y | b | NULL | -0.01 | 0001-01-01 | 1969-12-31T23:59:59.999 | 1969-12-31T23:59:59.999999",
        ]
    );
}
