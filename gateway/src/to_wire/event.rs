//! How is an event of a query written to a stream of server-sent events?

use axum::response::sse::Event;
use lakegate_openapi::query as wire;
use lakegate_query::service::{QueryEvent, QueryEventKind};
use serde::Serialize;

use super::query::{query, state};

/// Should a client that has seen events up to `seen` get this one? The end always is news.
#[must_use]
pub fn is_news(event: &QueryEvent, seen: u64) -> bool {
    event.id > seen || matches!(event.kind, QueryEventKind::End(_))
}

/// One event.
pub fn event(event: QueryEvent) -> Event {
    let written = Event::default().id(event.id.to_string());
    match event.kind {
        QueryEventKind::State(current) => written
            .event("state")
            .data(text(&serde_json::json!({"state": state(current)}))),
        QueryEventKind::Progress {
            rows,
            bytes,
            elapsed_ms,
            queue_position,
        } => {
            let progress = wire::QueryProgress {
                rows,
                bytes,
                elapsed_ms,
                queue_position,
            };
            written.event("progress").data(text(&progress))
        }
        QueryEventKind::End(record) => written.event("end").data(text(&query(&record))),
    }
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
