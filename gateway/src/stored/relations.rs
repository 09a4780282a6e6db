//! Which catalogs, databases, tables and columns may a caller know? What discovery finds is found before it is looked for.

use std::sync::Arc;

use arrow::datatypes::DataType;
use lakegate_catalog::{
    id::ObjectId,
    name::{TableName, quoted, split_name},
    object::{Kind, Stored},
    relation::{Catalog, Column, Database},
    snapshot::TablePath,
};
use lakegate_query::{
    error::{ErrorCode, QueryError},
    type_name::parse_type,
};

use super::{Desk, desk::missing};
use crate::error::{ApiError, Result};

/// `catalog.database`, as in a path.
#[derive(Clone, Debug)]
pub struct DatabaseName {
    pub catalog: String,
    pub database: String,
}

impl std::fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}.{}",
            quoted(&self.catalog.to_lowercase()),
            quoted(&self.database.to_lowercase())
        )
    }
}

/// A column of a table by its dotted path (`addr.zip` is a field of a struct).
#[derive(Clone, Debug)]
pub struct ColumnName {
    pub table: TableName,
    /// As written in the path of the request.
    pub column: String,
}

impl std::fmt::Display for ColumnName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.table, self.column.to_lowercase())
    }
}

/// Does a type have the field that the path leads to? An empty path leads to the type itself.
fn has_field(data_type: &str, path: &[String]) -> bool {
    let step = |inside: DataType, part: &String| match inside {
        DataType::Struct(fields) => fields
            .iter()
            .find(|field| field.name().eq_ignore_ascii_case(part))
            .map(|field| field.data_type().clone()),
        _ => None,
    };
    path.is_empty()
        || parse_type(data_type)
            .ok()
            .and_then(|whole| path.iter().try_fold(whole, step))
            .is_some()
}

/// The one refusal of a column that is missing or hidden.
pub(super) fn missing_column(name: &ColumnName) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("column `{name}` does not exist"))
}

impl Desk {
    /// May the caller know that the object is there?
    #[must_use]
    pub fn lists(&self, kind: Kind, id: &ObjectId) -> bool {
        let (snapshot, viewer) = (self.snapshot(), self.viewer());
        let listed = match kind {
            Kind::Catalog => snapshot
                .catalog(id)
                .is_some_and(|catalog| viewer.catalog(&catalog.name).is_some()),
            Kind::Database => snapshot.database(id).is_some_and(|database| {
                let catalog = database.parent.as_ref().and_then(|catalog| snapshot.catalog(catalog));
                catalog.is_some_and(|catalog| viewer.database(&catalog.name, &database.name).is_some())
            }),
            Kind::Table => snapshot
                .table_path(id)
                .is_some_and(|path| viewer.columns(&path).is_some()),
            Kind::View => snapshot
                .relation_path(id)
                .is_some_and(|path| viewer.columns(&path).is_some()),
            _ => false,
        };
        listed || self.reads(kind, id)
    }

    /// Every catalog that the caller may know.
    #[must_use]
    pub fn catalogs(&self) -> Vec<Arc<Stored<Catalog>>> {
        let known = |catalog: &&Arc<Stored<Catalog>>| self.lists(Kind::Catalog, &catalog.id);
        self.snapshot().catalogs.iter().filter(known).cloned().collect()
    }

    /// Every database of a catalog that the caller may know.
    #[must_use]
    pub fn databases(&self, catalog: &Stored<Catalog>) -> Vec<Arc<Stored<Database>>> {
        let databases = self.snapshot().databases_of(&catalog.id).into_iter();
        databases
            .filter(|database| self.lists(Kind::Database, &database.id))
            .cloned()
            .collect()
    }

    /// Every table of a database that the caller may know.
    #[must_use]
    pub fn tables(&self, database: &Stored<Database>) -> Vec<TablePath> {
        let tables = self.snapshot().tables_of(&database.id).into_iter();
        let known = tables.filter(|table| self.lists(Kind::Table, &table.id));
        known
            .filter_map(|table| self.snapshot().table_path(&table.id))
            .collect()
    }

    /// The catalog of this name.
    ///
    /// # Errors
    /// `NOT_FOUND`, whether it is missing or hidden.
    pub fn catalog(&self, name: &str) -> Result<Arc<Stored<Catalog>>> {
        let found = self
            .snapshot()
            .find_catalog(name)
            .filter(|catalog| self.lists(Kind::Catalog, &catalog.id));
        found.cloned().ok_or_else(|| missing(Kind::Catalog, name))
    }

