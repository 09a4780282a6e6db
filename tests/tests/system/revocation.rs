//! Does a change of what may be seen end statements that wait or run, and close results that wait? (governance.md P8, §7)

use std::time::{Duration, Instant};

use chrono::Utc;
use futures::StreamExt;
use lakegate::lake::ApplyOptions;
use lakegate_catalog::record::{QueryFilter, QueryRecord, QueryState};
use lakegate_query::{
    context::Caller,
    error::{ErrorCode, QueryError},
    service::{QueryEventKind, SubmitRequest},
};
use lakegate_tests::{files, world::World};

/// A lake in which eve reads `x`; the fields are what the cases change.
#[derive(Clone, Copy, Debug)]
struct Lake {
    filter: &'static str,
    roles: &'static str,
    masks: &'static str,
    people: &'static str,
    keys: &'static str,
    grants: &'static str,
    cedar: &'static str,
}

const EVE_KEY: &str = "eve-key-0123456789-0123456789-0123456789";
const EVE: &str = "  eve: {roles: [reader]}\n";
const KEYS: &str = "keys:\n  eve: {user: eve, secret: \"env://EVE_KEY\"}\n";
const BEFORE: Lake = Lake {
    filter: "{where: \"id > 0\"}",
    roles: "  reader: {}\n",
    masks: "",
    people: EVE,
    keys: KEYS,
    grants: "  - {to: \"role:reader\", privileges: [select-filtered], resource: \"filter:lake.t.x/some\"}\n",
    cedar: "",
};
const MASKED: &str = concat!(
    "  - {to: \"role:reader\", privileges: [select-filtered], resource: \"filter:lake.t.x/some\"}\n",
    "  - {to: \"role:reader\", privileges: [select-masked], resource: \"mask:lake.t.x.region/m\"}\n",
);

/// What changes, and what becomes of eve's statements: `POLICY_CHANGED`, or nothing.
fn changes() -> Vec<(&'static str, Lake, bool)> {
    let nobody = "  other: {}\n";
    let forbid = "@id(\"no.eve\")\nforbid(principal == Lakegate::User::\"eve\", action == Lakegate::Action::\"Select\", \
                  resource == Lakegate::Table::\"lake.t.x\");\n";
    let unrelated = "@id(\"other.describe\")\npermit(principal, action == Lakegate::Action::\"Describe\", \
                     resource == Lakegate::Database::\"lake.t\");\n";
    vec![
        (
            "nothing of hers",
            Lake {
                cedar: unrelated,
                ..BEFORE
            },
            false,
        ),
        ("a grant is revoked", Lake { grants: "", ..BEFORE }, true),
        (
            "a role is taken",
            Lake {
                people: "  eve: {}\n",
                ..BEFORE
            },
            true,
        ),
        (
            "a filter is narrowed",
            Lake {
                filter: "{where: \"id > 1\"}",
                ..BEFORE
            },
            true,
        ),
        (
            "a mask comes",
            Lake {
                filter: "{where: \"id > 0\", except: [region]}",
                masks: ", masks: {region: {m: {func: mask-to-fixed-value, rank: 1}}}",
                grants: MASKED,
                ..BEFORE
            },
            true,
        ),
        (
            "a forbid comes",
            Lake {
                cedar: forbid,
                ..BEFORE
            },
            true,
        ),
        (
            "the user goes",
            Lake {
                people: nobody,
                keys: "",
                ..BEFORE
            },
            true,
        ),
        ("the key goes", Lake { keys: "", ..BEFORE }, true),
    ]
}

async fn apply(world: &World, lake: &Lake) {
    let yaml = format!(
        "lake: own\nconnections:\n  files: {{connector: files, options: {{root: \"./data\"}}}}\ncatalogs:\n  \
         lake: {{connection: files, default: true}}\ndatabases:\n  lake.t: {{location: \"t/\"}}\nworkgroups:\n  \
         narrow: {{concurrency: 1, queue: 9}}\nroles:\n{}users:\n  sam: {{}}\n{}{}tables:\n  \
         lake.t.x: {{format: parquet, location: \"x/\", columns: [{{name: id, type: bigint}}, {{name: region, type: varchar}}], \
         filters: {{some: {}}}{}}}\ngrants:\n  - {{to: \"user:sam\", privileges: [describe], resource: \"table:lake.t.x\"}}\n{}",
        lake.roles, lake.people, lake.keys, lake.filter, lake.masks, lake.grants
    );
    let submit = "@id(\"all.submit\")\npermit(principal, action == Lakegate::Action::\"SubmitQuery\", \
                  resource is Lakegate::Workgroup);\n";
    let options = ApplyOptions {
        prune: true,
        ..ApplyOptions::default()
    };
    if let Err(error) = world
        .apply_with(&yaml, &format!("{submit}{}", lake.cedar), options)
        .await
    {
        panic!("{error}\n{yaml}");
    }
}

