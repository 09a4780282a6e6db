//! What does a waiting person see? State, place in the queue, rows and bytes as far as they may be known, and the time.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lakegate_openapi::query::{QueryProgress, QueryState};

use crate::{
    cli::human,
    client::{Client, events::QueryEvent},
};

/// Short queries draw nothing.
const DELAY: Duration = Duration::from_millis(300);
const TICK: Duration = Duration::from_millis(120);

/// A line that shows how far a query is; gone when dropped.
pub(super) struct Progress<'a> {
    client: &'a Client,
    id: &'a str,
    line: ProgressBar,
}

impl<'a> Progress<'a> {
    pub(super) fn of(client: &'a Client, id: &'a str) -> Self {
        Self {
            client,
            id,
            line: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
        }
    }

    /// Draws until the events end.
    pub(super) async fn draw(self) {
        tokio::time::sleep(DELAY).await;
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} · {elapsed}") {
            self.line.set_style(style);
        }
        self.line.set_draw_target(ProgressDrawTarget::stderr());
        self.line.set_message("submitted");
        self.line.enable_steady_tick(TICK);
        let mut seen = Seen::default();
        let Ok(mut events) = self.client.watch_query(self.id).await else {
            // The figures are a service; the end is told by the long poll.
            return std::future::pending().await;
        };
        while let Some(event) = events.next().await {
            seen.add(event);
            self.line.set_message(seen.text());
        }
        std::future::pending().await
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.line.finish_and_clear();
    }
}

/// What the last events said.
#[derive(Default)]
struct Seen {
    state: Option<QueryState>,
    progress: Option<QueryProgress>,
}

impl Seen {
    fn add(&mut self, event: QueryEvent) {
        match event {
            QueryEvent::State(state) => self.state = Some(state),
            QueryEvent::Progress(progress) => self.progress = Some(progress),
        }
    }

    fn text(&self) -> String {
        let state = match self.state {
            None | Some(QueryState::Queued) => "queued",
            Some(QueryState::Running) => "running",
            Some(_) => "ending",
        };
        let mut parts = vec![state.to_owned()];
        if let Some(progress) = &self.progress {
            parts.extend(progress.queue_position.map(|position| format!("{position} before it")));
            parts.extend((progress.rows > 0).then(|| human::count(progress.rows, "row")));
            parts.extend(progress.bytes.map(|bytes| format!("{} read", human::bytes(bytes))));
        }
        parts.join(" · ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_that_may_not_be_known_are_left_out() {
        let mut seen = Seen::default();
        assert_eq!(seen.text(), "queued");
        seen.add(QueryEvent::State(QueryState::Running));
        seen.add(QueryEvent::Progress(QueryProgress {
            rows: 2,
            bytes: None,
            elapsed_ms: 9,
            queue_position: None,
        }));
        assert_eq!(seen.text(), "running · 2 rows");
        seen.add(QueryEvent::Progress(QueryProgress {
            rows: 0,
            bytes: Some(2_048),
            elapsed_ms: 9,
            queue_position: None,
        }));
        assert_eq!(seen.text(), "running · 2.0 KiB read");
    }
}
