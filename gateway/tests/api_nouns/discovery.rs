//! Is a source asked only for those who may know what it would answer?

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;

use super::{
    apply,
    server::{BOB, Server},
    user,
};

/// A source that counts who comes, and hangs up.
fn door() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let knocks = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&knocks);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    (port, knocks)
}

#[tokio::test]
async fn a_source_is_asked_for_those_who_may_know() {
    let (port, knocks) = door();
    let server = Server::with(&[("CRM_USER", "u"), ("CRM_PASSWORD", "x")], "https://nobody~ana").await;
    let options = json!({"host": "127.0.0.1", "port": port, "database": "crm", "tls": "disable"});
    apply(
        &server,
        json!({
            "connections": {"crm": {"connector": "postgres", "options": options,
                                    "credential": {"user": "env://CRM_USER", "password": "env://CRM_PASSWORD"}}},
            "catalogs": {"crm": {"connection": "crm", "discover": true}},
            "databases": {"crm.open": {}, "crm.shut": {}},
        }),
    )
    .await;
    let reader = user(&server, "rita", &[("select", "database:crm.open")]).await;
    let keeper = user(&server, "karl", &[("describe", "catalog:crm")]).await;
    let asked = async |key: &str, database: &str| {
        let before = knocks.load(Ordering::SeqCst);
        let base = format!("/v1/catalogs/crm/databases/{database}/tables");
        let mut answers = Vec::new();
        for path in [format!("{base}/t1"), format!("{base}/t1/columns"), base.clone()] {
            answers.push(server.get(key, &path).await);
        }
        for sql in [
            format!("SELECT 1 FROM crm.{database}.t2"),
            format!("DESCRIBE crm.{database}.t3"),
            format!("SHOW TABLES FROM crm.{database}"),
        ] {
            answers.push(server.post(key, "/v1/sql", &[], &json!({"sql": sql})).await);
        }
        (answers, knocks.load(Ordering::SeqCst) - before)
    };
    for (key, database) in [(BOB, "open"), (BOB, "shut"), (&*reader, "shut"), (&*reader, "nope")] {
        let (answers, knocks) = asked(key, database).await;
        assert_eq!(knocks, 0, "{database}");
        for answer in answers {
            assert_eq!(answer.status, 404, "{database}: {}", answer.text());
        }
    }
    assert!(asked(&reader, "open").await.1 > 0);
    assert!(asked(&keeper, "shut").await.1 > 0);
}
