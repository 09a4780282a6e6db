//! Is a source read with the credential that is meant for the caller, and with no other? The source itself hides rows by who asks.

use lakegate::lake::ApplyOptions;
use lakegate_catalog::record::QueryState;
use lakegate_query::{context::Caller, error::ErrorCode, service::SubmitRequest};
use lakegate_tests::{
    postgres::{self, Database},
    world::World,
};

use super::revocation::fetched;

/// Roles belong to the server: their names begin with that of the database.
fn source(name: &str) -> String {
    let role = |role: &str| format!("{name}_{role}");
    let (ana, desk, all) = (role("ana"), role("desk"), role("all"));
    let drop: String = [&ana, &desk, &all]
        .map(|it| format!("DROP ROLE IF EXISTS {it};\n"))
        .concat();
    let make: String = [&ana, &desk, &all]
        .map(|it| format!("CREATE ROLE {it} LOGIN PASSWORD 'p-{it}'; GRANT SELECT ON notes, more TO {it};\n"))
        .concat();
    format!(
        "{drop}CREATE TABLE notes (reader text, note text); CREATE TABLE more (note text, n int);
         INSERT INTO notes VALUES ('{ana}', 'for ana'), ('{desk}', 'for the desk'), ('{all}', 'for all');
         INSERT INTO more SELECT note, 1 FROM notes;
         {make}
         ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON notes USING (reader = current_user);"
    )
}

const CREDENTIALS: &str = r#"credentials: [
    {for: "user:ana", credential: {user: "env://ANA", password: "env://ANA_PASSWORD"}},
    {for: "role:desk", credential: {user: "env://DESK", password: "env://DESK_PASSWORD"}}]"#;

/// How a clerk is of the desk.
const DESK: &str = "member_of: [desk]";

/// `clerk`: what bob's only role is.
fn lake(database: &Database, credentials: &str, clerk: &str) -> String {
    let connection = database.connection_with(&format!(", {credentials}"));
    format!(
        r#"
lake: own
connections: {{crm: {connection}, files: {{connector: files, options: {{root: "./data"}}}}}}
catalogs: {{crm: {{connection: crm, discover: true}}, lake: {{connection: files, default: true}}}}
databases: {{lake.v: {{location: "v/"}}}}
roles: {{desk: {{}}, clerk: {{{clerk}}}}}
users: {{ana: {{roles: [desk]}}, bob: {{roles: [clerk]}}, cleo: {{}}, svc: {{kind: service}}}}
tables: {{crm.public.notes: {{comment: "rows by reader"}}}}
views:
  lake.v.of_ana: {{sql: "SELECT note FROM crm.public.notes", security: {{definer: "user:ana"}}}}
grants:
  - {{to: "user:ana", privileges: [select], resource: "catalog:crm", with_grant_option: true}}
  - {{to: "user:bob", privileges: [select], resource: "catalog:crm"}}
  - {{to: "user:cleo", privileges: [select], resource: "catalog:crm"}}
  - {{to: "user:cleo", privileges: [select], resource: "catalog:lake"}}
  - {{to: "user:svc", privileges: [select], resource: "catalog:crm"}}
  - {{to: "user:svc", privileges: [impersonate], resource: "user:ana"}}
  - {{to: "user:ana", privileges: [view-query, fetch-result], resource: "tenant:default"}}
  - {{to: "user:bob", privileges: [view-query, fetch-result], resource: "tenant:default"}}
"#
    )
}

async fn world(database: &Database) -> World {
    let name = database.name();
    database.execute(&source(name)).await;
    let role = |role: &str| (format!("{name}_{role}"), format!("p-{name}_{role}"));
    let (ana, desk, all) = (role("ana"), role("desk"), role("all"));
    let mut variables = database.secrets();
    for (name, value) in [
        ("ANA", &ana.0),
        ("ANA_PASSWORD", &ana.1),
        ("DESK", &desk.0),
        ("DESK_PASSWORD", &desk.1),
        ("ALL", &all.0),
        ("ALL_PASSWORD", &all.1),
    ] {
        variables.push((name, value));
    }
    let mut world = World::with_environment(&variables).await;
    world.path("data/v/x");
    world.set_defaults("crm", "public");
    world.apply(&lake(database, CREDENTIALS, DESK), "").await;
    world
}

