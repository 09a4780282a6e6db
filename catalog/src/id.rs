//! What names an object for ever? An immutable id; names may change, ids never do.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::quoted;

/// Immutable id of a catalog object: a UUID (version 7) in its canonical lower-case text form. Ids of built-ins are words.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectId(String);

impl ObjectId {
    /// A fresh id, ordered by time.
    #[must_use]
    pub fn new() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }

    /// An id that was stored before.
    #[must_use]
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of a struct field below this column: `<column id>.<path in lower case>`; the column's own for no path.
    #[must_use]
    pub fn field(&self, path: &[String]) -> Self {
        path.iter().fold(self.clone(), |id, part| {
            Self(format!("{}.{}", id.0, quoted(&part.to_lowercase())))
        })
    }

    /// The column that a struct field's id belongs to; `None` if this is not the id of a struct field.
    #[must_use]
    pub fn column(&self) -> Option<Self> {
        self.0.split_once('.').map(|(column, _)| Self(column.to_owned()))
    }

    /// Whether this is `column` itself or a struct field below it.
    #[must_use]
    pub fn is_within(&self, column: &Self) -> bool {
        let rest = self.0.strip_prefix(column.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl Default for ObjectId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
