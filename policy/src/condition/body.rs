//! Is a Cedar body well formed? It is read as the condition of a policy on one row, by Cedar itself.

use std::collections::BTreeMap;

use super::{MAX_CONDITION_BYTES, MAX_CONDITION_DEPTH};
use crate::cedar_text::{Kind, position, words};
use crate::model::MODEL;
use crate::name::{NameResolver, resolve_names};
use crate::problem::PolicyProblem;
use crate::statement::Statement;
use cedar_policy::ffi::DetailedError;
use cedar_policy::pst::Clause;
use cedar_policy::{Policy, PolicySet as CedarSet, ValidationMode};

/// What stands before a body. On a line of its own, so that lines of the body are counted from the next.
const HEAD: &str = "permit(principal, action == Lakegate::Action::\"SelectRow\", resource)\n";
/// What stands after it. A comment at its end must not swallow the semicolon.
const TAIL: &str = "\n;";
/// Rows are read through a bag, which is an entity of its own.
const LEVEL: u32 = 2;

type Checked<T> = Result<T, Vec<PolicyProblem>>;

/// Strict validation of a body as people write it, so that positions are theirs.
pub(super) fn validate(body: &str) -> Checked<()> {
    let policy = parse(body)?;
    let mut set = CedarSet::new();
    if set.add(policy).is_err() {
        return Err(vec![no_condition(body)]);
    }
    let result = MODEL
        .validator()
        .validate_with_level(&set, ValidationMode::Strict, LEVEL);
    let mut problems: Vec<PolicyProblem> = result
        .validation_errors()
        .map(|error| located(DetailedError::from(error), body))
        .collect();
    problems.sort_by_key(|problem| (problem.line, problem.column));
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// The body with ids in place of names.
pub(super) fn resolve(body: &str, names: &dyn NameResolver) -> Checked<String> {
    let statement = Statement {
        id: String::new(),
        text: whole(body),
        line: 1,
        column: 1,
        annotations: BTreeMap::new(),
    };
    let resolved = resolve_names(&statement, names).map_err(|problems| -> Vec<_> {
        let of_body = |problem: PolicyProblem| PolicyProblem {
            policy: None,
            line: problem.line.map(|line| line.saturating_sub(1).max(1)),
            ..problem
        };
        problems.into_iter().map(of_body).collect()
    })?;
    let inner = resolved.strip_prefix(HEAD).and_then(|rest| rest.strip_suffix(TAIL));
    inner.map(str::to_owned).ok_or_else(|| vec![no_condition(body)])
}

/// `when`, then perhaps `unless`.
pub(super) fn clauses(body: &str) -> Checked<Vec<Clause>> {
    let policy = parse(body)?;
    let unreadable = |error: &dyn std::error::Error| {
        let message = format!("the condition cannot be read: {error}");
        vec![PolicyProblem::new(message, "write it with Cedar's plain operators").at(body, 0)]
    };
    let policy = policy.to_pst().map_err(|error| unreadable(&error))?;
    let clauses = policy.body().clauses().clone();
    match clauses.as_slice() {
        [Clause::When(_)] | [Clause::When(_), Clause::Unless(_)] => Ok(clauses),
        _ => Err(vec![no_condition(body)]),
    }
}

fn parse(body: &str) -> Checked<Policy> {
    limits(body).map_err(|problem| vec![problem])?;
    Policy::parse(None, whole(body)).map_err(|errors| {
        errors
            .iter()
            .map(|error| located(DetailedError::from(error), body))
            .collect()
    })
}

fn whole(body: &str) -> String {
    format!("{HEAD}{body}{TAIL}")
}

/// Before Cedar reads it: its length, and how deep its brackets go.
fn limits(body: &str) -> Result<(), PolicyProblem> {
    if body.len() > MAX_CONDITION_BYTES {
        let message = format!("the condition is longer than {MAX_CONDITION_BYTES} bytes");
        return Err(PolicyProblem::new(message, "split it into several filters"));
    }
    let mut depth = 0_usize;
    for word in words(body)? {
        match word.kind {
            Kind::Sign('(' | '[' | '{') => depth += 1,
            Kind::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > 2 * MAX_CONDITION_DEPTH {
            return Err(too_deep().at(body, word.start));
        }
    }
    Ok(())
}

pub(super) fn too_deep() -> PolicyProblem {
    let message = format!("the condition is nested deeper than {MAX_CONDITION_DEPTH} levels");
    PolicyProblem::new(message, "write it flatter, or split it into several filters")
}

fn no_condition(body: &str) -> PolicyProblem {
    let message = "the body is not one `when { … }`, perhaps followed by one `unless { … }`";
    PolicyProblem::new(
        message,
        "write `when { condition }`, and exceptions as `unless { condition }`",
    )
    .at(body, 0)
}

/// A problem of Cedar's, at its place in the body.
fn located(error: DetailedError, body: &str) -> PolicyProblem {
    let start = error.source_locations.first().map_or(0, |label| label.loc.start);
    let (line, column) = position(body, start.saturating_sub(HEAD.len()));
    let remedy = error
        .help
        .unwrap_or_else(|| "correct the condition; it must pass Cedar's strict validation for rows".to_owned());
    PolicyProblem {
        line: Some(line),
        column: Some(column),
        // The body has no id of its own; Cedar made one up.
        ..PolicyProblem::new(error.message.replace("for policy `policy0`, ", ""), remedy)
    }
}
