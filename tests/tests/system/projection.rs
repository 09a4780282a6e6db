//! Does governance hold over partitions that nobody lists: those that rules count out, and those that conditions leave out?

use lakegate_query::error::ErrorCode;
use lakegate_tests::{files, world::World};

use super::plain::declare;

const HEAD: &str = "lake: own\nconnections:\n  files: {connector: files, options: {root: \"./data\"}}\ncatalogs:\n  lake: \
                    {connection: files, default: true}\ndatabases:\n  lake.t: {location: \"t/\"}\nusers:\n  eve: {}\n  sam: {}\n";
const GRANTS: &str = "grants:\n  - {to: \"user:eve\", privileges: [select-filtered], resource: \"filter:lake.t.x/de\"}\n  - {to: \
                      \"user:sam\", privileges: [describe, select, read-stats], resource: \"table:lake.t.x\"}\n";
const FILE: &str = "id bigint, secret varchar";

/// A table `x` by rules, under a filter; eve sees what it leaves, sam everything.
async fn world(partitioned: &str, condition: &str, write: impl FnOnce(&World)) -> World {
    let world = World::new().await;
    write(&world);
    let columns = "columns: [{name: id, type: bigint}, {name: secret, type: varchar}]";
    let yaml = format!(
        "{HEAD}tables:\n  lake.t.x: {{format: parquet, location: \"x/\", {columns}, {partitioned}, filters: {{de: {{where: \
         \"{condition}\"}}}}}}\n{GRANTS}"
    );
    world.apply(&yaml, "").await;
    world
}

const BY_REGION: &str = "partitioned_by: [{name: region, type: varchar}, {name: day, type: date}], partitions: projection, options: \
                         {projection.region.type: enum, projection.region.values: \"DE,US\", projection.day.type: date, \
                         projection.day.format: yyyy-MM-dd, projection.day.range: \"2024-01-01,NOW\"}";

