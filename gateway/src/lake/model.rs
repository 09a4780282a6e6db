//! What does a lake say? Typed entries, the same for files, REST bodies and the export.
//!
//! Two entries are equal if they mean the same: sets are sorted, types respelled, defaults left out.

mod connection;
mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use lakegate_catalog::object::Kind;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use self::{
    connection::{CallerCredentialEntry, ConnectionEntry, EVERYONE},
    view::{InvokerWord, SecurityEntry, ViewColumnEntry, ViewEntry},
};
use super::{entry::unquoted, node::Node, problem::Place};

/// Entry of a catalog.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CatalogEntry {
    pub connection: String,
    #[serde(skip_serializing_if = "is_false")]
    pub default: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub discover: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// Entry of a database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DatabaseEntry {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// A column of a table entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnEntry {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub nullable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// `columns:` of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ColumnsEntry {
    /// The word `infer`.
    Infer(InferWord),
    List(Vec<ColumnEntry>),
}

/// The word `infer`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum InferWord {
    #[serde(rename = "infer")]
    Infer,
}

/// `partitions:` of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PartitionsEntry {
    Mode(PartitionWord),
    List(Vec<PartitionEntry>),
}

/// A mode of partitions without a list.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartitionWord {
    Hive,
    /// Stored ones; the entry leaves them alone.
    Declared,
    /// By the rules in the options.
    Projection,
}

/// One declared partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartitionEntry {
    pub values: BTreeMap<String, Value>,
    pub location: String,
}

/// Entry of a table; its filters and masks are entries of their own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TableEntry {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<ColumnsEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partitioned_by: Vec<ColumnEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<PartitionsEntry>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absent_policy_columns: Option<String>,
}

/// Entry of a data filter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilterEntry {
    /// SQL; empty if the body is in Cedar.
    #[serde(rename = "where", skip_serializing_if = "String::is_empty")]
    pub condition: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cedar: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub except: Option<Vec<String>>,
    #[serde(skip_serializing_if = "is_false")]
    pub restrictive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
}

/// Entry of a column mask.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MaskEntry {
    pub func: String,
    pub rank: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
}

/// Entry of a tag key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TagEntry {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub ordered: bool,
}

/// Entry of a role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoleEntry {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub member_of: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// Entry of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserEntry {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    pub kind: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub clearance: i64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
}

impl Default for UserEntry {
    fn default() -> Self {
        Self {
            roles: Vec::new(),
            kind: "human".to_owned(),
            clearance: 0,
            attributes: BTreeMap::new(),
            subjects: Vec::new(),
        }
    }
}

/// Entry of `grants`; each privilege is a grant of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GrantEntry {
    pub to: String,
    pub privileges: Vec<String>,
    pub resource: String,
    #[serde(skip_serializing_if = "is_false")]
    pub with_grant_option: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<DateTime<Utc>>,
}

/// Entry of a workgroup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkgroupEntry {
    pub concurrency: u32,
    pub queue: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_scanned_bytes_per_query: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_per_tb: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub disabled: bool,
}

impl Default for WorkgroupEntry {
    fn default() -> Self {
        Self {
            concurrency: 20,
            queue: 200,
            max_scanned_bytes_per_query: None,
            price_per_tb: None,
            disabled: false,
        }
    }
}

/// Entry of an API key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyEntry {
    pub user: String,
    /// Reference; absent for keys that the server made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<DateTime<Utc>>,
}

/// Entry of a policy: one Cedar statement with names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyEntry {
    pub text: String,
}

/// An entry, with its name and every place in it.
#[derive(Clone, Debug)]
pub struct Entry<E> {
    /// As the lake writes it; dotted for what lies below something.
    pub name: String,
    /// Where the entry's name stands.
    pub place: Place,
    /// For the places of members.
    pub node: Node,
    pub body: E,
}

impl<E> Entry<E> {
    /// The place of a member (keys and list positions), or the nearest place around it.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> &Place {
        let place = self.node.place_at(path);
        if path.is_empty() || place == &self.node.place {
            &self.place
        } else {
            place
        }
    }
}

/// A filter with the table that it belongs to.
#[derive(Clone, Debug)]
pub struct FilterOf {
    /// Dotted name of the table.
    pub table: String,
    pub filter: Entry<FilterEntry>,
}

/// A mask with the column that it belongs to.
#[derive(Clone, Debug)]
pub struct MaskOf {
    /// Dotted name of the table.
    pub table: String,
    /// Dotted path of the column within the table.
    pub column: String,
    pub mask: Entry<MaskEntry>,
}

