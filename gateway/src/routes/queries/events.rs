//! What happens to a query while it happens?

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, StreamExt, future};
use http::HeaderMap;
use lakegate_openapi::error;

use crate::{
    app::AppState,
    error::Result,
    extract::{Authenticated, Path},
    from_wire, to_wire,
};

/// A comment keeps proxies awake.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Watch a query
///
/// Server-sent events `state`, `progress` and `end`; after `end` the stream closes. `Last-Event-ID` resumes.
#[utoipa::path(
    get, path = "/v1/queries/{id}/events", tag = "queries",
    params(("id" = String, Path), ("Last-Event-ID" = Option<u64>, Header, description = "only later events")),
    responses(
        (status = 200, description = "events", content((String = "text/event-stream"))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn watch_query(
    State(app): State<AppState>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let seen = from_wire::query::last_event(&headers);
    let events = app.queries.events(&caller, &id).await?;
    let events = events.filter(move |event| future::ready(to_wire::event::is_news(event, seen)));
    Ok(
        Sse::new(events.map(|event| Ok(to_wire::event::event(event))))
            .keep_alive(KeepAlive::new().interval(KEEP_ALIVE)),
    )
}
