//! How does a command say what went wrong? Code, place, hint and query id for people; the API's envelope for programs.

use lakegate_openapi::{
    error::{Error as Envelope, ErrorLocation},
    lake::LakeEffects,
    query::Query,
};
use lakegate_query::error::ErrorCode;
use serde::Serialize;

use super::{
    effects::{digest_line, effect_lines},
    exit::{Exit, exit_of},
    output::tell,
};
use crate::client::{ClientError, failure::Problem};

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    story: Box<Story>,
}

/// What is said about it.
#[derive(Debug)]
struct Story {
    envelope: Envelope,
    problems: Vec<Problem>,
    effects: Option<LakeEffects>,
    /// The statement, so that its line can be shown.
    sql: Option<String>,
}

/// Results of commands.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// The envelope as it is written by `-o json`.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    envelope: &'a Envelope,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    problems: &'a [Problem],
    #[serde(skip_serializing_if = "Option::is_none")]
    effects: Option<&'a LakeEffects>,
}

impl Failure {
    fn new(exit: Exit, code: &str, message: impl Into<String>) -> Self {
        let (code, message) = (code.to_owned(), message.into());
        let envelope = Envelope {
            code,
            message,
            query_id: None,
            request_id: None,
            retryable: false,
            location: None,
        };
        Self::of(exit, envelope)
    }

    fn of(exit: Exit, envelope: Envelope) -> Self {
        Self {
            exit,
            story: Box::new(Story {
                envelope,
                problems: Vec::new(),
                effects: None,
                sql: None,
            }),
        }
    }

    /// The command line is wrong in a way that clap does not know.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "USAGE", message)
    }

    /// Something of this machine (a file, a terminal) is not as it must be.
    #[must_use]
    pub fn local(message: impl Into<String>) -> Self {
        Self::new(Exit::Refused, "LOCAL", message)
    }

    /// What a server would refuse.
    #[must_use]
    pub fn refused(code: ErrorCode, message: &str) -> Self {
        Self::new(exit_of(code), code.text(), message)
    }

    /// Stopped by the user before the query's final state was known.
    #[must_use]
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self::new(Exit::Interrupted, "INTERRUPTED", message)
    }

    /// A query that ended without success.
    #[must_use]
    pub fn of_query(query: Query) -> Self {
        let Some(failure) = query.error else {
            return Self::new(
                Exit::Internal,
                "INTERNAL_ERROR",
                format!("query {} has no result", query.id),
            );
        };
        let exit = ErrorCode::ALL.iter().find(|code| code.text() == failure.code);
        let envelope = Envelope {
            code: failure.code,
            message: failure.message,
            query_id: Some(query.id),
            request_id: None,
            retryable: failure.retryable,
            location: failure.location,
        };
        let exit = exit.map_or(Exit::Refused, |code| exit_of(*code));
        Self::of(exit, envelope).in_statement(&query.sql)
    }

    /// Adds the statement, so that its line can be shown.
    #[must_use]
    pub fn in_statement(mut self, sql: &str) -> Self {
        self.story.sql = Some(sql.to_owned());
        self
    }

    /// The text for people.
    #[must_use]
    pub fn text(&self) -> String {
        let Story {
            envelope,
            problems,
            effects,
            sql,
        } = &*self.story;
        let mut lines: Vec<String> = effects.iter().flat_map(effect_lines).collect();
        lines.extend(problems.iter().map(ToString::to_string));
        lines.push(format!("{}: {}", envelope.code, envelope.message));
        if let Some(location) = envelope.location {
            lines.extend(sql.as_deref().and_then(|sql| excerpt(sql, location)));
        }
        let known = ErrorCode::ALL.iter().find(|code| code.text() == envelope.code);
        if let Some(code) = known.filter(|_| problems.is_empty()) {
            lines.push(format!("hint: {}", code.remedy()));
        }
        lines.extend(effects.as_ref().and_then(digest_line));
        let ids = [("query", &envelope.query_id), ("request", &envelope.request_id)];
        let ids: Vec<String> = ids
            .iter()
            .filter_map(|(name, id)| Some(format!("{name} {}", id.as_deref()?)))
            .collect();
        if !ids.is_empty() {
            lines.push(ids.join(" · "));
        }
        lines.join("\n")
    }

    /// The text for programs: the API's envelope.
    #[must_use]
    pub fn json(&self) -> String {
        let written = Written {
            envelope: &self.story.envelope,
            problems: &self.story.problems,
            effects: self.story.effects.as_ref(),
        };
        serde_json::to_string(&written).unwrap_or_default()
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Unreachable { .. } => {
                let mut failure = Self::new(Exit::Unreachable, "SERVER_UNREACHABLE", error.to_string());
                failure.story.envelope.retryable = true;
                failure
            }
            ClientError::Broken(_) => Self::new(Exit::Internal, "ANSWER_INVALID", error.to_string()),
            ClientError::Refused(refusal) => {
                let known = ErrorCode::ALL.iter().find(|code| code.text() == refusal.error.code);
                let exit = known.map_or_else(|| exit_of_status(refusal.status), |code| exit_of(*code));
                let mut failure = Self::of(exit, refusal.error);
                failure.story.problems = refusal.problems;
                failure.story.effects = refusal.effects;
                failure
            }
        }
    }
}