    /// The database of this name.
    ///
    /// # Errors
    /// `SCHEMA_NOT_FOUND`, whether it is missing or hidden.
    pub fn database(&self, name: &DatabaseName) -> Result<Arc<Stored<Database>>> {
        let found = self.snapshot().find_database(&name.catalog, &name.database);
        let found = found.filter(|database| self.lists(Kind::Database, &database.id));
        found
            .cloned()
            .ok_or_else(|| ApiError::new(ErrorCode::DatabaseNotFound, format!("database `{name}` does not exist")))
    }

    /// The table of this name.
    ///
    /// # Errors
    /// `TABLE_NOT_FOUND`, whether it is missing or hidden.
    pub fn table(&self, name: &TableName) -> Result<TablePath> {
        let found = self
            .snapshot()
            .find_table(name)
            .filter(|path| self.lists(Kind::Table, &path.table.id));
        found.ok_or_else(|| QueryError::table_not_found(name).into())
    }

    /// The table or view of this name.
    ///
    /// # Errors
    /// `TABLE_NOT_FOUND`, whether it is missing or hidden.
    pub fn relation(&self, name: &TableName) -> Result<TablePath> {
        self.table(name).or_else(|_| self.view_path(name))
    }

    /// Every view of a database that the caller may know.
    #[must_use]
    pub fn views(&self, database: &Stored<Database>) -> Vec<TablePath> {
        let relations = self.snapshot().relations_of(&database.id).into_iter();
        relations
            .filter(|path| path.view.is_some() && self.lists(Kind::View, &path.table.id))
            .collect()
    }

    /// The view of this name.
    ///
    /// # Errors
    /// `TABLE_NOT_FOUND`, whether it is missing or hidden.
    pub fn view_path(&self, name: &TableName) -> Result<TablePath> {
        let found = self.snapshot().find_relation(name);
        let found = found.filter(|path| path.view.is_some() && self.lists(Kind::View, &path.table.id));
        found.ok_or_else(|| QueryError::table_not_found(name).into())
    }

    /// The columns of a table or view that the caller may know, in order.
    #[must_use]
    pub fn columns(&self, path: &TablePath) -> Vec<Column> {
        self.viewer().columns(path).unwrap_or_default()
    }

    /// The table and the column of this name; the column of the answer is the top-level one.
    ///
    /// # Errors
    /// `TABLE_NOT_FOUND` or `NOT_FOUND`, whether it is missing or hidden.
    pub fn column(&self, name: &ColumnName) -> Result<(TablePath, Column)> {
        let path = self.relation(&name.table)?;
        let column = self.column_of(&path, name)?;
        Ok((path, column))
    }

    /// The top-level column of this name in a table or view that the caller may know.
    ///
    /// # Errors
    /// `NOT_FOUND`, whether it is missing or hidden.
    pub(super) fn column_of(&self, path: &TablePath, name: &ColumnName) -> Result<Column> {
        let parts = split_name(&name.column).unwrap_or_default();
        let found = parts.split_first().and_then(|(top, fields)| {
            let mut columns = self.columns(path).into_iter();
            let column = columns.find(|column| column.name == top.to_lowercase())?;
            // The type is that of what the caller may know: without hidden fields.
            has_field(&column.data_type, fields).then_some(column)
        });
        let known = found.filter(|_| self.snapshot().resolve("Column", &name.to_string()).is_some());
        known.ok_or_else(|| missing_column(name))
    }

    /// The desk after what a discovered catalog (or one database of it) holds was listed at its source.
    ///
    /// # Errors
    /// The source cannot be asked, told only to those who may know the catalog.
    pub async fn with_listed(self, catalog: &str, database: Option<&str>) -> Result<Self> {
        if !self.viewer().may_list(catalog, database) {
            return Ok(self);
        }
        let discovery = self.app().queries.discovery();
        match discovery.list(Arc::clone(self.snapshot()), catalog, database).await {
            Ok(snapshot) if snapshot.version == self.snapshot().version => Ok(self),
            Ok(_) => self.reopened().await,
            Err(error) if self.viewer().catalog(catalog).is_some() => Err(error.into()),
            Err(_) => Ok(self),
        }
    }

    /// The desk after a table of a discovered catalog was described; as it is stored if the source cannot be asked.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn with_described(self, name: &TableName) -> Result<Self> {
        if !self.viewer().may_describe(name) {
            return Ok(self);
        }
        let discovery = self.app().queries.discovery();
        match discovery.refresh(Arc::clone(self.snapshot()), name).await {
            Ok(snapshot) if snapshot.version != self.snapshot().version => self.reopened().await,
            _ => Ok(self),
        }
    }
}
