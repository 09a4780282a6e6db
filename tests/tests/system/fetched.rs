//! Who fetches stored rows later, by which rights, and what is left of it in the audit trail?

use std::time::Duration;

use lakegate_catalog::record::QueryState;
use lakegate_query::{context::Caller, error::ErrorCode, service::SubmitRequest};
use lakegate_tests::{files, world::World};

use super::revocation::{fetched, soon};

const LAKE: &str = r#"
lake: own
connections: {files: {connector: files, options: {root: "./data"}}}
catalogs: {lake: {connection: files, default: true}}
databases: {lake.t: {location: "t/"}}
tables:
  lake.t.x: {format: parquet, location: "x/", columns: [{name: id, type: bigint}]}
roles: {namer: {}}
users:
  eve: {attributes: {purposes: [fraud]}}
  ria: {attributes: {purposes: [fraud]}}
  sam: {}
grants:
  - {to: "role:namer", privileges: [describe], resource: "database:lake.t"}
"#;
const POLICIES: &str = r#"
@id("x.fraud")
permit(principal, action == Lakegate::Action::"Select", resource in Lakegate::Table::"lake.t.x")
when { context has purpose && context.purpose == "fraud" };
@id("names.mfa")
permit(principal, action == Lakegate::Action::"Describe", resource in Lakegate::Database::"lake.t")
when { context.mfa };
@id("fetch")
permit(principal, action in [Lakegate::Action::"ViewQuery", Lakegate::Action::"FetchResult"], resource);
"#;

async fn world() -> World {
    let world = World::new().await;
    files::parquet(&world.path("data/t/x/a.parquet"), "id bigint", "1\n2");
    world.apply(LAKE, POLICIES).await;
    world
}

async fn kept(world: &World, caller: &Caller, request: SubmitRequest) -> String {
    let id = world.queries.submit(caller, request).await.unwrap().id;
    while !world.record(&id).await.state.is_final() {
        world.queries.wait(caller, &id, Duration::from_secs(10)).await.unwrap();
    }
    assert_eq!(world.record(&id).await.state, QueryState::Succeeded);
    id
}

async fn with_purpose(world: &World, user: &str) -> Caller {
    Caller {
        purpose: Some("fraud".to_owned()),
        ..world.caller(user).await
    }
}

/// `principal action resource decision outcome` of the events of a query, the oldest first.
async fn trail(world: &World, id: &str, user: &str) -> Vec<String> {
    let mut events = world.audit().await;
    events.reverse();
    let own = events
        .into_iter()
        .filter(|event| event.query_id.as_deref() == Some(id) && event.principal == user);
    own.map(|event| {
        format!(
            "{} {} {} {}",
            event.action, event.resource, event.decision, event.outcome
        )
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purpose_is_that_of_whoever_fetches() {
    let world = world().await;
    let eve = world.caller("eve").await;
    let request = SubmitRequest {
        purpose: Some("fraud".to_owned()),
        ..world.request("SELECT * FROM x")
    };
    let id = kept(&world, &eve, request).await;
    assert_eq!(fetched(&world, &eve, &id).await, Ok(2));
    for (user, said, expected) in [
        ("sam", false, Err(ErrorCode::AccessDenied)),
        ("sam", true, Err(ErrorCode::InvalidRequest)),
        ("ria", false, Err(ErrorCode::AccessDenied)),
        ("ria", true, Ok(2)),
    ] {
        let caller = if said {
            with_purpose(&world, user).await
        } else {
            world.caller(user).await
        };
        assert_eq!(fetched(&world, &caller, &id).await, expected, "{user} {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_somebody_else_fetches_and_refusals_are_audited() {
    let world = world().await;
    let eve = world.caller("eve").await;
    let request = SubmitRequest {
        purpose: Some("fraud".to_owned()),
        ..world.request("SELECT * FROM x")
    };
    let id = kept(&world, &eve, request).await;
    let before = trail(&world, &id, "eve").await;
    assert_eq!(fetched(&world, &eve, &id).await, Ok(2));
    assert_eq!(
        trail(&world, &id, "eve").await,
        before,
        "her rows were audited when they were made"
    );
    assert_eq!(fetched(&world, &with_purpose(&world, "ria").await, &id).await, Ok(2));
    assert_eq!(
        trail(&world, &id, "ria").await,
        [
            format!("FetchResult query:{id} allow ok"),
            "Select table:lake.t.x allow ok".to_owned()
        ]
    );
    let sam = world.caller("sam").await;
    assert_eq!(fetched(&world, &sam, &id).await, Err(ErrorCode::AccessDenied));
    assert_eq!(
        trail(&world, &id, "sam").await,
        [format!("FetchResult query:{id} deny ACCESS_DENIED")]
    );
    let liar = with_purpose(&world, "sam").await;
    assert_eq!(fetched(&world, &liar, &id).await, Err(ErrorCode::InvalidRequest));
    let last = trail(&world, &id, "sam").await.pop();
    assert_eq!(last, Some(format!("FetchResult query:{id} deny INVALID_REQUEST")));
    world
        .apply(
            "lake: own\nusers: {eve: {kind: agent, attributes: {purposes: [fraud]}}}\n",
            "",
        )
        .await;
    assert_eq!(fetched(&world, &eve, &id).await, Err(ErrorCode::PolicyChanged));
    let last = trail(&world, &id, "eve").await.pop();
    assert_eq!(last, Some(format!("FetchResult query:{id} deny POLICY_CHANGED")));
}

/// Of names no decision is kept: they close with whatever they may have been told by.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_close_with_a_role_of_the_token_and_with_a_fact_of_the_request() {
    let world = world().await;
    let plain = world.caller("sam").await;
    let snapshot = world.store.snapshot().await.unwrap();
    let role = snapshot.find_role("namer").unwrap().id.clone();
    let in_role = Caller {
        extra_roles: vec![role],
        ..plain.clone()
    };
    let with_mfa = Caller {
        mfa: true,
        ..plain.clone()
    };
    for caller in [in_role, with_mfa] {
        let id = kept(&world, &caller, world.request("SHOW COLUMNS FROM x")).await;
        assert_eq!(fetched(&world, &caller, &id).await, Ok(1));
        assert_eq!(fetched(&world, &plain, &id).await, Err(ErrorCode::PolicyChanged));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_close_when_a_grant_ends() {
    let world = world().await;
    let end = soon(4_000);
    let grant = format!(
        "lake: own\ngrants:\n  - {{to: \"user:sam\", privileges: [describe], resource: \"table:lake.t.x\", expires: \"{end}\"}}\n"
    );
    world.apply(&grant, "").await;
    let sam = world.caller("sam").await;
    let id = kept(&world, &sam, world.request("SHOW COLUMNS FROM x")).await;
    let end: chrono::DateTime<chrono::Utc> = end.parse().unwrap();
    loop {
        let found = fetched(&world, &sam, &id).await;
        let late = chrono::Utc::now() - end;
        match found {
            Err(error) => {
                assert_eq!(error, ErrorCode::PolicyChanged);
                assert!(late >= chrono::Duration::zero(), "it closed before the end");
                break;
            }
            Ok(rows) => assert_eq!(rows, 1),
        }
        assert!(late < chrono::Duration::seconds(2), "still open after the end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
