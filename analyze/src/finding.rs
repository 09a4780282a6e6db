//! What was found out?

use cedar_policy::RequestEnv;
use serde::Serialize;

use crate::example::Example;

/// One finding.
#[derive(Debug, Serialize)]
pub struct Finding {
    pub kind: Kind,
    /// A policy, a filter, or a kind of request (`Select on Column`).
    pub about: String,
    /// What it is that shadows or overrules; why it is not known; what changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counterexample: Option<Example>,
}

/// Kinds of findings.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A request is allowed that was not.
    Wider,
    /// A request was forbidden and is not any more: whoever is granted it gains.
    Unforbidden,
    /// A filter shows a row that it did not.
    WiderRows,
    /// It changed, and what it shows is nothing that the solver reads.
    Opaque,
    /// A request reaches what nobody else should.
    Open,
    /// The policy cannot be evaluated on a request, and so denies.
    Fails,
    /// No request matches it.
    Dead,
    /// Whatever it permits is forbidden.
    Overruled,
    /// Others say whatever it says.
    Shadowed,
    /// Not proved.
    Unknown,
}

impl Finding {
    pub fn new(kind: Kind, about: impl Into<String>) -> Self {
        Self {
            kind,
            about: about.into(),
            detail: None,
            counterexample: None,
        }
    }

    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    #[must_use]
    pub fn shown_by(mut self, example: Example) -> Self {
        self.counterexample = Some(example);
        self
    }

    pub fn unknown(about: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Kind::Unknown, about).because(why)
    }
}

/// `Select on Column`
pub fn kind_of(env: &RequestEnv) -> String {
    format!("{} on {}", env.action().id().unescaped(), env.resource().basename())
}
