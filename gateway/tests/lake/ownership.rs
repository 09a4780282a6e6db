//! Whose is what? Built-ins are taken over once and come back; a prune touches nothing that was made another way.

use lakegate::lake::{self, Applier, ApplyOptions, ExportOptions, Precondition, ProblemCode, resource};
use lakegate_catalog::object::Kind;
use serde_json::json;

use super::fixture::{Fixture, changed, problems};

const OURS: &str = "lake: acme\nworkgroups: {primary: {concurrency: 3}}\npolicies:\n  default.submit: |\n    \
                    @id(\"default.submit\")\n    permit(principal in Lakegate::Role::\"admin\", action == \
                    Lakegate::Action::\"SubmitQuery\", resource == Lakegate::Workgroup::\"primary\");\n";

fn prune() -> ApplyOptions {
    ApplyOptions {
        prune: true,
        dry_run: false,
    }
}

async fn export(fixture: &Fixture, lake: &str) -> String {
    let options = ExportOptions {
        lake: Some(lake.to_owned()),
        ..ExportOptions::default()
    };
    let exported = lake::export(&fixture.store, None, &options).await.unwrap();
    format!("{}{}", exported.yaml, exported.cedar)
}

#[tokio::test]
async fn the_first_lake_takes_a_built_in_over_and_a_second_conflicts() {
    let fixture = Fixture::new().await;
    let report = fixture.apply(&[("a.yaml", OURS)]).await.unwrap();
    assert_eq!(
        changed(&report),
        [
            "updated policy default.submit text,lake",
            "updated workgroup primary concurrency,lake"
        ]
    );
    assert_eq!(report.warnings.len(), 2, "{:?}", report.warnings);
    assert!(
        report.warnings[0].contains("lake `acme` takes it over"),
        "{:?}",
        report.warnings
    );
    let again = fixture.apply(&[("a.yaml", OURS)]).await.unwrap();
    assert!(again.is_unchanged() && again.warnings.is_empty(), "{again:?}");
    assert_eq!(
        problems(fixture.apply(&[("b.yaml", &OURS.replace("acme", "other"))]).await),
        [
            "b.yaml:2:14 ALREADY_EXISTS workgroup `primary` belongs to lake `acme`, not to `other`",
            "b.yaml:5:5 ALREADY_EXISTS policy `default.submit` belongs to lake `acme`, not to `other`",
        ]
    );
    let exported = fixture.round_trip("acme").await;
    assert!(
        exported.contains("primary:") && exported.contains("default.submit"),
        "{exported}"
    );
}

#[tokio::test]
async fn an_equal_entry_takes_over_too() {
    let fixture = Fixture::new().await;
    let equal = "lake: acme\nworkgroups: {primary: {concurrency: 20, queue: 200}}\n";
    let report = fixture.apply(&[("a.yaml", equal)]).await.unwrap();
    assert_eq!(changed(&report), ["updated workgroup primary lake"]);
    assert!(export(&fixture, "acme").await.contains("primary"));
}

#[tokio::test]
async fn what_lets_go_of_a_built_in_brings_it_back() {
    let fixture = Fixture::new().await;
    let before = fixture.snapshot().await;
    fixture.apply(&[("a.yaml", OURS)]).await.unwrap();
    let report = fixture
        .apply_with(&[("a.yaml", "lake: acme\nroles: {x: {}}\n")], prune())
        .await
        .unwrap();
    assert_eq!(
        changed(&report),
        [
            "updated policy default.submit text,lake",
            "created role x ",
            "updated workgroup primary concurrency,lake"
        ]
    );
    let after = fixture.snapshot().await;
    let primary =
        |snapshot: &lakegate_catalog::snapshot::Snapshot| snapshot.find_workgroup("primary").unwrap().as_ref().clone();
    let (old, new) = (primary(&before), primary(&after));
    assert_eq!((&old.id, &old.body, &old.lake), (&new.id, &new.body, &new.lake));
    let submit =
        |snapshot: &lakegate_catalog::snapshot::Snapshot| snapshot.find_policy("default.submit").unwrap().body.clone();
    assert_eq!(submit(&before), submit(&after));
    fixture
        .apply(&[("b.yaml", &OURS.replace("acme", "other"))])
        .await
        .unwrap();
}

