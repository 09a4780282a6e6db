//! Which parts of a statement would the engine drop without a word? They are refused: a wrong answer is worse than none.

use std::ops::ControlFlow;

use datafusion::sql::{
    parser::Statement as EngineStatement,
    sqlparser::ast::{Query, SetExpr, TableFactor, Visit, Visitor},
};

use crate::error::{ErrorCode, QueryError, Result};

/// Refuses what the planner reads over: samples, hints, locks, time travel, and the like.
///
/// # Errors
/// `NOT_SUPPORTED`, naming the clause.
pub fn check(statement: &EngineStatement) -> Result<()> {
    let EngineStatement::Statement(inner) = statement else {
        return Ok(());
    };
    match inner.visit(&mut Ignored) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(clause) => Err(QueryError::new(
            ErrorCode::NotSupported,
            format!("{clause} is not supported by this version"),
        )),
    }
}

struct Ignored;

impl Visitor for Ignored {
    type Break = &'static str;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<&'static str> {
        let clauses = [
            ("FOR UPDATE or FOR SHARE", !query.locks.is_empty()),
            ("FOR XML, FOR JSON or FOR BROWSE", query.for_clause.is_some()),
            ("SETTINGS", query.settings.is_some()),
            ("FORMAT", query.format_clause.is_some()),
        ];
        first(&clauses)?;
        select(&query.body)
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<&'static str> {
        let TableFactor::Table {
            with_hints,
            version,
            with_ordinality,
            partitions,
            json_path,
            sample,
            index_hints,
            ..
        } = table
        else {
            return ControlFlow::Continue(());
        };
        let clauses = [
            ("TABLESAMPLE", sample.is_some()),
            ("a table hint", !with_hints.is_empty() || !index_hints.is_empty()),
            ("time travel", version.is_some()),
            ("WITH ORDINALITY", *with_ordinality),
            ("PARTITION (…) after a table", !partitions.is_empty()),
            ("a path after a table", json_path.is_some()),
        ];
        first(&clauses)
    }
}

/// Selects below set operations too; subqueries are queries of their own.
fn select(body: &SetExpr) -> ControlFlow<&'static str> {
    match body {
        SetExpr::Select(select) => first(&[
            ("SELECT INTO", select.into.is_some()),
            ("PREWHERE", select.prewhere.is_some()),
            ("CONNECT BY", !select.connect_by.is_empty()),
            ("DISTRIBUTE BY", !select.distribute_by.is_empty()),
            ("AS STRUCT or AS VALUE", select.value_table_mode.is_some()),
            ("a modifier of SELECT", select.select_modifiers.is_some()),
        ]),
        SetExpr::SetOperation { left, right, .. } => {
            select(left)?;
            select(right)
        }
        _ => ControlFlow::Continue(()),
    }
}

fn first(clauses: &[(&'static str, bool)]) -> ControlFlow<&'static str> {
    match clauses.iter().find(|(_, present)| *present) {
        Some((clause, _)) => ControlFlow::Break(clause),
        None => ControlFlow::Continue(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::parse::parse;

    #[test]
    fn what_would_be_dropped_is_refused() {
        for sql in [
            "SELECT count(*) FROM t TABLESAMPLE (1 PERCENT)",
            "SELECT * FROM (SELECT * FROM t TABLESAMPLE BERNOULLI (10)) x",
            "SELECT * FROM t FOR UPDATE",
            "SELECT 1 WHERE EXISTS (SELECT * FROM t WITH (NOLOCK))",
        ] {
            assert!(parse(sql).is_err(), "{sql}");
        }
        assert!(parse("SELECT * FROM t AS x (a, b)").is_ok());
    }
}
