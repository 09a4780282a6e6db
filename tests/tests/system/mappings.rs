//! Do row filters that read a mapping table hold what governance.md §4.1 says? Read once, as the publisher, never captured.

use lakegate::lake::ApplyOptions;
use lakegate_catalog::audit::AuditEvent;
use lakegate_query::{context::Caller, error::ErrorCode};
use lakegate_tests::{files, sqlite, world::World};

const ORDERS: &str = "1,t1,DE\n2,t1,FR\n3,t1,DE\n900001,t2,US\n900002,t1,NULL";
const REGIONS: &str = "alice,DE\nalice,FR\nalice,NULL\nbob,US\ncarla,NULL";
const MAPPED: &str = "region IN (SELECT region FROM lake.gov.user_regions WHERE user_id = principal.name)";

/// What a case changes of the lake.
#[derive(Clone, Copy, Debug)]
struct Lake<'a> {
    filter: &'a str,
    publisher: &'a str,
    restrictive: bool,
    /// More of `lake.gov.user_regions`.
    regions: &'a str,
    /// What dana, the publisher, holds on it.
    dana: &'a str,
}

const SELECT: &str = "  - {to: \"user:dana\", privileges: [select], resource: \"table:lake.gov.user_regions\"}\n  - {to: \
                      \"user:dana\", privileges: [select], resource: \"table:crm.main.user_regions\"}\n";
const LAKE: Lake<'_> = Lake {
    filter: MAPPED,
    publisher: "publisher: \"user:dana\", ",
    restrictive: false,
    regions: "",
    dana: SELECT,
};

fn yaml(lake: &Lake<'_>) -> String {
    let mut text = format!(
        "lake: own\nconnections:\n  files: {{connector: files, options: {{root: \"./data\"}}}}\n  crm: {{connector: sqlite, \
         options: {{path: \"./crm.sqlite\"}}}}\ncatalogs:\n  lake: {{connection: files, default: true}}\n  crm: {{connection: crm, \
         discover: true}}\ndatabases:\n  lake.t: {{location: \"t/\"}}\n  lake.gov: {{location: \"gov/\"}}\nusers:\n  \
         alice: {{attributes: {{ids: [alice], none: []}}}}\n  bob: {{}}\n  carla: {{}}\n  dana: {{}}\n  sam: {{}}\ntables:\n  \
         crm.main.user_regions: {{}}\n  \
         lake.gov.user_regions: {{format: parquet, location: \"user_regions/\", columns: [{{name: user_id, type: varchar}}, {{name: \
         region, type: varchar}}]{}}}\n  \
         lake.t.orders: {{format: parquet, location: \"orders/\", columns: [{{name: id, type: bigint}}, {{name: tenant, type: \
         varchar}}, {{name: region, type: varchar}}], filters: {{mapped: {{where: \"{}\", {}restrictive: {}}}}}}}\ngrants:\n{}",
        lake.regions, lake.filter, lake.publisher, lake.restrictive, lake.dana
    );
    for user in ["alice", "bob", "carla"] {
        text += &if lake.restrictive {
            format!("  - {{to: \"user:{user}\", privileges: [select], resource: \"table:lake.t.orders\"}}\n")
        } else {
            format!(
                "  - {{to: \"user:{user}\", privileges: [select-filtered], resource: \"filter:lake.t.orders/mapped\"}}\n"
            )
        };
    }
    text + "  - {to: \"user:sam\", privileges: [select], resource: \"table:lake.t.orders\"}\n"
}

async fn world(lake: &Lake<'_>) -> World {
    let mut world = World::new().await;
    world.set_defaults("lake", "t");
    files::parquet(
        &world.path("data/t/orders/a.parquet"),
        "id bigint, tenant varchar, region varchar",
        ORDERS,
    );
    regions(&world, "a", REGIONS);
    let batch = files::batch(&files::schema("user_id varchar, region varchar"), REGIONS);
    let inserts = files::insert_text("user_regions", &batch);
    let create = "CREATE TABLE user_regions (user_id varchar, region varchar);";
    sqlite::execute(&world.path("crm.sqlite"), &format!("{create}{inserts}")).await;
    apply(&world, lake).await;
    world
}

