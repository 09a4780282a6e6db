//! Does each guard that nobody sees at work hold on its own? Each of these tests fails without its guard.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt;
use lakegate_catalog::{
    change::{ChangeSet, Put},
    name::TableName,
    object::Stored,
    record::{QueryRecord, QueryState},
    relation::Table,
};
use lakegate_connectors::files::MetadataCache;
use lakegate_query::{
    authorize,
    context::QueryContext,
    error::ErrorCode,
    plan::Planner,
    published::Published,
    session::{QueryStores, Sessions},
    signal::Signals,
    source,
};
use lakegate_tests::{
    fixture::{self, Hidden, Place},
    sqlite,
    world::World,
};
use tokio::{io::AsyncReadExt, net::TcpListener};

async fn orders(world: &World) -> Arc<Stored<Table>> {
    let snapshot = world.store.snapshot().await.unwrap();
    let path = snapshot.find_table(&TableName::new("crm", "main", "orders")).unwrap();
    Arc::clone(&path.table)
}

/// What is known of a source is asked for again when its connection has changed.
async fn forget_descriptions(world: &World) {
    let snapshot = world.store.snapshot().await.unwrap();
    let mut connection = Stored::clone(snapshot.find_connection("crm").unwrap());
    let path = connection.body.options.get_mut("path").unwrap();
    *path = format!("./{}", path.as_str().unwrap()).into();
    let change = ChangeSet {
        puts: vec![Put::update(&connection).unwrap()],
        principal: "test".to_owned(),
        ..ChangeSet::default()
    };
    world.store.commit(change).await.unwrap();
}

/// C1: a column that a filter reads is gone at the source. The stored one stays as it is, so that the table is whole again
/// when the source is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_that_a_policy_uses_never_leaves_by_itself() {
    let world = fixture::world(Place::Sqlite, Hidden::Canaries).await;
    let crm = world.path("crm.sqlite");
    assert_eq!(world.ask("alice", "SELECT id FROM orders").await.len(), 3);
    let before = orders(&world).await;
    for (column, change, repair) in [
        ("region", "RENAME COLUMN region TO area", "RENAME COLUMN area TO region"),
        ("ssn", "RENAME COLUMN ssn TO social", "RENAME COLUMN social TO ssn"),
    ] {
        sqlite::execute(&crm, &format!("ALTER TABLE orders {change}")).await;
        forget_descriptions(&world).await;
        let refusal = world.refusal("alice", "SELECT id FROM orders").await;
        assert!(!refusal.to_string().contains(column), "{refusal}");
        assert_eq!(orders(&world).await.body.columns, before.body.columns, "{column}");
        sqlite::execute(&crm, &format!("ALTER TABLE orders {repair}")).await;
        forget_descriptions(&world).await;
        assert_eq!(world.ask("alice", "SELECT id FROM orders").await.len(), 3, "{column}");
    }
    // What no policy uses comes and goes.
    sqlite::execute(&crm, "ALTER TABLE orders RENAME COLUMN note TO remark").await;
    forget_descriptions(&world).await;
    assert_eq!(world.ask("alice", "SELECT id FROM orders").await.len(), 3);
    assert!(
        orders(&world)
            .await
            .body
            .columns
            .iter()
            .any(|column| column.name == "remark")
    );
}

/// F4: what is opened is the object that was decided about, not another one that has its name by now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_object_of_the_same_name_is_not_opened() {
    let world = fixture::world(Place::Sqlite, Hidden::Canaries).await;
    world.ask("dana", "SELECT id FROM orders").await;
    let governor = world.queries.governor().await.unwrap();
    let cx = QueryContext::observing(&governor, &world.caller("dana").await);
    let path = cx
        .snapshot
        .find_table(&TableName::new("crm", "main", "orders"))
        .unwrap();
    let decided = authorize::authorize(&cx, &[path]).pop().unwrap().grant.unwrap();
    let (published, footers) = (
        Published::new(Signals::default()),
        Arc::new(MetadataCache::new(1 << 20)),
    );
    let sessions = Sessions::new(1, 1 << 20, world.path("spill")).unwrap();
    let planner = Planner {
        store: &world.store,
        published: &published,
        sessions: &sessions,
        discovery: world.queries.discovery(),
        footers: &footers,
    };
    assert!(
        source::open(&planner, &cx, &decided, &mut QueryStores::default())
            .await
            .is_ok()
    );
    let mut other = decided.clone();
    let remote = Arc::make_mut(&mut other.path.table).body.remote.as_mut().unwrap();
    remote.source_id = Some("an object that is no longer there".to_owned());
    let mut renamed = decided;
    let remote = Arc::make_mut(&mut renamed.path.table).body.remote.as_mut().unwrap();
    remote.table = "ORDERS".to_owned();
    for grant in [other, renamed] {
        let refused = source::open(&planner, &cx, &grant, &mut QueryStores::default()).await;
        assert_eq!(refused.unwrap_err().code, ErrorCode::MissingColumn);
    }
}

