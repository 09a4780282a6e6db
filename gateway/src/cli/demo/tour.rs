//! What does the demo show? The same join as four people, what it read and cost, and three commands to go on.

use lakegate_openapi::query::{Query, QueryState};
use lakegate_query::billing::Billing;

use super::{
    answers,
    home::Home,
    people::{AUDITOR, JFK_ANALYST, ROLES, STEWARD, Visitors},
    screen,
};
use crate::{
    cli::{failure::Result, human, output::say, rows::RowFlags, sink::Taken},
    config::environment::Environment,
};

const MB: u64 = 1_048_576;
const JOIN: &str = "02_most_delayed_passengers.sql";
/// Reads more than every query is billed at least.
const SCORECARD: &str = "08_scorecard.sql";

/// Asks and prints.
pub(super) async fn show(home: &Home, people: &Visitors, environment: &Environment) -> Result<()> {
    say(format!(
        "One statement over Parquet files and a database, as four people:\n\n{}",
        home.read(&format!("queries/{JOIN}"))?.trim()
    ));
    for role in ROLES {
        say(format!("\n── {}: {}", role.name, role.sees));
        let query = answers::ask(home, people, role.name, JOIN).await?;
        print_rows(people, role.name, &query, environment).await?;
        say(figures(&query));
    }
    say(format!(
        "\n── a year's scorecard ({SCORECARD}): who sees enough of the lake leaves the minimum of 10 MB behind"
    ));
    for role in ROLES.iter().filter(|role| role.name != AUDITOR) {
        let query = answers::ask(home, people, role.name, SCORECARD).await?;
        say(format!("{:<16} {}", role.name, figures(&query)));
    }
    go_on(home);
    Ok(())
}

async fn print_rows(people: &Visitors, person: &str, query: &Query, environment: &Environment) -> Result<()> {
    if query.state != QueryState::Succeeded {
        let failure = query.error.as_ref().map_or(String::new(), |failure| {
            format!("{}: {}", failure.code, failure.message)
        });
        say(failure);
        return Ok(());
    }
    let mut rows = people.client(person)?.fetch_results(&query.id, None).await?;
    let mut printer = RowFlags::default().open(&screen(environment), rows.schema())?;
    while let Some(batch) = rows.next().await? {
        if printer.print(&batch)? == Taken::Closed {
            break;
        }
    }
    printer.finish()?;
    Ok(())
}

/// Rows, bytes as far as the person may know them, and the price.
fn figures(query: &Query) -> String {
    let usage = &query.usage;
    if query.state != QueryState::Succeeded {
        return "a failure costs nothing".to_owned();
    }
    let scanned = match usage.connector_bytes {
        Some(connector) => {
            format!(
                "{} scanned + {} from connectors",
                human::bytes(usage.scanned_bytes),
                human::bytes(connector)
            )
        }
        None => format!("{} MB scanned", usage.scanned_bytes / MB),
    };
    let billed = usage.billed_bytes.unwrap_or_default();
    let price = Billing { megabyte_bytes: MB }.price(billed, &usage.price_per_tb);
    let price = price.map_or("no price".to_owned(), |(amount, currency)| {
        format!("{amount:.6} {currency}")
    });
    let mut text = format!(
        "{} · {scanned} · {} MB billed at {} per TB = {price}",
        human::count(query.rows, "row"),
        billed / MB,
        usage.price_per_tb
    );
    for (connection, bytes) in &usage.by_connection {
        text.push_str(&format!("\n    {connection}: {} bytes", human::number(*bytes)));
    }
    text
}

fn go_on(home: &Home) {
    let binary = std::env::current_exe().map_or("lakegate".to_owned(), |path| path.display().to_string());
    let lakegate = format!("LAKEGATE_CONFIG={} {binary}", home.profiles().display());
    say(format!(
        "\n── go on\n\
         {lakegate} sql --as {JFK_ANALYST} -e \"select name, email, dest from crm.main.passengers join lake.nyc.flights using (year, month, day, carrier, flight, origin) limit 5\"\n\
         {lakegate} sql --as {STEWARD} -e \"select origin, count(*) from lake.nyc.flights group by origin\"\n\
         {lakegate} audit list --as {AUDITOR} --limit 10\n"
    ));
}
