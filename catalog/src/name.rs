//! How is a relation called? `catalog.database.table`, folded to lower case.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A three-part relation name, folded to lower case.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct TableName {
    pub catalog: String,
    pub database: String,
    pub table: String,
}

impl TableName {
    /// Folds the parts to lower case.
    #[must_use]
    pub fn new(catalog: &str, database: &str, table: &str) -> Self {
        Self {
            catalog: catalog.to_lowercase(),
            database: database.to_lowercase(),
            table: table.to_lowercase(),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{}.{}",
            quoted(&self.catalog),
            quoted(&self.database),
            quoted(&self.table)
        )
    }
}

/// A name part as lake files and Cedar text write it: double-quoted if it holds a dot, a slash, white space or a quote.
#[must_use]
pub fn quoted(part: &str) -> String {
    if part.is_empty() || part.contains(|c: char| matches!(c, '.' | '/' | '"') || c.is_whitespace()) {
        format!("\"{}\"", part.replace('"', "\"\""))
    } else {
        part.to_owned()
    }
}

/// Splits a dotted name into its parts, honouring double quotes (`a."b.c".d`). `None` if it is malformed.
#[must_use]
pub fn split_name(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        let mut part = String::new();
        if chars.peek() == Some(&'"') {
            chars.next();
            loop {
                match chars.next()? {
                    '"' if chars.peek() == Some(&'"') => {
                        chars.next();
                        part.push('"');
                    }
                    '"' => break,
                    c => part.push(c),
                }
            }
        } else {
            while let Some(c) = chars.peek().copied() {
                if c == '.' {
                    break;
                }
                part.push(c);
                chars.next();
            }
        }
        if part.is_empty() {
            return None;
        }
        parts.push(part);
        match chars.next() {
            None => return Some(parts),
            Some('.') => {}
            Some(_) => return None,
        }
    }
}
