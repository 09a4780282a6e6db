//! Which epoch is the newest, and when did the database say so? What was said a moment ago holds for a new statement.
//!
//! Only where a [`Follower`] asks again and again; a store that nobody follows is asked for every statement.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    error::{Result, StoreError},
    store::{Store, listen::listen},
};

/// How long a confirmation holds for new statements. Less than the second in which a change must bind them everywhere.
const FRESH: Duration = Duration::from_millis(900);
/// Between two questions, if no change is told in between.
const POLL: Duration = Duration::from_millis(500);
/// How long the database may take to say which version is current.
const CONFIRMATION: Duration = Duration::from_secs(1);

/// What the database said, and when it was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Confirmation {
    /// The epoch.
    pub version: i64,
    /// When it was asked: every change that was acknowledged before is in it.
    pub at: Instant,
}

/// What this process knows of the epoch.
#[derive(Debug)]
pub(super) struct Epochs {
    known: Mutex<Known>,
    /// The newest version of which anybody may begin; wakes what runs.
    newest: watch::Sender<i64>,
    /// Somebody says that there is a newer one.
    hints: Notify,
    followers: AtomicUsize,
}

#[derive(Debug)]
struct Known {
    confirmed: Option<Confirmation>,
    /// What was asked before proves nothing: a change may have happened of which nothing is known.
    void_before: Instant,
}

impl Epochs {
    pub(super) fn new() -> Self {
        Self {
            known: Mutex::new(Known {
                confirmed: None,
                void_before: Instant::now(),
            }),
            newest: watch::channel(0).0,
            hints: Notify::new(),
            followers: AtomicUsize::new(0),
        }
    }

    /// The last confirmation, if it holds for a new statement.
    fn fresh(&self) -> Option<Confirmation> {
        let confirmed = self.known().confirmed;
        confirmed.filter(|seen| self.is_followed() && seen.at.elapsed() < FRESH)
    }

    /// Somebody has read the epoch. A new one becomes current by its follower, who makes it ready first.
    pub(super) fn read(&self, seen: Confirmation) {
        let is_known = self
            .known()
            .confirmed
            .is_some_and(|known| known.version == seen.version);
        if is_known || !self.is_followed() {
            self.confirm(seen);
        } else {
            self.hint();
        }
    }

    /// From now on statements begin under this epoch, or a newer one.
    fn confirm(&self, seen: Confirmation) {
        let mut known = self.known();
        let older = known
            .confirmed
            .is_some_and(|last| (last.version, last.at) > (seen.version, seen.at));
        if !older && seen.at >= known.void_before {
            known.confirmed = Some(seen);
        }
        drop(known);
        self.newest.send_if_modified(|newest| {
            let is_newer = *newest < seen.version;
            *newest = seen.version.max(*newest);
            is_newer
        });
    }

    /// Nothing is confirmed any more.
    fn forget(&self) {
        *self.known() = Known {
            confirmed: None,
            void_before: Instant::now(),
        };
        self.hint();
    }

    pub(super) fn hint(&self) {
        self.hints.notify_one();
    }

    fn is_followed(&self) -> bool {
        self.followers.load(Ordering::SeqCst) > 0
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Announces a change of this process.
    pub(super) fn changing(&self) -> Changing<'_> {
        Changing { epochs: Some(self) }
    }
}

/// A change of this process under way. Dropped without [`Changing::settle`], nothing counts as confirmed: whether it
/// happened need not be known here.
pub(super) struct Changing<'a> {
    epochs: Option<&'a Epochs>,
}

impl Changing<'_> {
    /// The change is committed: it binds the next statement of this process.
    // INVARIANT: the epoch's row was locked, so that the version is the newest of the moment of the commit.
    pub(super) fn settle(mut self, version: i64, at: Instant) {
        if let Some(epochs) = self.epochs.take() {
            epochs.confirm(Confirmation { version, at });
            epochs.hint();
        }
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        if let Some(epochs) = self.epochs {
            epochs.forget();
        }
    }
}

impl Store {
    /// The epoch that a new statement may begin under: what a follower was told in the last 0.9 s, else what the
    /// database says now. Changes of this process are always in it.
    ///
    /// # Errors
    /// `Failed`; `Unavailable` also when the database does not say in time which version is current.
    pub async fn confirmed_version(&self) -> Result<Confirmation> {
        match self.inner.epochs.fresh() {
            Some(seen) => Ok(seen),
            None => {
                let seen = self.ask_version().await?;
                self.inner.epochs.read(seen);
                Ok(seen)
            }
        }
    }

    /// Tells when a newer epoch has become current in this process; the first look always does.
    #[must_use]
    pub fn epochs(&self) -> watch::Receiver<i64> {
        let mut epochs = self.inner.epochs.newest.subscribe();
        epochs.mark_changed();
        epochs
    }

    /// Follows the epoch: by notifications of the database where it has them, and by a question every 500 ms.
    #[must_use]
    pub fn follow(&self) -> Follower {
        self.inner.epochs.followers.fetch_add(1, Ordering::SeqCst);
        let mut listening = JoinSet::new();
        if let Some(address) = self.inner.database.listen.clone() {
            let store = self.clone();
            listening.spawn(async move { listen(&address, &|| store.inner.epochs.hint()).await });
        }
        Follower {
            store: self.clone(),
            _listening: listening,
        }
    }

    async fn ask_version(&self) -> Result<Confirmation> {
        let at = Instant::now();
        let late = |_| StoreError::from(sqlx::Error::PoolTimedOut);
        let version = timeout(CONFIRMATION, self.read_version()).await.map_err(late)??;
        Ok(Confirmation { version, at })
    }
}

/// Whoever keeps this process at the newest epoch. While it lives, statements rely on it.
#[derive(Debug)]
pub struct Follower {
    store: Store,
    /// Ends with the follower.
    _listening: JoinSet<()>,
}

impl Follower {
    /// Waits for the next confirmation. It counts once it is given back to [`Follower::confirm`].
    ///
    /// # Errors
    /// `Unavailable`, `Failed`; to be asked again.
    pub async fn next(&mut self) -> Result<Confirmation> {
        tokio::select! {
            () = self.store.inner.epochs.hints.notified() => {}
            () = sleep(POLL) => {}
        }
        self.store.ask_version().await
    }

    /// All is ready for statements to begin under this epoch.
    pub fn confirm(&self, seen: Confirmation) {
        self.store.inner.epochs.confirm(seen);
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.store.inner.epochs.followers.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_before_an_unknown_change_proves_nothing() {
        let epochs = Epochs::new();
        epochs.followers.store(1, Ordering::SeqCst);
        let asked = |version| Confirmation {
            version,
            at: Instant::now(),
        };
        let early = asked(1);
        drop(epochs.changing());
        epochs.confirm(early);
        assert_eq!(epochs.fresh(), None, "it was asked before the change");
        let late = asked(2);
        epochs.confirm(late);
        assert_eq!(epochs.fresh(), Some(late));
        epochs.confirm(Confirmation {
            version: 1,
            at: Instant::now(),
        });
        assert_eq!(epochs.fresh(), Some(late), "an older version never comes back");
    }
}
