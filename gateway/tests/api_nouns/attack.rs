//! Does administration tell what is hidden? Two lakes differ by hidden things only; a caller with many rights elsewhere gets
//! the same bytes from both, but for ids, versions and times.

use http::Method;
use serde_json::{Value, json};

use super::{Answer, admin, apply, server::Server};

/// What both lakes have, with the caller `lim`.
fn common(server: &Server) -> Value {
    let root = server.app.config.data.display().to_string();
    let file = |columns: Value| json!({"format": "csv", "location": "t/", "columns": columns});
    let column = |name: &str| json!({"name": name, "type": "varchar"});
    let grant =
        |privileges: Value, resource: &str| json!({"to": "user:lim", "privileges": privileges, "resource": resource});
    let mut part = file(json!([column("id"), column("region")]));
    part["filters"] = json!({"all": {"where": "TRUE", "columns": ["id", "region"]}});
    json!({
        "tags": {"level": {"values": ["low", "high"]}},
        "connections": {"spare": {"connector": "files", "options": {"root": root}}},
        "databases": {"lake.own": {}},
        "tables": {"lake.own.mine": file(json!([column("a")])), "lake.sales.part": part},
        "roles": {"crew": {}},
        "users": {"lim": {"roles": ["crew"]}},
        "grants": [
            grant(json!(["select-filtered"]), "filter:lake.sales.part/all"),
            grant(json!(["alter", "associate-tag"]), "table:lake.sales.part"),
            grant(json!(["grant", "revoke", "describe"]), "table:lake.own.mine"),
            grant(json!(["create-table", "describe"]), "database:lake.own"),
            grant(json!(["create-catalog"]), "connection:spare"),
            grant(json!(["describe", "associate-tag"]), "tag:level"),
        ],
    })
}

/// What only one of them has. The column stands between two that are seen.
async fn hide(server: &Server) {
    let root = server.app.config.data.display().to_string();
    let column = |name: &str| json!({"name": name, "type": "varchar"});
    let mut table = json!({"format": "csv", "location": "h/", "columns": [column("ssn")], "comment": "x"});
    table["filters"] = json!({"hidden": {"where": "ssn = 'x'"}});
    table["masks"] = json!({"ssn": {"hidden": {"func": "mask-alphanum", "rank": 1}}});
    let maps = json!({
        "tags": {"hidden": {"values": ["x"]}},
        "connections": {"hidden": {"connector": "files", "options": {"root": root}}},
        "catalogs": {"hidden": {"connection": "hidden"}},
        "databases": {"lake.hidden": {}, "hidden.x": {}},
        "tables": {"lake.sales.hidden": table, "lake.sales.part": {
            "format": "csv", "location": "t/", "columns": [column("id"), column("hidden"), column("region")]}},
    });
    apply(server, maps).await;
}

async fn lake(hidden: bool) -> (Server, String) {
    let server = Server::start().await;
    apply(&server, common(&server)).await;
    if hidden {
        hide(&server).await;
    }
    let body = json!({"name": "lim-key", "user": "lim"});
    let made = server.post(&admin(&server), "/v1/api-keys", &[], &body).await;
    let key = made.json()["key"].as_str().unwrap().to_owned();
    (server, key)
}

