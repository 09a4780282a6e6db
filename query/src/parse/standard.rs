//! Which spellings of the standard does the planner refuse or misread? They are written in one that it takes.
//!
//! `FETCH FIRST n ROWS ONLY` is LIMIT, LIKE with any ESCAPE has the backslash, `timestamp` has microseconds as in table
//! definitions (the planner's nanoseconds end in 2262), and a cast that is tried has a name of its own.

use std::ops::ControlFlow;

use datafusion::sql::{
    parser::Statement as EngineStatement,
    sqlparser::ast::{
        CastKind, DataType, Expr, Fetch, Ident, LimitClause, Query, Select, SelectItem, Value, ValueWithSpan, VisitMut,
        VisitorMut,
    },
};

use crate::error::{ErrorCode, QueryError, Result};

/// Digits of a fraction of a second that `timestamp` keeps.
const MICROSECONDS: u64 = 6;

/// Rewrites the statement.
///
/// # Errors
/// `NOT_SUPPORTED` for FETCH with PERCENT or WITH TIES, `SYNTAX_ERROR` for FETCH beside LIMIT and an escape that is no
/// character or ends a pattern.
pub fn rewrite(statement: &mut EngineStatement) -> Result<()> {
    match statement {
        EngineStatement::Statement(inner) => match VisitMut::visit(inner.as_mut(), &mut Standard) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(error),
        },
        EngineStatement::Explain(explain) => rewrite(&mut explain.statement),
        EngineStatement::CreateExternalTable(_) | EngineStatement::CopyTo(_) | EngineStatement::Reset(_) => Ok(()),
    }
}

struct Standard;

