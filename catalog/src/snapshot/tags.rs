//! Which tags hold for an object? The nearest value of each key on Catalog → Database → Table or View → Column → mask.

use std::collections::BTreeMap;

use crate::{
    id::ObjectId,
    snapshot::{ColumnSlot, Snapshot},
};

/// Tag key → value.
pub type Tags = BTreeMap<String, String>;

impl Snapshot {
    /// Tags of a catalog; none if there is no such catalog. (So for all of these.)
    #[must_use]
    pub fn effective_tags_of_catalog(&self, id: &ObjectId) -> Tags {
        self.catalog(id)
            .map(|catalog| catalog.body.tags.clone())
            .unwrap_or_default()
    }

    /// Tags of a database.
    #[must_use]
    pub fn effective_tags_of_database(&self, id: &ObjectId) -> Tags {
        self.database(id)
            .map(|database| {
                below(
                    database.parent.as_ref(),
                    |id| self.effective_tags_of_catalog(id),
                    &database.body.tags,
                )
            })
            .unwrap_or_default()
    }

    /// Tags of a table (or view: ids are unique across both).
    #[must_use]
    pub fn effective_tags_of_table(&self, id: &ObjectId) -> Tags {
        match self.table(id) {
            Some(table) => below(
                table.parent.as_ref(),
                |id| self.effective_tags_of_database(id),
                &table.body.tags,
            ),
            None => self.effective_tags_of_view(id),
        }
    }

    /// Tags of a view.
    #[must_use]
    pub fn effective_tags_of_view(&self, id: &ObjectId) -> Tags {
        self.view(id)
            .map(|view| {
                below(
                    view.parent.as_ref(),
                    |id| self.effective_tags_of_database(id),
                    &view.body.tags,
                )
            })
            .unwrap_or_default()
    }

    /// Tags of a column of a table, or of a view (see `lineage`); a struct field has those of its column.
    #[must_use]
    pub fn effective_tags_of_column(&self, id: &ObjectId) -> Tags {
        let Some(slot) = self.column_slot(id) else {
            return Tags::new();
        };
        match slot {
            ColumnSlot::Table(table, _) => {
                let relation = self.tables.get(table).map(|table| &table.id);
                self.column_at(slot)
                    .map(|column| below(relation, |id| self.effective_tags_of_table(id), &column.tags))
                    .unwrap_or_default()
            }
            ColumnSlot::View(view, column) => self
                .views
                .get(view)
                .map(|view| self.tags_of_view_column(view, column))
                .unwrap_or_default(),
        }
    }

    /// Tags of a column mask: those of its column.
    #[must_use]
    pub fn effective_tags_of_mask(&self, id: &ObjectId) -> Tags {
        self.column_mask(id)
            .and_then(|mask| mask.parent.as_ref())
            .map(|column| self.effective_tags_of_column(column))
            .unwrap_or_default()
    }

    /// Tags of a data filter: those of its table or view.
    #[must_use]
    pub fn effective_tags_of_filter(&self, id: &ObjectId) -> Tags {
        self.data_filter(id)
            .and_then(|filter| filter.parent.as_ref())
            .map(|table| self.effective_tags_of_table(table))
            .unwrap_or_default()
    }
}

/// What the parent has, overridden by what the object itself has.
fn below(parent: Option<&ObjectId>, inherited: impl Fn(&ObjectId) -> Tags, own: &Tags) -> Tags {
    let mut tags = parent.map(inherited).unwrap_or_default();
    tags.extend(own.iter().map(|(key, value)| (key.clone(), value.clone())));
    tags
}
