//! How is one declared partition added or forgotten? By itself, so that two writers never lose each other's.
//!
//! A lake file names all partitions of a table at once; this is the only change of a stored object beside API keys that is
//! no entry of a lake.

use std::{collections::BTreeMap, sync::Arc};

use lakegate_catalog::{
    change::{Delete, Put},
    name::TableName,
    object::{Kind, LOCAL_LAKE, Stored},
    relation::{Column, Partition, PartitionMode},
    snapshot::TablePath,
};
use lakegate_openapi::table as wire;
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use super::{Desk, IfMatch, desk::missing};
use crate::{
    error::{ApiError, Result},
    lake::{entry::partition_name, overlap, shed},
};

impl Desk {
    /// Declares a partition.
    ///
    /// # Errors
    /// `ACCESS_DENIED`, `INVALID_REQUEST`, `ALREADY_EXISTS`.
    pub async fn add_partition(
        &self,
        table: &TableName,
        path: &TablePath,
        wish: wire::CreatePartition,
    ) -> Result<Arc<Stored<Partition>>> {
        self.require_location(table, path, &wish.location).await?;
        if path.table.body.partitions != PartitionMode::Declared {
            return Err(ApiError::invalid(format!(
                "the partitions of `{table}` are not declared"
            )));
        }
        let columns: Vec<&Column> = path
            .table
            .body
            .columns
            .iter()
            .filter(|column| column.partition)
            .collect();
        let values = values(&columns, wish.values)?;
        let name = partition_name(&columns, &values);
        let body = Partition {
            values,
            location: wish.location,
        };
        let put = Put::create(Some(&path.table.id), &name, LOCAL_LAKE, &body)?;
        let mut event = self.change_event("create", &format!("{}:{table}/{name}", Kind::Partition));
        event.resource_id = Some(put.id.to_string());
        let id = put.id.clone();
        self.commit(put, event).await?;
        let stored = self.app().store.partitions(&path.table.id).await?;
        stored
            .into_iter()
            .find(|partition| partition.id == id)
            .ok_or_else(|| missing(Kind::Partition, &format!("{table}/{name}")))
    }

    /// Forgets a partition.
    ///
    /// # Errors
    /// `NOT_FOUND`, `STALE_VERSION`, `ACCESS_DENIED`.
    pub async fn remove_partition(
        &self,
        table: &TableName,
        path: &TablePath,
        name: &str,
        if_match: &IfMatch,
    ) -> Result<()> {
        let what = format!("table:{table}");
        self.require(Action::Alter, &ObjectRef::new("Table", path.table.id.as_str()), &what)
            .await?;
        let stored = self.app().store.partitions(&path.table.id).await?;
        let found = stored.iter().find(|partition| partition.name == name);
        let found = found.ok_or_else(|| missing(Kind::Partition, &format!("{table}/{name}")))?;
        if_match.check(&format!("partition `{table}/{name}`"), found.version)?;
        let location = &found.body.location;
        if overlap::is_absolute(location) && shed::is_kept((self.governor(), self.caller()), &path.table) {
            let files = format!("location:{location}");
            return Err(self.denied(Action::ManagePolicy.name(), &files).await);
        }
        let mut event = self.change_event("delete", &format!("{}:{table}/{name}", Kind::Partition));
        event.resource_id = Some(found.id.to_string());
        self.commit_delete(Delete::of(found.as_ref()), event).await
    }

    /// `Alter` on the table, and `RegisterTable` on a location outside it, which holds no files of another table that the caller
    /// does not see whole.
    async fn require_location(&self, table: &TableName, path: &TablePath, location: &str) -> Result<()> {
        let what = format!("table:{table}");
        self.require(Action::Alter, &ObjectRef::new("Table", path.table.id.as_str()), &what)
            .await?;
        let climbs = location.split('/').any(|segment| matches!(segment, "." | ".."));
        if climbs || location.chars().any(char::is_control) {
            return Err(ApiError::invalid(
                "`location` must not hold `.` or `..`: name a folder below the table's, or an absolute one",
            ));
        }
        if overlap::is_absolute(location) {
            let object = ObjectRef::location(location, path.connection.id.as_str());
            self.require(Action::RegisterTable, &object, &format!("location:{location}"))
                .await?;
            if overlap::is_closed(&self.app().store, (self.governor(), self.caller()), path, location).await? {
                let files = format!("location:{location}");
                return Err(self.denied(Action::ManagePolicy.name(), &files).await);
            }
        }
        Ok(())
    }
}

/// One value for each partition column, in their order.
fn values(columns: &[&Column], given: BTreeMap<String, Option<String>>) -> Result<Vec<Option<String>>> {
    let mut given: BTreeMap<String, Option<String>> = given
        .into_iter()
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    let values: Option<Vec<_>> = columns.iter().map(|column| given.remove(&column.name)).collect();
    match values.filter(|_| given.is_empty()) {
        Some(values) => Ok(values),
        None => {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            Err(ApiError::invalid(format!(
                "`values` must have one value for each of `{}`",
                names.join("`, `")
            )))
        }
    }
}
