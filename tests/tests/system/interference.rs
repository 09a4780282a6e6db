//! Can anybody tell two databases apart that differ only in what they may not see? (governance.md P3, O1–O3; cases A, B, C)
//!
//! Each statement runs over the canaries, over other hidden rows, and over the physically filtered copy. Rows, schema, error
//! code and text, figures shown and EXPLAIN must be the same bytes in all three.

use lakegate_tests::{
    fixture::{self, CANARIES, Hidden, Place},
    world::World,
};

/// Statements of alice: every clause that might look at a hidden row or cell, and every kind of expression that might fail on one.
const ALICE: &[&str] = &[
    "SELECT * FROM orders",
    "SELECT count(*) FROM orders",
    "SELECT id FROM orders LIMIT 3",
    "SELECT id FROM orders LIMIT 3 OFFSET 1",
    "SELECT * FROM orders ORDER BY id DESC LIMIT 2",
    // A1: division by the zero of a hidden row, wherever an expression may stand.
    "SELECT id, 1/qty FROM orders",
    "SELECT id, (SELECT 1/o.qty) FROM orders o",
    "SELECT id FROM orders WHERE 1/qty > 0",
    "SELECT id FROM orders WHERE qty <> 0 AND 10/qty > 3",
    "SELECT count(*) FROM orders GROUP BY 6/qty",
    "SELECT id FROM orders ORDER BY 6/qty",
    "SELECT id FROM orders ORDER BY 6/qty LIMIT 1",
    "SELECT max(6/qty) FROM orders HAVING max(6/qty) > 0",
    "SELECT id, sum(6/qty) OVER (ORDER BY id) FROM orders",
    "SELECT a.id FROM orders a JOIN orders b ON 6/a.qty = 6/b.qty",
    "SELECT a.id FROM orders a LEFT JOIN orders b ON a.id = b.id AND 6/b.qty > 1",
    "SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM orders i WHERE 6/i.qty = orders.qty)",
    "SELECT CASE WHEN qty <> 0 THEN 1/qty ELSE 0 END FROM orders",
    "SELECT coalesce(nullif(qty, 0), 1/qty) FROM orders",
    "WITH q AS (SELECT 1/qty AS x FROM orders) SELECT count(*) FROM q WHERE x > 0",
    "SELECT 1/qty FROM orders UNION SELECT 2/qty FROM orders",
    "SELECT qty % qty FROM orders",
    "SELECT id FROM orders WHERE id IN (SELECT 6/qty FROM orders)",
    // A2: fallible functions over texts.
    "SELECT CAST(code AS int) FROM orders",
    "SELECT id FROM orders WHERE CAST(code AS int) > 10",
    "SELECT TRY_CAST(code AS int) FROM orders",
    "SELECT arrow_cast(code, 'Int8') FROM orders",
    "SELECT CAST(code AS double) FROM orders",
    "SELECT CAST(note AS date) FROM orders",
    "SELECT CAST(code AS boolean) FROM orders",
    "SELECT CAST(code AS decimal(4,2)) FROM orders",
    "SELECT CAST(id AS smallint) FROM orders",
    "SELECT CAST(id AS tinyint) + CAST(code AS tinyint) FROM orders",
    "SELECT to_timestamp(note) FROM orders",
    "SELECT to_timestamp(CAST(code AS bigint)) FROM orders",
    "SELECT to_date(note) FROM orders",
    "SELECT decode(note, 'base64') FROM orders",
    "SELECT decode(code, 'hex') FROM orders",
    "SELECT chr(CAST(code AS bigint)) FROM orders",
    "SELECT repeat(note, CAST(code AS bigint)) FROM orders",
    "SELECT regexp_like(note, code) FROM orders",
    "SELECT regexp_replace('x', note, 'y') FROM orders",
    "SELECT date_trunc(note, DATE '2020-01-01') FROM orders",
    "SELECT make_date(2020, qty, qty) FROM orders",
    "SELECT factorial(qty) FROM orders",
    "SELECT sum(CAST(code AS bigint)) FROM orders",
    "SELECT lpad(note, qty, 'x') FROM orders",
    "SELECT substr(note, qty) FROM orders",
    // A3: a cast in the sort key of a top-N.
    "SELECT * FROM orders ORDER BY CAST(code AS int) LIMIT 1",
    "SELECT id FROM orders ORDER BY CAST(code AS int) DESC LIMIT 1",
    // B1: hidden columns and masked ones.
    "SELECT count(customer) FROM orders",
    "SELECT id FROM orders WHERE customer IS NULL",
    "SELECT id FROM orders ORDER BY customer",
    "SELECT ssn IS NULL FROM orders",
    "SELECT id FROM orders WHERE ssn = '111-22-3333'",
    "SELECT id FROM orders WHERE ssn = 'nnn-nn-3333'",
    "SELECT id FROM orders WHERE ssn LIKE '%3333'",
    "SELECT id FROM orders WHERE ssn < 'nnn-nn-4'",
    "SELECT ssn, count(*) FROM orders GROUP BY ssn",
    "SELECT max(ssn), min(email) FROM orders",
    "SELECT id FROM orders ORDER BY ssn DESC",
    "SELECT a.id FROM orders a JOIN orders b ON a.ssn = b.ssn",
    // B3, B5.
    "SELECT length(ssn), substr(ssn, 1, 3), ascii(ssn), ssn || '' FROM orders",
    "SELECT arrow_typeof(ssn), arrow_typeof(amount), arrow_typeof(id) FROM orders",
    "SELECT length(email) FROM orders",
    // Cells: amount is clear on German rows only.
    "SELECT id, amount FROM orders",
    "SELECT id FROM orders WHERE amount = 20",
    "SELECT id FROM orders WHERE amount IS NULL",
    "SELECT id FROM orders WHERE amount > 1000",
    "SELECT sum(amount), avg(amount), count(amount) FROM orders",
    "SELECT id FROM orders ORDER BY amount NULLS FIRST",
    // C3 and others that count rows.
    "SELECT column1 FROM (VALUES (900001), (900002), (900003), (3)) v WHERE column1 NOT IN (SELECT id FROM orders)",
    "SELECT region, count(*) FROM orders GROUP BY region",
    "SELECT DISTINCT tenant FROM orders",
    "SELECT min(id), max(id), min(ts), max(ts) FROM orders",
    "SELECT id FROM orders WHERE id > 100",
    "SELECT id FROM orders WHERE region = 'US' OR id > 900000",
    "SELECT id FROM orders WHERE region IS NULL",
    "SELECT id FROM orders WHERE legal_hold = 1",
    "SELECT id FROM orders WHERE true OR 1/(id - 900001) > 0",
    "SELECT 1/(id - 900001) FROM orders",
    "SELECT row_number() OVER () FROM orders",
    "SELECT id FROM orders EXCEPT SELECT 1",
    "SELECT approx_distinct(region) FROM orders",
    "DESCRIBE orders",
    "SHOW TABLES",
];

