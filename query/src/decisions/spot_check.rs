//! Does the index of the policies answer as the whole set does? One decision in a thousand is made a second time, without it.
//!
//! A difference would mean that a policy was not asked. The node then answers nothing any more (P6): nobody knows since when.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
};

use lakegate_catalog::snapshot::TablePath;

use crate::{
    authorize::name_of,
    context::QueryContext,
    error::{ErrorCode, QueryError, Result},
};

/// Of so many decisions one is made again.
const ONE_IN: u32 = 1_000;

/// Whether the index may be trusted. Cheap to clone; clones share their state.
#[derive(Clone, Debug, Default)]
pub struct Soundness(Arc<State>);

#[derive(Debug, Default)]
struct State {
    lost: AtomicBool,
    counted: AtomicU32,
}

impl Soundness {
    /// # Errors
    /// `INTERNAL_ERROR` once a difference was found.
    pub fn confirmed(&self) -> Result<()> {
        if self.is_lost() {
            return Err(QueryError::new(
                ErrorCode::Internal,
                "this server has stopped answering: a check of its decisions failed; its log says which",
            ));
        }
        Ok(())
    }

    /// A difference was found.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.0.lost.load(Relaxed)
    }

    /// Has a decision made again, now and then, in the background where there is one. `again` says whether it comes out alike.
    pub(crate) fn sample(
        &self,
        cx: &QueryContext,
        path: &TablePath,
        again: impl FnOnce(&QueryContext, &TablePath) -> bool + Send + 'static,
    ) {
        if self.0.counted.fetch_add(1, Relaxed) % ONE_IN != ONE_IN - 1 {
            return;
        }
        let (soundness, cx, path) = (self.clone(), cx.aside(), path.clone());
        let check = move || soundness.compare(&cx, &path, again);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(check)),
            Err(_) => check(),
        }
    }

    fn compare(&self, cx: &QueryContext, path: &TablePath, again: impl FnOnce(&QueryContext, &TablePath) -> bool) {
        if !again(cx, path) {
            self.0.lost.store(true, Relaxed);
            tracing::error!(
                table = %name_of(path),
                principal = %cx.caller.name,
                policy_version = cx.snapshot.version,
                "incident: the index of the policies and the whole set decide differently; nothing is answered any more"
            );
        }
    }
}