async fn world(lake: &Lake) -> World {
    let world = World::with_environment(&[("EVE_KEY", EVE_KEY)]).await;
    files::parquet(
        &world.path("data/t/x/a.parquet"),
        "id bigint, region varchar",
        "1,DE\n2,US",
    );
    apply(&world, lake).await;
    world
}

/// Eve, by her key.
async fn eve(world: &World) -> Caller {
    let key = world
        .store
        .snapshot()
        .await
        .unwrap()
        .find_key("eve")
        .unwrap()
        .id
        .clone();
    Caller {
        key: Some(key),
        ..world.caller("eve").await
    }
}

fn endless(world: &World) -> SubmitRequest {
    world.request("SELECT count(*) FROM x JOIN generate_series(1, 1000000000000) g ON g.value % 7 <> x.id + 100")
}

fn narrow(request: SubmitRequest) -> SubmitRequest {
    SubmitRequest {
        workgroup: Some("narrow".to_owned()),
        ..request
    }
}

async fn run(world: &World, caller: &Caller, request: SubmitRequest) -> Result<usize, QueryError> {
    let mut running = world
        .queries
        .run(caller, request)
        .await
        .map_err(|failure| failure.error)?;
    let mut rows = 0;
    while let Some(batch) = running.batches.next().await {
        rows += batch?.num_rows();
    }
    Ok(rows)
}

