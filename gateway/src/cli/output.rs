//! Where does a command write? Data on stdout, all else on stderr. A closed pipe is no failure.

use std::io::Write;

/// A line of data.
pub fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line for people.
pub fn tell(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
