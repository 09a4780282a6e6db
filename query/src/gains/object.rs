//! On which objects are privileges compared, and what contains each?

use std::{collections::BTreeSet, sync::Arc};

use lakegate_catalog::{
    id::ObjectId,
    object::{Kind, Stored},
    relation::Table,
    snapshot::Snapshot,
};
use lakegate_policy::reach;

use super::{
    Comparison, Sides,
    effect::Affected,
    person::Person,
    touched::{TENANT, in_force, key},
};
use crate::{authorize::leaves, entities::ObjectRef};

/// Something that privileges are held on.
pub(super) struct Object {
    pub affected: Affected,
    pub target: Target,
    /// Its own key, then those of all that contain it.
    pub lineage: Vec<String>,
    /// It was there before.
    pub known: bool,
    /// Rows and columns are not told of it here, but with its table.
    pub of_table: bool,
}

/// What is asked for.
pub(super) enum Target {
    One(ObjectRef),
    /// A query of one's own in a workgroup, by its id.
    Own(String),
}

impl Target {
    pub(super) fn reference(&self, person: &Person) -> ObjectRef {
        match self {
            Self::One(object) => object.clone(),
            Self::Own(workgroup) => {
                ObjectRef::query(&format!("a query of {}", person.id), workgroup, person.id.as_str())
            }
        }
    }
}

/// The word of lake files for a Cedar type.
pub(super) fn word(entity: &str) -> &'static str {
    match entity {
        "Column" => "column",
        "ColumnMask" => "mask",
        "DataFilter" => "filter",
        "DataLocation" => "location",
        "PolicyStore" => "policy-store",
        "TagKey" => "tag",
        "Tenant" => "tenant",
        "Query" => "queries",
        _ => Kind::ALL
            .into_iter()
            .find(|kind| kind.entity_type() == Some(entity))
            .map_or("object", Kind::word),
    }
}

fn affected(snapshot: &Snapshot, entity: &str, id: &str) -> Affected {
    let name = snapshot.name_of(entity, id).unwrap_or_else(|| id.to_owned());
    Affected {
        name: format!("{}:{name}", word(entity)),
        entity_type: entity.to_owned(),
        id: id.to_owned(),
    }
}

/// Everything but tables and views, each as a group of its own; only what the change can touch. Containers come first.
pub(super) fn containers(comparison: &Comparison<'_>) -> Vec<Vec<Object>> {
    let after = comparison.after.snapshot;
    let mut all = vec![
        one(comparison, "Tenant", "default", &[]),
        one(comparison, "PolicyStore", "default", &[]),
    ];
    for connection in &after.connections {
        all.push(one(comparison, "Connection", connection.id.as_str(), &[]));
    }
    all.extend(locations(comparison));
    for catalog in &after.catalogs {
        all.push(one(comparison, "Catalog", catalog.id.as_str(), &[]));
    }
    for database in &after.databases {
        let above = above(after, Some(&database.id));
        all.push(one(comparison, "Database", database.id.as_str(), &above));
    }
    for tag in &after.tags {
        all.push(one(comparison, "TagKey", tag.id.as_str(), &[]));
    }
    for role in &after.roles {
        all.push(one(comparison, "Role", role.id.as_str(), &[]));
    }
    // One user stands for all that no policy tells apart.
    for person in comparison.people.iter().filter(|person| person.is_stored()) {
        all.push(one(comparison, "User", person.id.as_str(), &[]));
    }
    for group in &after.workgroups {
        all.push(one(comparison, "Workgroup", group.id.as_str(), &[]));
        all.extend(queries(comparison, &group.id));
    }
    let touched = |object: &Object| {
        let selection = comparison.touched.selection(&object.lineage);
        !selection.people.is_empty()
    };
    all.into_iter().filter(touched).map(|object| vec![object]).collect()
}

fn one(comparison: &Comparison<'_>, entity: &str, id: &str, above: &[String]) -> Object {
    let mut lineage = vec![key(entity, id)];
    lineage.extend_from_slice(above);
    // Whatever a policy without an object means stands below the tenant.
    lineage.push(TENANT.to_owned());
    lineage.dedup();
    Object {
        affected: affected(comparison.after.snapshot, entity, id),
        target: Target::One(ObjectRef::new(entity, id)),
        lineage,
        known: comparison.before.snapshot.name_of(entity, id).is_some(),
        of_table: false,
    }
}

