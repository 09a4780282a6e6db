//! What must be known about a table or view before its access can be decided?
//!
//! Ids only: predicates and functions stay in the catalog, because deciding never reads them.

use cedar_policy::EntityUid;

/// A table or view with its columns, masks and filters. The entities themselves are given to the `Authorizer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationFacts {
    /// The table or view.
    pub relation: EntityUid,
    /// Its columns (leaf paths), in the order of the schema.
    pub columns: Vec<ColumnFacts>,
    /// Its filters.
    pub filters: Vec<FilterFacts>,
}

/// A column and its masks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnFacts {
    /// Id of the column.
    pub id: String,
    /// Id of the column whose verdict on `Select` is this one's: itself, or one that [`PolicySet::alike`] cannot tell
    /// from it.
    ///
    /// [`PolicySet::alike`]: crate::PolicySet::alike
    pub decided_as: String,
    /// Ids of what it is a field of, from the column down; a forbid on one of them is a forbid on it.
    pub above: Vec<String>,
    /// Masks bound to it and, if it is a field, to what it is a field of.
    pub masks: Vec<MaskFacts>,
}

/// A mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskFacts {
    /// Id of the mask.
    pub id: String,
    /// Steps from the column up to what bears the mask: 0 is the column itself, 1 the struct around it.
    pub distance: u32,
    /// Its rank; of the nearest permitted ones the lowest applies.
    pub rank: i64,
}

/// A data filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterFacts {
    /// Id of the filter.
    pub id: String,
    /// Restrictive filters need no grant and bind everybody who may not bypass them.
    pub restrictive: bool,
    /// The columns that a permissive filter opens on its rows.
    pub columns: FilterScope,
}

/// The columns of a filter, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterScope {
    /// Every column.
    All,
    /// These columns.
    Include(Vec<String>),
    /// Every column but these.
    Except(Vec<String>),
}

impl FilterScope {
    /// Whether a column is in the scope.
    pub fn contains(&self, column: &str) -> bool {
        match self {
            Self::All => true,
            Self::Include(ids) => ids.iter().any(|id| id == column),
            Self::Except(ids) => ids.iter().all(|id| id != column),
        }
    }
}
