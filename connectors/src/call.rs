//! What does every call carry? Ids, connection, deadline, cancellation and counters: connectors keep no state.

use std::{
    fmt,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use crate::{
    connection::Connection,
    error::{ConnectorError, ConnectorErrorKind, Result},
    read_stats::ReadCounters,
};

/// Id of the query on whose behalf a call is made.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct QueryId(pub Arc<str>);

impl fmt::Display for QueryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Id of one call; `cancel` names it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct InvocationId(pub uuid::Uuid);

impl InvocationId {
    /// A fresh id.
    #[must_use]
    pub fn fresh() -> Self {
        Self(uuid::Uuid::now_v7())
    }
}

/// W3C `traceparent` of the caller, if it is traced.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TraceParent(pub Option<Arc<str>>);

/// How long a call may still take.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline `left` from now.
    #[must_use]
    pub fn after(left: Duration) -> Self {
        let now = Instant::now();
        Self(now.checked_add(left).unwrap_or(now + Duration::from_secs(86_400 * 365)))
    }

    /// A deadline at that moment.
    #[must_use]
    pub fn at(moment: Instant) -> Self {
        Self(moment)
    }

    /// Time left; zero when it has passed.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// First argument of every verb.
#[derive(Clone, Debug)]
pub struct CallContext {
    pub query: QueryId,
    pub invocation: InvocationId,
    pub trace: TraceParent,
    pub connection: Arc<Connection>,
    pub deadline: Deadline,
    pub cancel: CancellationToken,
    pub counters: Arc<ReadCounters>,
}

impl CallContext {
    /// A context with a fresh invocation id, its own token and fresh counters.
    #[must_use]
    pub fn new(query: impl Into<Arc<str>>, connection: Arc<Connection>, left: Duration) -> Self {
        Self {
            query: QueryId(query.into()),
            invocation: InvocationId::fresh(),
            trace: TraceParent::default(),
            connection,
            deadline: Deadline::after(left),
            cancel: CancellationToken::new(),
            counters: Arc::new(ReadCounters::default()),
        }
    }

    /// Awaits `work`, but no longer than the deadline and the token allow.
    ///
    /// # Errors
    /// Those of `work`; `CANCELLED` when the token fires; `SOURCE_TIMEOUT` when the deadline passes.
    pub async fn bounded<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        // Work that is done at once would otherwise be done after its time.
        if self.deadline.left().is_zero() && !self.cancel.is_cancelled() {
            return Err(late());
        }
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(ConnectorError::new(ConnectorErrorKind::Cancelled, "the call was cancelled")),
            done = tokio::time::timeout(self.deadline.left(), work) => match done {
                Ok(done) => done,
                Err(_) => Err(late()),
            },
        }
    }
}

fn late() -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::Timeout, "the source did not answer in time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ends_at_the_deadline_and_when_cancelled() {
        let connection = Arc::new(Connection::default());
        let cx = CallContext::new("q", Arc::clone(&connection), Duration::from_millis(10));
        let error = cx
            .bounded(std::future::pending::<Result<()>>())
            .await
            .expect_err("late");
        assert_eq!(error.kind(), ConnectorErrorKind::Timeout);
        let cx = CallContext::new("q", Arc::clone(&connection), Duration::ZERO);
        let error = cx.bounded(std::future::ready(Ok(()))).await.expect_err("late");
        assert_eq!(error.kind(), ConnectorErrorKind::Timeout);
        let cx = CallContext::new("q", connection, Duration::from_secs(60));
        cx.cancel.cancel();
        let error = cx
            .bounded(std::future::pending::<Result<()>>())
            .await
            .expect_err("cancelled");
        assert_eq!(error.kind(), ConnectorErrorKind::Cancelled);
    }
}
