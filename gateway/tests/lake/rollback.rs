//! Does an earlier state of governance come back as it was, with the same checks as any other change?

use lakegate::lake::{Applier, ApplyError, ApplyOptions, ApplyReport, ProblemCode, rollback};
use lakegate_catalog::object::Kind;

use super::fixture::{Fixture, changed, problems};

const LAKE: &str = r#"lake: acme
connections: {store: {connector: files, options: {root: "s3://b/"}}}
catalogs: {lake: {connection: store}}
databases: {lake.sales: {location: "sales/"}}
tables:
  lake.sales.orders:
    format: parquet
    location: "orders/"
    columns: [{name: id, type: bigint}, {name: region, type: varchar}, {name: email, type: varchar}]
    filters: {eu: {where: "region = 'DE'"}}
    masks: {email: {alnum: {func: mask-alphanum, rank: 20}}}
roles: {staff: {}}
users: {ana: {roles: [staff]}}
grants:
  - {to: "role:staff", privileges: [select-filtered], resource: "filter:lake.sales.orders/eu"}
"#;
const POLICY: &str = "@id(\"eu\") permit(principal in Lakegate::Role::\"staff\", action == Lakegate::Action::\"BypassFilter\", resource == Lakegate::DataFilter::\"lake.sales.orders/eu\");";

async fn lake() -> (Fixture, i64) {
    let fixture = Fixture::new().await;
    let report = fixture.apply(&[("a.yaml", LAKE), ("p.cedar", POLICY)]).await;
    let epoch = report.unwrap_or_else(|error| panic!("{error}")).version;
    (fixture, epoch)
}

async fn back(fixture: &Fixture, epoch: i64, approved: Option<&str>) -> Result<ApplyReport, ApplyError> {
    let (caller, governor) = fixture.caller("admin").await;
    let by = Applier::Caller {
        caller: &caller,
        governor: &governor,
    };
    rollback(&fixture.context(by), epoch, ApplyOptions::default(), approved).await
}

fn prune() -> ApplyOptions {
    ApplyOptions {
        prune: true,
        ..ApplyOptions::default()
    }
}

#[tokio::test]
async fn what_governed_comes_back_under_its_ids_and_goes_on_counting() {
    let (fixture, epoch) = lake().await;
    let old = fixture.snapshot().await;
    let filter = std::sync::Arc::clone(&old.data_filters[0]);
    fixture
        .apply(&[("a.yaml", &LAKE.replace("region = 'DE'", "region = 'FR'"))])
        .await
        .unwrap();
    let without = LAKE.replace("filters: {eu: {where: \"region = 'DE'\"}}", "filters: {}");
    let without = without.split("grants:").next().unwrap();
    fixture.apply_with(&[("a.yaml", without)], prune()).await.unwrap();
    let gone = fixture.snapshot().await;
    assert!(gone.data_filters.is_empty() && gone.grants.is_empty() && gone.find_policy("eu").is_none());

    let told = back(&fixture, epoch, None).await.unwrap_err();
    assert_eq!(told.code(), ProblemCode::GainsUnapproved, "{told}");
    assert_eq!(fixture.snapshot().await.version, gone.version, "nothing is stored");
    let digest = told.told.unwrap().digest.unwrap();
    let report = back(&fixture, epoch, Some(&digest)).await.unwrap();
    assert_eq!(
        changed(&report),
        [
            "created data-filter lake.sales.orders/eu where",
            "created policy eu text",
            "created grant select-filtered on filter:lake.sales.orders/eu to role:staff privileges,resource,to",
        ]
    );
    let now = fixture.snapshot().await;
    let back_again = &now.data_filters[0];
    assert_eq!((&back_again.id, &back_again.body), (&filter.id, &filter.body));
    assert!(
        back_again.version > 2,
        "a version means one body for ever: {}",
        back_again.version
    );
    assert_eq!(now.version, gone.version + 1);
    assert!(now.find_policy("default.admin").is_some());
    let history = fixture.store.history(Kind::DataFilter, &filter.id).await.unwrap();
    let mut versions: Vec<i64> = history
        .iter()
        .filter(|one| !one.deleted)
        .map(|one| one.version)
        .collect();
    versions.dedup();
    assert_eq!(versions.len(), history.iter().filter(|one| !one.deleted).count());
    assert!(back(&fixture, epoch, None).await.unwrap().is_unchanged());
}

#[tokio::test]
async fn what_cannot_come_back_is_listed_and_nothing_is_stored() {
    let (fixture, epoch) = lake().await;
    let people = "lake: acme\nroles: {staff: {}}\nusers: {ana: {roles: [staff]}}\n";
    fixture.apply_with(&[("a.yaml", people)], prune()).await.unwrap();
    let before = fixture.snapshot().await.version;
    let found = problems(back(&fixture, epoch, None).await);
    let about = |what: &str| found.iter().any(|problem| problem.contains(what));
    assert!(
        about("data-filter `lake.sales.orders/eu`: its table was dropped since"),
        "{found:#?}"
    );
    assert!(
        about("column-mask `lake.sales.orders.email/alnum`: its table was dropped since"),
        "{found:#?}"
    );
    assert!(
        about("policy `eu`: something that it names was dropped since"),
        "{found:#?}"
    );
    assert!(about("its object was dropped since"), "{found:#?}");
    assert_eq!(fixture.snapshot().await.version, before);

    // The same name is another table.
    fixture.apply(&[("a.yaml", LAKE)]).await.unwrap();
    assert!(!problems(back(&fixture, epoch, None).await).is_empty());
    let none = problems(back(&fixture, 1_000, None).await);
    assert!(
        none[0].contains("NOT_FOUND") && none[0].contains("epoch 1000"),
        "{none:?}"
    );
}

#[tokio::test]
async fn a_column_of_another_type_stops_it() {
    let (fixture, epoch) = lake().await;
    let other = LAKE
        .replace(
            "filters: {eu: {where: \"region = 'DE'\"}}",
            "filters: {eu: {where: \"region = 1\"}}",
        )
        .replace("{name: region, type: varchar}", "{name: region, type: int}");
    fixture.apply(&[("a.yaml", &other), ("p.cedar", POLICY)]).await.unwrap();
    let found = problems(back(&fixture, epoch, None).await);
    assert!(
        found
            .iter()
            .any(|problem| problem.contains("column `region` has another type since")),
        "{found:#?}"
    );
}

#[tokio::test]
async fn every_change_needs_its_permission() {
    let (fixture, epoch) = lake().await;
    fixture
        .apply(&[("a.yaml", &LAKE.replace("region = 'DE'", "region = 'FR'"))])
        .await
        .unwrap();
    let (caller, governor) = fixture.caller("ana").await;
    let by = Applier::Caller {
        caller: &caller,
        governor: &governor,
    };
    let refused = rollback(&fixture.context(by), epoch, ApplyOptions::default(), None).await;
    let found = problems(refused);
    assert!(
        found[0].contains("ACCESS_DENIED you may not change data-filter `lake.sales.orders/eu`"),
        "{found:?}"
    );
}
