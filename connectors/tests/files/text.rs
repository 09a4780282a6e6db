//! Are text files read as text, with NULL and empty apart, counted as stored, and refused when malformed?

use std::{io::Write, sync::Arc};

use arrow::datatypes::{DataType, Field};
use lakegate_connectors::files::{CsvSerde, Encoding, Format, FormatOptions, check_policy_columns};

use crate::lake::{Lake, file_len, ours};

const WORDS: &[(&str, DataType)] = &[("a", DataType::Int64), ("b", DataType::Utf8)];

#[tokio::test]
async fn csv_by_header_in_any_order_and_case() {
    let lake = Lake::new();
    lake.write(
        "t/1.csv",
        "\u{feff}B,A,extra\r\n\"\",1,x\r\n,x12,y\r\n\"two\nlines\",00123,z",
    );
    lake.write("t/2", "a,b\n7\n");
    let table = lake.table("t", Format::Csv, WORDS);
    // Text as written; conversion is the engine's, above the policy's filter.
    assert_eq!(
        lake.read(&table).await.expect("rows"),
        "a,b\n,lines\n00123,two\n1,\n7,\nx12,"
    );
    assert_eq!(
        lake.scanned(),
        file_len(&lake.path("t/1.csv")) + file_len(&lake.path("t/2"))
    );
    let files = lake.list(&table).await;
    // A short row is not NULL where a policy reads the column.
    let rows = lake.scan(&table, &files, vec![0], None, vec![1]).await.expect("rows");
    assert_eq!(rows, "a\n00123\n1\nx12");
    // No column at all: the rows are still counted.
    assert_eq!(lake.scan(&table, &files, vec![], None, vec![]).await.expect("rows"), "");
    let absent = check_policy_columns(&table, &files, &["extra".into()], &lake.store, &lake.cache)
        .await
        .expect("check");
    assert_eq!(absent, [("extra".to_owned(), "t/2".to_owned())]);
}

#[tokio::test]
async fn csv_null_and_empty_differ() {
    use arrow::array::{Array, AsArray};
    use datafusion::{physical_plan::collect, prelude::SessionContext};
    use lakegate_connectors::files::{FileScan, meter::NoMeter, scan, store_url};

    let lake = Lake::new();
    lake.write("t/1.csv", "a,b\n1,\n2,\"\"\n3,c\n");
    let table = lake.table("t", Format::Csv, WORDS);
    let files = lake.list(&table).await;
    let url = store_url(&lake.connection).expect("url");
    let session = SessionContext::new();
    session
        .runtime_env()
        .register_object_store(url.as_ref(), Arc::clone(&lake.store));
    let request = FileScan {
        table: &table,
        files: &files,
        projection: vec![1],
        prune: None,
        policy_columns: vec![],
        restricted: false,
        target_partitions: 1,
        batch_size: 10,
        meter: Arc::new(NoMeter),
        cache: Arc::clone(&lake.cache),
        store_url: url,
    };
    let plan = scan(request).expect("plan");
    let batches = collect(plan, session.task_ctx()).await.expect("rows");
    let column = batches[0].column(0).as_binary::<i32>();
    assert!(column.is_null(0) && column.is_valid(1));
    assert_eq!((column.value(1), column.value(2)), (&b""[..], &b"c"[..]));
}

#[tokio::test]
async fn gzip_by_extension_others_refused() {
    let lake = Lake::new();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"a,b\n1,x\n").expect("write");
    lake.write("t/a.csv.gz", encoder.finish().expect("finish"));
    lake.write("t/b.csv", "a,b\n2,y\n");
    let table = lake.table("t", Format::Csv, WORDS);
    assert_eq!(lake.read(&table).await.expect("rows"), "a,b\n1,x\n2,y");
    assert_eq!(
        lake.scanned(),
        file_len(&lake.path("t/a.csv.gz")) + file_len(&lake.path("t/b.csv"))
    );
    lake.write("t/c.csv.lzo", "x");
    let error = lake.read(&table).await.expect_err("refused");
    assert_eq!(
        (ours(&error).code(), ours(&error).file()),
        ("NOT_SUPPORTED", Some("t/c.csv.lzo"))
    );
}

#[tokio::test]
async fn malformed_text_is_refused_with_its_line() {
    let cases = [
        (
            "t/f",
            Format::Csv,
            "a,b\n1,2\n1,2,3\n",
            "a row has more fields than there are columns (line 3)",
        ),
        (
            "t/f",
            Format::Csv,
            "a,b\n1,\"x\n\n2,y\n",
            "a quote is never closed (line 2)",
        ),
        ("t/f", Format::Csv, "a,A\n1,2\n", "columns `a` and `A`"),
        ("t/f", Format::Ndjson, "{\"a\":1}\n[1]\n", "line 2 is no JSON object"),
        ("t/f", Format::Ndjson, "{\"a\":1}\n{\"a\":", "line 2 is no JSON object"),
    ];
    for (file, format, text, detail) in cases {
        let lake = Lake::new();
        lake.write(file, text);
        let table = lake.table("t", format, WORDS);
        let error = lake.read(&table).await.expect_err(text);
        assert_eq!((ours(&error).detail(), ours(&error).file()), (Some(detail), Some(file)));
    }
}

