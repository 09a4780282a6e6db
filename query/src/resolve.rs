//! Which relations does a statement mean? Names become paths of one snapshot; discovered tables are described first.
//!
//! Nothing is decided here: a relation that is missing is carried on as missing, so that hidden and missing ones take the
//! same way out (P7).

use std::{collections::BTreeSet, sync::Arc};

use datafusion::common::TableReference;
use lakegate_catalog::{
    id::ObjectId,
    name::TableName,
    object::Stored,
    relation::View,
    snapshot::{Snapshot, TablePath},
};

use crate::{
    discover::Discovery,
    error::{ErrorCode, QueryError, Result},
    metadata::visible::Viewer,
    parse::{Parsed, Passthrough},
    service::SubmitRequest,
};

/// Database of unqualified names where the request has none.
const DEFAULT_DATABASE: &str = "default";
/// Database that shows what is visible of its catalog.
pub const INFORMATION_SCHEMA: &str = "information_schema";

/// Where unqualified names resolve.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Defaults {
    pub catalog: String,
    pub database: String,
}

impl Defaults {
    /// The request's, else the default catalog of the lake and the database `default`.
    #[must_use]
    pub fn of(request: &SubmitRequest, snapshot: &Snapshot) -> Self {
        let catalog = request.catalog.as_ref().map(|name| name.to_lowercase());
        let catalog = catalog.or_else(|| snapshot.default_catalog().map(|catalog| catalog.name.to_lowercase()));
        let database = request.database.as_ref().map(|name| name.to_lowercase());
        Self {
            catalog: catalog.unwrap_or_default(),
            database: database.unwrap_or_else(|| DEFAULT_DATABASE.to_owned()),
        }
    }

    /// Completes a reference.
    #[must_use]
    pub fn complete(&self, reference: &TableReference) -> TableName {
        let catalog = reference.catalog().unwrap_or(&self.catalog);
        let database = reference.schema().unwrap_or(&self.database);
        TableName::new(catalog, database, reference.table())
    }
}

/// A statement whose names are resolved in one snapshot.
#[derive(Debug)]
pub struct Resolved {
    pub snapshot: Arc<Snapshot>,
    pub relations: Vec<Relation>,
}

/// A relation that the statement names.
#[derive(Clone, Debug)]
pub struct Relation {
    pub name: TableName,
    pub target: Target,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Target {
    /// A table or a view.
    Table(TablePath),
    /// `information_schema.NAME`.
    Information,
    Missing,
    /// A statement in the language of the catalog's source.
    Passthrough(Arc<str>),
    /// Not known here, and its source could not be asked: told only to those who may know the catalog.
    Unreachable(Arc<QueryError>),
}

/// Resolves all relations of a statement. A source is asked only about what the caller may know if it is there.
///
/// # Errors
/// `SYNTAX_ERROR` for an unqualified name without a default catalog.
pub async fn resolve(parsed: &Parsed, defaults: &Defaults, viewer: &Viewer, discovery: &Discovery) -> Result<Resolved> {
    let mut names = Vec::with_capacity(parsed.relations.len());
    for reference in &parsed.relations {
        if reference.catalog().is_none() && defaults.catalog.is_empty() {
            return Err(QueryError::new(
                ErrorCode::InvalidRequest,
                format!("`{reference}` needs a catalog: there is no default one; write `catalog.database.table`"),
            ));
        }
        names.push(defaults.complete(reference));
    }
    names.sort();
    names.dedup();
    let mut snapshot = Arc::clone(viewer.governor().snapshot());
    let mut unreachable = Vec::new();
    let calls: Vec<(TableName, &Passthrough)> = parsed
        .passthrough
        .iter()
        .map(|call| (defaults.complete(&call.relation), call))
        .collect();
    let called = |name: &TableName| calls.iter().find(|(known, _)| known == name).map(|(_, call)| *call);
    let asked = |name: &&TableName| name.database != INFORMATION_SCHEMA && called(name).is_none();
    for name in names.iter().filter(asked) {
        let discovered = snapshot
            .find_catalog(&name.catalog)
            .is_some_and(|catalog| catalog.body.discover);
        if !discovered || !viewer.may_describe(name) {
            continue;
        }
        match discovery.refresh(Arc::clone(&snapshot), name).await {
            Ok(newer) => snapshot = newer,
            Err(error) => unreachable.push((name.clone(), Arc::new(error))),
        }
    }
    snapshot = below_views(snapshot, &names, viewer, discovery).await;
    let relations = names
        .into_iter()
        .map(|name| {
            let target = match called(&name) {
                Some(call) => Target::Passthrough(call.text.as_str().into()),
                None => target(&snapshot, &name, &unreachable),
            };
            Relation { name, target }
        })
        .collect();
    Ok(Resolved { snapshot, relations })
}

/// Describes what the views that the caller knows read, so that a base that was dropped or made again is one that is gone. What
/// cannot be asked now stays as it is known: it is told when it is opened.
async fn below_views(
    mut snapshot: Arc<Snapshot>,
    names: &[TableName],
    viewer: &Viewer,
    discovery: &Discovery,
) -> Arc<Snapshot> {
    let mut bases = BTreeSet::new();
    for path in names.iter().filter_map(|name| snapshot.find_relation(name)) {
        if let Some(view) = path.view.as_ref()
            && viewer.knows(&path)
        {
            discovered_bases(&snapshot, view, &mut BTreeSet::new(), &mut bases);
        }
    }
    for name in bases {
        match discovery.refresh(Arc::clone(&snapshot), &name).await {
            Ok(newer) => snapshot = newer,
            Err(error) => {
                tracing::warn!(table = %name, cause = %error.log_text(), "the base of a view cannot be described")
            }
        }
    }
    snapshot
}

/// The tables of discovered catalogs that a view reads, through other views too.
fn discovered_bases(
    snapshot: &Snapshot,
    view: &Stored<View>,
    seen: &mut BTreeSet<ObjectId>,
    found: &mut BTreeSet<TableName>,
) {
    if !seen.insert(view.id.clone()) {
        return;
    }
    for path in view
        .body
        .bases
        .iter()
        .filter_map(|base| snapshot.relation_path(&base.id))
    {
        match &path.view {
            Some(below) => discovered_bases(snapshot, below, seen, found),
            None if path.catalog.body.discover => {
                found.insert(TableName::new(
                    &path.catalog.name,
                    &path.database.name,
                    &path.table.name,
                ));
            }
            None => {}
        }
    }
}

fn target(snapshot: &Snapshot, name: &TableName, unreachable: &[(TableName, Arc<QueryError>)]) -> Target {
    if name.database == INFORMATION_SCHEMA {
        return Target::Information;
    }
    if let Some(path) = snapshot.find_relation(name) {
        return Target::Table(path);
    }
    match unreachable.iter().find(|(unreached, _)| unreached == name) {
        Some((_, error)) => Target::Unreachable(Arc::clone(error)),
        None => Target::Missing,
    }
}
