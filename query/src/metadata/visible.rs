//! Which objects may a caller know of? Relations that may be described or read, and the containers above them.

use std::{collections::BTreeSet, sync::Arc};

use datafusion::arrow::datatypes::{DataType, Fields};
use lakegate_catalog::{
    name::TableName,
    object::Stored,
    relation::{Catalog, Column, Database, View, ViewSecurity},
    snapshot::TablePath,
};
use lakegate_policy::{Action, Clear};

use super::listed::{is_listed, listed};
use crate::{
    authorize::{self, RelationGrant, leaves},
    context::{Caller, QueryContext},
    entities::{Governor, ObjectRef},
    type_name::{parse_type, type_text},
    views::{Broken, MAX_DEPTH, rights},
};

/// The lake as one caller may know it.
#[derive(Debug)]
pub struct Viewer {
    governor: Governor,
    cx: Arc<QueryContext>,
}

impl Viewer {
    /// A viewer outside of any query.
    #[must_use]
    pub fn new(governor: &Governor, caller: &Caller) -> Self {
        Self {
            governor: governor.clone(),
            cx: QueryContext::observing(governor, caller),
        }
    }

    /// A viewer within a query, under the governor's snapshot.
    #[must_use]
    pub fn within(governor: &Governor, cx: &QueryContext) -> Self {
        let cx = cx.under(Arc::clone(governor.snapshot()), Arc::clone(governor.policies()));
        Self {
            governor: governor.clone(),
            cx,
        }
    }

    /// The decisions behind the view.
    #[must_use]
    pub fn governor(&self) -> &Governor {
        &self.governor
    }

    /// Catalogs that may be described, or hold something that is listed; by name.
    #[must_use]
    pub fn catalogs(&self) -> Vec<Arc<Stored<Catalog>>> {
        let mut found: Vec<_> = self
            .governor
            .snapshot()
            .catalogs
            .iter()
            .filter(|catalog| self.describes("Catalog", catalog.id.as_str()) || !self.databases(catalog).is_empty())
            .cloned()
            .collect();
        found.sort_by(|left, right| left.name.cmp(&right.name));
        found
    }

    /// The catalog of this name, if it is listed.
    #[must_use]
    pub fn catalog(&self, name: &str) -> Option<Arc<Stored<Catalog>>> {
        let catalog = self.governor.snapshot().find_catalog(name)?;
        let listed = self.describes("Catalog", catalog.id.as_str()) || !self.databases(catalog).is_empty();
        listed.then(|| Arc::clone(catalog))
    }

    /// Databases of a catalog that may be described, or hold something that is listed; by name.
    #[must_use]
    pub fn databases(&self, catalog: &Stored<Catalog>) -> Vec<Arc<Stored<Database>>> {
        let snapshot = self.governor.snapshot();
        let mut found: Vec<_> = snapshot
            .databases_of(&catalog.id)
            .into_iter()
            .filter(|database| self.describes("Database", database.id.as_str()) || self.holds_listed(database))
            .cloned()
            .collect();
        found.sort_by(|left, right| left.name.cmp(&right.name));
        found
    }

    /// The database of this name, if it is listed.
    #[must_use]
    pub fn database(&self, catalog: &str, name: &str) -> Option<Arc<Stored<Database>>> {
        let database = self.governor.snapshot().find_database(catalog, name)?;
        let listed = self.describes("Database", database.id.as_str()) || self.holds_listed(database);
        listed.then(|| Arc::clone(database))
    }

    /// Tables and views of a database that may be described or read; by name.
    #[must_use]
    pub fn tables(&self, database: &Stored<Database>) -> Vec<TablePath> {
        let relations = self.governor.snapshot().relations_of(&database.id);
        let listed = listed(&self.governor, &self.cx, &relations);
        let each = relations.into_iter().zip(listed);
        each.filter_map(|(path, listed)| listed.then_some(path)).collect()
    }

    /// The text of a view, for those who may describe or alter the view and everything that it reads.
    #[must_use]
    pub fn definition(&self, view: &Stored<View>) -> Option<String> {
        let known = self.reads_entry("View", view.id.as_str()) && self.describes_bases(view, 0);
        known.then(|| view.body.sql.clone())
    }

    /// Why a view cannot be read by anybody, or not with the rights of its definer.
    #[must_use]
    pub fn broken(&self, view: &Stored<View>) -> Option<String> {
        let (_, broken) = rights::bases(&self.cx, view).ok()?;
        // What the caller may not read is no fault of a view that reads with the caller's rights.
        let lent = view.body.security != ViewSecurity::Invoker;
        broken
            .filter(|broken| lent || !matches!(broken, Broken::Hidden(_)))
            .map(|broken| broken.to_string())
    }

    fn reads_entry(&self, entity_type: &str, id: &str) -> bool {
        self.describes(entity_type, id) || self.may(Action::Alter, &ObjectRef::new(entity_type, id))
    }

    fn describes_bases(&self, view: &Stored<View>, depth: usize) -> bool {
        let snapshot = self.governor.snapshot();
        depth < MAX_DEPTH
            && view.body.bases.iter().all(|base| {
                let path = snapshot.relation_path(&base.id);
                path.is_some_and(|path| {
                    let below = |view: &Arc<Stored<View>>| self.describes_bases(view, depth + 1);
                    self.reads_entry(path.entity_type(), base.id.as_str()) && path.view.as_ref().is_none_or(below)
                })
            })
    }

