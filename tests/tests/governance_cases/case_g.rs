//! Is nothing written and nothing declared by SQL? (governance.md §9.4, E1, G1 and G2 as far as this version goes)

use lakegate_query::error::ErrorCode;
use lakegate_tests::governance::oracle::Complaints;

use crate::stage::Stage;

pub async fn g1_statements_that_are_no_questions_are_refused(stage: &Stage) -> Complaints {
    let world = &stage.one;
    for sql in [
        "TRUNCATE TABLE orders",
        "ALTER TABLE orders ADD COLUMN x varchar DEFAULT (SELECT max(ssn) FROM orders)",
        "CREATE INDEX i ON orders (id) WHERE ssn = 'CANARY-SSN-1'",
        "UPDATE orders SET region = 'US' WHERE id = 1",
        "UPDATE orders SET region = 'DE' WHERE region = 'US'",
        "DELETE FROM orders WHERE 1/(id - 900001) > 0",
        "MERGE INTO orders USING orders o ON true WHEN MATCHED THEN DELETE",
        "INSERT INTO secret SELECT id FROM orders",
        "CREATE TABLE lake.mallory.own2 AS SELECT ssn FROM orders",
        "UNLOAD (SELECT * FROM orders) TO 's3://mallory/'",
        "COPY orders TO '/tmp/x.parquet'",
    ] {
        for who in ["alice", "dana", "nobody"] {
            let error = world.refusal(who, sql).await;
            assert!(
                [ErrorCode::NotSupported, ErrorCode::SyntaxError].contains(&error.code),
                "{who} {sql}: {error:?}"
            );
            let quoted = sql.contains("CANARY");
            assert!(quoted || !error.to_string().contains("CANARY"), "{sql}: {error}");
        }
    }
    assert_eq!(world.rows("dana", "SELECT count(*) FROM orders").await, ["10"]);
    Vec::new()
}
