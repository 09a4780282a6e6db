//! Do pages that disagree with their footer, their header or their index ever give a row? (engine-gaps §3: "wrong alignment of columns is
//! wrong data")

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch},
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
use lakegate_connectors::files::{FileTable, Format, raw_schema};
use parquet::{
    arrow::ArrowWriter,
    file::{
        metadata::{ColumnChunkMetaData, ParquetMetaData},
        properties::{EnabledStatistics, WriterProperties},
        reader::FileReader,
        serialized_reader::SerializedFileReader,
    },
};

use crate::lake::{Lake, ours};

/// A hundred rows of two columns, in pages of so many.
fn written(rows_per_page: usize) -> Vec<u8> {
    let column = |from: i64| Arc::new(Int64Array::from_iter_values(from..from + 100)) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("id", column(0)), ("v", column(1_000))]).expect("batch");
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_data_page_row_count_limit(rows_per_page)
        .set_write_batch_size(rows_per_page)
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).expect("writer");
    writer.write(&batch).expect("write");
    writer.close().expect("close");
    bytes
}

fn footer(bytes: &[u8]) -> ParquetMetaData {
    let reader = SerializedFileReader::new(bytes::Bytes::copy_from_slice(bytes)).expect("reader");
    reader.metadata().clone()
}

fn chunk(bytes: &[u8], column: usize) -> ColumnChunkMetaData {
    footer(bytes).row_group(0).column(column).clone()
}

/// The bytes with the first place of `before` behind `start` changed.
fn changed(bytes: &[u8], start: i64, before: &[u8], after: &[u8]) -> Vec<u8> {
    let start = usize::try_from(start).expect("a place");
    let found = bytes[start..].windows(before.len()).position(|part| part == before);
    let at = start + found.expect("not there");
    let mut changed = bytes.to_vec();
    changed.splice(at..at + before.len(), after.iter().copied());
    assert_eq!(changed.len(), bytes.len());
    changed
}

fn table(lake: &Lake, bytes: &[u8]) -> FileTable {
    lake.write("t/f", bytes);
    lake.table("t", Format::Parquet, &[("id", DataType::Int64), ("v", DataType::Int64)])
}

fn is(table: &FileTable, id: i64) -> Arc<dyn PhysicalExpr> {
    let schema = raw_schema(table);
    let id = lit(ScalarValue::Int64(Some(id)));
    binary(col("id", &schema).expect("id"), Operator::Eq, id, &schema).expect("condition")
}

async fn corrupt(lake: &Lake, table: &FileTable, prune: Option<Arc<dyn PhysicalExpr>>) -> String {
    let files = lake.list(table).await;
    let error = lake
        .scan(table, &files, vec![0, 1], prune, vec![])
        .await
        .expect_err("refused");
    let error = ours(&error);
    assert_eq!((error.code(), error.file()), ("CORRUPT_FILE", Some("t/f")), "{error:?}");
    error.detail().unwrap_or_default().to_owned()
}

/// A page of 100 values of 8 bytes and their levels, which are all the same, begins so: type, sizes, then a struct with the number.
#[tokio::test]
async fn pages_that_disagree_with_the_footer_are_refused() {
    let lake = Lake::new();
    let good = written(1_000);
    let rows = lake.read(&table(&lake, &good)).await.expect("rows");
    assert_eq!(rows.lines().count(), 101);
    let v = chunk(&good, 1);
    let start = v.data_page_offset();
    let at = usize::try_from(start).expect("a place");
    let size = good[at + 3..at + 5].to_vec();
    assert_eq!(good[at..at + 3], [0x15, 0x00, 0x15]);
    let counted = [0x2c, 0x15, 0xc8, 0x01];
    let mut smaller = size.clone();
    smaller[0] -= 2;
    for (bytes, words) in [
        // 99, 101 and no values of the page.
        (
            changed(&good, start, &counted, &[0x2c, 0x15, 0xc6, 0x01]),
            "together they do not have",
        ),
        (
            changed(&good, start, &counted, &[0x2c, 0x15, 0xca, 0x01]),
            "together they do not have",
        ),
        (
            changed(&good, start, &counted, &[0x2c, 0x15, 0x80, 0x00]),
            "together they do not have",
        ),
        // A byte less, decompressed and stored.
        (
            changed(
                &good,
                start,
                &[&[0x15][..], &size, &[0x15]].concat(),
                &[&[0x15][..], &smaller, &[0x15]].concat(),
            ),
            "its size is not that of its header",
        ),
        (
            changed(
                &good,
                start + 5,
                &[&[0x15][..], &size].concat(),
                &[&[0x15][..], &smaller].concat(),
            ),
            "its size is not that of its header",
        ),
        // No page of values.
        (
            changed(&good, start, &[0x15, 0x00], &[0x15, 0x04]),
            "its header cannot be read",
        ),
    ] {
        let detail = corrupt(&lake, &table(&lake, &bytes), None).await;
        assert!(detail.contains("column `v`") && detail.contains(words), "{detail}");
    }
}

