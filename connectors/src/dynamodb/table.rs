//! What is known of a table when a scan of it is planned? Its handle: keys, indexes, columns, sizes; no credential.

use serde::{Deserialize, Serialize};

use super::{budget::SHARE, client::Charge, kind::Kind};
use crate::scan::ColumnId;

/// A table as it was described.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Table {
    pub name: String,
    pub key: Key,
    pub indexes: Vec<Index>,
    pub columns: Vec<Column>,
    /// As the service last counted them, within six hours.
    pub items: u64,
    pub bytes: u64,
    /// Provisioned read units a second; `None`: on demand.
    pub units: Option<u64>,
    /// Strongly consistent reads, at twice the units.
    pub consistent: bool,
    /// A value that does not fit its column is NULL instead of an error.
    pub lenient: bool,
}

/// A primary key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Key {
    pub hash: String,
    pub range: Option<String>,
}

impl Key {
    pub(super) fn has(&self, attribute: &str) -> bool {
        self.hash == attribute || self.range.as_deref() == Some(attribute)
    }
}

/// An index that can be queried.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Index {
    pub name: String,
    pub key: Key,
    pub local: bool,
    /// Attributes beside the keys; `None`: all.
    pub projected: Option<Vec<String>>,
    pub units: Option<u64>,
}

/// A column: an attribute at the top of items.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Column {
    pub name: String,
    pub kind: Kind,
}

impl Table {
    pub(super) fn position(&self, column: &ColumnId) -> Option<usize> {
        self.columns.iter().position(|known| known.name == column.as_str())
    }

    /// Whose read units a read takes.
    pub(super) fn charge(&self, index: Option<&Index>, assumed: Option<f64>) -> Charge {
        let units = match index {
            // A local index takes those of its table.
            Some(index) if !index.local => index.units,
            _ => self.units,
        };
        #[expect(clippy::cast_precision_loss, reason = "units are far below 2^53")]
        let rate = units.map(|units| units as f64 * SHARE).or(assumed);
        let own = index.filter(|index| !index.local).map(|index| index.name.clone());
        Charge {
            place: (self.name.clone(), own),
            rate,
        }
    }

    /// Read units for that many bytes.
    pub(super) fn units_of(&self, bytes: f64) -> f64 {
        let strong = (bytes / 4_096.0).ceil().max(1.0);
        if self.consistent { strong } else { strong / 2.0 }
    }

    /// Bytes of an item, on average.
    pub(super) fn item_bytes(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let (bytes, items) = (self.bytes as f64, self.items as f64);
        if items > 0.0 { bytes / items } else { 0.0 }
    }
}
