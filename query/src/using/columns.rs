//! Which columns does a table, subquery or function in FROM have? The planner is asked for its `SELECT *`.

use datafusion::{
    execution::SessionState,
    sql::{
        parser::{DFParser, Statement as EngineStatement},
        sqlparser::ast::{SetExpr, Statement, TableFactor, With},
    },
};

use crate::{
    engine_error::{Phase, translate},
    error::{ErrorCode, QueryError, Result},
};

/// Names in order.
pub(super) async fn of(session: &SessionState, table: &TableFactor, with: Option<&With>) -> Result<Vec<String>> {
    let lateral = matches!(
        table,
        TableFactor::Derived { lateral: true, .. } | TableFactor::Function { lateral: true, .. }
    );
    if lateral {
        return Err(QueryError::new(
            ErrorCode::NotSupported,
            "USING or NATURAL beside LATERAL is not supported by this version; join with ON",
        ));
    }
    let question = everything(table.clone(), with.cloned())?;
    let plan = session
        .statement_to_plan(question)
        .await
        .map_err(|error| translate(error, Phase::Plan))?;
    Ok(plan
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect())
}

/// Common table expressions of all levels; an inner one hides an outer one of its name.
pub(super) fn visible(levels: &[Option<With>]) -> Option<With> {
    let mut all: Option<With> = None;
    for level in levels.iter().flatten() {
        let Some(known) = &mut all else {
            all = Some(level.clone());
            continue;
        };
        known.recursive |= level.recursive;
        let inner = |name: &str| level.cte_tables.iter().any(|table| table.alias.name.value == name);
        known.cte_tables.retain(|table| !inner(&table.alias.name.value));
        known.cte_tables.extend(level.cte_tables.iter().cloned());
    }
    all
}

/// `SELECT * FROM table`.
fn everything(table: TableFactor, with: Option<With>) -> Result<EngineStatement> {
    let lost = || QueryError::internal("a statement of one table");
    let mut statement = DFParser::parse_sql("SELECT * FROM t")
        .map_err(QueryError::internal)?
        .pop_front()
        .ok_or_else(lost)?;
    if let EngineStatement::Statement(inner) = &mut statement
        && let Statement::Query(query) = inner.as_mut()
    {
        query.with = with;
        if let SetExpr::Select(select) = query.body.as_mut() {
            let from = select.from.first_mut().ok_or_else(lost)?;
            from.relation = table;
        }
    }
    Ok(statement)
}
