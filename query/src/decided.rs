//! What was decided for a statement, and is it decided the same again? For statements that wait or run, and for results
//! that are fetched later.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use lakegate_catalog::{
    id::ObjectId,
    object::{Noun, Stored},
    record::Decisions,
    snapshot::Snapshot,
};
use sha2::{Digest, Sha256};

use crate::{
    analyze,
    authorize::{self, RelationGrant},
    behalf,
    context::{Caller, QueryContext},
    error::{ErrorCode, QueryError, Result},
    mapping,
    passthrough::Passage,
};

/// The decisions of one statement.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    pub grants: Vec<RelationGrant>,
    /// Sources that it speaks to in their own language.
    pub passages: Vec<Passage>,
    /// The statement tells names of the lake, not only rows of these tables.
    pub names: Option<Names>,
    /// The statement tells what was counted while it ran.
    pub analyzed: bool,
}

/// All that governs which names are shown: equal as long as nobody gained or lost a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Names([u8; 32]);

impl Names {
    /// Under the snapshot and in the circumstances of `cx`, for its caller. New tables are no change; new tags and owners are,
    /// and a grant that has ended, a role that the token no longer brings, and whatever policies read of the request.
    #[must_use]
    pub fn of(cx: &QueryContext) -> Self {
        let (snapshot, caller) = (&cx.snapshot, &cx.caller);
        let version = |id: &ObjectId| snapshot.user(id).map(|user| user.version);
        let user = version(&caller.user);
        let other = cx.request.on_behalf_of.as_deref();
        let other = other.map(|id| (id, version(&ObjectId::from_stored(id))));
        let rules = [
            versions(&snapshot.roles),
            versions(&snapshot.policies),
            versions(&snapshot.grants),
            versions(&snapshot.data_filters),
            versions(&snapshot.column_masks),
        ];
        let mut marked: BTreeMap<&str, _> = BTreeMap::new();
        let catalogs = snapshot
            .catalogs
            .iter()
            .map(|it| (it.id.as_str(), (None, &it.body.tags)));
        let databases = snapshot.databases.iter();
        marked.extend(catalogs);
        marked.extend(databases.map(|it| (it.id.as_str(), (it.body.owner.as_ref(), &it.body.tags))));
        for table in &snapshot.tables {
            marked.insert(table.id.as_str(), (table.body.owner.as_ref(), &table.body.tags));
            let columns = table.body.columns.iter();
            marked.extend(columns.map(|column| (column.id.as_str(), (None, &column.tags))));
        }
        for view in &snapshot.views {
            marked.insert(view.id.as_str(), (view.body.owner.as_ref(), &view.body.tags));
            let columns = view.body.columns.iter();
            marked.extend(columns.map(|column| (column.id.as_str(), (None, &column.tags))));
        }
        marked.retain(|_, (owner, tags)| owner.is_some() || !tags.is_empty());
        let mut roles = caller.extra_roles.clone();
        roles.sort();
        let roles: Vec<&str> = roles.iter().map(ObjectId::as_str).collect();
        let circumstances = cx.policies.circumstances(&cx.request);
        let parts = serde_json::json!([caller.user.as_str(), user, other, rules, marked, roles, circumstances]);
        Self(Sha256::digest(parts.to_string().as_bytes()).into())
    }
}

fn versions<B: Noun>(all: &[Arc<Stored<B>>]) -> BTreeMap<&str, i64> {
    all.iter().map(|it| (it.id.as_str(), it.version)).collect()
}

