//! Which operators bind tighter than `IS [NOT] DISTINCT FROM`? Not AND and OR, whatever the parser says.
//!
//! sqlparser 0.62 parses everything that follows `IS DISTINCT FROM` as its right side (engine-gaps.md §1), so that
//! `a IS DISTINCT FROM b OR c` means `a IS DISTINCT FROM (b OR c)`. PostgreSQL and Trino read `(a IS DISTINCT FROM b) OR c`.
//! This pass rotates such trees. What the user put in parentheses is an `Expr::Nested` and stays.

use std::ops::ControlFlow;

use datafusion::sql::{
    parser::Statement as EngineStatement,
    sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, VisitMut, VisitorMut},
};

/// Gives `IS [NOT] DISTINCT FROM` its standard precedence everywhere in the statement.
pub fn repair(mut statement: EngineStatement) -> EngineStatement {
    repair_in(&mut statement);
    statement
}

fn repair_in(statement: &mut EngineStatement) {
    match statement {
        EngineStatement::Statement(inner) => {
            let _ = VisitMut::visit(inner.as_mut(), &mut Rotate);
        }
        EngineStatement::Explain(explain) => repair_in(&mut explain.statement),
        EngineStatement::CreateExternalTable(_) | EngineStatement::CopyTo(_) | EngineStatement::Reset(_) => {}
    }
}

struct Rotate;

impl VisitorMut for Rotate {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let taken = std::mem::replace(expr, placeholder());
        *expr = rotate(taken);
        ControlFlow::Continue(())
    }
}

fn placeholder() -> Expr {
    Expr::Wildcard(datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken::empty())
}

/// Children are right already; brings a too greedy right side up.
fn rotate(expr: Expr) -> Expr {
    match expr {
        Expr::IsDistinctFrom(left, right) => lift(*right, |inner| Expr::IsDistinctFrom(left, Box::new(inner))),
        Expr::IsNotDistinctFrom(left, right) => lift(*right, |inner| Expr::IsNotDistinctFrom(left, Box::new(inner))),
        Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr,
        } if is_logical(&expr) => negate_first(*expr),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } if is_or(&right) => match *right {
            Expr::BinaryOp {
                left: first,
                op,
                right: rest,
            } => {
                let both = rotate(Expr::BinaryOp {
                    left,
                    op: BinaryOperator::And,
                    right: first,
                });
                Expr::BinaryOp {
                    left: Box::new(both),
                    op,
                    right: rest,
                }
            }
            other => Expr::BinaryOp {
                left,
                op: BinaryOperator::And,
                right: Box::new(other),
            },
        },
        other => other,
    }
}

/// NOT binds tighter than AND and OR, and looser than all else.
fn negate_first(expr: Expr) -> Expr {
    match expr {
        Expr::BinaryOp {
            left,
            op: op @ (BinaryOperator::And | BinaryOperator::Or),
            right,
        } => Expr::BinaryOp {
            left: Box::new(negate_first(*left)),
            op,
            right,
        },
        other => Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr: Box::new(other),
        },
    }
}

fn is_or(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::BinaryOp {
            op: BinaryOperator::Or,
            ..
        }
    )
}

fn is_logical(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::BinaryOp {
            op: BinaryOperator::Or | BinaryOperator::And,
            ..
        }
    )
}

