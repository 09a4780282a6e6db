//! How does this node stay at the newest epoch? The policies of a new one are built before statements begin under it.

use std::sync::Arc;

use lakegate_catalog::Confirmation;

use super::{Inner, QueryService};
use crate::error::{QueryError, Result};

impl QueryService {
    /// Follows the store for as long as it is polled: statements then rely on what was confirmed in the last second
    /// instead of asking the store each.
    pub async fn follow_epochs(self) {
        let mut follower = self.inner.store.follow();
        let mut well = true;
        loop {
            let ready = match follower.next().await {
                Ok(seen) => make_ready(&self.inner, seen).await,
                Err(error) => Err(crate::store_error(error)),
            };
            let failure = ready.map(|seen| follower.confirm(seen)).err();
            if let Some(error) = failure.as_ref().filter(|_| well) {
                tracing::warn!(cause = %error.log_text(), "the newest policies cannot be told: statements ask for themselves");
            }
            well = failure.is_none();
        }
    }
}

/// Reads and builds what statements need under this epoch, or a newer one.
async fn make_ready(inner: &Arc<Inner>, seen: Confirmation) -> Result<Confirmation> {
    if inner.published.version() == Some(seen.version) {
        return Ok(seen);
    }
    let snapshot = inner.store.snapshot().await.map_err(crate::store_error)?;
    let (version, inner) = (snapshot.version, Arc::clone(inner));
    let built = tokio::task::spawn_blocking(move || inner.governor(snapshot).map(drop));
    built.await.map_err(QueryError::internal)??;
    Ok(Confirmation { version, ..seen })
}
