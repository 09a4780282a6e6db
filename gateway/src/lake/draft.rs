//! What will the catalog hold if the lake is applied? A copy of the snapshot that entries are written into.
//!
//! Names resolve against the draft, so the order of entries does not matter and new things may refer to each other.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use chrono::Utc;
use lakegate_catalog::{
    connection::Connection,
    governance::{ColumnMask, DataFilter, Policy, TagKey},
    id::ObjectId,
    identity::{Grant, Key, Role, User, Workgroup},
    object::{BUILTIN_LAKE, Kind, LOCAL_LAKE, Noun, Stored},
    relation::{Catalog, Database, Table, View},
    snapshot::{Partitions, Snapshot},
};

use super::{
    builtins,
    change::Change,
    entry::Picture,
    problem::{Place, Problem, ProblemCode, Problems, suggestion},
};

/// On whose behalf entries are written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Writer {
    /// A lake by name: what another lake made is a conflict.
    Lake(String),
    /// A single route of the API: an object stays with its lake, a new one belongs to `local`.
    Api,
    /// The server itself: built-ins.
    Builtin,
}

/// The catalog before, and as it is to be.
#[derive(Debug)]
pub(crate) struct Draft {
    /// What the applier may know of it while entries are checked, then the whole.
    pub before: Arc<Snapshot>,
    /// What the applier may know of it.
    pub seen: Arc<Snapshot>,
    pub after: Snapshot,
    /// Stored partitions of tables that declare them.
    pub partitions_before: BTreeMap<ObjectId, Partitions>,
    pub partitions: BTreeMap<ObjectId, Partitions>,
    pub writer: Writer,
    /// What the lake names, changed or not: `--prune` spares it.
    pub named: BTreeSet<(Kind, ObjectId)>,
    /// Kind and lower-case name of all that the lake declares, right or wrong.
    pub declared: BTreeSet<(Kind, String)>,
    /// Where each of them stands.
    pub places: HashMap<(Kind, ObjectId), Place>,
    /// Tables whose columns changed: their filters and masks are checked again.
    pub reshaped: BTreeSet<ObjectId>,
    /// What `columns: infer` found: table name → columns.
    pub inferred: BTreeMap<String, Vec<(String, String)>>,
    pub warnings: Vec<String>,
    pub problems: Problems,
    /// Entries that the applier may not change; nothing in them was looked at.
    pub refusals: Vec<(Change, Problem)>,
    /// Remedies may list the names of stored objects: to the operator only, a caller may not see them all.
    pub lists_names: bool,
}

/// A kind of object that a snapshot holds in a vector.
pub(crate) trait Slot: Noun {
    fn all(snapshot: &Snapshot) -> &Vec<Arc<Stored<Self>>>;
    fn all_mut(snapshot: &mut Snapshot) -> &mut Vec<Arc<Stored<Self>>>;
}

macro_rules! slots {
    ($($noun:ty: $field:ident,)*) => {$(
        impl Slot for $noun {
            fn all(snapshot: &Snapshot) -> &Vec<Arc<Stored<Self>>> {
                &snapshot.$field
            }
            fn all_mut(snapshot: &mut Snapshot) -> &mut Vec<Arc<Stored<Self>>> {
                &mut snapshot.$field
            }
        }
    )*};
}

slots! {
    Catalog: catalogs,
    ColumnMask: column_masks,
    Connection: connections,
    DataFilter: data_filters,
    Database: databases,
    Grant: grants,
    Key: keys,
    Policy: policies,
    Role: roles,
    Table: tables,
    TagKey: tags,
    User: users,
    View: views,
    Workgroup: workgroups,
}

/// A new object, or the one that an entry stands for.
#[derive(Clone, Debug)]
pub(crate) struct Seat<'a> {
    pub parent: Option<ObjectId>,
    /// As it is to be stored.
    pub name: &'a str,
    pub place: &'a Place,
}

