//! Does a decision still hold? Statements decide again when the catalog has changed since they were planned (P8).

use std::{sync::Arc, time::Duration};

use lakegate_catalog::Store;

use crate::{
    authorize::{self, RelationGrant},
    context::QueryContext,
    error::{ErrorCode, QueryError, Result},
    published::Published,
    signal::Signal,
};

/// Between two looks at the catalog's version while a statement runs.
const TICK: Duration = Duration::from_millis(500);

/// Watches the decisions of one statement.
#[derive(Debug)]
pub struct Recheck<'a> {
    pub store: &'a Store,
    pub published: &'a Published,
    pub cx: &'a QueryContext,
    pub grants: &'a [RelationGrant],
}

impl Recheck<'_> {
    /// Decides again, if the catalog is not that of `known`; answers the version that the decisions hold for.
    ///
    /// # Errors
    /// `POLICY_CHANGED` when a decision differs; what the store says when it cannot be read (fail closed).
    pub async fn once(&self, known: i64) -> Result<i64> {
        if self.grants.is_empty() || self.store.version().await.map_err(crate::store_error)? == known {
            return Ok(known);
        }
        let snapshot = self.store.snapshot().await.map_err(crate::store_error)?;
        let governor = self.published.governor(&snapshot)?;
        let cx = self.cx.under(Arc::clone(&snapshot), Arc::clone(governor.policies()));
        for grant in self.grants {
            let same = snapshot
                .table_path(&grant.path.table.id)
                .filter(|path| path.table.version == grant.path.table.version)
                .and_then(|path| authorize::decide(&cx, &path).ok())
                .is_some_and(|now| now.decision == grant.decision);
            if !same {
                self.told(known).await;
                return Err(QueryError::new(
                    ErrorCode::PolicyChanged,
                    "permissions or tables of the query changed while it ran; run it again",
                ));
            }
        }
        Ok(snapshot.version)
    }

    /// Tells how long the statement lived on after the change. No more than a figure: a store that fails costs nothing.
    async fn told(&self, known: i64) {
        if let Ok(Some(changed)) = self.store.changed_since(known).await {
            let after = (chrono::Utc::now() - changed).to_std().unwrap_or_default();
            self.cx.signals.tell(&Signal::Revoked { after });
        }
    }

    /// Decides again whenever the catalog changes; returns only when a decision differs.
    pub async fn watch(&self, mut known: i64) -> QueryError {
        loop {
            tokio::time::sleep(TICK).await;
            match self.once(known).await {
                Ok(version) => known = version,
                Err(error) if error.code == ErrorCode::PolicyChanged => return error,
                // The store is away for a moment: the final state has to wait for it, too.
                Err(error) => {
                    tracing::warn!(query_id = %self.cx.query, cause = %error.log_text(), "decisions cannot be confirmed")
                }
            }
        }
    }
}
