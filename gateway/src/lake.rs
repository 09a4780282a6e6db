//! How does a declared lake become the catalog? Read, check, compare, ask the policies, commit: all of it, or nothing.
//!
//! One engine for files (`serve --apply`, `lakegate apply`), for the single routes of REST, and for the built-ins. The order
//! of the stages is that of the modules.

pub mod node;
pub mod problem;
pub mod yaml;

pub mod format;
pub mod schema;
pub mod shape;

mod filter_body;
pub mod input;
pub mod model;
pub mod read;

mod check;
mod draft;
pub mod entry;
pub mod inspect;
mod sight;
pub mod source_inspector;

pub mod change;
mod commit;
mod compared;
mod gains;
mod grant_option;
mod handout;
mod judge;
pub(crate) mod overlap;
pub mod permission;

pub mod builtins;
pub mod export;
pub mod resource;
mod rollback;
pub(crate) mod shed;
pub mod soundness;
pub mod yaml_text;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use lakegate_catalog::{
    Store,
    id::ObjectId,
    object::{BUILTIN_LAKE, Kind, LOCAL_LAKE},
    relation::PartitionMode,
    snapshot::{Partitions, Snapshot},
};
use lakegate_connectors::registry::Registry;
use lakegate_query::{connection::SecretSource, context::Caller, entities::Governor};
use serde::Serialize;

pub use self::{
    builtins::{Builtins, ensure_builtins},
    change::{Change, ChangeKind},
    compared::{Compared, Days, PastChange, Replayed, compared},
    export::{ExportOptions, Exported},
    gains::Told,
    input::{LakeInput, Source, SourceText},
    problem::{Place, Problem, ProblemCode},
    resource::{EntryView, Precondition},
    rollback::rollback,
};
use self::{
    change::Difference,
    check::CheckContext,
    commit::commit,
    draft::{Draft, Writer},
    entry::Picture,
    gains::Rule,
    inspect::Inspector,
    judge::Judge,
    model::Lake,
    overlap::Overlaps,
    problem::Problems,
    shed::Shed,
    sight::Mentioned,
};
pub(crate) use self::{
    check::policies::taken_id,
    grant_option::{is_over, may_grant, may_pass_on_anything},
    judge::GrantWish,
};

/// Times that a change is computed again because the catalog moved meanwhile.
const ATTEMPTS: usize = 5;

/// Who applies, and with what.
#[derive(Clone, Copy, Debug)]
pub struct ApplyContext<'a> {
    pub store: &'a Store,
    pub registry: &'a Registry,
    pub inspector: &'a dyn Inspector,
    pub secrets: &'a dyn SecretSource,
    /// Key of the HMAC of API keys.
    pub pepper: &'a [u8],
    /// `sources.local_roots` of the configuration, absolute.
    pub local_roots: &'a [PathBuf],
    pub by: Applier<'a>,
}

/// Who applies.
#[derive(Clone, Copy, Debug)]
pub enum Applier<'a> {
    /// `serve --apply`: the built-in principal `bootstrap`, on behalf of the operator. Relative paths belong to their file.
    Operator,
    /// A caller of the API: every change is decided by the policies in force.
    Caller {
        caller: &'a Caller,
        /// Any recent one: decisions are made by it, the change is computed on the newest catalog.
        governor: &'a Governor,
    },
}

impl Applier<'_> {
    /// Name of the principal.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Operator => "bootstrap",
            Self::Caller { caller, .. } => &caller.name,
        }
    }
}

/// How to apply.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ApplyOptions {
    /// Check everything, store nothing: the structural part of `diff`.
    pub dry_run: bool,
    /// Delete what this lake applied before and no longer names.
    pub prune: bool,
}

/// What an apply did, or would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ApplyReport {
    pub lake: String,
    /// Epoch from now on; of a dry run the one it was computed on.
    pub version: i64,
    pub dry_run: bool,
    /// By kind and name.
    pub changes: Vec<Change>,
    pub counts: Counts,
    /// Table name → (column, type) that `columns: infer` found.
    pub inferred: BTreeMap<String, Vec<(String, String)>>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<String>,
    /// Who gains or loses what, as far as the applier may know it; none of the operator's own, and if nothing changes.
    #[serde(skip)]
    pub told: Option<Told>,
}