impl Draft {
    pub(crate) fn new(before: Arc<Snapshot>, partitions: BTreeMap<ObjectId, Partitions>, writer: Writer) -> Self {
        Self {
            after: copy(&before).indexed(),
            seen: Arc::clone(&before),
            before,
            partitions_before: partitions.clone(),
            partitions,
            writer,
            named: BTreeSet::new(),
            declared: BTreeSet::new(),
            places: HashMap::new(),
            reshaped: BTreeSet::new(),
            inferred: BTreeMap::new(),
            warnings: Vec::new(),
            problems: Problems::default(),
            refusals: Vec::new(),
            lists_names: true,
        }
    }

    /// As [`suggestion`], for names of stored objects.
    pub(crate) fn suggestion<'a>(&self, name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
        if self.lists_names {
            suggestion(name, known)
        } else {
            "name one that exists, or declare it in the same lake".to_owned()
        }
    }

    /// Makes what was written findable.
    pub(crate) fn reindex(&mut self) {
        self.after = std::mem::take(&mut self.after).indexed();
    }

    /// Entries as they are stored now.
    pub(crate) fn stored(&self) -> Picture<'_> {
        Picture {
            snapshot: &self.before,
            partitions: &self.partitions_before,
        }
    }

    /// Did the lake that is written make it?
    pub(crate) fn owns<B: Slot>(&self, stored: &Stored<B>) -> bool {
        matches!(&self.writer, Writer::Lake(lake) if stored.lake == *lake)
    }

    /// Notes that the lake names a stored object. A problem if another lake made it; what is built in is taken over.
    pub(crate) fn claim<B: Slot>(&mut self, stored: &Stored<B>, place: &Place, discovered: bool) {
        self.named.insert((B::KIND, stored.id.clone()));
        self.places.insert((B::KIND, stored.id.clone()), place.clone());
        let built_in = stored.lake == BUILTIN_LAKE && self.writer != Writer::Builtin;
        if built_in && builtins::is_fixed(B::KIND, &stored.name) {
            let message = format!("{} `{}` is built in and cannot be redefined", B::KIND, stored.name);
            let remedy = "remove the entry, or choose another name; it may be named where a name is wanted";
            self.problems
                .push(Problem::new(ProblemCode::AlreadyExists, place, message, remedy));
            return;
        }
        let Writer::Lake(lake) = self.writer.clone() else {
            return;
        };
        if built_in {
            return self.take_over(stored, &lake, place);
        }
        let free = stored.lake == lake || (discovered && stored.lake == LOCAL_LAKE);
        if !free {
            let message = format!(
                "{} `{}` belongs to lake `{}`, not to `{lake}`",
                B::KIND,
                stored.name,
                stored.lake
            );
            let remedy = "remove the entry here, or remove it from the other lake and prune that one first";
            self.problems
                .push(Problem::new(ProblemCode::AlreadyExists, place, message, remedy));
        }
    }

    /// The first lake that names what is built in owns it from then on, equal or not.
    fn take_over<B: Slot>(&mut self, stored: &Stored<B>, lake: &str, place: &Place) {
        let all = B::all_mut(&mut self.after);
        if let Some(object) = all.iter_mut().find(|object| object.id == stored.id) {
            Arc::make_mut(object).lake = lake.to_owned();
        }
        self.warnings.push(format!(
            "{place}: {} `{}` is built in: lake `{lake}` takes it over",
            B::KIND,
            stored.name
        ));
    }

    /// Writes an object: replaces `known`, or creates it. Answers its id.
    pub(crate) fn write<B: Slot>(&mut self, known: Option<&Stored<B>>, seat: &Seat<'_>, body: B) -> ObjectId {
        let lake = match (known.map(|known| known.lake.as_str()), &self.writer) {
            (_, Writer::Builtin) => BUILTIN_LAKE.to_owned(),
            (_, Writer::Lake(lake)) => lake.clone(),
            (Some(BUILTIN_LAKE) | None, Writer::Api) => LOCAL_LAKE.to_owned(),
            (Some(lake), Writer::Api) => lake.to_owned(),
        };
        self.write_for(lake, known, seat, body)
    }

    /// As [`Draft::write`], for another lake than the writer's.
    pub(crate) fn write_for<B: Slot>(
        &mut self,
        lake: String,
        known: Option<&Stored<B>>,
        seat: &Seat<'_>,
        body: B,
    ) -> ObjectId {
        let id = known.map_or_else(ObjectId::new, |known| known.id.clone());
        let now = Utc::now();
        let object = Arc::new(Stored {
            id: id.clone(),
            parent: seat.parent.clone(),
            name: seat.name.to_owned(),
            version: known.map_or(0, |known| known.version),
            lake,
            created_at: known.map_or(now, |known| known.created_at),
            updated_at: known.map_or(now, |known| known.updated_at),
            body,
        });
        self.named.insert((B::KIND, id.clone()));
        self.places.insert((B::KIND, id.clone()), seat.place.clone());
        let all = B::all_mut(&mut self.after);
        match known.and_then(|_| all.iter_mut().find(|object| object.id == id)) {
            Some(known) => *known = object,
            None => all.push(object),
        }
        id
    }

    /// Takes an object out; what lies below goes with it at the commit.
    pub(crate) fn remove<B: Slot>(&mut self, id: &ObjectId) {
        B::all_mut(&mut self.after).retain(|object| object.id != *id);
    }

    /// Is something that cannot be resolved declared, or below something declared that is not there, so that its own problem
    /// has been told? One mistake is one problem.
    pub(crate) fn excuses(&self, entity_type: &str, name: &str) -> bool {
        let name = name.to_lowercase();
        let broken = |kind: Kind, declared: &str| {
            kind.entity_type()
                .is_none_or(|entity| self.after.resolve(entity, declared).is_none())
        };
        let below = |declared: &str| {
            name.strip_prefix(declared)
                .is_some_and(|rest| rest.starts_with(['.', '/']))
        };
        !self.problems.is_empty()
            && self.declared.iter().any(|(kind, declared)| {
                let container =
                    matches!(kind, Kind::Catalog | Kind::Database | Kind::Table | Kind::View) && below(declared);
                let itself = kind.entity_type() == Some(entity_type) && *declared == name;
                (itself || container) && broken(*kind, declared)
            })
    }

    /// The catalog before, with the tag keys that are new: so that policies can decide about defining them.
    pub(crate) fn before_with_new_tags(&self) -> Arc<Snapshot> {
        if self.after.tags.len() <= self.before.tags.len() {
            return Arc::clone(&self.before);
        }
        let mut snapshot = copy(&self.before);
        let known = |tag: &Stored<TagKey>| self.before.tag(&tag.id).is_some();
        snapshot
            .tags
            .extend(self.after.tags.iter().filter(|tag| !known(tag)).cloned());
        Arc::new(snapshot.indexed())
    }

    /// Adds a problem.
    pub(crate) fn invalid(&mut self, place: &Place, message: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem::invalid(place, message, remedy));
    }
}

/// The same objects without an index.
pub(crate) fn copy(snapshot: &Snapshot) -> Snapshot {
    Snapshot {
        version: snapshot.version,
        connections: snapshot.connections.clone(),
        catalogs: snapshot.catalogs.clone(),
        databases: snapshot.databases.clone(),
        tables: snapshot.tables.clone(),
        views: snapshot.views.clone(),
        tags: snapshot.tags.clone(),
        data_filters: snapshot.data_filters.clone(),
        column_masks: snapshot.column_masks.clone(),
        policies: snapshot.policies.clone(),
        roles: snapshot.roles.clone(),
        users: snapshot.users.clone(),
        grants: snapshot.grants.clone(),
        workgroups: snapshot.workgroups.clone(),
        keys: snapshot.keys.clone(),
        mask_key: snapshot.mask_key.clone(),
        index: Default::default(),
    }
}
