//! Which policies hold under a snapshot? Published once per catalog version and kept for the newest.

use std::sync::{Arc, Mutex};

use lakegate_catalog::snapshot::Snapshot;
use lakegate_policy::PolicySet;

use crate::{
    decisions::Decisions,
    entities::{self, Governor, PolicyDraft},
    error::{QueryError, Result},
    signal::Signals,
};

/// The policy set of the newest version seen.
#[derive(Debug, Default)]
pub struct Published {
    signals: Signals,
    decisions: Arc<Decisions>,
    newest: Mutex<Option<(i64, Arc<PolicySet>)>>,
    /// Empty but where policies are tried out.
    draft: PolicyDraft,
}

impl Published {
    /// Nothing published yet; decisions are told to `signals`.
    #[must_use]
    pub fn new(signals: Signals) -> Self {
        Self {
            signals,
            ..Self::default()
        }
    }

    /// Nothing published yet; whatever is will be with the policies of a draft. Its decisions are told to nobody.
    #[must_use]
    pub fn trying(draft: PolicyDraft) -> Self {
        Self {
            draft,
            ..Self::default()
        }
    }

    /// The newest version seen.
    #[must_use]
    pub fn version(&self) -> Option<i64> {
        self.newest.lock().ok()?.as_ref().map(|(version, _)| *version)
    }

    /// Decisions under a snapshot.
    ///
    /// # Errors
    /// When the stored policies do not publish, or were found to be asked wrongly: then nothing is decided at all.
    pub fn governor(&self, snapshot: &Arc<Snapshot>) -> Result<Governor> {
        self.decisions.soundness().confirmed()?;
        let governor = Governor::new(Arc::clone(snapshot), self.policies(snapshot)?);
        Ok(governor
            .telling(self.signals.clone())
            .keeping(Arc::clone(&self.decisions)))
    }

    /// The decisions that are kept.
    #[must_use]
    pub fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    fn policies(&self, snapshot: &Arc<Snapshot>) -> Result<Arc<PolicySet>> {
        let mut newest = self
            .newest
            .lock()
            .map_err(|_| QueryError::internal("the policy lock is poisoned"))?;
        if let Some((version, set)) = newest.as_ref()
            && *version == snapshot.version
        {
            return Ok(Arc::clone(set));
        }
        let before = newest.as_ref().map(|(_, set)| Arc::clone(set)).unwrap_or_default();
        let set = entities::publish_after(&before, snapshot, &self.draft)
            .map(Arc::new)
            .map_err(|problems| {
                let text = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                QueryError::internal(format!("the stored policies do not publish: {text}"))
            })?;
        // An older snapshot, read by a slow statement, never replaces the set of a newer one.
        if newest.as_ref().is_none_or(|(version, _)| *version < snapshot.version) {
            *newest = Some((snapshot.version, Arc::clone(&set)));
        }
        Ok(set)
    }
}
