//! Is an apply one transaction, and does it touch only what it names?

use std::sync::atomic::Ordering;

use lakegate::lake::ApplyOptions;
use lakegate_catalog::audit::AuditFilter;

use super::fixture::{Fixture, changed, problems};

const TABLE: &str = "lake: acme\nconnections: {store: {connector: files, options: {root: \"s3://b/\"}}}\ncatalogs: {lake: {connection: store}}\n\
    databases: {lake.sales: {location: \"sales/\"}}\ntables:\n  lake.sales.orders: {format: parquet, location: \"orders/\", columns: [{name: id, type: bigint}, {name: region, type: varchar}]}\n";

fn prune() -> ApplyOptions {
    ApplyOptions {
        prune: true,
        dry_run: false,
    }
}

#[tokio::test]
async fn one_bad_entry_changes_nothing() {
    let fixture = Fixture::new().await;
    let before = fixture.snapshot().await.version;
    let yaml = "lake: acme\nroles: {staff: {}}\nusers: {ana: {roles: [staff, nobody]}}\n\
                grants:\n  - {to: \"role:staff\", privileges: [select, describ], resource: \"workgroup:primary\"}\n";
    assert_eq!(
        problems(fixture.apply(&[("a.yaml", yaml)]).await),
        [
            "a.yaml:3:30 CONFIGURATION_INVALID role `nobody` does not exist",
            "a.yaml:5:37 CONFIGURATION_INVALID privilege `select` does not apply to `workgroup:primary`",
            "a.yaml:5:45 CONFIGURATION_INVALID privilege `describ` does not exist",
        ]
    );
    let after = fixture.snapshot().await;
    assert_eq!(after.version, before);
    assert!(after.find_role("staff").is_none());
}

#[tokio::test]
async fn one_apply_is_one_epoch_and_a_dry_run_none() {
    let fixture = Fixture::new().await;
    let before = fixture.snapshot().await.version;
    let yaml = "lake: acme\nroles: {b: {member_of: [a]}, a: {}}\nusers: {ana: {roles: [b]}}\n";
    let options = ApplyOptions {
        dry_run: true,
        prune: false,
    };
    let dry = fixture.apply_with(&[("a.yaml", yaml)], options).await.unwrap();
    assert_eq!((dry.counts.created, dry.version), (3, before));
    assert_eq!(fixture.snapshot().await.version, before);
    let report = fixture.apply(&[("a.yaml", yaml)]).await.unwrap();
    assert_eq!(report.version, before + 1);
    let audit = fixture
        .store
        .list_audit(&AuditFilter {
            action: Some("create".to_owned()),
            limit: 50,
            ..AuditFilter::default()
        })
        .await
        .unwrap();
    let resources: Vec<&str> = audit.iter().map(|record| record.event.resource.as_str()).collect();
    assert!(
        resources.contains(&"user:ana") && resources.contains(&"role:a"),
        "{resources:?}"
    );
    assert!(audit.iter().all(|record| record.event.principal == "bootstrap"));
    let circle = "lake: acme\nroles: {b: {member_of: [a]}, a: {member_of: [b]}}\n";
    assert_eq!(problems(fixture.apply(&[("a.yaml", circle)]).await).len(), 2);
}

#[tokio::test]
async fn another_lake_is_a_conflict() {
    let fixture = Fixture::new().await;
    fixture
        .apply(&[("a.yaml", "lake: acme\nroles: {staff: {}}\n")])
        .await
        .unwrap();
    assert_eq!(
        problems(fixture.apply(&[("b.yaml", "lake: other\nroles: {staff: {}}\n")]).await),
        ["b.yaml:2:9 ALREADY_EXISTS role `staff` belongs to lake `acme`, not to `other`"]
    );
    fixture
        .apply(&[("b.yaml", "lake: other\nroles: {crew: {member_of: [staff]}}\n")])
        .await
        .unwrap();
}