impl VisitorMut for Standard {
    type Break = QueryError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<QueryError> {
        match query.fetch.take() {
            Some(fetch) => flow(limit(query, fetch)),
            None => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<QueryError> {
        for item in &mut select.projection {
            name_tried_cast(item);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<QueryError> {
        match expr {
            Expr::TypedString(literal) if !is_finer(&literal.value) => microseconds(&mut literal.data_type),
            Expr::Cast { expr, data_type, .. } if !matches!(expr.as_ref(), Expr::Value(text) if is_finer(text)) => {
                microseconds(data_type);
            }
            Expr::Like {
                pattern, escape_char, ..
            }
            | Expr::ILike {
                pattern, escape_char, ..
            } => return flow(backslash(pattern, escape_char)),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn flow(outcome: Result<()>) -> ControlFlow<QueryError> {
    match outcome {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

fn limit(query: &mut Query, fetch: Fetch) -> Result<()> {
    if fetch.percent || fetch.with_ties {
        return Err(QueryError::new(
            ErrorCode::NotSupported,
            "FETCH with PERCENT or WITH TIES is not supported; use FETCH FIRST n ROWS ONLY",
        ));
    }
    let rows = fetch
        .quantity
        .unwrap_or_else(|| Expr::value(Value::Number("1".to_owned(), false)));
    match &mut query.limit_clause {
        clause @ None => {
            *clause = Some(LimitClause::LimitOffset {
                limit: Some(rows),
                offset: None,
                limit_by: Vec::new(),
            });
        }
        Some(LimitClause::LimitOffset {
            limit: limit @ None, ..
        }) => *limit = Some(rows),
        Some(_) => {
            return Err(QueryError::new(
                ErrorCode::SyntaxError,
                "FETCH stands beside LIMIT; use one of them",
            ));
        }
    }
    Ok(())
}

/// The planner gives it the name of what is cast, which ORDER BY may need at the same time.
fn name_tried_cast(item: &mut SelectItem) {
    if let SelectItem::UnnamedExpr(expr) = item
        && matches!(
            expr,
            Expr::Cast {
                kind: CastKind::TryCast,
                ..
            }
        )
    {
        *item = SelectItem::ExprWithAlias {
            alias: Ident::with_quote('"', expr.to_string()),
            expr: expr.clone(),
        };
    }
}

fn microseconds(data_type: &mut DataType) {
    if let DataType::Timestamp(precision @ None, _) = data_type {
        *precision = Some(MICROSECONDS);
    }
}

/// Does a literal state more digits than microseconds have?
fn is_finer(literal: &ValueWithSpan) -> bool {
    let Value::SingleQuotedString(text) = &literal.value else {
        return false;
    };
    let fraction = text.rsplit_once('.').map_or("", |(_, fraction)| fraction);
    fraction.bytes().take_while(u8::is_ascii_digit).count() > 6
}

/// A constant pattern whose escape is the backslash, which is the planner's.
fn backslash(pattern: &mut Expr, escape: &mut Option<ValueWithSpan>) -> Result<()> {
    let Some(stated) = escape else { return Ok(()) };
    let Value::SingleQuotedString(stated) = &stated.value else {
        return Ok(());
    };
    let mut characters = stated.chars();
    let character = characters.next();
    if characters.next().is_some() {
        return Err(QueryError::new(ErrorCode::SyntaxError, "ESCAPE takes one character"));
    }
    if character == Some('\\') {
        return Ok(());
    }
    let Expr::Value(literal) = pattern else {
        return Err(QueryError::new(
            ErrorCode::NotSupported,
            "LIKE with ESCAPE takes a constant pattern",
        ));
    };
    if let Value::SingleQuotedString(text) = &mut literal.value {
        *text = escaped_by_backslash(text, character)?;
        *escape = None;
    }
    Ok(())
}

fn escaped_by_backslash(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut written = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        let literal = if Some(character) == escape {
            characters.next().ok_or_else(|| {
                QueryError::new(
                    ErrorCode::SyntaxError,
                    "a LIKE pattern must not end with its escape character",
                )
            })?
        } else if character == '\\' {
            character
        } else {
            written.push(character);
            continue;
        };
        if matches!(literal, '%' | '_' | '\\') {
            written.push('\\');
        }
        written.push(literal);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use crate::parse::parse;

    fn rewritten(sql: &str) -> String {
        parse(sql).unwrap().kind.query().unwrap().to_string()
    }

    #[test]
    fn fetch_is_limit() {
        assert_eq!(
            rewritten("SELECT a FROM t ORDER BY a OFFSET 2 ROWS FETCH NEXT 3 ROWS ONLY"),
            "SELECT a FROM t ORDER BY a LIMIT 3 OFFSET 2 ROWS"
        );
        assert_eq!(
            rewritten("SELECT a FROM t FETCH FIRST ROW ONLY"),
            "SELECT a FROM t LIMIT 1"
        );
        for sql in [
            "SELECT a FROM t FETCH FIRST 3 ROWS WITH TIES",
            "SELECT a FROM t FETCH FIRST 3 PERCENT ROWS ONLY",
            "SELECT a FROM t LIMIT 1 FETCH FIRST 3 ROWS ONLY",
        ] {
            assert!(parse(sql).is_err(), "{sql}");
        }
    }

    #[test]
    fn any_escape_becomes_the_backslash() {
        for (stated, expected) in [
            ("a LIKE 'b!%%' ESCAPE '!'", r"a LIKE 'b\%%'"),
            ("a LIKE '!!_' ESCAPE '!'", "a LIKE '!_'"),
            (r"a LIKE 'c:\%' ESCAPE '#'", r"a LIKE 'c:\\%'"),
            (r"a NOT ILIKE 'x#\' ESCAPE '#'", r"a NOT ILIKE 'x\\'"),
            (r"a LIKE 'x\%' ESCAPE ''", r"a LIKE 'x\\%'"),
            (r"a LIKE 'x\%' ESCAPE '\'", r"a LIKE 'x\%' ESCAPE '\'"),
        ] {
            assert_eq!(rewritten(&format!("SELECT {stated}")), format!("SELECT {expected}"));
        }
        for refused in [
            "a LIKE 'x!' ESCAPE '!'",
            "a LIKE b ESCAPE '!'",
            "a LIKE 'x' ESCAPE 'xy'",
        ] {
            assert!(parse(&format!("SELECT {refused} FROM t")).is_err(), "{refused}");
        }
    }

    #[test]
    fn timestamps_have_microseconds_unless_more_is_stated() {
        for (stated, expected) in [
            ("TIMESTAMP '2020-01-01'", "TIMESTAMP(6) '2020-01-01'"),
            ("CAST(a AS timestamp)", "CAST(a AS TIMESTAMP(6))"),
            ("CAST(a AS timestamp(3))", "CAST(a AS TIMESTAMP(3))"),
            (
                "TIMESTAMP '2020-01-01 00:00:00.1234567'",
                "TIMESTAMP '2020-01-01 00:00:00.1234567'",
            ),
        ] {
            assert_eq!(
                rewritten(&format!("SELECT {stated} AS x")),
                format!("SELECT {expected} AS x")
            );
        }
    }
}
