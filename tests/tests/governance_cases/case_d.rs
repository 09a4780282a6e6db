//! Does metadata tell of nothing that is hidden? (governance.md §9.4, D; HTTP is in `doors`)

use lakegate_tests::governance::{
    oracle::{self, Complaints},
    seen::{Look, Seen},
};

use crate::stage::Stage;

/// Questions of bob, who may describe the database itself and nothing in it.
fn questions(stage: &Stage) -> Vec<String> {
    let (catalog, database) = stage.database();
    vec![
        format!("SHOW TABLES FROM {catalog}.{database}"),
        "SHOW TABLES".to_owned(),
        "SHOW TABLES LIKE '%'".to_owned(),
        "SHOW SCHEMAS".to_owned(),
        "SHOW CATALOGS".to_owned(),
        format!("SELECT table_schema, table_name FROM {catalog}.information_schema.tables"),
        format!("SELECT * FROM {catalog}.information_schema.columns"),
        format!("SELECT count(*) FROM {catalog}.information_schema.tables"),
        format!("SELECT * FROM {catalog}.information_schema.schemata"),
        format!("SELECT * FROM {catalog}.information_schema.views"),
    ]
}

/// O3, O5: the answers do not name `orders`, and are the same whatever is in it.
pub async fn d1_lists_leave_out_what_is_hidden(stage: &Stage) -> Complaints {
    let mut complaints = Vec::new();
    for who in ["bob", "mallory", "nobody"] {
        for sql in questions(stage) {
            let one = Seen::of(&stage.one, who, &sql, Look::AnswerAndPlan).await;
            let other = Seen::of(&stage.other, who, &sql, Look::AnswerAndPlan).await;
            let found = oracle::indistinguishable(&sql, &one, &other);
            complaints.extend(found.into_iter().map(|text| format!("{who} {text}")));
            assert!(who != "bob" || one.failure.is_none(), "{sql}: {one}");
            for name in ["orders", "v_def", "user_regions"] {
                assert!(!one.to_string().contains(name), "{who} {sql}: {one}");
            }
        }
        for sql in [
            "SELECT * FROM orders",
            "DESCRIBE orders",
            "SHOW COLUMNS FROM orders",
            "EXPLAIN SELECT 1 FROM orders",
        ] {
            complaints.extend(oracle::same_404(&stage.one, who, sql, ["orders", "ordres"]).await);
        }
    }
    complaints
}

/// There is no `pg_catalog`: whoever asks, and whatever there is to hide, it is missing as any other name is.
pub async fn d1_other_catalogs_do_not_exist(stage: &Stage) -> Complaints {
    let mut complaints = Vec::new();
    for who in ["bob", "alice", "dana"] {
        for sql in [
            "SELECT * FROM pg_catalog.pg_tables",
            "SELECT relname FROM pg_catalog.pg_class",
            "SELECT * FROM pg_catalog.pg_stats",
            "SELECT * FROM pg_catalog.pg_views",
        ] {
            complaints.extend(oracle::same_404(&stage.one, who, sql, ["pg_catalog", "pq_catalog"]).await);
        }
        let definition = "SELECT pg_get_viewdef('lake.sales.v_def')";
        complaints.extend(oracle::same_404(&stage.one, who, definition, ["pg_get_viewdef", "pg_get_viewdof"]).await);
    }
    complaints
}

/// No hidden column, and ordinals without a gap.
pub async fn d2_columns_leave_out_what_is_hidden(stage: &Stage) -> Complaints {
    let world = &stage.one;
    let catalog = stage.database().0;
    let columns = format!(
        "SELECT ordinal_position, column_name FROM {catalog}.information_schema.columns WHERE table_name = 'orders' ORDER BY 1"
    );
    let rows = world.ask("alice", &columns).await.values();
    let ordinals: Vec<String> = rows.iter().map(|row| row[0].clone()).collect();
    let expected: Vec<String> = (1..=11).map(|number| number.to_string()).collect();
    assert_eq!(ordinals, expected, "{rows:?}");
    for sql in [columns.as_str(), "DESCRIBE orders", "SHOW COLUMNS FROM orders"] {
        let seen = Seen::of(world, "alice", sql, Look::Answer).await;
        assert!(!seen.to_string().contains("customer"), "{sql}: {seen}");
    }
    Vec::new()
}

/// NULL for alice, who reads `v_def` and may describe neither it nor `orders`; for others there is no such view.
pub async fn d3_the_text_of_a_view_is_not_told(stage: &Stage) -> Complaints {
    let mut complaints = Vec::new();
    let listed = "SELECT table_name, view_definition FROM lake.information_schema.views ORDER BY 1";
    for (sql, expected) in [
        ("SHOW CREATE VIEW lake.sales.v_def", vec!["NULL"]),
        ("SHOW CREATE VIEW lake.sales.v_inv", vec!["NULL"]),
        (listed, vec!["v_def | NULL", "v_inv | NULL"]),
    ] {
        let one = Seen::of(&stage.one, "alice", sql, Look::AnswerAndPlan).await;
        let other = Seen::of(&stage.other, "alice", sql, Look::AnswerAndPlan).await;
        complaints.extend(oracle::indistinguishable(sql, &one, &other));
        complaints.extend(oracle::no_canary(&stage.one, sql, &one));
        let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(one.outcome(), Ok(expected.as_slice()), "{sql}");
    }
    for who in ["bob", "carol", "mallory"] {
        for sql in ["SHOW CREATE VIEW lake.sales.v_def", "SELECT * FROM lake.sales.v_def"] {
            complaints.extend(oracle::same_404(&stage.one, who, sql, ["v_def", "v_dof"]).await);
        }
    }
    // sue may describe both, as a steward; what she is told is what others are not.
    let describe =
        |resource: &str| format!("  - {{to: \"user:sue\", privileges: [describe], resource: \"{resource}\"}}\n");
    let lake = format!(
        "lake: fixture\ngrants:\n{}{}",
        describe("view:lake.sales.v_def"),
        describe(&format!("table:{}", stage.orders()))
    );
    stage.one.apply(&lake, "").await;
    let told = stage
        .one
        .rows("sue", "SHOW CREATE VIEW lake.sales.v_def")
        .await
        .concat();
    assert!(told.contains(&format!("SELECT * FROM {}", stage.orders())), "{told}");
    complaints
}
