//! Which forms would the planner take in another sense than the standard, PostgreSQL and Trino? They are written in one that
//! it takes in theirs, or refused with a remedy.

mod copies;
mod function;

use std::ops::ControlFlow;

use datafusion::sql::{
    parser::Statement as EngineStatement,
    sqlparser::{
        ast::{
            BinaryOperator, CaseWhen, CastKind, CharacterLength, DataType, ExactNumberInfo, Expr, Query, Value,
            VisitMut, VisitorMut, helpers::attached_token::AttachedToken,
        },
        dialect::GenericDialect,
        parser::Parser,
    },
};

use super::similar;
use crate::error::{ErrorCode, QueryError, Result};

pub use copies::ALL_COLUMNS;

/// Rewrites the statement.
///
/// # Errors
/// `NOT_SUPPORTED` for what has no right form here, `SYNTAX_ERROR` for a malformed pattern.
pub fn rewrite(statement: &mut EngineStatement) -> Result<()> {
    match statement {
        EngineStatement::Statement(inner) => match VisitMut::visit(inner.as_mut(), &mut Meaning) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(error),
        },
        EngineStatement::Explain(explain) => rewrite(&mut explain.statement),
        EngineStatement::CreateExternalTable(_) | EngineStatement::CopyTo(_) | EngineStatement::Reset(_) => Ok(()),
    }
}

struct Meaning;

impl VisitorMut for Meaning {
    type Break = QueryError;

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<QueryError> {
        flow(copies::rewrite(&mut query.body))
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<QueryError> {
        flow(rewritten(expr).map(|better| {
            if let Some(better) = better {
                *expr = better;
            }
        }))
    }
}

fn flow(outcome: Result<()>) -> ControlFlow<QueryError> {
    match outcome {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

/// The form that means the same and that the planner reads rightly, where there is one.
fn rewritten(expr: &mut Expr) -> Result<Option<Expr>> {
    match expr {
        Expr::SimilarTo { .. } => similar::as_regex(expr).map(Some),
        Expr::AnyOp {
            left,
            compare_op: BinaryOperator::Eq,
            right,
            ..
        } if !matches!(right.as_ref(), Expr::Subquery(_)) => Ok(Some(any_element(left, right)?)),
        Expr::BinaryOp {
            op: BinaryOperator::BitwiseXor,
            ..
        } => Err(QueryError::new(
            ErrorCode::NotSupported,
            "the operator `^` is not supported; use power(x, y)",
        )),
        Expr::Value(literal) => match &literal.value {
            Value::Number(digits, _) if digits.contains(['e', 'E']) => Ok(Some(double(digits))),
            _ => Ok(None),
        },
        Expr::Cast {
            expr,
            data_type: DataType::Varchar(Some(length)) | DataType::CharacterVarying(Some(length)),
            kind,
            ..
        } => cut(expr, length, kind),
        Expr::Function(function) => function::rewrite(function),
        _ => Ok(None),
    }
}

/// A number with an exponent is a double; one with a point alone is a decimal.
fn double(digits: &str) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(Expr::Value(Value::SingleQuotedString(digits.to_owned()).into())),
        data_type: DataType::Double(ExactNumberInfo::None),
        array: false,
        format: None,
    }
}

/// `x = ANY(a)` is NULL where `a` has no `x` but a NULL.
fn any_element(element: &Expr, array: &Expr) -> Result<Expr> {
    let has = template("array_has(a, x)", element, array)?;
    let unknown = template("x IS NULL OR array_position(a, NULL) IS NOT NULL", element, array)?;
    let empty = template("array_length(a) IS NULL OR array_length(a) = 0", element, array)?;
    let absent = template("a IS NULL", element, array)?;
    let when = |condition, result: Value| CaseWhen {
        condition,
        result: Expr::Value(result.into()),
    };
    Ok(Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![
            when(absent, Value::Null),
            when(empty, Value::Boolean(false)),
            when(has, Value::Boolean(true)),
            when(unknown, Value::Null),
        ],
        else_result: Some(Box::new(Expr::Value(Value::Boolean(false).into()))),
    })
}

/// An expression over `x` and `a`, which stand for the two operands.
fn template(text: &str, x: &Expr, a: &Expr) -> Result<Expr> {
    let mut parsed = Parser::new(&GenericDialect {})
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_expr())
        .map_err(QueryError::internal)?;
    let _ = datafusion::sql::sqlparser::ast::visit_expressions_mut(&mut parsed, |expr| {
        if let Expr::Identifier(name) = expr {
            *expr = Expr::Nested(Box::new(if name.value == "x" { x.clone() } else { a.clone() }));
        }
        ControlFlow::<()>::Continue(())
    });
    Ok(Expr::Nested(Box::new(parsed)))
}

/// A cast to `varchar(n)` keeps the first `n` characters.
fn cut(expr: &Expr, length: &CharacterLength, kind: &CastKind) -> Result<Option<Expr>> {
    let CharacterLength::IntegerLength { length, .. } = length else {
        return Ok(None);
    };
    let text = Expr::Cast {
        kind: kind.clone(),
        expr: Box::new(expr.clone()),
        data_type: DataType::Varchar(None),
        array: false,
        format: None,
    };
    template(&format!("substr(x, 1, {length})"), &text, &text).map(Some)
}

#[cfg(test)]
mod tests {
    use crate::{error::ErrorCode, parse::parse};

    fn rewritten(sql: &str) -> String {
        parse(sql).unwrap().kind.query().unwrap().to_string()
    }

    #[test]
    fn forms_of_another_sense_are_written_in_the_standard_s() {
        for (stated, expected) in [
            ("a SIMILAR TO 'b%'", "((a) ~ '^(?s:b.*)$')"),
            ("a NOT SIMILAR TO 'b'", "((a) !~ '^(?s:b)$')"),
            ("1e3", "CAST('1e3' AS DOUBLE)"),
            ("array_remove(a, 1)", "array_remove_all(a, 1)"),
            ("to_unixtime(a)", "date_part('epoch', a)"),
            ("CAST(a AS varchar(2))", "(SUBSTR((CAST(a AS VARCHAR)), 1, 2))"),
        ] {
            assert_eq!(
                rewritten(&format!("SELECT {stated} AS x")),
                format!("SELECT {expected} AS x")
            );
        }
    }

    #[test]
    fn what_has_no_right_form_is_refused() {
        for stated in ["2 ^ 3", "a SIMILAR TO b", "to_char(a, 'YYYY-MM-DD')"] {
            let error = parse(&format!("SELECT {stated} FROM t")).unwrap_err();
            assert_eq!(error.code, ErrorCode::NotSupported, "{stated}");
        }
        assert!(parse("SELECT to_char(a, '%Y') FROM t").is_ok());
    }
}
