//! May a caller of the API change only what policies permit?

use lakegate::lake::{self, Applier, ApplyOptions};
use lakegate_catalog::audit::AuditFilter;

use super::fixture::{Fixture, changed, input, problems};

const LAKE: &str = "lake: acme\nroles: {staff: {}}\nusers: {ana: {roles: [staff]}, eve: {}}\n";

#[tokio::test]
async fn the_administrator_may_and_others_may_not() {
    let fixture = Fixture::new().await;
    fixture
        .apply_as("admin", &[("a.yaml", LAKE)])
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let found = problems(
        fixture
            .apply_as(
                "eve",
                &[(
                    "a.yaml",
                    "lake: acme\nroles: {staff: {comment: x}, crew: {}}\ntags: {pii: {}}\n",
                )],
            )
            .await,
    );
    assert_eq!(
        found,
        [
            "a.yaml:2:9 ACCESS_DENIED you may not change role `staff`",
            "a.yaml:2:30 ACCESS_DENIED you may not change role `crew`",
            "a.yaml:3:8 ACCESS_DENIED you may not change tag `pii`",
        ]
    );
    fixture
        .apply_as("admin", &[("a.yaml", "lake: acme\ntags: {pii: {values: [a]}}\n")])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_lake_gives_its_own_applier_no_right() {
    let fixture = Fixture::new().await;
    fixture.apply(&[("a.yaml", LAKE)]).await.unwrap();
    let yaml = "lake: acme\nusers: {eve: {roles: [admin]}}\nworkgroups: {etl: {}}\n";
    assert_eq!(problems(fixture.apply_as("eve", &[("a.yaml", yaml)]).await).len(), 2);
    let denied = AuditFilter {
        decision: Some("deny".to_owned()),
        limit: 10,
        ..AuditFilter::default()
    };
    assert_eq!(fixture.store.list_audit(&denied).await.unwrap().len(), 2);
}

#[tokio::test]
async fn nobody_grants_to_themselves() {
    let fixture = Fixture::new().await;
    fixture.apply(&[("a.yaml", LAKE)]).await.unwrap();
    let grant = |to: &str| {
        format!(
            "lake: acme\ngrants:\n  - {{to: \"{to}\", privileges: [submit-query], resource: \"workgroup:primary\"}}\n"
        )
    };
    for own in ["user:admin", "role:admin"] {
        let found = problems(fixture.apply_as("admin", &[("a.yaml", &grant(own))]).await);
        assert!(found[0].contains("nobody grants to themselves"), "{found:?}");
    }
    let report = fixture
        .apply_as("admin", &[("a.yaml", &grant("role:staff"))])
        .await
        .unwrap();
    assert_eq!(report.counts.created, 1, "{:?}", changed(&report));
    assert_eq!(fixture.snapshot().await.grants[0].body.grantor, "admin");
}

#[tokio::test]
async fn local_paths_of_callers_lie_below_the_allowed_roots() {
    let fixture = Fixture::new().await;
    let lake =
        |root: &str| format!("lake: acme\nconnections: {{x: {{connector: files, options: {{root: \"{root}\"}}}}}}\n");
    let inside = fixture.directory.path().display().to_string();
    for refused in ["./data", "/etc", &format!("{inside}/../x"), "file:///etc"] {
        let found = problems(fixture.apply_as("admin", &[("a.yaml", &lake(refused))]).await);
        assert!(
            found[0].starts_with("a.yaml:2:") && found[0].contains("root"),
            "{found:?}"
        );
    }
    fixture
        .apply_as("admin", &[("a.yaml", &lake(&format!("{inside}/data")))])
        .await
        .unwrap();
    fixture
        .apply_as("admin", &[("a.yaml", &lake("s3://b/"))])
        .await
        .unwrap();
}

/// A prune that tells or takes what its applier may not read would list the lake to anybody who may change one thing in it.
#[tokio::test]
async fn a_prune_spares_what_is_hidden() {
    let fixture = Fixture::new().await;
    let yaml = "lake: acme\nconnections: {files: {connector: files, options: {root: \".\"}}}\ncatalogs: {lake: {connection: files}}\n\
                databases: {lake.own: {}, lake.other: {}}\nroles: {staff: {}}\nusers: {ana: {roles: [staff]}, eve: {}}\nworkgroups: {etl: {}}\n\
                policies: {p: '@id(\"p\") forbid(principal == Lakegate::User::\"ana\", action, resource == Lakegate::Database::\"lake.other\");'}\n\
                grants:\n  - {to: \"user:eve\", privileges: [describe, drop], resource: \"database:lake.own\"}\n  \
                - {to: \"user:ana\", privileges: [describe], resource: \"database:lake.other\"}\n";
    fixture
        .apply(&[("a.yaml", yaml)])
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let (caller, governor) = fixture.caller("eve").await;
    let by = Applier::Caller {
        caller: &caller,
        governor: &governor,
    };
    let prune = ApplyOptions {
        prune: true,
        dry_run: true,
    };
    let none = input(&[("a.yaml", "lake: acme\n")]);
    let told = problems(lake::apply(&fixture.context(by), &none, prune).await);
    let mut about: Vec<&str> = told.iter().filter_map(|one| one.split("you may not ").nth(1)).collect();
    about.sort_unstable();
    assert_eq!(
        about,
        [
            "change grant `describe on database:lake.own to user:eve`",
            "change grant `drop on database:lake.own to user:eve`",
            "change user `eve`"
        ],
        "{told:?}"
    );
}
