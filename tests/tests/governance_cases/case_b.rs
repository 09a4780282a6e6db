//! Is what is hidden of a column hidden on every route to it? (governance.md §9.4, B; the rest of B is in `statements`)

use lakegate_tests::governance::{
    oracle::{self, Complaints},
    seen::{Look, Seen},
};

use crate::stage::Stage;

/// Statements that name a hidden column, in every clause.
const HIDDEN: [&str; 19] = [
    "SELECT customer FROM orders",
    "SELECT orders.customer FROM orders",
    "SELECT o.customer FROM orders o",
    "SELECT count(customer) FROM orders",
    "SELECT count(DISTINCT customer) FROM orders",
    "SELECT id FROM orders WHERE customer IS NULL",
    "SELECT id FROM orders GROUP BY customer",
    "SELECT id FROM orders ORDER BY customer",
    "SELECT id FROM orders HAVING max(customer) = 'x'",
    "SELECT \"customer\" FROM orders",
    "SELECT a.id FROM orders a JOIN orders b USING (customer)",
    "SELECT a.id FROM orders a JOIN orders b ON a.customer = b.id",
    "SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM orders i WHERE i.customer = orders.id)",
    "SELECT (SELECT max(customer) FROM orders)",
    "SELECT sum(qty) OVER (PARTITION BY customer) FROM orders",
    "SELECT * EXCLUDE (customer) FROM orders",
    "SELECT * EXCEPT (customer) FROM orders",
    "WITH c AS (SELECT * FROM orders) SELECT customer FROM c",
    "EXPLAIN SELECT customer FROM orders",
];

/// O5: the bytes of a misspelt column, twice.
pub async fn b1_a_hidden_column_is_a_misspelt_one(stage: &Stage) -> Complaints {
    let mut complaints = Vec::new();
    for sql in HIDDEN.into_iter().chain(HIDDEN) {
        complaints.extend(oracle::same_404(&stage.one, "alice", sql, ["customer", "custonner"]).await);
    }
    // Its nullness is the mask's.
    let nulls = "SELECT count(*) FROM orders WHERE ssn IS NULL";
    assert_eq!(stage.one.rows("alice", nulls).await, ["0"]);
    complaints
}

/// O2 and O3 on each route to a field: `10115` is a value of a visible row, which its mask hides.
pub async fn b2_a_masked_field_is_masked_on_each_route(stage: &Stage) -> Complaints {
    if !stage.nested {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for sql in [
        "SELECT n.addr.zip FROM lake.sales.nested n",
        "SELECT addr['zip'] FROM lake.sales.nested",
        "SELECT get_field(addr, 'zip') FROM lake.sales.nested",
        "SELECT max(addr['zip']) FROM lake.sales.nested",
        "SELECT q.a['zip'] FROM (SELECT addr AS a FROM lake.sales.nested) q",
        "SELECT make_array(addr)[1]['zip'] FROM lake.sales.nested",
    ] {
        assert_eq!(stage.one.rows("nia", sql).await, ["nnnnn"], "{sql}");
    }
    for sql in [
        "SELECT addr FROM lake.sales.nested",
        "SELECT * FROM lake.sales.nested",
        "SELECT l.z FROM lake.sales.nested n, LATERAL (SELECT n.addr['zip'] AS z) l",
        "SELECT named_struct('a', addr) FROM lake.sales.nested",
        "SELECT CAST(addr AS varchar) FROM lake.sales.nested",
        "SELECT unnest(items), addr FROM lake.sales.nested",
        "SELECT unnest(addr) FROM lake.sales.nested",
        "SELECT array_agg(addr) FROM lake.sales.nested",
    ] {
        let seen = Seen::of(&stage.one, "nia", sql, Look::AnswerAndPlan).await;
        complaints.extend(oracle::canary(&stage.one, sql, &[&seen.text()], &["10115", "CANARY"]));
        assert!(
            seen.failure.is_some() || seen.to_string().contains("nnnnn"),
            "{sql}: {seen}"
        );
        complaints.extend(oracle::no_canary(&stage.one, sql, &seen));
    }
    let by_value = "SELECT id FROM lake.sales.nested WHERE addr['zip'] = '10115'";
    assert!(stage.one.rows("nia", by_value).await.is_empty());
    let items = "SELECT unnest(items) FROM lake.sales.nested";
    assert_eq!(stage.one.rows("nia", items).await, ["a", "b"]);
    complaints
}

/// Declared type, nullable, no metadata: of the result, and of what is computed from it.
pub async fn b5_a_masked_column_keeps_its_type(stage: &Stage) -> Complaints {
    let columns = "SELECT ssn, email, amount FROM orders LIMIT 1";
    let masked = stage.one.ask("alice", columns).await;
    let clear = stage.one.ask("dana", columns).await;
    for (masked, clear) in masked.schema.fields().iter().zip(clear.schema.fields()) {
        assert_eq!(masked.data_type(), clear.data_type());
        assert!(masked.is_nullable() && masked.metadata().is_empty(), "{masked:?}");
    }
    let types = "SELECT DISTINCT arrow_typeof(ssn) FROM orders";
    assert_eq!(
        stage.one.rows("alice", types).await,
        stage.one.rows("dana", types).await
    );
    Vec::new()
}
