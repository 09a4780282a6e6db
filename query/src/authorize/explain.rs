//! Why may a caller see these rows and cells of a table, and not others? Every decision behind a grant, with its reasons.
//!
//! For people who ask, not for queries. Whether the one who asks may know all of it is the front door's to decide.

use std::sync::Arc;

use lakegate_catalog::{
    governance::{ColumnMask, DataFilter},
    id::ObjectId,
    name::TableName,
    object::Stored,
    snapshot::TablePath,
};
use lakegate_policy::{
    Action, Authorizer, ColumnAccess, EntityUid, Explained, PolicyError, Request, Verdict, resource,
};

use super::{LeafFacts, RelationGrant, decide, gather, leaves};
use crate::{
    behalf,
    context::QueryContext,
    entities::Closure,
    error::{QueryError, Result},
};

/// A table as one caller may see it, and why.
#[derive(Clone, Debug)]
pub struct RelationExplanation {
    /// What a query would get.
    pub grant: RelationGrant,
    pub describe: Explained,
    /// On the table itself.
    pub select: Explained,
    pub filters: Vec<FilterExplanation>,
    /// In the order of the columns and their fields.
    pub leaves: Vec<LeafExplanation>,
    /// What its filters look up, where that was read.
    pub mappings: Vec<MappingExplanation>,
}

/// A mapping of a filter that binds.
#[derive(Clone, Debug)]
pub struct MappingExplanation {
    /// Id of the filter.
    pub filter: ObjectId,
    /// Name of whom it binds.
    pub bound: String,
    pub table: ObjectId,
    /// The table as the filter names it.
    pub name: TableName,
    /// Name of the user with whose rights it is read, if that one is still there.
    pub read_as: Option<String>,
    pub values: MappingValues,
}

/// What a mapping gives.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MappingValues {
    Read(Vec<String>),
    /// The publisher may not read it, or something that its condition reads is absent: the filter is true on no row.
    Error,
    /// It cannot be read now: statements are refused.
    Unavailable,
    /// It was not read: the one who asks may not see it.
    Withheld,
}

/// A data filter.
#[derive(Clone, Debug)]
pub struct FilterExplanation {
    pub filter: Arc<Stored<DataFilter>>,
    /// On `SelectFiltered`; of a restrictive filter on `BypassFilter`.
    pub explained: Explained,
}

/// A column, or a field of a struct column.
#[derive(Clone, Debug)]
pub struct LeafExplanation {
    /// From the column down.
    pub path: Vec<String>,
    /// Id of the top-level column.
    pub column: ObjectId,
    pub access: ColumnAccess,
    /// `Select` on the leaf; on what is around it, if that forbids.
    pub select: Explained,
    /// Its masks and those of what is around it, nearest first.
    pub masks: Vec<MaskExplanation>,
}

/// A mask.
#[derive(Clone, Debug)]
pub struct MaskExplanation {
    pub mask: Arc<Stored<ColumnMask>>,
    /// On `SelectMasked`.
    pub explained: Explained,
}

/// Decides a table as a query of the caller would have it decided, and says why.
///
/// # Errors
/// `INTERNAL_ERROR` if the facts cannot be put to Cedar; nothing may be told then.
pub fn explain(cx: &QueryContext, path: &TablePath) -> Result<RelationExplanation> {
    let grant = decide(cx, path)?;
    explained(cx, path, grant).map_err(QueryError::internal)
}

/// The part of the user on whose behalf the caller asks, if one is named: under the same circumstances.
///
/// # Errors
/// As [`explain`].
pub fn explain_other(cx: &QueryContext, path: &TablePath) -> Result<Option<RelationExplanation>> {
    let Some(caller) = behalf::caller(cx) else {
        return Ok(None);
    };
    let theirs = QueryContext { caller, ..cx.clone() };
    explain(&theirs, path).map(Some)
}

fn explained(cx: &QueryContext, path: &TablePath, grant: RelationGrant) -> Result<RelationExplanation, PolicyError> {
    let (snapshot, table) = (&cx.snapshot, &path.table);
    let all = leaves(table);
    let mut closure = Closure::new(snapshot);
    closure.caller(&cx.caller)?;
    closure.named_by(&cx.request)?;
    let relation = gather(snapshot, path, &all, &mut closure, None)?.relation;
    let asker = Asker {
        cx,
        authorizer: Authorizer::new(&cx.policies, closure.entities())?,
    };
    let relation = || relation.clone();
    let filters = snapshot.filters_of(&table.id).into_iter().map(|filter| {
        let action = if filter.body.restrictive {
            Action::BypassFilter
        } else {
            Action::SelectFiltered
        };
        FilterExplanation {
            filter: Arc::clone(filter),
            explained: asker.ask(action, resource::uid("DataFilter", filter.id.as_str())),
        }
    });
    let filters = filters.collect();
    let leaves = all.iter().zip(&grant.access.columns);
    Ok(RelationExplanation {
        describe: asker.ask(Action::Describe, relation()),
        select: asker.ask(Action::Select, relation()),
        filters,
        leaves: leaves.map(|(leaf, access)| asker.leaf(path, leaf, access)).collect(),
        mappings: Vec::new(),
        grant,
    })
}

struct Asker<'a> {
    cx: &'a QueryContext,
    authorizer: Authorizer<'a>,
}

impl Asker<'_> {
    fn ask(&self, action: Action, resource: EntityUid) -> Explained {
        self.authorizer.explain(&Request {
            principal: self.cx.caller.user.as_str(),
            action,
            resource,
            context: &self.cx.request,
        })
    }

    fn leaf(&self, path: &TablePath, leaf: &LeafFacts, access: &ColumnAccess) -> LeafExplanation {
        let column = path.table.body.columns.get(leaf.column);
        let name = column.map(|column| column.name.clone()).into_iter();
        let select = |id: &ObjectId| self.ask(Action::Select, resource::uid("Column", id.as_str()));
        let above = leaf.above().iter().map(select);
        let forbidden = |explained: &Explained| explained.decision.verdict == Verdict::Forbidden;
        let masks = leaf.masks(&self.cx.snapshot).map(|(_, mask)| MaskExplanation {
            mask: Arc::clone(mask),
            explained: self.ask(Action::SelectMasked, resource::uid("ColumnMask", mask.id.as_str())),
        });
        LeafExplanation {
            path: name.chain(leaf.path.iter().cloned()).collect(),
            column: column.map_or_else(|| leaf.id.clone(), |column| column.id.clone()),
            access: access.clone(),
            select: above.into_iter().find(forbidden).unwrap_or_else(|| select(&leaf.id)),
            masks: masks.collect(),
        }
    }
}
