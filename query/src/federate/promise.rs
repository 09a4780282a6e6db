//! Does a source send what was asked of it? What does not conform ends the statement.

use datafusion::arrow::datatypes::Schema;
use lakegate_connectors::error::{ConnectorError, ConnectorErrorKind};

/// Names, types and order are those that were asked for; nullability may only narrow.
pub(super) fn conforms(schema: &Schema, promised: &Schema) -> bool {
    let pairs = schema.fields().iter().zip(promised.fields());
    schema.fields().len() == promised.fields().len()
        && pairs.into_iter().all(|(delivered, wanted)| {
            delivered.name() == wanted.name()
                && delivered.data_type() == wanted.data_type()
                && (wanted.is_nullable() || !delivered.is_nullable())
        })
}

/// A source that does not keep its word.
pub(super) fn protocol(message: &str) -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::Protocol, message)
}
