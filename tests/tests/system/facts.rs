//! What does a row filter know of the statement that it filters?

use lakegate_query::service::SubmitRequest;
use lakegate_tests::{files, world::World};

const LAKE: &str = r#"
lake: own
connections: {files: {connector: files, options: {root: "./data"}}}
catalogs: {lake: {connection: files, default: true}}
databases: {lake.t: {location: "t/"}}
workgroups: {night: {}}
users: {alice: {}}
tables:
  lake.t.x:
    format: parquet
    location: "x/"
    columns: [{name: id, type: bigint}]
    filters:
      odd: {where: "context.workgroup = 'primary' AND id < 3"}
      even: {where: "context.workgroup = 'night' AND id >= 3"}
grants:
  - {to: "user:alice", privileges: [select-filtered], resource: "filter:lake.t.x/odd"}
  - {to: "user:alice", privileges: [select-filtered], resource: "filter:lake.t.x/even"}
  - {to: "user:alice", privileges: [submit-query], resource: "workgroup:night"}
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_workgroup_of_a_statement_decides_on_rows() {
    let mut world = World::new().await;
    world.set_defaults("lake", "t");
    files::parquet(&world.path("data/t/x/a.parquet"), "id bigint", "1\n2\n3");
    world.apply(LAKE, "").await;
    let alice = world.caller("alice").await;
    for (workgroup, expected) in [(None, &["1", "2"][..]), (Some("night"), &["3"])] {
        let request = SubmitRequest {
            workgroup: workgroup.map(str::to_owned),
            ..world.request("SELECT id FROM x ORDER BY id")
        };
        let answer = world.run_as(&alice, request).await;
        let answer = answer.unwrap_or_else(|failure| panic!("{workgroup:?}: {}", failure.error));
        assert_eq!(answer.lines(), expected, "{workgroup:?}");
    }
}
