//! How long does a statement take whose groups PostgreSQL makes, through the gateway, against the same statement asked there?

use std::time::Instant;

use super::{client, point};
use crate::{Failure, server::Server, small::lake::ANALYST_KEY, times::median};

const RUNS: usize = 7;

const STATEMENTS: &[(&str, &str)] = &[
    (
        "TPC-H 6",
        "SELECT sum(l_extendedprice * l_discount) AS revenue FROM {} WHERE l_shipdate >= DATE '1994-01-01' \
         AND l_shipdate < DATE '1994-01-01' + INTERVAL '1' YEAR AND l_discount BETWEEN 0.06 - 0.01 AND 0.06 + 0.01 AND l_quantity < 24",
    ),
    (
        "GROUP BY two texts",
        "SELECT l_returnflag, l_linestatus, sum(l_quantity), count(*) FROM {} GROUP BY l_returnflag, l_linestatus",
    ),
    (
        "TOP 100",
        "SELECT l_orderkey, l_extendedprice FROM {} ORDER BY l_extendedprice DESC, l_orderkey LIMIT 100",
    ),
];

/// Measures and prints a table.
pub async fn run(binary: &str) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    point::write(directory.path())?;
    let (server, _) = Server::start(binary, directory.path()).await?;
    let (there, http) = (client().await?, reqwest::Client::new());
    println!("\n| statement | rows | PostgreSQL, ms | Lakegate, ms | ratio |\n|---|---|---|---|---|");
    for (name, text) in STATEMENTS {
        let (own, governed) = (
            text.replace("{}", "lineitem"),
            text.replace("{}", "crm.public.lineitem"),
        );
        let (mut ours, mut theirs, mut rows) = (Vec::new(), Vec::new(), 0);
        for run in 0..=RUNS {
            let started = Instant::now();
            let expected = there.query(own.as_str(), &[]).await?.len();
            let their = started.elapsed();
            let started = Instant::now();
            let answer = http
                .post(format!("http://{}/v1/sql", server.http))
                .bearer_auth(ANALYST_KEY)
                .header("accept", "application/json")
                .json(&serde_json::json!({ "sql": governed }))
                .send()
                .await?;
            let (status, body) = (answer.status(), answer.bytes().await?);
            let our = started.elapsed();
            let body: serde_json::Value = serde_json::from_slice(&body)?;
            rows = body
                .get("rows")
                .and_then(serde_json::Value::as_array)
                .map_or(0, Vec::len);
            if !status.is_success() || rows != expected {
                return Err(format!("{name}: {status}: {body}").into());
            }
            if run > 0 {
                ours.push(our);
                theirs.push(their);
            }
        }
        let (our, their) = (median(ours), median(theirs));
        println!("| {name} | {rows} | {their:.0} | {our:.0} | {:.3} |", our / their);
    }
    server.stop().await
}
