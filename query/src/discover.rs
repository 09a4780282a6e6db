//! What does a discovered catalog hold now? Tables are described when they are named, and get ids that last.
//!
//! A description is kept for a minute per (connection version, name). A table that is new at the source gets a fresh id for
//! itself and its columns; one that changed keeps the ids of what kept its name; one that vanished, or was re-created, is
//! retired: its id, and whatever was granted on it, is never used again.

mod reached;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use lakegate_catalog::{
    Store, StoreError,
    change::{ChangeSet, Put},
    connection::Connection as StoredConnection,
    id::ObjectId,
    name::TableName,
    object::{LOCAL_LAKE, Stored},
    relation::{Catalog, Column, Database, PartitionMode, RemoteTable, Table},
    snapshot::Snapshot,
};
use lakegate_connectors::{
    connector::{DescribeRequest, DescribeResponse},
    error::{ConnectorError, ConnectorErrorKind},
    registry::Registry,
    split::Page,
    table_spec::{RemoteName, TableSpec},
};

pub use self::reached::Reached;
use crate::{
    connection::Connections,
    context::QueryContext,
    engine_error::connector_error,
    error::{QueryError, Result},
    figures::CacheCount,
    identity::{self, SourceIdentity},
    signal::Signals,
    type_name::type_text,
};

/// How long a description is believed.
const FRESH: Duration = Duration::from_secs(60);
/// How long a missing table is believed to be missing.
const FRESH_MISSING: Duration = Duration::from_secs(5);
/// How long a source may take to describe a table.
const PATIENCE: Duration = Duration::from_secs(15);
/// Times that a commit is tried again when somebody else changed the catalog meanwhile.
const ATTEMPTS: usize = 5;

/// What one source said about one table.
#[derive(Clone, Debug)]
enum Described {
    Table(Arc<TableSpec>),
    Missing,
}

impl Described {
    /// How long it is believed. What is missing may be made at any moment, but asking each time would tell it from what is
    /// known and hidden.
    fn fresh(&self) -> Duration {
        match self {
            Self::Table(_) => FRESH,
            Self::Missing => FRESH_MISSING,
        }
    }
}

type SpecKey = (String, u64, String, String);

/// Descriptions of discovered tables.
#[derive(Debug)]
pub struct Discovery {
    store: Store,
    registry: Arc<Registry>,
    connections: Arc<Connections>,
    specs: Mutex<HashMap<SpecKey, (Instant, Described)>>,
    /// When a catalog (or a database of it) was listed last.
    lists: Mutex<HashMap<(String, String), Instant>>,
    count: CacheCount,
    signals: Signals,
}

impl Discovery {
    /// Discovery over the connections of the catalog.
    #[must_use]
    pub fn new(store: Store, registry: Arc<Registry>, connections: Arc<Connections>, signals: Signals) -> Self {
        Self {
            store,
            registry,
            connections,
            specs: Mutex::default(),
            lists: Mutex::default(),
            count: CacheCount::default(),
            signals,
        }
    }

    /// Hits and misses: connections with their secrets, and descriptions of tables.
    pub(crate) fn caches(&self) -> [(u64, u64); 2] {
        [self.connections.requests(), self.count.get()]
    }

    /// Connector and connection behind a catalog, with the connection's own credential: for what is the same for everybody.
    ///
    /// # Errors
    /// `SOURCE_ACCESS_DENIED` when the credential cannot be resolved, `NOT_SUPPORTED` for an unknown connector.
    pub fn reach(&self, snapshot: &Snapshot, catalog: &Stored<Catalog>) -> Result<Reached> {
        self.reach_as(catalog, stored(snapshot, catalog)?, SourceIdentity::Connection)
    }

    /// Connector and connection behind a catalog, with the credential that the caller of `cx` reads with.
    ///
    /// # Errors
    /// Those of [`Discovery::reach`], and `SOURCE_ACCESS_DENIED` where the connection has no credential for the caller.
    pub(crate) fn reach_for(&self, cx: &QueryContext, catalog: &Stored<Catalog>) -> Result<Reached> {
        let stored = stored(&cx.snapshot, catalog)?;
        self.reach_as(catalog, stored, identity::of(cx, stored)?)
    }

