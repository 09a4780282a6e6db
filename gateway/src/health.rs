//! Is the server alive, started, ready? Facts that probes read and that no probe has to fetch.

use std::{
    sync::{
        RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// A runtime whose heart has not beaten for so long needs a restart.
const HEARTBEAT_LIMIT: Duration = Duration::from_secs(60);
/// A store that was not reached for so long makes the server unready.
const STORE_LIMIT: Duration = Duration::from_secs(10);

/// Facts about this process. Written by the server, read by the management listener.
#[derive(Debug)]
pub struct Health {
    origin: Instant,
    /// Milliseconds since `origin`.
    heartbeat: AtomicU64,
    /// Milliseconds since `origin` plus one; 0: never.
    store: AtomicU64,
    started: AtomicBool,
    draining: AtomicBool,
    closing: AtomicBool,
    /// What the server waits for or misses; shown by the probes.
    step: RwLock<&'static str>,
    /// OIDC is on and no issuer has a usable key set.
    keys_missing: AtomicBool,
    unsound: AtomicBool,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            origin: Instant::now(),
            heartbeat: AtomicU64::new(0),
            store: AtomicU64::new(0),
            started: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            step: RwLock::new("configuration"),
            keys_missing: AtomicBool::new(false),
            unsound: AtomicBool::new(false),
        }
    }
}

impl Health {
    /// The I/O runtime runs.
    pub fn beat(&self) {
        self.heartbeat.store(self.now(), Ordering::Relaxed);
    }

    /// The store has answered.
    pub fn store_reached(&self) {
        self.store.store(self.now() + 1, Ordering::Relaxed);
    }

    /// Which step of the start sequence runs.
    pub fn enter(&self, step: &'static str) {
        if let Ok(mut current) = self.step.write() {
            *current = step;
        }
    }

    /// The start sequence has ended.
    pub fn set_started(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    /// A check of the policy decisions failed: never ready again.
    pub fn set_unsound(&self) {
        self.unsound.store(true, Ordering::Relaxed);
    }

    /// The server was told to stop: not ready, everything else as before.
    pub fn set_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// The doors close: new statements are refused.
    pub fn set_closing(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// OIDC is on, and whether any issuer has a usable key set.
    pub fn set_keys_usable(&self, usable: bool) {
        self.keys_missing.store(!usable, Ordering::Relaxed);
    }

    /// The doors close.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Why the process should be restarted.
    ///
    /// # Errors
    /// The reason.
    pub fn live(&self) -> Result<(), String> {
        let age = self.now().saturating_sub(self.heartbeat.load(Ordering::Relaxed));
        if age < millis(HEARTBEAT_LIMIT) {
            Ok(())
        } else {
            Err(format!("the I/O runtime has not answered for {age} ms"))
        }
    }

    /// Why the start sequence has not ended.
    ///
    /// # Errors
    /// The reason.
    pub fn startup(&self) -> Result<(), String> {
        if self.started.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(format!("starting: {}", self.step.read().map_or("?", |step| *step)))
    }

    /// Why no new request should be sent here.
    ///
    /// # Errors
    /// The reason.
    pub fn ready(&self) -> Result<(), String> {
        self.startup()?;
        if self.draining.load(Ordering::Relaxed) {
            return Err("draining".to_owned());
        }
        if self.unsound.load(Ordering::Relaxed) {
            return Err("a check of the policy decisions failed".to_owned());
        }
        if self.keys_missing.load(Ordering::Relaxed) {
            return Err("no identity provider has a usable key set".to_owned());
        }
        match self.store.load(Ordering::Relaxed) {
            0 => Err("the store was never reached".to_owned()),
            at if self.now().saturating_sub(at) > millis(STORE_LIMIT) => {
                Err("the store was not reached lately".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn now(&self) -> u64 {
        millis(self.origin.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_follows_start_and_drain() {
        let health = Health::default();
        assert!(health.live().is_ok());
        assert!(health.startup().is_err());
        health.set_started();
        assert!(health.ready().is_err(), "the store was never reached");
        health.store_reached();
        assert!(health.ready().is_ok());
        health.set_keys_usable(false);
        assert!(health.ready().is_err());
        health.set_keys_usable(true);
        let unsound = Health::default();
        unsound.set_started();
        unsound.store_reached();
        unsound.set_unsound();
        assert!(unsound.ready().is_err_and(|reason| reason.contains("policy decisions")));
        health.set_draining();
        assert!(health.ready().is_err());
        assert!(health.startup().is_ok());
    }
}
