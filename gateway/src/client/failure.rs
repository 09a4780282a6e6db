//! How can a call fail? No answer, a refusal with its envelope, or an answer that is not understood.

use std::fmt;

use lakegate_openapi::{error as wire, lake::LakeEffects};
use serde::{Deserialize, Serialize};
use url::Url;

/// Results of calls.
pub type Result<T, E = ClientError> = std::result::Result<T, E>;

/// Why a call failed.
#[derive(Debug)]
pub enum ClientError {
    /// No answer.
    Unreachable { url: String, cause: String },
    /// A refusal.
    Refused(Box<Refusal>),
    /// An answer that was cut, or is not what was asked for.
    Broken(String),
}

/// What the server answered with a status of 400 or more.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub status: u16,
    pub error: wire::Error,
    /// What is wrong with the files of an apply.
    pub problems: Vec<Problem>,
    /// Who would gain or lose what, if that needs an approval.
    pub effects: Option<LakeEffects>,
}

/// One problem of an apply. Line 0: the input has no lines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Problem {
    pub code: String,
    pub file: String,
    pub line: u64,
    pub column: u64,
    pub message: String,
    pub remedy: String,
}

#[derive(Default, Deserialize)]
struct Details {
    #[serde(default)]
    problems: Vec<Problem>,
    #[serde(default)]
    effects: Option<LakeEffects>,
}

impl Refusal {
    /// Reads the body of a refusal; what did not come from Lakegate gets a code of its own.
    #[must_use]
    pub fn read(status: u16, body: &[u8]) -> Self {
        let error = serde_json::from_slice(body).unwrap_or_else(|_| wire::Error {
            code: format!("HTTP_{status}"),
            message: format!("the answer has status {status} and does not come from Lakegate"),
            query_id: None,
            request_id: None,
            retryable: matches!(status, 429 | 502..=504),
            location: None,
        });
        let details: Details = serde_json::from_slice(body).unwrap_or_default();
        Self {
            status,
            error,
            problems: details.problems,
            effects: details.effects,
        }
    }
}

impl ClientError {
    /// An answer that is not understood.
    #[must_use]
    pub fn broken(cause: &dyn std::error::Error) -> Self {
        Self::Broken(crate::error::chain(cause))
    }

    /// A request that got no answer. The URL in the cause may hold a query, and is left out.
    #[must_use]
    pub fn of_transport(base: &Url, error: &reqwest::Error) -> Self {
        let mut cause: &dyn std::error::Error = error;
        while let Some(next) = cause.source() {
            cause = next;
        }
        Self::Unreachable {
            url: base.to_string(),
            cause: cause.to_string(),
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { url, cause } => write!(f, "the server at {url} cannot be reached: {cause}"),
            Self::Refused(refusal) => f.write_str(&refusal.error.message),
            Self::Broken(cause) => write!(f, "the answer of the server is not understood: {cause}"),
        }
    }
}

impl std::error::Error for ClientError {}

impl fmt::Display for Problem {
    /// `file:line:column: CODE message (remedy)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {} {}", self.code, self.message)?;
        if self.remedy.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.remedy)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_and_other_bodies_are_read() {
        let body = br#"{"code":"CONFIGURATION_INVALID","message":"1 problem","retryable":false,"problems":
            [{"code":"CONFIGURATION_INVALID","file":"a.yaml","line":3,"column":5,"message":"unknown key `x`","remedy":"did you mean `y`?"}]}"#;
        let refusal = Refusal::read(400, body);
        assert_eq!(refusal.error.code, "CONFIGURATION_INVALID");
        let text = refusal.problems[0].to_string();
        assert_eq!(
            text,
            "a.yaml:3:5: CONFIGURATION_INVALID unknown key `x` (did you mean `y`?)"
        );
        let refusal = Refusal::read(502, b"<html>");
        assert_eq!(
            (refusal.error.code.as_str(), refusal.error.retryable),
            ("HTTP_502", true)
        );
    }
}
