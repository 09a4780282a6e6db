//! Does a query on behalf of a user show what both may see, and nothing else? (governance.md §2.1, impersonation; F3)

use lakegate::lake::ApplyOptions;
use lakegate_catalog::record::QueryState;
use lakegate_query::{
    error::{ErrorCode, QueryError},
    service::SubmitRequest,
};
use lakegate_tests::{
    answer::Answer,
    fixture::{self, Hidden, Place},
    world::World,
};

/// The fixture, and services that may act for some of its people.
async fn world(place: Place) -> World {
    let world = fixture::world(place, Hidden::Canaries).await;
    apply(&world, place, "", "").await;
    world
}

async fn apply(world: &World, place: Place, without: &str, cedar: &str) {
    let table = format!("{}.orders", place.database());
    let mut lines = vec![
        "lake: services".to_owned(),
        "users:".to_owned(),
        "  purposeful: {attributes: {purposes: [support]}}".to_owned(),
        "  svc: {kind: service, attributes: {purposes: [support]}}".to_owned(),
        "  svc-both: {kind: service, attributes: {dept: [t1, t2]}}".to_owned(),
        "  svc-fixed: {kind: service}".to_owned(),
        "  svc-other: {kind: service, attributes: {dept: [t2]}}".to_owned(),
        "grants:".to_owned(),
    ];
    let mut grant = |to: &str, privilege: &str, resource: &str| {
        lines.push(format!(
            "  - {{to: \"user:{to}\", privileges: [{privilege}], resource: \"{resource}\"}}"
        ));
    };
    grant("svc", "select", "catalog:lake");
    grant("svc", "select", "catalog:crm");
    grant("svc", "describe", "catalog:lake");
    for who in ["alice", "carol", "purposeful"] {
        grant("svc", "impersonate", &format!("user:{who}"));
    }
    grant("purposeful", "describe", &format!("table:{table}"));
    grant("alice", "impersonate", "user:carol");
    grant("svc-fixed", "select-filtered", &format!("filter:{table}/eu"));
    grant("svc-fixed", "select-masked", &format!("mask:{table}.ssn/fixed"));
    grant("svc-fixed", "impersonate", "user:alice");
    for who in ["svc-both", "svc-other"] {
        grant(who, "select-filtered", &format!("filter:{table}/dept"));
        grant(who, "impersonate", "user:right");
    }
    let text: Vec<String> = lines
        .into_iter()
        .filter(|line| without.is_empty() || !line.contains(without))
        .collect();
    let options = ApplyOptions {
        prune: true,
        ..ApplyOptions::default()
    };
    world.apply_with(&text.join("\n"), cedar, options).await.unwrap();
}

fn behalf(world: &World, user: &str, sql: &str) -> SubmitRequest {
    SubmitRequest {
        on_behalf_of: Some(user.to_owned()),
        ..world.request(sql)
    }
}

async fn ask(world: &World, who: &str, on_behalf_of: &str, sql: &str) -> Result<Answer, QueryError> {
    let answer = world.run_request(who, behalf(world, on_behalf_of, sql)).await;
    answer.map_err(|failure| failure.error)
}

