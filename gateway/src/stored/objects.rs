//! Which objects of a kind are there, and where do they stand in lists?

use std::sync::Arc;

use lakegate_catalog::{
    id::ObjectId,
    object::{Kind, Stored},
    snapshot::Snapshot,
};

use super::page::NamePlace;

/// Every object of a kind, hidden ones too.
pub(super) fn all(snapshot: &Snapshot, kind: Kind) -> Vec<(NamePlace, ObjectId)> {
    fn places<B>(objects: &[Arc<Stored<B>>]) -> Vec<(NamePlace, ObjectId)> {
        objects
            .iter()
            .map(|object| (place(&object.name, &object.id), object.id.clone()))
            .collect()
    }
    match kind {
        Kind::Connection => places(&snapshot.connections),
        Kind::Catalog => places(&snapshot.catalogs),
        Kind::Database => places(&snapshot.databases),
        Kind::Table => places(&snapshot.tables),
        Kind::View => places(&snapshot.views),
        Kind::Tag => places(&snapshot.tags),
        Kind::DataFilter => places(&snapshot.data_filters),
        Kind::ColumnMask => places(&snapshot.column_masks),
        Kind::Policy => places(&snapshot.policies),
        Kind::Role => places(&snapshot.roles),
        Kind::User => places(&snapshot.users),
        Kind::Grant => places(&snapshot.grants),
        Kind::Workgroup => places(&snapshot.workgroups),
        Kind::Key => places(&snapshot.keys),
        // Read per table.
        Kind::Partition => Vec::new(),
    }
}

/// The place of an object in lists.
pub(super) fn place(name: &str, id: &ObjectId) -> NamePlace {
    (name.to_lowercase(), id.to_string())
}