    fn reach_as(
        &self,
        catalog: &Stored<Catalog>,
        stored: &Stored<StoredConnection>,
        identity: SourceIdentity,
    ) -> Result<Reached> {
        let connector = self
            .registry
            .connector(&stored.body.connector)
            .map_err(|error| public(&error))?;
        Ok(Reached {
            name: stored.name.clone(),
            catalog: catalog.name.clone(),
            signals: self.signals.clone(),
            connector: Arc::clone(connector),
            connection: self.connections.open_as(stored, identity)?,
        })
    }

    /// Makes the catalog agree with the source about one table. Answers the snapshot to go on with.
    ///
    /// # Errors
    /// When the source cannot be asked; a table that is not there is no error.
    pub async fn refresh(&self, snapshot: Arc<Snapshot>, name: &TableName) -> Result<Arc<Snapshot>> {
        let Some(catalog) = snapshot
            .find_catalog(&name.catalog)
            .filter(|catalog| catalog.body.discover)
            .cloned()
        else {
            return Ok(snapshot);
        };
        let reached = self.reach(&snapshot, &catalog)?;
        let described = self.describe(&reached, &name.database, &name.table).await?;
        let mut snapshot = snapshot;
        for _ in 0..ATTEMPTS {
            let Some(change) = difference(&snapshot, &catalog, name, &described)? else {
                return Ok(snapshot);
            };
            match self.store.commit(change).await {
                Ok(_) | Err(StoreError::Conflict { .. } | StoreError::AlreadyExists { .. }) => {
                    snapshot = self.store.snapshot().await.map_err(crate::store_error)?;
                }
                Err(error) => return Err(crate::store_error(error)),
            }
        }
        Ok(snapshot)
    }

    /// Makes the catalog agree with the source about what a discovered catalog (or one database of it) holds.
    ///
    /// # Errors
    /// When the source cannot be asked.
    pub async fn list(&self, snapshot: Arc<Snapshot>, catalog: &str, database: Option<&str>) -> Result<Arc<Snapshot>> {
        let Some(found) = snapshot
            .find_catalog(catalog)
            .filter(|found| found.body.discover)
            .cloned()
        else {
            return Ok(snapshot);
        };
        let key = (
            found.id.as_str().to_owned(),
            database.unwrap_or_default().to_lowercase(),
        );
        if let Ok(lists) = self.lists.lock()
            && lists.get(&key).is_some_and(|since| since.elapsed() < FRESH)
        {
            return Ok(snapshot);
        }
        let reached = self.reach(&snapshot, &found)?;
        let mut snapshot = snapshot;
        for remote in self.databases(&reached).await? {
            if database.is_some_and(|database| !database.eq_ignore_ascii_case(&remote)) {
                continue;
            }
            for table in self.tables(&reached, &remote).await? {
                let name = TableName::new(catalog, &remote, &table);
                match self.refresh(Arc::clone(&snapshot), &name).await {
                    Ok(newer) => snapshot = newer,
                    // One table that cannot be described hides no other, and shows itself to nobody.
                    Err(error) => {
                        tracing::warn!(table = %name, cause = %error.log_text(), "a table cannot be described")
                    }
                }
            }
        }
        if let Ok(mut lists) = self.lists.lock() {
            lists.insert(key, Instant::now());
        }
        Ok(snapshot)
    }

    /// The description of a table, if it is there; at most a minute old.
    ///
    /// # Errors
    /// When the source cannot be asked.
    pub async fn spec(&self, reached: &Reached, database: &str, table: &str) -> Result<Option<Arc<TableSpec>>> {
        Ok(match self.describe(reached, database, table).await? {
            Described::Table(spec) => Some(spec),
            Described::Missing => None,
        })
    }

    /// The description of a statement in the source's own language; asked anew each time.
    ///
    /// # Errors
    /// `NOT_SUPPORTED` where the connector takes none, and what the source has against it.
    pub(crate) async fn statement(&self, reached: &Reached, text: &str) -> Result<TableSpec> {
        let request = DescribeRequest::Query(text.to_owned());
        match reached.ask(request).await.map_err(|error| public(&error))? {
            DescribeResponse::Table(spec) => Ok(*spec),
            _ => Err(QueryError::internal("the connector answered another question")),
        }
    }

    /// Names of the databases of a discovered catalog, as the source spells them.
    ///
    /// # Errors
    /// When the source cannot be asked.
    pub async fn databases(&self, reached: &Reached) -> Result<Vec<String>> {
        self.names(reached, DescribeRequest::Databases).await
    }

