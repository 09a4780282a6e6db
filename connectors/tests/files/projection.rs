//! Are partitions counted out as their rules say, and are only those listed that the conditions leave? Locally and over S3.

use std::{collections::BTreeMap, sync::Arc};

use arrow::datatypes::DataType;
use datafusion::{
    common::ScalarValue,
    logical_expr::Operator,
    physical_expr::{
        PhysicalExpr,
        expressions::{binary, col, lit},
    },
};
use lakegate_connectors::files::{
    FileTable, Format, Listings, PartitionSource, Projection, list_left, project, projection::INJECTED, raw_schema,
};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use serde_json::Value;

use crate::{
    lake::{Lake, hive},
    listed::Told,
    s3,
};

fn projected(lake: &Lake, columns: &[(&str, DataType)], options: &[(&str, &str)]) -> FileTable {
    let mut table = lake.table("t", Format::Csv, &[("x", DataType::Int64)]);
    table.partition_columns = hive(columns);
    let options = options
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
    let projection = Projection::parse(&table.partition_columns, &options.collect::<BTreeMap<_, _>>());
    table.partitions = PartitionSource::Projected(Arc::new(projection.expect("rules")));
    table
}

fn compared(table: &FileTable, name: &str, op: Operator, value: ScalarValue) -> Arc<dyn PhysicalExpr> {
    let schema = raw_schema(table);
    binary(col(name, &schema).expect("column"), op, lit(value), &schema).expect("predicate")
}

/// The rows of what `predicate` and the asked values leave.
async fn rows(lake: &Lake, table: &FileTable, predicate: Option<&Arc<dyn PhysicalExpr>>, asked: &[&str]) -> String {
    let asked = |_: &str| (!asked.is_empty()).then(|| asked.iter().map(|value| (*value).to_owned()).collect());
    let table = project(table, predicate, &asked).expect("partitions");
    lake.read(&table).await.expect("rows")
}

async fn enumerations_and_integers(lake: &Lake, put: impl AsyncFn(&str, &str)) {
    for (path, x) in [
        ("t/k=a/n=008/f", "1"),
        ("t/k=a/n=010/f", "2"),
        ("t/k=b/n=010/deep/f", "3"),
        ("t/k=b/n=009/f", "never"),
        ("t/k=c/n=010/f", "never"),
    ] {
        put(path, &format!("x\n{x}\n")).await;
    }
    let rules = [
        ("projection.enabled", "true"),
        ("projection.k.type", "enum"),
        ("projection.k.values", "a,b,absent"),
        ("projection.n.type", "integer"),
        ("projection.n.range", "8,12"),
        ("projection.n.interval", "2"),
        ("projection.n.digits", "3"),
    ];
    let table = projected(lake, &[("k", DataType::Utf8), ("n", DataType::Int32)], &rules);
    assert_eq!(rows(lake, &table, None, &[]).await, "x,k,n\n1,a,8\n2,a,10\n3,b,10");
    let ten = compared(&table, "n", Operator::Eq, ScalarValue::Int32(Some(10)));
    assert_eq!(rows(lake, &table, Some(&ten), &[]).await, "x,k,n\n2,a,10\n3,b,10");
    let none = compared(&table, "n", Operator::Eq, ScalarValue::Int32(Some(9)));
    assert_eq!(rows(lake, &table, Some(&none), &[]).await, "");
}

#[tokio::test]
async fn enumerations_and_integers_locally() {
    let lake = Lake::new();
    enumerations_and_integers(&lake, async |path, text| lake.write(path, text)).await;
}

#[tokio::test]
async fn enumerations_and_integers_over_s3() {
    let Some((lake, prefix)) = s3::lake("projection") else {
        return;
    };
    let put = async |path: &str, text: &str| {
        let path = Path::from(format!("{prefix}/{path}"));
        lake.store.put(&path, text.to_owned().into()).await.expect("put");
    };
    enumerations_and_integers(&lake, put).await;
}

#[tokio::test]
async fn dates_have_the_folders_of_their_template() {
    let lake = Lake::new();
    lake.write("t/in/2024/02/29/f", "x\n1\n");
    lake.write("t/in/2024/03/01/f", "x\n2\n");
    lake.write("t/in/2024/03/02/f", "x\nnever\n");
    lake.write("t/day=2024-02-29/f", "x\nnever\n");
    let rules = [
        ("projection.day.type", "date"),
        ("projection.day.format", "yyyy/MM/dd"),
        ("projection.day.range", "2024/01/01,2024/03/01"),
        ("storage.location.template", "in/${day}/"),
    ];
    let table = projected(&lake, &[("day", DataType::Date32)], &rules);
    assert_eq!(
        rows(&lake, &table, None, &[]).await,
        "x,day\n1,2024-02-29\n2,2024-03-01"
    );
    let text = projected(&lake, &[("day", DataType::Utf8)], &rules);
    assert_eq!(rows(&lake, &text, None, &[]).await, "x,day\n1,2024/02/29\n2,2024/03/01");
    let first = compared(&text, "day", Operator::Eq, ScalarValue::from("2024/03/01"));
    assert_eq!(rows(&lake, &text, Some(&first), &[]).await, "x,day\n2,2024/03/01");
}