impl ApplyReport {
    /// Nothing changes.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.counts.created + self.counts.updated + self.counts.deleted == 0
    }
}

/// Changes by what happens.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Counts {
    pub created: usize,
    pub updated: usize,
    pub deleted: usize,
    pub unchanged: usize,
}

impl Counts {
    fn of(changes: &[Change]) -> Self {
        let count = |kind: ChangeKind| changes.iter().filter(|change| change.change == kind).count();
        Self {
            created: count(ChangeKind::Created),
            updated: count(ChangeKind::Updated),
            deleted: count(ChangeKind::Deleted),
            unchanged: count(ChangeKind::Unchanged),
        }
    }
}

/// Why nothing was stored: every problem, in the order of files and lines.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ApplyError {
    /// Never empty.
    pub problems: Vec<Problem>,
    /// With `GAINS_NEED_APPROVAL`: who would gain what.
    pub told: Option<Box<Told>>,
}

impl ApplyError {
    pub(crate) fn one(problem: Problem) -> Self {
        Self::of(vec![problem])
    }

    pub(crate) fn of(problems: Vec<Problem>) -> Self {
        Self { problems, told: None }
    }

    /// The code of the refusal: that of the gravest problem.
    #[must_use]
    pub fn code(&self) -> ProblemCode {
        let codes = self.problems.iter().map(|problem| problem.code);
        codes.max().unwrap_or(ProblemCode::Internal)
    }
}

/// Applies a lake: one transaction, one epoch. A caller's lake that lets anybody see or do more is refused.
///
/// # Errors
/// As [`apply_approved`].
pub async fn apply(cx: &ApplyContext<'_>, input: &LakeInput, options: ApplyOptions) -> Result<ApplyReport, ApplyError> {
    apply_approved(cx, input, options, None).await
}

/// As [`apply`]; `approved` is the digest of the gains that may be stored.
///
/// # Errors
/// Every problem at once, or `GAINS_NEED_APPROVAL`; then nothing was stored.
pub async fn apply_approved(
    cx: &ApplyContext<'_>,
    input: &LakeInput,
    options: ApplyOptions,
    approved: Option<&str>,
) -> Result<ApplyReport, ApplyError> {
    let mut problems = Problems::default();
    let lake = read::read(input, &mut problems);
    let name = match &lake.name {
        Some((name, place)) => {
            lake_name(name, place, options, &mut problems);
            name.clone()
        }
        // What could not be read may hold the name.
        None if lake.unread => String::new(),
        None => {
            let place = input
                .sources
                .first()
                .map_or_else(|| Place::of_input("lake"), |source| Place::of_input(&source.name));
            problems.push(Problem::invalid(
                &place,
                "the lake has no name",
                "add `lake: NAME` once: who owns these entries",
            ));
            String::new()
        }
    };
    let directories = directories(cx, input);
    let plan = Plan {
        lake: &lake,
        writer: Writer::Lake(name.clone()),
        directories: &directories,
        removed: None,
        problems: &problems,
        gains: match cx.by {
            Applier::Operator => Rule::Free,
            Applier::Caller { .. } => Rule::Approved(approved),
        },
    };
    run(cx, &plan, options).await.map(|mut report| {
        report.lake = name;
        report
    })
}

fn lake_name(name: &str, place: &Place, options: ApplyOptions, problems: &mut Problems) {
    if name == BUILTIN_LAKE {
        let message = format!("lake name `{name}` is the server's own");
        problems.push(Problem::invalid(place, message, "choose another name"));
    }
    if name == LOCAL_LAKE && options.prune {
        let message = format!("lake `{name}` cannot be pruned: it holds what the API made");
        let remedy = "leave `--prune` out, and delete objects one by one; or choose another name for this lake";
        problems.push(Problem::invalid(place, message, remedy));
    }
}