fn regions(world: &World, file: &str, rows: &str) {
    let path = world.path(&format!("data/gov/user_regions/{file}.parquet"));
    files::parquet(&path, "user_id varchar, region varchar", rows);
}

async fn apply(world: &World, lake: &Lake<'_>) {
    let options = ApplyOptions {
        prune: true,
        ..ApplyOptions::default()
    };
    if let Err(error) = world.apply_with(&yaml(lake), "", options).await {
        panic!("{error}");
    }
}

async fn refused(world: &World, lake: &Lake<'_>) -> String {
    match world.try_apply(&yaml(lake), "").await {
        Ok(_) => panic!("{} was published", lake.filter),
        Err(error) => error.to_string(),
    }
}

async fn ids(world: &World, user: &str) -> Vec<String> {
    world.rows(user, "SELECT id FROM orders").await
}

const NOTHING: [&str; 0] = [];

/// Everybody sees the rows of their own regions, NULL is no region, and no name of a statement captures the mapping (C4).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_is_of_the_asker_and_is_not_captured() {
    let mut world = world(&LAKE).await;
    assert_eq!(ids(&world, "alice").await, ["1", "2", "3"]);
    assert_eq!(ids(&world, "bob").await, ["900001"]);
    assert_eq!(ids(&world, "carla").await, NOTHING);
    for sql in [
        "WITH user_regions AS (SELECT 'alice' AS user_id, 'US' AS region) SELECT count(*) FROM orders",
        "WITH lake AS (SELECT 1), gov AS (SELECT 'US' AS region) SELECT count(*) FROM orders",
        "SELECT count(*) FROM orders, (SELECT 'alice' AS user_id, 'US' AS region) AS user_regions",
    ] {
        assert_eq!(world.rows("alice", sql).await, ["3"], "{sql}");
    }
    // The mapping itself stays hidden from those whose rows it decides about.
    let hidden = world.refusal("alice", "SELECT * FROM lake.gov.user_regions").await;
    assert_eq!(hidden.code, ErrorCode::TableNotFound);
    world.set_defaults("lake", "gov");
    assert_eq!(world.rows("alice", "SELECT count(*) FROM lake.t.orders").await, ["3"]);
    assert_eq!(world.rows("sam", "SELECT count(*) FROM lake.t.orders").await, ["5"]);
}

/// A source that answers scans itself, and tags of the principal in the WHERE: absent is an error value, empty is nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mappings_of_other_sources_and_by_tags() {
    let crm = "region IN (SELECT region FROM crm.main.user_regions WHERE user_id = principal.name)";
    let world = world(&Lake { filter: crm, ..LAKE }).await;
    assert_eq!(ids(&world, "alice").await, ["1", "2", "3"]);
    assert_eq!(ids(&world, "bob").await, ["900001"]);
    let tagged = |key: &str| {
        format!(
            "tenant = 't1' OR region IN (SELECT region FROM lake.gov.user_regions WHERE user_id IN principal.tag('{key}'))"
        )
    };
    let first = vec!["1", "2", "3", "900002"];
    let cases: [(&str, Vec<&str>); 3] = [("ids", first.clone()), ("none", first), ("absent", Vec::new())];
    for (key, alice) in cases {
        let filter = tagged(key);
        apply(
            &world,
            &Lake {
                filter: &filter,
                ..LAKE
            },
        )
        .await;
        assert_eq!(ids(&world, "alice").await, alice, "{key}");
        // Bob has no attributes at all.
        assert_eq!(ids(&world, "bob").await, NOTHING, "{key}");
    }
}

