//! What does somebody see of a table in one catalog? Rows and cells by what conditions and masks say, never by their ids.

use std::collections::BTreeMap;

use lakegate_catalog::{
    id::ObjectId,
    identity::User,
    object::Stored,
    relation::{Table, TableFormat, View},
    snapshot::{Snapshot, TablePath},
};
use lakegate_policy::{
    Access, Action, Authorizer, Clear, ColumnAccess, MaskChoice, PolicyError, PolicySet, RelationFacts, Request,
    RequestContext, RowScope, Verdict, resource,
};
use serde_json::Value;

use super::meaning::{Conditions, MaskMeaning, condition};
use crate::{
    authorize::{LeafFacts, gather, leaves},
    entities::Closure,
};

/// A catalog with its policies, on one side of a comparison.
#[derive(Debug)]
pub(super) struct Side<'a> {
    pub snapshot: &'a Snapshot,
    /// The catalog on the other side.
    pub other: &'a Snapshot,
    pub policies: PolicySet,
}

/// A table or view of one side, ready to be decided for some people.
pub(super) struct Relation<'a> {
    side: &'a Side<'a>,
    path: TablePath,
    leaves: Vec<LeafFacts>,
    facts: RelationFacts,
    authorizer: Authorizer<'a>,
    pub source: BTreeMap<&'static str, Value>,
    /// Where each column is found: its name at the source, and its position where that counts.
    pub places: BTreeMap<ObjectId, (Option<String>, Option<usize>)>,
}

/// What somebody sees of a table. The default: nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Sight {
    pub rows: Rows,
    /// Restrictive filters that bind.
    pub bound: Conditions,
    pub cells: BTreeMap<ObjectId, Cell>,
    /// The name is shown.
    pub listed: bool,
}

/// Some rows, or the rows on which a cell is clear.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) enum Rows {
    #[default]
    None,
    AnyOf(Conditions),
    All,
}

/// A column, or a field of one.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub name: String,
    pub clear: Rows,
    pub elsewhere: Elsewhere,
}

/// What stands where a cell is not clear.
#[derive(Clone, Debug)]
pub(super) enum Elsewhere {
    /// The column is not there.
    Hidden,
    /// Its name is there, no value.
    Listed,
    Null,
    Masked(MaskMeaning),
    /// Nothing stands elsewhere: it is clear on every visible row.
    Raw,
}

