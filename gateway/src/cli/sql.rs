//! How is a statement run from the command line? Submit, follow, print, and one line about what it took.

mod follow;
mod progress;

use std::time::Instant;

use clap::Args;
use lakegate_openapi::query::{Query, QueryState};

use self::follow::{Followed, follow};
use super::{
    exit::Exit,
    failure::{Failure, Result, report},
    human,
    profile::{ServerFlags, Target},
    rows::RowFlags,
    screen::Screen,
    sink::Taken,
    statement::Statement,
    stop::{Stop, StopReason},
};
use crate::{client::Client, config::environment::Environment};

/// Seconds for which the answer to a submission may wait for the end of the query. Progress is drawn earlier than that.
const SHORT_QUERY: u64 = 2;

/// Run a statement and print its rows.
#[derive(Debug, Args)]
pub struct Sql {
    #[command(flatten)]
    statement: Statement,
    /// Only rows and errors
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    server: ServerFlags,
    #[command(flatten)]
    rows: RowFlags,
}

/// Runs the statement.
pub(super) async fn run(command: Sql, environment: Environment) -> Exit {
    let screen = Screen::of(&environment, command.quiet);
    let json = command.rows.is_json();
    report(execute(command, &environment, screen).await, json)
}

async fn execute(command: Sql, environment: &Environment, screen: Screen) -> Result<Exit> {
    command.rows.check(&screen)?;
    let Target { client, workgroup } = command.server.target(environment)?;
    let request = command.statement.read(workgroup, screen.answers)?;
    let start = Instant::now();
    let mut stop = Stop::listen()?;
    let wait = (!screen.progress).then_some(SHORT_QUERY);
    // Without the id of the answer there is nothing to cancel: a first Ctrl-C waits for it.
    let query = tokio::select! {
        query = client.submit_query(&request, wait) => query.map_err(|error| Failure::from(error).in_statement(&request.sql))?,
        () = stop.insisted() => return Err(Failure::interrupted("left before the server had answered; the query may run")),
    };
    let query = match follow(&client, query, &screen, &mut stop).await? {
        Followed::Ended(query) => query,
        Followed::Stopped(query, reason) => return Ok(stopped(&query, reason, &screen)),
    };
    if query.state != QueryState::Succeeded {
        return Err(Failure::of_query(query));
    }
    let rows = match print(&client, &query, &command.rows, &screen, &mut stop).await? {
        Printed::All(rows) => rows,
        Printed::Stopped(exit) => return Ok(exit),
    };
    screen.remark(footer(&query, rows, start));
    Ok(Exit::Done)
}

/// What came of the rows.
enum Printed {
    All(u64),
    Stopped(Exit),
}

async fn print(client: &Client, query: &Query, flags: &RowFlags, screen: &Screen, stop: &mut Stop) -> Result<Printed> {
    let mut rows = client.fetch_results(&query.id, flags.max_rows).await?;
    let mut printer = flags.open(screen, rows.schema())?;
    loop {
        let batch = tokio::select! {
            biased;
            reason = stop.asked() => return leave(client, query, reason).await,
            batch = rows.next() => batch?,
        };
        let Some(batch) = batch else { break };
        if printer.print(&batch)? == Taken::Closed {
            return leave(client, query, StopReason::Closed).await;
        }
    }
    Ok(Printed::All(printer.finish()?))
}

/// The query has ended by now; a cancellation says to the server that nobody wants its rows.
async fn leave(client: &Client, query: &Query, reason: StopReason) -> Result<Printed> {
    client.cancel_query(&query.id).await?;
    Ok(Printed::Stopped(match reason {
        StopReason::Interrupt => Exit::Interrupted,
        StopReason::Closed => Exit::Done,
    }))
}

fn stopped(query: &Query, reason: StopReason, screen: &Screen) -> Exit {
    let why = match reason {
        StopReason::Interrupt => "interrupted",
        StopReason::Closed => "nobody reads the output",
    };
    let state = match query.state {
        QueryState::Cancelled => "was cancelled",
        QueryState::Succeeded => "had succeeded already",
        _ => "has failed",
    };
    screen.remark(format!("{why}: query {} {state}", query.id));
    Exit::Interrupted
}

fn footer(query: &Query, rows: u64, start: Instant) -> String {
    let rows = human::count(rows, "row");
    let scanned = human::bytes(query.usage.scanned_bytes);
    format!(
        "{rows} · {scanned} scanned · {} · query {}",
        human::duration(start.elapsed()),
        query.id
    )
}
