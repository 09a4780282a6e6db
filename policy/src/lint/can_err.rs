//! Which policies could fail to be evaluated?
//!
//! What fails denies, a permit as well as a forbid. Strict validation leaves little that can fail: arithmetic that overflows
//! and moments that are moved out of their range. A policy without them is proved here never to fail; of one that has them it
//! is not known, and the analyser may prove more.

use crate::problem::PolicyProblem;
use cedar_policy::Policy;
use serde_json::Value;

/// Operators of Cedar's JSON format that can fail, with what they are called.
const FALLIBLE: [(&str, &str); 8] = [
    ("+", "+"),
    ("-", "-"),
    ("*", "*"),
    ("neg", "-"),
    ("offset", "offset"),
    ("durationSince", "durationSince"),
    ("toDate", "toDate"),
    ("toTime", "toTime"),
];

/// The warning about a policy that could fail.
pub(super) fn can_err(policy: &Policy) -> Option<PolicyProblem> {
    let json = policy.to_json().ok()?;
    let operator = fallible(json.get("conditions")?)?;
    Some(PolicyProblem::new(
        format!("`{operator}` can overflow, and a policy that cannot be evaluated denies whatever it is asked about"),
        "compare without arithmetic, or prove with `lakegate policy analyze` that it never fails",
    ))
}

/// The first operator that can fail.
fn fallible(value: &Value) -> Option<&'static str> {
    match value {
        Value::Object(members) => members.iter().find_map(|(key, inner)| match key.as_str() {
            // A literal, and the members of a record: no operators.
            "Value" => None,
            "Record" => inner.as_object()?.values().find_map(fallible),
            _ => {
                let known = FALLIBLE.iter().find(|(operator, _)| operator == key);
                known.map(|(_, name)| *name).or_else(|| fallible(inner))
            }
        }),
        Value::Array(items) => items.iter().find_map(fallible),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(condition: &str) -> bool {
        let text = format!("permit(principal, action, resource) when {{ {condition} }};");
        can_err(&text.parse().unwrap()).is_some()
    }

    #[test]
    fn arithmetic_can_overflow_and_nothing_else_can() {
        for condition in [
            "principal.clearance + 1 > 2",
            "-principal.clearance > 2",
            "true && (principal.clearance * 2 == 4 || false)",
            "context.now.offset(duration(\"1d\")) > context.now",
            "{\"a\": principal.clearance - 1}.a == 0",
        ] {
            assert!(found(condition), "{condition}");
        }
        for condition in [
            "principal.clearance > 2 && resource.hasTag(\"+\")",
            "{\"+\": 1} == {\"+\": 1}",
            "context.ip.isInRange(ip(\"10.0.0.0/8\"))",
            "context.now < datetime(\"2026-12-31T00:00:00Z\")",
            "context.purpose like \"*-*\"",
        ] {
            assert!(!found(condition), "{condition}");
        }
    }
}
