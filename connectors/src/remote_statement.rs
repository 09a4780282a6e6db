//! What may be told of the work that a source is given? Names and text, by OpenTelemetry's database conventions.

/// A read as spans describe it: nothing in it is a literal, a credential or a value.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RemoteStatement {
    /// `db.system.name`: `postgresql`, `sqlite`, or `files`, which is our own word.
    pub system: &'static str,
    /// `db.namespace`: from the largest part to the smallest, joined by `|`.
    pub namespace: Option<String>,
    /// `db.collection.name`.
    pub collection: String,
    /// `db.operation.name`.
    pub operation: &'static str,
    /// `db.query.text`: literals are placeholders.
    pub text: Option<String>,
    /// `server.address`, `server.port`.
    pub server: Option<(String, u16)>,
    /// What the source does itself, and how exactly.
    pub pushdown: Option<String>,
}

impl RemoteStatement {
    /// `db.query.summary`: few different texts, whatever is asked.
    #[must_use]
    pub fn summary(&self) -> String {
        format!("{} {}", self.operation, self.collection)
    }
}
