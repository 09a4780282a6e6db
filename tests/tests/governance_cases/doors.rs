//! Does the HTTP door tell no more than the service? Headers, bodies, history, lists, metrics and the log. (O2, O3; D4, F3)

use lakegate_tests::{
    fixture::{CANARIES, Place},
    governance::{
        door::{Door, Reply},
        oracle::{self, Complaints},
        statements::ALICE,
    },
};
use serde_json::{Value, json};

use crate::stage::Stage;

fn body(place: Place, sql: &str) -> Value {
    let (catalog, database) = place.database().split_once('.').unwrap();
    json!({"sql": sql, "catalog": catalog, "database": database})
}

/// The answer to a statement, and everything that can be asked about it later.
async fn all_of(door: &Door, place: Place, sql: &str) -> Vec<Reply> {
    let mut replies = vec![door.send("alice", "POST /v1/sql", Some(body(place, sql)), &[]).await];
    let wait = [("prefer", "wait=20")];
    let submitted = door
        .send("alice", "POST /v1/queries", Some(body(place, sql)), &wait)
        .await;
    if let Some(id) = submitted.query.0.clone().filter(|_| submitted.status < 300) {
        // Without an order, any row may come first.
        let page = sql
            .contains("ORDER BY")
            .then(|| format!("GET /v1/queries/{id}/results?limit=1"));
        let calls = [
            format!("GET /v1/queries/{id}"),
            format!("GET /v1/queries/{id}/results"),
            format!("GET /v1/queries/{id}/events"),
        ];
        for call in calls.into_iter().chain(page) {
            let mut reply = door.send("alice", &call, None, &[]).await;
            reply.body = reply.body.replace(&id, "QUERY");
            reply = reply.without_cursor();
            // Server-sent events are not JSON as a whole.
            if call.ends_with("/events") {
                reply.body = events_of(&reply.body);
            }
            replies.push(reply);
        }
    }
    replies.push(submitted);
    replies
}

/// Which events came, with the figures of the last.
fn events_of(stream: &str) -> String {
    let lines = stream.lines().filter_map(|line| line.strip_prefix("data:"));
    let told = lines.map(|data| match serde_json::from_str::<Value>(data.trim()) {
        Ok(value) => format!("{} {} {}", value["state"], value["rows"], value["usage"]),
        Err(_) => data.to_owned(),
    });
    told.collect::<Vec<_>>().join("\n")
}

