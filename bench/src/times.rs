//! What is the middle of many times?

use std::time::Duration;

/// The time below which so many percent of the sorted ones lie, in milliseconds.
pub fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    milliseconds(sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))))
}

/// The median, in milliseconds.
pub fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    percentile(&times, 50)
}

/// A time in milliseconds.
pub fn milliseconds(time: Option<&Duration>) -> f64 {
    time.map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
}