impl Rows {
    /// Are there rows here that are not there?
    pub(super) fn exceeds(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, _) | (_, Self::All) => false,
            (Self::AnyOf(these), Self::AnyOf(those)) => these.keys().any(|says| !those.contains_key(says)),
            (Self::AnyOf(_) | Self::All, _) => true,
        }
    }

    pub(super) fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl<'a> Relation<'a> {
    pub(super) fn new(
        side: &'a Side<'a>,
        path: &TablePath,
        people: &[(&ObjectId, &User)],
    ) -> Result<Self, PolicyError> {
        let leaves = leaves(&path.table);
        let mut closure = Closure::new(side.snapshot);
        for (id, user) in people {
            closure.person(id, user, &[])?;
        }
        let facts = gather(side.snapshot, path, &leaves, &mut closure, None)?;
        Ok(Self {
            side,
            path: path.clone(),
            leaves,
            facts,
            authorizer: Authorizer::new(&side.policies, closure.entities())?,
            source: source(path),
            places: places(&path.table),
        })
    }

    /// Decisions that one sight costs.
    pub(super) fn weight(&self) -> usize {
        let masks: usize = self.facts.columns.iter().map(|column| column.masks.len()).sum();
        2 + self.facts.columns.len() + self.facts.filters.len() + masks
    }

    pub(super) fn sight(&self, (id, user): (&ObjectId, &User), request: &RequestContext) -> Sight {
        let access = self.authorizer.access(id.as_str(), request, &self.facts);
        let ask = |action: Action, entity: &str, object: &ObjectId| {
            let resource = resource::uid(entity, object.as_str());
            let question = Request {
                principal: id.as_str(),
                action,
                resource,
                context: request,
            };
            self.authorizer.decide(&question).verdict
        };
        let describes = |entity: &str, object: &ObjectId| ask(Action::Describe, entity, object) == Verdict::Allow;
        let rows = self.rows(&access, user);
        let cell = |(column, leaf): (&ColumnAccess, &LeafFacts)| {
            let cell = self.cell((column, leaf), (&rows, user), || describes("Column", &leaf.id));
            (leaf.id.clone(), cell)
        };
        Sight {
            cells: access.columns.iter().zip(&self.leaves).map(cell).collect(),
            bound: if rows.is_none() {
                Conditions::new()
            } else {
                self.conditions(&access.restrictive, user)
            },
            listed: !rows.is_none() || describes(self.path.entity_type(), &self.path.table.id),
            rows,
        }
    }

    /// Does a filter show somebody rows here, or hide some from them?
    pub(super) fn applies(&self, filter: &str, person: &ObjectId, request: &RequestContext) -> bool {
        let access = self.authorizer.access(person.as_str(), request, &self.facts);
        let shows = matches!(&access.rows, RowScope::AnyOf(ids) if ids.iter().any(|id| id == filter));
        access.is_open() && (shows || access.restrictive.iter().any(|id| id == filter))
    }

    fn rows(&self, access: &Access, user: &User) -> Rows {
        match &access.rows {
            RowScope::None => Rows::None,
            RowScope::All => Rows::All,
            RowScope::AnyOf(ids) => Rows::AnyOf(self.conditions(ids, user)),
        }
    }

    fn conditions(&self, ids: &[String], user: &User) -> Conditions {
        let filter = |id: &String| self.side.snapshot.data_filter(&ObjectId::from_stored(id.as_str()));
        ids.iter()
            .filter_map(filter)
            .map(|filter| (condition(filter, (user, self.side.snapshot)), filter.name.clone()))
            .collect()
    }

    fn cell(
        &self,
        (column, leaf): (&ColumnAccess, &LeafFacts),
        (rows, user): (&Rows, &User),
        describes: impl Fn() -> bool,
    ) -> Cell {
        let known = self.path.table.body.columns.get(leaf.column);
        let root = known.map(|known| known.name.as_str()).unwrap_or_default();
        let path = std::iter::once(root).chain(leaf.path.iter().map(String::as_str));
        let masked = |id: &String| {
            let mask = self.side.snapshot.column_mask(&ObjectId::from_stored(id.as_str()))?;
            let data_type = known.map(|known| known.data_type.as_str()).unwrap_or_default();
            Some(Elsewhere::Masked(MaskMeaning::of(mask, data_type, self.side.other)))
        };
        let closed = rows.is_none() || !column.is_visible();
        let elsewhere = match (&column.clear, &column.mask) {
            _ if closed && describes() => Elsewhere::Listed,
            _ if closed => Elsewhere::Hidden,
            (Clear::Always, _) => Elsewhere::Raw,
            (_, MaskChoice::Mask(id)) => masked(id).unwrap_or(Elsewhere::Null),
            (_, MaskChoice::NullByTie | MaskChoice::None) => Elsewhere::Null,
        };
        let clear = match &column.clear {
            _ if closed => Rows::None,
            Clear::Always => rows.clone(),
            Clear::Where(ids) => Rows::AnyOf(self.conditions(ids, user)),
            Clear::Never => Rows::None,
        };
        Cell {
            name: path.collect::<Vec<_>>().join("."),
            clear,
            elsewhere,
        }
    }
}

/// A text file without names is read by position, and so is ORC.
fn places(table: &Stored<Table>) -> BTreeMap<ObjectId, (Option<String>, Option<usize>)> {
    let positional = matches!(table.body.format, Some(TableFormat::Csv | TableFormat::Orc));
    let columns = table.body.columns.iter().enumerate();
    columns
        .map(|(at, column)| {
            (
                column.id.clone(),
                (column.remote_name.clone(), positional.then_some(at)),
            )
        })
        .collect()
}

/// Everything that says what is read when the relation is read. Credentials, comments and new files are not.
fn source(path: &TablePath) -> BTreeMap<&'static str, Value> {
    let value = |value: serde_json::Result<Value>| value.unwrap_or_default();
    if let Some(view) = &path.view {
        let View {
            sql,
            security,
            within,
            bases,
            ..
        } = &view.body;
        return BTreeMap::from([
            ("sql", value(serde_json::to_value((sql, within)))),
            ("security", value(serde_json::to_value(security))),
            ("bases", value(serde_json::to_value(bases))),
        ]);
    }
    let (body, database, connection) = (&path.table.body, &path.database.body, &path.connection);
    let remote = body.remote.as_ref();
    let remote = remote.map(|remote| (&remote.database, &remote.table, &remote.source_id));
    let from = &connection.body;
    let from = (&connection.id, &from.connector, &from.options, &from.directory);
    BTreeMap::from([
        (
            "absent_policy_columns",
            value(serde_json::to_value(body.absent_policy_columns)),
        ),
        ("connection", value(serde_json::to_value(from))),
        ("format", value(serde_json::to_value(body.format))),
        ("location", value(serde_json::to_value(&body.location))),
        (
            "location of the database",
            value(serde_json::to_value((&database.location, &database.remote_name))),
        ),
        ("options", value(serde_json::to_value(&body.options))),
        ("partitions", value(serde_json::to_value(body.partitions))),
        ("remote table", value(serde_json::to_value(remote))),
    ])
}