/// The one query of this state, once there is one.
async fn wait_for(world: &World, principal: &str, state: QueryState) -> QueryRecord {
    let filter = QueryFilter {
        state: Some(state),
        limit: 10,
        ..QueryFilter::default()
    };
    loop {
        let found = world.store.list_queries(&filter).await.unwrap();
        if let Some(record) = found.into_iter().find(|record| record.principal == principal) {
            return record;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Runs `change` once eve's statement has this state; answers how her statement ended and how long that took then.
async fn ends(
    world: &World,
    request: SubmitRequest,
    state: QueryState,
    change: impl Future<Output = ()>,
) -> (Result<usize, QueryError>, Duration) {
    let caller = eve(world).await;
    let statement = async {
        let outcome = run(world, &caller, request).await;
        (outcome, Instant::now())
    };
    let changed = async {
        wait_for(world, "eve", state).await;
        change.await;
        Instant::now()
    };
    let both = async { tokio::join!(statement, changed) };
    let ((outcome, ended), changed) = tokio::time::timeout(Duration::from_secs(60), both)
        .await
        .expect("an end");
    (outcome, ended.saturating_duration_since(changed))
}

/// A statement whose decision is the same goes on: it is cancelled by hand.
async fn cancel_later(world: &World) {
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let caller = eve(world).await;
    let id = wait_for(world, "eve", QueryState::Running).await.id;
    world.queries.cancel(&caller, &id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_statement_ends_when_its_decision_differs() {
    for (what, after, differs) in changes() {
        let world = world(&BEFORE).await;
        let (outcome, took) = ends(&world, endless(&world), QueryState::Running, async {
            apply(&world, &after).await;
            if !differs {
                cancel_later(&world).await;
            }
        })
        .await;
        let expected = if differs {
            ErrorCode::PolicyChanged
        } else {
            ErrorCode::QueryCancelled
        };
        assert_eq!(outcome.unwrap_err().code, expected, "{what}");
        assert!(took < Duration::from_secs(5), "{what}: {took:?}");
    }
}

/// Nothing changes but what a body in Cedar asks for: a role of eve's role, or the side of a moment that it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_a_cedar_body_asks_for_ends_statements_too() {
    let inner = Lake {
        filter: "{cedar: 'when { principal in Lakegate::Role::\"inner\" }'}",
        roles: "  inner: {}\n  reader: {member_of: [inner]}\n",
        ..BEFORE
    };
    let without = Lake {
        roles: "  inner: {}\n  reader: {}\n",
        ..inner
    };
    let lake = world(&inner).await;
    let (outcome, took) = ends(&lake, endless(&lake), QueryState::Running, apply(&lake, &without)).await;
    assert_eq!(outcome.unwrap_err().code, ErrorCode::PolicyChanged);
    assert!(took < Duration::from_secs(5), "{took:?}");

    let limit = (Utc::now() + Duration::from_secs(8)).format("%Y-%m-%dT%H:%M:%S%.3fZ");
    let filter = format!("{{cedar: 'when {{ context.now < datetime(\"{limit}\") }}'}}");
    let lake = world(&Lake {
        filter: filter.leak(),
        ..BEFORE
    })
    .await;
    let (outcome, _) = ends(&lake, endless(&lake), QueryState::Running, async {}).await;
    assert_eq!(outcome.unwrap_err().code, ErrorCode::PolicyChanged);
}

/// Nobody has to wait for a slot to learn that the statement will never run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queued_statement_ends_when_its_decision_differs() {
    for (what, after, _) in changes().into_iter().filter(|(_, _, differs)| *differs) {
        let world = world(&BEFORE).await;
        let sam = world.caller("sam").await;
        let hold = narrow(world.request("SELECT sum(value % 7) FROM generate_series(1, 1000000000000)"));
        let held = world.queries.submit(&sam, hold).await.unwrap();
        wait_for(&world, "sam", QueryState::Running).await;
        let request = narrow(world.request("SELECT * FROM x"));
        let (outcome, took) = ends(&world, request, QueryState::Queued, async {
            queued(&world).await;
            apply(&world, &after).await;
        })
        .await;
        assert_eq!(outcome.unwrap_err().code, ErrorCode::PolicyChanged, "{what}");
        assert!(took < Duration::from_secs(5), "{what}: {took:?}");
        world.queries.cancel(&sam, &held.id).await.unwrap();
    }
}

/// A record is QUEUED while its statement is planned, too: waits until it stands in the queue.
async fn queued(world: &World) {
    let caller = eve(world).await;
    let id = wait_for(world, "eve", QueryState::Queued).await.id;
    let mut events = world.queries.events(&caller, &id).await.unwrap();
    while let Some(event) = events.next().await {
        if let QueryEventKind::Progress {
            queue_position: Some(1),
            ..
        } = event.kind
        {
            return;
        }
    }
}

/// Between the last look at a waiting statement and its start there is another one: no slot is free fast enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_is_decided_again_when_it_gets_its_slot() {
    let world = world(&BEFORE).await;
    let sam = world.caller("sam").await;
    for sql in ["SELECT * FROM x", "SHOW TABLES"] {
        apply(&world, &BEFORE).await;
        let hold = narrow(world.request("SELECT sum(value % 7) FROM generate_series(1, 1000000000000)"));
        let held = world.queries.submit(&sam, hold).await.unwrap();
        wait_for(&world, "sam", QueryState::Running).await;
        let (outcome, _) = ends(&world, narrow(world.request(sql)), QueryState::Queued, async {
            queued(&world).await;
            apply(&world, &Lake { grants: "", ..BEFORE }).await;
            world.queries.cancel(&sam, &held.id).await.unwrap();
        })
        .await;
        assert_eq!(outcome.unwrap_err().code, ErrorCode::PolicyChanged, "{sql}");
    }
}

pub(crate) async fn fetched(world: &World, caller: &Caller, id: &str) -> Result<usize, ErrorCode> {
    let mut result = world
        .queries
        .results(caller, id, 0, None)
        .await
        .map_err(|error| error.code)?;
    let mut rows = 0;
    while let Some(batch) = result.batches.next().await {
        rows += batch.map_err(|error| error.code)?.num_rows();
    }
    Ok(rows)
}

async fn spooled(world: &World, caller: &Caller, sql: &str) -> String {
    let id = world.queries.submit(caller, world.request(sql)).await.unwrap().id;
    let mut record = world.record(&id).await;
    while !record.state.is_final() {
        record = world.queries.wait(caller, &id, Duration::from_secs(10)).await.unwrap();
    }
    assert_eq!(record.state, QueryState::Succeeded, "{record:?}");
    id
}

/// Old results are decided again when they are fetched. Whoever is gone may not even know of the query.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_are_decided_again_when_they_are_fetched() {
    for (what, after, differs) in changes() {
        let world = world(&BEFORE).await;
        let caller = eve(&world).await;
        let rows = spooled(&world, &caller, "SELECT * FROM x").await;
        assert_eq!(fetched(&world, &caller, &rows).await, Ok(2), "{what}");
        apply(&world, &after).await;
        let expected = match what {
            "the user goes" | "the key goes" => Err(ErrorCode::NotFound),
            _ if differs => Err(ErrorCode::PolicyChanged),
            _ => Ok(2),
        };
        assert_eq!(fetched(&world, &caller, &rows).await, expected, "{what}");
    }
}

/// Names are results, too; and what is opened again is there again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_that_tell_names_are_decided_again() {
    let world = world(&BEFORE).await;
    let caller = eve(&world).await;
    let mut ids = Vec::new();
    for sql in [
        "SHOW TABLES FROM lake.t",
        "SELECT table_name FROM lake.information_schema.tables",
    ] {
        ids.push(spooled(&world, &caller, sql).await);
    }
    for id in &ids {
        assert!(fetched(&world, &caller, id).await.is_ok());
    }
    apply(&world, &Lake { grants: "", ..BEFORE }).await;
    for id in &ids {
        assert_eq!(fetched(&world, &caller, id).await, Err(ErrorCode::PolicyChanged));
    }
}

