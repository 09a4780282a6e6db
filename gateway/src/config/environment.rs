//! What does the process's environment hold? Read once; the only place that reads it.

use std::{collections::BTreeMap, fmt};

/// The environment variables of this process at its start.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

/// Never prints values: some are secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("variables", &self.0.len()).finish()
    }
}

impl Environment {
    /// Reads the environment; names and values that are not UTF-8 are left out.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// A given environment.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The variables that are settings: `LAKEGATE__SECTION__KEY`.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        let settings = self.0.iter().filter(|(name, _)| name.starts_with("LAKEGATE__"));
        settings.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