/// The running lake in its own format; an API caller gets what it may see.
///
/// # Errors
/// `NOT_FOUND` for a lake or a name that is not there, or hidden; when the store cannot be used.
pub async fn export(
    store: &Store,
    caller: Option<(&Caller, &Governor)>,
    options: &ExportOptions,
) -> Result<Exported, ApplyError> {
    let whole = snapshot(store).await?;
    let judge = match caller {
        None => Judge::Operator,
        Some((caller, governor)) => Judge::new(&Applier::Caller { caller, governor }, &whole),
    };
    let snapshot = sight::seen(&judge, &whole, &Mentioned::Every);
    let mut partitions = partitions(store, &snapshot, |_| true).await?;
    sight::partitions(&judge, &mut partitions);
    let picture = Picture {
        snapshot: &snapshot,
        partitions: &partitions,
    };
    let visible = |kind: Kind, id: &ObjectId| {
        caller.is_none_or(|(caller, governor)| permission::visible(governor, caller, kind, id))
            && judge.exports(kind, id)
    };
    export::export(picture, options, &visible)
}

/// Everything that is to be computed again when the catalog moves.
struct Plan<'a> {
    lake: &'a Lake,
    writer: Writer,
    directories: &'a BTreeMap<String, PathBuf>,
    /// An object to delete.
    removed: Option<(Kind, ObjectId)>,
    /// Found while reading.
    problems: &'a Problems,
    gains: Rule<'a>,
}

async fn run(cx: &ApplyContext<'_>, plan: &Plan<'_>, options: ApplyOptions) -> Result<ApplyReport, ApplyError> {
    for _ in 0..ATTEMPTS {
        let whole = snapshot(cx.store).await?;
        let judge = Judge::new(&cx.by, &whole);
        let before = sight::seen(&judge, &whole, &Mentioned::by(plan.lake, options.prune));
        let named: BTreeSet<String> = plan.lake.tables.iter().map(|table| table.name.to_lowercase()).collect();
        let wanted = |name: &str| options.prune || named.contains(&name.to_lowercase());
        let mut partitions = partitions(cx.store, &before, wanted).await?;
        sight::partitions(&judge, &mut partitions);
        let mut draft = Draft::new(before, partitions, plan.writer.clone());
        draft.lists_names = matches!(cx.by, Applier::Operator);
        draft.problems = plan.problems.clone();
        if plan.lake.unread {
            // What could not be read may declare what the rest needs.
            finish(&mut draft)?;
        }
        check::check(&check_context(cx, plan, &judge), &mut draft, plan.lake).await;
        if options.prune {
            change::prune(&mut draft, &judge);
        }
        sight::unveil(&mut draft, whole);
        if let Some((kind, id)) = &plan.removed {
            resource::remove(&mut draft, *kind, id);
        }
        check::governed_columns_stay(&judge, &mut draft);
        draft.reindex();
        check::mappings::no_circles(&mut draft);
        check::views::stand(&mut draft);
        let seen =
            |draft: &Draft, kind, id: &ObjectId| !resource::is_stored(&draft.before, kind, id) || judge.sees(kind, id);
        check::usage::nothing_hangs(&mut draft, options.prune, &seen);
        check::dangling(&mut draft, &seen);
        let difference = change::difference(&draft);
        if let Some(report) = settle(cx, (plan, &judge), draft, difference, options).await? {
            return Ok(report);
        }
    }
    Err(moved())
}

