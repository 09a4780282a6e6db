//! Does every lake come back as it is? Random lakes, exported and applied again, here and in an empty data directory.

use lakegate::lake::{self, ExportOptions, yaml_text};

use super::{
    fixture::{Fixture, changed},
    generate::{self, Generated},
};

/// Lakes that are tried.
const CASES: u64 = 6;

#[tokio::test]
async fn what_is_exported_is_what_was_applied() {
    let seed = seed();
    for seed in seed..seed + CASES {
        println!("LAKEGATE_LAKE_SEED={seed}");
        round_trip(seed).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "a failed case is run again by its seed")]
fn seed() -> u64 {
    let given = std::env::var("LAKEGATE_LAKE_SEED").ok();
    given.map_or_else(|| rand::random::<u32>().into(), |seed| seed.parse().unwrap())
}

async fn round_trip(seed: u64) {
    let (first, second) = (Fixture::new().await, Fixture::new().await);
    let Generated { sections, policies } = generate::lake(seed, &first.directory.path().display().to_string());
    let statements = policies.iter().map(|(id, text)| (id.as_str(), text.as_str()));
    let text = format!("{}{}", yaml_text::document(&sections), yaml_text::policies(statements));
    first
        .apply(&[("lake.yaml", &text)])
        .await
        .unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"));
    let again = first.apply(&[("lake.yaml", &text)]).await.unwrap();
    assert!(again.is_unchanged(), "seed {seed}: {:#?}\n{text}", changed(&again));
    first.round_trip("acme").await;
    let one = export(&first).await;
    second
        .apply(&[("lake.yaml", &one.0), ("policies.cedar", &one.1)])
        .await
        .unwrap_or_else(|error| panic!("seed {seed}: {error}\n{}{}", one.0, one.1));
    assert_eq!(one, export(&second).await, "seed {seed}");
}

async fn export(fixture: &Fixture) -> (String, String) {
    let options = ExportOptions {
        lake: Some("acme".to_owned()),
        ..ExportOptions::default()
    };
    let exported = lake::export(&fixture.store, None, &options).await.unwrap();
    (exported.yaml, exported.cedar)
}
