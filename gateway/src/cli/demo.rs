//! What does Lakegate do, seen within a minute? One federated query as four people, on a server that stays up.

mod answers;
mod check;
mod expected;
mod home;
mod isolation;
mod people;
mod relational;
mod server;
mod tour;

use std::path::PathBuf;

use clap::Args;

use self::{home::Home, people::People, relational::Relational, server::DemoServer};
use super::{
    exit::Exit,
    failure::{Failure, Result, report},
    output::tell,
    screen::Screen,
};
use crate::config::environment::Environment;

/// Start the demo lake, ask the same question as four people, and stay up.
#[derive(Debug, Args)]
pub struct Demo {
    /// Check every answer against expected.json, and exit with 0 or 1
    #[arg(long)]
    check: bool,
    /// The relational part in a PostgreSQL [environment: LAKEGATE_DEMO_PG_{HOST,PORT,DATABASE,USER,PASSWORD}, else PG…]
    #[arg(long)]
    postgres: bool,
    /// Start afresh
    #[arg(long)]
    reset: bool,
    /// Where the demo keeps its data [default: .data in the demo's folder; with --check a temporary one]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The demo's folder [default: `demo` here, above, or above the binary]
    #[arg(long, value_name = "DIR")]
    demo_dir: Option<PathBuf>,
}

/// Runs the demo.
pub(super) async fn run(command: Demo, environment: Environment) -> Exit {
    report(demonstrate(command, &environment).await, false)
}

async fn demonstrate(command: Demo, environment: &Environment) -> Result<Exit> {
    let folder = home::find_demo(command.demo_dir)?;
    // Kept until the server has stopped.
    let temporary = (command.check && command.data.is_none())
        .then(tempfile::tempdir)
        .transpose();
    let temporary = temporary.map_err(|error| Failure::local(format!("no temporary directory: {error}")))?;
    let data = match (command.data, &temporary) {
        (Some(data), _) => data,
        (None, Some(temporary)) => temporary.path().join("data"),
        (None, None) => folder
            .join(".data")
            .join(if command.postgres { "postgres" } else { "sqlite" }),
    };
    let home = Home::open(folder, data, command.reset)?;
    let relational = if command.postgres {
        relational::postgres(&home, environment).await?
    } else {
        Relational::sqlite(&home)
    };
    let people = People::of(&home)?;
    let mut server = DemoServer::start(&home, &people, &relational, !command.check).await?;
    let people = people.at(&home, server.http())?;
    let work = async {
        if command.check {
            check::check(&home, &people).await
        } else {
            tour::show(&home, &people, environment).await
        }
    };
    let done = tokio::select! {
        done = work => done,
        ended = server.wait() => ended.and(Err(Failure::interrupted("stopped before the demo had ended"))),
    };
    if done.is_ok() && !command.check {
        tell(format!("The server stays up at {}; Ctrl-C ends it.", people.url));
        server.wait().await?;
    }
    server.stop().await?;
    done.map(|()| Exit::Done)
}

/// How the demo draws.
fn screen(environment: &Environment) -> Screen {
    Screen::of(environment, false)
}