/// What changes in the mapping binds the next statement, and closes stored results that it had opened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_the_mapping_bind_the_next_statement() {
    let world = world(&LAKE).await;
    let (alice, bob) = (world.caller("alice").await, world.caller("bob").await);
    let (hers, his) = (stored(&world, &alice).await, stored(&world, &bob).await);
    regions(&world, "b", "alice,US");
    assert_eq!(ids(&world, "alice").await, ["1", "2", "3", "900001"]);
    let closed = world.queries.results(&alice, &hers, 0, None).await.unwrap_err();
    assert_eq!(closed.code, ErrorCode::PolicyChanged);
    assert!(world.queries.results(&bob, &his, 0, None).await.is_ok());
    std::fs::remove_file(world.path("data/gov/user_regions/b.parquet")).unwrap();
    assert_eq!(ids(&world, "alice").await, ["1", "2", "3"]);
    assert!(world.queries.results(&alice, &hers, 0, None).await.is_ok());
}

async fn stored(world: &World, caller: &Caller) -> String {
    let request = world.request("SELECT id FROM orders");
    let record = world.queries.submit(caller, request).await.unwrap();
    loop {
        let now = world
            .queries
            .wait(caller, &record.id, std::time::Duration::from_secs(60))
            .await
            .unwrap();
        if now.state.is_final() {
            assert!(now.failure.is_none(), "{now:?}");
            break;
        }
    }
    assert!(world.queries.results(caller, &record.id, 0, None).await.is_ok());
    record.id
}

/// The publisher's rights are asked again at each statement, and what the publisher does not see is not in the mapping.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mapping_is_read_as_its_publisher() {
    let world = world(&LAKE).await;
    let alice = world.caller("alice").await;
    let hers = stored(&world, &alice).await;
    // Dana sees part of the mapping only.
    let part = "{to: \"user:dana\", privileges: [select-filtered], resource: \"filter:lake.gov.user_regions/some\"}";
    let narrow = Lake {
        regions: ", filters: {some: {where: \"region = 'DE'\"}}",
        dana: &format!("  - {part}\n"),
        ..LAKE
    };
    apply(&world, &narrow).await;
    assert_eq!(ids(&world, "alice").await, ["1", "3"]);
    let closed = world.queries.results(&alice, &hers, 0, None).await.unwrap_err();
    assert_eq!(closed.code, ErrorCode::PolicyChanged);
    // A filter of the mapping is for dana, who reads: its `principal` is she.
    let hers = Lake {
        regions: ", filters: {some: {where: \"principal.name = 'dana' AND region = 'FR'\"}}",
        ..narrow
    };
    apply(&world, &hers).await;
    assert_eq!(ids(&world, "alice").await, ["2"]);
    // Dana does not see the column of the values.
    let blind = Lake {
        regions: ", filters: {some: {where: \"TRUE\", columns: [user_id]}}",
        ..narrow
    };
    apply(&world, &blind).await;
    assert_eq!(ids(&world, "alice").await, NOTHING);
    // Dana sees nothing of it: whatever the rest of the filter says.
    for filter in [
        MAPPED.to_owned(),
        format!("{MAPPED} OR TRUE"),
        format!("id > 0 OR {MAPPED}"),
    ] {
        let blind = Lake {
            filter: &filter,
            dana: "",
            ..LAKE
        };
        apply(&world, &blind).await;
        assert_eq!(ids(&world, "alice").await, NOTHING, "{filter}");
    }
    apply(&world, &LAKE).await;
    assert_eq!(ids(&world, "alice").await, ["1", "2", "3"]);
}

/// A statement that runs, or waits, is decided again when the publisher loses the mapping.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_who_loses_the_mapping_ends_statements() {
    let world = world(&LAKE).await;
    let alice = world.caller("alice").await;
    let endless =
        "SELECT count(*) FROM orders JOIN generate_series(1, 1000000000000) g ON g.value % 7 <> orders.id + 100";
    let record = world.queries.submit(&alice, world.request(endless)).await.unwrap();
    while world.record(&record.id).await.state != lakegate_catalog::record::QueryState::Running {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    apply(&world, &Lake { dana: "", ..LAKE }).await;
    let ended = loop {
        let now = world
            .queries
            .wait(&alice, &record.id, std::time::Duration::from_secs(60))
            .await
            .unwrap();
        if now.state.is_final() {
            break now;
        }
    };
    assert_eq!(ended.failure.unwrap().code, ErrorCode::PolicyChanged.text());
}