#[tokio::test]
async fn ndjson_keeps_digits_and_json() {
    let lake = Lake::new();
    lake.write("t/f", "\u{feff}{\"A\":1.50,\"b\":\"x\\n\",\"n\":{\"k\":[1]}}\n\n{\"a\":9223372036854775809,\"b\":null}\r\n{\"b\":{\"deep\": 1}}\n{\"a\":true}");
    let nested = DataType::Struct(vec![Field::new("k", DataType::new_list(DataType::Int64, true), true)].into());
    let table = lake.table("t", Format::Ndjson, &[("a", DataType::Float64), ("n", nested.clone())]);
    assert_eq!(
        lake.read(&table).await.expect("rows"),
        "a,n\n,\n1.50,{\"k\":[1]}\n9223372036854775809,\ntrue,"
    );
    let table = lake.table("t", Format::Ndjson, &[("b", DataType::Utf8)]);
    let files = lake.list(&table).await;
    // (`x` ends with a line feed, which the printed table shows as a line of its own.)
    // A missing key is not NULL where a policy reads the column.
    assert_eq!(
        lake.scan(&table, &files, vec![0], None, vec![0]).await.expect("rows"),
        "b\n\n\nx\n{\"deep\": 1}"
    );
    let columns = lake.infer("t", Format::Ndjson).await;
    assert_eq!(columns.expect_err("A and a").code(), "AMBIGUOUS_COLUMN");
}

/// governance.md §6.1: what the policy's filter, above the scan, will hide fails nobody.
#[tokio::test]
async fn no_value_fails_the_scan() {
    let address = DataType::Struct(vec![Field::new("zip", DataType::Utf8, true)].into());
    let mut lake = Lake::new();
    lake.write(
        "j/f",
        "{\"region\":\"DE\",\"addr\":{\"zip\":\"1\"},\"note\":\"x\"}\n{\"region\":\"US\",\"addr\":5,\"note\":\"\\ud800\"}\n",
    );
    let columns = [("region", DataType::Utf8), ("addr", address), ("note", DataType::Utf8)];
    let table = lake.table("j", Format::Ndjson, &columns);
    assert_eq!(
        lake.read(&table).await.expect("rows"),
        "region,addr,note\nDE,{\"zip\":\"1\"},x\nUS,5,no text"
    );

    lake.write("c/f", b"region,note,n\nDE,x,1\nUS,\xff,\xff\n");
    let columns = [
        ("region", DataType::Utf8),
        ("note", DataType::Utf8),
        ("n", DataType::Int64),
    ];
    let table = lake.table("c", Format::Csv, &columns);
    let rows = "region,note,n\nDE,x,1\nUS,no text,\u{FFFD}";
    assert_eq!(lake.read(&table).await.expect("rows"), rows);

    // What cannot be told apart into columns has no value for a policy: an error for some, no row for the restricted.
    lake.write("c/f", "region,note,n\nDE,x,1\nUS,DE,y,2\n");
    lake.write("j/f", "{\"region\":\"DE\"}\n{\"region\":\"US\",\n");
    let lines = lake.table("j", Format::Ndjson, &columns[..1]);
    for table in [&table, &lines] {
        assert_eq!(
            ours(&lake.read(table).await.expect_err("malformed")).code(),
            "CORRUPT_FILE"
        );
    }
    lake.restricted = true;
    assert_eq!(lake.read(&table).await.expect("rows"), "region,note,n\nDE,x,1");
    assert_eq!(lake.read(&lines).await.expect("rows"), "region\nDE");
    // The damage of a whole file stays an error.
    lake.write("c/f", "region,note,n\nDE,x,1\nUS,\"x,2\n");
    assert_eq!(
        ours(&lake.read(&table).await.expect_err("open quote")).code(),
        "CORRUPT_FILE"
    );
}

#[tokio::test]
async fn inference_reads_every_value() {
    let lake = Lake::new();
    let mut text = String::from("zip,late,n,empty\n");
    for row in 0..3_000 {
        text.push_str(if row < 2_999 { "00123,,1,\n" } else { "99,x,2.5,\n" });
    }
    lake.write("c/f.csv", text);
    let columns = lake.infer("c", Format::Csv).await.expect("columns");
    let types: Vec<_> = columns.iter().map(|(_, data_type)| data_type.clone()).collect();
    assert_eq!(
        types,
        [DataType::Utf8, DataType::Utf8, DataType::Float64, DataType::Utf8]
    );
    lake.write("j/f1", "{\"n\":1,\"mixed\":1}\n");
    lake.write("j/f2", "{\"n\":1.75,\"mixed\":[1],\"late\":{\"x\":true}}\n");
    let columns = lake.infer("j", Format::Ndjson).await.expect("columns");
    let late = DataType::Struct(vec![Field::new("x", DataType::Boolean, true)].into());
    assert_eq!(
        columns,
        [
            ("n".to_owned(), DataType::Float64),
            ("mixed".to_owned(), DataType::Utf8),
            ("late".to_owned(), late)
        ]
    );
}

