//! When does a source learn that a divided scan is not read any more? When the last of those who read it drops this.

use std::{fmt, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    call::{CallContext, Deadline},
    connector::Connector,
    split::{Handle, Split},
};

/// How long telling it may take; a source that was not told finds out at the query's deadline.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a scan of several splits holds at its source; dropping it lets go.
pub struct Held {
    connector: Arc<dyn Connector>,
    cx: CallContext,
    split: Handle,
}

impl Held {
    /// By these splits; `None` where there is one only, which holds nothing.
    #[must_use]
    pub fn by(splits: &[Split], connector: &Arc<dyn Connector>, cx: &CallContext) -> Option<Arc<Self>> {
        let first = splits.first().filter(|_| splits.len() > 1)?;
        Some(Arc::new(Self {
            connector: Arc::clone(connector),
            cx: cx.clone(),
            split: first.handle.clone(),
        }))
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (connector, split) = (Arc::clone(&self.connector), self.split.clone());
        // The query may have been cancelled, or be late.
        let cx = CallContext {
            deadline: Deadline::after(PATIENCE),
            cancel: CancellationToken::new(),
            ..self.cx.clone()
        };
        runtime.spawn(async move {
            if let Err(error) = connector.release(&cx, &split).await {
                tracing::debug!(error = ?error, "a source could not be told that a scan has ended");
            }
        });
    }
}
