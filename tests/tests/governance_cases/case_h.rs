//! Do limits and hashes tell nothing? (governance.md §9.4, H)

use std::collections::BTreeSet;

use lakegate_tests::{governance::oracle::Complaints, world::World};

use crate::stage::Stage;

/// A limit that only hidden rows would trip has one outcome on both databases.
pub async fn h1_limits_count_what_may_be_seen(stage: &Stage) -> Complaints {
    let mut outcomes = Vec::new();
    for world in stage.worlds() {
        let mut of_world = Vec::new();
        for (rows, bytes) in [
            (Some(3), None),
            (Some(2), None),
            (None, Some(1_048_576)),
            (None, Some(1_048_575)),
        ] {
            let mut request = world.request("SELECT id FROM orders");
            request.limits.rows = rows;
            request.limits.scanned_bytes = bytes;
            let outcome = world.run_request("alice", request).await;
            of_world.push(outcome.map(|answer| answer.len()).map_err(|failure| failure.error.code));
        }
        outcomes.push(of_world);
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(outcomes[0][0], Ok(3));
    assert_eq!(outcomes[0][2], Ok(3));
    assert!(outcomes[0][1].is_err() && outcomes[0][3].is_err(), "{outcomes:?}");
    Vec::new()
}

/// A keyed hash is the same in every statement; a local one is another in each, and the same within one.
pub async fn h2_a_hash_lasts_as_long_as_it_says(stage: &Stage) -> Complaints {
    let world = &stage.one;
    let (keyed, again) = (emails(world, "alice").await, emails(world, "alice").await);
    assert_eq!(keyed, again);
    let (local, again) = (emails(world, "amy").await, emails(world, "amy").await);
    assert!(local.is_disjoint(&again), "{local:?} {again:?}");
    assert!(local.is_disjoint(&keyed), "{local:?} {keyed:?}");
    for emails in [&keyed, &local, &again] {
        assert_eq!(emails.len(), 3);
    }
    for who in ["alice", "amy"] {
        for sql in [
            "SELECT a.id FROM orders a JOIN orders b ON a.email = b.email",
            "SELECT id FROM orders WHERE email IN (SELECT email FROM orders)",
            "SELECT min(id) FROM (SELECT id, email FROM orders UNION ALL SELECT id, email FROM orders) q GROUP BY email",
        ] {
            assert_eq!(world.rows(who, sql).await, ["1", "2", "3"], "{who} {sql}");
        }
    }
    Vec::new()
}

async fn emails(world: &World, who: &str) -> BTreeSet<String> {
    world.rows(who, "SELECT email FROM orders").await.into_iter().collect()
}