/// D4 and the rest: rows, bytes, files and cost in headers, bodies, history and events.
pub async fn d4_the_door_shows_no_function_of_hidden_rows(stage: &Stage) -> Complaints {
    let mut complaints = Vec::new();
    for (_, sql) in stage.share(ALICE.iter().step_by(8), 2) {
        let [mut seen, mut other] = [
            all_of(&stage.door, stage.place, sql).await,
            all_of(&stage.other_door, stage.place, sql).await,
        ];
        if !sql.contains("ORDER BY") {
            seen = seen.into_iter().map(Reply::sorted).collect();
            other = other.into_iter().map(Reply::sorted).collect();
        }
        let texts: Vec<String> = seen.iter().map(Reply::text).collect();
        for (reply, text) in seen.iter().zip(&texts) {
            assert!(reply.status < 500, "{sql}: {text}");
        }
        if seen != other {
            complaints.push(format!("O3: {sql}\n{texts:#?}\n{other:#?}"));
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        complaints.extend(oracle::canary(&stage.one, sql, &texts, &CANARIES));
    }
    complaints
}

/// Each format of a result: rows, failures before the first of them, and nothing else in headers or metadata.
pub async fn d4_every_format_shows_the_same(stage: &Stage) -> Complaints {
    let mut complaints = Vec::new();
    for accept in [
        "application/json",
        "application/x-ndjson",
        "text/csv",
        "application/vnd.apache.arrow.stream",
        "application/vnd.apache.parquet",
    ] {
        for sql in [
            "SELECT * FROM orders ORDER BY id",
            "SELECT id, 1/(qty - 1) FROM orders ORDER BY id",
            "SELECT customer FROM orders",
            "SELECT ssn, email FROM orders WHERE id > 100",
        ] {
            let mut replies = Vec::new();
            for door in stage.doors() {
                let asked = Some(body(stage.place, sql));
                replies.push(door.send("alice", "POST /v1/sql", asked, &[("accept", accept)]).await);
            }
            assert!(replies[0].status < 500, "{}", replies[0].text());
            if replies[0] != replies[1] {
                complaints.push(format!(
                    "O3: {accept} {sql}\n{}\n{}",
                    replies[0].text(),
                    replies[1].text()
                ));
            }
            let asked = format!("{accept} {sql}");
            complaints.extend(oracle::canary(&stage.one, &asked, &[&replies[0].text()], &CANARIES));
        }
    }
    complaints
}

/// O5: state, rows, pages, events and cancellation of somebody else's query are those of one that never was.
pub async fn d4_another_users_query_does_not_exist(stage: &Stage) -> Complaints {
    let door = &stage.door;
    let wait = [("prefer", "wait=20")];
    let mut complaints = Vec::new();
    for (owner, others) in [("dana", ["alice", "bob"]), ("alice", ["bob", "mallory"])] {
        let sql = body(stage.place, "SELECT * FROM orders ORDER BY id");
        let submitted = door.send(owner, "POST /v1/queries", Some(sql), &wait).await;
        let id = submitted.query.0.expect("a query");
        let page = door
            .send(owner, &format!("GET /v1/queries/{id}/results?limit=1"), None, &[])
            .await;
        let cursor = page.cursor().expect("a next page");
        for who in others {
            complaints.extend(missing(stage, who, &id, cursor).await);
            let list = door.send(who, "GET /v1/queries?limit=50", None, &[]).await;
            assert!(!list.text().contains(&id), "{who}: {}", list.text());
        }
        // A cursor of another's page opens no page of one's own.
        let own = door
            .send("bob", "POST /v1/queries", Some(json!({"sql": "SELECT 1"})), &wait)
            .await;
        let own = own.query.0.expect("a query");
        let reply = door
            .send(
                "bob",
                &format!("GET /v1/queries/{own}/results?cursor={cursor}"),
                None,
                &[],
            )
            .await;
        assert_eq!(reply.status, 400, "{}", reply.text());
    }
    complaints
}

/// What `who` is told of a query that is not theirs.
async fn missing(stage: &Stage, who: &str, id: &str, cursor: &str) -> Complaints {
    let nothing = of_no_query(id);
    let mut complaints = Vec::new();
    for call in [
        "GET /v1/queries/ID",
        "GET /v1/queries/ID/results",
        "GET /v1/queries/ID/results?limit=1&cursor=CURSOR",
        "GET /v1/queries/ID/events",
        "POST /v1/queries/ID/cancel",
        "DELETE /v1/queries/ID",
    ] {
        let named = |id: &str| call.replace("ID", id).replace("CURSOR", cursor);
        let hidden = stage.door.send(who, &named(id), None, &[]).await;
        let none = stage.door.send(who, &named(&nothing), None, &[]).await;
        if hidden.status < 400 || hidden.text().replace(id, &nothing) != none.text() {
            complaints.push(format!("O5: {who} {call}\n{}\n{}", hidden.text(), none.text()));
        }
        complaints.extend(oracle::canary(&stage.one, call, &[&hidden.text()], &CANARIES));
    }
    complaints
}

/// The id of no query.
fn of_no_query(id: &str) -> String {
    let last = if id.ends_with('0') { "1" } else { "0" };
    format!("{}{last}", &id[..id.len() - 1])
}

/// Lists, single objects and pages of REST: `orders` is not there for bob, and `customer` is not for alice.
pub async fn d1_rest_leaves_out_what_is_hidden(stage: &Stage) -> Complaints {
    let (catalog, database) = stage.database();
    let base = format!("/v1/catalogs/{catalog}/databases/{database}/tables");
    let door = &stage.door;
    let mut complaints = Vec::new();
    for who in ["bob", "mallory"] {
        for call in [
            format!("GET {base}"),
            format!("GET {base}?limit=1"),
            "GET /v1/queries".to_owned(),
            "GET /v1/grants".to_owned(),
            "GET /v1/policies".to_owned(),
            "GET /v1/audit-events".to_owned(),
            "GET /v1/usage".to_owned(),
        ] {
            let text = door.send(who, &call, None, &[]).await.text();
            for secret in ["orders", "alice_copy", "last4", "legal_hold"] {
                assert!(!text.contains(secret), "{who} {call}: {text}");
            }
        }
        for part in ["", "/columns", "/data-filters", "/grants", "/tags"] {
            let hidden = door.send(who, &format!("GET {base}/orders{part}"), None, &[]).await;
            let missing = door.send(who, &format!("GET {base}/ordres{part}"), None, &[]).await;
            if hidden.text().replace("orders", "ordres") != missing.text() {
                complaints.push(format!("O5: {who} {part}\n{}\n{}", hidden.text(), missing.text()));
            }
        }
    }
    for call in [
        format!("GET {base}/orders"),
        format!("GET {base}/orders/columns"),
        format!("GET {base}"),
    ] {
        let reply = door.send("alice", &call, None, &[]).await;
        assert!(!reply.body.contains("customer"), "{call}: {}", reply.text());
        complaints.extend(oracle::canary(&stage.one, &call, &[&reply.text()], &CANARIES));
    }
    complaints
}

/// No header makes somebody else of alice.
pub async fn f3_no_header_names_a_user(stage: &Stage) -> Complaints {
    let door = &stage.door;
    let sql = body(stage.place, "SELECT * FROM orders ORDER BY id");
    let own = door.send("alice", "POST /v1/sql", Some(sql.clone()), &[]).await;
    assert_eq!(own.status, 200);
    for header in [
        ("x-user", "dana"),
        ("x-forwarded-user", "dana"),
        ("x-lakegate-user", "dana"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-trino-user", "dana"),
    ] {
        let reply = door.send("alice", "POST /v1/sql", Some(sql.clone()), &[header]).await;
        assert_eq!(reply, own, "{header:?}");
    }
    let mut other = sql.clone();
    other["on_behalf_of"] = json!("dana");
    let header = [("lakegate-on-behalf-of", "dana")];
    let mut complaints = Vec::new();
    for (body, headers) in [(other, [].as_slice()), (sql, header.as_slice())] {
        let refused = door.send("alice", "POST /v1/sql", Some(body), headers).await;
        assert!(refused.status >= 400, "{}", refused.text());
        complaints.extend(oracle::canary(&stage.one, "as dana", &[&refused.text()], &CANARIES));
    }
    complaints
}

/// svc for alice, by body and by header: her rows; for dana, and for nobody: one refusal.
pub async fn f3_a_service_at_the_door(stage: &Stage) -> Complaints {
    let mut complaints = Vec::new();
    let sql = body(stage.place, "SELECT * FROM orders ORDER BY id");
    let mut refused = Vec::new();
    let own = stage.door.send("alice", "POST /v1/sql", Some(sql.clone()), &[]).await;
    for who in ["alice", "dana", "nemo"] {
        let mut named = sql.clone();
        named["on_behalf_of"] = json!(who);
        let by_body = stage.door.send("svc", "POST /v1/sql", Some(named), &[]).await;
        let header = [("lakegate-on-behalf-of", who)];
        let by_header = stage.door.send("svc", "POST /v1/sql", Some(sql.clone()), &header).await;
        assert_eq!(by_body, by_header, "{who}");
        complaints.extend(oracle::canary(&stage.one, who, &[&by_body.text()], &CANARIES));
        if who == "alice" {
            assert_eq!(by_body.body, own.body);
        } else {
            assert_eq!(by_body.status, 403, "{}", by_body.text());
            refused.push(by_body.text().replace(who, "nemo"));
        }
    }
    assert_eq!(refused[0], refused[1]);
    complaints
}

/// After all other cases: metrics name no user, table or value, and the log holds no hidden value, whatever has failed.
pub async fn d4_metrics_and_the_log_hold_no_hidden_value(stage: &Stage) -> Complaints {
    let lines = stage.logged(stage.canary());
    assert!(lines.is_empty(), "{}", lines.join("\n"));
    // What is collected is really there.
    assert!(!stage.logged("lakegate").is_empty());
    let mut complaints = Vec::new();
    for door in stage.doors() {
        let metrics = door.metrics().await;
        assert!(metrics.contains("lakegate_queries_total"), "{metrics}");
        for secret in ["CANARY", "CHANGED", "alice", "orders", "31337"] {
            if metrics.contains(secret) {
                complaints.push(format!("O2: `{secret}` in\n{metrics}"));
            }
        }
    }
    complaints
}
