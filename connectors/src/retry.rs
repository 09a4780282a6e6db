//! When is a failed call made again? For `describe`, `plan` and `splits` only: at most three times, jittered, in time.

use std::{
    future::Future,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    call::CallContext,
    error::{Result, Retry},
};

/// Attempts after the first one.
pub const MAX_RETRIES: u32 = 3;

const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Runs `call` until it succeeds, cannot be retried, or the deadline leaves no time for the next pause.
///
/// # Errors
/// The last error of `call`, or `CANCELLED` / `SOURCE_TIMEOUT` of the context.
pub async fn retrying<T, F, Fut>(cx: &CallContext, mut call: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let mut attempt = 0;
    loop {
        let error = match cx.bounded(call()).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let pause = match error.retry() {
            Retry::Never => return Err(error),
            Retry::After(pause) => pause,
            Retry::Backoff => jittered(FIRST_PAUSE * 2_u32.pow(attempt)),
        };
        attempt += 1;
        if attempt > MAX_RETRIES || pause >= cx.deadline.left() {
            return Err(error);
        }
        cx.counters.add_retry();
        cx.bounded(async {
            tokio::time::sleep(pause).await;
            Ok(())
        })
        .await?;
    }
}

/// Between half of `pause` and all of it.
fn jittered(pause: Duration) -> Duration {
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| now.subsec_nanos());
    let part = f64::from(nanos % 1_000) / 2_000.0;
    pause.mul_f64(0.5 + part)
}