/// Lakes to apply; each is tried dry and in earnest.
fn lakes() -> Vec<Value> {
    let file = json!({"format": "csv", "location": "t/", "columns": [{"name": "id", "type": "varchar"}]});
    let grant =
        |resource: &str, to: &str| json!({"grants": [{"to": to, "privileges": ["describe"], "resource": resource}]});
    let table = |name: &str, entry: Value| json!({"tables": {name: entry}});
    let part = |more: Value| {
        let mut entry = json!({"format": "csv", "location": "t/",
            "columns": [{"name": "id", "type": "varchar"}, {"name": "region", "type": "varchar"}]});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        table("lake.sales.part", entry)
    };
    vec![
        json!({"connections": {"hidden": {"connector": "files", "options": {"root": "/etc"}}}}),
        json!({"connections": {"hidden": {"connector": "nope"}}}),
        json!({"catalogs": {"hidden": {"connection": "nope"}}}),
        json!({"catalogs": {"second": {"connection": "hidden"}}}),
        json!({"catalogs": {"lake": {"connection": "hidden"}}}),
        json!({"databases": {"lake.hidden": {}}}),
        json!({"databases": {"lake.hidden": {"owner": "role:nope", "tags": {"hidden": "x"}}}}),
        json!({"databases": {"hidden.x": {}}}),
        json!({"databases": {"hidden.new": {}}}),
        table("lake.sales.hidden", json!({})),
        table("lake.sales.hidden", json!({"comment": "x"})),
        table("lake.sales.hidden", file.clone()),
        table(
            "lake.sales.hidden",
            json!({"format": "csv", "location": "/etc/", "columns": "infer"}),
        ),
        table(
            "lake.sales.hidden",
            json!({"filters": {"hidden": {"where": "ssn = 'x'"}}}),
        ),
        table(
            "lake.sales.hidden",
            json!({"masks": {"ssn": {"hidden": {"func": "nope", "rank": 1}}}}),
        ),
        table("lake.hidden.t", file.clone()),
        table(
            "lake.own.new",
            json!({"format": "csv", "location": "t/", "columns": "infer", "tags": {"hidden": "x"}}),
        ),
        table(
            "lake.own.new",
            json!({"format": "csv", "location": "file:///etc/", "columns": "infer"}),
        ),
        part(json!({})),
        part(json!({"comment": "seen"})),
        part(json!({"tags": {"hidden": "x"}})),
        part(json!({"tags": {"level": "low"}})),
        part(json!({"columns": [{"name": "id", "type": "varchar"}]})),
        part(json!({"filters": {"all": {"where": "hidden = 'x'"}}})),
        part(json!({"filters": {"all": {"where": "TRUE", "columns": ["id", "region"]}}})),
        json!({"tags": {"hidden": {"values": ["x"]}}}),
        json!({"tags": {"hidden": {"ordered": true}}}),
        grant("table:lake.sales.hidden", "user:bob"),
        grant("table:lake.sales.hidden", "user:nope"),
        grant("column:lake.sales.part.hidden", "user:bob"),
        grant("database:lake.hidden", "user:bob"),
        grant("catalog:hidden", "role:nope"),
        grant("connection:hidden", "user:bob"),
        grant("tag:hidden", "user:bob"),
        grant("filter:lake.sales.hidden/hidden", "user:bob"),
        grant("mask:lake.sales.hidden.ssn/hidden", "user:bob"),
        json!({"policies": {"p": {"text": "@id(\"p\") permit(principal, action, resource in Lakegate::Table::\"lake.sales.hidden\");"}}}),
        json!({"keys": {"mine": {"user": "lim", "secret": "env://ANA_KEY"}}}),
        json!({"keys": {"mine": {"user": "lim", "secret": "env://NOT_SET"}}}),
        json!({"keys": {"mine": {"user": "nope", "secret": "env://NOT_SET"}}}),
        json!({"roles": {"new": {"member_of": ["nope"]}}, "databases": {"lake.hidden": {}}}),
    ]
}

fn routes() -> Vec<(Method, String, Value)> {
    let tables = "/v1/catalogs/lake/databases/sales/tables";
    let patch = |path: &str, body: Value| (Method::PATCH, path.to_owned(), body);
    let post = |path: &str, body: Value| (Method::POST, path.to_owned(), body);
    let put = |path: &str, body: Value| (Method::PUT, path.to_owned(), body);
    let get = |path: &str| (Method::GET, path.to_owned(), Value::Null);
    let part = format!("{tables}/part");
    vec![
        post("/v1/connections", json!({"name": "hidden", "connector": "nope"})),
        post("/v1/catalogs", json!({"name": "second", "connection": "hidden"})),
        post("/v1/catalogs", json!({"name": "second", "connection": "nope"})),
        post("/v1/catalogs/hidden/databases", json!({"name": "d"})),
        post("/v1/catalogs/lake/databases", json!({"name": "hidden"})),
        post("/v1/catalogs/lake/databases/hidden/tables", json!({"name": "t"})),
        post(tables, json!({"name": "hidden"})),
        post(
            "/v1/catalogs/lake/databases/own/tables",
            json!({"name": "t", "tags": {"hidden": "x"}}),
        ),
        post("/v1/tags", json!({"name": "hidden", "ordered": true})),
        post("/v1/tags", json!({"name": "hidden", "values": ["x"]})),
        post("/v1/tags", json!({"name": "hidden", "nope": 1})),
        post(
            "/v1/grants",
            json!({"to": "user:bob", "privileges": ["describe"], "resource": "table:lake.sales.hidden"}),
        ),
        post(
            "/v1/grants",
            json!({"to": "user:bob", "privileges": ["describe"], "resource": "tag:hidden"}),
        ),
        post("/v1/policies/validate", json!({"text": ""})),
        post("/v1/connections/hidden/test", json!({})),
        post(
            &format!("{tables}/hidden/data-filters"),
            json!({"name": "f", "where": "("}),
        ),
        post(
            &format!("{part}/columns/hidden/masks"),
            json!({"name": "m", "func": "nope", "rank": 1}),
        ),
        post(
            &format!("{tables}/hidden/partitions"),
            json!({"values": {}, "location": "x/"}),
        ),
        put(&format!("{part}/columns/hidden/tags"), json!({"own": {"level": "low"}})),
        put(&format!("{part}/tags"), json!({"own": {"hidden": "x"}})),
        put(&format!("{part}/tags"), json!({"own": {"level": "high"}})),
        patch("/v1/catalogs/hidden", json!({"comment": "x"})),
        patch("/v1/catalogs/lake", json!({"connection": "hidden"})),
        patch("/v1/tags/hidden", json!({"ordered": true, "values": null})),
        patch("/v1/connections/hidden", json!({"connector": "nope"})),
        patch(&format!("{tables}/hidden"), json!({"comment": "x"})),
        patch(&part, json!({"comment": "y"})),
        patch(
            &part,
            json!({"columns": [{"name": "id", "type": "varchar"}, {"name": "region", "type": "varchar"}, {"name": "more", "type": "int"}]}),
        ),
        patch(
            &part,
            json!({"columns": [{"name": "id", "type": "varchar", "comment": "c"}]}),
        ),
        get(&part),
        get(&format!("{part}/columns")),
        get("/v1/export?lake=extra"),
        get("/v1/export"),
        get("/v1/connections"),
        get("/v1/tags"),
        get("/v1/grants"),
        get("/v1/catalogs"),
        get("/v1/catalogs/lake/databases"),
        get(tables),
        (Method::DELETE, format!("{tables}/hidden"), Value::Null),
        (Method::DELETE, "/v1/tags/hidden".to_owned(), Value::Null),
        (
            Method::DELETE,
            "/v1/catalogs/lake/databases/hidden".to_owned(),
            Value::Null,
        ),
    ]
}