async fn rows(world: &World, who: &str, on_behalf_of: &str, sql: &str) -> Vec<String> {
    let answer = ask(world, who, on_behalf_of, sql).await;
    let mut lines = answer
        .unwrap_or_else(|error| panic!("{who} for {on_behalf_of}: {sql}\n{error:?}"))
        .lines();
    lines.sort();
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_and_cells_are_those_that_both_see() {
    for place in [Place::Parquet, Place::Csv, Place::Sqlite] {
        let world = world(place).await;
        // The service sees everything but what is held: what is left is alice's view.
        for sql in [
            "SELECT * FROM orders",
            "SELECT count(*), sum(amount) FROM orders",
            "SELECT ssn, email FROM orders WHERE region = 'DE'",
        ] {
            let own = world.rows("alice", sql).await;
            assert_eq!(rows(&world, "svc", "alice", sql).await, own, "{place:?} {sql}");
            assert_ne!(world.rows("svc", sql).await, own, "{place:?} {sql}");
        }
        // Rows: DE or FR and not held; and US or below 25. Cells: amount where DE and below 25, region nowhere.
        let sql = "SELECT * FROM orders";
        let found = rows(&world, "alice", "carol", sql).await;
        let ten = if place == Place::Sqlite { "10.0" } else { "10.00" };
        assert_eq!(
            found,
            [format!("1 | NULL | {ten}"), "2 | NULL | NULL".to_owned()],
            "{place:?}"
        );
        // Both masked: the mask that reveals less, whoever acts for whom.
        let found = rows(&world, "svc-fixed", "alice", "SELECT ssn FROM orders").await;
        assert_eq!(found, ["XXXXXXXX"; 3], "{place:?}");
        // Each filter reads the attributes of the user whose it is.
        let sql = "SELECT tenant, count(*) FROM orders GROUP BY tenant";
        let own = world.rows("right", sql).await;
        assert_eq!(rows(&world, "svc-both", "right", sql).await, own, "{place:?}");
        assert!(
            !own.is_empty() && world.rows("svc-both", sql).await.len() == 2,
            "{place:?}"
        );
        assert_eq!(rows(&world, "svc-other", "right", sql).await, [""; 0], "{place:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_may_not_see_is_missing() {
    let world = world(Place::Parquet).await;
    assert_eq!(world.rows("svc", "SELECT id FROM secret").await, ["1"]);
    let hidden = ask(&world, "svc", "alice", "SELECT id FROM secret").await.unwrap_err();
    let missing = ask(&world, "svc", "alice", "SELECT id FROM secrex").await.unwrap_err();
    assert_eq!(hidden.to_string().replace("secret", "secrex"), missing.to_string());
    let hidden = ask(&world, "svc", "alice", "SELECT customer FROM orders")
        .await
        .unwrap_err();
    let missing = ask(&world, "svc", "alice", "SELECT customex FROM orders")
        .await
        .unwrap_err();
    assert_eq!(hidden.to_string().replace("customer", "customex"), missing.to_string());
    assert_eq!(
        rows(&world, "svc", "alice", "SHOW TABLES FROM lake.sales").await,
        ["orders"]
    );
    let columns = "SELECT column_name FROM lake.information_schema.columns WHERE table_schema = 'sales'";
    assert_eq!(
        rows(&world, "svc", "alice", columns).await,
        world.rows("alice", columns).await
    );
    assert_ne!(world.rows("svc", columns).await, world.rows("alice", columns).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_one_may_not_impersonate_does_not_exist() {
    let world = world(Place::Parquet).await;
    let sql = "SELECT id FROM orders";
    let refused = ask(&world, "svc", "dana", sql).await.unwrap_err();
    let missing = ask(&world, "svc", "nemo", sql).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::AccessDenied);
    assert_eq!(refused.to_string().replace("dana", "nemo"), missing.to_string());
    let audit = world.audit().await;
    let denied: Vec<&str> = audit
        .iter()
        .filter(|event| event.action == "Impersonate" && event.decision == "deny")
        .map(|event| event.resource.as_str())
        .collect();
    assert_eq!(denied, ["user:nemo", "user:dana"]);
    // To act for a service is not to act for whom that service may act for.
    let nested = ask(&world, "mallory", "svc", sql).await.unwrap_err();
    assert_eq!(nested.code, ErrorCode::AccessDenied);
    let oneself = ask(&world, "svc", "svc", sql).await.unwrap_err();
    assert_eq!(oneself.code, ErrorCode::InvalidRequest);
    assert!(
        world
            .audit()
            .await
            .iter()
            .all(|event| event.outcome != "ok" || event.principal != "svc")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_action_and_every_purpose_needs_both() {
    let world = world(Place::Parquet).await;
    let sql = "SELECT id FROM orders";
    let with_purpose = |user: &str| SubmitRequest {
        purpose: Some("support".to_owned()),
        ..behalf(&world, user, "SELECT 1")
    };
    assert!(world.run_request("svc", with_purpose("purposeful")).await.is_ok());
    let error = world.run_request("svc", with_purpose("alice")).await.unwrap_err().error;
    assert_eq!(error.code, ErrorCode::InvalidRequest);
    let idle = "@id(\"alice.idle\")\nforbid(principal == Lakegate::User::\"alice\", action == Lakegate::Action::\"SubmitQuery\", \
                resource);\n@id(\"agents\")\nforbid(principal == Lakegate::User::\"svc\", action in \
                Lakegate::Action::\"DataRead\", resource) unless { context has on_behalf_of };\n";
    apply(&world, Place::Parquet, "", idle).await;
    let refused = ask(&world, "svc", "alice", sql).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::UnknownWorkgroup);
    // A condition on the context sees whom the service acts for.
    assert_eq!(rows(&world, "svc", "carol", sql).await.len(), 4);
    assert_eq!(world.refusal("svc", sql).await.code, ErrorCode::AccessDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_is_kept_names_both_and_belongs_to_the_service() {
    let world = world(Place::Parquet).await;
    let svc = world.caller("svc").await;
    let request = behalf(&world, "alice", "SELECT id FROM orders");
    let record = world.queries.submit(&svc, request).await.unwrap();
    let record = ended(&world, "svc", &record.id).await;
    assert_eq!(record.state, QueryState::Succeeded);
    assert_eq!(record.principal, "svc");
    assert_eq!(record.on_behalf_of.as_ref().unwrap().name, "alice");
    let audit = world.audit().await;
    let of_query: Vec<_> = audit
        .iter()
        .filter(|event| event.query_id.as_ref() == Some(&record.id))
        .collect();
    for (kind, action) in [
        ("query.attempt", "Impersonate"),
        ("query.attempt", "Select"),
        ("query.outcome", "Query"),
    ] {
        let event = of_query
            .iter()
            .find(|event| event.kind == kind && event.action == action);
        let event = event.unwrap_or_else(|| panic!("{kind} {action}: {of_query:?}"));
        assert_eq!(event.principal, "svc");
        if action == "Impersonate" {
            assert_eq!(event.resource, "user:alice");
            assert_eq!(event.policies.len(), 1, "the grant that permits it");
        } else {
            assert_eq!(
                event.details.get("on_behalf_of").map(String::as_str),
                Some("alice"),
                "{kind}"
            );
        }
    }
    let select = of_query.iter().find(|event| event.action == "Select").unwrap();
    assert_eq!(select.filters.len(), 2, "alice's: {:?}", select.filters);
    // The user for whom it was done neither sees the query nor its rows.
    let alice = world.caller("alice").await;
    assert_eq!(
        world.queries.find(&alice, &record.id).await.unwrap_err().code,
        ErrorCode::NotFound
    );
    assert!(world.queries.results(&alice, &record.id, 0, None).await.is_err());
    assert_eq!(
        world
            .queries
            .results(&svc, &record.id, 0, None)
            .await
            .unwrap()
            .total_rows,
        3
    );
}

/// A definer lends rights, not to one of them alone: both must read the view, and the filters of its bases bind both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_is_read_by_both_and_its_base_by_the_definer_alone() {
    let world = world(Place::Parquet).await;
    let views = r#"lake: fixture
views:
  lake.sales.v_def: {sql: "SELECT id, customer FROM orders", security: {definer: "user:dana"}}
  lake.sales.v_inv: {sql: "SELECT id, region FROM orders"}
  lake.sales.v_cust: {sql: "SELECT id, customer FROM orders"}
grants:
  - {to: "user:dana", privileges: [select], resource: "table:lake.sales.orders", with_grant_option: true}
"#;
    let read = |who: &str, view: &str| {
        format!("  - {{to: \"user:{who}\", privileges: [select], resource: \"view:lake.sales.{view}\"}}\n")
    };
    let alice = ["v_inv", "v_cust"].map(|view| read("alice", view)).concat();
    let bypass = "  - {to: \"user:svc\", privileges: [bypass-filter], resource: \"filter:lake.sales.orders/hold\"}\n";
    world.apply(&format!("{views}{alice}{bypass}"), "").await;
    // The service reads all views, by its grant on the catalog; alice does not read this one.
    let sql = "SELECT id FROM v_def";
    assert_eq!(world.rows("svc", sql).await.len(), 10);
    let refused = ask(&world, "svc", "alice", sql).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::TableNotFound);
    world
        .apply(&format!("{views}{alice}{bypass}{}", read("alice", "v_def")), "")
        .await;
    // She has no right on the base, and needs none; what is held binds her though it does not bind the service.
    assert_eq!(rows(&world, "svc", "alice", sql).await, world.rows("alice", sql).await);
    assert_eq!(world.rows("alice", sql).await.len(), 9);
    assert_eq!(world.rows("svc", sql).await.len(), 10);
    // An invoker view is read with the rights of both.
    let sql = "SELECT id, region FROM v_inv";
    assert_eq!(rows(&world, "svc", "alice", sql).await, world.rows("alice", sql).await);
    let hidden = ask(&world, "svc", "alice", "SELECT id FROM v_cust").await.unwrap_err();
    assert_eq!(hidden.code, ErrorCode::TableNotFound);
}

/// What ends a query, or closes its result: the right to impersonate goes, the user sees less, the user is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_lives_no_longer_than_the_rights_of_both() {
    for what in ["impersonation", "sight"] {
        let world = world(Place::Parquet).await;
        let svc = world.caller("svc").await;
        let sql = "SELECT id FROM orders";
        let record = world.queries.submit(&svc, behalf(&world, "alice", sql)).await.unwrap();
        ended(&world, "svc", &record.id).await;
        let endless =
            "SELECT count(*) FROM orders JOIN generate_series(1, 1000000000000) g ON g.value % 7 <> orders.id + 100";
        let running = world
            .queries
            .submit(&svc, behalf(&world, "alice", endless))
            .await
            .unwrap();
        let state = |id: String| {
            let (world, svc) = (&world, svc.clone());
            async move { world.queries.find(&svc, &id).await.unwrap().state }
        };
        while state(running.id.clone()).await != QueryState::Running {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert!(world.queries.results(&svc, &record.id, 0, None).await.is_ok());
        match what {
            "impersonation" => apply(&world, Place::Parquet, "resource: \"user:alice\"", "").await,
            _ => {
                let less = "@id(\"less\")\nforbid(principal == Lakegate::User::\"alice\", action == \
                            Lakegate::Action::\"SelectFiltered\", resource);\n";
                apply(&world, Place::Parquet, "", less).await;
            }
        }
        let error = world.queries.results(&svc, &record.id, 0, None).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::PolicyChanged, "{what}");
        let failed = ended(&world, "svc", &running.id).await;
        assert_eq!(failed.failure.unwrap().code, "POLICY_CHANGED", "{what}");
    }
}

/// Names follow the user's roles and attributes, though no policy and no grant has changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_live_no_longer_than_what_the_user_is() {
    let world = world(Place::Parquet).await;
    let svc = world.caller("svc").await;
    let request = behalf(&world, "purposeful", "SHOW TABLES FROM lake.sales");
    let record = world.queries.submit(&svc, request).await.unwrap();
    ended(&world, "svc", &record.id).await;
    assert_eq!(
        world
            .queries
            .results(&svc, &record.id, 0, None)
            .await
            .unwrap()
            .total_rows,
        1
    );
    world
        .apply(
            "lake: services\nusers:\n  purposeful: {attributes: {purposes: [other]}}\n",
            "",
        )
        .await;
    let error = world.queries.results(&svc, &record.id, 0, None).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::PolicyChanged);
}

async fn ended(world: &World, who: &str, id: &str) -> lakegate_catalog::record::QueryRecord {
    let caller = world.caller(who).await;
    loop {
        let wait = std::time::Duration::from_secs(5);
        let record = world.queries.wait(&caller, id, wait).await.unwrap();
        if record.state.is_final() {
            return world.record(id).await;
        }
    }
}
