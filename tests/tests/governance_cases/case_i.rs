//! Does a mistake of the steward close, and never open? (governance.md §9.4, I; O7)

use lakegate::lake::ApplyOptions;
use lakegate_catalog::{
    change::{ChangeSet, Put},
    governance::ColumnMask,
    object::Stored,
};
use lakegate_query::error::ErrorCode;
use lakegate_tests::{
    fixture::{self, Hidden, Place},
    governance::oracle::{self, Complaints},
    world::World,
};
use serde_json::{Value, json};

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_a_bad_set_is_refused_whole() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    let version = world.store.snapshot().await.unwrap().version;
    let permit = "permit(principal == Lakegate::User::\"nobody\", action == Lakegate::Action::\"Select\", resource in \
                  Lakegate::Table::\"lake.sales.orders\");\n";
    let good = format!("@id(\"good\")\n{permit}");
    let bad_sets = [
        (
            "",
            format!("@id(\"a\")\n@row_fitler(\"region = 'DE'\")\n{permit}{good}"),
            "row_fitler",
        ),
        ("", format!("@id(\"twice\")\n{permit}@id(\"twice\")\n{permit}"), "twice"),
        ("", format!("{good}{permit}"), "@id"),
        (
            "",
            format!("{good}@id(\"b\")\npermit(principal, action, resource) when {{ resource.nme == \"x\" }};"),
            "nme",
        ),
        (
            "",
            format!("{good}@id(\"c\")\npermit(principal == Lakegate::User::\"nobdy\", action, resource);"),
            "nobdy",
        ),
        (
            "tables:\n  lake.sales.late: {format: parquet, location: \"orders/\", columns: [{name: id, type: bigint}], filters: {f: \
             {where: \"regoin = 'DE'\"}}}\n",
            good.clone(),
            "regoin",
        ),
        (
            "tables:\n  lake.sales.late: {format: parquet, location: \"orders/\", columns: [{name: id, type: bigint}], filters: {f: \
             {where: \"id = 'DE'\"}}}\n",
            good.clone(),
            "Int64",
        ),
        (
            "tables:\n  lake.sales.late: {format: parquet, location: \"orders/\", columns: [{name: id, type: bigint}], masks: {id: {m: \
             {func: show-lost-4, rank: 1}}}}\n",
            good.clone(),
            "show-lost-4",
        ),
    ];
    for (yaml, cedar, named) in bad_sets {
        let refused = world.try_apply(&format!("lake: bad\n{yaml}"), &cedar).await;
        let told = refused.expect_err(named).to_string();
        assert!(told.contains(named), "{named}: {told}");
    }
    assert_eq!(world.store.snapshot().await.unwrap().version, version);
    assert!(world.run("nobody", "SELECT * FROM orders").await.is_err());
}

const OVERFLOW: &str = "@id(\"overflow\")\nforbid(principal, action == Lakegate::Action::\"Select\", resource is Lakegate::Table)\nwhen { \
                        principal == Lakegate::User::\"alice\" && principal.clearance + 9223372036854775807 + 1 > 0 };\n";

/// A forbid that overflows for alice would be skipped by Cedar: `validate` warns of it, she is denied, and the operator is told.
pub async fn i2_a_policy_that_errs_denies(stage: &Stage) -> Complaints {
    let world = &stage.one;
    let sql = "SELECT id FROM orders";
    let body = json!({"text": OVERFLOW});
    let reply = stage
        .door
        .send("sue", "POST /v1/policies/validate", Some(body), &[])
        .await;
    let told: Value = serde_json::from_str(&reply.body).unwrap();
    let warned = told["warnings"].as_array().into_iter().flatten();
    let warned = warned.filter(|warning| warning["policy"] == "overflow" && warning["line"] == 1);
    assert!(
        warned
            .clone()
            .any(|warning| warning["message"].as_str().unwrap().contains("can overflow")),
        "{}",
        reply.text()
    );
    let before = errors_of_policies(world);
    world.apply("lake: broken\n", OVERFLOW).await;
    let complaints = oracle::denied(world, "alice", sql, ErrorCode::TableNotFound).await;
    assert!(errors_of_policies(world) > before, "no alert");
    assert_eq!(world.rows("plain", "SELECT count(*) FROM alice_copy").await, ["3"]);
    let pruned = ApplyOptions {
        prune: true,
        ..ApplyOptions::default()
    };
    world.apply_with("lake: broken\n", "", pruned).await.unwrap();
    assert_eq!(world.rows("alice", sql).await.len(), 3);
    complaints
}

