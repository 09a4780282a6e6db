//! Would somebody read the files of another table through one of their own? governance.md §6.4.
//!
//! Filters and masks stand on tables, not on files: a second table over the same files shows them raw. So nobody makes a table, or
//! moves one, onto files of a stored table that they do not see whole, unless they may manage policies. That a location is taken
//! cannot be hidden from who tries it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use lakegate_catalog::{
    Store, StoreError,
    connection::Connection,
    id::ObjectId,
    object::{Kind, Stored},
    relation::{Catalog, Database, PartitionMode, Table},
    snapshot::{Snapshot, TablePath},
};
use lakegate_policy::Action;
use lakegate_query::{
    authorize,
    context::{Caller, QueryContext, request_context},
    entities::{Governor, ObjectRef},
};

use super::{ApplyError, change::Change, commit::store_problem, draft::Draft};

/// Tables that a draft makes on files of others, or moves onto them.
#[derive(Debug, Default)]
pub(crate) struct Overlaps(HashSet<ObjectId>);

impl Overlaps {
    /// Those that its applier may not make.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn of(
        store: &Store,
        (governor, caller): (&Governor, &Caller),
        draft: &Draft,
    ) -> Result<Self, ApplyError> {
        // Before all places are compared: who administers a big lake changes it often.
        if manages_policies(governor, caller) {
            return Ok(Self::default());
        }
        let mut places = Places::default();
        let moved = moved(&mut places, draft);
        if moved.is_empty() {
            return Ok(Self::default());
        }
        let taken = Taken::by(store, &mut places, &draft.before)
            .await
            .map_err(|error| store_problem(&error))?;
        let governor = Governor::new(Arc::clone(&draft.before), Arc::clone(governor.policies()));
        let closed = moved
            .into_iter()
            .filter(|(table, place)| taken.is_closed_to((&governor, caller), place, table));
        Ok(Self(closed.map(|(table, _)| table).collect()))
    }

    /// Whether a change puts a table there: of the table itself, of a partition of it, or of what it lies in.
    pub(crate) fn are_made_by(&self, draft: &Draft, change: &Change) -> bool {
        let has_partition = |table: &ObjectId| {
            let partitions = draft.partitions.get(table).into_iter().flatten();
            partitions.into_iter().any(|partition| partition.id == change.id)
        };
        self.0.iter().any(|table| match change.kind {
            Kind::Table => *table == change.id,
            Kind::Partition => has_partition(table),
            Kind::Database | Kind::Catalog | Kind::Connection => lies_in(&draft.after, table, &change.id),
            _ => false,
        })
    }
}

/// Whether a folder lies among files of a table other than its own that the caller does not see whole.
///
/// # Errors
/// Those of the store.
pub(crate) async fn is_closed(
    store: &Store,
    (governor, caller): (&Governor, &Caller),
    path: &TablePath,
    location: &str,
) -> Result<bool, StoreError> {
    if manages_policies(governor, caller) {
        return Ok(false);
    }
    let mut places = Places::default();
    let Some(place) = places.below(&path.connection, &[location]) else {
        return Ok(false);
    };
    let taken = Taken::by(store, &mut places, governor.snapshot()).await?;
    Ok(taken.is_closed_to((governor, caller), &place, &path.table.id))
}

/// Whether a database, catalog or connection is what a table lies in.
pub(super) fn lies_in(snapshot: &Snapshot, table: &ObjectId, container: &ObjectId) -> bool {
    let found = snapshot.table(table).and_then(|table| above(snapshot, table));
    found
        .is_some_and(|(connection, catalog, database)| [&connection.id, &catalog.id, &database.id].contains(&container))
}

pub(super) fn manages_policies(governor: &Governor, caller: &Caller) -> bool {
    let store = ObjectRef::policy_store();
    governor
        .decide(caller, &request_context(caller), Action::ManagePolicy, &store)
        .is_allowed()
}

/// Tables whose files lie elsewhere than before, and where.
fn moved(places: &mut Places, draft: &Draft) -> Vec<(ObjectId, String)> {
    let mut moved = Vec::new();
    for table in &draft.after.tables {
        let after = places.of_table(&draft.after, table);
        let known = draft.before.table(&table.id);
        let before = known.and_then(|known| places.of_table(&draft.before, known));
        moved.extend(
            after
                .filter(|after| before.as_ref() != Some(after))
                .map(|after| (table.id.clone(), after)),
        );
    }
    for (table, partitions) in &draft.partitions {
        let Some((connection, ..)) = draft.after.table(table).and_then(|table| above(&draft.after, table)) else {
            continue;
        };
        let known = draft.partitions_before.get(table);
        let is_known = |location: &String| {
            known
                .into_iter()
                .flatten()
                .any(|known| known.body.location == *location)
        };
        let locations = partitions.iter().map(|partition| &partition.body.location);
        for location in locations.filter(|location| is_absolute(location) && !is_known(location)) {
            moved.extend(
                places
                    .below(connection, &[location])
                    .map(|place| (table.clone(), place)),
            );
        }
    }
    moved
}

/// Where the files of all stored tables are.
struct Taken(BTreeMap<String, Vec<ObjectId>>);

