//! How much may one query take, and how long is its result kept?

use std::{fs, time::Duration};

use super::{http::size, settings::Settings};

/// Section `query`.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Memory of all queries; 0: 60 % of the container's limit or of the machine.
    pub memory_bytes: usize,
    /// Memory of one query; 0: half of all.
    pub query_memory_bytes: usize,
    /// Threads that compute; 0: one per core.
    pub threads: usize,
    pub timeout: Duration,
    /// How long a statement may go on when the store does not say whether its permissions still hold.
    pub max_policy_staleness: Duration,
    pub result_bytes: u64,
    pub spill_bytes: u64,
}

/// Section `results`.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    pub ttl: Duration,
}

impl Query {
    pub(super) fn read(settings: &mut Settings) -> Self {
        Self {
            memory_bytes: size(settings.number("query.memory_bytes", 0, 0..=1 << 50)),
            query_memory_bytes: size(settings.number("query.query_memory_bytes", 0, 0..=1 << 50)),
            threads: size(settings.number("query.threads", 0, 0..=1_024)),
            timeout: settings.seconds("query.timeout_seconds", 1_800, 1..=86_400),
            max_policy_staleness: settings.seconds("query.max_policy_staleness_seconds", 30, 1..=3_600),
            result_bytes: settings.number("query.result_bytes", 10_000_000_000, 1..=1 << 50),
            spill_bytes: settings.number("query.spill_bytes", 10_000_000_000, 0..=1 << 50),
        }
    }

    /// Memory of all queries in bytes.
    #[must_use]
    pub fn total_memory(&self) -> usize {
        if self.memory_bytes > 0 {
            self.memory_bytes
        } else {
            available_memory() / 10 * 6
        }
    }

    /// Memory of one query in bytes.
    #[must_use]
    pub fn memory_of_one(&self) -> usize {
        if self.query_memory_bytes > 0 {
            self.query_memory_bytes.min(self.total_memory())
        } else {
            self.total_memory() / 2
        }
    }

    /// Threads that compute.
    #[must_use]
    pub fn computing_threads(&self) -> usize {
        if self.threads > 0 {
            self.threads
        } else {
            std::thread::available_parallelism().map_or(1, usize::from)
        }
    }
}

impl Results {
    pub(super) fn read(settings: &mut Settings) -> Self {
        Self {
            ttl: Duration::from_secs(3_600 * settings.number("results.ttl_hours", 24, 1..=8_760)),
        }
    }
}

/// The smallest of the cgroup's limit (versions 2 and 1) and the machine's memory; 1 GiB where nothing can be read.
fn available_memory() -> usize {
    let limits = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    let cgroup = limits
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok()?.trim().parse::<usize>().ok());
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<usize>()
            .ok()?
            .checked_mul(1_024)
    });
    cgroup.chain(machine).min().unwrap_or(1 << 30)
}
