//! Which decisions on relations are known already? Kept for one version of catalog and policies (governance.md §7).
//!
//! INVARIANT: a kept decision is one that would be made again: same snapshot, same policies (both by identity), same user with
//! the same roles, same table, and a context of the same class by all that the policies that had a say can read of it. What a
//! statement draws for itself (salts, sets of values) is no part of a decision and never kept.

mod spot_check;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use lakegate_catalog::{
    id::ObjectId,
    snapshot::{Snapshot, TablePath},
};
use lakegate_policy::{PolicySet, Reads};

pub use spot_check::Soundness;

use crate::{authorize::RelationGrant, context::QueryContext, figures::CacheCount, mapping};

/// Kept decisions and what they may weigh: beyond either, all are forgotten.
const MOST: usize = 20_000;
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// Contexts of one user on one table, of classes of their own.
const MOST_CLASSES: usize = 16;

/// Decisions on relations under the newest version.
#[derive(Debug, Default)]
pub struct Decisions {
    kept: Mutex<Kept>,
    count: CacheCount,
    soundness: Soundness,
}

#[derive(Debug, Default)]
struct Kept {
    under: Option<(Arc<Snapshot>, Arc<PolicySet>)>,
    entries: HashMap<Key, Vec<Entry>>,
    number: usize,
    bytes: usize,
}

/// Who asks about what; everything else about the user follows from the snapshot.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Key {
    table: ObjectId,
    user: ObjectId,
    /// Sorted.
    extra_roles: Vec<ObjectId>,
    on_behalf_of: Option<String>,
    via_view: Option<String>,
}

#[derive(Debug)]
struct Entry {
    reads: Reads,
    class: String,
    grant: Arc<RelationGrant>,
}

impl Key {
    fn of(cx: &QueryContext, table: &ObjectId) -> Self {
        let mut extra_roles = cx.caller.extra_roles.clone();
        extra_roles.sort();
        Self {
            table: table.clone(),
            user: cx.caller.user.clone(),
            extra_roles,
            on_behalf_of: cx.request.on_behalf_of.clone(),
            via_view: cx.request.via_view.clone(),
        }
    }
}

impl Decisions {
    /// The decision on a table, if it is known.
    pub(crate) fn find(&self, cx: &QueryContext, path: &TablePath) -> Option<Arc<RelationGrant>> {
        if !is_plain(cx, path) {
            return None;
        }
        let key = Key::of(cx, &path.table.id);
        let found = self.kept(|kept| {
            let entries = kept.under(cx).then(|| kept.entries.get(&key)).flatten()?;
            let alike = |entry: &&Entry| entry.reads.class_of(&cx.request).as_ref() == Some(&entry.class);
            entries.iter().find(alike).map(|entry| Arc::clone(&entry.grant))
        });
        match &found {
            Some(_) => self.count.hit(),
            None => self.count.missed(),
        }
        found
    }

    /// Keeps a decision, if anything can be said about when it is made again.
    pub(crate) fn keep(&self, cx: &QueryContext, grant: &Arc<RelationGrant>, reads: Reads) {
        // An error is told each time it happens.
        // Of mappings it depends on what others may do, in circumstances that these policies do not read; what a filter in Cedar
        // reads of the request is no part of the class.
        let has_own_inputs = mapping::is_mapped(cx, grant) || grant.has_conditions();
        if !grant.access.errors.is_empty() || !is_plain(cx, &grant.path) || has_own_inputs {
            return;
        }
        let Some(class) = reads.class_of(&cx.request) else {
            return;
        };
        let key = Key::of(cx, &grant.path.table.id);
        let entry = Entry {
            reads,
            class,
            grant: Arc::clone(grant),
        };
        self.kept(|kept| {
            if kept.begin(cx) {
                kept.add(key, entry);
            }
        });
    }

    /// Hits and misses.
    #[must_use]
    pub fn requests(&self) -> (u64, u64) {
        self.count.get()
    }

    /// Whether the index has been found to answer as the whole set does.
    #[must_use]
    pub fn soundness(&self) -> &Soundness {
        &self.soundness
    }

    fn kept<T>(&self, work: impl FnOnce(&mut Kept) -> T) -> T {
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Views are decided with all that they read, by the rights of several people: none of that is kept.
fn is_plain(cx: &QueryContext, path: &TablePath) -> bool {
    path.view.is_none() && cx.through.views.is_empty()
}

impl Kept {
    /// Whether what is kept was decided under these very objects.
    fn under(&self, cx: &QueryContext) -> bool {
        self.under.as_ref().is_some_and(|(snapshot, policies)| {
            Arc::ptr_eq(snapshot, &cx.snapshot) && Arc::ptr_eq(policies, &cx.policies)
        })
    }

    /// Makes room for decisions under these versions; not for those of an older one.
    fn begin(&mut self, cx: &QueryContext) -> bool {
        if self.under(cx) {
            return true;
        }
        let newest = self.under.as_ref().map(|(snapshot, _)| snapshot.version);
        if newest.is_some_and(|newest| newest > cx.snapshot.version) {
            return false;
        }
        *self = Self {
            under: Some((Arc::clone(&cx.snapshot), Arc::clone(&cx.policies))),
            ..Self::default()
        };
        true
    }

    fn add(&mut self, key: Key, entry: Entry) {
        let bytes = weight(&entry.grant);
        if self.number >= MOST || self.bytes + bytes > MOST_BYTES {
            (self.entries, self.number, self.bytes) = (HashMap::new(), 0, 0);
        }
        let entries = self.entries.entry(key).or_default();
        if entries.len() >= MOST_CLASSES {
            self.number -= entries.len();
            self.bytes -= entries.iter().map(|entry| weight(&entry.grant)).sum::<usize>();
            entries.clear();
        }
        entries.push(entry);
        self.number += 1;
        self.bytes += bytes;
    }
}

/// Bytes of a decision, roughly: ids are UUIDs.
fn weight(grant: &RelationGrant) -> usize {
    512 + 160 * grant.access.columns.len() + 64 * grant.access.policies.len()
}