#[tokio::test]
async fn prune_deletes_what_this_lake_no_longer_names_and_nothing_else() {
    let fixture = Fixture::new().await;
    let filter = TABLE.replace(
        "region, type: varchar}]}",
        "region, type: varchar}], filters: {eu: {where: \"region = 'DE'\"}}}",
    );
    let more = format!(
        "{filter}roles: {{staff: {{}}}}\ngrants:\n  - {{to: \"role:staff\", privileges: [select-filtered], resource: \"filter:lake.sales.orders/eu\"}}\n"
    );
    fixture.apply(&[("a.yaml", &more)]).await.unwrap();
    fixture
        .apply(&[("b.yaml", "lake: other\nroles: {crew: {}}\n")])
        .await
        .unwrap();
    let kept = fixture.apply(&[("a.yaml", TABLE)]).await.unwrap();
    assert!(kept.is_unchanged(), "{:?}", changed(&kept));
    let pruned = fixture.apply_with(&[("a.yaml", TABLE)], prune()).await.unwrap();
    assert_eq!(
        changed(&pruned),
        [
            "deleted data-filter lake.sales.orders/eu ",
            "deleted role staff ",
            "deleted grant select-filtered on filter:lake.sales.orders/eu to role:staff ",
        ]
    );
    let after = fixture.snapshot().await;
    assert!(after.find_role("crew").is_some() && after.find_role("admin").is_some());
    assert!(after.data_filters.is_empty() && after.grants.is_empty());
    let nothing = fixture
        .apply_with(&[("a.yaml", "lake: acme\n")], prune())
        .await
        .unwrap();
    assert_eq!(nothing.counts.deleted, 4, "{:?}", changed(&nothing));
    assert!(fixture.snapshot().await.tables.is_empty());
}

#[tokio::test]
async fn columns_keep_their_ids_and_filters_are_checked_again() {
    let fixture = Fixture::new().await;
    let with = |columns: &str| {
        TABLE.replace(
            "columns: [{name: id, type: bigint}, {name: region, type: varchar}]}",
            &format!("columns: [{columns}], filters: {{eu: {{where: \"region = 'DE'\"}}}}}}"),
        )
    };
    fixture
        .apply(&[(
            "a.yaml",
            &with("{name: id, type: bigint}, {name: region, type: varchar}"),
        )])
        .await
        .unwrap();
    let first = fixture.snapshot().await.tables[0].body.columns.clone();
    let report = fixture
        .apply(&[(
            "a.yaml",
            &with("{name: region, type: string}, {name: id, type: int}, {name: x, type: date}"),
        )])
        .await
        .unwrap();
    assert_eq!(
        changed(&report),
        [
            "updated table lake.sales.orders columns",
            "updated data-filter lake.sales.orders/eu reads"
        ]
    );
    let second = fixture.snapshot().await.tables[0].body.columns.clone();
    assert_eq!((&second[0].id, &second[1].id), (&first[1].id, &first[0].id));
    let found = problems(
        fixture
            .apply(&[(
                "a.yaml",
                &with("{name: id, type: bigint}, {name: region, type: bigint}"),
            )])
            .await,
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("filter `eu`"), "{found:?}");
    let found = problems(
        fixture
            .apply(&[(
                "a.yaml",
                &with("{name: id, type: bigint}, {name: regions, type: varchar}"),
            )])
            .await,
    );
    assert!(found[0].contains("column"), "{found:?}");
}

#[tokio::test]
async fn inferred_columns_are_reported_and_kept_when_the_files_are_away() {
    let fixture = Fixture::new().await;
    let yaml = TABLE.replace(
        "columns: [{name: id, type: bigint}, {name: region, type: varchar}]",
        "columns: infer",
    );
    fixture.sources.away.store(true, Ordering::Relaxed);
    assert_eq!(
        problems(fixture.apply(&[("a.yaml", &yaml)]).await),
        ["a.yaml:6:70 SOURCE_UNAVAILABLE columns of `lake.sales.orders` cannot be found: the source is away"]
    );
    fixture.sources.away.store(false, Ordering::Relaxed);
    let report = fixture.apply(&[("a.yaml", &yaml)]).await.unwrap();
    let columns = &report.inferred["lake.sales.orders"];
    assert_eq!(columns[1], ("alt".to_owned(), "bigint".to_owned()));
    fixture.sources.away.store(true, Ordering::Relaxed);
    assert!(fixture.apply(&[("a.yaml", &yaml)]).await.unwrap().is_unchanged());
    fixture.round_trip("acme").await;
}

