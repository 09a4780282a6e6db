//! What does a body say about a row? Cedar's syntax tree becomes a typed one, or every node that has no meaning there is named.

use std::collections::BTreeSet;

use super::body::too_deep;
use super::free::{FreePart, resources};
use super::{
    Kind, MAX_CONDITION_DEPTH, MAX_CONDITION_NODES, RowColumn, RowCondition, RowExpr, RowRead, RowValue, free,
};
use crate::cedar_text::{self, words};
use crate::problem::PolicyProblem;
use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, UnaryOp};

/// A part of the tree, and the paths that have a value wherever it is TRUE.
pub(super) struct Lowered {
    pub(super) expr: RowExpr,
    pub(super) present: BTreeSet<String>,
}

impl Lowered {
    pub(super) fn plain(expr: RowExpr) -> Self {
        Self {
            expr,
            present: BTreeSet::new(),
        }
    }
}

/// Lowers the clauses of a body.
pub(super) fn lower(body: &str, clauses: &[Clause], columns: &[RowColumn]) -> Result<RowCondition, Vec<PolicyProblem>> {
    let mut lowering = Lowering::new(body, columns).map_err(|problem| vec![problem])?;
    let mut nodes = 0;
    for clause in clauses {
        let (Clause::When(expr) | Clause::Unless(expr)) = clause;
        measure(expr, 1, &mut nodes).map_err(|problem| vec![problem.at(body, 0)])?;
    }
    let mut parts = Vec::new();
    for clause in clauses {
        let (expr, excepted) = match clause {
            Clause::When(expr) => (expr, false),
            Clause::Unless(expr) => (expr, true),
        };
        if let Some(Lowered { expr, present }) = lowering.boolean(expr) {
            lowering.present.extend(present);
            parts.push(if excepted { RowExpr::Not(Box::new(expr)) } else { expr });
        }
    }
    let Lowering {
        problems, free, reads, ..
    } = lowering;
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(RowCondition {
        expr: RowExpr::All(parts),
        free,
        reads,
    })
}

/// Limits on the tree itself, before anything walks down it. A chain of one connective is as deep as its parts.
fn measure(expr: &Expr, depth: usize, nodes: &mut usize) -> Result<(), PolicyProblem> {
    *nodes += 1;
    if *nodes > MAX_CONDITION_NODES {
        let message = format!("the condition has more than {MAX_CONDITION_NODES} parts");
        return Err(PolicyProblem::new(message, "split it into several filters"));
    }
    if depth > MAX_CONDITION_DEPTH {
        return Err(too_deep());
    }
    let mut parts = Vec::new();
    free::parts(expr, &mut |part| parts.push(part));
    parts.into_iter().try_for_each(|part| {
        let chained = connective(expr).is_some() && connective(expr) == connective(part);
        measure(part, depth + usize::from(!chained), nodes)
    })
}

fn connective(expr: &Expr) -> Option<BinaryOp> {
    match expr {
        Expr::BinaryOp {
            op: op @ (BinaryOp::And | BinaryOp::Or),
            ..
        } => Some(*op),
        _ => None,
    }
}

/// The work on one body.
pub(super) struct Lowering<'a> {
    body: &'a str,
    pub(super) columns: &'a [RowColumn],
    /// Where `resource` stands, and how many of those are behind us: Cedar's tree has no positions.
    places: Vec<usize>,
    pub(super) passed: usize,
    /// Paths that have a value here, because an outer `hasTag` says so.
    pub(super) present: BTreeSet<String>,
    free: Vec<FreePart>,
    reads: Vec<RowRead>,
    problems: Vec<PolicyProblem>,
}

impl<'a> Lowering<'a> {
    fn new(body: &'a str, columns: &'a [RowColumn]) -> Result<Self, PolicyProblem> {
        let is_resource = |word: &cedar_text::Word<'_>| word.kind == cedar_text::Kind::Name && word.text == "resource";
        Ok(Self {
            body,
            columns,
            places: words(body)?
                .iter()
                .filter(|word| is_resource(word))
                .map(|word| word.start)
                .collect(),
            passed: 0,
            present: BTreeSet::new(),
            free: Vec::new(),
            reads: Vec::new(),
            problems: Vec::new(),
        })
    }

    /// A condition.
    pub(super) fn boolean(&mut self, expr: &Expr) -> Option<Lowered> {
        let place = self.passed;
        let lowered = self.any(expr)?;
        if lowered.expr.kind() == Kind::Boolean {
            return Some(lowered);
        }
        self.problem(place, format!("`{expr}` is no condition"), "compare it with a value")
    }

