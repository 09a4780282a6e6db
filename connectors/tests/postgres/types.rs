//! Does every type come back as it is, and is what does not fit an error?

use std::sync::Arc;

use arrow::{
    array::{Array, RecordBatch},
    datatypes::{DataType, Field, IntervalUnit, TimeUnit},
    util::display::array_value_to_string,
};
use datafusion::common::ScalarValue;
use lakegate_connectors::{
    capability::Pushdown,
    error::ConnectorErrorKind,
    predicate::{CompareOp, Predicate},
};

use crate::{
    relational::{guard, read, scan, table},
    server::{EXTRAS, Server},
};

fn cells(batch: &RecordBatch, column: usize) -> Vec<String> {
    let column = batch.column(column);
    (0..column.len())
        .map(|row| {
            if column.is_null(row) {
                "NULL".to_owned()
            } else {
                array_value_to_string(column, row).unwrap()
            }
        })
        .collect()
}

/// Column type, Arrow type, values and how Arrow shows them.
fn types() -> Vec<(&'static str, DataType, &'static [&'static str], &'static [&'static str])> {
    use DataType::*;
    vec![
        ("bool", Boolean, &["NULL", "true", "false"], &["NULL", "true", "false"]),
        (
            "int2",
            Int16,
            &["NULL", "-32768", "32767"],
            &["NULL", "-32768", "32767"],
        ),
        (
            "int4",
            Int32,
            &["NULL", "-2147483648", "2147483647"],
            &["NULL", "-2147483648", "2147483647"],
        ),
        (
            "int8",
            Int64,
            &["NULL", "-9223372036854775808", "9223372036854775807"],
            &["NULL", "-9223372036854775808", "9223372036854775807"],
        ),
        (
            "float4",
            Float32,
            &["NULL", "'NaN'", "'-Infinity'", "1.5", "'-0'"],
            &["NULL", "NaN", "-inf", "1.5", "-0.0"],
        ),
        (
            "float8",
            Float64,
            &["NULL", "'NaN'", "'Infinity'", "1e300"],
            &["NULL", "NaN", "inf", "1e300"],
        ),
        (
            "numeric(12,2)",
            Decimal128(12, 2),
            &["NULL", "0", "-9999999999.99", "9999999999.99", "0.01"],
            &["NULL", "0.00", "-9999999999.99", "9999999999.99", "0.01"],
        ),
        (
            "numeric(60,20)",
            Decimal256(60, 20),
            &["NULL", "1234567890123456789012345678901234567890.00000000000000000001"],
            &["NULL", "1234567890123456789012345678901234567890.00000000000000000001"],
        ),
        (
            "numeric(3,-2)",
            Decimal128(5, 0),
            &["12345", "-99900"],
            &["12300", "-99900"],
        ),
        ("numeric(2,4)", Decimal128(4, 4), &["0.0099"], &["0.0099"]),
        (
            "numeric",
            Decimal128(38, 9),
            &["NULL", "99999999999999999999999999999.999999999", "-0.5", "1000000"],
            &[
                "NULL",
                "99999999999999999999999999999.999999999",
                "-0.500000000",
                "1000000.000000000",
            ],
        ),
        ("text", Utf8View, &["NULL", "''", "'Zoë 🛫'"], &["NULL", "", "Zoë 🛫"]),
        ("varchar(5)", Utf8View, &["NULL", "''", "'abc'"], &["NULL", "", "abc"]),
        ("char(4)", Utf8View, &["NULL", "''", "'ab'"], &["NULL", "    ", "ab  "]),
        ("name", Utf8View, &["NULL", "'n'"], &["NULL", "n"]),
        ("citext", Utf8View, &["NULL", "'MiX'"], &["NULL", "MiX"]),
        ("bytea", Binary, &["NULL", "''", "'\\x00ff'"], &["NULL", "", "00ff"]),
        (
            "timestamp",
            Timestamp(TimeUnit::Microsecond, None),
            &["NULL", "'0001-01-01'", "'9999-12-31 23:59:59.999999'"],
            &["NULL", "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999"],
        ),
        (
            "timestamptz",
            Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            &["NULL", "'2024-02-29 12:00:00+02'"],
            &["NULL", "2024-02-29T10:00:00Z"],
        ),
        (
            "date",
            Date32,
            &["NULL", "'0001-01-01'", "'9999-12-31'", "'1999-12-31'"],
            &["NULL", "0001-01-01", "9999-12-31", "1999-12-31"],
        ),
        (
            "time",
            Time64(TimeUnit::Microsecond),
            &["NULL", "'00:00'", "'23:59:59.999999'"],
            &["NULL", "00:00:00", "23:59:59.999999"],
        ),
        (
            "interval",
            Interval(IntervalUnit::MonthDayNano),
            &["NULL", "'1 mon -2 days 3.5 seconds'"],
            &["NULL", "1 mons -2 days 3.500000000 secs"],
        ),
        (
            "uuid",
            FixedSizeBinary(16),
            &["NULL", "'00000000-0000-0000-0000-0000000000ff'"],
            &["NULL", "000000000000000000000000000000ff"],
        ),
        ("json", Utf8View, &["NULL", "'{\"a\": 1}'"], &["NULL", "{\"a\": 1}"]),
        ("jsonb", Utf8View, &["NULL", "'{\"a\":1}'"], &["NULL", "{\"a\": 1}"]),
        ("xml", Utf8View, &["NULL", "'<a/>'"], &["NULL", "<a/>"]),
        ("inet", Utf8View, &["NULL", "'10.0.0.1/8'"], &["NULL", "10.0.0.1/8"]),
        ("int4range", Utf8View, &["NULL", "'[1,5)'"], &["NULL", "[1,5)"]),
        ("timetz", Utf8View, &["'12:00+02'"], &["12:00:00+02"]),
        ("mood", Utf8View, &["NULL", "'happy'"], &["NULL", "happy"]),
        (
            "int4[]",
            list(Int32),
            &["NULL", "'{}'", "'{1,NULL,3}'", "'[5:6]={1,2}'"],
            &["NULL", "[]", "[1, , 3]", "[1, 2]"],
        ),
        (
            "int4[][]",
            list(list(Int32)),
            &["'{{1,2},{3,NULL}}'", "'{}'"],
            &["[[1, 2], [3, ]]", "[]"],
        ),
        (
            "text[]",
            list(Utf8),
            &["NULL", "'{\"Zoë 🛫\",\"\"}'"],
            &["NULL", "[Zoë 🛫, ]"],
        ),
        (
            "numeric(6,2)[]",
            list(Decimal128(6, 2)),
            &["'{1.5,-2}'"],
            &["[1.50, -2.00]"],
        ),
        (
            "uuid[]",
            list(FixedSizeBinary(16)),
            &["'{00000000-0000-0000-0000-0000000000ff}'"],
            &["[000000000000000000000000000000ff]"],
        ),
        ("mood[]", list(Utf8), &["'{happy,NULL}'"], &["[happy, ]"]),
        ("jsonb[]", list(Utf8), &["array['{\"a\":1}'::jsonb]"], &["[{\"a\": 1}]"]),
        ("price[]", list(Utf8), &["'{12.5}'"], &["[12.50]"]),
        (
            "pair",
            Utf8View,
            &["NULL", "ROW(NULL, NULL)", "ROW(1, 'a b')"],
            &["NULL", "(,)", "(1,\"a b\")"],
        ),
        ("pair[]", list(Utf8), &["array[ROW(1, 'x')::pair]"], &["[(1,x)]"]),
        ("bit varying(5)", Utf8View, &["NULL", "B'101'"], &["NULL", "101"]),
        ("money", Utf8View, &["'12.5'"], &["$12.50"]),
        ("point", Utf8View, &["'(1,2)'"], &["(1,2)"]),
        ("tsvector", Utf8View, &["'a b'"], &["'a' 'b'"]),
        ("price", Decimal128(8, 2), &["NULL", "12.5"], &["NULL", "12.50"]),
        ("dearer", Decimal128(8, 2), &["100"], &["100.00"]),
    ]
}

fn list(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", element, true)))
}

#[tokio::test]
async fn reads_every_type() {
    let mut sql = EXTRAS.to_owned();
    for (number, (kind, _, values, _)) in types().iter().enumerate() {
        sql.push_str(&format!(
            "CREATE TABLE t{number} (v {kind}); INSERT INTO t{number} VALUES ({});",
            values.join("), (")
        ));
    }
    let Some(server) = Server::with("Types", &sql).await else {
        return;
    };
    for (number, (kind, arrow, _, shown)) in types().iter().enumerate() {
        let rows = server
            .all(&format!("t{number}"))
            .await
            .unwrap_or_else(|error| panic!("{kind}: {error:?}"));
        assert_eq!(rows.schema().field(0).data_type(), arrow, "{kind}");
        assert_eq!(cells(&rows, 0), *shown, "{kind}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_an_error_that_names_the_column() {
    let wrong = [
        ("numeric", "'NaN'"),
        ("numeric", "'Infinity'"),
        ("numeric", "1e30"),
        ("numeric", "0.0000000001"),
        ("timestamptz", "'infinity'"),
        ("timestamp", "'-infinity'"),
        ("timestamp", "'0044-03-15 BC'"),
        ("date", "'infinity'"),
        ("date", "'0001-12-31 BC'"),
        ("time", "'24:00'"),
        ("interval", "'9999999 hours'"),
        ("integer[]", "'{{1,2},{3,4}}'"),
        ("integer[][]", "'{1,2}'"),
        ("numeric[]", "'{1,NaN}'"),
        ("date[]", "'{infinity}'"),
    ];
    let mut sql = String::from(
        "CREATE TABLE hidden (id int, region char(2), odd numeric);
         INSERT INTO hidden VALUES (1, 'DE', 1.5), (2, 'US', 'NaN');",
    );
    for (number, (kind, value)) in wrong.iter().enumerate() {
        sql.push_str(&format!(
            "CREATE TABLE t{number} (ok int, odd {kind}); INSERT INTO t{number} VALUES (1, {value});"
        ));
    }
    let Some(server) = Server::with("misfits", &sql).await else {
        return;
    };
    for (number, (kind, value)) in wrong.iter().enumerate() {
        let error = server.all(&format!("t{number}")).await.expect_err(value);
        assert_eq!(error.kind(), ConnectorErrorKind::SourceFailed, "{kind} {value}");
        assert!(
            error
                .detail()
                .unwrap()
                .starts_with(&format!("column `odd` of type `{}", &kind[..4])),
            "{error:?}"
        );
    }
    // Blank-padded text is not compared at the server: the hidden row comes, and is not decoded.
    let cx = server.context();
    let spec = table(&server.connector, &cx, "misfits", "hidden").await.unwrap();
    let visible = guard(Predicate::compare("region", CompareOp::Eq, ScalarValue::from("DE")));
    let (planned, rows) = read(
        &server.connector,
        &cx,
        scan(&spec, &["id", "region", "odd"], visible, vec![]),
    )
    .await
    .unwrap();
    assert_eq!((planned.guard, rows.num_rows()), (Pushdown::Unsupported, 1));
}
