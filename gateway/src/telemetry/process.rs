//! What does the process use? Read from `/proc` when the metrics are fetched; absent elsewhere.

use std::fs;

/// Ticks per second of the kernel's figures, on every Linux that we run on.
const TICKS: f64 = 100.0;
const PAGE: f64 = 4_096.0;

/// CPU seconds, resident bytes, and when the process began.
pub(super) struct Used {
    pub(super) cpu: f64,
    pub(super) memory: f64,
    pub(super) start: f64,
}

/// The figures of now.
pub(super) fn used() -> Option<Used> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the process, in parentheses, may hold anything.
    let fields: Vec<f64> = stat
        .rsplit_once(')')?
        .1
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0.0))
        .collect();
    let system = fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = system
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()?;
    Some(Used {
        cpu: (fields.get(11)? + fields.get(12)?) / TICKS,
        memory: fields.get(21)? * PAGE,
        start: boot + fields.get(19)? / TICKS,
    })
}