/// A restrictive filter hides all rows from everybody when its mapping cannot be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restrictive_mapping_hides() {
    let restrictive = Lake {
        restrictive: true,
        ..LAKE
    };
    let world = world(&restrictive).await;
    assert_eq!(ids(&world, "alice").await, ["1", "2", "3"]);
    assert_eq!(ids(&world, "sam").await, NOTHING);
    apply(
        &world,
        &Lake {
            dana: "",
            ..restrictive
        },
    )
    .await;
    assert_eq!(ids(&world, "alice").await, NOTHING);
}

/// One value more than the cap denies, in words that tell nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_values_deny() {
    use std::fmt::Write as _;
    let world = world(&LAKE).await;
    let mut rows = String::new();
    // With DE and FR: 100,000.
    (0..99_998).for_each(|n| writeln!(rows, "alice,R{n}").unwrap());
    regions(&world, "many", &rows);
    assert_eq!(ids(&world, "alice").await, ["1", "2", "3"]);
    regions(&world, "more", "alice,US");
    let refused = world.refusal("alice", "SELECT id FROM orders").await;
    assert_eq!(refused.code, ErrorCode::FilterUnavailable);
    assert_eq!(
        refused.to_string(),
        "table `lake.t.orders` cannot be read: a row filter of it cannot be evaluated now"
    );
    assert_eq!(ids(&world, "bob").await, ["900001"]);
    // A mapping that cannot be opened denies in the same words.
    files::text(&world.path("data/gov/user_regions/more.parquet"), "no parquet");
    assert_eq!(
        world.refusal("bob", "SELECT id FROM orders").await.to_string(),
        refused.to_string()
    );
    assert_eq!(world.rows("sam", "SELECT count(*) FROM orders").await, ["5"]);
}

/// The audit says that the mapping was read, for whom, and with whose rights; also when that was denied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_names_the_mapping() {
    let world = world(&LAKE).await;
    let answer = world.ask("alice", "SELECT id FROM orders").await;
    let event = reading(&world, &answer.id).await;
    assert_eq!((event.principal.as_str(), event.decision.as_str()), ("alice", "allow"));
    assert_eq!(event.principal_id, world.caller("alice").await.user.as_str());
    assert_eq!(event.details.get("read_as").map(String::as_str), Some("dana"));
    assert_eq!(
        event.details.get("mapping_of").map(String::as_str),
        Some("lake.t.orders#mapped@1")
    );
    apply(&world, &Lake { dana: "", ..LAKE }).await;
    let answer = world.ask("alice", "SELECT id FROM orders").await;
    assert_eq!(reading(&world, &answer.id).await.decision, "deny");
}

async fn reading(world: &World, query: &str) -> AuditEvent {
    let events = world.audit().await.into_iter();
    let mut of_mapping = events
        .filter(|event| event.query_id.as_deref() == Some(query) && event.resource == "table:lake.gov.user_regions");
    of_mapping.next().expect("an event of the mapping")
}

/// Figures of a statement say nothing of the mapping that decided about it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_do_not_tell_the_size_of_a_mapping() {
    let world = world(&LAKE).await;
    let before = world.ask("alice", "SELECT id FROM orders").await.id;
    let mut rows = String::new();
    // Two megabytes of others' regions, among whose names hers would stand.
    (0..40_000).for_each(|n| rows += &format!("{}{n},{:0>64}\n", if n % 2 == 0 { "a" } else { "z" }, n * 7_919));
    regions(&world, "others", &rows);
    let after = world.ask("alice", "SELECT id FROM orders").await.id;
    assert_eq!(
        world.shown_usage("alice", &before).await.shown_scanned_bytes,
        world.shown_usage("alice", &after).await.shown_scanned_bytes
    );
    let (small, large) = (world.record(&before).await.usage, world.record(&after).await.usage);
    assert!(
        large.scanned_bytes > small.scanned_bytes + 1_000_000,
        "{small:?} {large:?}"
    );
}

