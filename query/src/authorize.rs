//! May the caller read these relations, and what of them? One decision and one audit event per table, view and base of a view.
//!
//! Semantics: governance.md §3. What follows for plans is `govern`.

pub(crate) mod conditions;
mod event;
mod evidence;
pub mod explain;
mod facts;

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use lakegate_catalog::{
    audit::AuditEvent,
    id::ObjectId,
    name::TableName,
    snapshot::{Snapshot, TablePath},
};
use lakegate_policy::{
    Access, Action, Authorizer, BoundCondition, Clear, ColumnAccess, Decision, Joint, MaskChoice, PolicyError, Reads,
    RelationFacts, RequestContext,
};
use sha2::{Digest, Sha256};

pub use facts::{LeafFacts, leaves};
pub(crate) use facts::{gather, leaf_key};

use crate::{
    behalf,
    context::{Caller, QueryContext},
    entities::Closure,
    error::{ErrorCode, QueryError, Result},
    govern::column_mask,
    identity,
    mapping::{self, Mapped},
    mask_key,
    signal::Signal,
    views::{self, Base, Broken, Other},
};

/// What the caller may see of one table under one epoch.
#[derive(Clone, Debug)]
pub struct RelationGrant {
    pub path: TablePath,
    /// Columns are leaves: a struct column stands there with each of its fields ([`leaves`]).
    pub access: Arc<Access>,
    pub can_describe: bool,
    /// The Cedar bodies of the filters that count, by the ids of the filters, with the facts of this statement.
    pub conditions: BTreeMap<String, BoundCondition>,
    /// As `conditions`, for the user on whose behalf the caller acts.
    pub other_conditions: BTreeMap<String, BoundCondition>,
    /// The caller may know true figures and files of this table.
    pub read_stats: bool,
    /// Of everything that the decision depends on.
    pub digest: [u8; 32],
    /// As the digest, without the epoch: equal as long as nothing that matters has changed.
    pub decision: [u8; 32],
    /// As the decision, without the versions of table and connection: what the caller may see, however it is reached.
    pub sight: [u8; 32],
    /// Version of the snapshot and the policies.
    pub epoch: i64,
    /// The values of mappings in filters, once they were read; part of the digest from then on.
    pub mapped: Mapped,
    /// Of a view: all that it reads, in the order of its body.
    pub bases: Vec<Base>,
    /// Of a view: why it cannot be read, whatever may be seen of it.
    pub broken: Option<Broken>,
    /// Restrictive filters that bind those who read it through definer views.
    pub others: Vec<Other>,
}

impl RelationGrant {
    /// The table's name in the catalog.
    #[must_use]
    pub fn name(&self) -> TableName {
        name_of(&self.path)
    }

    /// Some data of it may be read.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.access.is_open() && self.broken.is_none()
    }

    /// Whether a filter in Cedar asks on which side of a moment the statement is, here or in what a view reads.
    #[must_use]
    pub fn turns_by_time(&self) -> bool {
        let others = self.others.iter().map(|other| &other.conditions);
        let own = [&self.conditions, &self.other_conditions];
        let mut conditions = others.chain(own).flat_map(BTreeMap::values);
        conditions.any(BoundCondition::turns_by_time)
            || self
                .bases
                .iter()
                .any(|base| base.grant.as_ref().is_some_and(Self::turns_by_time))
    }

    /// Whether filters in Cedar decide its rows or cells.
    pub(crate) fn has_conditions(&self) -> bool {
        !self.conditions.is_empty() || !self.other_conditions.is_empty()
    }

    /// Every row and cell is clear, of the relation and of all that it reads.
    #[must_use]
    pub fn is_unrestricted(&self) -> bool {
        let below = |base: &Base| base.grant.as_ref().is_some_and(Self::is_unrestricted);
        self.access.is_unrestricted()
            && self.broken.is_none()
            && self.others.iter().all(|other| other.restrictive.is_empty())
            && self.bases.iter().all(below)
    }

    /// What is read does not depend on who reads: no connection of it has credentials of its readers.
    #[must_use]
    pub fn is_read_alike(&self) -> bool {
        let below = |base: &Base| base.grant.as_ref().is_some_and(Self::is_read_alike);
        self.path.connection.body.credentials.is_empty() && self.bases.iter().all(below)
    }
}

