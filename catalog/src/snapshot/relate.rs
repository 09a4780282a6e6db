//! What belongs to what? Paths to relations and columns, what a container holds, who is in which role.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    governance::{ColumnMask, DataFilter},
    id::ObjectId,
    name::TableName,
    object::Stored,
    relation::{Catalog, Column, Database, Table, View},
    snapshot::{
        ColumnPath, ColumnSlot, Snapshot, TablePath, ViewPath,
        lookup::{all, at},
    },
};

/// Name and id of the built-in role that owns what has no owner.
pub const ADMIN_ROLE: &str = "admin";

/// What stands above a relation.
type Containers<'a> = (&'a Arc<Stored<Catalog>>, &'a Arc<Stored<Database>>);

impl Snapshot {
    /// The database of this name in the catalog of that name.
    #[must_use]
    pub fn find_database(&self, catalog: &str, database: &str) -> Option<&Arc<Stored<Database>>> {
        let catalog = self.find_catalog(catalog)?;
        at(
            &self.databases,
            self.index
                .database_by_name
                .get(&(catalog.id.clone(), database.to_lowercase())),
        )
    }

    /// The table of this name, unless it is retired.
    #[must_use]
    pub fn find_table(&self, name: &TableName) -> Option<TablePath> {
        let database = self.find_database(&name.catalog, &name.database)?;
        let key = (database.id.clone(), name.table.to_lowercase());
        self.path_of(at(&self.tables, self.index.table_by_name.get(&key))?)
    }

    /// The view of this name.
    #[must_use]
    pub fn find_view(&self, name: &TableName) -> Option<ViewPath> {
        let database = self.find_database(&name.catalog, &name.database)?;
        let key = (database.id.clone(), name.table.to_lowercase());
        self.path_of_view(at(&self.views, self.index.view_by_name.get(&key))?)
    }

    /// The table with this id, retired or not, and the path to it.
    #[must_use]
    pub fn table_path(&self, id: &ObjectId) -> Option<TablePath> {
        self.path_of(self.table(id)?)
    }

    /// The view with this id and the path to it.
    #[must_use]
    pub fn view_path(&self, id: &ObjectId) -> Option<ViewPath> {
        self.path_of_view(self.view(id)?)
    }

    /// The table or view of this name.
    #[must_use]
    pub fn find_relation(&self, name: &TableName) -> Option<TablePath> {
        self.find_table(name).or_else(|| {
            let found = self.find_view(name)?;
            self.relation_of_view(&found.view)
        })
    }

    /// The table (unless it is retired) or view with this id.
    #[must_use]
    pub fn relation_path(&self, id: &ObjectId) -> Option<TablePath> {
        match self.table_path(id) {
            Some(path) => Some(path).filter(|path| !path.table.body.is_retired()),
            None => self.relation_of_view(self.view(id)?),
        }
    }

    /// The tables (unless they are retired) and views of a database, by name.
    #[must_use]
    pub fn relations_of(&self, database: &ObjectId) -> Vec<TablePath> {
        let tables = self.tables_of(database).into_iter();
        let views = self.views_of(database).into_iter();
        let mut found: Vec<TablePath> = tables
            .filter_map(|table| self.path_of(table))
            .chain(views.filter_map(|view| self.relation_of_view(view)))
            .collect();
        found.sort_by(|left, right| left.table.name.cmp(&right.table.name));
        found
    }

    /// The table or view that has the column with this id, or the column of the field with this id, and the column.
    #[must_use]
    pub fn column_of_relation(&self, id: &ObjectId) -> Option<(&ObjectId, &Column)> {
        let slot = self.column_slot(id)?;
        let relation = match slot {
            ColumnSlot::Table(table, _) => &self.tables.get(table)?.id,
            ColumnSlot::View(view, _) => &self.views.get(view)?.id,
        };
        Some((relation, self.column_at(slot)?))
    }

    /// The column of a table with this id. The id of a struct field (`<column id>.zip`) leads to its column.
    #[must_use]
    pub fn column_path(&self, id: &ObjectId) -> Option<ColumnPath> {
        let ColumnSlot::Table(table, column) = self.column_slot(id)? else {
            return None;
        };
        let table = self.tables.get(table)?;
        Some(ColumnPath {
            table: Arc::clone(table),
            column: table.body.columns.get(column)?.clone(),
        })
    }

    /// The databases of a catalog, by name.
    #[must_use]
    pub fn databases_of(&self, catalog: &ObjectId) -> Vec<&Arc<Stored<Database>>> {
        all(&self.databases, self.index.databases_by_catalog.get(catalog))
    }

    /// The tables of a database that are not retired, by name.
    #[must_use]
    pub fn tables_of(&self, database: &ObjectId) -> Vec<&Arc<Stored<Table>>> {
        all(&self.tables, self.index.tables_by_database.get(database))
    }

    /// The views of a database, by name.
    #[must_use]
    pub fn views_of(&self, database: &ObjectId) -> Vec<&Arc<Stored<View>>> {
        all(&self.views, self.index.views_by_database.get(database))
    }