/// Database, catalog and connection that contain something.
fn above(snapshot: &Snapshot, database: Option<&ObjectId>) -> Vec<String> {
    let Some(database) = database.and_then(|id| snapshot.database(id)) else {
        return Vec::new();
    };
    let mut found = vec![key("Database", database.id.as_str())];
    if let Some(catalog) = database.parent.as_ref().and_then(|id| snapshot.catalog(id)) {
        found.push(key("Catalog", catalog.id.as_str()));
        found.push(key("Connection", catalog.body.connection.as_str()));
    }
    found
}

/// Queries of a workgroup: one's own, and those of somebody else.
fn queries(comparison: &Comparison<'_>, workgroup: &ObjectId) -> Vec<Object> {
    let id = workgroup.as_str();
    let object = |what: &str, target: Target| {
        let mut object = one(comparison, "Workgroup", id, &[]);
        object.affected.name = format!("{what} in {}", object.affected.name);
        object.affected.entity_type = "Query".to_owned();
        object.target = target;
        object
    };
    vec![
        object("own queries", Target::Own(id.to_owned())),
        object(
            "queries of others",
            Target::One(ObjectRef::query("a query of somebody", id, "somebody")),
        ),
    ]
}

/// Data locations that policies or grants name, and one that none names, of each connection.
fn locations(comparison: &Comparison<'_>) -> Vec<Object> {
    let mut named: BTreeSet<String> = BTreeSet::from([String::new()]);
    for snapshot in [comparison.before.snapshot, comparison.after.snapshot] {
        let scopes = in_force(snapshot).into_values().filter_map(|text| reach(&text).within);
        let scopes = scopes.filter(|uid| uid.type_name().basename() == "DataLocation");
        named.extend(scopes.map(|uid| uid.id().unescaped().to_owned()));
        let objects = snapshot.grants.iter().map(|grant| &grant.body.object);
        let objects = objects.filter(|object| object.entity_type == "DataLocation");
        named.extend(objects.map(|object| object.id.to_string()));
    }
    let mut found = Vec::new();
    for connection in &comparison.after.snapshot.connections {
        for location in &named {
            let id = connection.id.as_str();
            let mut object = one(comparison, "Connection", id, &[]);
            object.lineage.insert(0, key("DataLocation", location));
            object.affected.name = if location.is_empty() {
                format!("locations of {}", object.affected.name)
            } else {
                format!("location:{location}")
            };
            object.affected.entity_type = "DataLocation".to_owned();
            object.target = Target::One(ObjectRef::location(location, id));
            found.push(object);
        }
    }
    found
}

/// A table or view, its columns, filters and masks, the relation first; nothing if it is on no side.
pub(super) fn of_relation(comparison: &Comparison<'_>, (old, new): Sides<'_>) -> Option<Vec<Object>> {
    let (before, after) = (comparison.before.snapshot, comparison.after.snapshot);
    let path = new.or(old)?;
    let id = path.table.id.as_str();
    let mut containers = above(after, path.table.parent.as_ref());
    containers.extend(above(before, path.table.parent.as_ref()));
    let mut first = one(comparison, path.entity_type(), id, &containers);
    first.of_table = true;
    if new.is_none() {
        first.affected = affected(before, path.entity_type(), id);
    }
    let above: Vec<String> = first.lineage.clone();
    let mut group = vec![first];
    let mut seen = BTreeSet::new();
    for (snapshot, path) in [(after, new), (before, old)] {
        let Some(path) = path else { continue };
        for (entity, id) in parts(snapshot, &path.table) {
            if seen.insert(id.clone()) {
                let mut object = one(comparison, entity, id.as_str(), &above);
                object.of_table = true;
                group.push(object);
            }
        }
    }
    Some(group)
}

/// Columns with their fields, filters and masks.
fn parts(snapshot: &Snapshot, table: &Stored<Table>) -> Vec<(&'static str, ObjectId)> {
    let leaves = leaves(table);
    let columns: BTreeSet<ObjectId> = leaves.iter().flat_map(|leaf| leaf.lineage().to_vec()).collect();
    let filters = snapshot
        .filters_of(&table.id)
        .into_iter()
        .map(|filter| filter.id.clone());
    let masks = columns.iter().flat_map(|column| snapshot.masks_of(column));
    let masks: Vec<ObjectId> = masks.map(|mask| Arc::clone(mask).id.clone()).collect();
    let mut parts: Vec<(&'static str, ObjectId)> = filters.map(|id| ("DataFilter", id)).collect();
    parts.extend(masks.into_iter().map(|id| ("ColumnMask", id)));
    parts.extend(columns.into_iter().map(|id| ("Column", id)));
    parts
}
