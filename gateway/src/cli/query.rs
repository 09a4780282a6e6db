//! What became of queries? Submit without waiting, look, list, cancel, fetch.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::{
    exit::Exit,
    failure::{Failure, Result, report},
    items::{ItemFormat, print_item, print_items},
    list::ListFlags,
    output::say,
    profile::{ServerFlags, Target},
    rows::RowFlags,
    screen::Screen,
    sink::Taken,
    statement::Statement,
};
use crate::{client::Client, config::environment::Environment};

/// What to do with queries.
#[derive(Debug, Subcommand)]
pub enum Command {
    // sorted: start
    /// Cancel a query; one that has ended stays as it is
    Cancel(One),
    /// Show a query
    Find(Find),
    /// List queries, newest first
    List(List),
    /// Print the rows of a query that has succeeded
    Results(Results),
    /// Submit a statement and print the query's id
    Submit(Submit),
    // sorted: end
}

/// One query.
#[derive(Debug, Args)]
pub struct One {
    /// Id of the query
    id: String,
    /// Format of the answer
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
    #[command(flatten)]
    server: ServerFlags,
}

/// One query, perhaps when it has ended.
#[derive(Debug, Args)]
pub struct Find {
    /// Wait for its end
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    one: One,
}

/// Which queries.
#[derive(Debug, Args)]
pub struct List {
    /// Only queries in this state
    #[arg(long, value_enum, ignore_case = true)]
    state: Option<State>,
    /// Only queries of this workgroup
    #[arg(long, value_name = "WORKGROUP")]
    workgroup: Option<String>,
    #[command(flatten)]
    list: ListFlags,
    /// Format of the list
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
    #[command(flatten)]
    server: ServerFlags,
}

/// States, spelled as everywhere.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum State {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

/// Which rows.
#[derive(Debug, Args)]
pub struct Results {
    /// Id of the query
    id: String,
    #[command(flatten)]
    server: ServerFlags,
    #[command(flatten)]
    rows: RowFlags,
}

/// What to submit.
#[derive(Debug, Args)]
pub struct Submit {
    #[command(flatten)]
    statement: Statement,
    /// Format of the answer; a table is only the id
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
    #[command(flatten)]
    server: ServerFlags,
}

/// Does it.
pub(super) async fn run(command: Command, environment: Environment) -> Exit {
    let json = match &command {
        Command::Cancel(one) => one.format.is_json(),
        Command::Find(find) => find.one.format.is_json(),
        Command::List(list) => list.format.is_json(),
        Command::Results(results) => results.rows.is_json(),
        Command::Submit(submit) => submit.format.is_json(),
    };
    let done = match command {
        // sorted: start
        Command::Cancel(one) => cancel(one, &environment).await,
        Command::Find(find) => self::find(find, &environment).await,
        Command::List(list) => self::list(list, &environment).await,
        Command::Results(results) => self::results(results, &environment).await,
        Command::Submit(submit) => self::submit(submit, &environment).await,
        // sorted: end
    };
    report(done.map(|()| Exit::Done), json)
}

async fn cancel(one: One, environment: &Environment) -> Result<()> {
    let client = one.server.target(environment)?.client;
    let query = client.cancel_query(&one.id).await?;
    show(&query, one.format)
}

async fn find(find: Find, environment: &Environment) -> Result<()> {
    let client = find.one.server.target(environment)?.client;
    let mut query = client.find_query(&find.one.id, 0).await?;
    if find.wait {
        query = client.wait_for_query(query).await?;
    }
    show(&query, find.one.format)
}

fn show(query: &impl serde::Serialize, format: ItemFormat) -> Result<()> {
    let value = serde_json::to_value(query).map_err(|error| Failure::local(error.to_string()))?;
    print_item(&value, format);
    Ok(())
}

async fn list(list: List, environment: &Environment) -> Result<()> {
    const COLUMNS: [(&str, &str); 7] = [
        ("id", "/id"),
        ("state", "/state"),
        ("principal", "/principal"),
        ("submitted", "/submitted_at"),
        ("rows", "/rows"),
        ("scanned", "/usage/scanned_bytes"),
        ("statement", "/sql"),
    ];
    let client = list.server.target(environment)?.client;
    let state = list.state.and_then(|state| state.to_possible_value());
    let mut filters: Vec<(&str, String)> = Vec::new();
    filters.extend(state.map(|state| ("state", state.get_name().to_owned())));
    filters.extend(list.workgroup.map(|workgroup| ("workgroup", workgroup)));
    let mut items = list.list.fetch(&client, &["queries"], &filters).await?;
    if list.format == ItemFormat::Table {
        items.iter_mut().for_each(shorten);
    }
    print_items(&items, &COLUMNS, list.format, &Screen::of(environment, false));
    Ok(())
}

/// A statement on one line, without its comments at the start.
fn shorten(query: &mut Value) {
    if let Some(sql) = query.get_mut("sql") {
        let text = sql.as_str().unwrap_or_default();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("--"));
        let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
        *sql = Value::from(words.join(" ").chars().take(60).collect::<String>());
    }
}

async fn results(command: Results, environment: &Environment) -> Result<()> {
    let screen = Screen::of(environment, false);
    command.rows.check(&screen)?;
    let client: Client = command.server.target(environment)?.client;
    let mut rows = client.fetch_results(&command.id, command.rows.max_rows).await?;
    let mut printer = command.rows.open(&screen, rows.schema())?;
    while let Some(batch) = rows.next().await? {
        if printer.print(&batch)? == Taken::Closed {
            break;
        }
    }
    printer.finish()?;
    Ok(())
}

async fn submit(command: Submit, environment: &Environment) -> Result<()> {
    let Target { client, workgroup } = command.server.target(environment)?;
    let request = command
        .statement
        .read(workgroup, Screen::of(environment, false).answers)?;
    match client.submit_query(&request, None).await {
        Ok(query) if command.format == ItemFormat::Table => say(query.id),
        Ok(query) => show(&query, command.format)?,
        Err(error) => return Err(Failure::from(error).in_statement(&request.sql)),
    }
    Ok(())
}
