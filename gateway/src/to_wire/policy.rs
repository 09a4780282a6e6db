//! How is told what is wrong with a policy?

use lakegate_openapi::policy as wire;
use lakegate_policy::PolicyProblem;

use crate::from_wire::policy::Checked;

/// What a check found.
#[must_use]
pub fn validation(found: Checked) -> wire::PolicyValidation {
    wire::PolicyValidation {
        valid: found.problems.is_empty(),
        problems: found.problems.into_iter().map(problem).collect(),
        warnings: found.warnings.into_iter().map(problem).collect(),
    }
}

/// One problem, at its line and column.
fn problem(problem: PolicyProblem) -> wire::PolicyProblem {
    let number = |number: Option<usize>| number.and_then(|number| u64::try_from(number).ok());
    wire::PolicyProblem {
        policy: problem.policy,
        line: number(problem.line),
        column: number(problem.column),
        message: problem.message,
        remedy: problem.remedy,
    }
}