/// Hive's two readers of text mean other things by the same bytes (connectors.md §4.1).
#[tokio::test]
async fn hive_text_and_open_csv_differ() {
    let lake = Lake::new();
    let columns = [
        ("a", DataType::Int64),
        ("b", DataType::Utf8),
        ("d", DataType::Date32),
        ("l", DataType::new_list(DataType::Int64, true)),
    ];
    lake.write(
        "t/f",
        "1\u{1}\"x\"\u{1}2024-01-31\u{1}1\u{2}2\n\u{1}\\N\u{1}\u{1}\u{1}more\n3\n",
    );
    let mut table = lake.table("t", Format::Csv, &columns);
    table.options = FormatOptions::of(CsvSerde::LazySimple);
    assert_eq!(
        lake.read(&table).await.expect("rows"),
        "a,b,d,l\n,,,\n1,\"x\",2024-01-31,[\"1\",\"2\"]\n3,,,"
    );
    lake.write("t/f", "\"1\",\"x\\\"y\",18000\n,,\n");
    let mut table = lake.table("t", Format::Csv, &columns[..3]);
    table.options = FormatOptions::of(CsvSerde::OpenCsv);
    assert_eq!(lake.read(&table).await.expect("rows"), "a,b,d\n,,\n1,x\"y,2019-04-14");
    // An empty number is no NULL there: it fails where it is shown.
    let files = lake.list(&table).await;
    let prune = lake.scan(&table, &files, vec![0], None, vec![]).await.expect("rows");
    assert_eq!(prune, "a\n\n1");
}

#[tokio::test]
async fn encodings_and_arrays_are_read_and_inferred() {
    let lake = Lake::new();
    let text = "a;b\n1;é😀\n2;\"x;y\"\n";
    let stored: Vec<u8> = std::iter::once(0xfeff)
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    lake.write("t/f.csv", stored);
    let mut table = lake.table("t", Format::Csv, WORDS);
    table.options.encoding = Encoding::Utf16;
    table.options.delimiter = b';';
    assert_eq!(lake.read(&table).await.expect("rows"), "a,b\n1,é😀\n2,x;y");
    lake.write("j/f", "\u{feff}[\n  {\"a\": 1,\n   \"b\": \"x\"},\n  {\"a\": 2.5}\n]\n");
    lake.write("j/g", "{\"a\": 3}\n");
    let columns = lake.infer("j", Format::Ndjson).await.expect("columns");
    let expected = [("a".to_owned(), DataType::Float64), ("b".to_owned(), DataType::Utf8)];
    assert_eq!(columns, expected);
    let mut lake = lake;
    for restricted in [false, true] {
        lake.restricted = restricted;
        let table = lake.table("j", Format::Ndjson, &[("a", DataType::Float64), ("b", DataType::Utf8)]);
        assert_eq!(lake.read(&table).await.expect("rows"), "a,b\n1,x\n2.5,\n3,");
        // A glued file is refused whole, by everybody: nobody knows what is missing.
        lake.write("j/f", "[{\"a\": 1}]\n[{\"a\": 2}]");
        let error = lake.read(&table).await.expect_err("glued");
        assert_eq!(
            (ours(&error).code(), ours(&error).file()),
            ("CORRUPT_FILE", Some("j/f"))
        );
        // An element that is no object is one row: an error, or no row where rows are hidden.
        lake.write("j/f", "[{\"a\": 1, \"b\": \"x\"}, 7,\n{\"a\":}, {\"a\": 2.5}]");
        match lake.read(&table).await {
            Ok(rows) if restricted => assert_eq!(rows, "a,b\n1,x\n2.5,\n3,"),
            Err(error) if !restricted => assert_eq!(ours(&error).detail(), Some("line 1 is no JSON object")),
            other => panic!("{restricted}: {other:?}"),
        }
        lake.write("j/f", "[{\"a\": 1, \"b\": \"x\"}, {\"a\": 2.5}]");
    }
}

/// A piece of a few stored bytes may hold many batches: they are handed on before the next piece is looked at.
#[tokio::test]
async fn a_small_file_of_many_rows_is_read_whole() {
    let lake = Lake::new();
    let rows: u32 = 200_000;
    let line = "1,0\n".repeat(rows as usize);
    let stored = zstd::stream::encode_all(format!("a,b\n{line}").as_bytes(), 3).expect("encode");
    assert!(stored.len() < 4_000);
    lake.write("t/f.csv.zst", &stored);
    let table = lake.table("t", Format::Csv, WORDS);
    let found = lake.read(&table).await.expect("rows");
    assert_eq!(found.lines().count() as u32, rows + 1);
    lake.write("t/f.csv.zst", &stored[..stored.len() - 3]);
    let error = lake.read(&table).await.expect_err("cut");
    assert_eq!(
        (ours(&error).code(), ours(&error).file()),
        ("CORRUPT_FILE", Some("t/f.csv.zst"))
    );
}
