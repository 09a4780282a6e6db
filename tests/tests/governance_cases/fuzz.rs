//! Do random lakes, policies and questions keep every promise? A few here; many by `make fuzz-governance`.

use lakegate_tests::{
    governance::fuzz::{Plan, Plant, Source, cases_until_found, run_as_told},
    postgres,
};

const PLAN: Plan = Plan {
    seed: 1,
    cases: 60,
    source: Source::Files,
    chaos: false,
    parallel: 1,
    plant: None,
    lake: None,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuzz_governance() {
    run_as_told(PLAN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuzz_sqlite() {
    run_as_told(Plan {
        cases: 40,
        source: Source::Sqlite,
        ..PLAN
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuzz_postgres() {
    if postgres::is_there("random lakes") {
        run_as_told(Plan {
            cases: 40,
            source: Source::Postgres,
            ..PLAN
        })
        .await;
    }
}

/// Another optimizer in each world.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuzz_chaos() {
    run_as_told(Plan {
        cases: 40,
        chaos: true,
        ..PLAN
    })
    .await;
}

/// A fuzzer that finds nothing proves nothing: policies that show a little more than the reference allows are found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes minutes; docs/fuzzing.md says how to run it"]
async fn planted_mistakes_are_found() {
    for plant in [Plant::Filter, Plant::Restrictive, Plant::Mask, Plant::Null] {
        let plan = Plan {
            cases: 640,
            plant: Some(plant),
            ..PLAN
        };
        let found = cases_until_found(plan).await;
        println!("{plant:?}: found by case {found:?}");
        assert!(found.is_some(), "{plant:?} is not found in {} cases", plan.cases);
    }
}