const CAROL: &[&str] = &[
    "SELECT * FROM orders",
    // B4: amount is NULL on the American row.
    "SELECT id FROM orders WHERE amount > 1000",
    "SELECT id, amount FROM orders WHERE region = 'US'",
    "SELECT sum(amount) FROM orders WHERE region IS NOT NULL",
    "SELECT customer FROM orders",
    "SELECT 1/(amount - 1) FROM orders",
];

async fn run_all(place: Place) {
    let canaries = fixture::world(place, Hidden::Canaries).await;
    let others = fixture::world(place, Hidden::Others).await;
    let nothing = fixture::world(place, Hidden::Nothing).await;
    let mut differences = Vec::new();
    for sql in ALICE {
        let seen = observe(&canaries, "alice", sql).await;
        let (other, none) = (
            observe(&others, "alice", sql).await,
            observe(&nothing, "alice", sql).await,
        );
        if seen != other || seen != none {
            differences.push(format!(
                "{sql}\n--- canaries\n{seen:?}\n--- others\n{other:?}\n--- nothing\n{none:?}"
            ));
        }
        if let Some(found) = CANARIES
            .into_iter()
            .find(|canary| !sql.contains(*canary) && format!("{seen:?}").contains(*canary))
        {
            differences.push(format!("{sql}: `{found}` in\n{seen:?}"));
        }
    }
    assert!(differences.is_empty(), "{place:?}:\n{}", differences.join("\n\n"));
    for sql in CAROL {
        let seen = format!("{:?}", observe(&canaries, "carol", sql).await);
        assert!(!seen.contains("CANARY") && !seen.contains("31337"), "{sql}: {seen}");
    }
}

/// What a caller sees of one statement.
#[derive(Debug, PartialEq)]
struct Seen {
    /// Columns and rows, or code and message; and the figures.
    answer: String,
    plan: String,
}

/// Everything that the caller can see of one statement.
async fn observe(world: &World, user: &str, sql: &str) -> Seen {
    let mut seen = String::new();
    let mut shown = String::new();
    let request = world.request(sql);
    let id = match world.run_request(user, request).await {
        Ok(answer) => {
            let mut lines = answer.lines();
            if !sql.contains("ORDER BY") && !sql.contains("LIMIT") {
                lines.sort();
            }
            seen.push_str(&format!("{}\n{}\n", answer.columns(), lines.join("\n")));
            Some(answer.id)
        }
        Err(failure) => {
            let (code, message) = (failure.error.code.text(), failure.error.to_string());
            assert!(
                !["PLAN_INVARIANT", "INTERNAL_ERROR"].contains(&code),
                "{sql}: {:?}",
                failure.error
            );
            assert!(
                !message.contains(&*world.directory().to_string_lossy()),
                "{sql}: {message}"
            );
            seen.push_str(&format!("{code} {message}\n"));
            failure.query_id
        }
    };
    if let Some(id) = id {
        let usage = world.shown_usage(user, &id).await;
        seen.push_str(&format!("{usage:?}\n"));
    }
    if sql.starts_with("SELECT") || sql.starts_with("WITH") {
        let plan = world.run(user, &format!("EXPLAIN {sql}")).await;
        let plan = plan.map_or_else(|error| format!("{} {error}", error.code.text()), |answer| answer.text());
        for secret in [
            "legal_hold <=",
            "last4",
            "show-last",
            "eu",
            "lakegate_mask",
            ".parquet",
            ".csv",
            ".ndjson",
            "sqlite",
        ] {
            let own = sql.contains(secret);
            assert!(own || !plan.contains(secret), "{sql}: `{secret}` in {plan}");
        }
        assert!(!plan.contains(&*world.directory().to_string_lossy()), "{sql}: {plan}");
        shown = plan;
    }
    Seen {
        answer: seen,
        plan: shown,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parquet() {
    run_all(Place::Parquet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn csv() {
    run_all(Place::Csv).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ndjson() {
    run_all(Place::Ndjson).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    run_all(Place::Sqlite).await;
}
