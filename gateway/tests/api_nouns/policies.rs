//! Are policies checked before they hold, with the place of what is wrong?

use serde_json::{Value, json};

use super::{admin, server::Server};

async fn validate(server: &Server, text: &str) -> Value {
    let answer = server
        .post(&admin(server), "/v1/policies/validate", &[], &json!({"text": text}))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn problems_have_line_and_column() {
    let server = Server::start().await;
    let good = "@id(\"one\")\npermit(principal, action == Lakegate::Action::\"Describe\", resource in Lakegate::Table::\"lake.sales.orders\");\n";
    let found = validate(&server, good).await;
    assert_eq!(
        (&found["valid"], &found["problems"]),
        (&json!(true), &json!([])),
        "{found}"
    );

    let found = validate(
        &server,
        &format!(
            "{good}\n@id(\"two\")\npermit(principal, action,\n  resource in Lakegate::Table::\"lake.sales.nope\");"
        ),
    )
    .await;
    assert_eq!(
        (&found["valid"], found["problems"].as_array().unwrap().len()),
        (&json!(false), 1),
        "{found}"
    );
    let problem = &found["problems"][0];
    assert_eq!(
        (&problem["policy"], &problem["line"], &problem["column"]),
        (&json!("two"), &json!(6), &json!(15)),
        "{problem}"
    );

    let found = validate(&server, "@id(\"one\")\npermit(principal, action, resource;\n").await;
    assert_eq!(
        (&found["valid"], &found["problems"][0]["line"]),
        (&json!(false), &json!(2)),
        "{found}"
    );
    let found = validate(&server, "permit(principal, action, resource);").await;
    assert_eq!(found["valid"], json!(false), "{found}");
    let typo = good
        .replace("resource in", "resource is Lakegate::Table in")
        .replace(");", ")\nwhen { resource.nope == \"x\" };");
    let found = validate(&server, &typo).await;
    assert_eq!(
        (&found["valid"], &found["problems"][0]["line"]),
        (&json!(false), &json!(3)),
        "{found}"
    );
    // Nothing was stored.
    assert_eq!(server.get(&admin(&server), "/v1/policies/one").await.status, 404);
}

#[tokio::test]
async fn a_policy_is_its_id() {
    let server = Server::start().await;
    let key = admin(&server);
    let text = "@id(\"one\") permit(principal, action == Lakegate::Action::\"Describe\", resource in Lakegate::Table::\"lake.sales.orders\");";
    for wrong in [
        json!({"name": "two", "text": text}),
        json!({"text": format!("{text} {}", text.replace("one", "two"))}),
        json!({}),
    ] {
        assert_eq!(
            server.post(&key, "/v1/policies", &[], &wrong).await.code(),
            "INVALID_REQUEST",
            "{wrong}"
        );
    }
    let unknown = server
        .post(
            &key,
            "/v1/policies",
            &[],
            &json!({"text": text.replace("orders", "nope")}),
        )
        .await;
    assert_eq!(
        (unknown.status.as_u16(), unknown.code().as_str()),
        (400, "POLICY_INVALID"),
        "{}",
        unknown.text()
    );
    assert_eq!(
        server
            .post(&key, "/v1/policies", &[], &json!({"text": "permit("}))
            .await
            .code(),
        "POLICY_INVALID"
    );
    let made = server
        .post(&key, "/v1/policies", &[], &json!({"name": "one", "text": text}))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    // It holds at once: Bob, who was granted nothing, may describe.
    let seen = server.get(super::server::BOB, super::TABLE).await;
    assert_eq!(seen.status, 200, "{}", seen.text());
    let renamed = super::patch(
        &server,
        &key,
        "/v1/policies/one",
        "\"1\"",
        json!({"text": text.replace("one", "two")}),
    )
    .await;
    assert_eq!(renamed.code(), "POLICY_INVALID", "{}", renamed.text());
}

#[tokio::test]
async fn warnings_know_the_lake_and_the_stored_is_checked_too() {
    let server = Server::start().await;
    let table = json!({"format": "csv", "location": "orders/", "columns": [{"name": "id", "type": "bigint"},
        {"name": "region", "type": "varchar", "tags": {"pii": "yes"}}], "filters": {"own": {"where": "region = principal.name"}},
        "masks": {"region": {"weak": {"func": "show-last-4", "rank": 1}}}});
    super::apply(
        &server,
        json!({"tags": {"pii": {}}, "tables": {"lake.sales.people": table}}),
    )
    .await;
    let text = "@id(\"wide\")\npermit(principal, action == Lakegate::Action::\"Select\", resource in \
                Lakegate::Database::\"lake.sales\")\nwhen { resource.hasTag(\"pij\") && principal.clearance * 2 > 3 };";
    let found = validate(&server, text).await;
    let messages: Vec<String> = found["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| {
            format!(
                "{} {}",
                warning["policy"].as_str().unwrap_or("-"),
                warning["message"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        messages,
        [
            "wide `*` can overflow, and a policy that cannot be evaluated denies whatever it is asked about",
            "wide there is no tag key `pij`",
            "wide where it holds, it opens all rows of `lake.sales.people`, whose row filters then show nothing more",
        ],
        "{found}"
    );
    assert_eq!(found["valid"], json!(true), "{found}");
    let stored = || async {
        let body = json!({"text": "", "stored": true});
        server
            .post(&admin(&server), "/v1/policies/validate", &[], &body)
            .await
            .json()
    };
    let found = stored().await;
    assert_eq!(found["problems"], json!([]), "{found}");
    let told = found["warnings"].to_string();
    assert!(
        told.contains("filter `lake.sales.people/own`: a name can be given") && told.contains("show-last-4"),
        "{told}"
    );

    // The source changes a column that a filter reads and a mask hides.
    use lakegate_catalog::{
        change::{ChangeSet, Put},
        name::TableName,
        object::Stored,
    };
    let snapshot = server.app.store.snapshot().await.unwrap();
    let table = snapshot
        .find_table(&TableName::new("lake", "sales", "people"))
        .unwrap()
        .table;
    let mut changed = Stored::clone(&table);
    changed.body.columns[1].data_type = "bigint".to_owned();
    let puts = vec![Put::update(&changed).unwrap()];
    let change = ChangeSet {
        puts,
        principal: "test".to_owned(),
        ..ChangeSet::default()
    };
    server.app.store.commit(change).await.unwrap();
    let found = stored().await;
    let told = found["problems"].to_string();
    assert!(found["valid"] == json!(false), "{found}");
    assert!(told.contains("column `region` is `bigint` and was `varchar`"), "{told}");
    assert!(
        told.contains("mask `lake.sales.people.region/weak`") && told.contains("does not apply to `bigint`"),
        "{told}"
    );
}

const DESCRIBE: &str = "permit(principal, action == Lakegate::Action::\"Describe\", resource)";

/// Every door that takes the text of a policy.
async fn doors(server: &Server, id: &str, text: &str) -> Vec<(&'static str, super::Answer)> {
    let key = admin(server);
    let lake = json!({"lake": "extra", "policies": {id: text}});
    let questions = [
        ("create", "/v1/policies", json!({"text": text})),
        ("apply", "/v1/apply", lake),
        (
            "simulate",
            "/v1/policies/simulate",
            json!({"principal": "ana", "resource": "lake.sales.orders", "policies": text}),
        ),
        ("validate", "/v1/policies/validate", json!({"text": text})),
    ];
    let mut answers = Vec::new();
    for (door, path, body) in questions {
        answers.push((door, server.post(&key, path, &[], &body).await));
    }
    answers
}

#[tokio::test]
async fn a_policy_does_not_take_the_id_of_a_grant() {
    let server = Server::start().await;
    let key = admin(&server);
    let grant = json!({"to": "user:bob", "privileges": ["describe"], "resource": "table:lake.sales.orders"});
    let made = server.post(&key, "/v1/grants", &[], &grant).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    for (door, answer) in doors(&server, &id, &format!("@id(\"{id}\") {DESCRIBE};")).await {
        assert!(
            answer.text().contains(&format!("`{id}` is the id of a grant")),
            "{door}: {}",
            answer.text()
        );
        if door != "validate" {
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (400, "POLICY_INVALID"),
                "{door}"
            );
        }
    }
    assert_eq!(
        server.get(&key, "/v1/policies").await.status,
        200,
        "the server still decides"
    );
}

#[tokio::test]
async fn a_text_that_would_overflow_the_stack_is_refused_at_every_door() {
    let server = Server::start().await;
    let made = server
        .post(
            &admin(&server),
            "/v1/policies",
            &[],
            &json!({"text": format!("@id(\"deep\") {DESCRIBE};")}),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    for condition in [
        format!("{}true{}", "(".repeat(20_000), ")".repeat(20_000)),
        format!("{}true", "true&&".repeat(9_000)),
        format!("{}true", "if true then true else ".repeat(2_500)),
    ] {
        let text = format!("@id(\"deep\") {DESCRIBE} when {{ {condition} }};");
        for (door, answer) in doors(&server, "deep", &text).await {
            let told = answer.text();
            assert!(told.contains("the policy has more than"), "{door}: {:.300}", told);
        }
        let body = json!({"text": text});
        let changed = super::patch(&server, &admin(&server), "/v1/policies/deep", "*", body).await;
        assert_eq!(changed.status, 400, "{:.300}", changed.text());
    }
}
