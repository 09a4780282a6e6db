//! What happens to a query while one looks? Server-sent events, read as they come.

use std::fmt;

use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use lakegate_openapi::query::{QueryProgress, QueryState};
use reqwest::Method;
use serde::Deserialize;

use super::{Client, ClientError, Result};

/// Something that happened. The end is told by the record, not by this stream.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryEvent {
    State(QueryState),
    Progress(QueryProgress),
}

/// Events of one query.
pub struct Events {
    body: BoxStream<'static, Result<Bytes>>,
    lines: Lines,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Client {
    /// Watches a query.
    ///
    /// # Errors
    /// As all calls.
    pub async fn watch_query(&self, id: &str) -> Result<Events> {
        let response = self.send(self.request(Method::GET, &["queries", id, "events"])).await?;
        let body = response
            .bytes_stream()
            .map(|chunk| chunk.map_err(|error| ClientError::broken(&error)));
        Ok(Events {
            body: body.boxed(),
            lines: Lines::default(),
        })
    }
}

impl Events {
    /// The next event; `None` when the stream has closed, for whatever reason.
    pub async fn next(&mut self) -> Option<QueryEvent> {
        loop {
            if let Some(event) = self.lines.next_event() {
                return Some(event);
            }
            self.lines.add(&self.body.next().await?.ok()?);
        }
    }
}

/// Lines of a stream, and the event that they are building up.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    name: String,
    data: String,
}

#[derive(Deserialize)]
struct State {
    state: QueryState,
}

impl Lines {
    fn add(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
    }

    /// The next event of those that are known; others and comments are passed over.
    fn next_event(&mut self) -> Option<QueryEvent> {
        loop {
            let end = self.bytes.iter().position(|byte| *byte == b'\n')?;
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            if line.is_empty() {
                let event = parse(&std::mem::take(&mut self.name), &std::mem::take(&mut self.data));
                if event.is_some() {
                    return event;
                }
            } else if let Some((field, value)) = line.split_once(':') {
                let value = value.strip_prefix(' ').unwrap_or(value);
                match field {
                    "event" => value.clone_into(&mut self.name),
                    "data" => self.data.push_str(value),
                    _ => {}
                }
            }
        }
    }
}

fn parse(name: &str, data: &str) -> Option<QueryEvent> {
    match name {
        "state" => serde_json::from_str(data)
            .ok()
            .map(|state: State| QueryEvent::State(state.state)),
        "progress" => serde_json::from_str(data).ok().map(QueryEvent::Progress),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_across_pieces() {
        let text = "id: 1\nevent: state\ndata: {\"state\":\"RUNNING\"}\n\n: awake\n\nevent: progress\ndata: {\"rows\":7,\"elapsed_ms\":12}\n\nevent: end\ndata: {}\n\n";
        let mut lines = Lines::default();
        let mut events = Vec::new();
        for byte in text.as_bytes() {
            lines.add(&[*byte]);
            events.extend(lines.next_event());
        }
        assert_eq!(events.len(), 2);
        assert_eq!(events[0], QueryEvent::State(QueryState::Running));
        assert!(matches!(&events[1], QueryEvent::Progress(progress) if progress.rows == 7 && progress.bytes.is_none()));
    }
}
