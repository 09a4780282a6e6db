//! Which relations are listed for a caller? Those that may be described, and those of which anything may be read.
//!
//! Tables of one database that the policies cannot tell apart are decided once, so that a list costs as many decisions as there
//! are kinds of tables. INVARIANT: two tables of one `Kind` have one verdict on Describe; if they also are of one `Shape`, of both
//! or of neither something may be read, whoever asks in whatever circumstances. Of one list in a thousand one relation is decided
//! again with the whole set of policies.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::Hash,
};

use lakegate_catalog::{
    id::ObjectId,
    relation::TableFormat,
    snapshot::{Snapshot, TablePath},
};
use lakegate_policy::{Action, ColumnKey, Decision, EntityUid, PolicySet, resource};

use crate::{
    authorize::{self, leaf_key, leaves},
    context::QueryContext,
    entities::{Governor, ObjectRef},
};

/// What policies can tell of a table or view itself.
#[derive(Eq, Hash, PartialEq)]
struct Kind<'a> {
    /// A kind of its own: a policy or grant names it, or it is a view.
    itself: Option<&'a ObjectId>,
    database: &'a ObjectId,
    tags: &'a BTreeMap<String, String>,
    owner: Option<&'a ObjectId>,
    format: Option<TableFormat>,
}

/// What policies can tell of a table and its columns.
#[derive(Eq, Hash, PartialEq)]
struct Shape<'a> {
    kind: Kind<'a>,
    columns: BTreeSet<ColumnKey>,
}

/// For each relation, whether it is listed; `cx` is under the snapshot and the policies of `governor`.
pub(super) fn listed(governor: &Governor, cx: &QueryContext, relations: &[TablePath]) -> Vec<bool> {
    let (snapshot, policies) = (governor.snapshot(), governor.policies());
    let all: Vec<&TablePath> = relations.iter().collect();
    let described = by_kind(
        &all,
        |path| Kind::of(policies, path),
        |firsts| describe(governor, cx, firsts),
    );
    let undescribed = all.iter().zip(&described).filter(|(_, described)| !**described);
    let rest: Vec<&TablePath> = undescribed.map(|(path, _)| *path).collect();
    let read = |firsts: &[&TablePath]| firsts.iter().map(|path| is_listed(cx, path)).collect();
    let mut readable = by_kind(&rest, |path| Shape::of(snapshot, policies, path), read).into_iter();
    let listed: Vec<bool> = described
        .into_iter()
        .map(|described| described || readable.next().unwrap_or(false))
        .collect();
    check_one(cx, relations, &listed);
    listed
}

/// One relation of a list may be decided again: checks of one in a thousand relations would cost more than the list.
fn check_one(cx: &QueryContext, relations: &[TablePath], listed: &[bool]) {
    let at = rand::random_range(0..relations.len().max(1));
    if let (Some(path), Some(listed)) = (relations.get(at), listed.get(at).copied()) {
        let again = move |cx: &QueryContext, path: &TablePath| authorize::is_listed_by_whole_set(cx, path) == listed;
        cx.decisions.soundness().sample(cx, path, again);
    }
}

/// Whether one relation is listed.
pub(super) fn is_listed(cx: &QueryContext, path: &TablePath) -> bool {
    authorize::decide(cx, path).is_ok_and(|grant| grant.can_describe || grant.is_readable())
}

/// The verdict of each relation, of which `decide` gives those of the first of each kind.
fn by_kind<'a, K: Eq + Hash>(
    relations: &[&'a TablePath],
    kind: impl Fn(&'a TablePath) -> K,
    decide: impl FnOnce(&[&'a TablePath]) -> Vec<bool>,
) -> Vec<bool> {
    let mut kinds: HashMap<K, usize> = HashMap::new();
    let mut firsts: Vec<&TablePath> = Vec::new();
    let mut place = |path: &'a TablePath| {
        *kinds.entry(kind(path)).or_insert_with(|| {
            firsts.push(path);
            firsts.len() - 1
        })
    };
    let places: Vec<usize> = relations.iter().map(|path| place(path)).collect();
    let verdicts = decide(&firsts);
    let verdict = |place: &usize| verdicts.get(*place).copied().unwrap_or(false);
    places.iter().map(verdict).collect()
}

fn describe(governor: &Governor, cx: &QueryContext, relations: &[&TablePath]) -> Vec<bool> {
    let question = |path: &&TablePath| {
        let object = ObjectRef::new(path.entity_type(), path.table.id.as_str());
        (Action::Describe, object)
    };
    let questions: Vec<(Action, ObjectRef)> = relations.iter().map(question).collect();
    let decisions = governor.decide_all(&cx.caller, &cx.request, &questions);
    decisions.iter().map(Decision::is_allowed).collect()
}

impl<'a> Kind<'a> {
    fn of(policies: &PolicySet, path: &'a TablePath) -> Self {
        let own = path.view.is_some() || policies.is_named(&entity(path));
        Self {
            itself: own.then_some(&path.table.id),
            database: &path.database.id,
            tags: &path.table.body.tags,
            owner: path.table.body.owner.as_ref(),
            format: path.table.body.format,
        }
    }
}

impl<'a> Shape<'a> {
    /// A table with filters or masks is of a shape of its own.
    fn of(snapshot: &Snapshot, policies: &PolicySet, path: &'a TablePath) -> Self {
        let mut kind = Kind::of(policies, path);
        let table = &path.table;
        let leaves = leaves(table);
        let is_masked = leaves.iter().any(|leaf| leaf.masks(snapshot).next().is_some());
        if is_masked || !snapshot.filters_of(&table.id).is_empty() {
            kind.itself = Some(&table.id);
        }
        if kind.itself.is_some() {
            return Self {
                kind,
                columns: BTreeSet::new(),
            };
        }
        // Columns stand as if they lay in the database: what they lie in is of one kind. Fields do not, and are never alike.
        let within = resource::uid("Database", path.database.id.as_str());
        let key = |leaf| leaf_key(snapshot, policies, &within, leaf, &table.body);
        Self {
            kind,
            columns: leaves.iter().filter_map(key).collect(),
        }
    }
}

fn entity(path: &TablePath) -> EntityUid {
    resource::uid(path.entity_type(), path.table.id.as_str())
}