impl Decided {
    /// Is everything decided the same under `cx`, and is the caller still there? The tables must be the same objects,
    /// in the same version.
    #[must_use]
    pub fn holds(&self, cx: &QueryContext, now: DateTime<Utc>) -> bool {
        let snapshot = &cx.snapshot;
        let same = |grant: &RelationGrant| {
            snapshot
                .relation_path(&grant.path.table.id)
                .filter(|path| path.table.version == grant.path.table.version)
                .and_then(|path| authorize::decide(cx, &path).ok())
                .is_some_and(|again| again.decision == grant.decision)
        };
        is_present(snapshot, &cx.caller, now)
            && behalf::holds(cx)
            && self.names.is_none_or(|names| names == Names::of(cx))
            && self.grants.iter().all(same)
            && self.passages.iter().all(|passage| passage.holds(cx))
            && (!self.analyzed || self.grants.iter().all(|grant| analyze::permitted(cx, grant)))
    }

    /// Whether a filter of these tables asks on which side of a moment the statement is.
    #[must_use]
    pub fn turns_by_time(&self) -> bool {
        self.grants.iter().any(RelationGrant::turns_by_time)
    }

    /// What is kept with a result.
    #[must_use]
    pub fn kept(&self) -> Decisions {
        let digest = |grant: &RelationGrant| (grant.path.table.id.as_str().to_owned(), hex::encode(grant.sight));
        let values = |grant: &RelationGrant| {
            let values = mapping::digest(grant)?;
            Some((grant.path.table.id.as_str().to_owned(), hex::encode(values)))
        };
        Decisions {
            tables: self.grants.iter().map(digest).collect(),
            mappings: self.grants.iter().filter_map(values).collect(),
            passages: self.passages.iter().map(Passage::kept).collect(),
            names: self.names.map(|names| hex::encode(names.0)),
        }
    }
}

/// May the caller of `cx` see rows that were decided so for `submitter`? Whoever else fetches them must see all of every
/// table, and no source may be read with credentials of its readers: the rows are a function of what the submitter sees.
///
/// # Errors
/// `POLICY_CHANGED` if the submitter sees something else by now; `ACCESS_DENIED` for others.
pub fn confirm(cx: &QueryContext, submitter: &str, decisions: Option<&Decisions>) -> Result<()> {
    let own = cx.caller.user.as_str() == submitter;
    let holds = decisions.is_some_and(|decisions| {
        let names = decisions.names.as_ref();
        // What a source answered is for whoever asked it.
        let mut passages = decisions.passages.iter();
        behalf::holds(cx)
            && passages.all(|(catalog, digest)| own && Passage::is_kept(cx, catalog, digest))
            && names.is_none_or(|names| own && *names == hex::encode(Names::of(cx).0))
            && decisions.tables.iter().all(|(table, sight)| {
                let path = cx.snapshot.relation_path(&ObjectId::from_stored(table.as_str()));
                let again = path.and_then(|path| authorize::decide(cx, &path).ok());
                again.is_some_and(|again| {
                    if own {
                        hex::encode(again.sight) == *sight
                    } else {
                        again.is_unrestricted() && again.is_read_alike()
                    }
                })
            })
    });
    match (holds, own) {
        (true, _) => Ok(()),
        (false, true) => Err(changed()),
        (false, false) => Err(QueryError::new(
            ErrorCode::AccessDenied,
            "the rows of somebody else's query are for those who may read all of its tables; run it yourself",
        )),
    }
}

/// Is the user still there, and the key or token that proved it still good?
#[must_use]
pub fn is_present(snapshot: &Snapshot, caller: &Caller, now: DateTime<Utc>) -> bool {
    let good = |id: &ObjectId| {
        snapshot
            .key(id)
            .is_some_and(|key| key.body.user == caller.user && key.body.expires.is_none_or(|end| now < end))
    };
    let lasts = caller.proof_ends.is_none_or(|end| now < end);
    lasts && snapshot.user(&caller.user).is_some() && caller.key.as_ref().is_none_or(good)
}

/// The one refusal of what was decided otherwise.
#[must_use]
pub fn changed() -> QueryError {
    QueryError::new(
        ErrorCode::PolicyChanged,
        "permissions or tables of the query are no longer what they were when it began; run it again",
    )
}
