//! How is a query followed to its end? By long poll; Ctrl-C cancels it and waits for what became of it.

use lakegate_openapi::query::Query;

use super::progress::Progress;
use crate::{
    cli::{
        failure::{Failure, Result},
        screen::Screen,
        stop::{Stop, StopReason},
    },
    client::{Client, queries::is_final},
};

/// What became of a query.
pub(super) enum Followed {
    Ended(Query),
    /// It was asked to stop, and has ended since.
    Stopped(Query, StopReason),
}

/// Follows a query that has been submitted.
pub(super) async fn follow(client: &Client, query: Query, screen: &Screen, stop: &mut Stop) -> Result<Followed> {
    if is_final(query.state) {
        return Ok(Followed::Ended(query));
    }
    let id = query.id.clone();
    let ended = client.wait_for_query(query);
    let drawing = async {
        if screen.progress {
            Progress::of(client, &id).draw().await;
        }
        std::future::pending().await
    };
    let reason = tokio::select! {
        query = ended => return Ok(Followed::Ended(query?)),
        () = drawing => return Err(Failure::local("progress ended before the query")),
        reason = stop.asked() => reason,
    };
    screen.remark(format!("cancelling query {id}; press Ctrl-C again to leave"));
    let cancelled = async { client.wait_for_query(client.cancel_query(&id).await?).await };
    tokio::select! {
        query = cancelled => Ok(Followed::Stopped(query?, reason)),
        () = again(stop) => Err(Failure::interrupted(format!("left before the end of query {id} was known"))),
    }
}

/// Only a person asks twice.
async fn again(stop: &mut Stop) {
    while stop.asked().await != StopReason::Interrupt {}
}
