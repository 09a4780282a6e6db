//! Which smaller lake differs still? Rows and rules are left out, a few at a time, as long as the same question complains.

use super::{Trial, ask::Asked, asker::Asker, lake::Lake};
use crate::governance::seen::Look;

/// Worlds that are tried.
const TRIES: usize = 40;

/// The smallest lake that was found, and what is wrong with it; `None` if the lake alone differs no more.
pub async fn shrink(trial: &Trial, lake: &Lake, asked: (&Asked, Look)) -> Option<(Lake, String)> {
    let mut best = lake.clone();
    let mut complaint = complain(trial, &best, asked).await?;
    let mut tries = 0;
    let mut progress = true;
    while progress && tries < TRIES {
        progress = false;
        for smaller in candidates(&best) {
            tries += 1;
            if tries > TRIES {
                break;
            }
            if let Some(found) = complain(trial, &smaller, asked).await {
                (best, complaint, progress) = (smaller, found, true);
                break;
            }
        }
    }
    Some((best, complaint))
}

async fn complain(trial: &Trial, lake: &Lake, (asked, look): (&Asked, Look)) -> Option<String> {
    let alone = Trial {
        lakes: vec![lake.clone()],
        ..trial.clone()
    };
    let world = alone.world().await;
    let asker = Asker::new(&world, lake, trial.chaos.as_ref()).await;
    asker.complaint(asked, look).await.err()
}

/// The lake without half of its rows, without a few, and without one rule.
fn candidates(lake: &Lake) -> Vec<Lake> {
    let mut all = Vec::new();
    for at in 0..lake.tables.len() {
        let count = lake.tables[at].rows.len();
        let mut size = count;
        while size > 0 {
            for start in (0..count).step_by(size) {
                let mut smaller = lake.clone();
                smaller.tables[at].rows.drain(start..(start + size).min(count));
                all.push(smaller);
            }
            size /= 2;
        }
    }
    for at in 0..lake.rules.rules.len() {
        let mut smaller = lake.clone();
        smaller.rules.rules.remove(at);
        smaller.look_again();
        all.push(smaller);
    }
    all
}
