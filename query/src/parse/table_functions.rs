//! Which names in FROM are calls of table functions, and no relations?

use std::{collections::BTreeSet, ops::ControlFlow};

use datafusion::sql::{
    parser::Statement as EngineStatement,
    sqlparser::ast::{TableFactor, Visit, Visitor},
};

/// Unqualified names that are called with arguments, in lower case.
pub fn named_in(statement: &EngineStatement) -> BTreeSet<String> {
    let mut calls = Calls::default();
    if let EngineStatement::Statement(inner) = statement {
        let _ = inner.visit(&mut calls);
    }
    calls.0
}

#[derive(Default)]
struct Calls(BTreeSet<String>);

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            name, args: Some(_), ..
        } = table
            && let [part] = name.0.as_slice()
            && let Some(ident) = part.as_ident()
        {
            self.0.insert(ident.value.to_lowercase());
        }
        ControlFlow::Continue(())
    }
}
