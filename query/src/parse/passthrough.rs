//! `TABLE(catalog.system.query('…'))`: a statement in the language of a source, which stands for a relation.

use std::ops::ControlFlow;

use datafusion::{
    common::TableReference,
    sql::{
        parser::Statement as EngineStatement,
        sqlparser::ast::{
            Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, ObjectNamePart,
            TableAlias, TableFactor, TableFunctionArgs, Value, VisitMut, VisitorMut,
        },
    },
};

use crate::error::{ErrorCode, QueryError, Result};

/// The database of a catalog that holds its functions.
pub const SYSTEM: &str = "system";
/// The function.
const QUERY: &str = "query";
/// Calls of one statement: each is described at its source before anything runs.
const MOST: usize = 10;

/// A call, which has become a relation.
#[derive(Clone, Debug, PartialEq)]
pub struct Passthrough {
    /// Stands in the statement instead of the call.
    pub relation: TableReference,
    /// As it is sent to the source.
    pub text: String,
}

/// Puts a relation in the place of each call.
///
/// # Errors
/// `INVALID_REQUEST` for calls without one text literal, `QUERY_TOO_COMPLEX` for too many.
pub fn take(statement: &mut EngineStatement) -> Result<Vec<Passthrough>> {
    match statement {
        EngineStatement::Statement(inner) => {
            let mut calls = Calls::default();
            match VisitMut::visit(inner.as_mut(), &mut calls) {
                ControlFlow::Continue(()) => Ok(calls.0),
                ControlFlow::Break(error) => Err(error),
            }
        }
        EngineStatement::Explain(explain) => take(&mut explain.statement),
        EngineStatement::CreateExternalTable(_) | EngineStatement::CopyTo(_) | EngineStatement::Reset(_) => {
            Ok(Vec::new())
        }
    }
}

#[derive(Default)]
struct Calls(Vec<Passthrough>);

impl VisitorMut for Calls {
    type Break = QueryError;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<QueryError> {
        match self.replaced(factor) {
            Ok(Some(relation)) => *factor = relation,
            Ok(None) => {}
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }
}

impl Calls {
    fn replaced(&mut self, factor: &TableFactor) -> Result<Option<TableFactor>> {
        let Some(call) = Call::of(factor) else {
            return Ok(None);
        };
        if self.0.len() == MOST {
            return Err(QueryError::new(
                ErrorCode::StatementTooComplex,
                format!("the statement has more than {MOST} calls of `system.query`"),
            ));
        }
        let text = call.text()?;
        let table = format!("{QUERY}#{}", self.0.len() + 1);
        let parts = call.catalog().into_iter().chain([SYSTEM.to_owned(), table.clone()]);
        let name = parts.map(|part| ObjectNamePart::Identifier(Ident::with_quote('"', part)));
        let name = ObjectName(name.collect());
        let relation = match call.catalog() {
            Some(catalog) => TableReference::full(catalog, SYSTEM, table),
            None => TableReference::partial(SYSTEM, table),
        };
        self.0.push(Passthrough { relation, text });
        // Without a name of its own it is `query`.
        let alias = call.alias.cloned().unwrap_or_else(|| TableAlias {
            explicit: true,
            name: Ident::new(QUERY),
            columns: Vec::new(),
            at: None,
        });
        Ok(Some(TableFactor::Table {
            name,
            alias: Some(alias),
            args: None,
            with_hints: Vec::new(),
            version: None,
            with_ordinality: false,
            partitions: Vec::new(),
            json_path: None,
            sample: None,
            index_hints: Vec::new(),
        }))
    }
}

/// A call as it is written.
struct Call<'a> {
    name: &'a ObjectName,
    alias: Option<&'a TableAlias>,
    arguments: &'a [FunctionArg],
}

