//! What does a body say about policies, and what is wrong with Cedar text?

use lakegate_catalog::snapshot::Snapshot;
use lakegate_policy::{PolicyProblem, PolicyText, Statement, lints, resolve_names, split_policies, validate};
use serde_json::{Map, Value};

use crate::{
    error::{ApiError, Result},
    lake::entry::Names,
};

/// What is wrong with a text, and what is allowed and probably not meant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    pub problems: Vec<PolicyProblem>,
    pub warnings: Vec<PolicyProblem>,
}

/// The name of a new policy, which is its `@id`, and its entry. A body may name it once more.
///
/// # Errors
/// `INVALID_REQUEST` if there is no text, or if it is not one statement with an `@id`.
pub fn named(body: Map<String, Value>) -> Result<(String, Value)> {
    let mut entry = body;
    let name = entry.shift_remove("name");
    let text = entry
        .get("text")
        .and_then(Value::as_str)
        .ok_or_else(|| ApiError::invalid("`text` is missing"))?;
    let statements = split_policies(text).map_err(|found| {
        let first = found.into_iter().next().map(|problem| problem.to_string());
        ApiError::new(
            lakegate_query::error::ErrorCode::PolicyInvalid,
            first.unwrap_or_default(),
        )
    })?;
    let [statement] = statements.as_slice() else {
        return Err(ApiError::invalid("`text` must be exactly one statement"));
    };
    let id = statement.id.clone();
    match name {
        Some(name) if name.as_str() != Some(id.as_str()) => {
            Err(ApiError::invalid(format!("`name` must be the `@id` `{id}`")))
        }
        _ => Ok((id, Value::Object(entry))),
    }
}

/// Checks a text as if its policies were stored.
#[must_use]
pub fn check(snapshot: &Snapshot, text: &str) -> Checked {
    let statements = match split_policies(text) {
        Ok(statements) => statements,
        Err(problems) => {
            return Checked {
                problems,
                warnings: Vec::new(),
            };
        }
    };
    let mut found = Checked::default();
    let mut changed = Vec::new();
    for statement in &statements {
        match resolve_names(statement, &Names(snapshot)) {
            Ok(resolved) => changed.push(PolicyText {
                id: statement.id.clone(),
                resolved,
            }),
            Err(problems) => found.problems.extend(problems),
        }
    }
    let of = |id: &Option<String>| statements.iter().find(|statement| Some(&statement.id) == id.as_ref());
    let placed = |problem: PolicyProblem| match of(&problem.policy) {
        Some(statement) => problem.in_statement(statement),
        None => problem,
    };
    let kept = snapshot
        .policies
        .iter()
        .filter(|policy| !statements.iter().any(|new: &Statement| new.id == policy.name));
    let all = kept.map(|policy| PolicyText {
        id: policy.name.clone(),
        resolved: policy.body.resolved.clone(),
    });
    let all: Vec<PolicyText> = all.chain(changed.iter().cloned()).collect();
    found
        .problems
        .extend(validate(&all).err().into_iter().flatten().map(placed));
    found.warnings = lints(&changed).into_iter().map(placed).collect();
    found
}
