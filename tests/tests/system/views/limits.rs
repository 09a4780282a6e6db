//! Can a limit that the caller chooses measure what a view hides?

use lakegate_query::{error::ErrorCode, service::SubmitRequest};
use lakegate_tests::{files, world::World};

const LAKE: &str = r#"
lake: own
connections: {files: {connector: files, options: {root: "./data"}}}
catalogs: {lake: {connection: files, default: true}}
databases: {lake.t: {location: "t/"}}
tables:
  lake.t.x: {format: parquet, location: "x/", columns: [{name: id, type: bigint}, {name: region, type: varchar}]}
users: {dana: {}, vic: {}}
views:
  lake.t.v:
    sql: "SELECT region, id, count(*) AS n FROM lake.t.x GROUP BY region, id"
    security: {definer: "user:dana"}
    filters: {de: {where: "region = 'DE'"}}
grants:
  - {to: "user:dana", privileges: [select], resource: "table:lake.t.x", with_grant_option: true}
  - {to: "user:vic", privileges: [select-filtered], resource: "filter:lake.t.v/de"}
"#;

/// Two rows that vic may see, and so many groups that he may not.
async fn world(hidden: usize) -> World {
    let world = World::new().await;
    let hidden = (0..hidden).map(|number| format!("\n{number},US"));
    let rows = format!("1,DE\n2,DE{}", hidden.collect::<String>());
    files::parquet(&world.path("data/t/x/a.parquet"), "id bigint, region varchar", &rows);
    world.apply(LAKE, "").await;
    world
}

async fn within(world: &World, user: &str, sql: &str, bytes: u64) -> Result<String, ErrorCode> {
    let mut request: SubmitRequest = world.request(sql);
    request.limits.memory_bytes = Some(bytes);
    let answer = world.run_request(user, request).await;
    answer.map(|answer| answer.text()).map_err(|failure| failure.error.code)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_callers_memory_is_not_that_of_the_body() {
    let (few, many) = (world(1).await, world(20_000).await);
    let grouped = "SELECT region, id, count(*) FROM x GROUP BY region, id";
    let small = 64 * 1024;
    assert_eq!(
        within(&many, "dana", grouped, small).await,
        Err(ErrorCode::ExceededMemory)
    );
    for exponent in 10..22 {
        let bytes = 1 << exponent;
        for sql in [
            "SELECT id FROM v",
            "SELECT count(*) FROM v",
            "SELECT sum(n) FROM v GROUP BY region",
        ] {
            let (a, b) = (
                within(&few, "vic", sql, bytes).await,
                within(&many, "vic", sql, bytes).await,
            );
            assert_eq!(a.is_ok(), b.is_ok(), "{bytes} {sql} {a:?} {b:?}");
        }
    }
}
