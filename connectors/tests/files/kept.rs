//! Do files keep what the suite asks of connectors? Asked of the way on which they are read (ADR 0037), locally and over S3.

use std::sync::Arc;

use arrow::{
    array::{Int64Array, RecordBatch, StringArray},
    datatypes::DataType,
};
use datafusion::{
    common::ScalarValue,
    logical_expr::Operator,
    physical_expr::{
        PhysicalExpr,
        expressions::{binary, col, lit},
    },
};
use futures::{StreamExt, TryStreamExt, stream};
use lakegate_connectors::files::{FileTable, Format, raw_schema};
use object_store::{ObjectStoreExt, path::Path};

use crate::{
    lake::{Lake, ours, parquet_bytes},
    s3, written,
};

/// A lake in a folder or a bucket.
struct Place {
    lake: Lake,
    /// `None`: a folder.
    prefix: Option<String>,
}

impl Place {
    fn all(name: &str) -> Vec<Self> {
        let local = Self {
            lake: Lake::new(),
            prefix: None,
        };
        let bucket = s3::lake(name).map(|(lake, prefix)| Self {
            lake,
            prefix: Some(prefix),
        });
        std::iter::once(local).chain(bucket).collect()
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) {
        match &self.prefix {
            None => self.lake.write(name, bytes),
            Some(prefix) => {
                let path = Path::from(format!("{prefix}/{name}"));
                self.lake.store.put(&path, bytes.into()).await.expect("put");
            }
        }
    }

    async fn delete(&self, name: &str) {
        match &self.prefix {
            None => std::fs::remove_file(self.lake.path(name)).expect("delete"),
            Some(prefix) => self
                .lake
                .store
                .delete(&Path::from(format!("{prefix}/{name}")))
                .await
                .expect("delete"),
        }
    }

    fn table(&self, format: Format) -> FileTable {
        let columns = [("id", DataType::Int64), ("word", DataType::Utf8)];
        self.lake.table("t", format, &columns)
    }
}

const FORMATS: [Format; 5] = [Format::Avro, Format::Csv, Format::Ndjson, Format::Orc, Format::Parquet];

/// Rows `from..to` with a word each.
fn file(format: Format, from: i64, to: i64, word: &str) -> Vec<u8> {
    let text = |row: &dyn Fn(i64) -> String| (from..to).map(row).collect::<String>();
    match format {
        Format::Csv => format!("id,word\n{}", text(&|id| format!("{id},{word}{id}\n"))).into_bytes(),
        Format::Ndjson => text(&|id| format!("{{\"id\": {id}, \"word\": \"{word}{id}\"}}\n")).into_bytes(),
        Format::Avro => written::avro(&(from..to).map(|id| (id, format!("{word}{id}"))).collect::<Vec<_>>()),
        Format::Orc => written::orc(&(from..to).map(|id| (id, format!("{word}{id}"))).collect::<Vec<_>>()),
        Format::Parquet => {
            let ids = Int64Array::from_iter_values(from..to);
            let words = StringArray::from_iter_values((from..to).map(|id| format!("{word}{id}")));
            let batch = RecordBatch::try_from_iter([("id", Arc::new(ids) as _), ("word", Arc::new(words) as _)]);
            parquet_bytes(&[batch.expect("batch")], 100)
        }
    }
}

fn above(table: &FileTable, bound: i64) -> Arc<dyn PhysicalExpr> {
    let schema = raw_schema(table);
    let bound = lit(ScalarValue::Int64(Some(bound)));
    binary(col("id", &schema).expect("id"), Operator::Gt, bound, &schema).expect("predicate")
}

/// Rows as `id,word`, without the line of names.
fn rows(text: &str) -> Vec<&str> {
    text.lines().skip(1).collect()
}

#[tokio::test]
async fn pushing_down_changes_no_row() {
    for place in Place::all("pushed") {
        for format in [Format::Parquet, Format::Orc] {
            place.put("t/a", file(format, 0, 1_000, "w")).await;
            place.put("t/b", file(format, 1_000, 1_300, "w")).await;
            let table = place.table(format);
            let files = place.lake.list(&table).await;
            let passes =
                |row: &&str, bound: i64| row.split(',').next().expect("id").parse::<i64>().expect("id") > bound;
            for bound in [-1, 99, 100, 950, 1_298, 5_000] {
                let read = async |prune| {
                    place
                        .lake
                        .scan(&table, &files, vec![0, 1], prune, vec![])
                        .await
                        .expect("rows")
                };
                let all = read(None).await;
                let full = place.lake.scanned();
                let pruned = read(Some(above(&table, bound))).await;
                let read = place.lake.scanned();
                let wanted = |text| {
                    rows(text)
                        .into_iter()
                        .filter(|row| passes(row, bound))
                        .collect::<Vec<_>>()
                };
                assert_eq!(wanted(&pruned), wanted(&all), "{format:?} {bound}");
                assert!(bound < 99 || read < full, "{format:?} {bound}: the test is of no use");
            }
        }
    }
}