    /// A condition or a value. Visits in the order of the text, so that places can be counted.
    pub(super) fn any(&mut self, expr: &Expr) -> Option<Lowered> {
        if resources(expr) == 0 {
            return self.constant(expr).map(Lowered::plain);
        }
        match expr {
            Expr::BinaryOp {
                op: op @ (BinaryOp::And | BinaryOp::Or),
                ..
            } => self.joined(expr, *op),
            Expr::BinaryOp { op, left, right } => self.binary(expr, *op, [left, right]),
            Expr::UnaryOp {
                op: UnaryOp::Not,
                expr: inner,
            } => {
                let inner = self.boolean(inner)?;
                Some(Lowered::plain(RowExpr::Not(Box::new(inner.expr))))
            }
            Expr::UnaryOp { op, expr: inner } => self.unary(expr, *op, inner),
            Expr::IfThenElse {
                cond,
                then_expr,
                else_expr,
            } => self.choice([cond, then_expr, else_expr]),
            Expr::Like { expr: inner, pattern } => self.like(inner, pattern),
            other => self.refuse(other),
        }
    }

    /// A part that no row changes.
    fn constant(&mut self, expr: &Expr) -> Option<RowExpr> {
        let literal = match expr {
            Expr::Literal(Literal::Bool(value)) => Some(RowValue::Boolean(*value)),
            Expr::Literal(Literal::Long(value)) => Some(RowValue::Number(*value)),
            Expr::Literal(Literal::String(value)) => Some(RowValue::Text(value.to_string())),
            _ => None,
        };
        if let Some(value) = literal {
            return Some(RowExpr::Value(value));
        }
        match FreePart::of(expr) {
            Ok(part) => {
                let free = RowExpr::Free(self.free.len(), part.kind);
                self.free.push(part);
                Some(free)
            }
            Err(problem) => {
                self.problems.push(problem.at(self.body, 0));
                None
            }
        }
    }

    /// A chain of `&&` or `||`, flat: both are associative, errors included.
    fn joined(&mut self, expr: &Expr, op: BinaryOp) -> Option<Lowered> {
        let mut parts = Vec::new();
        flat(expr, op, &mut parts);
        let outer = self.present.clone();
        let mut found: Option<BTreeSet<String>> = None;
        let mut lowered = Vec::with_capacity(parts.len());
        for part in parts {
            let part = self.boolean(part);
            if let Some(part) = &part {
                let both = match (found.take(), op) {
                    (None, _) => part.present.clone(),
                    (Some(all), BinaryOp::And) => &all | &part.present,
                    (Some(all), _) => &all & &part.present,
                };
                if op == BinaryOp::And {
                    self.present.extend(part.present.iter().cloned());
                }
                found = Some(both);
            }
            lowered.push(part.map(|part| part.expr));
        }
        self.present = outer;
        let parts = lowered.into_iter().collect::<Option<Vec<RowExpr>>>()?;
        Some(Lowered {
            expr: if op == BinaryOp::And {
                RowExpr::All(parts)
            } else {
                RowExpr::Any(parts)
            },
            present: found.unwrap_or_default(),
        })
    }

    /// A column was read.
    pub(super) fn reads(&mut self, read: RowRead) -> RowRead {
        if !self.reads.contains(&read) {
            self.reads.push(read.clone());
        }
        read
    }

    /// A node that has no meaning on a row; it is not looked into.
    pub(super) fn refuse<T>(&mut self, expr: &Expr) -> Option<T> {
        let place = self.passed;
        self.passed += resources(expr);
        let (what, remedy) = refusal(expr);
        self.problem(place, format!("{what}: `{expr}`"), remedy)
    }

    /// At the `place`-th `resource` of the body.
    pub(super) fn problem<T>(&mut self, place: usize, message: String, remedy: impl Into<String>) -> Option<T> {
        let offset = self.places.get(place).copied().unwrap_or_default();
        self.problems
            .push(PolicyProblem::new(message, remedy).at(self.body, offset));
        None
    }
}

fn flat<'e>(expr: &'e Expr, op: BinaryOp, parts: &mut Vec<&'e Expr>) {
    match expr {
        Expr::BinaryOp { op: found, left, right } if *found == op => {
            flat(left, op, parts);
            flat(right, op, parts);
        }
        other => parts.push(other),
    }
}

fn refusal(expr: &Expr) -> (&'static str, &'static str) {
    const READ: &str = "read columns as `resource.s.hasTag(\"column\")` and `resource.s.getTag(\"column\")`, with the bag s, n, d, \
                        b or t of the column's type";
    match expr {
        Expr::BinaryOp { op: BinaryOp::In, .. } => (
            "`in` does not ask about a row",
            "a filter is about the rows of its table already; of the principal, `principal in Lakegate::Role::\"…\"` can be asked",
        ),
        Expr::Is { .. } => (
            "`is` does not ask about a row",
            "a filter is about rows only: leave it out",
        ),
        Expr::Set(_) => (
            "a set does not hold values of the row",
            "compare the column with each of them",
        ),
        Expr::Record(_) => (
            "a record does not hold values of the row",
            "compare the columns one by one",
        ),
        Expr::HasAttr { .. } => ("`has` does not ask about a row", "ask with `hasTag`"),
        Expr::GetAttr { .. } | Expr::Var(_) => ("a row, or a bag of its columns, is no value", READ),
        _ => ("this is not part of a row condition", READ),
    }
}
