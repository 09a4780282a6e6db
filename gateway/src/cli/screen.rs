//! What may be drawn, and where? Colours, boxes and progress only on a terminal.

use std::io::{IsTerminal, stderr, stdin, stdout};

use super::output::tell;
use crate::config::environment::Environment;

/// The terminal, or its absence.
#[derive(Clone, Copy, Debug, Default)]
pub struct Screen {
    /// Standard output is a terminal.
    pub output: bool,
    /// Progress may be drawn.
    pub progress: bool,
    /// Somebody can be asked.
    pub answers: bool,
    /// Colours are wanted.
    pub color: bool,
    /// Nothing but data and errors.
    pub quiet: bool,
}

impl Screen {
    /// Looks at the standard streams, `NO_COLOR` and `TERM`.
    #[must_use]
    pub fn of(environment: &Environment, quiet: bool) -> Self {
        let is_set = |name| environment.get(name).is_some_and(|value| !value.is_empty());
        let dumb = environment.get("TERM") == Some("dumb");
        Self {
            output: stdout().is_terminal(),
            progress: stderr().is_terminal() && !quiet && !dumb,
            answers: stdin().is_terminal() && stderr().is_terminal(),
            color: !is_set("NO_COLOR") && !dumb,
            quiet,
        }
    }

    /// A remark, unless only data is wanted.
    pub fn remark(&self, line: impl std::fmt::Display) {
        if !self.quiet {
            tell(line);
        }
    }
}
