//! Which secrets does a connection use? Resolved values that never show in logs or errors.

use std::{collections::BTreeMap, fmt};

use secrecy::{ExposeSecret, SecretString};

use crate::error::{ConnectorError, ConnectorErrorKind, Result};

/// Resolved members of a credential, e.g. `user` and `password`.
#[derive(Clone, Default)]
pub struct Credential(BTreeMap<String, SecretString>);

impl Credential {
    /// From resolved members.
    #[must_use]
    pub fn new(members: impl IntoIterator<Item = (String, SecretString)>) -> Self {
        Self(members.into_iter().collect())
    }

    /// From plain text; for tests and tools.
    #[must_use]
    pub fn from_plain<'a>(members: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(
            members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), SecretString::from(value.to_owned())))
                .collect(),
        )
    }

    /// Value of a member, to be handed to the source's client only.
    #[must_use]
    pub fn expose(&self, member: &str) -> Option<&str> {
        self.0.get(member).map(ExposeSecret::expose_secret)
    }

    /// Value of a member that must be there.
    ///
    /// # Errors
    /// `SOURCE_UNAUTHENTICATED` if it is missing.
    pub fn required(&self, member: &str) -> Result<&str> {
        self.expose(member).ok_or_else(|| {
            ConnectorError::new(
                ConnectorErrorKind::Unauthenticated,
                format!("credential member `{member}` is missing"),
            )
        })
    }

    /// The same members with the same values?
    #[must_use]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.members().eq(other.members()) && self.members().all(|member| self.expose(member) == other.expose(member))
    }

    /// Names of the members.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The same without the members of these names.
    #[must_use]
    pub(crate) fn without(&self, left_out: impl Fn(&str) -> bool) -> Self {
        let kept = self.0.iter().filter(|(name, _)| !left_out(name));
        Self(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// The same with the members of another one that it has not.
    #[must_use]
    pub(crate) fn or(&self, other: &Self) -> Self {
        let mut all = other.0.clone();
        all.extend(self.0.iter().map(|(name, value)| (name.clone(), value.clone())));
        Self(all)
    }

    /// Is there nothing in it?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let credential = Credential::from_plain([("password", "hunter2")]);
        assert!(!format!("{credential:?}").contains("hunter2"));
        assert_eq!(credential.expose("password"), Some("hunter2"));
    }
}