/// Asks for permission and approval, then stores. `None`: the catalog moved, compute it again.
async fn settle(
    cx: &ApplyContext<'_>,
    (plan, judge): (&Plan<'_>, &Judge<'_>),
    mut draft: Draft,
    mut difference: Difference,
    options: ApplyOptions,
) -> Result<Option<ApplyReport>, ApplyError> {
    let version = draft.before.version;
    check::policies::own_ids(&mut draft);
    let caller = match &cx.by {
        Applier::Operator => None,
        Applier::Caller { caller, governor } => {
            let mut refused = std::mem::take(&mut draft.refusals);
            let overlaps = Overlaps::of(cx.store, (governor, caller), &draft).await?;
            let shed = Shed::of((governor, caller), &draft);
            let bounds = (&overlaps, &shed);
            refused.extend(permission::refused((governor, caller), &draft, &difference, bounds));
            if !refused.is_empty() && !options.dry_run {
                let changes = refused.iter().map(|(change, _)| change);
                commit::record_refusals(cx.store, caller, version, changes).await?;
            }
            forbid(&mut draft, refused.into_iter().map(|(_, problem)| problem));
            Some(*caller)
        }
    };
    finish(&mut draft)?;
    let changes = difference.changes.clone();
    let idle = difference.puts.is_empty() && difference.deletes.is_empty();
    let told = match plan.gains {
        Rule::Approved(_) if !idle => {
            let (told, gains) = gains::told((judge, cx.pepper), &draft, &difference).await?;
            if !options.dry_run {
                difference.approval = gains::approve(plan.gains, &told, gains)?;
            }
            Some(told)
        }
        _ => None,
    };
    let stored = if options.dry_run || idle {
        Some(version)
    } else {
        commit(cx.store, (caller, judge), version, difference).await?
    };
    Ok(stored.map(|version| ApplyReport {
        lake: String::new(),
        version,
        dry_run: options.dry_run,
        counts: Counts::of(&changes),
        changes,
        inferred: draft.inferred,
        warnings: draft.warnings,
        told,
    }))
}

/// Permission comes first: a lake that is refused is not judged beyond that.
fn forbid(draft: &mut Draft, refused: impl Iterator<Item = Problem>) {
    let refused: Vec<Problem> = refused.collect();
    if !refused.is_empty() {
        draft.problems = Problems::default();
        draft.problems.extend(refused);
    }
}

fn check_context<'a>(cx: &ApplyContext<'a>, plan: &Plan<'a>, judge: &'a Judge<'a>) -> CheckContext<'a> {
    let principal = match cx.by {
        Applier::Operator => "bootstrap",
        Applier::Caller { caller, .. } => caller.name.as_str(),
    };
    CheckContext {
        registry: cx.registry,
        inspector: cx.inspector,
        secrets: cx.secrets,
        pepper: cx.pepper,
        local_roots: cx.local_roots,
        operator: matches!(cx.by, Applier::Operator),
        principal,
        user: match cx.by {
            Applier::Operator => None,
            Applier::Caller { caller, .. } => Some(&caller.user),
        },
        directories: plan.directories,
        judge,
    }
}

fn finish(draft: &mut Draft) -> Result<(), ApplyError> {
    let problems = std::mem::take(&mut draft.problems).into_sorted();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(ApplyError::of(problems))
    }
}

fn directories(cx: &ApplyContext<'_>, input: &LakeInput) -> BTreeMap<String, PathBuf> {
    if !matches!(cx.by, Applier::Operator) {
        return BTreeMap::new();
    }
    input
        .sources
        .iter()
        .filter_map(|source| Some((source.name.clone(), source.directory.clone()?)))
        .collect()
}

async fn snapshot(store: &Store) -> Result<Arc<Snapshot>, ApplyError> {
    store.snapshot().await.map_err(|error| commit::store_problem(&error))
}

/// Stored partitions of the tables that declare them and are wanted.
async fn partitions(
    store: &Store,
    snapshot: &Snapshot,
    wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<ObjectId, Partitions>, ApplyError> {
    let mut found = BTreeMap::new();
    let named = |id: &ObjectId| snapshot.name_of("Table", id.as_str()).is_some_and(|name| wanted(&name));
    let mut declared = snapshot.tables.clone();
    declared.retain(|table| table.body.partitions == PartitionMode::Declared && named(&table.id));
    for table in declared {
        let stored = store.partitions(&table.id).await;
        found.insert(table.id.clone(), stored.map_err(|error| commit::store_problem(&error))?);
    }
    Ok(found)
}

fn moved() -> ApplyError {
    let place = Place::of_input("catalog");
    let message = "the catalog keeps changing while the lake is applied";
    ApplyError::one(Problem::new(ProblemCode::StaleVersion, &place, message, "try again"))
}