/// The outcome for one table; the event is to be stored in both cases.
#[derive(Debug)]
pub struct Attempt {
    pub grant: Result<RelationGrant>,
    pub event: AuditEvent,
    /// One for each base of a view.
    pub below: Vec<AuditEvent>,
}

/// Decides the tables of a statement, in their order.
#[must_use]
pub fn authorize(cx: &QueryContext, tables: &[TablePath]) -> Vec<Attempt> {
    let decided = tables.iter().map(|path| {
        let mut attempt = attempt(cx, path);
        evidence::add(cx, Some(path), &mut attempt.event);
        attempt
            .below
            .iter_mut()
            .for_each(|event| evidence::add(cx, None, event));
        attempt
    });
    decided.collect()
}

/// Adds to an event what proves a decision years later.
pub(crate) fn add_evidence(cx: &QueryContext, event: &mut AuditEvent) {
    evidence::add(cx, None, event);
}

/// The outcome for a name that leads to no table: the same as for a hidden one.
#[must_use]
pub fn missing(cx: &QueryContext, name: &TableName) -> Attempt {
    let error = QueryError::table_not_found(name);
    let mut event = event::denied(cx, name, None, &error, &[]);
    evidence::add(cx, None, &mut event);
    Attempt {
        event,
        grant: Err(error),
        below: Vec::new(),
    }
}

/// Decides one table without refusing: for metadata, where a describable table is shown though it cannot be read.
///
/// # Errors
/// `INTERNAL_ERROR` if the facts cannot be put to Cedar; nothing may be shown then.
pub fn decide(cx: &QueryContext, path: &TablePath) -> Result<RelationGrant> {
    let start = Instant::now();
    let grant = known(cx, path);
    let allowed = grant.as_ref().is_ok_and(RelationGrant::is_readable);
    cx.signals.tell(&Signal::Decided {
        allowed: usize::from(allowed),
        denied: usize::from(!allowed),
        took: start.elapsed(),
    });
    let errors = grant.iter().flat_map(|grant| &grant.access.errors);
    errors.for_each(|_| cx.signals.tell(&Signal::PolicyFailed));
    grant
}

/// As it was decided before under the same circumstances, or decided now.
fn known(cx: &QueryContext, path: &TablePath) -> Result<RelationGrant> {
    cx.decisions.soundness().confirmed()?;
    let grant = match cx.decisions.find(cx, path) {
        Some(grant) => grant,
        None => {
            let (grant, reads) = decided_by(cx, path, Way::Index).map_err(QueryError::internal)?;
            let grant = Arc::new(grant);
            cx.decisions.keep(cx, &grant, reads);
            grant
        }
    };
    let made = Arc::clone(&grant);
    let again = move |cx: &QueryContext, _: &TablePath| decides_alike(cx, &made);
    cx.decisions.soundness().sample(cx, path, again);
    Ok(RelationGrant::clone(&grant))
}

/// Whether the whole set, column by column, decides as it was decided.
fn decides_alike(cx: &QueryContext, grant: &RelationGrant) -> bool {
    decided_by(cx, &grant.path, Way::WholeSet)
        .is_ok_and(|(again, _)| again.digest == grant.digest && again.access == grant.access)
}

/// Whether the table may be described or read, as the whole set decides.
pub(crate) fn is_listed_by_whole_set(cx: &QueryContext, path: &TablePath) -> bool {
    decided_by(cx, path, Way::WholeSet).is_ok_and(|(grant, _)| grant.can_describe || grant.is_readable())
}

/// Which policies are asked about which columns.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// Those of the index, columns that they cannot tell apart once.
    Index,
    /// All of them, each column.
    WholeSet,
}

fn attempt(cx: &QueryContext, path: &TablePath) -> Attempt {
    let name = name_of(path);
    let grant = match decide(cx, path) {
        Ok(grant) => grant,
        Err(error) => {
            // P6 and P7: what cannot be decided is not there.
            tracing::error!(query = %cx.query, table = %name, error = %error.log_text(), "a table could not be decided");
            let error = QueryError::table_not_found(&name);
            return Attempt {
                event: event::denied(cx, &name, Some(path), &error, &[]),
                grant: Err(error),
                below: Vec::new(),
            };
        }
    };
    report(cx, &name, &grant);
    let below = event::below(cx, &grant);
    if let Some(error) = refusal(&name, &grant) {
        return Attempt {
            event: event::denied(cx, &name, Some(path), &error, &grant.access.policies),
            grant: Err(error),
            below,
        };
    }
    Attempt {
        event: event::allowed(cx, &name, &grant),
        grant: Ok(grant),
        below,
    }
}

