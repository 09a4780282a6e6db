//! Is a simulation what would happen, for nobody but those who may simulate, and without anything happening?

use serde_json::{Value, json};

use super::{
    Answer, admin, apply,
    explanations::{PEOPLE, people, states},
    server::{ANA, BOB, Server},
};

async fn simulate(server: &Server, key: &str, body: Value) -> Answer {
    server.post(key, "/v1/policies/simulate", &[], &body).await
}

async fn told(server: &Server, body: Value) -> Value {
    let answer = simulate(server, &admin(server), body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn circumstances_count() {
    let server = Server::start().await;
    people(&server).await;
    apply(
        &server,
        json!({"users": {"rita": {"attributes": {"purposes": ["fraud"]}, "kind": "human"}}}),
    )
    .await;
    let about = |context: Value| json!({"principal": "rita", "resource": PEOPLE, "context": context});
    let plain = told(&server, about(json!({}))).await;
    assert_eq!(
        states(&plain["decisions"][0]["relation"])[2],
        "amount hidden",
        "{plain}"
    );
    assert_eq!(
        (
            &plain["context"]["mfa"],
            &plain["context"]["client"],
            &plain["context"]["ip"],
            &plain["context"]["workgroup"]
        ),
        (&json!(false), &json!("rest"), &json!("10.1.2.3"), &json!("primary")),
        "{plain}"
    );
    let factor = told(&server, about(json!({"mfa": true}))).await;
    assert_eq!(
        states(&factor["decisions"][0]["relation"])[2],
        "amount clear",
        "{factor}"
    );
    let all = json!({"mfa": false, "ip": "2001:db8::1", "now": "2030-01-31T00:00:00Z", "client": "pgwire", "auth_age_ms": 5,
                     "purpose": "fraud", "workgroup": "primary"});
    let mut shown = told(&server, about(all.clone())).await["context"].clone();
    shown["now"] = json!("2030-01-31T00:00:00Z");
    assert_eq!(shown, all);
    for (wrong, code) in [
        (json!({"purpose": "fun"}), "INVALID_REQUEST"),
        (json!({"workgroup": "absent"}), "WORKGROUP_NOT_FOUND"),
        (json!({"ip": "here"}), "INVALID_REQUEST"),
        (json!({"client": "pigeon"}), "INVALID_REQUEST"),
        (json!({"auth_age_ms": -1}), "INVALID_REQUEST"),
    ] {
        assert_eq!(
            simulate(&server, &admin(&server), about(wrong.clone())).await.code(),
            code,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn roles_of_a_token_count() {
    let server = Server::start().await;
    people(&server).await;
    let about = |roles: Value| json!({"principal": "bob", "roles": roles, "resource": PEOPLE});
    assert_eq!(
        told(&server, about(json!([]))).await["decisions"][0]["decision"],
        "deny"
    );
    let auditor = told(&server, about(json!(["auditor"]))).await;
    assert_eq!(auditor["decisions"][0]["decision"], "allow");
    assert_eq!(auditor["decisions"][0]["roles"], json!(["auditor"]));
    let absent = simulate(&server, &admin(&server), about(json!(["absent"]))).await;
    assert_eq!(absent.status, 404, "{}", absent.text());
}

#[tokio::test]
async fn a_statement_is_planned_and_not_run() {
    let server = Server::start().await;
    people(&server).await;
    let body = json!({"principal": "ana", "sql": "SELECT id, amount FROM lake.sales.orders WHERE id > 1"});
    let found = told(&server, body).await;
    assert_eq!(found["decisions"][0]["resource"], "table:lake.sales.orders");
    let plan = found["plan"].to_string();
    assert!(
        plan.contains("GovernedScan") && found.get("refusal").is_none(),
        "{found}"
    );
    assert!(!found.to_string().contains("10.5"), "{found}");
    // As Ana would be refused.
    let body = json!({"principal": "bob", "database": "sales", "sql": "SELECT * FROM orders, lake.sales.absent"});
    let found = told(&server, body).await;
    assert_eq!(found["refusal"]["code"], "TABLE_NOT_FOUND", "{found}");
    assert_eq!(
        (&found["missing"], &found["decisions"][0]["decision"]),
        (&json!(["lake.sales.absent"]), &json!("deny"))
    );
    let hidden = told(
        &server,
        json!({"principal": "rita", "sql": "SELECT amount FROM lake.sales.people"}),
    )
    .await;
    assert_eq!(hidden["refusal"]["code"], "COLUMN_NOT_FOUND", "{hidden}");
    let syntax = told(&server, json!({"principal": "ana", "sql": "SELEC 1"})).await;
    assert_eq!(syntax["refusal"]["code"], "SYNTAX_ERROR", "{syntax}");
    let show = told(&server, json!({"principal": "ana", "sql": "SHOW CATALOGS"})).await;
    assert_eq!(show["refusal"]["code"], "NOT_SUPPORTED", "{show}");
    // Nothing ran: there is no record of a query.
    let queries = server.app.store.list_queries(&lakegate_catalog::record::QueryFilter {
        principal_id: None,
        state: None,
        workgroup: None,
        before: None,
        limit: 10,
    });
    assert!(queries.await.unwrap().is_empty());
}

#[tokio::test]
async fn a_draft_is_tried_and_not_published() {
    let server = Server::start().await;
    people(&server).await;
    let permit = "@id(\"draft\") permit(principal == Lakegate::User::\"bob\", action == Lakegate::Action::\"Select\", resource in \
                  Lakegate::Table::\"lake.sales.people\");";
    let about = |more: Value| {
        let mut body = json!({"principal": "bob", "sql": "SELECT id FROM lake.sales.people"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    assert_eq!(
        told(&server, about(json!({}))).await["refusal"]["code"],
        "TABLE_NOT_FOUND"
    );
    let tried = told(&server, about(json!({"policies": permit}))).await;
    assert_eq!((&tried["draft"], tried.get("refusal")), (&json!(true), None), "{tried}");
    assert_eq!(tried["decisions"][0]["reasons"][0]["id"], "draft");
    // A stored policy is replaced, or left out.
    let shut = "@id(\"people.all\") forbid(principal, action, resource);";
    let shut = told(&server, about(json!({"policies": format!("{permit}\n{shut}")}))).await;
    assert_eq!(shut["refusal"]["code"], "WORKGROUP_NOT_FOUND", "{shut}");
    let without = told(
        &server,
        json!({"principal": "admin", "resource": "policy-store:default", "action": "ManagePolicy",
                                       "without": ["default.admin"]}),
    )
    .await;
    assert_eq!(without["decisions"][0]["decision"], "deny");
    for (wrong, code) in [
        (json!({"policies": "permit("}), "POLICY_INVALID"),
        (
            json!({"policies": permit.replace("people", "absent")}),
            "POLICY_INVALID",
        ),
        (json!({"policies": format!("{permit} {permit}")}), "POLICY_INVALID"),
        (json!({"without": ["absent"]}), "NOT_FOUND"),
    ] {
        let refused = simulate(&server, &admin(&server), about(wrong.clone())).await;
        assert_eq!(refused.code(), code, "{wrong}");
    }
    assert_eq!(
        server
            .get(BOB, "/v1/catalogs/lake/databases/sales/tables/people")
            .await
            .status,
        404
    );
    assert_eq!(server.get(&admin(&server), "/v1/policies/draft").await.status, 404);
}

#[tokio::test]
async fn simulating_needs_simulate_as_and_is_audited() {
    let server = Server::start().await;
    people(&server).await;
    for body in [
        json!({"principal": "bob", "resource": PEOPLE}),
        json!({"principal": "absent", "sql": "SELECT 1"}),
        json!({"principal": "bob", "resource": "table:x"}),
        json!({"principal": "bob", "policies": "permit("}),
    ] {
        for key in [ANA, BOB] {
            let refused = simulate(&server, key, body.clone()).await;
            assert_eq!(
                (refused.status.as_u16(), refused.code().as_str()),
                (403, "ACCESS_DENIED"),
                "{body}"
            );
        }
    }
    told(
        &server,
        json!({"principal": "ana", "sql": "SELECT 4711 FROM lake.sales.orders"}),
    )
    .await;
    told(&server, json!({"principal": "ana", "resource": PEOPLE})).await;
    let filter = lakegate_catalog::audit::AuditFilter {
        limit: 1_000,
        ..Default::default()
    };
    let events = server.app.store.list_audit(&filter).await.unwrap();
    let told: Vec<String> = events
        .iter()
        .map(|record| &record.event)
        .filter(|event| event.kind == "simulate")
        .map(|event| {
            assert_eq!(
                (event.principal.as_str(), event.details["simulated"].as_str()),
                ("admin", "ana")
            );
            assert!(!format!("{event:?}").contains("4711"), "{event:?}");
            format!(
                "{} {} {}",
                event.action,
                event.resource,
                event.details.get("asked").map_or("", |asked| asked)
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "SimulateAs user:ana Select on table:lake.sales.people",
            "Select table:lake.sales.orders ",
            "SimulateAs user:ana ",
        ]
    );
    assert!(events.iter().all(|record| record.event.kind != "query.attempt"));
}