/// The footer says how many values chunks have: those of flat columns as many as the row group has rows.
#[tokio::test]
async fn chunks_that_disagree_with_their_row_group_are_refused() {
    let lake = Lake::new();
    let good = written(1_000);
    let length = u32::from_le_bytes(good[good.len() - 8..good.len() - 4].try_into().expect("length"));
    let footer = i64::try_from(good.len()).expect("short") - 8 - i64::from(length);
    // Of 100 values: field 5, behind the codec (field 4: none).
    let counted = [0x15, 0x00, 0x16, 0xc8, 0x01];
    for other in [0xc6, 0xca] {
        let bytes = changed(&good, footer, &counted, &[0x15, 0x00, 0x16, other, 0x01]);
        let detail = corrupt(&lake, &table(&lake, &bytes), None).await;
        assert!(
            detail.contains("its number of values is not the number of rows"),
            "{detail}"
        );
    }
}

/// Pages are left out by an index; one that says other than the pages have is refused.
#[tokio::test]
async fn an_index_that_disagrees_with_its_pages_is_refused() {
    let lake = Lake::new();
    let good = written(10);
    let whole = table(&lake, &good);
    let files = lake.list(&whole).await;
    lake.read(&whole).await.expect("rows");
    let all = lake.scanned();
    let found = lake
        .scan(&whole, &files, vec![0, 1], Some(is(&whole, 35)), vec![])
        .await
        .expect("rows");
    assert!(
        found.lines().count() == 11 && found.lines().any(|row| row == "35,1035"),
        "{found}"
    );
    assert!(
        lake.scanned() < all * 3 / 4,
        "pages were not left out: the test is of no use"
    );
    for column in [0, 1] {
        let index = chunk(&good, column).offset_index_offset().expect("an index");
        // The second page begins with row 10; with row 9, 11.
        for first in [0x12, 0x16] {
            let bytes = changed(&good, index, &[0x16, 0x14, 0x00], &[0x16, first, 0x00]);
            let detail = corrupt(&lake, &table(&lake, &bytes), Some(is(&whole, 5))).await;
            assert!(detail.contains("the index of the file has another"), "{detail}");
        }
    }
    // A page that lies among those of another column.
    let (one, two) = (chunk(&good, 0), chunk(&good, 1));
    let place = |column: &ColumnChunkMetaData| zigzag(column.data_page_offset());
    let (from, to) = (place(&two), place(&one));
    let index = two.offset_index_offset().expect("an index");
    let mut padded = to.clone();
    while padded.len() < from.len() {
        *padded.last_mut().expect("a byte") |= 0x80;
        padded.push(0);
    }
    let elsewhere = changed(
        &good,
        index,
        &[&[0x16][..], &from].concat(),
        &[&[0x16][..], &padded].concat(),
    );
    let detail = corrupt(&lake, &table(&lake, &elsewhere), Some(is(&whole, 5))).await;
    assert_eq!(detail, "its index of pages cannot be read");
}

fn zigzag(number: i64) -> Vec<u8> {
    let mut left = u64::try_from(number * 2).expect("positive");
    let mut bytes = Vec::new();
    while left > 0x7f {
        bytes.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes
}
