//! Where is a body read? On a thread of its own with a large stack: Cedar walks down its trees, a chain of operators is as deep
//! as it is long, and a stack overflow cannot be caught.

use crate::problem::PolicyProblem;

/// Enough for the longest chain that 16 KiB hold, with the largest frames.
const STACK: usize = 64 * 1024 * 1024;

/// Does the work there.
pub(super) fn with_room<T: Send>(
    work: impl FnOnce() -> Result<T, Vec<PolicyProblem>> + Send,
) -> Result<T, Vec<PolicyProblem>> {
    let failed = |cause: String| {
        let message = format!("the condition could not be read: {cause}");
        vec![PolicyProblem::new(
            message,
            "try again; write it shorter if that does not help",
        )]
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("conditions".to_owned())
            .stack_size(STACK);
        match thread.spawn_scoped(scope, work) {
            Ok(running) => running
                .join()
                .unwrap_or_else(|_| Err(failed("the reader panicked".to_owned()))),
            Err(error) => Err(failed(error.to_string())),
        }
    })
}
