//! What does a test change in the engine? Functions that watch, rules left out or in another order. A server changes nothing.
//!
//! Only the engine above the barrier is changed: what a governed scan does inside has no rule and no function of a session.

use std::{fmt, sync::Arc};

use datafusion::execution::SessionStateBuilder;

type Change = dyn Fn(SessionStateBuilder) -> SessionStateBuilder + Send + Sync;

/// A change of what all statements share; none by default. Cheap to clone.
#[derive(Clone, Default)]
pub struct EngineChange(Option<Arc<Change>>);

impl EngineChange {
    /// This function sees the finished settings, functions and rules, and gives them back changed.
    #[must_use]
    pub fn of(change: impl Fn(SessionStateBuilder) -> SessionStateBuilder + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(change)))
    }

    pub(super) fn apply(&self, builder: SessionStateBuilder) -> SessionStateBuilder {
        match &self.0 {
            Some(change) => change(builder),
            None => builder,
        }
    }
}

impl fmt::Debug for EngineChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EngineChange").field(&self.0.is_some()).finish()
    }
}
