//! What does a column mean that two tables share by USING or NATURAL? The value of either side (SQL:2016 7.10), not of the left.
//!
//! Such joins are written as ON before they are planned, and each unqualified name of a shared column as what it stands for:
//! the left value for inner and left joins, the right one for right joins, the first that is not NULL for full joins.
//! `SELECT *` shows it once, and first. A name that this pass does not reach stays ambiguous, which the planner refuses.

mod columns;
mod joined;
mod rewrite;

use std::ops::ControlFlow;

use datafusion::{
    execution::SessionState,
    sql::{
        parser::Statement as EngineStatement,
        sqlparser::ast::{Query, Select, SetExpr, TableFactor, VisitMut, VisitorMut, With},
    },
};

use crate::error::{QueryError, Result};

/// Rewrites all joins by USING and NATURAL in a statement.
///
/// # Errors
/// `COLUMN_NOT_FOUND`, `AMBIGUOUS_NAME`, `NOT_SUPPORTED`, and what planning the joined tables gives.
pub async fn resolve(session: &SessionState, mut statement: EngineStatement) -> Result<EngineStatement> {
    let EngineStatement::Statement(inner) = &mut statement else {
        return Ok(statement);
    };
    loop {
        let mut search = Walk::new(Step::Find);
        let _ = VisitMut::visit(inner.as_mut(), &mut search);
        let Step::Found(tables, with) = search.step else { break };
        let mut columns = Vec::with_capacity(tables.len());
        for table in &tables {
            columns.push(columns::of(session, table, with.as_ref()).await?);
        }
        let mut walk = Walk::new(Step::Rewrite(columns));
        let _ = VisitMut::visit(inner.as_mut(), &mut walk);
        match walk.step {
            Step::Done(outcome) => outcome?,
            _ => return Err(QueryError::internal("a join by USING was lost")),
        }
    }
    Ok(statement)
}

/// The innermost select that still has such a join is found, its tables are described, then the same one is rewritten.
struct Walk {
    with: Vec<Option<With>>,
    step: Step,
}

enum Step {
    Find,
    Found(Vec<TableFactor>, Option<With>),
    /// Column names by table.
    Rewrite(Vec<Vec<String>>),
    Done(Result<()>),
}

impl Walk {
    fn new(step: Step) -> Self {
        Self { with: Vec::new(), step }
    }
}

impl VisitorMut for Walk {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.with.push(query.with.clone());
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let visible = columns::visible(&self.with);
        self.with.pop();
        let is_plain = matches!(query.body.as_ref(), SetExpr::Select(_));
        let order = if is_plain { query.order_by.as_mut() } else { None };
        let Some(select) = first_select(&mut query.body) else {
            return ControlFlow::Continue(());
        };
        self.step = match std::mem::replace(&mut self.step, Step::Find) {
            Step::Rewrite(columns) => Step::Done(rewrite::select(select, order, columns)),
            _ => Step::Found(joined::tables(&select.from), visible),
        };
        ControlFlow::Break(())
    }
}

/// The first select below set operations that joins by shared columns; subqueries are queries of their own.
fn first_select(body: &mut SetExpr) -> Option<&mut Select> {
    match body {
        SetExpr::Select(select) if select.from.iter().any(joined::shares_columns) => Some(select),
        SetExpr::SetOperation { left, right, .. } => first_select(left).or_else(|| first_select(right)),
        _ => None,
    }
}
