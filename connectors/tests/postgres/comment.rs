//! Does the server see which query a statement belongs to, and nothing else through it?

use arrow::{array::AsArray, datatypes::Int64Type};
use lakegate_connectors::{call::TraceParent, scan::Guard};

use super::server::Server;
use crate::relational::{self, read, scan, table};

const SQL: &str = "CREATE TABLE t AS SELECT 1::int8 AS id;
    CREATE VIEW prepared AS SELECT count(*)::int8 AS n FROM pg_prepared_statements";

#[tokio::test]
async fn a_hostile_traceparent_stays_in_its_comment() {
    let Some(server) = Server::with("comment", SQL).await else {
        return;
    };
    let mut cx = server.context();
    cx.trace = TraceParent(Some("00-'*/; DROP TABLE comment.t; /*\\ $1 --\n".into()));
    let spec = table(&server.connector, &cx, "comment", "t").await.unwrap();
    for _ in 0..2 {
        let (_, rows) = read(&server.connector, &cx, scan(&spec, &["id"], Guard::none(), vec![]))
            .await
            .unwrap();
        assert_eq!(rows.num_rows(), 1);
    }
    let text =
        "SELECT query FROM pg_stat_activity WHERE query LIKE 'SELECT%\"comment\".\"t\"%' AND pid <> pg_backend_pid()";
    let seen: String = server.admin().await.query_one(text, &[]).await.unwrap().get(0);
    let comment = "/*query_id='test-query',traceparent='00-%27%2A%2F%3B%20DROP%20TABLE%20comment.t%3B%20%2F%2A%5C%20%241%20--%0A'*/";
    assert!(seen.ends_with(comment), "{seen}");
}

#[tokio::test]
async fn comments_that_differ_fill_no_cache_of_the_server() {
    let Some(server) = Server::with("prepared", SQL).await else {
        return;
    };
    // One session, so that the view counts what all reads have left behind.
    let connection = server.other(|one| drop(one.options.insert("max_connections".into(), 1.into())));
    let mut cx = relational::context(&connection);
    let spec = table(&server.connector, &cx, "prepared", "prepared").await.unwrap();
    let mut left = i64::MAX;
    for number in 0..20 {
        cx.trace = TraceParent(Some(format!("00-{number:032x}-{number:016x}-01").into()));
        let (_, rows) = read(&server.connector, &cx, scan(&spec, &["n"], Guard::none(), vec![]))
            .await
            .unwrap();
        left = rows.column(0).as_primitive::<Int64Type>().value(0);
    }
    assert!(left < 5, "{left} statements are prepared");
}
