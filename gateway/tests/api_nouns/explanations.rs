//! Does an explanation say why, and nothing that its caller could not find out by asking for data?

use serde_json::{Value, json};

use super::{
    admin, apply,
    server::{BOB, Server},
    user,
};
use crate::Answer;

pub const PEOPLE: &str = "lake.sales.people";

/// Rita reads the rows of `de` and of them `id`, and `region` masked. `amount` needs a second factor, whoever asks.
pub async fn people(server: &Server) -> String {
    let table = json!({"format": "csv", "location": "orders/",
        "columns": [{"name": "id", "type": "bigint"}, {"name": "region", "type": "varchar"},
                    {"name": "amount", "type": "decimal(12,2)", "tags": {"pii": "yes"}}],
        "filters": {"de": {"where": "region = 'DE'", "columns": ["id"]},
                    "hold": {"where": "amount < 7777 OR amount IS NULL", "restrictive": true},
                    "fr": {"where": "region = 'FR'"}},
        "masks": {"region": {"letters": {"func": "mask-alphanum", "rank": 1}}}});
    let policies = r#"
@id("people.amount")
@doc("Amounts are for whoever proved a second factor.")
permit(principal, action == Lakegate::Action::"Select", resource in Lakegate::Table::"lake.sales.people")
when { resource.hasTag("pii") && (context.mfa && principal.kind == "human") };

@id("people.all")
@doc("Auditors read everything.")
permit(principal is Lakegate::User, action == Lakegate::Action::"Select", resource in Lakegate::Table::"lake.sales.people")
when { principal in Lakegate::Role::"auditor" };
"#;
    apply(server, json!({"tags": {"pii": {}}, "tables": {PEOPLE: table}})).await;
    let texts: Vec<&str> = policies.split("\n\n").collect();
    for text in texts {
        let made = server
            .post(&admin(server), "/v1/policies", &[], &json!({"text": text.trim()}))
            .await;
        assert_eq!(made.status, 201, "{}", made.text());
    }
    user(
        server,
        "rita",
        &[
            ("select-filtered", "filter:lake.sales.people/de"),
            ("select-masked", "mask:lake.sales.people.region/letters"),
        ],
    )
    .await
}

pub async fn explain(server: &Server, key: &str, body: Value) -> Answer {
    server.post(key, "/v1/policies/explain", &[], &body).await
}

/// name → state
pub fn states(relation: &Value) -> Vec<String> {
    let columns = relation["columns"].as_array().unwrap().iter();
    columns
        .map(|column| {
            let mask = column["mask"]
                .as_str()
                .map(|mask| format!(" {mask}"))
                .unwrap_or_default();
            format!(
                "{} {}{mask}",
                column["name"].as_str().unwrap(),
                column["state"].as_str().unwrap()
            )
        })
        .collect()
}