fn errors_of_policies(world: &World) -> u64 {
    let metrics = world.metrics.text();
    let lines = metrics
        .lines()
        .filter(|line| line.starts_with("lakegate_policy_errors_total"));
    lines
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
        .sum()
}

async fn mask(world: &World, name: &str) -> Stored<ColumnMask> {
    let snapshot = world.store.snapshot().await.unwrap();
    let masks = &snapshot.column_masks;
    Stored::clone(masks.iter().find(|mask| mask.name == name).unwrap())
}

/// The lowest rank, whatever the ids; a tie that was forced into the store gives NULL.
pub async fn i3_of_two_masks_the_lower_rank_applies(stage: &Stage) -> Complaints {
    let world = &stage.one;
    let ssn = "SELECT ssn FROM orders WHERE id = 1";
    assert_eq!(world.rows("alice", ssn).await, ["nnn-nn-3333"]);
    for (rank, expected) in [(5, "XXXXXXXX"), (10, "NULL"), (20, "nnn-nn-3333")] {
        let mut force = mask(world, "fixed").await;
        force.body.rank = rank;
        let change = ChangeSet {
            puts: vec![Put::update(&force).unwrap()],
            principal: "test".to_owned(),
            ..ChangeSet::default()
        };
        world.store.commit(change).await.unwrap();
        assert_eq!(world.rows("alice", ssn).await, [expected], "{rank}");
    }
    Vec::new()
}

/// A filter or mask in the store that means nothing closes the table.
pub async fn i3_a_broken_body_in_the_store_denies(stage: &Stage) -> Complaints {
    let world = &stage.one;
    let mut complaints = Vec::new();
    let snapshot = world.store.snapshot().await.unwrap();
    for (name, body) in [
        ("hold", "legal_hodl <= 0"),
        ("eu", "region IN ("),
        ("hold", "true OR 1/0 = 1"),
        ("eu", ""),
    ] {
        let found = snapshot.data_filters.iter().find(|filter| filter.name == name).unwrap();
        let current = world.store.snapshot().await.unwrap();
        let now = current
            .data_filters
            .iter()
            .find(|filter| filter.id == found.id)
            .unwrap();
        let mut broken = Stored::clone(now);
        broken.body.body = body.to_owned();
        let put = |stored: &Stored<_>| ChangeSet {
            puts: vec![Put::update(stored).unwrap()],
            principal: "test".to_owned(),
            ..ChangeSet::default()
        };
        world.store.commit(put(&broken)).await.unwrap();
        for sql in [
            "SELECT id FROM orders",
            "SELECT count(*) FROM orders",
            "SELECT 1 FROM orders LIMIT 0",
        ] {
            complaints.extend(oracle::denied(world, "alice", sql, ErrorCode::MissingColumn).await);
            let error = world.refusal("alice", sql).await;
            assert!(!error.to_string().contains("legal"), "{error}");
        }
        let current = world.store.snapshot().await.unwrap();
        let now = current
            .data_filters
            .iter()
            .find(|filter| filter.id == found.id)
            .unwrap();
        let mut healed = Stored::clone(now);
        healed.body = found.body.clone();
        world.store.commit(put(&healed)).await.unwrap();
        assert_eq!(world.rows("alice", "SELECT id FROM orders").await.len(), 3);
    }
    complaints
}
