//! Does the lake of the demo apply, and come back unchanged?

use std::{collections::BTreeMap, path::PathBuf};

use lakegate::lake::{self, Applier, ApplyOptions, LakeInput};

use super::fixture::{Fixture, changed};

#[tokio::test]
async fn the_demo_applies_and_comes_back() {
    let mut fixture = Fixture::new().await;
    let keys = ["JFK", "CARRIER", "STEWARD", "AUDITOR"];
    fixture.secrets.0 = keys
        .iter()
        .map(|key| (format!("env://LAKEGATE_DEMO_{key}_KEY"), key.repeat(10)))
        .collect::<BTreeMap<_, _>>();
    fixture
        .secrets
        .0
        .values_mut()
        .for_each(|secret| secret.push_str(&"x".repeat(32)));
    let demo = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../demo");
    let input = LakeInput::from_paths(&[demo.join("lake"), demo.join("relational/sqlite.yaml")]).unwrap();
    let cx = fixture.context(Applier::Operator);
    let report = lake::apply(&cx, &input, ApplyOptions::default())
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    // The demo shows Iceberg's masks, two of which `apply` warns of.
    let lints = report
        .warnings
        .iter()
        .filter(|warning| warning.contains("prefer `keep("));
    assert_eq!((lints.count(), report.warnings.len()), (2, 2), "{:?}", report.warnings);
    let again = lake::apply(
        &cx,
        &input,
        ApplyOptions {
            prune: true,
            dry_run: false,
        },
    )
    .await
    .unwrap();
    assert!(again.is_unchanged(), "{:#?}", changed(&again));
    let snapshot = fixture.snapshot().await;
    assert!(
        snapshot
            .find_connection("files")
            .unwrap()
            .body
            .directory
            .as_ref()
            .unwrap()
            .ends_with("demo/lake")
    );
    assert!(lakegate_query::entities::publish(&snapshot).is_ok());
}
