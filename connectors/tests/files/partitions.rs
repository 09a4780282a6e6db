//! Do files get the values of their folders, and are locations names and not patterns?

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::{
    common::ScalarValue,
    logical_expr::Operator,
    physical_expr::expressions::{binary, col, is_null, lit},
};
use lakegate_connectors::files::{
    Format, PartitionSource, list_files, prune_declared, prune_partitions, raw_schema, resolve_location,
};

use crate::lake::{Lake, hive};

#[tokio::test]
async fn hive_folders_in_any_order_with_null_and_pruning() {
    let lake = Lake::new();
    lake.write("t/year=2024/City=a%2Fb/f1.csv", "x,year\n1,9999\n");
    lake.write("t/city=c/YEAR=2023/f2", "x\n2\n");
    lake.write(
        "t/year=__HIVE_DEFAULT_PARTITION__/city=__HIVE_DEFAULT_PARTITION__/f3.csv",
        "x\n3\n",
    );
    let mut table = lake.table("t", Format::Csv, &[("x", DataType::Int64), ("year", DataType::Utf8)]);
    table.partitions = PartitionSource::Hive;
    table.partition_columns = hive(&[("year", DataType::Int32), ("city", DataType::Utf8)]);
    // The file's own column `year` gives way to the partition's.
    assert_eq!(
        lake.read(&table).await.expect("rows"),
        "x,year,city\n1,2024,a/b\n2,2023,c\n3,,"
    );

    let files = lake.list(&table).await;
    let schema = raw_schema(&table);
    let year = col("year", &schema).expect("year");
    let recent = binary(
        Arc::clone(&year),
        Operator::GtEq,
        lit(ScalarValue::Int32(Some(2024))),
        &schema,
    )
    .expect("predicate");
    let pruned = prune_partitions(&table, &files, &recent);
    assert_eq!(
        lake.scan(&table, &pruned, vec![0], None, vec![]).await.expect("rows"),
        "x\n1"
    );
    assert_eq!(
        prune_partitions(&table, &files, &is_null(year).expect("predicate"))
            .files
            .len(),
        1
    );
    let other = binary(col("x", &schema).expect("x"), Operator::Eq, lit("9"), &schema).expect("predicate");
    assert_eq!(prune_partitions(&table, &files, &other).files.len(), 3);

    lake.write("t/year=2024/f4.csv", "x\n1\n");
    let error = list_files(&table, &lake.store).await.expect_err("missing key");
    assert_eq!((error.code(), error.file()), ("PARTITION_MISMATCH", Some("year=2024")));
}

#[tokio::test]
async fn declared_partitions_lie_anywhere_below_the_root() {
    let lake = Lake::new();
    lake.write("p/one/f", "x\n1\n");
    lake.write("q/f", "x\n2\n");
    let at = |location| resolve_location(&lake.connection, None, location).expect("location");
    let mut table = lake.table("p", Format::Csv, &[("x", DataType::Int64)]);
    table.partition_columns = hive(&[("d", DataType::Date32)]);
    table.partitions = PartitionSource::Declared(vec![
        (vec![Some("2024-01-01".into())], at("p/one")),
        (vec![None], at("q")),
        (vec![Some("2024-01-03".into())], at("gone")),
    ]);
    assert_eq!(lake.read(&table).await.expect("rows"), "x,d\n1,2024-01-01\n2,");
    let schema = raw_schema(&table);
    let null = is_null(col("d", &schema).expect("d")).expect("predicate");
    let table = prune_declared(&table, &null).expect("pruned");
    assert_eq!(lake.read(&table).await.expect("rows"), "x,d\n2,");
}

#[tokio::test]
async fn a_location_is_never_a_pattern() {
    let lake = Lake::new();
    lake.write("a*b.csv", "x\n1\n");
    lake.write("aSECRETb.csv", "x\n2\n");
    lake.write("a[1].csv", "x\n3\n");
    lake.write("dir?/f.csv", "x\n4\n");
    lake.write("dirx/f.csv", "x\n5\n");
    lake.write("prefix/f.csv", "x\n6\n");
    lake.write("prefix2/f.csv", "x\n7\n");
    for (location, row) in [("a*b.csv", "1"), ("a[1].csv", "3"), ("dir?", "4"), ("prefix", "6")] {
        let table = lake.table(location, Format::Csv, &[("x", DataType::Int64)]);
        assert_eq!(
            lake.read(&table).await.expect("rows"),
            format!("x\n{row}"),
            "{location}"
        );
    }
    assert!(resolve_location(&lake.connection, None, "../x").is_err());
    assert!(resolve_location(&lake.connection, None, "%2e%2e/x").is_err());
}