#[tokio::test]
async fn a_discovered_table_is_governed_and_needs_its_source_or_its_columns() {
    let fixture = Fixture::new().await;
    let lake = |entry: &str| {
        format!(
            "lake: acme\nconnections: {{crm: {{connector: sqlite, options: {{path: \"{}/c.sqlite\"}}}}}}\n\
             catalogs: {{crm: {{connection: crm, discover: true}}}}\ntables:\n  crm.public.customers: {entry}\n",
            fixture.directory.path().display()
        )
    };
    let bare = lake("{filters: {de: {where: \"region = 'DE'\"}}, masks: {email: {a: {func: mask-alphanum, rank: 1}}}}");
    fixture.sources.away.store(true, Ordering::Relaxed);
    let found = problems(fixture.apply(&[("a.yaml", &bare)]).await);
    assert!(
        found[0].contains("SOURCE_UNAVAILABLE") && found[0].starts_with("a.yaml:5:3 "),
        "{found:?}"
    );
    let declared = lake(
        "{columns: [{name: email, type: varchar}, {name: region, type: varchar}], filters: {de: {where: \"region = 'DE'\"}}, masks: {email: {a: {func: mask-alphanum, rank: 1}}}}",
    );
    let other = Fixture::new().await;
    other.sources.away.store(true, Ordering::Relaxed);
    other.apply(&[("a.yaml", &declared)]).await.unwrap();
    fixture.sources.away.store(false, Ordering::Relaxed);
    fixture.apply(&[("a.yaml", &bare)]).await.unwrap();
    fixture.sources.away.store(true, Ordering::Relaxed);
    assert!(fixture.apply(&[("a.yaml", &bare)]).await.unwrap().is_unchanged());
    fixture.round_trip("acme").await;
    let wrong =
        lake("{columns: [{name: email, type: bigint}, {name: mail, type: varchar}]}").replace("customers", "planes");
    let found = problems(fixture.apply(&[("a.yaml", &wrong)]).await);
    assert!(
        found.iter().any(|line| line.contains("has no column `email`")),
        "{found:?}"
    );
}

#[tokio::test]
async fn declared_partitions_are_a_list() {
    let fixture = Fixture::new().await;
    let with = |partitions: &str| {
        TABLE.replace("columns: [{name: id, type: bigint}, {name: region, type: varchar}]", &format!("columns: [{{name: id, type: bigint}}], partitioned_by: [{{name: year, type: int}}], partitions: {partitions}"))
    };
    let two = with("[{values: {year: 2024}, location: \"a/\"}, {values: {year: null}, location: \"b/\"}]");
    let report = fixture.apply(&[("a.yaml", &two)]).await.unwrap();
    assert_eq!(
        report
            .changes
            .iter()
            .filter(|change| change.kind == lakegate_catalog::object::Kind::Partition)
            .count(),
        2
    );
    assert!(fixture.apply(&[("a.yaml", &two)]).await.unwrap().is_unchanged());
    fixture.round_trip("acme").await;
    let one = fixture
        .apply(&[("a.yaml", &with("[{values: {year: 2024}, location: \"c/\"}]"))])
        .await
        .unwrap();
    assert_eq!((one.counts.updated, one.counts.deleted), (1, 1), "{:?}", changed(&one));
    assert!(
        fixture
            .apply(&[("a.yaml", &with("declared"))])
            .await
            .unwrap()
            .is_unchanged()
    );
    let missing = TABLE.replace(
        "columns: [{name: id",
        "partitioned_by: [{name: y, type: int}], columns: [{name: id",
    );
    assert!(
        problems(fixture.apply(&[("a.yaml", &missing)]).await)[0].contains("does not say where its partitions are")
    );
}

