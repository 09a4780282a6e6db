//! Which sample cases of governance.md §9.4 are not tested yet, and what do they wait for?

/// Case, and the surface that it needs. Everything else of §9.4 has a test that carries its letter and number.
// sorted: start
pub const WAITING: &[(&str, &str)] = &[
    (
        "B2",
        "`orders` has no nested columns on CSV, SQLite and PostgreSQL; Parquet and JSON are tested",
    ),
    ("C7", "Iceberg equality deletes"),
    (
        "D1",
        "Flight and Iceberg doors; the rest of D1 is tested, `pg_catalog` by its absence",
    ),
    ("D4", "Flight metadata and CommandComplete; the rest of D4 is tested"),
    ("E1", "INSERT and UNLOAD: refused as not supported"),
    ("E2", "`mv`: no view is materialised; `v_inv` and `v_def` are tested"),
    ("E3", "Iceberg commits"),
    (
        "E4",
        "the lake of §9.4 has no place on DynamoDB; `system/dynamodb` asks the case on a table of its own",
    ),
    (
        "F1",
        "portals and tickets; statements, runs and stored results are tested",
    ),
    ("F3", "pgwire: `user` and subject of the token; REST is tested"),
    ("G2", "UPDATE: refused as not supported"),
    (
        "I2",
        "the counterexample of `validate`; its warning, denial and alert are tested",
    ),
];
// sorted: end
