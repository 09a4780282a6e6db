//! What happens in queries that operators count? Told as it happens to whoever keeps the metrics.

use std::{fmt, sync::Arc, time::Duration};

/// One thing that happened. No user, table or query is named.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Signal<'a> {
    /// An audit event could not be written.
    AuditFailed,
    /// A source was asked.
    Asked(Asked<'a>),
    /// Cedar answered.
    Decided {
        allowed: usize,
        denied: usize,
        took: Duration,
    },
    /// A policy could not be evaluated.
    PolicyFailed,
    /// A running statement was ended because its permissions had changed, so long after the change.
    Revoked { after: Duration },
}

/// One question to a source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked<'a> {
    pub catalog: &'a str,
    /// `postgresql`, `sqlite`, `files`.
    pub system: &'a str,
    /// `SELECT`, `READ`, `DESCRIBE`.
    pub operation: &'a str,
    /// `ok`, or the code of the failure.
    pub outcome: &'a str,
    pub took: Duration,
}

type Listener = dyn Fn(&Signal<'_>) + Send + Sync;

/// Where signals go; nowhere by default. Cheap to clone.
#[derive(Clone, Default)]
pub struct Signals(Option<Arc<Listener>>);

impl Signals {
    /// To this function, which must not block.
    #[must_use]
    pub fn to(told: impl Fn(&Signal<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(told)))
    }

    pub(crate) fn tell(&self, signal: &Signal<'_>) {
        if let Some(told) = &self.0 {
            told(signal);
        }
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signals").field(&self.0.is_some()).finish()
    }
}