async fn ended(world: &World, id: &str) -> QueryRecord {
    let began = Instant::now();
    loop {
        let record = world.record(id).await;
        if record.state.is_final() {
            return record;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{record:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// P10: what was decided is on record, though the query never came to its start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_attempts_of_a_query_that_is_cancelled_while_it_is_planned_are_recorded() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = silent.local_addr().unwrap();
    let world = World::with_environment(&[("S3_KEY", "a"), ("S3_SECRET", "b")]).await;
    let lake = format!(
        "lake: own\nconnections:\n  far:\n    connector: files\n    options: {{root: \"s3://bucket/\", endpoint: \"http://{endpoint}\", \
         region: us-east-1, path_style: true}}\n    credential: {{access_key_id: \"env://S3_KEY\", secret_access_key: \
         \"env://S3_SECRET\"}}\ncatalogs:\n  lake: {{connection: far, default: true}}\ndatabases:\n  lake.t: {{location: \"t/\"}}\n\
         users:\n  eve: {{}}\ntables:\n  lake.t.x: {{format: parquet, location: \"x/\", columns: [{{name: id, type: bigint}}]}}\n\
         grants:\n  - {{to: \"user:eve\", privileges: [select], resource: \"table:lake.t.x\"}}\n"
    );
    world.apply(&lake, "").await;
    let caller = world.caller("eve").await;
    let id = world
        .queries
        .submit(&caller, world.request("SELECT * FROM x"))
        .await
        .unwrap()
        .id;
    // The source is asked for its files only after the decision, and never answers.
    let (mut asked, _) = silent.accept().await.unwrap();
    asked.read_u8().await.unwrap();
    world.queries.cancel(&caller, &id).await.unwrap();
    assert_eq!(ended(&world, &id).await.state, QueryState::Cancelled);
    let events = world.audit().await;
    let mut told: Vec<_> = events
        .iter()
        .filter(|event| event.query_id.as_deref() == Some(&id))
        .collect();
    told.reverse();
    let told: Vec<_> = told
        .iter()
        .map(|event| {
            (
                event.kind.as_str(),
                event.resource.split(':').next(),
                event.outcome.as_str(),
            )
        })
        .collect();
    let attempt = ("query.attempt", Some("table"), "ok");
    assert_eq!(told, [attempt, ("query.outcome", Some("query"), "USER_CANCELED")]);
}

/// A client that leaves while no row is on its way is noticed all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_ends_when_its_client_leaves_while_it_computes() {
    let world = World::new().await;
    world.apply("lake: small\nusers:\n  sam: {}\n", "").await;
    let caller = world.caller("sam").await;
    let sql = "SELECT value FROM generate_series(1, 20000) UNION ALL \
               SELECT count(*) FROM generate_series(1, 1000000000000) g WHERE g.value % 7 = 1";
    let mut running = world.queries.run(&caller, world.request(sql)).await.unwrap();
    let mut rows = 0;
    while rows < 20_000 {
        rows += running.batches.next().await.unwrap().unwrap().num_rows();
    }
    assert_eq!(world.record(&running.id).await.state, QueryState::Running);
    let id = running.id.clone();
    drop(running);
    let record = ended(&world, &id).await;
    assert_eq!(record.state, QueryState::Cancelled);
    assert_eq!(record.failure.unwrap().code, "USER_CANCELED");
}

/// What was missing is believed to be missing for a moment: asking the source each time would tell it from what is known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_table_stays_missing_for_a_moment() {
    let world = World::new().await;
    let crm = world.path("crm.sqlite");
    sqlite::execute(&crm, "CREATE TABLE first (id bigint)").await;
    world
        .apply(
            "lake: own\nconnections:\n  crm: {connector: sqlite, options: {path: \"./crm.sqlite\"}}\ncatalogs:\n  \
             crm: {connection: crm, discover: true}\nusers:\n  eve: {}\ngrants:\n  \
             - {to: \"user:eve\", privileges: [select], resource: \"catalog:crm\"}\n",
            "",
        )
        .await;
    for attempt in 0.. {
        let asked = Instant::now();
        let sql = format!("SELECT * FROM crm.main.late{attempt}");
        assert_eq!(world.refusal("eve", &sql).await.code, ErrorCode::TableNotFound);
        sqlite::execute(&crm, &format!("CREATE TABLE late{attempt} (id bigint)")).await;
        let again = world.run("eve", &sql).await;
        if asked.elapsed() < Duration::from_secs(4) {
            assert_eq!(
                again.map(|answer| answer.len()).unwrap_err().code,
                ErrorCode::TableNotFound
            );
            while world.run("eve", &sql).await.is_err() {
                assert!(asked.elapsed() < Duration::from_secs(30));
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            return;
        }
        assert!(attempt < 9, "the machine is too slow to tell");
    }
}
