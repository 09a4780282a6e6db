//! Which governed objects does the catalog keep? Tag keys, data filters, column masks and policy texts.

use serde::{Deserialize, Serialize};

use crate::{
    id::ObjectId,
    object::{Kind, Noun},
};

/// Body of a tag key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TagKey {
    /// Allowed values; empty: any. From least to most restrictive if `ordered`.
    #[serde(default)]
    pub values: Vec<String>,
    #[serde(default)]
    pub ordered: bool,
}

/// Which columns a data filter opens. Paths are dotted (`addr.zip`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FilterColumns {
    #[default]
    All,
    /// Column ids.
    Include(Vec<ObjectId>),
    /// Column ids; columns added later are not covered until the filter is published again.
    Except(Vec<ObjectId>),
}

impl FilterColumns {
    /// The columns and fields that the list names, to open them or to leave them out.
    #[must_use]
    pub fn named(&self) -> &[ObjectId] {
        match self {
            Self::All => &[],
            Self::Include(ids) | Self::Except(ids) => ids,
        }
    }

    /// The columns that the list means in a relation with these columns. Of an excepted field its column stays: the list
    /// itself says which field is left out.
    #[must_use]
    pub fn meant<'a>(&self, columns: impl IntoIterator<Item = &'a ObjectId>) -> Vec<ObjectId> {
        match self {
            Self::Include(ids) => ids.clone(),
            Self::All | Self::Except(_) => {
                let open = columns.into_iter().filter(|id| !self.named().contains(id));
                open.cloned().collect()
            }
        }
    }

    /// What the list leaves out again.
    #[must_use]
    pub fn excepted(&self) -> &[ObjectId] {
        match self {
            Self::Except(ids) => ids,
            Self::All | Self::Include(_) => &[],
        }
    }
}

/// The language of a data filter's body.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FilterLanguage {
    /// The subset of governance.md §4.1.
    #[default]
    Sql,
    /// A Cedar condition over a `Row`, governance.md §4.2.
    Cedar,
}

impl FilterLanguage {
    /// As policies read it: the attribute `body` of a `DataFilter`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Cedar => "cedar",
        }
    }

    fn is_sql(&self) -> bool {
        *self == Self::Sql
    }
}

/// Body of a data filter; its parent is a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataFilter {
    /// As written.
    #[serde(rename = "where")]
    pub body: String,
    #[serde(default, skip_serializing_if = "FilterLanguage::is_sql")]
    pub language: FilterLanguage,
    /// A Cedar body with object ids in place of names; none for SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<String>,
    #[serde(default)]
    pub columns: FilterColumns,
    /// Binds everybody who has no `BypassFilter` on it; needs no grant.
    #[serde(default)]
    pub restrictive: bool,
    /// Ids of the columns that the body reads, bound at publication: a renamed column stays bound, a dropped one denies.
    pub reads: Vec<BoundColumn>,
    /// Ids of the columns that `columns` meant at publication: one that appears later is opened by nothing but a new
    /// publication (governance.md §3).
    pub covers: Vec<ObjectId>,
    /// The mappings (`IN (SELECT …)`) of the body, in its order, bound at publication.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mappings: Vec<BoundMapping>,
    /// Id of the user with whose rights the mappings are read; `None` without mappings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<ObjectId>,
}

impl DataFilter {
    /// Whether the filter reads or lists the column or a field of it.
    #[must_use]
    pub fn uses(&self, column: &ObjectId) -> bool {
        let mapped = self.mappings.iter().flat_map(|mapping| &mapping.reads);
        let reads = self.reads.iter().chain(mapped).map(|read| &read.id);
        self.columns.named().iter().chain(reads).any(|id| id.is_within(column))
    }
}

/// A mapping in a body, bound at publication to its table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoundMapping {
    /// Catalog, database and table as written in the body, in lower case.
    pub name: [String; 3],
    pub table: ObjectId,
    /// The column that gives the values, and those that the mapping's condition reads.
    pub reads: Vec<BoundColumn>,
}

/// A column name in a body, bound at publication to its object id and type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoundColumn {
    /// As written in the body, in lower case.
    pub name: String,
    pub id: ObjectId,
    /// Trino spelling at publication; a different type later denies.
    #[serde(rename = "type")]
    pub data_type: String,
}

/// Body of a column mask; its parent is the **column id**.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnMask {
    /// Id of the table that has the column.
    pub table: ObjectId,
    /// Name after Iceberg's `ReadRestrictions`: `show-last-4`, `mask-alphanum`, …
    pub func: String,
    /// Among the permitted masks of a column the lowest rank applies; unique per column.
    pub rank: i64,
    /// Name of the hash domain that columns share; `None`: the column is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
}

/// Body of a policy: its name is its `@id`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// One Cedar statement with names, as written.
    pub text: String,
    /// The same statement with object ids in place of names.
    pub resolved: String,
}

impl Noun for TagKey {
    const KIND: Kind = Kind::Tag;
}
impl Noun for DataFilter {
    const KIND: Kind = Kind::DataFilter;
}
impl Noun for ColumnMask {
    const KIND: Kind = Kind::ColumnMask;
}
impl Noun for Policy {
    const KIND: Kind = Kind::Policy;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ObjectId {
        ObjectId::from_stored(text)
    }

    #[test]
    fn a_filter_uses_what_it_reads_and_lists_fields_included() {
        let filter = DataFilter {
            body: "a = 1".to_owned(),
            language: FilterLanguage::Sql,
            resolved: None,
            columns: FilterColumns::Except(vec![id("addr.zip")]),
            restrictive: false,
            reads: vec![BoundColumn {
                name: "a".to_owned(),
                id: id("a"),
                data_type: "int".to_owned(),
            }],
            covers: Vec::new(),
            mappings: Vec::new(),
            publisher: None,
        };
        let used: Vec<bool> = ["a", "addr", "addr.zip", "add", "b"]
            .map(|column| filter.uses(&id(column)))
            .into();
        assert_eq!(used, [true, true, true, false, false]);
    }

    #[test]
    fn a_list_means_the_columns_of_its_publication() {
        let columns = [id("a"), id("addr"), id("b")];
        let meant = |list: FilterColumns| list.meant(&columns);
        assert_eq!(meant(FilterColumns::All), columns);
        assert_eq!(meant(FilterColumns::Include(vec![id("addr.zip")])), [id("addr.zip")]);
        let except = FilterColumns::Except(vec![id("b"), id("addr.zip")]);
        assert_eq!(except.excepted(), [id("b"), id("addr.zip")]);
        assert_eq!(meant(except), [id("a"), id("addr")]);
    }
}
