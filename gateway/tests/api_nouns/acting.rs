//! What would somebody see who acts on behalf of another, and what do filters look up: is it told, and to nobody else?

use serde_json::{Value, json};

use super::{
    Answer, admin, apply,
    explanations::{PEOPLE, explain, people, states},
    server::Server,
    user,
};

async fn simulate(server: &Server, key: &str, body: Value) -> Value {
    let answer = server.post(key, "/v1/policies/simulate", &[], &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Sam reads all people, rita the German ones without their amounts; sam may act for rita.
async fn pair(server: &Server) -> String {
    people(server).await;
    user(
        server,
        "sam",
        &[("select", "table:lake.sales.people"), ("impersonate", "user:rita")],
    )
    .await
}

fn grants(told: &Value) -> Vec<&str> {
    let reasons = told["reasons"].as_array().unwrap().iter();
    reasons.filter_map(|reason| reason["grant"].as_str()).collect()
}

#[tokio::test]
async fn both_must_be_permitted() {
    let server = Server::start().await;
    let sam = pair(&server).await;
    let alone = explain(&server, &sam, json!({"resource": PEOPLE})).await.json();
    assert_eq!(states(&alone["relation"]), ["id clear", "region clear", "amount clear"]);
    let of_rita = json!({"resource": PEOPLE, "on_behalf_of": "rita"});
    let answer = explain(&server, &sam, of_rita.clone()).await;
    let told = answer.json();
    assert_eq!(
        (&told["on_behalf_of"], &told["decision"], &told["relation"]["rows"]),
        (&json!("rita"), &json!("allow"), &json!("some")),
        "{told}"
    );
    assert_eq!(
        states(&told["relation"]),
        ["id clear", "region masked mask-alphanum"],
        "{told}"
    );
    // What rita holds is not told to sam, though he may act for her.
    for hidden in ["theirs", "/de", "select-filtered", "hold", "letters"] {
        assert!(!answer.text().contains(hidden), "{hidden}: {}", answer.text());
    }
    let mut asked = of_rita;
    asked["principal"] = json!("sam");
    let full = explain(&server, &admin(&server), asked).await.json();
    assert_eq!(
        grants(&full),
        ["select on table:lake.sales.people to user:sam"],
        "{full}"
    );
    assert_eq!(
        (&full["theirs"]["principal"], grants(&full["theirs"])),
        (
            &json!("rita"),
            vec!["select-filtered on filter:lake.sales.people/de to user:rita"]
        ),
        "{full}"
    );
    // An action on an object: sam may, rita may not.
    apply(
        &server,
        json!({"grants": [{"to": "user:sam", "privileges": ["alter"], "resource": "table:lake.sales.people"}]}),
    )
    .await;
    for (on_behalf_of, decision) in [(Value::Null, "allow"), (json!("rita"), "deny")] {
        let asked = json!({"principal": "sam", "action": "Alter", "resource": PEOPLE, "on_behalf_of": on_behalf_of});
        let told = explain(&server, &admin(&server), asked).await.json();
        assert_eq!(told["decision"], decision, "{told}");
    }
}

#[tokio::test]
async fn who_may_not_act_learns_nothing() {
    let server = Server::start().await;
    let sam = pair(&server).await;
    let ask = async |name: &str| explain(&server, &sam, json!({"resource": PEOPLE, "on_behalf_of": name})).await;
    let (hidden, missing): (Answer, Answer) = (ask("ana").await, ask("axa").await);
    assert_eq!(
        (hidden.status.as_u16(), hidden.code().as_str()),
        (403, "ACCESS_DENIED"),
        "{}",
        hidden.text()
    );
    assert_eq!(hidden.likeness("ana"), missing.likeness("axa"));
    assert_eq!(ask("sam").await.code(), "INVALID_REQUEST");
    // To who may know, the reason is told.
    let asked = json!({"principal": "sam", "resource": PEOPLE, "on_behalf_of": "ana"});
    let told = explain(&server, &admin(&server), asked).await.json();
    assert_eq!(
        (&told["action"], &told["resource"], &told["decision"]),
        (&json!("Impersonate"), &json!("user:ana"), &json!("deny")),
        "{told}"
    );
    let asked = json!({"principal": "sam", "resource": PEOPLE, "on_behalf_of": "axa"});
    assert_eq!(explain(&server, &admin(&server), asked).await.status, 404);
    let filter = lakegate_catalog::audit::AuditFilter {
        limit: 1_000,
        ..Default::default()
    };
    let events = server.app.store.list_audit(&filter).await.unwrap();
    let acting = events.iter().map(|record| &record.event);
    let acting = acting.filter(|event| event.kind == "explain" && event.action == "Impersonate");
    let acting: Vec<(&str, &str)> = acting
        .map(|event| (event.resource.as_str(), event.decision.as_str()))
        .collect();
    assert!(
        acting.contains(&("user:ana", "deny")) && acting.contains(&("user:axa", "deny")),
        "{acting:?}"
    );
}

#[tokio::test]
async fn a_statement_is_planned_for_both() {
    let server = Server::start().await;
    pair(&server).await;
    let ask = async |on_behalf_of: Value, sql: &str| {
        simulate(
            &server,
            &admin(&server),
            json!({"principal": "sam", "on_behalf_of": on_behalf_of, "sql": sql}),
        )
        .await
    };
    let alone = ask(Value::Null, "select amount from lake.sales.people").await;
    assert!(
        alone["refusal"].is_null() && !alone["plan"].as_array().unwrap().is_empty(),
        "{alone}"
    );
    let hidden = ask(json!("rita"), "select amount from lake.sales.people").await;
    assert_eq!(hidden["refusal"]["code"], "COLUMN_NOT_FOUND", "{hidden}");
    let shown = ask(json!("rita"), "select id, region from lake.sales.people").await;
    assert!(shown["refusal"].is_null(), "{shown}");
    let decision = &shown["decisions"][0];
    assert_eq!(
        (&decision["on_behalf_of"], &decision["theirs"]["principal"]),
        (&json!("rita"), &json!("rita"))
    );
    assert_eq!(
        states(&decision["relation"])[..2],
        ["id clear", "region masked mask-alphanum"]
    );
    let refused = ask(json!("ana"), "select id from lake.sales.people").await;
    assert_eq!(
        (&refused["refusal"]["code"], &refused["decisions"]),
        (&json!("ACCESS_DENIED"), &json!([])),
        "{refused}"
    );
}

/// bob sees the rows of the regions that ana's orders have.
const MAPPED: &str = r#"
lake: mapped
tables:
  lake.sales.regions:
    format: csv
    location: "orders/"
    columns: [{name: id, type: bigint}, {name: region, type: varchar}, {name: amount, type: "decimal(12,2)"}]
    filters:
      mapped: {where: "region IN (SELECT region FROM lake.sales.orders WHERE id > 0)", publisher: "user:ana"}
users:
  reader: {}
  warden: {}
grants:
  - {to: "user:bob", privileges: [select-filtered], resource: "filter:lake.sales.regions/mapped"}
  - {to: "user:reader", privileges: [select], resource: "table:lake.sales.orders"}
"#;

async fn key_of(server: &Server, user: &str) -> String {
    let body = json!({"name": format!("{user}-key"), "user": user});
    let made = server.post(&admin(server), "/v1/api-keys", &[], &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_a_filter_looks_up_is_for_who_may_read_it() {
    let server = Server::start().await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("lake.yaml"), MAPPED).unwrap();
    lakegate::bootstrap::bootstrap(&server.app, &[directory.path().to_owned()])
        .await
        .unwrap();
    let key = admin(&server);
    let permit = "permit(principal, action == Lakegate::Action::\"SimulateAs\", resource) when { principal == \
                  Lakegate::User::\"reader\" || principal == Lakegate::User::\"warden\" };";
    let made = server
        .post(
            &key,
            "/v1/policies",
            &[],
            &json!({"text": format!("@id(\"simulating\") {permit}")}),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let (reader, warden) = (key_of(&server, "reader").await, key_of(&server, "warden").await);
    let about = json!({"principal": "bob", "resource": "lake.sales.regions"});
    let looked_up = |told: &Value| told["relation"]["filters"][0]["mappings"][0].clone();
    let base = json!({"table": "lake.sales.orders", "principal": "bob", "read_as": "ana"});
    let expected = |more: Value| {
        let mut all = base.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    for path in ["/v1/policies/explain", "/v1/policies/simulate"] {
        let first = |told: Value| {
            if told["decisions"].is_array() {
                told["decisions"][0].clone()
            } else {
                told
            }
        };
        let read = first(server.post(&reader, path, &[], &about).await.json());
        let found = looked_up(&read);
        assert_eq!(
            (&found["state"], &found["count"]),
            (&json!("read"), &json!(3)),
            "{read}"
        );
        assert_eq!(found["values"], json!(["", "DE", "FR"]), "{read}");
        let withheld = first(server.post(&warden, path, &[], &about).await.json());
        assert_eq!(
            looked_up(&withheld),
            expected(json!({"state": "withheld"})),
            "{withheld}"
        );
    }
    // A draft that would let the warden read it lets them simulate, and not read.
    let mut drafted = about.clone();
    drafted["policies"] = json!(
        "@id(\"mine\") permit(principal == Lakegate::User::\"warden\", action == \
                                 Lakegate::Action::\"Select\", resource in Lakegate::Table::\"lake.sales.orders\");"
    );
    let told = simulate(&server, &warden, drafted).await;
    assert_eq!(looked_up(&told["decisions"][0])["state"], "withheld", "{told}");
    // To bob no filter is told, and so nothing that it looks up.
    let own = explain(&server, super::server::BOB, json!({"resource": "lake.sales.regions"})).await;
    assert_eq!(own.status, 200, "{}", own.text());
    assert!(
        !own.text().contains("mapping") && !own.text().contains("lake.sales.orders"),
        "{}",
        own.text()
    );
    // Without the publisher's right the filter is true on no row, for whoever asks.
    let forbid = "@id(\"no-ana\") forbid(principal == Lakegate::User::\"ana\", action == Lakegate::Action::\"Select\", resource);";
    let made = server.post(&key, "/v1/policies", &[], &json!({"text": forbid})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    for key in [&reader, &warden] {
        let told = explain(&server, key, about.clone()).await.json();
        assert_eq!(looked_up(&told), expected(json!({"state": "error"})), "{told}");
    }
}