/// Applies `wrap` to the leftmost operand of `right` that binds tighter, and puts the rest around it.
fn lift(right: Expr, wrap: impl FnOnce(Expr) -> Expr) -> Expr {
    match right {
        Expr::BinaryOp {
            left,
            op: op @ (BinaryOperator::And | BinaryOperator::Or),
            right,
        } => Expr::BinaryOp {
            left: Box::new(lift(*left, wrap)),
            op,
            right,
        },
        Expr::IsNull(inner) => Expr::IsNull(Box::new(lift(*inner, wrap))),
        Expr::IsNotNull(inner) => Expr::IsNotNull(Box::new(lift(*inner, wrap))),
        Expr::IsTrue(inner) => Expr::IsTrue(Box::new(lift(*inner, wrap))),
        Expr::IsNotTrue(inner) => Expr::IsNotTrue(Box::new(lift(*inner, wrap))),
        Expr::IsFalse(inner) => Expr::IsFalse(Box::new(lift(*inner, wrap))),
        Expr::IsNotFalse(inner) => Expr::IsNotFalse(Box::new(lift(*inner, wrap))),
        Expr::IsDistinctFrom(left, rest) => Expr::IsDistinctFrom(Box::new(lift(*left, wrap)), rest),
        Expr::IsNotDistinctFrom(left, rest) => Expr::IsNotDistinctFrom(Box::new(lift(*left, wrap)), rest),
        other => wrap(other),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;

    use super::*;

    fn repaired(condition: &str) -> String {
        let sql = format!("SELECT {condition}");
        let statement = DFParser::parse_sql(&sql).unwrap().pop_front().unwrap();
        repair(statement).to_string()
    }

    /// Renders with parentheses round each operator by asking the parser for the explicit form.
    fn same(loose: &str, explicit: &str) {
        let strip = |text: String| text.replace(['(', ')'], "");
        let loose_tree = shape(loose);
        let explicit_tree = shape(explicit);
        assert_eq!(loose_tree, explicit_tree, "{loose} against {explicit}");
        assert_eq!(strip(repaired(loose)), strip(repaired(explicit)));
    }

    fn shape(condition: &str) -> String {
        let sql = format!("SELECT {condition}");
        let statement = repair(DFParser::parse_sql(&sql).unwrap().pop_front().unwrap());
        let EngineStatement::Statement(inner) = statement else {
            panic!("a statement")
        };
        let datafusion::sql::sqlparser::ast::Statement::Query(query) = *inner else {
            panic!("a query")
        };
        let select = query.body.as_select().unwrap();
        let datafusion::sql::sqlparser::ast::SelectItem::UnnamedExpr(expr) = &select.projection[0] else {
            panic!("an expression")
        };
        tree(expr)
    }

    fn tree(expr: &Expr) -> String {
        match expr {
            Expr::Nested(inner) => tree(inner),
            Expr::BinaryOp { left, op, right } => format!("({} {op} {})", tree(left), tree(right)),
            Expr::IsDistinctFrom(left, right) => format!("({} ISD {})", tree(left), tree(right)),
            Expr::IsNotDistinctFrom(left, right) => format!("({} ISND {})", tree(left), tree(right)),
            Expr::UnaryOp { op, expr } => format!("({op} {})", tree(expr)),
            Expr::IsNull(inner) => format!("({} NULL?)", tree(inner)),
            other => other.to_string(),
        }
    }

    #[test]
    fn and_and_or_bind_looser() {
        same("a IS DISTINCT FROM b OR c", "(a IS DISTINCT FROM b) OR c");
        same("a IS DISTINCT FROM b AND c OR d", "((a IS DISTINCT FROM b) AND c) OR d");
        same(
            "a IS NOT DISTINCT FROM b OR c AND d",
            "(a IS NOT DISTINCT FROM b) OR (c AND d)",
        );
        same("x AND a IS DISTINCT FROM b OR c", "(x AND (a IS DISTINCT FROM b)) OR c");
        same("NOT a IS DISTINCT FROM b OR c", "(NOT (a IS DISTINCT FROM b)) OR c");
        same("a IS DISTINCT FROM b IS NULL", "(a IS DISTINCT FROM b) IS NULL");
        same("a IS DISTINCT FROM b + 1 OR c", "(a IS DISTINCT FROM (b + 1)) OR c");
    }

    #[test]
    fn parentheses_stay() {
        same("a IS DISTINCT FROM (b OR c)", "(a IS DISTINCT FROM (b OR c))");
        assert_ne!(shape("a IS DISTINCT FROM (b OR c)"), shape("a IS DISTINCT FROM b OR c"));
    }
}