/// Whoever may fetch the results of others gets only what they may read in full themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_of_others_need_the_right_to_all_of_their_tables() {
    let fetch = "@id(\"sam.fetch\")\npermit(principal == Lakegate::User::\"sam\", action in [Lakegate::Action::\"ViewQuery\", \
                 Lakegate::Action::\"FetchResult\"], resource);\n";
    let select = "@id(\"sam.select\")\npermit(principal == Lakegate::User::\"sam\", action == Lakegate::Action::\"Select\", \
                  resource in Lakegate::Table::\"lake.t.x\");\n";
    let world = world(&Lake { cedar: fetch, ..BEFORE }).await;
    let (caller, sam) = (eve(&world).await, world.caller("sam").await);
    let rows = spooled(&world, &caller, "SELECT * FROM x").await;
    assert_eq!(fetched(&world, &sam, &rows).await, Err(ErrorCode::AccessDenied));
    let both: &'static str = Box::leak(format!("{fetch}{select}").into_boxed_str());
    apply(&world, &Lake { cedar: both, ..BEFORE }).await;
    assert_eq!(fetched(&world, &sam, &rows).await, Ok(2));
}

/// A moment that is near, as text of a lake.
pub(crate) fn soon(milliseconds: i64) -> String {
    let end = Utc::now() + chrono::Duration::milliseconds(milliseconds);
    end.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Nothing is changed in the lake: a grant ends, a key ends, a policy's moment passes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_statement_ends_when_its_time_has_come() {
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    for what in ["grant", "key", "policy", "later"] {
        let world = world(&BEFORE).await;
        let end = soon(if what == "later" { 600_000 } else { 8_000 });
        let lake = match what {
            "key" => Lake {
                keys: leak(format!(
                    "keys:\n  eve: {{user: eve, secret: \"env://EVE_KEY\", expires: \"{end}\"}}\n"
                )),
                ..BEFORE
            },
            "policy" => Lake {
                cedar: leak(format!(
                    "@id(\"eve.until\")\nforbid(principal == Lakegate::User::\"eve\", action == Lakegate::Action::\"SelectFiltered\", \
                     resource) when {{ context.now >= datetime(\"{end}\") }};\n"
                )),
                ..BEFORE
            },
            _ => Lake {
                grants: leak(BEFORE.grants.replace("}\n", &format!(", expires: \"{end}\"}}\n"))),
                ..BEFORE
            },
        };
        apply(&world, &lake).await;
        let caller = eve(&world).await;
        let rows = spooled(&world, &caller, "SELECT * FROM x").await;
        let end: chrono::DateTime<Utc> = end.parse().unwrap();
        let (outcome, _) = ends(&world, endless(&world), QueryState::Running, async {
            if what == "later" {
                cancel_later(&world).await;
            }
        })
        .await;
        if what == "later" {
            assert_eq!(outcome.unwrap_err().code, ErrorCode::QueryCancelled);
            continue;
        }
        let late = Utc::now() - end;
        assert_eq!(outcome.unwrap_err().code, ErrorCode::PolicyChanged, "{what}");
        assert!(late < chrono::Duration::seconds(5), "{what}: {late}");
        let expected = if what == "key" {
            ErrorCode::NotFound
        } else {
            ErrorCode::PolicyChanged
        };
        assert_eq!(fetched(&world, &caller, &rows).await, Err(expected), "{what}");
    }
}

/// Figures of a running query are a function of its rows: who watches it learns no more than who may fetch it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_fetch_the_rows_is_not_told_how_many_there_are() {
    let world = world(&BEFORE).await;
    let views = "@id(\"sam.views\")\npermit(principal == Lakegate::User::\"sam\", action == \
                 Lakegate::Action::\"ViewQuery\", resource);\n";
    apply(&world, &Lake { cedar: views, ..BEFORE }).await;
    let (eve, sam) = (eve(&world).await, world.caller("sam").await);
    let record = world.queries.submit(&eve, endless(&world)).await.unwrap();
    let mut own = world.queries.events(&eve, &record.id).await.unwrap();
    while !matches!(own.next().await.unwrap().kind, QueryEventKind::Progress { .. }) {}
    let told = world.queries.events(&sam, &record.id).await.unwrap();
    let watched = told.map(|event| event.kind).collect::<Vec<_>>();
    let cancelled = async {
        // Several looks long.
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.queries.cancel(&eve, &record.id).await.unwrap();
    };
    let (kinds, ()) = tokio::join!(watched, cancelled);
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    assert!(
        matches!(kinds[0], QueryEventKind::State(QueryState::Running)),
        "{kinds:?}"
    );
    assert!(matches!(kinds[1], QueryEventKind::End(_)), "{kinds:?}");
}