fn refusal(name: &TableName, grant: &RelationGrant) -> Option<QueryError> {
    match (grant.is_readable(), grant.can_describe) {
        (true, _) => None,
        // A view that would be open but for what it reads: to its readers it is not there.
        _ if grant.access.is_open() => Some(QueryError::table_not_found(name)),
        (false, true) => Some(QueryError::new(
            ErrorCode::AccessDenied,
            format!("you may not read `{name}`"),
        )),
        (false, false) => Some(QueryError::table_not_found(name)),
    }
}

fn report(cx: &QueryContext, name: &TableName, grant: &RelationGrant) {
    let access = &grant.access;
    if let Some(broken) = &grant.broken {
        tracing::warn!(query = %cx.query, view = %name, why = %broken, "a view cannot be read");
    }
    let below = grant.bases.iter().filter_map(|base| base.grant.as_ref());
    below.for_each(|base| report(cx, &base.name(), base));
    for error in &access.errors {
        tracing::error!(query = %cx.query, table = %name, error = %error, "a policy could not be evaluated: denied");
    }
    for alert in &access.alerts {
        tracing::error!(query = %cx.query, table = %name, alert = %alert, "governance needs mending");
    }
}

pub(crate) fn decided(cx: &QueryContext, path: &TablePath) -> Result<RelationGrant, PolicyError> {
    decided_by(cx, path, Way::Index).map(|(grant, _)| grant)
}

fn decided_by(cx: &QueryContext, path: &TablePath, way: Way) -> Result<(RelationGrant, Reads), PolicyError> {
    let table = &path.table;
    let leaves = leaves(table);
    let mut closure = Closure::new(&cx.snapshot);
    closure.caller(&cx.caller)?;
    closure.named_by(&cx.request)?;
    let alike = (way == Way::Index).then_some(&*cx.policies);
    let facts = gather(&cx.snapshot, path, &leaves, &mut closure, alike)?;
    let authorizer = match way {
        Way::Index => Authorizer::new(&cx.policies, closure.entities())?,
        Way::WholeSet => Authorizer::unsliced(&cx.policies, closure.entities())?,
    };
    let asker = Asker {
        authorizer: &authorizer,
        context: &cx.request,
        facts: &facts,
    };
    let (mut access, mut describe, mut read_stats) = asker.ask(cx.caller.user.as_str());
    if let Some(user) = behalf::of(cx) {
        let (theirs, may_describe, may_read_stats) = asker.ask(user);
        access = access.intersect(theirs, &facts);
        describe = describe.and(may_describe);
        read_stats = read_stats.and(may_read_stats);
    }
    // INVARIANT: a definer lends rows, not figures about what lies behind them.
    let read_stats = !cx.is_lent() && read_stats.is_allowed();
    let (bases, broken) = match &path.view {
        Some(view) if access.is_open() => views::rights::bases(cx, view)?,
        _ => (Vec::new(), None),
    };
    let (conditions, other_conditions) = conditions::of_both(cx, &access, authorizer.entities());
    let mut grant = RelationGrant {
        path: path.clone(),
        access: Arc::new(access),
        conditions,
        other_conditions,
        can_describe: describe.is_allowed(),
        read_stats,
        decision: [0; 32],
        sight: [0; 32],
        digest: [0; 32],
        epoch: cx.snapshot.version,
        bases,
        broken,
        others: views::rights::others(cx, path)?,
        mapped: Mapped::new(),
    };
    grant.sight = sight(cx, &grant, &leaves);
    grant.decision = decision(&grant);
    grant.digest = digest(cx.snapshot.version, &grant.decision);
    Ok((grant, authorizer.reads()))
}

/// Puts the questions about one table for one user.
struct Asker<'a> {
    authorizer: &'a Authorizer<'a>,
    context: &'a RequestContext,
    facts: &'a RelationFacts,
}

impl Asker<'_> {
    /// What the user sees, and whether the table may be described and its figures read.
    fn ask(&self, principal: &str) -> (Access, Decision, Decision) {
        let actions = [Action::Describe, Action::ReadStats];
        let asked = self.authorizer.access_and(principal, self.context, self.facts, actions);
        let (access, [describe, read_stats]) = asked;
        (access, describe, read_stats)
    }
}