/// What a mapping may not be, each with its remedy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mappings_are_checked_when_they_are_published() {
    let world = world(&LAKE).await;
    for (filter, told) in [
        (
            "region NOT IN (SELECT region FROM lake.gov.user_regions)",
            "cannot be negated",
        ),
        (
            "NOT region IN (SELECT region FROM lake.gov.user_regions)",
            "cannot be negated",
        ),
        (
            "NOT (id > 1 AND region IN (SELECT region FROM lake.gov.user_regions))",
            "cannot be negated",
        ),
        ("region IN (SELECT region FROM gov.user_regions)", "three parts"),
        ("region IN (SELECT region FROM user_regions)", "three parts"),
        ("region IN (SELECT region FROM lake.gov.nothing)", "does not exist"),
        (
            "region IN (SELECT area FROM lake.gov.user_regions)",
            "in the mapping: column `area` does not exist",
        ),
        (
            "region IN (SELECT region FROM lake.gov.user_regions WHERE id = 1)",
            "in the mapping: column `id` does not exist",
        ),
        ("id IN (SELECT region FROM lake.gov.user_regions)", "is looked up among"),
        (
            "region IN (SELECT DISTINCT region FROM lake.gov.user_regions)",
            "expected a column of the mapping",
        ),
        (
            "region IN (SELECT max(region) FROM lake.gov.user_regions)",
            "expected FROM",
        ),
        (
            "region IN (SELECT region FROM lake.gov.user_regions LIMIT 1)",
            "expected `)`",
        ),
        (
            "region IN (SELECT region FROM lake.gov.user_regions, lake.t.orders)",
            "expected `)`",
        ),
        (
            "region IN (SELECT region FROM lake.gov.user_regions WHERE user_id IN (SELECT user_id FROM lake.gov.user_regions))",
            "holds no other mapping",
        ),
        ("region IN (SELECT region FROM lake.t.orders)", "leads back"),
    ] {
        let message = refused(&world, &Lake { filter, ..LAKE }).await;
        assert!(message.contains(told), "{filter}: {message}");
    }
    let circle = Lake {
        regions: ", filters: {back: {where: \"region IN (SELECT region FROM lake.t.orders)\", publisher: \"user:dana\"}}",
        ..LAKE
    };
    assert!(refused(&world, &circle).await.contains("leads back"));
    let nobodys = Lake {
        publisher: "",
        filter: "id > 0 AND region IN (SELECT region FROM lake.gov.user_regions)",
        ..LAKE
    };
    assert!(refused(&world, &nobodys).await.contains("nobody's rights"));
    let idle = Lake {
        filter: "id > 0",
        ..LAKE
    };
    assert!(refused(&world, &idle).await.contains("no mapping"));
    let stranger = Lake {
        publisher: "publisher: \"user:nobody\", ",
        ..LAKE
    };
    assert!(refused(&world, &stranger).await.contains("names no user"));
    // The mapping stays as long as a filter reads it: its table, its columns, its publisher.
    let gone = yaml(&LAKE).replace(
        "  - {to: \"user:dana\", privileges: [select], resource: \"table:lake.gov.user_regions\"}\n",
        "",
    );
    let lines = gone
        .lines()
        .filter(|line| !line.starts_with("  lake.gov.user_regions:"));
    let gone: String = lines.map(|line| format!("{line}\n")).collect();
    let options = || ApplyOptions {
        prune: true,
        ..ApplyOptions::default()
    };
    let error = world.apply_with(&gone, "", options()).await.unwrap_err().to_string();
    assert!(error.contains("lake.gov.user_regions"), "{error}");
    let narrower = yaml(&LAKE).replace("{name: user_id, type: varchar}, ", "");
    let error = world
        .apply_with(&narrower, "", options())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("user_id"), "{error}");
    // Applied again, nothing changes.
    let again = world.apply(&yaml(&LAKE), "").await;
    assert_eq!(
        (again.counts.created, again.counts.updated),
        (0, 0),
        "{:?}",
        again.changes
    );
}
