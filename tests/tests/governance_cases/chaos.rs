//! Does anything above the barrier protect what is hidden? Each rule of the optimizer is left out once. (governance.md §9.2, 3)

use lakegate_query::session::EngineChange;
use lakegate_tests::{
    fixture::{self, Hidden, Place},
    governance::{
        chaos::Chaos,
        oracle::{self, Complaints},
        seen::{Look, Seen},
        statements::ALICE,
    },
    postgres,
    world::World,
};

/// The lake twice; its engine changes.
struct Lakes([World; 2]);

impl Lakes {
    async fn open(place: Place) -> Self {
        Self([
            fixture::world(place, Hidden::Canaries).await,
            fixture::world(place, Hidden::Others).await,
        ])
    }

    fn change(&mut self, engine: &EngineChange) {
        for world in &mut self.0 {
            world.change_engine(engine.clone());
        }
    }

    /// O1, O2 and O3.
    async fn ask(&self, sql: &str, keeps_meaning: bool) -> Complaints {
        let [one, other] = &self.0;
        let seen = Seen::of(one, "alice", sql, Look::Answer).await;
        let others = Seen::of(other, "alice", sql, Look::Answer).await;
        let mut complaints = oracle::canary(one, sql, &[&seen.text()], &fixture::CANARIES);
        complaints.extend(oracle::indistinguishable(sql, &seen, &others));
        if keeps_meaning && !refuses(&seen) {
            complaints.extend(oracle::diff(one, &seen, sql, "alice_copy").await);
        }
        complaints
    }
}

/// What an engine without some of its rules does not plan at all is no row.
fn refuses(seen: &Seen) -> bool {
    matches!(
        seen.failure,
        Some((
            "NOT_SUPPORTED" | "INTERNAL_ERROR" | "QUERY_TOO_COMPLEX" | "PLAN_INVARIANT",
            _
        ))
    )
}

/// Every statement meets every kind of change; each single change meets a share of them.
const SHARE: usize = 24;

async fn without_each_rule(place: Place, turn: usize, places: usize) {
    let mut lakes = Lakes::open(place).await;
    let mut complaints = Vec::new();
    for (number, chaos) in Chaos::all().iter().enumerate().skip(turn).step_by(places) {
        lakes.change(&chaos.engine());
        let statements = ALICE.iter().filter(|(_, sql)| !sql.starts_with("SHOW"));
        for (_, sql) in statements.skip(number % SHARE).step_by(SHARE) {
            let found = lakes.ask(sql, chaos.keeps_meaning()).await;
            complaints.extend(found.into_iter().map(|text| format!("{place:?} {chaos:?} {text}")));
        }
    }
    oracle::assert_none(&complaints);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_rule_protects_what_is_hidden_in_files() {
    without_each_rule(Place::Parquet, 0, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_rule_protects_what_is_hidden_in_a_database() {
    let place = if postgres::is_there("chaos of the optimizer") {
        Place::Postgres
    } else {
        Place::Sqlite
    };
    without_each_rule(place, 1, 2).await;
}

/// What is changed really plans: without its rules the engine finds other plans, and with them the same again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_engine_plans_otherwise() {
    let mut world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    let sql = "EXPLAIN SELECT a.id + 0 + 1 FROM orders a JOIN orders b ON a.id = b.id WHERE a.qty > 1 AND true ORDER BY 1 LIMIT 1";
    let usual = world.ask("alice", sql).await.text();
    let mut plans = Vec::new();
    for chaos in [
        Chaos::Unoptimised,
        Chaos::WithoutLogical("push_down_filter".to_owned()),
        Chaos::WithoutPhysical("TopKSort".to_owned()),
    ] {
        world.change_engine(chaos.engine());
        plans.push(world.ask("alice", sql).await.text());
    }
    assert_ne!(plans[0], usual);
    assert_ne!(plans[1], usual);
    // There is no such rule.
    assert_eq!(plans[2], usual);
}

/// No user may set how files are read; and if the operator does, all statements of A still hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a4_pushed_down_filters_of_the_operator() {
    let engine = EngineChange::of(|mut builder| {
        if let Some(config) = builder.config() {
            let options = config.options_mut();
            options.execution.parquet.pushdown_filters = true;
            options.execution.parquet.reorder_filters = true;
        }
        builder
    });
    for (turn, place) in [Place::Parquet, Place::Groups, Place::Partitions]
        .into_iter()
        .enumerate()
    {
        let mut lakes = Lakes::open(place).await;
        lakes.change(&engine);
        let mut complaints = Vec::new();
        let of_a = ALICE.iter().filter(|(case, _)| case.starts_with('A'));
        for (_, sql) in of_a.skip(turn).step_by(3) {
            complaints.extend(lakes.ask(sql, true).await);
        }
        oracle::assert_none(&complaints);
    }
}
