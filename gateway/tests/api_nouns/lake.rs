//! Does a whole lake go in and out over HTTP?

use serde_json::{Value, json};

use super::{
    TABLE, admin,
    server::{ANA, BOB, Server},
};

const YAML: &str = "lake: web\nroles:\n  web: {}\ntables:\n  lake.sales.web:\n    format: csv\n    location: \"orders/\"\n    columns: infer\n    \
                    filters:\n      de: {where: \"region = 'DE'\"}\n";
const CEDAR: &str = "@id(\"web.describe\")\npermit(principal in Lakegate::Role::\"web\", action == Lakegate::Action::\"Describe\",\n  \
                     resource in Lakegate::Table::\"lake.sales.web\");\n";

fn files(yaml: &str, cedar: &str) -> Value {
    json!({"files": [{"name": "a.yaml", "text": yaml}, {"name": "b.cedar", "text": cedar}]})
}

#[tokio::test]
async fn a_lake_is_applied_exported_and_applied_again() {
    let server = Server::start().await;
    let key = admin(&server);
    let mut dry = files(YAML, CEDAR);
    dry["dry_run"] = json!(true);
    let tried = server.post(&key, "/v1/apply", &[], &dry).await;
    assert_eq!(tried.status, 200, "{}", tried.text());
    assert_eq!(
        (&tried.json()["dry_run"], &tried.json()["counts"]["created"]),
        (&json!(true), &json!(4))
    );
    assert_eq!(server.get(&key, "/v1/roles/web").await.status, 404);

    let applied = super::approved(&server, files(YAML, CEDAR)).await;
    assert_eq!(applied.status, 200, "{}", applied.text());
    let report = applied.json();
    assert_eq!(
        (&report["lake"], &report["counts"]["created"]),
        (&json!("web"), &json!(4))
    );
    assert_eq!(report["inferred"][0]["table"], "lake.sales.web");
    assert_eq!(
        report["inferred"][0]["columns"][0],
        json!({"name": "id", "type": "bigint"})
    );
    assert!(
        report["changes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|change| change["kind"] == "data-filter" && change["change"] == "created")
    );

    for lake in ["web", "acme"] {
        let exported = server.get(&key, &format!("/v1/export?lake={lake}")).await;
        assert_eq!(exported.status, 200, "{}", exported.text());
        let again = server
            .post(&key, "/v1/apply", &[], &json!({"files": exported.json()["files"]}))
            .await;
        assert_eq!(again.status, 200, "{}", again.text());
        let counts = again.json()["counts"].clone();
        assert_eq!(
            (&counts["created"], &counts["updated"], &counts["deleted"]),
            (&json!(0), &json!(0), &json!(0)),
            "{}",
            again.text()
        );
        assert!(counts["unchanged"].as_u64().unwrap() > 0);
    }
    let part = server.get(&key, "/v1/export?lake=web&kind=role").await.json();
    assert_eq!(part["files"].as_array().unwrap().len(), 1);
    assert!(!part["files"][0]["text"].as_str().unwrap().contains("tables"));
    assert_eq!(
        server.get(&key, "/v1/export?kind=nonsense").await.code(),
        "INVALID_REQUEST"
    );

    let pruned = json!({"lake": "web", "roles": {"web": {}}, "prune": true});
    let pruned = server.post(&key, "/v1/apply", &[], &pruned).await;
    assert_eq!(
        (pruned.status.as_u16(), &pruned.json()["counts"]["deleted"]),
        (200, &json!(3)),
        "{}",
        pruned.text()
    );
}

#[tokio::test]
async fn every_problem_has_its_place() {
    let server = Server::start().await;
    let key = admin(&server);
    let yaml = "lake: web\nroles:\n  web: {membr_of: []}\ntables:\n  lake.sales.x: {format: orc, location: \"x/\"}\n";
    let refused = server
        .post(
            &key,
            "/v1/apply",
            &[],
            &files(yaml, &CEDAR.replace("lake.sales.web", "lake.sales.nope")),
        )
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (400, "CONFIGURATION_INVALID"),
        "{}",
        refused.text()
    );
    let problems = refused.json()["problems"].as_array().unwrap().clone();
    assert_eq!(problems.len(), 3, "{}", refused.text());
    let at = |file: &str| {
        problems
            .iter()
            .filter(|problem| problem["file"] == file)
            .map(|problem| problem["line"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!((at("a.yaml"), at("b.cedar")), (vec![3, 5], vec![3]));
    assert!(problems[0]["remedy"].as_str().unwrap().contains("member_of"));
    let only = "lake: web\nkeys:\n  v: {user: ana, kind: sigv4, secret: \"env://V\"}\n";
    assert_eq!(
        server.post(&key, "/v1/apply", &[], &files(only, "")).await.code(),
        "NOT_SUPPORTED"
    );
    assert_eq!(
        server
            .post(
                &key,
                "/v1/apply",
                &[],
                &files("lake: web\n", "permit(principal, action, resource);")
            )
            .await
            .code(),
        "POLICY_INVALID"
    );
    let stolen = json!({"lake": "web", "roles": {"staff": {}}});
    let stolen = server.post(&key, "/v1/apply", &[], &stolen).await;
    assert_eq!(
        (stolen.status.as_u16(), stolen.code().as_str()),
        (409, "ALREADY_EXISTS"),
        "{}",
        stolen.text()
    );
    assert_eq!(server.get(&key, "/v1/roles/web").await.status, 404);
}

#[tokio::test]
async fn apply_and_export_need_what_the_single_routes_need() {
    let server = Server::start().await;
    let body = json!({"lake": "x", "roles": {"x": {}}});
    for key in [ANA, BOB] {
        let refused = server.post(key, "/v1/apply", &[], &body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (403, "ACCESS_DENIED"),
            "{}",
            refused.text()
        );
        let text = server.get(key, "/v1/export").await.json()["files"][0]["text"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(!text.contains("connections:") && !text.contains("\nroles:"), "{text}");
        assert_eq!(text.contains("lake.sales.orders"), key == ANA, "{text}");
    }
    let steward = super::user(
        &server,
        "stew",
        &[
            ("alter", "table:lake.sales.orders"),
            ("describe", "table:lake.sales.orders"),
        ],
    )
    .await;
    let refused = server.post(&steward, "/v1/apply", &[], &body).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (403, "ACCESS_DENIED"),
        "{}",
        refused.text()
    );
    let allowed = super::patch(&server, &steward, TABLE, "\"1\"", json!({"comment": "c"})).await;
    assert_eq!(allowed.status, 200, "{}", allowed.text());
}

/// A form of files; the boundary is ours.
async fn send(server: &Server, key: &str, parts: &[(&str, Option<&str>, &str)]) -> super::Answer {
    let mut body = String::new();
    for (name, file, text) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        body.push_str(&format!(
            "--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{text}\r\n"
        ));
    }
    body.push_str("--b--\r\n");
    let request = http::Request::builder()
        .method("POST")
        .uri("/v1/apply")
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "multipart/form-data; boundary=b");
    server.send(request.body(axum::body::Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_lake_comes_as_a_form_of_files() {
    let server = Server::start().await;
    let admin = admin(&server);
    let policy = "@id(\"p\")\nforbid(principal in Lakegate::Role::\"crew\", action, resource);";
    let files = [
        ("file", Some("a.yaml"), "roles: {crew: {}}"),
        ("file", Some("p.cedar"), policy),
        ("lake", None, "form"),
        ("dry_run", None, "true"),
    ];
    let dry = send(&server, &admin, &files).await;
    assert_eq!(
        (dry.status.as_u16(), &dry.json()["counts"]["created"]),
        (200, &json!(2)),
        "{}",
        dry.text()
    );
    let applied = send(&server, &admin, &files[..3]).await;
    assert_eq!(
        (applied.status.as_u16(), &applied.json()["dry_run"]),
        (200, &json!(false)),
        "{}",
        applied.text()
    );
    assert_eq!(server.get(&admin, "/v1/policies/p").await.status, 200);

    let wrong = [
        ("file", Some("a.yaml"), "lake: form\n"),
        ("file", Some("b.yml"), "roles:\n  x: {nope: 1}\n"),
    ];
    let refused = send(&server, &admin, &wrong).await;
    let problem = &refused.json()["problems"][0];
    assert_eq!(
        (&problem["file"], &problem["line"], &problem["column"]),
        (&json!("b.yml"), &json!(2), &json!(7)),
        "{}",
        refused.text()
    );
    for parts in [
        [("file", Some("a.exe"), "x"), ("lake", None, "form")],
        [("file", Some("a.yaml"), "lake: x"), ("file", Some("a.yaml"), "lake: x")],
        [("dry_run", None, "yes"), ("lake", None, "form")],
        [("nope", None, "yes"), ("lake", None, "form")],
    ] {
        let refused = send(&server, &admin, &parts).await;
        assert_eq!(refused.code(), "INVALID_REQUEST", "{}", refused.text());
    }
    assert_eq!(send(&server, BOB, &files).await.status, 403);
}
