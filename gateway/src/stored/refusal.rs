//! What does a client learn when the engine of lakes refuses? The code of the gravest problem, and all problems.

use lakegate_openapi::error as wire;
use lakegate_query::error::ErrorCode;

use crate::{
    error::ApiError,
    lake::{ApplyError, Problem, ProblemCode},
    to_wire,
};

/// The refusal with every problem.
#[must_use]
pub fn refusal(error: &ApplyError) -> ApiError {
    let message = match error.problems.as_slice() {
        [only] => only.message.clone(),
        [first, ..] => format!("{} problems; the first: {}", error.problems.len(), first.message),
        [] => String::new(),
    };
    let problems = error
        .problems
        .iter()
        .filter(|problem| is_of_input(problem.code))
        .map(problem)
        .collect();
    let gains = error.told.as_deref().map(to_wire::lake::effects);
    ApiError::new(code_of(code(error)), message)
        .with_problems(problems)
        .with_effects(gains)
}

/// What decides the status: our own failure, else what all problems have in common, else a wrong input.
fn code(error: &ApplyError) -> ProblemCode {
    let codes = || error.problems.iter().map(|problem| problem.code);
    let ours = codes().find(|code| matches!(code, ProblemCode::Internal | ProblemCode::StoreUnavailable));
    let first = codes().next().unwrap_or(ProblemCode::Internal);
    ours.unwrap_or(if codes().all(|code| code == first) {
        first
    } else {
        ProblemCode::ConfigurationInvalid
    })
}

fn is_of_input(code: ProblemCode) -> bool {
    match code {
        ProblemCode::ConfigurationInvalid
        | ProblemCode::PolicyInvalid
        | ProblemCode::NotSupported
        | ProblemCode::AlreadyExists
        | ProblemCode::AccessDenied
        | ProblemCode::SourceUnavailable => true,
        // Told with the gains.
        ProblemCode::GainsUnapproved => false,
        ProblemCode::NotFound | ProblemCode::StaleVersion | ProblemCode::StoreUnavailable | ProblemCode::Internal => {
            false
        }
    }
}

fn code_of(code: ProblemCode) -> ErrorCode {
    match code {
        ProblemCode::ConfigurationInvalid => ErrorCode::RelationColumnMismatch,
        ProblemCode::PolicyInvalid => ErrorCode::PolicyInvalid,
        ProblemCode::NotSupported => ErrorCode::NotSupported,
        ProblemCode::AlreadyExists => ErrorCode::AlreadyExists,
        ProblemCode::NotFound => ErrorCode::NotFound,
        ProblemCode::AccessDenied => ErrorCode::AccessDenied,
        ProblemCode::GainsUnapproved => ErrorCode::GainsUnapproved,
        ProblemCode::StaleVersion => ErrorCode::StaleVersion,
        ProblemCode::SourceUnavailable => ErrorCode::SourceUnavailable,
        ProblemCode::StoreUnavailable => ErrorCode::StoreUnavailable,
        ProblemCode::Internal => ErrorCode::Internal,
    }
}

fn problem(problem: &Problem) -> wire::Problem {
    let number = |number: usize| u64::try_from(number).ok().filter(|number| *number > 0);
    wire::Problem {
        code: problem.code.text().to_owned(),
        file: problem.place.file.to_string(),
        line: number(problem.place.line),
        column: number(problem.place.column),
        message: problem.message.clone(),
        remedy: problem.remedy.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::Place;

    #[test]
    fn one_code_for_all_problems() {
        let of = |codes: &[ProblemCode]| {
            let problem = |code: &ProblemCode| Problem::new(*code, &Place::of_input("f"), "m", "r");
            refusal(&ApplyError {
                problems: codes.iter().map(problem).collect(),
                told: None,
            })
            .code()
        };
        assert_eq!(of(&[ProblemCode::NotSupported; 2]), ErrorCode::NotSupported);
        assert_eq!(
            of(&[ProblemCode::NotSupported, ProblemCode::PolicyInvalid]),
            ErrorCode::RelationColumnMismatch
        );
        assert_eq!(of(&[ProblemCode::PolicyInvalid]), ErrorCode::PolicyInvalid);
        assert_eq!(
            of(&[ProblemCode::PolicyInvalid, ProblemCode::StoreUnavailable]),
            ErrorCode::StoreUnavailable
        );
    }
}
