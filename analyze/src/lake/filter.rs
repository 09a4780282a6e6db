//! What does a row filter show, and is one wider than another, as far as that can be seen without a solver?

use std::collections::BTreeSet;

use cedar_policy::{Policy, PolicyId};
use serde_json::Value;

/// A row filter of a table or view.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Name of the table or view.
    pub relation: String,
    /// `Table` or `View`.
    pub kind: String,
    pub restrictive: bool,
    pub body: Body,
    pub columns: Columns,
}

/// The condition of a filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// `when { … } unless { … }`
    Cedar(String),
    /// With one space where there are several.
    Sql(String),
}

/// The columns that a filter opens.
#[derive(Clone, Debug, PartialEq)]
pub enum Columns {
    All,
    Only(BTreeSet<String>),
    Except(BTreeSet<String>),
}

impl Filter {
    pub(super) fn read(kind: &str, relation: &str, entry: &Value) -> Self {
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        let body = match text("cedar") {
            Some(body) => Body::Cedar(body.to_owned()),
            None => Body::Sql(
                text("where")
                    .unwrap_or_default()
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" "),
            ),
        };
        let listed = |key: &str| {
            super::names(entry, key)
                .iter()
                .map(|name| name.to_lowercase())
                .collect()
        };
        let columns = match (entry.get("columns"), entry.get("except")) {
            (Some(_), _) => Columns::Only(listed("columns")),
            (None, Some(_)) => Columns::Except(listed("except")),
            (None, None) => Columns::All,
        };
        Self {
            relation: relation.to_owned(),
            kind: kind.to_owned(),
            restrictive: entry.get("restrictive").and_then(Value::as_bool).unwrap_or_default(),
            body,
            columns,
        }
    }

    /// The form in which a Cedar body is analysed: it permits the rows on which it is TRUE. A body that cannot be evaluated
    /// on a row permits it not, and so neither form of filter shows it.
    ///
    /// # Errors
    /// A body that does not parse; `None` if the body is SQL.
    pub fn shown(&self, name: &str) -> Option<Result<Policy, String>> {
        let Body::Cedar(body) = &self.body else { return None };
        let text = format!("permit(principal, action == Lakegate::Action::\"SelectRow\", resource) {body};");
        let parsed = Policy::parse(Some(PolicyId::new(name)), text);
        Some(parsed.map_err(|error| format!("the body of filter {name}: {error}")))
    }
}

impl Columns {
    /// Whether these are all among those.
    pub fn within(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::All) => true,
            (Self::Only(ours), Self::Only(theirs)) => ours.is_subset(theirs),
            (Self::Only(ours), Self::Except(theirs)) => {
                !ours.iter().any(|one| theirs.iter().any(|other| meet(one, other)))
            }
            (Self::Except(ours), Self::Except(theirs)) => theirs.is_subset(ours),
            (Self::All, Self::Except(theirs)) => theirs.is_empty(),
            (Self::All | Self::Except(_), Self::Only(_)) => false,
        }
    }
}

/// Whether one of two paths of columns holds the other.
fn meet(one: &str, other: &str) -> bool {
    let below = |outer: &str, inner: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    below(one, other) || below(other, one)
}
