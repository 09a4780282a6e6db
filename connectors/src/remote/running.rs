//! Which reads run, and how is one ended from beside? Each by its connection and invocation.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::call::{CallContext, InvocationId};

type Key = (String, InvocationId);

/// The reads of a host.
#[derive(Debug, Default)]
pub(super) struct Running(Arc<Mutex<HashMap<Key, CancellationToken>>>);

/// A read that runs. Dropping it ends its work: whatever ends an answer drops it.
#[derive(Debug)]
pub(super) struct Held {
    all: Arc<Mutex<HashMap<Key, CancellationToken>>>,
    key: Key,
    _stop: DropGuard,
}

impl Running {
    /// The read of this call runs from now on.
    pub(super) fn hold(&self, cx: &CallContext) -> Held {
        let key = (cx.connection.id.clone(), cx.invocation);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(key.clone(), cx.cancel.clone());
        Held {
            all: Arc::clone(&self.0),
            key,
            _stop: cx.cancel.clone().drop_guard(),
        }
    }

    /// Ends a read of the same connection, if it runs here.
    pub(super) fn cancel(&self, cx: &CallContext, invocation: InvocationId) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = all.get(&(cx.connection.id.clone(), invocation)) {
            token.cancel();
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&self.key);
    }
}
