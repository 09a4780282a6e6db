//! Does the same hold over S3? Only where a server is given; printed as skipped otherwise.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use lakegate_connectors::{connection::Connection, credential::Credential, files::Format};
use object_store::{ObjectStoreExt, path::Path};

use crate::lake::Lake;

/// A lake below a prefix of its own, and the prefix.
pub fn lake(name: &str) -> Option<(Lake, String)> {
    let endpoint = std::env::var("LAKEGATE_TEST_S3_ENDPOINT");
    lake_at(name, endpoint.as_deref().unwrap_or_default())
}

/// The same, reached by another way.
pub fn lake_at(name: &str, endpoint: &str) -> Option<(Lake, String)> {
    let given = |name: &str| std::env::var(format!("LAKEGATE_TEST_S3_{name}")).ok();
    let (Some(_), Some(key), Some(secret), Some(bucket)) = (
        given("ENDPOINT"),
        given("ACCESS_KEY"),
        given("SECRET_KEY"),
        given("BUCKET"),
    ) else {
        eprintln!("skipped: LAKEGATE_TEST_S3_{{ENDPOINT,ACCESS_KEY,SECRET_KEY,BUCKET}} are not set");
        return None;
    };
    let prefix = format!("lakegate-test-{}-{name}", std::process::id());
    let connection = Connection {
        id: "s3".into(),
        version: 1,
        kind: "files".into(),
        options: BTreeMap::from([
            ("root".to_owned(), format!("s3://{bucket}/{prefix}/").into()),
            ("endpoint".to_owned(), endpoint.into()),
            ("path_style".to_owned(), true.into()),
        ]),
        credential: Credential::from_plain([("access_key_id", key.as_str()), ("secret_access_key", secret.as_str())]),
        ..Connection::default()
    };
    Some((Lake::over(tempfile::tempdir().expect("directory"), connection), prefix))
}

#[tokio::test]
async fn csv_over_s3() {
    let Some((lake, prefix)) = lake("csv") else { return };
    let file = Path::from(format!("{prefix}/t/a*b=1.csv"));
    lake.store.put(&file, "x\n1\n".into()).await.expect("put");
    let table = lake.table("t", Format::Csv, &[("x", DataType::Int64)]);
    let rows = lake.read(&table).await;
    lake.store.delete(&file).await.expect("delete");
    assert_eq!(rows.expect("rows"), "x\n1");
}
