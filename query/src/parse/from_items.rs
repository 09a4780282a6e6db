//! What stands in FROM? Calls of table functions, which are no relations, and how many items there are.

use std::{collections::BTreeSet, ops::ControlFlow};

use datafusion::sql::{
    parser::Statement as EngineStatement,
    sqlparser::ast::{TableFactor, Visit, Visitor},
};

/// What stands in all FROM clauses of a statement.
#[derive(Debug, Default)]
pub struct FromItems {
    /// Unqualified names that are called with arguments, in lower case.
    pub functions: BTreeSet<String>,
    /// Tables, functions and subqueries, each as often as it is named.
    pub count: usize,
}

/// Looks through the statement.
pub fn from_items(statement: &EngineStatement) -> FromItems {
    let mut items = FromItems::default();
    if let EngineStatement::Statement(inner) = statement {
        let _ = inner.visit(&mut items);
    }
    items
}

impl Visitor for FromItems {
    type Break = ();

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<()> {
        self.count += 1;
        if let TableFactor::Table {
            name, args: Some(_), ..
        } = table
            && let [part] = name.0.as_slice()
            && let Some(ident) = part.as_ident()
        {
            self.functions.insert(ident.value.to_lowercase());
        }
        ControlFlow::Continue(())
    }
}