    /// Names of the tables of a database, as the source spells them.
    ///
    /// # Errors
    /// When the source cannot be asked.
    pub async fn tables(&self, reached: &Reached, database: &str) -> Result<Vec<String>> {
        let database = RemoteName::database(database);
        self.names(reached, |page| DescribeRequest::Tables {
            database: database.clone(),
            page,
        })
        .await
    }

    /// Asks the source whether it is there and accepts the credential.
    ///
    /// # Errors
    /// What is wrong, in our words.
    pub async fn ping(&self, reached: &Reached) -> Result<()> {
        let pong = reached.ask(DescribeRequest::Ping).await;
        pong.map(|_| ()).map_err(|error| public(&error))
    }

    async fn names(&self, reached: &Reached, request: impl Fn(Page) -> DescribeRequest) -> Result<Vec<String>> {
        let mut all = Vec::new();
        let mut token = None;
        loop {
            let page = Page {
                token: token.take(),
                size: None,
            };
            let answer = reached.ask(request(page)).await.map_err(|error| public(&error))?;
            let DescribeResponse::Names { names, next } = answer else {
                return Err(QueryError::internal("the connector answered another question"));
            };
            all.extend(names.into_iter().map(|name| name.name));
            match next {
                Some(next) => token = Some(next),
                None => return Ok(all),
            }
        }
    }

    async fn describe(&self, reached: &Reached, database: &str, table: &str) -> Result<Described> {
        let key = (
            reached.connection.id.clone(),
            reached.connection.version,
            database.to_owned(),
            table.to_owned(),
        );
        if let Ok(specs) = self.specs.lock()
            && let Some((since, described)) = specs.get(&key)
            && since.elapsed() < described.fresh()
        {
            self.count.hit();
            return Ok(described.clone());
        }
        self.count.missed();
        let request = DescribeRequest::Table(RemoteName::table(database, table));
        let described = match reached.ask(request).await {
            Ok(DescribeResponse::Table(spec)) => Described::Table(Arc::new(*spec)),
            Ok(_) => return Err(QueryError::internal("the connector answered another question")),
            Err(error) if error.kind() == ConnectorErrorKind::NotFound => Described::Missing,
            Err(error) => return Err(public(&error)),
        };
        if let Ok(mut specs) = self.specs.lock() {
            specs.retain(|_, (since, described)| since.elapsed() < described.fresh());
            specs.insert(key, (Instant::now(), described.clone()));
        }
        Ok(described)
    }
}

fn stored<'a>(snapshot: &'a Snapshot, catalog: &Stored<Catalog>) -> Result<&'a Stored<StoredConnection>> {
    let found = snapshot.connection(&catalog.body.connection);
    found
        .map(AsRef::as_ref)
        .ok_or_else(|| QueryError::internal(format!("catalog `{}` has no connection", catalog.name)))
}