/// Everything that the inputs say, merged.
#[derive(Clone, Debug, Default)]
pub struct Lake {
    /// Who owns the entries.
    pub name: Option<(String, Place)>,
    /// A text is no YAML: what it declares is not known.
    pub unread: bool,
    /// Kind and name (in lower case) of all that the inputs declare, readable or not: what refers to a broken entry is not
    /// wrong as well.
    pub declared: BTreeSet<(Kind, String)>,
    /// Where each name (in lower case) stands first.
    pub first: HashMap<(Kind, String), Place>,
    pub connections: Vec<Entry<ConnectionEntry>>,
    pub catalogs: Vec<Entry<CatalogEntry>>,
    pub databases: Vec<Entry<DatabaseEntry>>,
    pub tables: Vec<Entry<TableEntry>>,
    pub views: Vec<Entry<ViewEntry>>,
    pub filters: Vec<FilterOf>,
    pub masks: Vec<MaskOf>,
    pub tags: Vec<Entry<TagEntry>>,
    pub roles: Vec<Entry<RoleEntry>>,
    pub users: Vec<Entry<UserEntry>>,
    pub grants: Vec<Entry<GrantEntry>>,
    pub workgroups: Vec<Entry<WorkgroupEntry>>,
    pub keys: Vec<Entry<KeyEntry>>,
    pub policies: Vec<Entry<PolicyEntry>>,
}

/// An entry's body. [`Canonical::canonical`] makes equal what means the same.
pub trait Canonical: Clone + PartialEq + Serialize + DeserializeOwned {
    /// Sorts sets, respells types and folds names.
    fn canonical(&mut self) {}
}

impl Canonical for CatalogEntry {
    fn canonical(&mut self) {
        self.connection = unquoted(&self.connection).to_lowercase();
    }
}

impl Canonical for DatabaseEntry {
    fn canonical(&mut self) {
        owner(&mut self.owner);
    }
}

impl Canonical for TableEntry {
    fn canonical(&mut self) {
        owner(&mut self.owner);
        if let Some(ColumnsEntry::List(columns)) = &mut self.columns {
            columns.iter_mut().for_each(column);
        }
        self.partitioned_by.iter_mut().for_each(column);
        self.options.retain(|_, value| !value.is_null());
        if self.absent_policy_columns.as_deref() == Some("deny") {
            self.absent_policy_columns = None;
        }
        if let Some(PartitionsEntry::List(list)) = &mut self.partitions {
            for partition in list.iter_mut() {
                let values = std::mem::take(&mut partition.values);
                partition.values = values
                    .into_iter()
                    .map(|(name, value)| (name.to_lowercase(), text_value(value)))
                    .collect();
            }
            list.sort_by_key(|partition| format!("{:?}", partition.values));
        }
    }
}

impl Canonical for FilterEntry {
    fn canonical(&mut self) {
        for names in [&mut self.columns, &mut self.except].into_iter().flatten() {
            set(names);
        }
    }
}

impl Canonical for MaskEntry {}
impl Canonical for TagEntry {}
impl Canonical for PolicyEntry {}

impl Canonical for WorkgroupEntry {}

impl Canonical for RoleEntry {
    fn canonical(&mut self) {
        names(&mut self.member_of);
    }
}

impl Canonical for UserEntry {
    fn canonical(&mut self) {
        names(&mut self.roles);
        self.subjects.sort();
        self.subjects.dedup();
        for values in self.attributes.values_mut() {
            values.sort();
            values.dedup();
        }
    }
}

impl Canonical for GrantEntry {
    fn canonical(&mut self) {
        set(&mut self.privileges);
    }
}

impl Canonical for KeyEntry {
    fn canonical(&mut self) {
        self.user = unquoted(&self.user).to_lowercase();
    }
}

/// Names of things that nothing is above.
fn names(names: &mut Vec<String>) {
    names.iter_mut().for_each(|name| *name = unquoted(name));
    set(names);
}

fn set(names: &mut Vec<String>) {
    names.iter_mut().for_each(|name| *name = name.to_lowercase());
    names.sort();
    names.dedup();
}

fn owner(owner: &mut Option<String>) {
    if let Some(name) = owner {
        let role = name
            .strip_prefix("role:")
            .map(|role| format!("role:{}", unquoted(role)));
        *name = role.unwrap_or_else(|| name.clone()).to_lowercase();
    }
    if owner.as_deref() == Some("role:admin") {
        *owner = None;
    }
}

fn column(column: &mut ColumnEntry) {
    column.name = column.name.to_lowercase();
    if let Ok(data_type) = lakegate_query::type_name::parse_type(&column.data_type) {
        column.data_type = lakegate_query::type_name::type_text(&data_type);
    }
}

/// Partition values are text or NULL.
fn text_value(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::String(number.to_string()),
        Value::Bool(flag) => Value::String(flag.to_string()),
        other => other,
    }
}

fn yes() -> bool {
    true
}

fn is_true(flag: &bool) -> bool {
    *flag
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}
