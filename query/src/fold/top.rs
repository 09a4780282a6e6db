//! Which first rows of a scan does its source find? Those by whole columns; the sort itself stays.

use std::sync::Arc;

use datafusion::{
    catalog::Session,
    common::Result,
    logical_expr::{LogicalPlan, Sort},
};
use lakegate_connectors::scan::SortKey;

use super::{
    at_source,
    base::Base,
    chain::{arrow, is_plain, over, unaliased},
};
use crate::govern::folded::Shape;

/// More are read in parts and sorted here.
const MAX_ROWS: usize = 100_000;

/// What takes the place of a sort with a limit: the same sort over the source's first rows.
pub(super) async fn folded(sort: &Sort, session: &dyn Session) -> Result<Option<LogicalPlan>> {
    let Some((base, wanted)) = Base::below(&sort.input).and_then(|base| {
        let wanted = wanted(sort, &base)?;
        Some((base, wanted))
    }) else {
        return Ok(None);
    };
    let (shape, told) = wanted;
    let schema = base.core.schema();
    let Some(leaf) = at_source(&base, session, shape, (told, arrow(schema)), schema).await? else {
        return Ok(None);
    };
    Ok(Some(LogicalPlan::Sort(Sort {
        expr: sort.expr.clone(),
        input: Arc::new(over(&sort.input, &leaf)?),
        fetch: sort.fetch,
    })))
}

/// The first rows, and how plans show them.
fn wanted(sort: &Sort, base: &Base<'_>) -> Option<(Shape, String)> {
    // What is computed between would be computed of few rows, and fail on fewer.
    if !is_plain(&sort.input) {
        return None;
    }
    let rows = sort.fetch.filter(|rows| *rows <= MAX_ROWS)?;
    let order = sort
        .expr
        .iter()
        .map(|key| {
            let meant = base.over(&unaliased(key.expr.clone()), &sort.input)?;
            Some(SortKey {
                column: base.column(&meant)?,
                descending: !key.asc,
                nulls_first: key.nulls_first,
            })
        })
        .collect::<Option<Vec<_>>>()?;
    let keys: Vec<String> = order.iter().map(told).collect();
    let shape = Shape::First {
        columns: base.columns.clone(),
        order,
        rows: u64::try_from(rows).ok()?,
    };
    Some((shape, format!(", order=[{}], limit={rows}", keys.join(", "))))
}

fn told(key: &SortKey) -> String {
    let direction = if key.descending { "DESC" } else { "ASC" };
    let nulls = if key.nulls_first { "FIRST" } else { "LAST" };
    format!("{} {direction} NULLS {nulls}", key.column.column)
}