fn public(error: &ConnectorError) -> QueryError {
    let (code, message) = connector_error(error);
    let cause = std::iter::successors(std::error::Error::source(error), |cause| cause.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ");
    QueryError::new(code, message).because(cause)
}

/// What has to be stored so that the catalog agrees with the source; `None`: it agrees.
fn difference(
    snapshot: &Snapshot,
    catalog: &Stored<Catalog>,
    name: &TableName,
    described: &Described,
) -> Result<Option<ChangeSet>> {
    let database = snapshot.find_database(&name.catalog, &name.database);
    let path = snapshot.find_table(name);
    let stored = path.as_ref().map(|path| path.table.as_ref());
    let mut puts = Vec::new();
    match (described, stored) {
        (Described::Missing, None) => return Ok(None),
        (Described::Missing, Some(table)) => puts.push(retire(table)?),
        (Described::Table(spec), Some(table)) => {
            let remote = remote(spec);
            let same_object = table
                .body
                .remote
                .as_ref()
                .is_none_or(|known| known.source_id == remote.source_id || known.source_id.is_none());
            if same_object {
                // INVARIANT: what a sample shows of hidden rows reaches nobody through names and types of columns.
                let columns = if is_undeclared(snapshot, table, spec) {
                    table.body.columns.clone()
                } else {
                    columns(spec, &table.body.columns)
                };
                let known = table.body.remote.as_ref();
                let same = same_columns(&columns, &table.body.columns) && known.is_some_and(|known| *known == remote);
                // INVARIANT: a column that a policy uses never leaves by itself. The stored table no longer fits its source
                // then, and is denied until somebody repairs it; a column of the same name would be another one.
                if same || loses_governed(snapshot, table, &columns) {
                    return Ok(None);
                }
                let mut changed = table.clone();
                changed.body.columns = columns;
                changed.body.remote = Some(remote);
                puts.push(Put::update(&changed).map_err(crate::store_error)?);
            } else {
                puts.push(retire(table)?);
                puts.push(create(&table.parent, name, spec)?);
            }
        }
        (Described::Table(spec), None) => {
            let parent = match database {
                Some(database) => database.id.clone(),
                None => {
                    let id = ObjectId::new();
                    let remote_name = spec.name.database.clone();
                    let body = Database {
                        discovered: true,
                        remote_name,
                        ..Database::default()
                    };
                    let put = Put::create_as(id.clone(), Some(&catalog.id), &name.database, LOCAL_LAKE, &body);
                    puts.push(put.map_err(crate::store_error)?);
                    id
                }
            };
            puts.push(create(&Some(parent), name, spec)?);
        }
    }
    Ok(Some(ChangeSet {
        expected_version: Some(snapshot.version),
        puts,
        principal: "discovery".to_owned(),
        ..ChangeSet::default()
    }))
}

/// Whether its columns follow from all rows of a table of which somebody may see part only.
pub(crate) fn is_undeclared(snapshot: &Snapshot, table: &Stored<Table>, spec: &TableSpec) -> bool {
    spec.sampled && snapshot.is_filtered_or_masked(&table.id)
}

fn retire(table: &Stored<Table>) -> Result<Put> {
    let mut retired = table.clone();
    let remote = retired.body.remote.get_or_insert_with(|| RemoteTable {
        database: String::new(),
        table: table.name.clone(),
        source_id: None,
        retired: false,
        sampled: false,
    });
    remote.retired = true;
    Put::update(&retired).map_err(crate::store_error)
}

fn create(parent: &Option<ObjectId>, name: &TableName, spec: &TableSpec) -> Result<Put> {
    let body = Table {
        format: None,
        location: None,
        columns: columns(spec, &[]),
        inferred: false,
        partitions: PartitionMode::None,
        options: BTreeMap::new(),
        comment: None,
        owner: None,
        tags: BTreeMap::new(),
        absent_policy_columns: lakegate_catalog::relation::AbsentPolicyColumns::Deny,
        remote: Some(remote(spec)),
    };
    Put::create(parent.as_ref(), &name.table, LOCAL_LAKE, &body).map_err(crate::store_error)
}

fn remote(spec: &TableSpec) -> RemoteTable {
    RemoteTable {
        database: spec.name.database.clone().unwrap_or_default(),
        table: spec.name.name.clone(),
        source_id: spec.version.as_ref().map(|version| version.0.clone()),
        retired: false,
        sampled: spec.sampled,
    }
}

/// The source's columns, with ids, tags and comments of those that were known under the same name.
pub(crate) fn columns(spec: &TableSpec, known: &[Column]) -> Vec<Column> {
    spec.schema
        .fields()
        .iter()
        .map(|field| {
            let name = field.name().to_lowercase();
            let remote_name = (name != *field.name()).then(|| field.name().clone());
            let data_type = type_text(field.data_type());
            match known.iter().find(|column| column.name == name) {
                Some(column) => Column {
                    data_type,
                    remote_name,
                    nullable: field.is_nullable(),
                    ..column.clone()
                },
                None => Column {
                    id: ObjectId::new(),
                    name,
                    remote_name,
                    data_type,
                    nullable: field.is_nullable(),
                    comment: None,
                    tags: BTreeMap::new(),
                    partition: false,
                },
            }
        })
        .collect()
}

/// Would a column go that a filter reads or lists, or that is masked, itself or a field of it?
fn loses_governed(snapshot: &Snapshot, table: &Stored<Table>, columns: &[Column]) -> bool {
    let kept = |id: &ObjectId| columns.iter().any(|kept| kept.id == *id);
    let mut gone = table.body.columns.iter().filter(|known| !kept(&known.id));
    gone.any(|column| !snapshot.users_of_column(&table.id, &column.id).is_empty())
}

/// Names, types and order; nullability alone is no drift.
fn same_columns(left: &[Column], right: &[Column]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).all(|(left, right)| {
            left.name == right.name && left.data_type == right.data_type && left.remote_name == right.remote_name
        })
}