/// What a statement names is the name of one folder; and no rule leads out of the table.
#[tokio::test]
async fn injected_values_are_those_of_the_statement() {
    let lake = Lake::new();
    lake.write("t/user=u1/f", "x\n1\n");
    lake.write("t/user=u2/deep/f", "x\n2\n");
    lake.write("other/f", "x\n666\n");
    let table = projected(
        &lake,
        &[("user", DataType::Utf8)],
        &[("projection.user.type", "injected")],
    );
    assert_eq!(rows(&lake, &table, None, &["u1", "gone"]).await, "x,user\n1,u1");
    for odd in ["../../other", "u2/deep", "..", "%2e%2e", "${user}", "", "u1\u{0}"] {
        assert_eq!(rows(&lake, &table, None, &[odd]).await, "", "{odd:?}");
    }
    let error = project(&table, None, &|_| None).expect_err("no value");
    assert_eq!((error.code(), error.detail()), (INJECTED, Some("user")));
    for template in ["../other/${user}/", "${user}/../../other/"] {
        let away = projected(
            &lake,
            &[("user", DataType::Utf8)],
            &[
                ("projection.user.type", "injected"),
                ("storage.location.template", template),
            ],
        );
        assert!(
            project(&away, None, &|_| Some(vec!["u1".to_owned()])).is_err(),
            "{template}"
        );
    }
    let outside = format!("{}/${{user}}/", lake.path("other").display());
    let rules = [
        ("projection.user.type", "injected"),
        ("storage.location.template", outside.as_str()),
    ];
    let outside = projected(&lake, &[("user", DataType::Utf8)], &rules);
    let error = project(&outside, None, &|_| Some(vec!["f".to_owned()])).expect_err("another table's files");
    assert_eq!(error.code(), "SOURCE_ACCESS_DENIED");
}

/// A million partitions and no more, and only after the conditions.
#[tokio::test]
async fn too_many_partitions_are_refused_before_they_are_listed() {
    let lake = Lake::new();
    let rules = |range: &'static str| {
        [
            ("projection.a.type", "integer"),
            ("projection.a.range", range),
            ("projection.b.type", "integer"),
            ("projection.b.range", "1,1000"),
        ]
    };
    let columns = [("a", DataType::Int64), ("b", DataType::Int64)];
    let table = projected(&lake, &columns, &rules("1,1001"));
    let error = project(&table, None, &|_| None).expect_err("1,001,000 partitions");
    assert_eq!(error.code(), "SOURCE_LIMIT_EXCEEDED");
    let one = compared(&table, "a", Operator::Eq, ScalarValue::Int64(Some(7)));
    let left = project(&table, Some(&one), &|_| None).expect("a thousand");
    assert!(matches!(&left.partitions, PartitionSource::Declared(left) if left.len() == 1_000));
    let endless = projected(&lake, &columns, &rules("-9000000000000000000,9000000000000000000"));
    assert!(project(&endless, Some(&one), &|_| None).is_err());
    let large = projected(&lake, &columns, &rules("1,200000"));
    let left = project(&large, Some(&one), &|_| None).expect("a thousand of 200,000,000");
    assert!(matches!(&left.partitions, PartitionSource::Declared(left) if left.len() == 1_000));
}

