//! Are declared partitions right? The list of a table is the whole list.

use std::sync::Arc;

use chrono::Utc;
use lakegate_catalog::{
    id::ObjectId,
    object::{LOCAL_LAKE, Stored},
    relation::{Column, Partition},
};
use serde_json::Value;

use super::sources::location_is_name;
use crate::lake::{
    draft::{Draft, Writer},
    entry::partition_name,
    model::{Entry, PartitionsEntry, TableEntry},
};

/// The declared list replaces what is stored.
pub(super) fn declared(draft: &mut Draft, entry: &Entry<TableEntry>, table: &ObjectId, columns: &[Column]) {
    let Some(PartitionsEntry::List(list)) = &entry.body.partitions else {
        return;
    };
    let columns: Vec<&Column> = columns.iter().collect();
    let known = draft.partitions.get(table).cloned().unwrap_or_default();
    let mut wanted: Vec<Arc<Stored<Partition>>> = Vec::new();
    for partition in list {
        let place = entry.at(&["partitions"]).clone();
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        if partition.values.len() != columns.len() || !names.iter().all(|name| partition.values.contains_key(*name)) {
            let message = format!(
                "a partition of `{}` must have one value for each of `{}`",
                entry.name,
                names.join("`, `")
            );
            draft.invalid(&place, message, "write `values: {column: value}`");
            continue;
        }
        location_is_name(draft, &partition.location, &place);
        let value = |name: &&str| partition.values.get(*name).and_then(Value::as_str).map(str::to_owned);
        let values: Vec<Option<String>> = names.iter().map(value).collect();
        let name = partition_name(&columns, &values);
        if wanted.iter().any(|other| other.name == name) {
            draft.invalid(
                &place,
                format!("partition `{name}` of `{}` stands twice", entry.name),
                "keep one of the two",
            );
            continue;
        }
        let stored = known.iter().find(|known| known.name == name);
        let body = Partition {
            values,
            location: partition.location.clone(),
        };
        let lake = match &draft.writer {
            Writer::Lake(lake) => lake.clone(),
            Writer::Api | Writer::Builtin => LOCAL_LAKE.to_owned(),
        };
        wanted.push(Arc::new(Stored {
            id: stored.map_or_else(ObjectId::new, |known| known.id.clone()),
            parent: Some(table.clone()),
            name,
            version: stored.map_or(0, |known| known.version),
            lake: stored.map_or(lake, |known| known.lake.clone()),
            created_at: stored.map_or_else(Utc::now, |known| known.created_at),
            updated_at: stored.map_or_else(Utc::now, |known| known.updated_at),
            body,
        }));
    }
    wanted.sort_by(|left, right| left.name.cmp(&right.name));
    draft.partitions.insert(table.clone(), wanted);
}