/// Broken files where the policy hides: who sees them listed sees them fail.
fn regions(world: &World) {
    for (folder, row) in [
        ("DE/day=2024-05-01", "1,a"),
        ("DE/day=2024-05-02", "2,b"),
        ("FR/day=2024-05-01", "9,z"),
    ] {
        files::parquet(&world.path(&format!("data/t/x/region={folder}/f.parquet")), FILE, row);
    }
    files::text(
        &world.path("data/t/x/region=US/day=2024-05-01/f.parquet"),
        "PAR1 nonsense PAR1",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_and_policies_leave_what_is_listed() {
    let world = world(BY_REGION, "region = 'DE'", regions).await;
    assert_eq!(
        world.rows("eve", "SELECT id, region, day FROM x ORDER BY id").await,
        ["1 | DE | 2024-05-01", "2 | DE | 2024-05-02"]
    );
    assert_eq!(world.rows("eve", "SELECT count(*) FROM x").await, ["2"]);
    assert_eq!(
        world
            .rows("eve", "SELECT id FROM x WHERE day > DATE '2024-05-01'")
            .await,
        ["2"]
    );
    for hidden in [
        "region = 'US'",
        "region = 'FR'",
        "region <> 'DE'",
        "day < DATE '2024-01-01'",
    ] {
        let none = world.rows("eve", &format!("SELECT id FROM x WHERE {hidden}")).await;
        assert_eq!(none, Vec::<String>::new(), "{hidden}");
    }
    // Sam is told of the broken file, unless his own conditions leave its partition out; `FR` is no value of the rule.
    assert!(world.run("sam", "SELECT id FROM x").await.is_err());
    assert_eq!(
        world
            .rows("sam", "SELECT id FROM x WHERE region = 'DE' ORDER BY id")
            .await,
        ["1", "2"]
    );
    assert_eq!(
        world.rows("sam", "SELECT id FROM x WHERE region = 'FR'").await,
        Vec::<String>::new()
    );
    // A new file is there in the next statement.
    files::parquet(&world.path("data/t/x/region=DE/day=2024-05-03/f.parquet"), FILE, "3,c");
    assert_eq!(world.rows("eve", "SELECT count(*) FROM x").await, ["3"]);
}

/// Without ReadStats, a caller's conditions leave nothing out of the figures (governance.md §6.4), however partitions are found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_lower_no_figure_of_who_may_not_know() {
    let hive = "partitioned_by: [{name: region, type: varchar}, {name: day, type: date}], partitions: hive";
    let write = |world: &World| {
        for day in 1..=3 {
            let text: String = (0..40_000)
                .map(|row: u64| format!("{row},{:x}\n", row.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
                .collect();
            let path = format!("data/t/x/region=DE/day=2024-05-0{day}/f.parquet");
            files::parquet(&world.path(&path), FILE, &text);
        }
    };
    for partitioned in [BY_REGION, hive] {
        let world = world(partitioned, "region = 'DE'", write).await;
        let mut shown = Vec::new();
        for condition in [
            "",
            "WHERE day = DATE '2024-05-01'",
            "WHERE day = DATE '1999-01-01'",
            "WHERE region = 'US'",
        ] {
            let mut of = Vec::new();
            for user in ["eve", "sam"] {
                let answer = world
                    .ask(user, &format!("SELECT count(secret) FROM x {condition}"))
                    .await;
                of.push(world.shown_usage(user, &answer.id).await.scanned_bytes);
            }
            shown.push(of);
        }
        let eve: Vec<u64> = shown.iter().map(|of| of[0]).collect();
        assert!(
            eve.iter().all(|bytes| *bytes == eve[0] && *bytes > 1_048_576),
            "{eve:?}"
        );
        // The test is of some use: what was read did become less.
        let sam: Vec<u64> = shown.iter().map(|of| of[1]).collect();
        assert!(sam[0] > 2 * sam[1] && sam[2] == 0 && sam[3] == 0, "{sam:?}");
    }
}

/// Values that only a statement can name: it names them, or is told to; and their sizes are nobody's who may not know figures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn injected_values_are_named_by_the_statement() {
    let by_user = "partitioned_by: [{name: user, type: varchar}], partitions: projection, options: {projection.user.type: injected}";
    let world = world(by_user, "id = 5", |world| {
        files::parquet(&world.path("data/t/x/user=u1/f.parquet"), FILE, "5,a\n9,hidden");
        let large: String = (0..80_000)
            .map(|row: u64| format!("{},{:x}\n", 4 + row % 2 * 2, row.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
            .collect();
        files::parquet(&world.path("data/t/x/user=u2/f.parquet"), FILE, &large);
    })
    .await;
    for user in ["eve", "sam"] {
        for sql in [
            "SELECT id FROM x",
            "SELECT id FROM x WHERE \"user\" > 'u'",
            "SELECT count(*) FROM x WHERE id = 1",
        ] {
            let refused = world.refusal(user, sql).await;
            assert_eq!(refused.code, ErrorCode::InvalidRequest, "{sql}: {refused}");
            assert!(
                refused.to_string().contains("`user`") && refused.to_string().contains("`="),
                "{refused}"
            );
        }
    }
    assert_eq!(
        world
            .rows("eve", "SELECT id, \"user\" FROM x WHERE \"user\" IN ('u1', 'u2', 'u3')")
            .await,
        ["5 | u1"]
    );
    assert_eq!(
        world
            .rows(
                "sam",
                "SELECT id FROM x WHERE \"user\" = 'u1' OR \"user\" = 'nobody' ORDER BY id"
            )
            .await,
        ["5", "9"]
    );
    assert_eq!(
        world
            .rows("eve", "SELECT id FROM x WHERE \"user\" = '../x/user=u1'")
            .await,
        Vec::<String>::new()
    );
    let mut shown = Vec::new();
    for name in ["u1", "u2", "nobody"] {
        let answer = world
            .ask("eve", &format!("SELECT secret FROM x WHERE \"user\" = '{name}'"))
            .await;
        let usage = world.shown_usage("eve", &answer.id).await;
        shown.push((usage.scanned_bytes, usage.fetched_bytes, usage.requests));
        let read = world.record(&answer.id).await.usage.scanned_bytes;
        assert_eq!(read > 1_048_576, name == "u2", "the test is of no use: {name} {read}");
    }
    assert!(shown.iter().all(|one| *one == shown[0]), "{shown:?}");
}

/// A policy that names the value is enough, and what it does not name is not listed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_may_name_the_injected_value() {
    let by_user = "partitioned_by: [{name: user, type: varchar}], partitions: projection, options: {projection.user.type: injected}";
    let world = world(by_user, "user = 'u1'", |world| {
        files::parquet(&world.path("data/t/x/user=u1/f.parquet"), FILE, "1,a");
        files::text(&world.path("data/t/x/user=u2/f.parquet"), "PAR1 nonsense PAR1");
    })
    .await;
    assert_eq!(world.rows("eve", "SELECT id FROM x").await, ["1"]);
    assert_eq!(
        world.rows("eve", "SELECT id FROM x WHERE \"user\" = 'u2'").await,
        Vec::<String>::new()
    );
    assert_eq!(
        world
            .rows("eve", "SELECT id FROM x WHERE \"user\" IN ('u1', 'u2')")
            .await,
        ["1"]
    );
}

/// A bad property is refused where it is applied, by its name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_properties_are_refused_by_name() {
    let entry =
        |rest: &str| format!("format: parquet, location: \"x/\", columns: [{{name: id, type: bigint}}], {rest}");
    let by = "partitioned_by: [{name: day, type: varchar}], partitions: projection";
    for (rest, property) in [
        (by.to_owned(), "projection.day.type"),
        (
            format!("{by}, options: {{projection.day.type: list}}"),
            "projection.day.type",
        ),
        (
            format!("{by}, options: {{projection.day.type: enum}}"),
            "projection.day.values",
        ),
        (
            format!("{by}, options: {{projection.day.type: integer, projection.day.range: \"a,b\"}}"),
            "projection.day.range",
        ),
        (
            format!(
                "{by}, options: {{projection.day.type: date, projection.day.range: \"2024,NOW\", projection.day.format: yyyy}}"
            ),
            "projection.day.interval.unit",
        ),
        (
            format!("{by}, options: {{projection.day.type: injected, projection.dya.type: enum}}"),
            "projection.dya.type",
        ),
        (
            format!("{by}, options: {{projection.day.type: injected, storage.location.template: \"a/\"}}"),
            "storage.location.template",
        ),
        (
            format!("{by}, options: {{projection.day.type: enum, projection.day.values: \"a,b,\"}}"),
            "projection.day.values",
        ),
        (
            format!(
                "{by}, options: {{projection.day.type: date, projection.day.range: \"2024-01,NOW\", projection.day.format: yyyy-MM, \
                 projection.day.interval.unit: DAYS}}"
            ),
            "projection.day.interval.unit",
        ),
        (
            "partitioned_by: [{name: day, type: varchar}, {name: org, type: varchar}], partitions: projection, options: \
             {projection.day.type: injected, projection.org.type: injected, storage.location.template: \"x/${day}-${org}/\"}"
                .to_owned(),
            "storage.location.template",
        ),
        (
            "partitioned_by: [{name: day, type: varchar}], partitions: hive, options: {projection.day.type: injected}"
                .to_owned(),
            "projection.day.type",
        ),
    ] {
        let world = World::new().await;
        let refused = declare(&world, &[("x", &entry(&rest))])
            .await
            .expect_err(&rest)
            .to_string();
        assert!(refused.contains(&format!("`{property}`")), "{rest}: {refused}");
    }
}

/// What writers keep in folders of their own is no row, whatever a statement calls it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_names_no_folder_of_a_writer() {
    let by_org = "partitioned_by: [{name: org, type: varchar}], partitions: projection, options: {projection.org.type: injected, \
                  storage.location.template: \"${org}/\"}";
    let world = world(by_org, "org <> 'bob'", |world| {
        files::parquet(&world.path("data/t/x/acme/f.parquet"), FILE, "1,a");
        files::parquet(&world.path("data/t/x/_temporary/0/f.parquet"), FILE, "9,hidden");
        files::parquet(&world.path("data/t/x/.staged/f.parquet"), FILE, "9,hidden");
    })
    .await;
    for who in ["eve", "sam"] {
        let rows = async |org: &str| world.rows(who, &format!("SELECT id FROM x WHERE org = '{org}'")).await;
        assert_eq!(rows("acme").await, ["1"]);
        for folder in ["_temporary", ".staged"] {
            assert!(rows(folder).await.is_empty(), "{who}: {folder}");
        }
    }
}
