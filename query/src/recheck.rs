//! When is a statement decided again? When the catalog has changed, when a grant, a key or a token ends, when a policy reads the
//! clock (P8). What cannot be confirmed for too long has ended, too (P6).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use lakegate_catalog::{Store, id::ObjectId};

use crate::{
    context::QueryContext,
    decided::{self, Decided},
    error::{ErrorCode, QueryError, Result},
    published::Published,
    signal::Signal,
};

/// Between two looks at the clock and the catalog's version while a statement waits or runs, if no new version is told.
const TICK: Duration = Duration::from_millis(500);

/// Time that one look has, however long ago the last one succeeded.
const LOOK: Duration = Duration::from_secs(1);

/// Watches the decisions of one statement.
#[derive(Debug)]
pub struct Recheck<'a> {
    pub store: &'a Store,
    pub published: &'a Published,
    pub cx: &'a QueryContext,
    pub decided: &'a Decided,
    /// How long a statement may go on when its decisions cannot be confirmed.
    pub max_staleness: Duration,
}

/// Under which version, and when, the decisions held last.
#[derive(Clone, Copy, Debug)]
pub struct Confirmed {
    pub version: i64,
    pub at: DateTime<Utc>,
    /// When the database was asked for the version.
    pub asked: Instant,
}

impl Confirmed {
    /// As decided when the statement began.
    #[must_use]
    pub fn at_start(cx: &QueryContext) -> Self {
        Self {
            version: cx.snapshot.version,
            at: cx.now,
            asked: cx.started,
        }
    }
}

impl Recheck<'_> {
    /// Decides again, if anything may have changed since; answers what the decisions hold for now.
    ///
    /// # Errors
    /// `POLICY_CHANGED` when a decision differs; what the store says when it cannot be read (fail closed).
    pub async fn once(&self, known: Confirmed) -> Result<Confirmed> {
        let at = Utc::now();
        let seen = self.store.confirmed_version().await.map_err(crate::store_error)?;
        let (version, asked) = (seen.version, seen.at);
        if version == known.version && !self.turns(known.at, at) {
            return Ok(Confirmed { version, at, asked });
        }
        let snapshot = self.store.confirmed_snapshot().await.map_err(crate::store_error)?;
        let governor = self.published.governor(&snapshot)?;
        let cx = self
            .cx
            .again(Arc::clone(&snapshot), Arc::clone(governor.policies()), at);
        if self.decided.holds(&cx, at) {
            Ok(Confirmed {
                version: snapshot.version,
                at,
                asked,
            })
        } else {
            self.told(known.version).await;
            Err(decided::changed())
        }
    }

    /// Tells how long the statement lived on after the change. No more than a figure: a store that fails costs nothing.
    async fn told(&self, known: i64) {
        if let Ok(Some(changed)) = self.store.changed_since(known).await {
            let after = (Utc::now() - changed).to_std().unwrap_or_default();
            self.cx.signals.tell(&Signal::Revoked { after });
        }
    }

    /// Could a decision differ at `to` from what it was at `from`, though nothing was changed?
    fn turns(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
        let ended = |key: &ObjectId| {
            let key = self.cx.snapshot.key(key);
            key.and_then(|key| key.body.expires).is_some_and(|end| end <= to)
        };
        self.cx
            .policies
            .may_turn_between(from.timestamp_millis(), to.timestamp_millis())
            || self.cx.caller.key.as_ref().is_some_and(ended)
            || self.cx.caller.proof_ends.is_some_and(|end| end <= to)
            || self.decided.turns_by_time()
    }

    /// Decides again whenever it must; returns only when a decision differs, or cannot be confirmed for too long.
    pub async fn watch(&self, mut known: Confirmed) -> QueryError {
        let (mut epochs, mut confirmed) = (self.store.epochs(), Instant::now());
        loop {
            tokio::select! {
                // The sender lives in the store: it does not go away.
                _ = epochs.changed() => {}
                () = tokio::time::sleep(TICK) => {}
            }
            let end = confirmed + self.max_staleness;
            let look = end.max(Instant::now() + LOOK);
            match tokio::time::timeout_at(look.into(), self.once(known)).await {
                Ok(Ok(now)) => (known, confirmed) = (now, now.asked),
                Ok(Err(error)) if error.code == ErrorCode::PolicyChanged => return error,
                Ok(Err(error)) if Instant::now() < end => {
                    tracing::warn!(query_id = %self.cx.query, cause = %error.log_text(), "decisions cannot be confirmed");
                }
                Ok(Err(error)) => return self.stale().because(error),
                Err(late) => return self.stale().because(late),
            }
        }
    }

    fn stale(&self) -> QueryError {
        let seconds = self.max_staleness.as_secs();
        QueryError::new(
            ErrorCode::StoreUnavailable,
            format!("the query ended: its permissions could not be confirmed for {seconds} seconds"),
        )
        .retry_after(1)
    }
}