/// Of many partitions of a table everything is listed once, and each file is in the partitions that it would be in alone.
#[tokio::test]
async fn many_partitions_are_listed_together_as_they_are_alone() {
    let lake = Lake::new();
    for place in [
        "d/n=1/f",
        "d/n=1/deep/g",
        "d/n=2/_hidden/f",
        "d/n=2/f",
        "d/n=10/f",
        "d/n=300",
        "d/n=12/n=13/f",
        "f",
    ] {
        lake.write(&format!("t/{place}"), "x\n1\n");
    }
    lake.write("t/d/n=4/empty", "");
    let rules = |range: &'static str| {
        [
            ("projection.n.type", "integer"),
            ("projection.n.range", range),
            ("storage.location.template", "d/n=${n}/"),
        ]
    };
    let told = Told::over(&lake.store);
    let listed = async |range: &'static str, condition: Option<i64>| {
        let table = projected(&lake, &[("n", DataType::Int64)], &rules(range));
        let predicate = condition.map(|most| compared(&table, "n", Operator::LtEq, ScalarValue::Int64(Some(most))));
        let table = project(&table, predicate.as_ref(), &|_| None).expect("partitions");
        let files = list_left(&table, &Listings::new(Arc::clone(&told) as _), predicate.as_ref())
            .await
            .expect("files");
        let name = |file: &lakegate_connectors::files::ListedFile| {
            format!("{} {}", file.partition_values[0], file.object_meta.location)
        };
        files.files.iter().map(name).collect::<Vec<_>>()
    };
    let together = listed("1,300", None).await;
    assert_eq!(told.asked(), ["t/d/**"]);
    assert_eq!(
        together,
        [
            "1 t/d/n=1/deep/g",
            "1 t/d/n=1/f",
            "2 t/d/n=2/f",
            "10 t/d/n=10/f",
            "12 t/d/n=12/n=13/f",
            "300 t/d/n=300"
        ]
    );
    let mut alone = listed("1,150", None).await;
    assert_eq!(told.asked().len(), 150);
    alone.extend(listed("151,300", None).await);
    assert_eq!(together, alone);
    told.asked();
    assert_eq!(listed("1,300", Some(1)).await.len(), 2);
    assert_eq!(told.asked(), ["t/d/n=1/**"]);
}

/// Folders that conditions rule out are not listed; others are listed once in a statement, and anew in the next one.
#[tokio::test]
async fn conditions_keep_hive_folders_from_being_listed() {
    let lake = Lake::new();
    for place in [
        "y=2023/m=1",
        "y=2024/m=1",
        "y=2024/m=2",
        "y=__HIVE_DEFAULT_PARTITION__/m=1",
        "_tmp/m=1",
    ] {
        lake.write(&format!("t/{place}/f"), "x\n1\n");
    }
    let told = Told::over(&lake.store);
    let mut table = lake.table("t", Format::Csv, &[("x", DataType::Int64)]);
    table.partition_columns = hive(&[("y", DataType::Int32), ("m", DataType::Int32)]);
    table.partitions = PartitionSource::Hive;
    let year = compared(&table, "y", Operator::Eq, ScalarValue::Int32(Some(2024)));
    let month = compared(&table, "m", Operator::Eq, ScalarValue::Int32(Some(1)));
    let both = datafusion::physical_expr::conjunction([Arc::clone(&year), Arc::clone(&month)]);
    for (predicate, files, asked) in [
        (None, 4, vec!["t/**"]),
        (Some(&year), 2, vec!["t/", "t/y=2024/**"]),
        (Some(&both), 1, vec!["t/", "t/y=2024/", "t/y=2024/m=1/**"]),
        (
            Some(&month),
            3,
            vec![
                "t/",
                "t/y=2023/",
                "t/y=2023/m=1/**",
                "t/y=2024/",
                "t/y=2024/m=1/**",
                "t/y=__HIVE_DEFAULT_PARTITION__/",
                "t/y=__HIVE_DEFAULT_PARTITION__/m=1/**",
            ],
        ),
    ] {
        let listings = Listings::new(Arc::clone(&told) as Arc<dyn ObjectStore>);
        for again in [false, true] {
            let found = list_left(&table, &listings, predicate).await.expect("files");
            assert_eq!(found.files.len(), files);
            assert_eq!(told.asked(), if again { vec![] } else { asked.clone() });
        }
    }
    // A folder that does not fit is told as ever, unless it lies where nothing is asked; links in circles end.
    lake.write("t/z=1/f", "x\n1\n");
    let fresh = || Listings::new(Arc::clone(&told) as Arc<dyn ObjectStore>);
    assert!(list_left(&table, &fresh(), Some(&year)).await.is_err());
    std::fs::remove_dir_all(lake.path("t/z=1")).expect("removed");
    lake.write("t/y=2023/z=1/f", "x\n1\n");
    assert_eq!(
        list_left(&table, &fresh(), Some(&year))
            .await
            .expect("files")
            .files
            .len(),
        2
    );
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(lake.path("t"), lake.path("t/m=1")).expect("link");
        let _ = list_left(&table, &fresh(), Some(&year)).await;
    }
    // Nothing is kept from one statement to the next.
    std::fs::remove_dir_all(lake.path("t")).expect("removed");
    assert!(
        list_left(&table, &fresh(), Some(&year))
            .await
            .expect("files")
            .files
            .is_empty()
    );
}