    /// The data filters of a table or view, by name.
    #[must_use]
    pub fn filters_of(&self, table: &ObjectId) -> Vec<&Arc<Stored<DataFilter>>> {
        all(&self.data_filters, self.index.filters_by_table.get(table))
    }

    /// The masks of a column (or struct field), lowest rank first.
    #[must_use]
    pub fn masks_of(&self, column: &ObjectId) -> Vec<&Arc<Stored<ColumnMask>>> {
        all(&self.column_masks, self.index.masks_by_column.get(column))
    }

    /// Whether filters or masks stand on a table, so that somebody may see part of it only.
    #[must_use]
    pub fn is_filtered_or_masked(&self, table: &ObjectId) -> bool {
        self.index.filters_by_table.contains_key(table)
            || self.column_masks.iter().any(|mask| mask.body.table == *table)
    }

    /// What reads, lists or masks a column of a table or view, or a field of it: `filter` or `mask`, and its name.
    #[must_use]
    pub fn users_of_column(&self, relation: &ObjectId, column: &ObjectId) -> Vec<(&'static str, &str)> {
        // Those of the relation itself, and those that read it as a mapping.
        let mapped = self.data_filters.iter().filter(|filter| {
            filter.parent.as_ref() != Some(relation)
                && filter.body.mappings.iter().any(|mapping| mapping.table == *relation)
        });
        let filters = self.filters_of(relation).into_iter().chain(mapped);
        let masks = self.column_masks.iter();
        let filters = filters
            .filter(|filter| filter.body.uses(column))
            .map(|filter| ("filter", filter.name.as_str()));
        let masks = masks
            .filter(|mask| mask.parent.as_ref().is_some_and(|id| id.is_within(column)))
            .map(|mask| ("mask", mask.name.as_str()));
        filters.chain(masks).collect()
    }

    /// The roles that a user is in, directly or through other roles.
    #[must_use]
    pub fn roles_of(&self, user: &ObjectId) -> BTreeSet<ObjectId> {
        let mut roles = BTreeSet::new();
        let mut open = self.user(user).map(|user| user.body.roles.clone()).unwrap_or_default();
        while let Some(role) = open.pop() {
            if let Some(parents) = self.role(&role).map(|role| &role.body.member_of)
                && roles.insert(role)
            {
                open.extend(parents.iter().cloned());
            }
        }
        roles
    }

    /// The role that owns an object with this `owner`: the built-in `admin` unless it says otherwise.
    #[must_use]
    pub fn owner_role(&self, owner: &Option<ObjectId>) -> ObjectId {
        owner.clone().unwrap_or_else(|| {
            self.find_role(ADMIN_ROLE)
                .map_or_else(|| ObjectId::from_stored(ADMIN_ROLE), |role| role.id.clone())
        })
    }

    /// Where the column of a table or view stands.
    pub(super) fn column_slot(&self, id: &ObjectId) -> Option<ColumnSlot> {
        self.index
            .column_by_id
            .get(id)
            .or_else(|| self.index.column_by_id.get(&id.column()?))
            .copied()
    }

    /// The column at a slot.
    pub(super) fn column_at(&self, slot: ColumnSlot) -> Option<&Column> {
        match slot {
            ColumnSlot::Table(table, column) => self.tables.get(table)?.body.columns.get(column),
            ColumnSlot::View(view, column) => self.views.get(view)?.body.columns.get(column),
        }
    }

    /// Database and catalog above a relation.
    pub(super) fn containers_of(&self, relation_parent: Option<&ObjectId>) -> Option<Containers<'_>> {
        let database = self.database(relation_parent?)?;
        Some((self.catalog(database.parent.as_ref()?)?, database))
    }

    fn path_of(&self, table: &Arc<Stored<Table>>) -> Option<TablePath> {
        let (catalog, database) = self.containers_of(table.parent.as_ref())?;
        Some(TablePath {
            connection: Arc::clone(self.connection(&catalog.body.connection)?),
            catalog: Arc::clone(catalog),
            database: Arc::clone(database),
            table: Arc::clone(table),
            view: None,
        })
    }

    fn relation_of_view(&self, view: &Arc<Stored<View>>) -> Option<TablePath> {
        let (catalog, database) = self.containers_of(view.parent.as_ref())?;
        let relation = Stored {
            id: view.id.clone(),
            parent: view.parent.clone(),
            name: view.name.clone(),
            version: view.version,
            lake: view.lake.clone(),
            created_at: view.created_at,
            updated_at: view.updated_at,
            body: view.body.relation(),
        };
        Some(TablePath {
            connection: Arc::clone(self.connection(&catalog.body.connection)?),
            catalog: Arc::clone(catalog),
            database: Arc::clone(database),
            table: Arc::new(relation),
            view: Some(Arc::clone(view)),
        })
    }

    fn path_of_view(&self, view: &Arc<Stored<View>>) -> Option<ViewPath> {
        let (catalog, database) = self.containers_of(view.parent.as_ref())?;
        Some(ViewPath {
            catalog: Arc::clone(catalog),
            database: Arc::clone(database),
            view: Arc::clone(view),
        })
    }
}
