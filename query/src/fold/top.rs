//! Which first rows of a scan does its source find? Those by whole columns; the sort itself stays.

use std::sync::Arc;

use datafusion::{
    catalog::Session,
    common::Result,
    logical_expr::{LogicalPlan, Sort, TableScan},
};
use lakegate_connectors::scan::{ColumnRef, SortKey};

use super::{
    at_source,
    chain::{arrow, is_plain, name_in, over, over_scan, scan_below, unaliased},
};
use crate::govern::folded::{Shape, Wanted};

/// More are read in parts and sorted here.
const MAX_ROWS: usize = 100_000;

/// What takes the place of a sort with a limit: the same sort over the source's first rows.
pub(super) async fn folded(sort: &Sort, session: &dyn Session) -> Result<Option<LogicalPlan>> {
    let Some((scan, wanted)) = scan_below(&sort.input).and_then(|scan| Some((scan, wanted(sort, scan)?))) else {
        return Ok(None);
    };
    let Some(leaf) = at_source(scan, session, wanted, &scan.projected_schema).await? else {
        return Ok(None);
    };
    Ok(Some(LogicalPlan::Sort(Sort {
        expr: sort.expr.clone(),
        input: Arc::new(over(&sort.input, &leaf)?),
        fetch: sort.fetch,
    })))
}

fn wanted<'a>(sort: &Sort, scan: &'a TableScan) -> Option<Wanted<'a>> {
    // What is computed between would be computed of few rows, and fail on fewer.
    if !is_plain(&sort.input) {
        return None;
    }
    let rows = sort.fetch.filter(|rows| *rows <= MAX_ROWS)?;
    let order = sort
        .expr
        .iter()
        .map(|key| {
            let meant = over_scan(&unaliased(key.expr.clone()), &sort.input)?;
            Some(SortKey {
                column: ColumnRef::of(name_in(&meant, scan)?),
                descending: !key.asc,
                nulls_first: key.nulls_first,
            })
        })
        .collect::<Option<Vec<_>>>()?;
    let keys: Vec<String> = order.iter().map(told).collect();
    Some(Wanted {
        filters: &scan.filters,
        schema: arrow(&scan.projected_schema),
        shown: format!(", order=[{}], limit={rows}", keys.join(", ")),
        shape: Shape::First {
            order,
            rows: u64::try_from(rows).ok()?,
        },
    })
}

fn told(key: &SortKey) -> String {
    let direction = if key.descending { "DESC" } else { "ASC" };
    let nulls = if key.nulls_first { "FIRST" } else { "LAST" };
    format!("{} {direction} NULLS {nulls}", key.column.column)
}