impl<'a> Call<'a> {
    /// `TABLE(f(…))` or `f(…)` of this function.
    fn of(factor: &'a TableFactor) -> Option<Self> {
        let (name, alias, arguments) = match factor {
            TableFactor::TableFunction {
                expr:
                    Expr::Function(Function {
                        name,
                        args: FunctionArguments::List(list),
                        ..
                    }),
                alias,
            } => (name, alias, &list.args),
            TableFactor::Table {
                name,
                alias,
                args: Some(TableFunctionArgs { args, .. }),
                ..
            } => (name, alias, args),
            _ => return None,
        };
        let parts: Vec<&Ident> = name.0.iter().filter_map(ObjectNamePart::as_ident).collect();
        let is_query = parts.len() == name.0.len()
            && parts.len() <= 3
            && matches!(
                parts.as_slice(),
                [.., system, query]
                    if system.value.eq_ignore_ascii_case(SYSTEM) && query.value.eq_ignore_ascii_case(QUERY)
            );
        is_query.then_some(Self {
            name,
            alias: alias.as_ref(),
            arguments,
        })
    }

    /// In lower case, as all names of the catalog: names of functions come as they are written.
    fn catalog(&self) -> Option<String> {
        match self.name.0.as_slice() {
            [catalog, _, _] => catalog.as_ident().map(|ident| ident.value.to_lowercase()),
            _ => None,
        }
    }

    fn text(&self) -> Result<String> {
        let value = match self.arguments {
            [FunctionArg::Unnamed(value)] => Some(value),
            [FunctionArg::Named { name, arg, .. }] if name.value.eq_ignore_ascii_case(QUERY) => Some(arg),
            [
                FunctionArg::ExprNamed {
                    name: Expr::Identifier(name),
                    arg,
                    ..
                },
            ] if name.value.eq_ignore_ascii_case(QUERY) => Some(arg),
            _ => None,
        };
        let text = match value {
            Some(FunctionArgExpr::Expr(Expr::Value(value))) => match &value.value {
                Value::SingleQuotedString(text) => Some(text),
                Value::DollarQuotedString(text) => Some(&text.value),
                _ => None,
            },
            _ => None,
        };
        let text = text.map(|text| text.trim().trim_end_matches(';').trim_end());
        text.filter(|text| !text.is_empty())
            .map(ToOwned::to_owned)
            .ok_or_else(|| {
                QueryError::new(
                    ErrorCode::InvalidRequest,
                    "`system.query` takes one text: write `TABLE(catalog.system.query('SELECT …'))`",
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use crate::parse::parse;

    fn taken(sql: &str) -> Vec<(String, String)> {
        let parsed = parse(sql).unwrap();
        let calls = parsed.passthrough.iter();
        calls
            .map(|call| (call.relation.to_string(), call.text.clone()))
            .collect()
    }

    #[test]
    fn calls_become_relations() {
        for sql in [
            "SELECT * FROM TABLE(crm.system.query('SELECT 1; '))",
            "SELECT * FROM TABLE(CRM.System.Query(query => 'SELECT 1')) AS t(a)",
            "SELECT * FROM crm.system.query($$SELECT 1$$) t",
            "EXPLAIN SELECT query.a FROM TABLE(crm.system.query('SELECT 1'))",
        ] {
            assert_eq!(
                taken(sql),
                [("crm.system.query#1".to_owned(), "SELECT 1".to_owned())],
                "{sql}"
            );
        }
        let two = taken("SELECT (SELECT max(a) FROM TABLE(system.query('A')) x) FROM TABLE(crm.system.query('B')) y");
        let names: Vec<&str> = two.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), 2);
        assert!(
            names.contains(&"crm.system.query#1") || names.contains(&"crm.system.query#2"),
            "{names:?}"
        );
    }

    #[test]
    fn other_calls_are_refused_or_left() {
        for sql in [
            "SELECT * FROM TABLE(crm.system.query())",
            "SELECT * FROM TABLE(crm.system.query(''))",
            "SELECT * FROM TABLE(crm.system.query('a', 'b'))",
            "SELECT * FROM TABLE(crm.system.query(text => 'a'))",
            "SELECT * FROM TABLE(crm.system.query(?))",
            "SELECT * FROM TABLE(crm.system.query('a' || 'b'))",
        ] {
            let error = parse(sql).unwrap_err();
            assert!(error.message.contains("system.query"), "{sql}: {error:?}");
        }
        assert!(taken("SELECT * FROM generate_series(1, 2)").is_empty());
        assert!(taken("SELECT * FROM crm.system.query").is_empty());
    }
}
