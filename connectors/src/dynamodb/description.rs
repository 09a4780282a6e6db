//! What does the service say of a table? Its answer, and the table without its columns.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    error::garbled,
    kind::Kind,
    settings::Settings,
    table::{Index, Key, Table},
};
use crate::error::Result;

/// The answer to DescribeTable.
#[derive(Deserialize)]
pub(super) struct Described {
    #[serde(rename = "Table")]
    pub table: Description,
}

/// A table, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Description {
    pub table_name: String,
    pub table_id: Option<String>,
    pub creation_date_time: Option<f64>,
    pub table_status: Option<String>,
    key_schema: Vec<KeyPart>,
    attribute_definitions: Vec<Definition>,
    #[serde(default)]
    item_count: u64,
    #[serde(default)]
    table_size_bytes: u64,
    provisioned_throughput: Option<Throughput>,
    #[serde(default)]
    global_secondary_indexes: Vec<IndexDescription>,
    #[serde(default)]
    local_secondary_indexes: Vec<IndexDescription>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyPart {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Throughput {
    #[serde(default)]
    read_capacity_units: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IndexDescription {
    index_name: String,
    key_schema: Vec<KeyPart>,
    index_status: Option<String>,
    projection: Projection,
    provisioned_throughput: Option<Throughput>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Projection {
    projection_type: Option<String>,
    #[serde(default)]
    non_key_attributes: Vec<String>,
}

fn key(parts: &[KeyPart]) -> Result<Key> {
    let part = |kind: &str| {
        let found = parts.iter().find(|part| part.key_type == kind);
        found.map(|part| part.attribute_name.clone())
    };
    Ok(Key {
        hash: part("HASH").ok_or_else(|| garbled("a key without a hash attribute"))?,
        range: part("RANGE"),
    })
}

/// Units of zero are those of a table on demand.
fn units(throughput: Option<&Throughput>) -> Option<u64> {
    throughput
        .map(|throughput| throughput.read_capacity_units)
        .filter(|units| *units > 0)
}

/// Keys, indexes and sizes.
pub(super) fn without_columns(found: &Description, settings: &Settings) -> Result<Table> {
    let index = |described: &IndexDescription, local: bool| -> Result<Option<Index>> {
        let ready = local
            || described
                .index_status
                .as_deref()
                .is_none_or(|status| status == "ACTIVE");
        let projected = match described.projection.projection_type.as_deref() {
            Some("ALL") => None,
            Some("INCLUDE") => Some(described.projection.non_key_attributes.clone()),
            _ => Some(Vec::new()),
        };
        Ok(ready.then_some(Index {
            name: described.index_name.clone(),
            key: key(&described.key_schema)?,
            local,
            projected,
            units: units(described.provisioned_throughput.as_ref()),
        }))
    };
    let local = found
        .local_secondary_indexes
        .iter()
        .map(|described| index(described, true));
    let global = found
        .global_secondary_indexes
        .iter()
        .map(|described| index(described, false));
    let indexes = local.chain(global).collect::<Result<Vec<_>>>()?;
    Ok(Table {
        name: found.table_name.clone(),
        key: key(&found.key_schema)?,
        indexes: indexes.into_iter().flatten().collect(),
        columns: Vec::new(),
        items: found.item_count,
        bytes: found.table_size_bytes,
        units: units(found.provisioned_throughput.as_ref()),
        consistent: settings.consistent,
        lenient: settings.lenient,
    })
}

/// Types of the attributes of keys: `S`, `N` or `B`.
pub(super) type Types = BTreeMap<String, String>;

/// Those of a table and its indexes.
pub(super) fn types(found: &Description) -> Types {
    let definition = |one: &Definition| (one.attribute_name.clone(), one.attribute_type.clone());
    found.attribute_definitions.iter().map(definition).collect()
}

/// The attributes of the key, with what is known of them without any item.
pub(super) fn key_kinds(table: &Table, types: &Types) -> Vec<(String, Kind)> {
    let names = [Some(&table.key.hash), table.key.range.as_ref()];
    let kind = |name: &String| match types.get(name).map(String::as_str) {
        Some("N") => Kind::Integer,
        Some("B") => Kind::Binary,
        _ => Kind::Text,
    };
    names
        .into_iter()
        .flatten()
        .map(|name| (name.clone(), kind(name)))
        .collect()
}
