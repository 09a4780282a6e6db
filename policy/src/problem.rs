//! What is wrong with a policy, where, and what should be done about it?

use crate::cedar_text::position;
use crate::statement::Statement;
use cedar_policy::ffi::DetailedError;
use serde::Serialize;
use std::fmt;

/// One thing that is wrong with policy text or with a set of policies and grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyProblem {
    /// Id of the policy or grant, where it is known.
    pub policy: Option<String>,
    /// Line, from 1, of the text that was handed in.
    pub line: Option<usize>,
    /// Column, from 1, counted in characters.
    pub column: Option<usize>,
    /// What is wrong: lowercase, names in backticks, no final period.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl PolicyProblem {
    /// A problem without a position.
    pub fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            policy: None,
            line: None,
            column: None,
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    /// The same problem, attributed to a policy or grant.
    #[must_use]
    pub fn of(mut self, policy: &str) -> Self {
        self.policy = Some(policy.to_owned());
        self
    }

    /// Moves a position inside the resolved text of `statement` to the file that the statement comes from.
    ///
    /// Only the line is kept: ids have replaced names, so columns of the resolved text mean nothing in the file.
    #[must_use]
    pub fn in_statement(mut self, statement: &Statement) -> Self {
        self.line = Some(self.line.map_or(statement.line, |line| line + statement.line - 1));
        self.column = None;
        self.policy.get_or_insert_with(|| statement.id.clone());
        self
    }

    /// The same problem at a byte offset of a text.
    pub(crate) fn at(mut self, text: &str, offset: usize) -> Self {
        let (line, column) = position(text, offset);
        self.line = Some(line);
        self.column = Some(column);
        self
    }

    /// One of Cedar's own errors; `start` is where the text that Cedar read begins in `text`.
    pub(crate) fn from_cedar(error: DetailedError, text: &str, start: usize) -> Self {
        let remedy = error
            .help
            .unwrap_or_else(|| "correct the policy text; it must pass Cedar's strict validation".to_owned());
        let problem = Self::new(error.message, remedy);
        match error.source_locations.first() {
            Some(label) => problem.at(text, start + label.loc.start),
            None => problem.at(text, start),
        }
    }
}

impl fmt::Display for PolicyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "line {line}, column {column}: ")?,
            (Some(line), None) => write!(f, "line {line}: ")?,
            (None, _) => {}
        }
        if let Some(policy) = &self.policy {
            write!(f, "policy `{policy}`: ")?;
        }
        f.write_str(&self.message)
    }
}