/// Says what went wrong, and with which code the command ends.
pub fn report(done: Result<Exit>, json: bool) -> Exit {
    match done {
        Ok(exit) => exit,
        Err(failure) => {
            tell(if json { failure.json() } else { failure.text() });
            failure.exit
        }
    }
}

/// For codes that this version does not know, and for what stands between us and the server.
fn exit_of_status(status: u16) -> Exit {
    match status {
        401 => Exit::Unauthenticated,
        403 => Exit::Denied,
        404 | 410 => Exit::NotFound,
        408 | 504 => Exit::Deadline,
        429 | 503 => Exit::Overload,
        502 => Exit::SourceFailed,
        500..=599 => Exit::Internal,
        _ => Exit::Refused,
    }
}

/// The line of the statement with a caret below the place.
fn excerpt(sql: &str, location: ErrorLocation) -> Option<String> {
    const BEFORE: usize = 60;
    const SHOWN: usize = 100;
    let index = usize::try_from(location.line.checked_sub(1)?).ok()?;
    let column = usize::try_from(location.column.checked_sub(1)?).ok()?;
    let line: Vec<char> = sql
        .lines()
        .nth(index)?
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let start = column.saturating_sub(BEFORE);
    let shown: String = line.iter().skip(start).take(SHOWN).collect();
    let number = location.line.to_string();
    let gutter = " ".repeat(number.len());
    Some(format!(
        "{number} | {}\n{gutter} | {}^",
        shown.trim_end(),
        " ".repeat(column.min(line.len()) - start.min(line.len()))
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Refusal;

    #[test]
    fn the_place_is_shown_with_a_caret() {
        let at = |line, column| ErrorLocation { line, column };
        assert_eq!(excerpt("select 1\nfrm t", at(2, 1)).unwrap(), "2 | frm t\n  | ^");
        assert_eq!(excerpt("select\tx", at(1, 8)).unwrap(), "1 | select x\n  |        ^");
        assert_eq!(excerpt("select 1", at(1, 99)).unwrap_or_default().lines().count(), 2);
        assert_eq!(excerpt("select 1", at(7, 1)), None);
        assert_eq!(excerpt("select 1", at(0, 0)), None);
        let long = format!("select {}x from", "a, ".repeat(200));
        assert!(
            excerpt(&long, at(1, 608))
                .unwrap()
                .lines()
                .all(|line| line.chars().count() < 120)
        );
    }

    #[test]
    fn codes_and_statuses_decide_the_exit() {
        let exit = |status, code: &str| {
            let body = format!(r#"{{"code":"{code}","message":"m","retryable":false}}"#);
            Failure::from(ClientError::Refused(Box::new(Refusal::read(status, body.as_bytes()))))
                .exit
                .code()
        };
        assert_eq!(exit(404, "TABLE_NOT_FOUND"), 5);
        assert_eq!(exit(401, "INVALID_CREDENTIAL"), 3);
        assert_eq!(exit(403, "A_CODE_OF_TOMORROW"), 4);
        assert_eq!(exit(503, "SERVER_DRAINING"), 6);
        assert_eq!(exit(422, "EXCEEDED_TIME_LIMIT"), 7);
        assert_eq!(exit(502, "SOURCE_UNAVAILABLE"), 8);
        assert_eq!(exit(500, "INTERNAL_ERROR"), 9);
    }

    #[test]
    fn programs_get_the_envelope() {
        let body = br#"{"code":"SYNTAX_ERROR","message":"m","query_id":"q","request_id":"r","retryable":false,"location":{"line":1,"column":2}}"#;
        let failure = Failure::from(ClientError::Refused(Box::new(Refusal::read(400, body))));
        let written: serde_json::Value = serde_json::from_str(&failure.json()).unwrap();
        assert_eq!(written, serde_json::from_slice::<serde_json::Value>(body).unwrap());
        assert!(failure.in_statement("x y").text().contains("hint: "));
    }
}