/// Removes the roles, which outlive the database of a test.
async fn clean(database: &Database) {
    let name = database.name();
    let roles = ["ana", "desk", "all"].map(|it| format!("DROP ROLE {name}_{it};"));
    database
        .execute(&format!("DROP TABLE notes, more; {}", roles.concat()))
        .await;
}

/// A statement that has run; its rows are stored.
async fn kept(world: &World, caller: &Caller) -> String {
    let id = world
        .queries
        .submit(caller, world.request(NOTES))
        .await
        .expect("a query")
        .id;
    while !world.record(&id).await.state.is_final() {
        let wait = std::time::Duration::from_secs(10);
        world.queries.wait(caller, &id, wait).await.expect("the query");
    }
    assert_eq!(world.record(&id).await.state, QueryState::Succeeded);
    id
}

const NOTES: &str = "SELECT note FROM notes ORDER BY note";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_caller_reads_with_the_first_credential_that_fits() {
    if !postgres::is_there("identities") {
        return;
    }
    let database = Database::create().await.expect("a database");
    let world = world(&database).await;
    // Ana is of the desk too: hers stands first. Bob is of the desk by another role.
    assert_eq!(world.rows("ana", NOTES).await, ["for ana"]);
    assert_eq!(world.rows("bob", NOTES).await, ["for the desk"]);
    assert_eq!(world.rows("ana", NOTES).await, ["for ana"], "nothing is kept of bob");
    for sql in [NOTES, "SELECT count(*) FROM notes", "EXPLAIN SELECT * FROM notes"] {
        let refusal = world.refusal("cleo", sql).await;
        assert_eq!(refusal.code, ErrorCode::SourceDenied, "{sql}: {refusal:?}");
    }
    // Joins, groups and first rows are sent with the same one.
    let joined = "SELECT m.note, count(*) FROM notes n JOIN more m ON n.note = m.note GROUP BY m.note";
    assert_eq!(world.rows("bob", joined).await, ["for the desk | 1"]);
    assert_eq!(world.rows("bob", "SELECT count(*) FROM notes").await, ["1"]);
    // Whoever acts for ana, or reads through her view, reads as ana.
    let request = SubmitRequest {
        on_behalf_of: Some("ana".to_owned()),
        ..world.request(NOTES)
    };
    let answer = world.run_request("svc", request).await.expect("an answer");
    assert_eq!(answer.lines(), ["for ana"]);
    assert_eq!(world.rows("cleo", "SELECT note FROM lake.v.of_ana").await, ["for ana"]);
    // `everyone` is whoever is left.
    let all = CREDENTIALS.replace(
        "}}]",
        "}}, {for: everyone, credential: {user: \"env://ALL\", password: \"env://ALL_PASSWORD\"}}]",
    );
    world.apply(&lake(&database, &all, DESK), "").await;
    assert_eq!(world.rows("cleo", NOTES).await, ["for all"]);
    assert_eq!(world.rows("bob", NOTES).await, ["for the desk"]);
    let own = CREDENTIALS.replace("}}]", "}}, {for: everyone}]");
    world.apply(&lake(&database, &own, DESK), "").await;
    assert_eq!(
        world.rows("cleo", NOTES).await.len(),
        3,
        "the connection's own sees all"
    );
    clean(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_one_identity_are_for_nobody_else() {
    if !postgres::is_there("identities") {
        return;
    }
    let database = Database::create().await.expect("a database");
    let world = world(&database).await;
    let (ana, bob) = (world.caller("ana").await, world.caller("bob").await);
    let id = kept(&world, &bob).await;
    assert_eq!(fetched(&world, &bob, &id).await, Ok(1));
    // Ana may read all of the table, by another identity.
    assert_eq!(fetched(&world, &ana, &id).await, Err(ErrorCode::AccessDenied));
    let events = world.audit_of(&id).await;
    let identity = events.iter().find_map(|event| event.details.get("source_identity"));
    let snapshot = world.store.snapshot().await.expect("a snapshot");
    let desk = snapshot.find_role("desk").expect("the role").id.clone();
    assert_eq!(identity, Some(&format!("role:{desk}")));
    // His role leaves the desk: nothing of himself has changed, and nothing that policies ask.
    world.apply(&lake(&database, CREDENTIALS, ""), "").await;
    assert_eq!(fetched(&world, &bob, &id).await, Err(ErrorCode::PolicyChanged));
    // So too where it was the connection's own credential that the role gave.
    let own = "credentials: [{for: \"role:desk\"}]";
    world.apply(&lake(&database, own, DESK), "").await;
    let id = kept(&world, &bob).await;
    assert_eq!(fetched(&world, &bob, &id).await, Ok(3));
    world.apply(&lake(&database, own, ""), "").await;
    assert_eq!(fetched(&world, &bob, &id).await, Err(ErrorCode::PolicyChanged));
    clean(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_say_nothing_are_refused() {
    if !postgres::is_there("identities") {
        return;
    }
    let database = Database::create().await.expect("a database");
    let world = World::with_environment(&database.secrets()).await;
    let full = r#"credential: {user: "env://A", password: "env://B"}"#;
    for (credentials, expected) in [
        (format!(r#"[{{for: "user:zoe", {full}}}]"#), "user `zoe` does not exist"),
        (format!(r#"[{{for: "role:zoo", {full}}}]"#), "role `zoo` does not exist"),
        (format!(r#"[{{for: "zoe", {full}}}]"#), "`zoe` is nobody's name"),
        (
            format!(r#"[{{for: "role:desk", {full}}}, {{for: "role:DESK", {full}}}]"#),
            "is never used",
        ),
        (
            format!(r#"[{{for: everyone}}, {{for: "user:ana", {full}}}]"#),
            "is never used",
        ),
        (
            r#"[{for: "user:ana", credential: {user: "env://A"}}]"#.to_owned(),
            "credential for `user:ana`: credential member `password` is missing",
        ),
        (
            r#"[{for: "user:ana", credential: {user: "env://A", pasword: "env://B"}}]"#.to_owned(),
            "did you mean `password`?",
        ),
        (
            r#"[{for: "user:ana", credential: {user: "A", password: "B"}}]"#.to_owned(),
            "env://",
        ),
    ] {
        let refused = world
            .try_apply(&lake(&database, &format!("credentials: {credentials}"), DESK), "")
            .await;
        let text = refused.expect_err(&credentials).to_string();
        assert!(text.contains(expected), "{credentials}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_a_credential_names_stays() {
    if !postgres::is_there("identities") {
        return;
    }
    let database = Database::create().await.expect("a database");
    let world = World::with_environment(&database.secrets()).await;
    let yaml = |rest: &str| {
        format!(
            "lake: own\nroles: {{{rest}}}\nconnections: {{crm: {}}}\n",
            database.connection_with(
                r#", credentials: [{for: "role:desk", credential: {user: "env://A", password: "env://B"}}]"#
            )
        )
    };
    world.apply(&yaml("desk: {}"), "").await;
    let again = world.apply(&yaml("desk: {}"), "").await;
    assert!(again.is_unchanged(), "what is stored is what was said: {again:?}");
    let options = ApplyOptions {
        prune: true,
        ..ApplyOptions::default()
    };
    let kept = format!(
        "lake: own\nroles: {{other: {{}}}}\nconnections: {{crm: {}}}\n",
        database.connection()
    );
    let refused = world.apply_with(&yaml("other: {}"), "", options).await;
    let text = refused.expect_err("the role is used").to_string();
    assert!(text.contains("role `desk`"), "{text}");
    world
        .apply_with(&kept, "", options)
        .await
        .expect("nobody uses the role");
}
