//! Where in a snapshot does a name or an id stand? Builds the look-up tables.

use std::{collections::HashMap, sync::Arc};

use crate::{
    id::ObjectId,
    object::Stored,
    snapshot::{ColumnSlot, Snapshot, SnapshotIndex},
};

impl Snapshot {
    /// Sorts the vectors by lower-case name and id, and builds the look-up tables.
    #[must_use]
    pub fn indexed(mut self) -> Self {
        sort(&mut self.connections);
        sort(&mut self.catalogs);
        sort(&mut self.databases);
        sort(&mut self.tables);
        sort(&mut self.views);
        sort(&mut self.tags);
        sort(&mut self.data_filters);
        sort(&mut self.column_masks);
        sort(&mut self.policies);
        sort(&mut self.roles);
        sort(&mut self.users);
        sort(&mut self.grants);
        sort(&mut self.workgroups);
        sort(&mut self.keys);
        self.index = SnapshotIndex::of(&self);
        self
    }
}

impl SnapshotIndex {
    fn of(snapshot: &Snapshot) -> Self {
        let mut index = Self::default();
        index.containers(snapshot);
        index.relations(snapshot);
        index.governance(snapshot);
        index.identities(snapshot);
        index
    }

    fn containers(&mut self, snapshot: &Snapshot) {
        self.connection_by_id = by_id(&snapshot.connections);
        self.connection_by_name = by_name(&snapshot.connections);
        self.catalog_by_id = by_id(&snapshot.catalogs);
        self.catalog_by_name = by_name(&snapshot.catalogs);
        self.default_catalog = snapshot.catalogs.iter().position(|catalog| catalog.body.default);
        self.database_by_id = by_id(&snapshot.databases);
        self.database_by_name = by_parent_and_name(&snapshot.databases, |_| true);
        self.databases_by_catalog = by_parent(&snapshot.databases, |_| true);
    }

    fn relations(&mut self, snapshot: &Snapshot) {
        self.table_by_id = by_id(&snapshot.tables);
        self.table_by_name = by_parent_and_name(&snapshot.tables, |table| !table.body.is_retired());
        self.tables_by_database = by_parent(&snapshot.tables, |table| !table.body.is_retired());
        self.view_by_id = by_id(&snapshot.views);
        self.view_by_name = by_parent_and_name(&snapshot.views, |_| true);
        self.views_by_database = by_parent(&snapshot.views, |_| true);
        for (at, table) in snapshot.tables.iter().enumerate() {
            for (column_at, column) in table.body.columns.iter().enumerate() {
                self.column_by_id
                    .insert(column.id.clone(), ColumnSlot::Table(at, column_at));
            }
        }
        for (at, view) in snapshot.views.iter().enumerate() {
            for (column_at, column) in view.body.columns.iter().enumerate() {
                self.column_by_id
                    .insert(column.id.clone(), ColumnSlot::View(at, column_at));
            }
        }
    }

    fn governance(&mut self, snapshot: &Snapshot) {
        self.filter_by_id = by_id(&snapshot.data_filters);
        self.filters_by_table = by_parent(&snapshot.data_filters, |_| true);
        self.mask_by_id = by_id(&snapshot.column_masks);
        self.masks_by_column = by_parent(&snapshot.column_masks, |_| true);
        for masks in self.masks_by_column.values_mut() {
            masks.sort_by_key(|at| snapshot.column_masks.get(*at).map(|mask| mask.body.rank));
        }
        self.tag_by_id = by_id(&snapshot.tags);
        self.tag_by_name = by_name(&snapshot.tags);
        self.policy_by_id = by_id(&snapshot.policies);
        self.policy_by_name = by_name(&snapshot.policies);
    }

    fn identities(&mut self, snapshot: &Snapshot) {
        self.role_by_id = by_id(&snapshot.roles);
        self.role_by_name = by_name(&snapshot.roles);
        self.user_by_id = by_id(&snapshot.users);
        self.user_by_name = by_name(&snapshot.users);
        for (at, user) in snapshot.users.iter().enumerate() {
            for subject in &user.body.subjects {
                self.user_by_subject.insert(subject.clone(), at);
            }
        }
        self.grant_by_id = by_id(&snapshot.grants);
        self.key_by_id = by_id(&snapshot.keys);
        self.key_by_name = by_name(&snapshot.keys);
        self.key_by_hmac = snapshot
            .keys
            .iter()
            .enumerate()
            .map(|(at, key)| (key.body.hmac.clone(), at))
            .collect();
        self.workgroup_by_id = by_id(&snapshot.workgroups);
        self.workgroup_by_name = by_name(&snapshot.workgroups);
    }
}

fn sort<B>(objects: &mut [Arc<Stored<B>>]) {
    objects.sort_by_cached_key(|object| (object.name.to_lowercase(), object.id.clone()));
}

fn by_id<B>(objects: &[Arc<Stored<B>>]) -> HashMap<ObjectId, usize> {
    objects
        .iter()
        .enumerate()
        .map(|(at, object)| (object.id.clone(), at))
        .collect()
}

fn by_name<B>(objects: &[Arc<Stored<B>>]) -> HashMap<String, usize> {
    objects
        .iter()
        .enumerate()
        .map(|(at, object)| (object.name.to_lowercase(), at))
        .collect()
}

fn by_parent_and_name<B>(
    objects: &[Arc<Stored<B>>],
    keep: fn(&Stored<B>) -> bool,
) -> HashMap<(ObjectId, String), usize> {
    objects
        .iter()
        .enumerate()
        .filter(|(_, object)| keep(object))
        .filter_map(|(at, object)| Some(((object.parent.clone()?, object.name.to_lowercase()), at)))
        .collect()
}

fn by_parent<B>(objects: &[Arc<Stored<B>>], keep: fn(&Stored<B>) -> bool) -> HashMap<ObjectId, Vec<usize>> {
    let mut index: HashMap<ObjectId, Vec<usize>> = HashMap::new();
    for (at, object) in objects.iter().enumerate().filter(|(_, object)| keep(object)) {
        if let Some(parent) = &object.parent {
            index.entry(parent.clone()).or_default().push(at);
        }
    }
    index
}
