//! What does a decision cost in a big lake? 100,000 tables, 10,000 policies and grants; statements over three wide tables.
//!
//! The real path: a snapshot, its published policies, `authorize::decide`. Cold means that nothing is kept of earlier decisions.

mod lake;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lakegate_catalog::{id::ObjectId, snapshot::Snapshot};
use lakegate_query::{
    authorize,
    context::{Caller, QueryContext},
    entities::{Governor, PolicyDraft, publish, publish_after},
    metadata::visible::Viewer,
};

use crate::{
    Failure,
    times::{milliseconds, percentile},
};

const ROUNDS: usize = 2_000;

/// Measures and prints a table.
pub fn run() -> Result<(), Failure> {
    let snapshot = Arc::new(lake::snapshot(lake::Change::None));
    let (policies, built) = timed(|| publish(&snapshot));
    let policies = Arc::new(policies.map_err(|problems| format!("{problems:?}"))?);
    let changed = lake::snapshot(lake::Change::OnePolicy);
    let (after, succeeded) = timed(|| publish_after(&policies, &changed, &PolicyDraft::default()).map(drop));
    after.map_err(|problems| format!("{problems:?}"))?;
    let governor = Governor::new(Arc::clone(&snapshot), Arc::clone(&policies));

    println!("| measure | value | target |\n|---|---|---|");
    println!(
        "| policies and grants | {} | 10,000 |",
        snapshot.policies.len() + snapshot.grants.len()
    );
    println!("| tables | {} | 100,000 |", snapshot.tables.len());
    println!("| first publication | {:.0} ms | – |", milliseconds(Some(&built)));
    println!(
        "| publication of one changed policy | {:.1} ms | – |",
        milliseconds(Some(&succeeded))
    );
    statements(&snapshot, &governor)?;
    lists(&snapshot, &governor)?;
    Ok(())
}

/// Statements over three tables: 1 table, 2 filters, 40 columns, 4 masks each.
fn statements(snapshot: &Arc<Snapshot>, governor: &Governor) -> Result<(), Failure> {
    let mut cold = Vec::with_capacity(ROUNDS);
    let mut warm = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let caller = caller(snapshot, round % lake::USERS)?;
        let fresh = Governor::new(Arc::clone(governor.snapshot()), Arc::clone(governor.policies()));
        let cx = QueryContext::observing(&fresh, &caller);
        let paths: Vec<_> = (0..3)
            .map(|at| {
                snapshot
                    .table_path(&lake::wide((round + at) % lake::WIDE))
                    .ok_or("no such table")
            })
            .collect::<Result<_, _>>()?;
        let decide = || {
            let (decided, took) = timed(|| {
                paths
                    .iter()
                    .map(|path| authorize::decide(&cx, path))
                    .collect::<Result<Vec<_>, _>>()
            });
            decided.map(|grants| (grants.iter().all(authorize::RelationGrant::is_readable), took))
        };
        for times in [&mut cold, &mut warm] {
            let (readable, took) = decide().map_err(|error| error.log_text())?;
            if !readable {
                return Err("a table that should be open is not".into());
            }
            times.push(took);
        }
    }
    for (name, times, target) in [("cold", &mut cold, "p99 ≤ 2 ms"), ("warm", &mut warm, "p99 ≤ 50 µs")] {
        times.sort();
        let [half, most] = [50, 99].map(|percent| percentile(times, percent) * 1_000.0);
        println!(
            "| decisions of a statement over 3 tables, {name}, {ROUNDS} statements | p50 {half:.0} µs, p99 {most:.0} µs | {target} |"
        );
    }
    Ok(())
}

/// SHOW TABLES over the whole lake, by somebody who may describe it.
fn lists(snapshot: &Arc<Snapshot>, governor: &Governor) -> Result<(), Failure> {
    let viewer = Viewer::new(governor, &caller(snapshot, 0)?);
    for (name, target) in [("cold", "≤ 1 s"), ("again", "–")] {
        let (found, took) = timed(|| {
            snapshot
                .databases
                .iter()
                .map(|database| viewer.tables(database).len())
                .sum::<usize>()
        });
        println!(
            "| SHOW TABLES, {found} shown, {name} | {:.0} ms | {target} |",
            milliseconds(Some(&took))
        );
    }
    Ok(())
}

fn caller(snapshot: &Snapshot, number: usize) -> Result<Caller, Failure> {
    let user = snapshot.user(&lake::user(number)).ok_or("no such user")?;
    Ok(Caller {
        user: user.id.clone(),
        name: user.name.clone(),
        key: None::<ObjectId>,
        method: "internal",
        ip: [127, 0, 0, 1].into(),
        mfa: false,
        auth_age_ms: None,
        door: "internal",
        client: None,
        purpose: None,
        trace_id: None,
        request_id: "bench".to_owned(),
        extra_roles: Vec::new(),
        proof_ends: None,
    })
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}
