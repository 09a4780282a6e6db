//! What is the answer to one request?
//!
//! Cedar says allow or deny; the semantics of relations need to tell "nobody permits" from "somebody forbids"
//! (`governance.md` §2.3), and an evaluation error from both.

use serde::Serialize;
use std::collections::BTreeSet;

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A policy or grant permits and nothing forbids.
    Allow,
    /// A policy forbids, or a policy could not be evaluated.
    Forbidden,
    /// Nothing permits and nothing forbids.
    NoPermit,
}

/// The answer with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The answer.
    pub verdict: Verdict,
    /// Ids of the policies and grants that determined it, sorted.
    pub policies: Vec<String>,
    /// For the log and an alert, never for the caller.
    pub errors: Vec<String>,
}

impl Decision {
    /// Whether the answer is yes.
    pub fn is_allowed(&self) -> bool {
        self.verdict == Verdict::Allow
    }

    /// The answer when the question itself cannot be put.
    pub(crate) fn failed(error: String) -> Self {
        Self {
            verdict: Verdict::Forbidden,
            policies: Vec::new(),
            errors: vec![error],
        }
    }
}

/// What the evaluated policies said. Order and repetition do not matter.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) permits: BTreeSet<String>,
    pub(crate) forbids: BTreeSet<String>,
    /// Policies that erred, with the reason. Cedar skips them, forbids too; we do not.
    pub(crate) failed: BTreeSet<(String, String)>,
}

impl Tally {
    pub(crate) fn decide(self) -> Decision {
        let errors: Vec<String> = self.failed.iter().map(|(_, error)| error.clone()).collect();
        let mut forbids = self.forbids;
        forbids.extend(self.failed.into_iter().map(|(policy, _)| policy));
        let (verdict, policies) = if !forbids.is_empty() {
            (Verdict::Forbidden, forbids)
        } else if !self.permits.is_empty() {
            (Verdict::Allow, self.permits)
        } else {
            (Verdict::NoPermit, BTreeSet::new())
        };
        Decision {
            verdict,
            policies: policies.into_iter().collect(),
            errors,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn forbid_wins_and_an_error_is_a_forbid() {
        assert_eq!(Tally::default().decide().verdict, Verdict::NoPermit);
        let permits = || Tally {
            permits: set(&["p"]),
            ..Tally::default()
        };
        assert_eq!(permits().decide().verdict, Verdict::Allow);
        let forbidden = Tally {
            forbids: set(&["f"]),
            ..permits()
        }
        .decide();
        assert_eq!(
            (forbidden.verdict, forbidden.policies),
            (Verdict::Forbidden, vec!["f".to_owned()])
        );
        let failed = BTreeSet::from([("e".to_owned(), "overflow".to_owned())]);
        let erred = Tally { failed, ..permits() }.decide();
        assert_eq!(erred.verdict, Verdict::Forbidden);
        assert_eq!(erred.policies, ["e"]);
        assert_eq!(erred.errors, ["overflow"]);
    }
}