impl Taken {
    async fn by(store: &Store, places: &mut Places, snapshot: &Snapshot) -> Result<Self, StoreError> {
        let mut taken = Self(BTreeMap::new());
        for table in &snapshot.tables {
            taken.add(places.of_table(snapshot, table), table);
            if table.body.partitions != PartitionMode::Declared {
                continue;
            }
            let Some((connection, ..)) = above(snapshot, table) else {
                continue;
            };
            for partition in store.partitions(&table.id).await? {
                if is_absolute(&partition.body.location) {
                    taken.add(places.below(connection, &[&partition.body.location]), table);
                }
            }
        }
        Ok(taken)
    }

    fn add(&mut self, place: Option<String>, table: &Stored<Table>) {
        if let Some(place) = place {
            self.0.entry(place).or_default().push(table.id.clone());
        }
    }

    /// The tables with files at, above or below a place.
    fn around(&self, place: &str) -> impl Iterator<Item = &ObjectId> {
        let above = place.match_indices('/').filter_map(|(at, _)| place.get(..=at));
        let above = above
            .filter(|above| *above != place)
            .filter_map(|above| self.0.get(above));
        let below = self
            .0
            .range(place.to_owned()..)
            .take_while(|(other, _)| other.starts_with(place));
        let found: Vec<&Vec<ObjectId>> = above.chain(below.map(|(_, tables)| tables)).collect();
        found.into_iter().flatten()
    }

    fn is_closed_to(&self, (governor, caller): (&Governor, &Caller), place: &str, own: &ObjectId) -> bool {
        let cx = QueryContext::observing(governor, caller);
        let sees_whole = |table: &ObjectId| {
            let path = governor.snapshot().table_path(table);
            path.is_some_and(|path| authorize::decide(&cx, &path).is_ok_and(|grant| grant.is_unrestricted()))
        };
        self.around(place).any(|other| other != own && !sees_whole(other))
    }
}

/// Places as text: `s3:/bucket/a/b/`, `file:/data/a/b/`. One is above another if it begins it.
#[derive(Default)]
pub(super) struct Places {
    /// Of local roots, as they are written: links are followed once.
    canonical: HashMap<String, String>,
}

impl Places {
    /// `None`: its rows lie in no files, or nobody can read them.
    pub(super) fn of_table(&mut self, snapshot: &Snapshot, table: &Stored<Table>) -> Option<String> {
        table.body.format?;
        let (connection, _, database) = above(snapshot, table)?;
        let location = table.body.location.as_deref().unwrap_or_default();
        self.below(
            connection,
            &[database.body.location.as_deref().unwrap_or_default(), location],
        )
    }

    /// Each location lies below the one before it, unless it is absolute.
    fn below(&mut self, connection: &Stored<Connection>, locations: &[&str]) -> Option<String> {
        let written = connection.body.options.get("root")?.as_str()?;
        let root = match written.strip_prefix("s3://") {
            Some(rest) => format!("s3:/{rest}"),
            None => self.local(
                connection.body.directory.as_deref(),
                written.strip_prefix("file://").unwrap_or(written),
            ),
        };
        let mut place = root.clone();
        for location in locations {
            place = match location.strip_prefix("s3://") {
                Some(rest) => format!("s3:/{rest}"),
                None if is_absolute(location) => {
                    self.absolute(location.strip_prefix("file://").unwrap_or(location), written, &root)
                }
                None => format!("{place}/{location}"),
            };
        }
        let segments: Vec<&str> = place.split('/').filter(|segment| !segment.is_empty()).collect();
        Some(segments.join("/") + "/")
    }

    /// A path that begins as the root is written lies below the root, wherever that leads.
    fn absolute(&self, path: &str, written: &str, root: &str) -> String {
        let written = written.strip_prefix("file://").unwrap_or(written);
        match path.strip_prefix(written.trim_end_matches('/')) {
            Some(rest) if written.starts_with('/') && (rest.is_empty() || rest.starts_with('/')) => {
                format!("{root}{rest}")
            }
            _ => format!("file:{path}"),
        }
    }

    fn local(&mut self, directory: Option<&str>, root: &str) -> String {
        let path = directory.map_or_else(|| root.into(), |directory| std::path::Path::new(directory).join(root));
        let written = path.to_string_lossy().into_owned();
        let follow = || {
            path.canonicalize()
                .map_or_else(|_| written.clone(), |path| path.to_string_lossy().into_owned())
        };
        format!("file:{}", self.canonical.entry(written.clone()).or_insert_with(follow))
    }
}

/// Whether a location stands for itself, and not below what its object lies in.
pub(crate) fn is_absolute(location: &str) -> bool {
    location.contains("://") || location.starts_with('/')
}

type Above<'a> = (&'a Stored<Connection>, &'a Stored<Catalog>, &'a Stored<Database>);

/// What a table lies in.
fn above<'a>(snapshot: &'a Snapshot, table: &Stored<Table>) -> Option<Above<'a>> {
    let database = snapshot.database(table.parent.as_ref()?)?;
    let catalog = snapshot.catalog(database.parent.as_ref()?)?;
    let connection = snapshot.connection(&catalog.body.connection)?;
    Some((connection, catalog, database))
}