    /// Columns of a table or view that may be read or described, in order; `None`: the table is not listed.
    #[must_use]
    pub fn columns(&self, path: &TablePath) -> Option<Vec<Column>> {
        let grant = authorize::decide(&self.cx, path).ok()?;
        if !grant.can_describe && !grant.is_readable() {
            return None;
        }
        let questions: Vec<(Action, ObjectRef)> = path
            .table
            .body
            .columns
            .iter()
            .map(|column| (Action::Describe, ObjectRef::new("Column", column.id.as_str())))
            .collect();
        let described = self.governor.decide_all(&self.cx.caller, &self.cx.request, &questions);
        let columns = path.table.body.columns.iter().enumerate().zip(described);
        let visible = columns.filter_map(|((position, column), described)| {
            if described.is_allowed() {
                Some(column.clone())
            } else {
                readable(&grant, position, column)
            }
        });
        Some(visible.collect())
    }

    /// May a source be asked about a table of a discovered catalog? Only if the caller may know the table as it is stored, or
    /// one that was made there now: what is answered to anybody else, and when, tells nothing.
    #[must_use]
    pub fn may_describe(&self, name: &TableName) -> bool {
        let snapshot = self.governor.snapshot();
        let Some(catalog) = snapshot.find_catalog(&name.catalog) else {
            return false;
        };
        let stored = || snapshot.find_relation(name).is_some_and(|path| self.knows(&path));
        self.may_find(catalog, snapshot.find_database(&name.catalog, &name.database)) || stored()
    }

    /// May a source be asked what a discovered catalog, or one database of it, holds?
    #[must_use]
    pub fn may_list(&self, catalog: &str, database: Option<&str>) -> bool {
        let snapshot = self.governor.snapshot();
        let Some(found) = snapshot.find_catalog(catalog) else {
            return false;
        };
        match database {
            Some(name) => {
                let known = snapshot.find_database(catalog, name);
                let listed = |known: &Arc<Stored<Database>>| self.database(catalog, &known.name).is_some();
                self.may_find(found, known) || known.is_some_and(listed)
            }
            None => {
                let known = snapshot.databases_of(&found.id);
                let database = ObjectRef::undiscovered_database(found.id.as_str());
                self.catalog(catalog).is_some()
                    || self.may(Action::Describe, &database)
                    || self.may_find(found, None)
                    || known.into_iter().any(|database| self.may_find(found, Some(database)))
            }
        }
    }

    /// Would the caller know a table that discovery made here?
    fn may_find(&self, catalog: &Stored<Catalog>, database: Option<&Arc<Stored<Database>>>) -> bool {
        let database = database.map(|database| database.id.as_str());
        let table = ObjectRef::undiscovered_table(catalog.id.as_str(), database);
        let questions = [Action::Describe, Action::Select, Action::Alter].map(|action| (action, table.clone()));
        let decisions = self.governor.decide_all(&self.cx.caller, &self.cx.request, &questions);
        decisions.iter().any(lakegate_policy::Decision::is_allowed)
    }

    /// Does the caller know of a relation: may it be listed for them, or altered by them?
    pub(crate) fn knows(&self, path: &TablePath) -> bool {
        is_listed(&self.cx, path)
            || self.may(
                Action::Alter,
                &ObjectRef::new(path.entity_type(), path.table.id.as_str()),
            )
    }

    /// May the caller do this with the object?
    #[must_use]
    pub fn may(&self, action: Action, object: &ObjectRef) -> bool {
        self.governor
            .decide(&self.cx.caller, &self.cx.request, action, object)
            .is_allowed()
    }

    fn describes(&self, entity_type: &str, id: &str) -> bool {
        self.may(Action::Describe, &ObjectRef::new(entity_type, id))
    }

    fn holds_listed(&self, database: &Stored<Database>) -> bool {
        let relations = self.governor.snapshot().relations_of(&database.id);
        listed(&self.governor, &self.cx, &relations).contains(&true)
    }
}

/// The column as far as it may be read: without hidden fields, and nullable where a cell may be.
fn readable(grant: &RelationGrant, position: usize, column: &Column) -> Option<Column> {
    if !grant.is_readable() {
        return None;
    }
    let leaves = leaves(&grant.path.table);
    let own = || {
        leaves
            .iter()
            .zip(&grant.access.columns)
            .filter(|(leaf, _)| leaf.column == position)
    };
    let visible: BTreeSet<&[String]> = own()
        .filter(|(_, access)| access.is_visible())
        .map(|(leaf, _)| leaf.path.as_slice())
        .collect();
    if visible.is_empty() {
        return None;
    }
    let clear = own().all(|(_, access)| access.clear == Clear::Always);
    let hidden = own().any(|(_, access)| !access.is_visible());
    let data_type = match parse_type(&column.data_type) {
        Ok(whole) if hidden => type_text(&without_hidden(&whole, &[], &visible)),
        _ => column.data_type.clone(),
    };
    Some(Column {
        data_type,
        nullable: column.nullable || !clear,
        ..column.clone()
    })
}

/// The type with only those fields that lead to a visible leaf.
fn without_hidden(data_type: &DataType, path: &[String], visible: &BTreeSet<&[String]>) -> DataType {
    let DataType::Struct(fields) = data_type else {
        return data_type.clone();
    };
    let kept: Fields = fields
        .iter()
        .filter_map(|field| {
            let path: Vec<String> = path.iter().cloned().chain([field.name().clone()]).collect();
            let leads = visible.iter().any(|leaf| leaf.starts_with(&path));
            leads.then(|| {
                field
                    .as_ref()
                    .clone()
                    .with_data_type(without_hidden(field.data_type(), &path, visible))
            })
        })
        .collect();
    DataType::Struct(kept)
}