#[tokio::test]
async fn what_the_api_changes_is_local_and_a_deletion_restores() {
    let fixture = Fixture::new().await;
    let cx = fixture.context(Applier::Operator);
    let version = |name: &'static str| {
        let store = &fixture.store;
        async move {
            let snapshot = store.snapshot().await.unwrap();
            resource::find(&snapshot, Kind::Workgroup, name).unwrap().1
        }
    };
    let now = version("primary").await;
    let untouched = resource::delete_entry(&cx, Kind::Workgroup, "primary", now)
        .await
        .unwrap_err();
    assert!(
        untouched.to_string().contains("is built in and cannot be deleted"),
        "{untouched}"
    );
    let patch = json!({"concurrency": 7});
    resource::patch_entry(&cx, Kind::Workgroup, "primary", &patch, now)
        .await
        .unwrap();
    assert!(export(&fixture, "local").await.contains("primary: {concurrency: 7"));
    let taken = problems(fixture.apply(&[("a.yaml", OURS)]).await);
    assert!(taken[0].contains("belongs to lake `local`"), "{taken:?}");
    resource::delete_entry(&cx, Kind::Workgroup, "primary", version("primary").await)
        .await
        .unwrap();
    assert_eq!(
        fixture
            .snapshot()
            .await
            .find_workgroup("primary")
            .unwrap()
            .body
            .concurrency,
        20
    );
    fixture.apply(&[("a.yaml", OURS)]).await.unwrap();
}

#[tokio::test]
async fn the_administrator_is_nobodys_to_redefine() {
    let fixture = Fixture::new().await;
    let yaml = "lake: acme\nroles: {admin: {comment: ours}}\nusers: {Admin: {roles: [admin]}}\n\
                keys: {admin: {user: admin, secret: \"env://ANA_KEY\"}}\n";
    assert_eq!(
        problems(fixture.apply(&[("a.yaml", yaml)]).await),
        [
            "a.yaml:2:9 ALREADY_EXISTS role `admin` is built in and cannot be redefined",
            "a.yaml:3:9 ALREADY_EXISTS user `admin` is built in and cannot be redefined",
            "a.yaml:4:8 ALREADY_EXISTS key `admin` is built in and cannot be redefined",
        ]
    );
    let cx = fixture.context(Applier::Operator);
    let clearance = json!({"clearance": 9});
    let refused = resource::patch_entry(&cx, Kind::User, "admin", &clearance, 1)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), ProblemCode::AlreadyExists);
    assert!(resource::delete_entry(&cx, Kind::Role, "admin", 1).await.is_err());
    // Its key can be revoked, and made anew.
    resource::delete_entry(&cx, Kind::Key, "admin", 1).await.unwrap();
    let key = json!({"user": "admin", "secret": "env://ANA_KEY"});
    resource::put_entry(&cx, Kind::Key, "admin", key, Precondition::Create)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_the_api_made_is_never_pruned() {
    let fixture = Fixture::new().await;
    let cx = fixture.context(Applier::Operator);
    resource::put_entry(&cx, Kind::Role, "crew", json!({}), Precondition::Create)
        .await
        .unwrap();
    let pruned = fixture
        .apply_with(&[("a.yaml", "lake: local\nroles: {x: {}}\n")], prune())
        .await;
    assert_eq!(
        problems(pruned),
        ["a.yaml:1:7 CONFIGURATION_INVALID lake `local` cannot be pruned: it holds what the API made"]
    );
    assert!(fixture.snapshot().await.find_role("crew").is_some());
    fixture
        .apply(&[("a.yaml", "lake: local\nroles: {x: {}}\n")])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_prune_takes_nothing_along_that_was_made_another_way() {
    let fixture = Fixture::new().await;
    let table = "lake: acme\nconnections: {store: {connector: files, options: {root: \"s3://b/\"}}}\ncatalogs: {lake: {connection: store}}\n\
                 databases: {lake.s: {}}\ntables: {lake.s.t: {format: csv, location: t/, columns: [{name: id, type: bigint}]}}\n";
    fixture.apply(&[("a.yaml", table)]).await.unwrap();
    let cx = fixture.context(Applier::Operator);
    let filter = json!({"where": "id > 1"});
    resource::put_entry(&cx, Kind::DataFilter, "lake.s.t/f", filter, Precondition::Create)
        .await
        .unwrap();
    let pruned = fixture.apply_with(&[("a.yaml", "lake: acme\n")], prune()).await;
    assert_eq!(
        problems(pruned),
        [
            "lake CONFIGURATION_INVALID table `lake.s.t` cannot be pruned: with it would go what lake `acme` did not make, \
             data-filter `f`"
        ]
    );
    resource::delete_entry(&cx, Kind::DataFilter, "lake.s.t/f", 1)
        .await
        .unwrap();
    fixture
        .apply_with(&[("a.yaml", "lake: acme\n")], prune())
        .await
        .unwrap();
}
