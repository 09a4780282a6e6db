//! May a planned statement run now? Slots and a bounded queue per workgroup; beyond the queue it is refused at once.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use lakegate_catalog::identity::Workgroup;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    context::QueryContext,
    error::{ErrorCode, QueryError, Result},
};

/// How long a statement may wait for a slot.
const QUEUE_WAIT: Duration = Duration::from_secs(600);

/// The slots of all workgroups on this node.
#[derive(Debug, Default)]
pub struct Admission {
    groups: Mutex<HashMap<String, Arc<Group>>>,
}

#[derive(Debug)]
struct Group {
    concurrency: u32,
    /// Of the snapshot that said so.
    version: i64,
    slots: Arc<Semaphore>,
    waiting: AtomicU32,
}

/// A slot; free again when dropped.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

struct Waiting<'a>(&'a Group);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    /// Waits for a slot of the query's workgroup.
    ///
    /// # Errors
    /// `QUERY_QUEUE_FULL` at once, `EXCEEDED_TIME_LIMIT` or `USER_CANCELED` while waiting.
    pub async fn admit(&self, cx: &QueryContext, workgroup: &Workgroup) -> Result<Slot> {
        let group = self.group(&cx.workgroup, workgroup.concurrency, cx.snapshot.version)?;
        if let Ok(permit) = Arc::clone(&group.slots).try_acquire_owned() {
            return Ok(Slot { _permit: permit });
        }
        let ahead = group.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&group);
        if ahead >= workgroup.queue {
            return Err(QueryError::new(
                ErrorCode::QueueFull,
                format!(
                    "workgroup `{}` has {} queries running and {ahead} waiting",
                    cx.workgroup, group.concurrency
                ),
            )
            .retry_after(1));
        }
        let left = cx
            .deadline
            .saturating_duration_since(std::time::Instant::now())
            .min(QUEUE_WAIT);
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => Err(QueryError::new(ErrorCode::QueryCancelled, "the query was cancelled")),
            permit = Arc::clone(&group.slots).acquire_owned() => permit
                .map(|permit| Slot { _permit: permit })
                .map_err(QueryError::internal),
            () = tokio::time::sleep(left) => Err(QueryError::new(
                ErrorCode::ExceededTime,
                format!("the query waited too long for a slot of workgroup `{}`", cx.workgroup),
            )),
        }
    }

    /// Statements waiting in a workgroup.
    #[must_use]
    pub fn waiting(&self, workgroup: &str) -> u32 {
        self.groups
            .lock()
            .ok()
            .and_then(|groups| groups.get(workgroup).map(|group| group.waiting.load(Ordering::Relaxed)))
            .unwrap_or_default()
    }

    /// The group, made anew when its concurrency was changed: running statements keep the slots of the old one.
    fn group(&self, name: &str, concurrency: u32, version: i64) -> Result<Arc<Group>> {
        let mut groups = self
            .groups
            .lock()
            .map_err(|_| QueryError::internal("the admission lock is poisoned"))?;
        let fresh = || {
            Arc::new(Group {
                concurrency,
                version,
                slots: Arc::new(Semaphore::new(concurrency.max(1) as usize)),
                waiting: AtomicU32::new(0),
            })
        };
        let group = groups.entry(name.to_owned()).or_insert_with(fresh);
        // Statements of an older snapshot never bring the old number back.
        if group.concurrency != concurrency && group.version < version {
            *group = fresh();
        }
        Ok(Arc::clone(group))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_of_an_older_snapshot_never_brings_the_old_number_back() {
        let admission = Admission::default();
        let wide = admission.group("w", 2, 5).unwrap();
        assert!(Arc::ptr_eq(&wide, &admission.group("w", 2, 9).unwrap()));
        let narrow = admission.group("w", 1, 10).unwrap();
        assert_eq!((narrow.concurrency, narrow.slots.available_permits()), (1, 1));
        // It was planned before the change, and comes after it.
        assert!(Arc::ptr_eq(&narrow, &admission.group("w", 2, 9).unwrap()));
        assert!(Arc::ptr_eq(&narrow, &admission.group("w", 1, 11).unwrap()));
    }
}
