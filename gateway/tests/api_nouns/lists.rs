//! Do lists seek, hide and seal?

use serde_json::{Value, json};

use super::{
    TABLE, admin, apply,
    server::{ANA, BOB, Server},
    user,
};

async fn walk(server: &Server, key: &str, path: &str, limit: usize) -> Vec<Vec<String>> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let sign = if path.contains('?') { '&' } else { '?' };
        let page = server.get(key, &format!("{path}{sign}limit={limit}{cursor}")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let items = page.json()["items"].as_array().unwrap().clone();
        pages.push(
            items
                .iter()
                .map(|item| item["name"].as_str().unwrap().to_owned())
                .collect(),
        );
        match page.json()["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn pages_are_full_whatever_is_hidden() {
    let server = Server::start().await;
    let table = json!({"format": "csv", "location": "t/", "columns": [{"name": "a", "type": "int"}]});
    let tables: Value = (0..9)
        .map(|at| (format!("lake.sales.t{at}"), table.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    apply(&server, json!({"tables": tables})).await;
    let seen = [2, 3, 5, 7, 8].map(|at| format!("table:lake.sales.t{at}"));
    let grants: Vec<(&str, &str)> = seen.iter().map(|table| ("describe", table.as_str())).collect();
    let key = user(&server, "eve", &grants).await;
    let path = "/v1/catalogs/lake/databases/sales/tables";
    let names = |ids: &[u32]| ids.iter().map(|at| format!("lake.sales.t{at}")).collect::<Vec<_>>();
    assert_eq!(
        walk(&server, &key, path, 2).await,
        [names(&[2, 3]), names(&[5, 7]), names(&[8])]
    );
    assert_eq!(walk(&server, &key, path, 5).await, [names(&[2, 3, 5, 7, 8])]);
    assert_eq!(walk(&server, &admin(&server), path, 4).await.concat().len(), 10);
    assert_eq!(
        server.get(&key, "/v1/catalogs").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_cursor_is_bound_and_sealed() {
    let server = Server::start().await;
    let key = admin(&server);
    let first = server.get(&key, "/v1/roles?limit=1").await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let flipped = if cursor.starts_with('A') { 'B' } else { 'A' };
    let changed = format!("{flipped}{}", &cursor[1..]);
    for path in [
        format!("/v1/roles?cursor={changed}"),
        format!("/v1/users?cursor={cursor}"),
        "/v1/roles?cursor=x".to_owned(),
    ] {
        let refused = server.get(&key, &path).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (400, "INVALID_CURSOR"),
            "{path}"
        );
    }
    assert_eq!(
        server.get(BOB, &format!("/v1/roles?cursor={cursor}")).await.code(),
        "INVALID_CURSOR"
    );
    for limit in ["0", "1001", "x", "-1"] {
        assert_eq!(
            server.get(&key, &format!("/v1/roles?limit={limit}")).await.code(),
            "INVALID_REQUEST",
            "{limit}"
        );
    }
    assert_eq!(server.get(&key, "/v1/roles?nonsense=1").await.code(), "INVALID_REQUEST");
}

#[tokio::test]
async fn columns_and_filters_are_those_that_may_be_seen() {
    let server = Server::start().await;
    let columns = walk(&server, ANA, &format!("{TABLE}/columns"), 2).await;
    assert_eq!(
        columns,
        [vec!["id".to_owned(), "region".to_owned()], vec!["amount".to_owned()]]
    );
    let filter = json!({"name": "de", "where": "region = 'DE'"});
    assert_eq!(
        server
            .post(&admin(&server), &format!("{TABLE}/data-filters"), &[], &filter)
            .await
            .status,
        201
    );
    // Ana may describe the table; the filter itself is for those who manage policies.
    assert_eq!(
        server.get(ANA, &format!("{TABLE}/data-filters")).await.json()["items"],
        json!([])
    );
    assert_eq!(server.get(ANA, &format!("{TABLE}/data-filters/de")).await.status, 404);
}

#[tokio::test]
async fn the_audit_is_listed_newest_first_for_auditors_only() {
    let server = Server::start().await;
    let key = admin(&server);
    let refused = server.get(ANA, "/v1/audit-events").await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (403, "ACCESS_DENIED")
    );
    let auditor = user(&server, "audrey", &[("read-audit", "policy-store:default")]).await;
    for at in 0..5 {
        let made = server
            .post(&key, "/v1/roles", &[], &json!({"name": format!("n{at}")}))
            .await;
        assert_eq!(made.status, 201);
    }
    let mut names = Vec::new();
    let mut cursor = String::new();
    for _ in 0..3 {
        let page = server
            .get(
                &auditor,
                &format!("/v1/audit-events?action=create&principal=admin&limit=2{cursor}"),
            )
            .await
            .json();
        for event in page["items"].as_array().unwrap() {
            names.push(event["resource"].as_str().unwrap().to_owned());
        }
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap_or_default());
    }
    let newest: Vec<String> = (0..5).rev().map(|at| format!("role:n{at}")).collect();
    assert_eq!(names[..5], newest[..]);
    let one = server
        .get(&auditor, "/v1/audit-events?resource=role:n3&decision=allow")
        .await
        .json();
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    assert!(one["items"][0]["hash"].is_string());
    let denied = server
        .get(
            &auditor,
            "/v1/audit-events?principal=ana&decision=deny&action=ReadAudit",
        )
        .await
        .json();
    assert_eq!(denied["items"].as_array().unwrap().len(), 1, "{denied}");
    assert_eq!(
        server
            .get(&auditor, "/v1/audit-events?to=2000-01-01T00:00:00Z")
            .await
            .json()["items"],
        json!([])
    );
    assert_eq!(
        server.get(&auditor, "/v1/audit-events?from=yesterday").await.code(),
        "INVALID_REQUEST"
    );
    // The auditor sees nothing else.
    assert_eq!(server.get(&auditor, TABLE).await.status, 404);
}
