//! How many read units may be used now? A bucket for each table and index, shared by all queries of the process.
//!
//! Units are known when they have been used: a request may overdraw the bucket, and the next one waits until it is filled again.
//! When the service refuses all the same, others use the table too, and the rate is halved; it recovers by itself.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Of the provisioned units we use this part.
pub(super) const SHARE: f64 = 0.5;
/// Seconds of units that a bucket holds.
const BURST: f64 = 5.0;
/// A rate that was halved is whole again after about this many seconds.
const RECOVERY: f64 = 30.0;
/// Refusals within this time are one: requests that run side by side are refused together.
const ONE_REFUSAL: Duration = Duration::from_secs(1);
/// The smallest part of the rate that is left.
const LEAST: f64 = 1.0 / 64.0;
/// Assumed where the rate is not known and the service refuses.
const ASSUMED: f64 = 1_000.0;

/// A table, and the index of it.
pub(super) type Place = (String, Option<String>);

/// The buckets of a connection.
#[derive(Debug, Default)]
pub(super) struct Budget(Mutex<HashMap<Place, Bucket>>);

#[derive(Debug)]
struct Bucket {
    /// Units a second; `None`: as many as the service gives.
    rate: Option<f64>,
    /// Part of the rate that is used.
    part: f64,
    level: f64,
    filled: Instant,
    halved: Option<Instant>,
}

impl Bucket {
    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.part = (self.part + passed / RECOVERY).min(1.0);
        let whole = self.part >= 1.0;
        match self.rate {
            Some(rate) => self.level = (self.level + rate * self.part * passed).min(rate * self.part * BURST),
            None if whole => self.level = 0.0,
            None => self.level = (self.level + ASSUMED * self.part * passed).min(0.0),
        }
    }

    fn speed(&self) -> f64 {
        self.rate.unwrap_or(ASSUMED) * self.part
    }
}

impl Budget {
    /// How long to wait before the next request; `rate`: units a second of the place, if limited.
    pub(super) fn wait(&self, place: &Place, rate: Option<f64>, now: Instant) -> Duration {
        self.with(place, rate, now, |bucket| {
            if bucket.level >= 0.0 {
                Duration::ZERO
            } else {
                Duration::try_from_secs_f64(-bucket.level / bucket.speed()).unwrap_or(Duration::from_secs(60))
            }
        })
    }

    /// The units that a request has used.
    pub(super) fn used(&self, place: &Place, rate: Option<f64>, units: f64, now: Instant) {
        self.with(place, rate, now, |bucket| bucket.level -= units);
    }

    /// The service refused.
    pub(super) fn refused(&self, place: &Place, rate: Option<f64>, now: Instant) {
        self.with(place, rate, now, |bucket| {
            if bucket
                .halved
                .is_some_and(|last| now.saturating_duration_since(last) < ONE_REFUSAL)
            {
                return;
            }
            bucket.halved = Some(now);
            bucket.part = (bucket.part / 2.0).max(LEAST);
            bucket.level = bucket.level.min(0.0);
        });
    }

    fn with<T>(&self, place: &Place, rate: Option<f64>, now: Instant, act: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = all.entry(place.clone()).or_insert_with(|| Bucket {
            rate,
            part: 1.0,
            level: rate.unwrap_or(0.0) * BURST,
            filled: now,
            halved: None,
        });
        bucket.rate = rate;
        bucket.fill(now);
        act(bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        ("orders".to_owned(), None)
    }

    #[test]
    fn the_rate_is_kept_over_time() {
        let (budget, start) = (Budget::default(), Instant::now());
        let (mut now, mut used) = (start, 0.0);
        while used < 2_000.0 {
            now += budget.wait(&place(), Some(100.0), now);
            budget.used(&place(), Some(100.0), 128.5, now);
            used += 128.5;
        }
        let took = now.duration_since(start).as_secs_f64();
        // The first 500 units are the burst.
        assert!((13.0..17.0).contains(&took), "{took}");
        // Another index has units of its own.
        assert_eq!(
            budget.wait(&("orders".to_owned(), Some("by_owner".to_owned())), Some(100.0), now),
            Duration::ZERO
        );
    }

    #[test]
    fn a_refusal_halves_the_rate_for_a_while() {
        let (budget, start) = (Budget::default(), Instant::now());
        budget.used(&place(), Some(100.0), 600.0, start);
        let before = budget.wait(&place(), Some(100.0), start);
        budget.refused(&place(), Some(100.0), start);
        let after = budget.wait(&place(), Some(100.0), start);
        assert!(after > before.mul_f64(1.9), "{before:?} {after:?}");
        budget.refused(&place(), Some(100.0), start + Duration::from_millis(10));
        let again = budget.wait(&place(), Some(100.0), start + Duration::from_millis(10));
        assert!(again <= after, "{after:?} {again:?}");
        let later = start + Duration::from_secs(60);
        assert_eq!(budget.wait(&place(), Some(100.0), later), Duration::ZERO);
    }

    #[test]
    fn without_a_rate_only_a_refusal_slows_down() {
        let (budget, start) = (Budget::default(), Instant::now());
        budget.used(&place(), None, 1e6, start);
        assert_eq!(
            budget.wait(&place(), None, start + Duration::from_millis(1)),
            Duration::ZERO
        );
        budget.refused(&place(), None, start);
        budget.used(&place(), None, 1_000.0, start);
        assert!(budget.wait(&place(), None, start) > Duration::from_secs(1));
    }
}