/// Without ids, versions, times and the directory of the server.
fn likeness(server: &Server, answer: &Answer) -> String {
    fn blank(value: &mut Value) {
        match value {
            Value::Object(members) => members.iter_mut().for_each(|(key, value)| {
                let varying = ["id", "version", "created_at", "updated_at", "request_id"];
                if varying.contains(&key.as_str()) {
                    *value = json!("…");
                } else {
                    blank(value);
                }
            }),
            Value::Array(items) => items.iter_mut().for_each(blank),
            _ => {}
        }
    }
    let mut body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    blank(&mut body);
    let varying = [
        "lakegate-request-id",
        "traceparent",
        "date",
        "etag",
        "location",
        "content-length",
    ];
    let headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| !varying.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    let text = format!("{} {headers:?} {body}", answer.status);
    text.replace(&server.app.config.data.display().to_string(), "DATA")
}

#[tokio::test]
async fn two_lakes_that_differ_by_what_is_hidden_answer_alike() {
    let (hidden, missing) = (lake(true).await, lake(false).await);
    let mut differing = Vec::new();
    let mut statuses = std::collections::BTreeMap::new();
    let mut tries = Vec::new();
    for maps in lakes() {
        for dry_run in [true, false] {
            let mut body = maps.clone();
            body["lake"] = json!("mine");
            body["dry_run"] = json!(dry_run);
            tries.push((Method::POST, "/v1/apply".to_owned(), body));
        }
    }
    tries.extend(routes());
    for (method, path, body) in tries {
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let ask = async |(server, key): &(Server, String)| {
            let answer = server
                .call(method.clone(), key, &path, &[("if-match", "*")], &text)
                .await;
            (answer.status.as_u16(), likeness(server, &answer))
        };
        let (left, right) = (ask(&hidden).await, ask(&missing).await);
        *statuses.entry(left.0).or_insert(0) += 1;
        if left.1 != right.1 {
            differing.push(format!(
                "{method} {path} {text}\n  hidden:  {}\n  missing: {}",
                left.1, right.1
            ));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    // The caller is somebody: some of it is done, some refused, some missing, some wrong.
    for status in [200, 400, 403, 404] {
        assert!(statuses.contains_key(&status), "{statuses:?}");
    }
}

#[tokio::test]
async fn who_sees_a_part_changes_that_part() {
    let (server, key) = lake(true).await;
    let path = "/v1/catalogs/lake/databases/sales/tables/part";
    let columns = json!({"columns": [{"name": "id", "type": "varchar"}, {"name": "region", "type": "varchar"}, {"name": "new", "type": "bigint"}]});
    let changed = super::patch(&server, &key, path, "*", columns).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let names = |answer: Answer| -> Vec<String> {
        let columns = answer.json()["columns"].as_array().unwrap().clone();
        columns
            .iter()
            .map(|column| column["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(server.get(&admin(&server), path).await),
        ["id", "hidden", "region", "new"]
    );
    let taken = json!({"columns": [{"name": "id", "type": "varchar"}, {"name": "region", "type": "varchar"}, {"name": "hidden", "type": "bigint"}]});
    let refused = super::patch(&server, &key, path, "*", taken).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(
        names(server.get(&admin(&server), path).await),
        ["id", "hidden", "region", "new"]
    );
}

#[tokio::test]
async fn a_secret_is_resolved_for_who_manages_identities() {
    let (server, key) = lake(false).await;
    for secret in ["env://ANA_KEY", "env://NOT_SET", "file:///etc/passwd"] {
        let maps = json!({"lake": "mine", "keys": {"mine": {"user": "lim", "secret": secret}}});
        let refused = server.post(&key, "/v1/apply", &[], &maps).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (403, "ACCESS_DENIED"),
            "{}",
            refused.text()
        );
    }
}
