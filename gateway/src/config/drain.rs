//! How does the server leave?

use std::time::Duration;

use super::settings::Settings;

/// Section `drain`.
#[derive(Clone, Debug, PartialEq)]
pub struct Drain {
    /// Time in which only readiness is false, for load balancers.
    pub delay: Duration,
    /// Time for running queries after that.
    pub timeout: Duration,
}

impl Drain {
    pub(super) fn read(settings: &mut Settings) -> Self {
        Self {
            delay: settings.seconds("drain.delay_seconds", 5, 0..=3_600),
            timeout: settings.seconds("drain.timeout_seconds", 120, 0..=86_400),
        }
    }
}
