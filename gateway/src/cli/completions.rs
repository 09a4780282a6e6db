//! How does a shell complete our command line?

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{
    Cli,
    exit::Exit,
    failure::{Result, report},
    sink::Sink,
};

/// Print the completion script of a shell.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints it.
pub(super) fn run(command: &Completions) -> Exit {
    report(print(command.shell).map(|()| Exit::Done), false)
}

fn print(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "lakegate", &mut script);
    let mut sink = Sink::open(None)?;
    sink.write(&script)?;
    sink.finish()?;
    Ok(())
}