#[tokio::test]
async fn projections_have_any_order_and_may_be_empty() {
    for place in Place::all("projected") {
        for format in FORMATS {
            place.put("t/a", file(format, 1, 4, "w")).await;
            let table = place.table(format);
            let files = place.lake.list(&table).await;
            let read = async |columns: Vec<usize>| {
                place
                    .lake
                    .scan(&table, &files, columns, None, vec![])
                    .await
                    .expect("rows")
            };
            assert_eq!(read(vec![1, 0]).await, "word,id\nw1,1\nw2,2\nw3,3", "{format:?}");
            assert_eq!(read(vec![1]).await, "word\nw1\nw2\nw3", "{format:?}");
            let batches = place
                .lake
                .batches(&table, &files, vec![], None, vec![])
                .await
                .expect("rows");
            let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
            assert_eq!(
                (count, batches.iter().all(|batch| batch.num_columns() == 0)),
                (3, true),
                "{format:?}"
            );
        }
    }
}

/// A store tells a thousand names at once, and there are more.
#[tokio::test]
async fn a_listing_of_several_pages_is_whole() {
    for place in Place::all("paged") {
        let put = (0..1_203).map(|number| {
            let place = &place;
            async move {
                place
                    .put(&format!("t/{number}.csv"), file(Format::Csv, number, number + 1, "w"))
                    .await
            }
        });
        stream::iter(put.collect::<Vec<_>>())
            .buffer_unordered(32)
            .collect::<Vec<()>>()
            .await;
        let table = place.table(Format::Csv);
        assert_eq!(place.lake.list(&table).await.files.len(), 1_203);
        assert_eq!(rows(&place.lake.read(&table).await.expect("rows")).len(), 1_203);
    }
}

/// What was listed is read, or nothing is: no row is missing in silence, and no bytes of one file meet those of another.
#[tokio::test]
async fn a_file_that_vanished_or_changed_is_an_error() {
    for place in Place::all("changed") {
        for format in FORMATS {
            for warm in [false, true] {
                place.put("t/a", file(format, 0, 500, "left-")).await;
                place.put("t/b", file(format, 500, 1_000, "same-")).await;
                let table = place.table(format);
                let files = place.lake.list(&table).await;
                let read = async || place.lake.scan(&table, &files, vec![0, 1], None, vec![]).await;
                if warm {
                    assert_eq!(rows(&read().await.expect("rows")).len(), 1_000);
                }
                // As long as before, and other rows in it.
                let other = file(format, 0, 500, "over-");
                assert_eq!(other.len() as u64, files.files[0].object_meta.size);
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                place.put("t/a", other).await;
                let error = read().await.expect_err("another file");
                assert_eq!(ours(&error).code(), "SOURCE_SNAPSHOT_LOST", "{format:?} {warm} {error}");
                place.delete("t/a").await;
                let error = read().await.expect_err("no file");
                assert!(
                    ours(&error).file().is_some_and(|file| file.ends_with("t/a")),
                    "{error:?}"
                );
                // The next statement lists anew, and finds what is there.
                assert_eq!(rows(&place.lake.read(&table).await.expect("rows")).len(), 500);
            }
        }
    }
}

/// Who drops a read asks for nothing more.
#[tokio::test]
async fn a_read_that_is_given_up_ends() {
    for place in Place::all("given-up") {
        for number in 0..40 {
            place
                .put(&format!("t/{number:02}"), file(Format::Parquet, 0, 300, "w"))
                .await;
        }
        let table = place.table(Format::Parquet);
        let files = place.lake.list(&table).await;
        place.lake.read(&table).await.expect("rows");
        let whole = place.lake.scanned();
        let mut stream = place.lake.stream(&table, &files, vec![0, 1]);
        assert!(stream.try_next().await.expect("a batch").is_some());
        drop(stream);
        let read = place.lake.scanned();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert!(read > 0 && read < whole / 2, "{read} of {whole}");
        assert_eq!(place.lake.scanned(), 0, "something is still read");
    }
}
