//! Which leaves, filters and masks of a table must be decided? Struct columns are decided field by field.

use datafusion::arrow::datatypes::{DataType, Fields};
use lakegate_catalog::{
    governance::{ColumnMask, DataFilter},
    id::ObjectId,
    object::Stored,
    relation::{Column, Table},
    snapshot::{Snapshot, TablePath},
};
use lakegate_policy::{
    AlikeFacts, ColumnFacts, ColumnKey, EntityUid, FilterFacts, FilterScope, MaskFacts, PolicyError, PolicySet,
    RelationFacts, resource,
};
use std::{collections::BTreeMap, sync::Arc};

use crate::{entities::Closure, type_name::parse_type};

/// A leaf of a table: a column, or a field below a struct column. Arrays and maps are leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct LeafFacts {
    /// Id of the column or field.
    pub id: ObjectId,
    /// Position of its column in the table.
    pub column: usize,
    /// Field names from the column down, as the type spells them; empty for a column that is a leaf.
    pub path: Vec<String>,
    /// Ids from the column to the leaf itself.
    lineage: Vec<ObjectId>,
}

impl LeafFacts {
    /// The masks that may apply, its own and those above, each with its distance: which of them are granted is decided
    /// later, and of those the nearest apply.
    pub(crate) fn masks<'a>(
        &'a self,
        snapshot: &'a Snapshot,
    ) -> impl Iterator<Item = (u32, &'a Arc<Stored<ColumnMask>>)> {
        (0..).zip(self.lineage.iter().rev()).flat_map(|(distance, id)| {
            let masks = snapshot.masks_of(id);
            masks.into_iter().map(move |mask| (distance, mask))
        })
    }

    /// Ids from the column to the leaf itself.
    pub(crate) fn lineage(&self) -> &[ObjectId] {
        &self.lineage
    }

    /// Ids of what it lies in, from the column down; empty for a column that is a leaf.
    pub(super) fn above(&self) -> &[ObjectId] {
        self.lineage.split_last().map_or(&[], |(_, above)| above)
    }

    fn is_among(&self, ids: &[ObjectId]) -> bool {
        self.lineage.iter().any(|above| ids.contains(above))
    }
}

/// The leaves of a table, in the order of its columns and fields; the order of `Access::columns`.
#[must_use]
pub fn leaves(table: &Stored<Table>) -> Vec<LeafFacts> {
    let mut found = Vec::new();
    for (at, column) in table.body.columns.iter().enumerate() {
        let members = match parse_type(&column.data_type) {
            Ok(DataType::Struct(members)) => members,
            _ => Fields::empty(),
        };
        below(&members, at, &[], std::slice::from_ref(&column.id), &mut found);
    }
    found
}

fn below(members: &Fields, column: usize, path: &[String], lineage: &[ObjectId], found: &mut Vec<LeafFacts>) {
    let (Some(root), Some(id)) = (lineage.first(), lineage.last()) else {
        return;
    };
    if members.is_empty() {
        found.push(LeafFacts {
            id: id.clone(),
            column,
            path: path.to_vec(),
            lineage: lineage.to_vec(),
        });
        return;
    }
    for member in members {
        let path: Vec<String> = path.iter().cloned().chain([member.name().clone()]).collect();
        let lineage: Vec<ObjectId> = lineage.iter().cloned().chain([root.field(&path)]).collect();
        let inner = match member.data_type() {
            DataType::Struct(inner) => inner.clone(),
            _ => Fields::empty(),
        };
        below(&inner, column, &path, &lineage, found);
    }
}

/// The facts of a table or view; its entities go into `closure`. Columns that these policies cannot tell apart are decided once.
pub(crate) fn gather(
    snapshot: &Snapshot,
    path: &TablePath,
    leaves: &[LeafFacts],
    closure: &mut Closure<'_>,
    policies: Option<&PolicySet>,
) -> Result<RelationFacts, PolicyError> {
    let table = &path.table;
    let relation = closure.relation(&table.id)?;
    let columns: &[Column] = &table.body.columns;
    let mut facts = Vec::with_capacity(leaves.len());
    let mut first: BTreeMap<ColumnKey, String> = BTreeMap::new();
    for leaf in leaves {
        let mut decided_as = leaf.id.as_str().to_owned();
        if let Some(column) = columns.get(leaf.column) {
            let key = policies.and_then(|policies| leaf_key(snapshot, policies, &relation, leaf, &table.body));
            if let Some(key) = key {
                decided_as = first.entry(key).or_insert(decided_as).clone();
            }
            // What is decided as another needs no entity of its own, but what it lies in is asked for, too.
            if decided_as == leaf.id.as_str() || !leaf.path.is_empty() {
                closure.column(&relation, column)?;
            }
            if decided_as == leaf.id.as_str() && !leaf.path.is_empty() {
                closure.field(&leaf.id, &column.id, column)?;
            }
        }
        let mut masks = Vec::new();
        for (distance, mask) in leaf.masks(snapshot) {
            closure.mask(&mask.id)?;
            masks.push(MaskFacts {
                id: mask.id.as_str().to_owned(),
                distance,
                rank: mask.body.rank,
            });
        }
        facts.push(ColumnFacts {
            id: leaf.id.as_str().to_owned(),
            decided_as,
            above: leaf.above().iter().map(|id| id.as_str().to_owned()).collect(),
            masks,
        });
    }
    let mut filters = Vec::new();
    for filter in snapshot.filters_of(&table.id) {
        closure.filter(&filter.id)?;
        filters.push(FilterFacts {
            id: filter.id.as_str().to_owned(),
            restrictive: filter.body.restrictive,
            columns: scope(&filter.body, leaves),
        });
    }
    Ok(RelationFacts {
        relation,
        columns: facts,
        filters,
    })
}

/// What policies can tell of a column or field, as [`Closure::column`] and [`Closure::field`] make its entity.
pub(crate) fn leaf_key(
    snapshot: &Snapshot,
    policies: &PolicySet,
    relation: &EntityUid,
    leaf: &LeafFacts,
    table: &Table,
) -> Option<ColumnKey> {
    let column = table.columns.get(leaf.column)?;
    let tags = snapshot.effective_tags_of_column(&column.id);
    let within = match leaf.lineage.iter().rev().nth(1) {
        Some(above) => resource::uid("Column", above.as_str()),
        None => relation.clone(),
    };
    let (name, data_type) = match leaf.path.as_slice() {
        [] => (column.name.clone(), column.data_type.as_str()),
        path => (format!("{}.{}", column.name, path.join(".")), ""),
    };
    let facts = AlikeFacts {
        tags: &tags,
        name: &name,
        data_type,
    };
    Some(policies.alike(&resource::uid("Column", leaf.id.as_str()), &within, &facts))
}

/// A listed column stands for its fields.
fn scope(filter: &DataFilter, leaves: &[LeafFacts]) -> FilterScope {
    // INVARIANT: what appeared after the publication is covered by no list, `except` and all included.
    let meant = |leaf: &&LeafFacts| leaf.is_among(&filter.covers) && !leaf.is_among(filter.columns.excepted());
    let ids = leaves.iter().filter(meant).map(|leaf| leaf.id.as_str().to_owned());
    FilterScope::Include(ids.collect())
}
