//! What does a condition mean in one statement? The caller's facts take the places of the parts that read them.

use super::evaluate::evaluated;
use super::{Kind, RowCondition, RowExpr, RowValue};
use crate::action::Action;
use crate::policy_set::Circumstances;
use crate::request::ContextFacts;
use crate::resource::uid;
use cedar_policy::{Entities, EntityUid, Request};

/// A condition with the facts of one statement: constants and columns only.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundCondition {
    expr: RowExpr,
    fingerprint: String,
    turns: bool,
}

impl BoundCondition {
    /// The tree, without [`RowExpr::Free`].
    pub fn expr(&self) -> &RowExpr {
        &self.expr
    }

    /// Equal for two statements as long as the condition shows the same rows to both. The time itself does not count,
    /// only which side of a limit it is on.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether the fingerprint may change by time alone.
    pub fn turns_by_time(&self) -> bool {
        self.turns
    }
}

impl RowCondition {
    /// Puts the facts of a statement in. `principal` is the id of a user, `entities` what requests are decided over.
    /// Whatever cannot be answered is E: an absent principal has no roles, and "not in a role" must not follow from that.
    pub fn bind(&self, principal: &str, context: &dyn ContextFacts, entities: &Entities) -> BoundCondition {
        let Some(request) = request(&uid("User", principal), context, entities) else {
            return BoundCondition {
                expr: RowExpr::Error(Kind::Boolean),
                fingerprint: "error".to_owned(),
                turns: false,
            };
        };
        let values: Vec<Option<RowValue>> = self
            .free
            .iter()
            .map(|part| evaluated(&part.expression, &request, entities).filter(|value| value.kind() == part.kind))
            .collect();
        let told: Vec<Option<&RowValue>> = self
            .free
            .iter()
            .zip(&values)
            .map(|(part, value)| {
                let by_time = part.reads_clock() && part.kind != Kind::Boolean;
                value.as_ref().filter(|_| !by_time)
            })
            .collect();
        let broken: Vec<bool> = values.iter().map(Option::is_none).collect();
        BoundCondition {
            expr: bound(&self.expr, &values),
            fingerprint: format!("{told:?}{broken:?}"),
            turns: self
                .free
                .iter()
                .any(|part| part.reads_clock() && part.kind == Kind::Boolean),
        }
    }
}

fn request(principal: &EntityUid, context: &dyn ContextFacts, entities: &Entities) -> Option<Request> {
    entities.get(principal)?;
    let at = Circumstances::new(context, entities).ok()?;
    // No part says `resource`: any row will do.
    let row = uid("Row", "any");
    Request::new(principal.clone(), Action::SelectRow.uid(), row, at.to_cedar(), None).ok()
}

/// The tree with values, without what they decide.
fn bound(expr: &RowExpr, values: &[Option<RowValue>]) -> RowExpr {
    let each = |parts: &[RowExpr]| -> Vec<RowExpr> { parts.iter().map(|part| bound(part, values)).collect() };
    let both = |sides: &[RowExpr; 2]| Box::new([bound(&sides[0], values), bound(&sides[1], values)]);
    let one = |inner: &RowExpr| Box::new(bound(inner, values));
    let made = match expr {
        RowExpr::Free(at, kind) => match values.get(*at) {
            Some(Some(value)) => RowExpr::Value(value.clone()),
            _ => RowExpr::Error(*kind),
        },
        RowExpr::All(parts) => return joined(each(parts), true),
        RowExpr::Any(parts) => return joined(each(parts), false),
        RowExpr::Not(inner) => RowExpr::Not(one(inner)),
        RowExpr::Negate(inner) => RowExpr::Negate(one(inner)),
        RowExpr::Like(inner, pattern) => RowExpr::Like(one(inner), pattern.clone()),
        RowExpr::Method(method, inner) => RowExpr::Method(*method, one(inner)),
        RowExpr::Compare(op, sides) => RowExpr::Compare(*op, both(sides)),
        RowExpr::Arithmetic(op, kind, sides) => RowExpr::Arithmetic(*op, *kind, both(sides)),
        RowExpr::Within(sides) => RowExpr::Within(both(sides)),
        RowExpr::If(parts) => {
            let [condition, then, otherwise] = parts.as_ref();
            match bound(condition, values) {
                RowExpr::Value(RowValue::Boolean(true)) => return bound(then, values),
                RowExpr::Value(RowValue::Boolean(false)) => return bound(otherwise, values),
                RowExpr::Error(_) => return RowExpr::Error(expr.kind()),
                condition => RowExpr::If(Box::new([condition, bound(then, values), bound(otherwise, values)])),
            }
        }
        RowExpr::Value(_) | RowExpr::Error(_) | RowExpr::Column { .. } | RowExpr::Present(_) => expr.clone(),
    };
    strict(made)
}

/// Operators that look at all their operands: one that is E makes them E.
fn strict(expr: RowExpr) -> RowExpr {
    let is_error = |part: &RowExpr| matches!(part, RowExpr::Error(_));
    let broken = match &expr {
        RowExpr::Not(inner) | RowExpr::Negate(inner) | RowExpr::Like(inner, _) | RowExpr::Method(_, inner) => {
            is_error(inner)
        }
        RowExpr::Compare(_, sides) | RowExpr::Arithmetic(_, _, sides) | RowExpr::Within(sides) => {
            sides.iter().any(is_error)
        }
        _ => false,
    };
    if broken {
        return RowExpr::Error(expr.kind());
    }
    match &expr {
        RowExpr::Not(inner) => match inner.as_ref() {
            RowExpr::Value(RowValue::Boolean(value)) => RowExpr::Value(RowValue::Boolean(!value)),
            _ => expr,
        },
        _ => expr,
    }
}

/// `&&` (`neutral` TRUE) or `||` (`neutral` FALSE): neutral parts go, and nothing is looked at behind the first part that
/// decides.
fn joined(parts: Vec<RowExpr>, neutral: bool) -> RowExpr {
    let mut kept = Vec::new();
    for part in parts {
        match part {
            RowExpr::Value(RowValue::Boolean(value)) if value == neutral => {}
            end @ (RowExpr::Value(_) | RowExpr::Error(_)) => {
                kept.push(end);
                break;
            }
            part => kept.push(part),
        }
    }
    match (kept.len(), kept.pop()) {
        (0, _) | (_, None) => RowExpr::Value(RowValue::Boolean(neutral)),
        (1, Some(only)) => only,
        (_, Some(last)) => {
            kept.push(last);
            if neutral {
                RowExpr::All(kept)
            } else {
                RowExpr::Any(kept)
            }
        }
    }
}
