//! Why may a caller see these rows and cells of a table, and not others? Every decision behind a grant, with its reasons.
//!
//! For people who ask, not for queries. Whether the one who asks may know all of it is the front door's to decide.

use std::sync::Arc;

use lakegate_catalog::{
    governance::{ColumnMask, DataFilter},
    id::ObjectId,
    object::Stored,
    snapshot::TablePath,
};
use lakegate_policy::{
    Action, Authorizer, ColumnAccess, EntityUid, Explained, PolicyError, Request, Verdict, resource,
};

use super::{LeafFacts, RelationGrant, decide, gather, leaves};
use crate::{
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