#[tokio::test]
async fn keys_are_stored_as_their_hmac_and_follow_a_rotated_secret() {
    let mut fixture = Fixture::new().await;
    let yaml = "lake: acme\nusers: {ana: {}}\nkeys: {laptop: {user: ana, secret: \"env://ANA_KEY\"}}\n";
    fixture.apply(&[("a.yaml", yaml)]).await.unwrap();
    let first = fixture.snapshot().await.find_key("laptop").unwrap().body.clone();
    assert_eq!(
        first.hmac,
        lakegate::auth::api_key::hmac_hex(super::fixture::PEPPER, &"a".repeat(40))
    );
    fixture.secrets.0.remove("env://ANA_KEY");
    assert!(fixture.apply(&[("a.yaml", yaml)]).await.unwrap().is_unchanged());
    fixture.secrets.0.insert("env://ANA_KEY".to_owned(), "c".repeat(40));
    assert_eq!(
        changed(&fixture.apply(&[("a.yaml", yaml)]).await.unwrap()),
        ["updated key laptop secret"]
    );
    let twin = "lake: acme\nusers: {ana: {}}\nkeys: {laptop: {user: ana, secret: \"env://ANA_KEY\"}, other: {user: ana, secret: \"env://ANA_KEY\"}}\n";
    assert!(problems(fixture.apply(&[("a.yaml", twin)]).await)[0].contains("have the same secret"));
}

#[tokio::test]
async fn what_discovery_found_is_neither_exported_nor_pruned() {
    let fixture = Fixture::new().await;
    let path = fixture.directory.path().display();
    let lake = |name: &str, tables: &str| {
        format!(
            "lake: {name}\nconnections: {{crm: {{connector: sqlite, options: {{path: \"{path}/c.sqlite\"}}}}}}\n\
             catalogs: {{crm: {{connection: crm, discover: true}}}}\n{tables}"
        )
    };
    let governed = lake(
        "shop",
        "tables:\n  crm.public.customers: {masks: {email: {a: {func: mask-alphanum, rank: 1}}}}\n",
    );
    fixture.apply(&[("a.yaml", &governed)]).await.unwrap();
    let pruned = fixture
        .apply_with(&[("a.yaml", &lake("shop", ""))], prune())
        .await
        .unwrap();
    assert_eq!(
        changed(&pruned),
        [
            "deleted table crm.public.customers ",
            "deleted column-mask crm.public.customers.email/a "
        ]
    );
    let exported = fixture.round_trip("shop").await;
    assert!(
        !exported.contains("customers") && !exported.contains("databases"),
        "{exported}"
    );
    let gone = fixture
        .apply_with(&[("a.yaml", "lake: shop\n")], prune())
        .await
        .unwrap();
    assert_eq!(gone.counts.deleted, 3, "{:?}", changed(&gone));
}

#[tokio::test]
async fn a_column_that_a_policy_uses_stays() {
    let fixture = Fixture::new().await;
    let path = fixture.directory.path().display();
    let lake = |columns: &str, policies: &str| {
        format!(
            "lake: acme\nconnections: {{c: {{connector: files, options: {{root: \"{path}\"}}}}}}\n\
             catalogs: {{lake: {{connection: c}}}}\ndatabases: {{lake.s: {{}}}}\n\
             tables: {{lake.s.t: {{format: csv, location: t/, columns: [{columns}]{policies}}}}}\n"
        )
    };
    let all = "{name: id, type: bigint}, {name: ssn, type: varchar}, {name: hold, type: int}";
    let policies =
        ", filters: {f: {where: \"hold = 1\", except: [ssn]}}, masks: {ssn: {m: {func: show-last-4, rank: 1}}}";
    fixture.apply(&[("a.yaml", &lake(all, policies))]).await.unwrap();
    let without = lake("{name: id, type: bigint}", "");
    let found = problems(fixture.apply(&[("a.yaml", &without)]).await);
    for text in [
        "`ssn` is used by filter `f`",
        "`ssn` is used by mask `m`",
        "`hold` is used by filter `f`",
    ] {
        assert!(found.iter().any(|problem| problem.contains(text)), "{text}: {found:?}");
    }
    // A column that appears later is opened by no filter until it is published again.
    let more = format!("{all}, {{name: card, type: varchar}}");
    fixture.apply(&[("a.yaml", &lake(&more, ""))]).await.unwrap();
    let snapshot = fixture.store.snapshot().await.unwrap();
    let covers = snapshot.data_filters[0].body.covers.clone();
    let table = snapshot.tables.iter().find(|table| table.name == "t").unwrap();
    let card = table.body.columns.iter().find(|column| column.name == "card").unwrap();
    assert!(!covers.contains(&card.id));
}
