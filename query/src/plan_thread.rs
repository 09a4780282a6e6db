//! Where is a statement parsed and planned? On a thread of its own with a large stack: a stack overflow cannot be caught.

use tokio::runtime::Handle;
use tracing::Instrument;

use crate::error::{QueryError, Result};

/// Stack of a planning thread; deep trees are dropped there too.
const PLANNING_STACK: usize = 64 * 1024 * 1024;

#[expect(
    clippy::disallowed_methods,
    reason = "the thread is the planner's own: no worker is blocked"
)]
fn wait<T>(handle: &Handle, work: impl Future<Output = T>) -> T {
    handle.block_on(work)
}

/// Runs `work` on a fresh planning thread, inside the runtime of `handle`.
///
/// # Errors
/// Those of `work`; an internal error if it panics.
pub async fn run<T, F, W>(handle: Handle, work: W) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>>,
    W: FnOnce() -> F + Send + 'static,
{
    // The planner's spans lie below those of the request.
    let span = tracing::Span::current();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("planner".to_owned())
        .stack_size(PLANNING_STACK)
        .spawn(move || {
            let answer =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait(&handle, work().instrument(span))));
            let answer = answer.unwrap_or_else(|_| Err(QueryError::internal("the planner panicked")));
            let _ = sender.send(answer);
        })
        .map_err(QueryError::internal)?;
    receiver.await.map_err(QueryError::internal)?
}
