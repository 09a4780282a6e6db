//! Which statements live on this node? What can be cancelled, waited for and watched.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
};

use lakegate_catalog::record::{Decisions, QueryState};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::context::Meter;

/// A statement that has not ended.
#[derive(Clone, Debug)]
pub struct Running {
    pub cancel: CancellationToken,
    pub meter: Arc<Meter>,
    pub workgroup: String,
    pub started: std::time::Instant,
    state: Arc<watch::Sender<QueryState>>,
    decided: Arc<OnceLock<Decisions>>,
}

impl Running {
    /// A statement in state QUEUED.
    #[must_use]
    pub fn new(workgroup: String, meter: Arc<Meter>, cancel: CancellationToken) -> Self {
        let (state, _) = watch::channel(QueryState::Queued);
        Self {
            cancel,
            meter,
            workgroup,
            started: std::time::Instant::now(),
            state: Arc::new(state),
            decided: Arc::default(),
        }
    }

    /// Its rows are decided by this from now on.
    pub fn decide(&self, decisions: Decisions) {
        let _ = self.decided.set(decisions);
    }

    /// What its rows are decided by; before there is any, it has no rows.
    #[must_use]
    pub fn decisions(&self) -> Option<&Decisions> {
        self.decided.get()
    }

    /// Tells those who watch.
    pub fn enter(&self, state: QueryState) {
        self.state.send_replace(state);
    }

    /// The states from now on.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<QueryState> {
        self.state.subscribe()
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> QueryState {
        *self.state.borrow()
    }
}

/// The statements of this node, by query id.
#[derive(Debug, Default)]
pub struct RunningQueries {
    all: Mutex<HashMap<String, Running>>,
}

impl RunningQueries {
    /// Adds one.
    pub fn insert(&self, id: &str, running: &Running) {
        if let Ok(mut all) = self.all.lock() {
            all.insert(id.to_owned(), running.clone());
        }
    }

    /// The one with this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Running> {
        self.all.lock().ok()?.get(id).cloned()
    }

    /// Takes out the one that ended, after its final state is stored.
    pub fn remove(&self, id: &str) {
        if let Ok(mut all) = self.all.lock() {
            all.remove(id);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.lock().map(|all| all.len()).unwrap_or_default()
    }

    /// How many there are, by state and workgroup.
    #[must_use]
    pub fn by_state(&self) -> HashMap<(QueryState, String), usize> {
        let mut counts = HashMap::new();
        if let Ok(all) = self.all.lock() {
            for running in all.values() {
                *counts.entry((running.state(), running.workgroup.clone())).or_default() += 1;
            }
        }
        counts
    }

    /// None at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fires every token.
    pub fn cancel_all(&self) {
        if let Ok(all) = self.all.lock() {
            for running in all.values() {
                running.cancel.cancel();
            }
        }
    }
}
