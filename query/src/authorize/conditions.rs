//! What do the Cedar bodies of filters mean for this caller, now? Bound where the decision is made, so that its digest covers
//! what the plan will be made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use datafusion::arrow::datatypes::DataType;
use lakegate_catalog::{
    governance::{DataFilter, FilterLanguage},
    id::ObjectId,
};
use lakegate_policy::{
    Access, BoundCondition, Clear, ColumnAccess, Entities, RequestContext, RowCondition, RowScope, Share,
    show_condition,
};

use crate::{
    behalf,
    context::{Caller, QueryContext},
    entities::Names,
    govern::cedar_body,
    type_name::parse_type,
};

/// Who is asked for: the caller, the facts of the request, and the entities that it is decided over.
pub(crate) type Asking<'a> = (&'a Caller, &'a RequestContext, &'a Entities);

/// The Cedar bodies among these filters, by filter id. A body that cannot be read, or that names an object that is gone, is left
/// out: its filter does not compile, and the table denies.
pub(crate) fn bound<'f>(
    cx: &QueryContext,
    (caller, request, entities): Asking<'_>,
    filters: impl IntoIterator<Item = &'f str>,
) -> BTreeMap<String, BoundCondition> {
    let mut bound = BTreeMap::new();
    for id in filters {
        let Some(filter) = cx.snapshot.data_filter(&ObjectId::from_stored(id)) else {
            continue;
        };
        if filter.body.language != FilterLanguage::Cedar {
            continue;
        }
        match condition(&filter.body, cx) {
            Ok(condition) => {
                bound.insert(id.to_owned(), condition.bind(caller.user.as_str(), request, entities));
            }
            Err(cause) => tracing::error!(query = %cx.query, filter = %id, cause = %cause, "a filter cannot be read"),
        }
    }
    bound
}

/// The filters that decide rows or cells for a user, by id. One that opens a column may decide no row, where all rows are visible.
fn binding<'a>(rows: &'a RowScope, restrictive: &'a [String], columns: &'a [ColumnAccess]) -> BTreeSet<&'a str> {
    let rows = match rows {
        RowScope::AnyOf(ids) => ids.as_slice(),
        RowScope::All | RowScope::None => &[],
    };
    let cells = columns.iter().flat_map(|column| match &column.clear {
        Clear::Where(ids) => ids.as_slice(),
        Clear::Always | Clear::Never => &[],
    });
    rows.iter()
        .chain(cells)
        .chain(restrictive)
        .map(String::as_str)
        .collect()
}

/// Those that bind the caller and, apart, those that bind the user on whose behalf the caller acts.
pub(crate) fn bindings<'a>(cx: &QueryContext, access: &'a Access) -> Vec<(Caller, BTreeSet<&'a str>)> {
    let Some(joint) = &access.joint else {
        let all = binding(&access.rows, &access.restrictive, &access.columns);
        return vec![(cx.caller.clone(), all)];
    };
    let of = |share: &'a Share| binding(&share.rows, &share.restrictive, &share.columns);
    let own = (cx.caller.clone(), of(&joint.own));
    let other = behalf::caller(cx).map(|other| (other, of(&joint.other)));
    std::iter::once(own).chain(other).collect()
}

/// The Cedar bodies that apply, bound to the caller and to the user on whose behalf the caller acts.
pub(super) fn of_both(
    cx: &QueryContext,
    access: &Access,
    entities: &Entities,
) -> (BTreeMap<String, BoundCondition>, BTreeMap<String, BoundCondition>) {
    let mut of_each = bindings(cx, access)
        .into_iter()
        .map(|(caller, filters)| bound(cx, (&caller, &cx.request, entities), filters));
    (of_each.next().unwrap_or_default(), of_each.next().unwrap_or_default())
}

/// What a digest covers of them.
pub(super) fn fingerprints(conditions: &BTreeMap<String, BoundCondition>) -> BTreeMap<&str, &str> {
    let told = conditions.iter();
    told.map(|(filter, condition)| (filter.as_str(), condition.fingerprint()))
        .collect()
}

/// The stored body, over the columns that it was bound to.
fn condition(filter: &DataFilter, cx: &QueryContext) -> Result<Arc<RowCondition>, String> {
    let resolved = filter.resolved.as_deref().ok_or("it was not resolved")?;
    let told = |problems: Vec<lakegate_policy::PolicyProblem>| {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        texts.join("; ")
    };
    show_condition(resolved, &Names(&cx.snapshot)).map_err(told)?;
    let columns: Vec<(String, DataType)> = filter
        .reads
        .iter()
        .map(|read| Ok((read.name.clone(), parse_type(&read.data_type)?)))
        .collect::<Result<_, String>>()?;
    cedar_body::stored(&cx.policies, resolved, &columns).map_err(told)
}