fn ids(reasons: &Value) -> Vec<&str> {
    reasons
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| reason["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn callers_learn_why_and_nothing_that_is_hidden() {
    let server = Server::start().await;
    let rita = people(&server).await;
    let answer = explain(&server, &rita, json!({"resource": PEOPLE})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json();
    assert_eq!(
        (&told["principal"], &told["decision"]),
        (&json!("rita"), &json!("allow")),
        "{told}"
    );
    assert_eq!(told["relation"]["rows"], "some");
    assert_eq!(states(&told["relation"]), ["id clear", "region masked mask-alphanum"]);
    let reasons = told["reasons"].as_array().unwrap();
    assert_eq!(
        (reasons.len(), &reasons[0]["grant"]),
        (1, &json!("select-filtered on filter:lake.sales.people/de to user:rita")),
        "{told}"
    );
    // Why not everything: who nearly permits it, without the condition.
    assert_eq!(ids(&told["near_misses"]), ["people.all", "people.amount"]);
    assert_eq!(told["near_misses"][0]["doc"], "Auditors read everything.");
    for hidden in [
        "\"name\":\"amount",
        "hold",
        "7777",
        "/fr",
        "context.mfa",
        "failed",
        "filters",
        "policy_version",
        "auditor\"",
    ] {
        assert!(!answer.text().contains(hidden), "{hidden}: {}", answer.text());
    }
    let one = explain(&server, &rita, json!({"resource": "lake.sales.people.region"}))
        .await
        .json();
    assert_eq!(states(&one["relation"]), ["region masked mask-alphanum"]);
}

#[tokio::test]
async fn hidden_and_missing_are_the_same_bytes() {
    let server = Server::start().await;
    let rita = people(&server).await;
    let same = async |key: &str, hidden: Value, missing: Value, names: (&str, &str)| {
        let (hidden, missing) = (
            explain(&server, key, hidden).await,
            explain(&server, key, missing).await,
        );
        assert_eq!(hidden.status, 404, "{}", hidden.text());
        assert_eq!(hidden.likeness(names.0), missing.likeness(names.1));
    };
    let of = |resource: &str| json!({"resource": resource});
    same(BOB, of(PEOPLE), of("lake.sales.absent"), ("people", "absent")).await;
    same(
        BOB,
        of("lake.sales.people.id"),
        of("lake.sales.absent.id"),
        ("people", "absent"),
    )
    .await;
    same(
        &rita,
        of("lake.sales.people.amount"),
        of("lake.sales.people.absent"),
        ("amount", "absent"),
    )
    .await;
    for action in ["Describe", "Select", "SelectMasked", "Insert"] {
        let of = |resource: &str| json!({"resource": resource, "action": action});
        same(BOB, of(PEOPLE), of("lake.sales.absent"), ("people", "absent")).await;
        same(
            &rita,
            of("lake.sales.people.amount"),
            of("lake.sales.people.absent"),
            ("amount", "absent"),
        )
        .await;
    }
    for (kind, name, action) in [
        ("filter", "lake.sales.people/hold", "BypassFilter"),
        ("mask", "lake.sales.people.region/letters", "SelectMasked"),
        ("role", "auditor", "ManageIdentity"),
        ("user", "ana", "Impersonate"),
        ("database", "lake.sales", "Describe"),
        ("catalog", "lake", "Describe"),
        ("connection", "local", "Describe"),
        ("tag", "pii", "DefineTag"),
        ("location", "s3://x/", "Describe"),
    ] {
        let of = |name: &str| json!({"resource": format!("{kind}:{name}"), "action": action});
        let absent = "x".repeat(name.len());
        same(BOB, of(name), of(&absent), (name, &absent)).await;
    }
}

/// What Rita may not see changes; what she is told does not.
#[tokio::test]
async fn what_is_hidden_changes_no_explanation() {
    let server = Server::start().await;
    let rita = people(&server).await;
    let before = explain(&server, &rita, json!({"resource": PEOPLE})).await.likeness("");
    let forbid = "@id(\"people.never\") forbid(principal, action == Lakegate::Action::\"Select\", resource == \
                  Lakegate::Column::\"lake.sales.people.amount\");";
    let made = server
        .post(&admin(&server), "/v1/policies", &[], &json!({"text": forbid}))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let base = "/v1/catalogs/lake/databases/sales/tables/people";
    let filter = json!({"name": "more", "where": "id = 4711", "restrictive": true});
    let mask = json!({"name": "nothing", "func": "mask-to-fixed-value", "rank": 1});
    for (path, body) in [
        (format!("{base}/data-filters"), filter),
        (format!("{base}/columns/amount/masks"), mask),
    ] {
        let made = server.post(&admin(&server), &path, &[], &body).await;
        assert_eq!(made.status, 201, "{}", made.text());
    }
    assert_eq!(
        before,
        explain(&server, &rita, json!({"resource": PEOPLE})).await.likeness("")
    );
}

#[tokio::test]
async fn others_are_for_holders_of_simulate_as() {
    let server = Server::start().await;
    people(&server).await;
    let about = |name: &str| json!({"principal": name, "resource": PEOPLE});
    for name in ["ana", "absent"] {
        let refused = explain(&server, BOB, about(name)).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (403, "ACCESS_DENIED"),
            "{name}"
        );
        assert!(!refused.text().contains(name), "{}", refused.text());
    }
    assert_eq!(
        explain(&server, BOB, about("bob")).await.status,
        404,
        "oneself needs nothing"
    );
    assert_eq!(explain(&server, &admin(&server), about("absent")).await.status, 404);

    let told = explain(&server, &admin(&server), about("rita")).await.json();
    assert_eq!(
        states(&told["relation"]),
        ["id clear", "region masked mask-alphanum", "amount hidden"],
        "{told}"
    );
    let filters: Vec<String> = told["relation"]["filters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|filter| format!("{} {} {}", filter["name"], filter["applies"], filter["condition"]))
        .collect();
    assert_eq!(
        filters,
        [
            r#""de" true "region = 'DE'""#,
            r#""fr" false "region = 'FR'""#,
            r#""hold" true "amount < 7777 OR amount IS NULL""#
        ]
    );
    let amount = &told["relation"]["columns"][2];
    assert_eq!(ids(&amount["near_misses"]), ["people.all", "people.amount"]);
    assert_eq!(
        amount["near_misses"][0]["failed"],
        json!({"clause": "when", "text": "principal in Lakegate::Role::\"auditor\"", "outcome": "false", "values": {}})
    );
    assert_eq!(
        amount["near_misses"][1]["failed"],
        json!({"clause": "when", "text": "context.mfa", "outcome": "false", "values": {"context.mfa": "false"}})
    );
}

#[tokio::test]
async fn every_question_is_in_the_audit_trail() {
    let server = Server::start().await;
    let rita = people(&server).await;
    explain(&server, &rita, json!({"resource": PEOPLE})).await;
    explain(&server, &rita, json!({"resource": "lake.sales.absent"})).await;
    explain(
        &server,
        &admin(&server),
        json!({"principal": "rita", "resource": PEOPLE}),
    )
    .await;
    let filter = lakegate_catalog::audit::AuditFilter {
        limit: 1_000,
        ..Default::default()
    };
    let events = server.app.store.list_audit(&filter).await.unwrap();
    let told: Vec<String> = events
        .iter()
        .map(|record| &record.event)
        .filter(|event| event.kind == "explain")
        .map(|event| {
            let about = event.details.get("simulated").map(String::as_str).unwrap_or("-");
            format!(
                "{} {} {} {about} {}",
                event.principal, event.action, event.resource, event.outcome
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "admin SimulateAs table:lake.sales.people rita ok",
            "rita Select table:lake.sales.absent - TABLE_NOT_FOUND",
            "rita Select table:lake.sales.people - ok",
        ]
    );
}

#[tokio::test]
async fn other_actions_and_objects_are_explained() {
    let server = Server::start().await;
    people(&server).await;
    let own = explain(
        &server,
        BOB,
        json!({"resource": "policy-store:default", "action": "manage-policy"}),
    )
    .await
    .json();
    assert_eq!(
        (&own["decision"], &own["reasons"]),
        (&json!("deny"), &json!([])),
        "{own}"
    );
    let admin_told = json!({"resource": "policy-store:default", "action": "ManagePolicy"});
    let told = explain(&server, &admin(&server), admin_told).await.json();
    assert_eq!(
        (&told["decision"], ids(&told["reasons"])),
        (&json!("allow"), vec!["default.admin"]),
        "{told}"
    );
    let wrong = explain(
        &server,
        &admin(&server),
        json!({"resource": PEOPLE, "action": "ManagePolicy"}),
    )
    .await;
    assert_eq!(wrong.code(), "INVALID_REQUEST", "{}", wrong.text());
    assert_eq!(
        explain(&server, BOB, json!({"resource": "orders"})).await.code(),
        "INVALID_REQUEST"
    );
}

/// A hidden field of a visible struct is as missing as one that is not there, whatever is asked about it.
#[tokio::test]
async fn a_hidden_field_is_missing() {
    let server = Server::start().await;
    let table = json!({"format": "ndjson", "location": "orders/", "columns": [{"name": "id", "type": "bigint"},
        {"name": "addr", "type": "row(street varchar, zip varchar)"}],
        "filters": {"some": {"where": "id > 1", "columns": ["id", "addr.street"]}}});
    apply(&server, json!({"tables": {"lake.sales.places": table}})).await;
    let sue = user(&server, "sue", &[("select-filtered", "filter:lake.sales.places/some")]).await;
    let told = explain(&server, &sue, json!({"resource": "lake.sales.places"})).await;
    assert_eq!(
        states(&told.json()["relation"]),
        ["id clear", "addr.street clear"],
        "{}",
        told.text()
    );
    let street = explain(&server, &sue, json!({"resource": "lake.sales.places.addr.street"})).await;
    assert_eq!(street.status, 200, "{}", street.text());
    for action in ["Select", "Describe", "AssociateTag"] {
        let of = |field: &str| json!({"resource": format!("lake.sales.places.addr.{field}"), "action": action});
        let (hidden, missing) = (
            explain(&server, &sue, of("zip")).await,
            explain(&server, &sue, of("nop")).await,
        );
        assert_eq!(hidden.status, 404, "{action}: {}", hidden.text());
        assert_eq!(hidden.likeness("zip"), missing.likeness("nop"), "{action}");
    }
    let tags = |field: &str| format!("/v1/catalogs/lake/databases/sales/tables/places/columns/addr.{field}/tags");
    let (hidden, missing) = (
        server.get(&sue, &tags("zip")).await,
        server.get(&sue, &tags("nop")).await,
    );
    assert_eq!(
        (hidden.status.as_u16(), hidden.likeness("zip")),
        (404, missing.likeness("nop"))
    );
}

/// An answer that is kept for a repetition would outlive the right to it.
#[tokio::test]
async fn questions_take_no_idempotency_key() {
    let server = Server::start().await;
    for (route, body) in [
        ("connections/local/test", json!({})),
        ("policies/explain", json!({"resource": "lake.sales.orders"})),
        (
            "policies/simulate",
            json!({"principal": "ana", "resource": "lake.sales.orders"}),
        ),
        ("policies/validate", json!({"text": ""})),
    ] {
        let path = format!("/v1/{route}");
        let refused = server
            .post(&admin(&server), &path, &[("idempotency-key", "k")], &body)
            .await;
        assert_eq!(refused.code(), "NOT_SUPPORTED", "{route}: {}", refused.text());
        assert_eq!(
            server.post(&admin(&server), &path, &[], &body).await.status,
            200,
            "{route}"
        );
    }
}

#[tokio::test]
async fn views_are_explained_as_tables_are() {
    let server = Server::start().await;
    apply(
        &server,
        json!({"views": {"lake.sales.v": {"sql": "SELECT id, region FROM orders"}}}),
    )
    .await;
    let grants = [("select", "view:lake.sales.v"), ("select", "table:lake.sales.orders")];
    let vera = user(&server, "vera", &grants).await;
    for name in ["view:lake.sales.v", "lake.sales.v"] {
        let told = explain(&server, &vera, json!({"resource": name})).await;
        assert_eq!(told.json()["decision"], "allow", "{}", told.text());
        assert_eq!(states(&told.json()["relation"]), ["id clear", "region clear"], "{name}");
        let hidden = explain(&server, BOB, json!({"resource": name})).await;
        let missing = explain(&server, BOB, json!({"resource": name.replace(".v", ".x")})).await;
        assert_eq!(
            (hidden.status.as_u16(), hidden.likeness("sales.v")),
            (404, missing.likeness("sales.x"))
        );
    }
    let column = explain(&server, &vera, json!({"resource": "lake.sales.v.region"})).await;
    assert_eq!(
        states(&column.json()["relation"]),
        ["region clear"],
        "{}",
        column.text()
    );
    let table = explain(&server, &admin(&server), json!({"resource": "view:lake.sales.orders"})).await;
    assert_eq!(table.status, 404, "{}", table.text());
    let body = json!({"principal": "bob", "sql": "SELECT id FROM lake.sales.v"});
    let done = server.post(&admin(&server), "/v1/policies/simulate", &[], &body).await;
    assert_eq!(
        (
            &done.json()["decisions"][0]["resource"],
            &done.json()["refusal"]["code"]
        ),
        (&json!("view:lake.sales.v"), &json!("TABLE_NOT_FOUND")),
        "{}",
        done.text()
    );
}
