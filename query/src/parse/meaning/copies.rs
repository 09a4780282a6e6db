//! What do EXCEPT ALL and INTERSECT ALL keep? As many copies of a row as the standard says (SQL:2016 7.17): the planner's own
//! count none, so the copies of equal rows are numbered on both sides and the pairs of row and number are compared.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::{
    ast::{ObjectNamePart, Query, SetExpr, SetOperator, SetQuantifier, Statement, TableFactor, VisitMut, VisitorMut},
    dialect::GenericDialect,
    parser::Parser,
};

use crate::error::{QueryError, Result};

/// Stands for all columns of the input where a window is partitioned by it.
pub const ALL_COLUMNS: &str = "\u{1f}all columns";
/// Name of the number of a copy.
const COPY: &str = "\u{1f}copy";

/// Rewrites the set operations of one query.
pub fn rewrite(body: &mut SetExpr) -> Result<()> {
    let SetExpr::SetOperation {
        op,
        set_quantifier,
        left,
        right,
    } = body
    else {
        return Ok(());
    };
    rewrite(left)?;
    rewrite(right)?;
    if *set_quantifier != SetQuantifier::All || *op == SetOperator::Union {
        return Ok(());
    }
    let mut numbered = template(*op)?;
    let sides = [left, right].map(|side| Some(std::mem::replace(side.as_mut(), nothing())));
    let _ = numbered.visit(&mut Fill { sides });
    *body = *numbered.body;
    Ok(())
}

fn nothing() -> SetExpr {
    SetExpr::Values(datafusion::sql::sqlparser::ast::Values {
        explicit_row: false,
        value_keyword: false,
        rows: Vec::new(),
    })
}

/// The planner drops a plain constant from PARTITION BY, so the sign stands in parentheses.
fn template(op: SetOperator) -> Result<Query> {
    let numbered = |side: &str| {
        format!(
            "SELECT *, row_number() OVER (PARTITION BY ('{ALL_COLUMNS}')) AS \"{COPY}\" FROM (SELECT * FROM \"{side}\") AS \"{side}\""
        )
    };
    let (left, right) = (numbered("\u{1f}left"), numbered("\u{1f}right"));
    let text = format!("SELECT * EXCLUDE (\"{COPY}\") FROM ({left} {op} {right}) AS \"copies\"");
    let mut statements = Parser::parse_sql(&GenericDialect {}, &text).map_err(QueryError::internal)?;
    match statements.pop() {
        Some(Statement::Query(query)) => Ok(*query),
        _ => Err(QueryError::internal("a template is no query")),
    }
}

/// Puts the two sides into the template.
struct Fill {
    sides: [Option<SetExpr>; 2],
}

impl VisitorMut for Fill {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let SetExpr::Select(select) = query.body.as_ref() else {
            return ControlFlow::Continue(());
        };
        let Some(TableFactor::Table { name, .. }) = select.from.first().map(|from| &from.relation) else {
            return ControlFlow::Continue(());
        };
        let [ObjectNamePart::Identifier(name)] = name.0.as_slice() else {
            return ControlFlow::Continue(());
        };
        let number = usize::from(name.value == "\u{1f}right");
        if let Some(side) = self.sides.get_mut(number).and_then(Option::take) {
            *query.body = side;
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use crate::parse::parse;

    #[test]
    fn both_sides_are_numbered() {
        let parsed =
            parse("SELECT a FROM t EXCEPT ALL (SELECT b FROM u INTERSECT ALL SELECT c FROM v) ORDER BY 1").unwrap();
        let names: Vec<String> = parsed.relations.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["t", "u", "v"]);
        let text = parsed.kind.query().unwrap().to_string();
        assert_eq!(text.matches("row_number()").count(), 4, "{text}");
        assert!(!text.contains(" ALL "), "{text}");
    }
}
