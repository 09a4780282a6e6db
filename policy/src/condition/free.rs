//! Which parts of a body does no row change? They are written down once and evaluated by Cedar in every statement.

use std::str::FromStr;

use super::Kind;
use crate::problem::PolicyProblem;
use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, UnaryOp, Var};
use cedar_policy::{Expression, Policy};

/// A part without `resource`.
#[derive(Clone, Debug)]
pub(crate) struct FreePart {
    pub(super) expression: Expression,
    pub(super) kind: Kind,
    clock: bool,
}

impl FreePart {
    /// Takes a part out of the tree.
    pub(super) fn of(expr: &Expr) -> Result<Self, PolicyProblem> {
        if let Some(problem) = too_far(expr) {
            return Err(problem);
        }
        let text = expr.to_string();
        // INVARIANT: what is evaluated is what was checked. Cedar writes the part, reads it again, and both must be one tree.
        let same = reread(&text).is_some_and(|again| again == *expr);
        match Expression::from_str(&text) {
            Ok(expression) if same => Ok(Self {
                expression,
                kind: kind(expr),
                clock: mentions_clock(expr),
            }),
            _ => {
                let message = format!("`{text}` cannot be evaluated apart from the row");
                Err(PolicyProblem::new(message, "write it with Cedar's plain operators"))
            }
        }
    }

    pub(super) fn reads_clock(&self) -> bool {
        self.clock
    }
}

fn reread(text: &str) -> Option<Expr> {
    let policy = Policy::parse(None, format!("permit(principal, action, resource) when {{ {text} }};")).ok()?;
    let policy = policy.to_pst().ok()?;
    match policy.body().clauses().as_slice() {
        [Clause::When(expr)] => Some(expr.as_ref().clone()),
        _ => None,
    }
}

/// Calls `visit` with every direct part.
pub(super) fn parts<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    match expr {
        Expr::UnaryOp { expr, .. }
        | Expr::GetAttr { expr, .. }
        | Expr::HasAttr { expr, .. }
        | Expr::Like { expr, .. } => visit(expr),
        Expr::BinaryOp { left, right, .. } => {
            visit(left);
            visit(right);
        }
        Expr::Is { expr, in_expr, .. } => {
            visit(expr);
            in_expr.iter().for_each(|inner| visit(inner));
        }
        Expr::IfThenElse {
            cond,
            then_expr,
            else_expr,
        } => [cond, then_expr, else_expr].into_iter().for_each(|part| visit(part)),
        Expr::Set(items) => items.iter().for_each(|item| visit(item)),
        Expr::Record(fields) => fields.values().for_each(|field| visit(field)),
        _ => {}
    }
}

/// How often a part says `resource`.
pub(super) fn resources(expr: &Expr) -> usize {
    let mut count = usize::from(matches!(expr, Expr::Var(Var::Resource)));
    parts(expr, &mut |part| count += resources(part));
    count
}

/// Whether the part can turn by time alone. The context as a whole might; its other attributes do not.
fn mentions_clock(expr: &Expr) -> bool {
    match expr {
        Expr::GetAttr { expr, attr } if is_context(expr) => matches!(attr.as_str(), "now" | "auth_age"),
        Expr::HasAttr { expr, .. } if is_context(expr) => false,
        Expr::Var(Var::Context) => true,
        _ => {
            let mut found = false;
            parts(expr, &mut |part| found |= mentions_clock(part));
            found
        }
    }
}

fn is_context(expr: &Expr) -> bool {
    matches!(expr, Expr::Var(Var::Context))
}

/// An entity that another one's attribute points to is not at hand: asking it would answer "no" for "unknown".
fn too_far(expr: &Expr) -> Option<PolicyProblem> {
    let asked = match expr {
        Expr::BinaryOp {
            op: BinaryOp::In | BinaryOp::GetTag | BinaryOp::HasTag,
            left,
            ..
        } => Some(left),
        Expr::Is {
            expr, in_expr: Some(_), ..
        }
        | Expr::GetAttr { expr, .. }
        | Expr::HasAttr { expr, .. } => Some(expr),
        _ => None,
    };
    if asked.is_some_and(|asked| is_pointed_to(asked)) {
        let message = format!("`{expr}` reads what an attribute of another entity points to");
        return Some(PolicyProblem::new(message, "ask the principal or the context itself"));
    }
    let mut found = None;
    parts(expr, &mut |part| {
        if found.is_none() {
            found = too_far(part);
        }
    });
    found
}

fn is_pointed_to(expr: &Expr) -> bool {
    match expr {
        // An attribute of the context is at hand, and so is a field of a record that is written out.
        Expr::GetAttr { expr, .. } => !is_context(expr) && !matches!(expr.as_ref(), Expr::Record(_)),
        Expr::IfThenElse {
            then_expr, else_expr, ..
        } => is_pointed_to(then_expr) || is_pointed_to(else_expr),
        _ => false,
    }
}

/// The type of a part; strict validation has made sure that there is one.
pub(super) fn kind(expr: &Expr) -> Kind {
    match expr {
        Expr::Literal(literal) => match literal {
            Literal::Bool(_) => Kind::Boolean,
            Literal::Long(_) => Kind::Number,
            Literal::String(_) => Kind::Text,
            _ => Kind::Other,
        },
        Expr::UnaryOp { op, .. } => unary_kind(*op),
        Expr::BinaryOp { op, left, .. } => binary_kind(*op, left),
        Expr::GetAttr { expr, attr } => attribute_kind(expr, attr.as_str()),
        Expr::HasAttr { .. } | Expr::Like { .. } | Expr::Is { .. } => Kind::Boolean,
        Expr::IfThenElse { then_expr, .. } => kind(then_expr),
        Expr::Set(_) => Kind::Set,
        _ => Kind::Other,
    }
}

fn unary_kind(op: UnaryOp) -> Kind {
    match op {
        UnaryOp::Neg
        | UnaryOp::ToMilliseconds
        | UnaryOp::ToSeconds
        | UnaryOp::ToMinutes
        | UnaryOp::ToHours
        | UnaryOp::ToDays => Kind::Number,
        UnaryOp::Datetime | UnaryOp::ToDate => Kind::Moment,
        UnaryOp::Duration | UnaryOp::ToTime => Kind::Duration,
        UnaryOp::Decimal => Kind::Decimal,
        UnaryOp::Not
        | UnaryOp::IsEmpty
        | UnaryOp::IsIPv4
        | UnaryOp::IsIPV6
        | UnaryOp::IsLoopback
        | UnaryOp::IsMulticast => Kind::Boolean,
        _ => Kind::Other,
    }
}

fn binary_kind(op: BinaryOp, left: &Expr) -> Kind {
    match op {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => Kind::Number,
        BinaryOp::Offset => Kind::Moment,
        BinaryOp::DurationSince => Kind::Duration,
        // Tags of users are sets, tags of objects are texts.
        BinaryOp::GetTag if matches!(left, Expr::GetAttr { expr, attr } if is_context(expr) && attr == "via_view") => {
            Kind::Text
        }
        BinaryOp::GetTag => Kind::Set,
        _ => Kind::Boolean,
    }
}

fn attribute_kind(of: &Expr, attribute: &str) -> Kind {
    if let Expr::Record(fields) = of {
        return fields.get(attribute).map_or(Kind::Other, |field| kind(field));
    }
    match attribute {
        "now" => Kind::Moment,
        "auth_age" => Kind::Duration,
        "mfa" | "definer" => Kind::Boolean,
        "client" | "purpose" | "ticket" | "kind" => Kind::Text,
        "clearance" => Kind::Number,
        _ => Kind::Other,
    }
}