/// Whether a mask shows that hashes with the tenant's key: a new key changes nothing for those who see none of its hashes.
fn is_keyed(snapshot: &Snapshot, access: &Access) -> bool {
    let keyed = |mask: &MaskChoice| match mask {
        MaskChoice::Mask(id) => snapshot
            .column_mask(&ObjectId::from_stored(id.as_str()))
            .is_none_or(|mask| column_mask::is_keyed(&mask.body.func)),
        MaskChoice::None | MaskChoice::NullByTie => false,
    };
    let shows = |columns: &[ColumnAccess]| {
        let mut unclear = columns.iter().filter(|column| column.clear != Clear::Always);
        unclear.any(|column| keyed(&column.mask))
    };
    let of_both =
        |joint: &Joint| shows(&joint.own.columns) || shows(&joint.other.columns) || joint.neither.iter().any(keyed);
    shows(&access.columns) || access.joint.as_deref().is_some_and(of_both)
}

/// Covers what the caller may see of the relation: rows, cells, and all filters and masks that say so; of a view also its body
/// and what that reads.
fn sight(cx: &QueryContext, grant: &RelationGrant, leaves: &[LeafFacts]) -> [u8; 32] {
    let snapshot = &cx.snapshot;
    let RelationGrant { path, access, .. } = grant;
    let filters: Vec<_> = snapshot
        .filters_of(&path.table.id)
        .into_iter()
        .map(|filter| (filter.id.as_str(), filter.version))
        .collect();
    let masks: Vec<_> = leaves
        .iter()
        .flat_map(|leaf| leaf.masks(snapshot))
        .map(|(_, mask)| (mask.id.as_str().to_owned(), mask.version))
        .collect();
    let keyed = is_keyed(snapshot, access);
    let version = |caller: &Caller| snapshot.user(&caller.user).map(|user| user.version);
    let others = grant.others.iter();
    let others: Vec<_> = others
        .map(|other| {
            let conditions = conditions::fingerprints(&other.conditions);
            (
                other.caller.user.as_str(),
                version(&other.caller),
                &other.restrictive,
                conditions,
            )
        })
        .collect();
    let parts = serde_json::json!({
        "principal": cx.caller.user.as_str(),
        "user": version(&cx.caller),
        "on_behalf_of": behalf::caller(cx).map(|other| (other.user.as_str().to_owned(), version(&other))),
        "table": path.table.id.as_str(),
        "access": { "gate": access.gate, "select": access.select, "rows": access.rows, "restrictive": access.restrictive, "columns": access.columns, "joint": access.joint },
        "filters": filters,
        "conditions": conditions::fingerprints(&grant.conditions),
        "other_conditions": conditions::fingerprints(&grant.other_conditions),
        "masks": masks,
        "mappings": mapping::sights(cx, grant),
        "mask_key": keyed.then(|| mask_key::version(snapshot)),
        "others": others,
        "view": path.view.as_ref().map(|view| view.version),
        "bases": below(grant, |base| &base.sight),
        "broken": grant.broken.as_ref().map(ToString::to_string),
        "source_identity": identity::word(cx, &path.connection),
    });
    Sha256::digest(parts.to_string().as_bytes()).into()
}

/// Covers all that a plan is made from; equal under different epochs if nothing that matters has changed.
fn decision(grant: &RelationGrant) -> [u8; 32] {
    let path = &grant.path;
    let parts = serde_json::json!({
        "sight": hex::encode(grant.sight),
        "table": path.table.version,
        "connection": [path.connection.id.as_str(), path.connection.version.to_string()],
        "read_stats": grant.read_stats,
        "bases": below(grant, |base| &base.decision),
    });
    Sha256::digest(parts.to_string().as_bytes()).into()
}

/// A digest of each base, by its name in the body.
fn below(grant: &RelationGrant, digest: impl Fn(&RelationGrant) -> &[u8; 32]) -> Vec<(String, Option<String>)> {
    let bases = grant.bases.iter();
    bases
        .map(|base| {
            (
                base.name.to_string(),
                base.grant.as_ref().map(|grant| hex::encode(digest(grant))),
            )
        })
        .collect()
}

/// The decision under its epoch: what plans are marked with.
pub(crate) fn digest(epoch: i64, decision: &[u8; 32]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(epoch.to_le_bytes());
    hasher.update(decision);
    hasher.finalize().into()
}

pub(crate) fn name_of(path: &TablePath) -> TableName {
    TableName::new(&path.catalog.name, &path.database.name, &path.table.name)
}
