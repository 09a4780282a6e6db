//! May a caller speak to a source in its own language, and what comes back? `TABLE(catalog.system.query('…'))`.
//!
//! The statement is the source's matter: nothing of it is looked at here, so that nothing in it can be governed. It is therefore for
//! those only who hold `PassthroughQuery` on the connection and to whom nothing is hidden in any table of it. Its rows are a
//! relation of the statement like any other, behind the same barrier.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use lakegate_catalog::{
    audit::AuditEvent,
    id::ObjectId,
    name::TableName,
    object::{LOCAL_LAKE, Stored},
    relation::{AbsentPolicyColumns, Catalog, Database, PartitionMode, Table},
    snapshot::TablePath,
};
use lakegate_connectors::table_spec::TableSpec;
use lakegate_policy::{Access, Action, Clear, ColumnAccess, Decision, MaskChoice, RowScope, Verdict};
use sha2::{Digest, Sha256};

use crate::{
    audit,
    authorize::{self, RelationGrant},
    behalf,
    context::QueryContext,
    discover,
    entities::{Governor, ObjectRef},
    error::{ErrorCode, QueryError, Result},
    govern::TableSource,
    identity,
    mapping::Mapped,
    parse::passthrough::SYSTEM,
    plan::Planner,
    resolve::{Relation, Target},
};

/// The right to speak to the source of a catalog, as it was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    catalog: ObjectId,
    /// Equal as long as nothing that matters has changed.
    digest: [u8; 32],
}

impl Passage {
    /// Is it decided the same again?
    #[must_use]
    pub fn holds(&self, cx: &QueryContext) -> bool {
        let catalog = cx.snapshot.catalog(&self.catalog);
        catalog.is_some_and(|catalog| {
            let governor = Governor::new(Arc::clone(&cx.snapshot), Arc::clone(&cx.policies));
            decide(cx, &governor, catalog).0.as_ref() == Some(self)
        })
    }

    /// What is kept with a result: the id of the catalog, and the digest in hex.
    #[must_use]
    pub fn kept(&self) -> (String, String) {
        (self.catalog.as_str().to_owned(), hex::encode(self.digest))
    }

    /// Would what was kept be decided the same again?
    #[must_use]
    pub fn is_kept(cx: &QueryContext, catalog: &str, digest: &str) -> bool {
        let mut bytes = [0; 32];
        hex::decode_to_slice(digest, &mut bytes).is_ok()
            && Self {
                catalog: ObjectId::from_stored(catalog),
                digest: bytes,
            }
            .holds(cx)
    }
}

/// Decides about a call; the event is to be stored in both cases.
pub(crate) fn attempt(cx: &QueryContext, governor: &Governor, name: &TableName) -> (Result<Passage>, AuditEvent) {
    let catalog = cx.snapshot.find_catalog(&name.catalog);
    let (passage, decision) = match catalog {
        Some(catalog) => decide(cx, governor, catalog),
        None => (None, None),
    };
    // One text whether the catalog is missing, hidden or closed.
    let passage = passage.ok_or_else(|| {
        let text = format!(
            "you may not query the source of catalog `{}` in its own language; it needs `PassthroughQuery` on the connection, and \
             full sight of all of its tables",
            name.catalog
        );
        QueryError::new(ErrorCode::AccessDenied, text)
    });
    let resource = format!("catalog:{}", name.catalog);
    let action = Action::PassthroughQuery.name();
    let connection = catalog.and_then(|catalog| cx.snapshot.connection(&catalog.body.connection));
    let mut event = AuditEvent {
        query_id: Some(cx.query.clone()),
        resource_id: connection.map(|connection| connection.id.as_str().to_owned()),
        decision: if passage.is_ok() { "allow" } else { "deny" }.to_owned(),
        outcome: passage
            .as_ref()
            .err()
            .map_or("ok", |error| error.code.text())
            .to_owned(),
        policies: decision.map(|decision| decision.policies).unwrap_or_default(),
        ..audit::event(&cx.caller, "query.attempt", action, &resource, &cx.snapshot)
    };
    authorize::add_evidence(cx, &mut event);
    if let Some(connection) = connection.filter(|connection| !connection.body.credentials.is_empty()) {
        let identity = identity::word(cx, connection);
        event.details.insert("source_identity".to_owned(), identity);
    }
    (passage, audit::acting(cx, event))
}

/// The right on the connection, and full sight of each of its tables that the catalog knows.
fn decide(cx: &QueryContext, governor: &Governor, catalog: &Stored<Catalog>) -> (Option<Passage>, Option<Decision>) {
    let snapshot = &cx.snapshot;
    let Some(connection) = snapshot.connection(&catalog.body.connection) else {
        return (None, None);
    };
    let object = ObjectRef::new("Connection", connection.id.as_str());
    let decision = governor.decide(&cx.caller, &cx.request, Action::PassthroughQuery, &object);
    // INVARIANT: nobody is lent it: a definer lends rows of tables.
    let open = !cx.is_lent() && decision.is_allowed() && sees_all(cx, governor, &connection.id);
    let passage = open.then(|| {
        let user = snapshot.user(&cx.caller.user).map(|user| user.version);
        let parts = serde_json::json!([
            cx.caller.user.as_str(),
            user,
            behalf::of(cx),
            connection.id.as_str(),
            connection.version,
            identity::word(cx, connection),
        ]);
        Passage {
            catalog: catalog.id.clone(),
            digest: Sha256::digest(parts.to_string().as_bytes()).into(),
        }
    });
    (passage, Some(decision))
}

/// INVARIANT: no row, cell or column of a table of the connection is hidden from the caller, whatever catalog shows it; nor would
/// one be that no catalog has found yet.
fn sees_all(cx: &QueryContext, governor: &Governor, connection: &ObjectId) -> bool {
    let snapshot = &cx.snapshot;
    let mut catalogs = snapshot
        .catalogs
        .iter()
        .filter(|catalog| catalog.body.connection == *connection);
    catalogs.all(|catalog| {
        let unknown = ObjectRef::undiscovered_table(catalog.id.as_str(), None);
        let finds = governor.decide(&cx.caller, &cx.request, Action::Select, &unknown);
        let databases = snapshot.databases_of(&catalog.id);
        let mut tables = databases.iter().flat_map(|database| snapshot.tables_of(&database.id));
        finds.is_allowed() && tables.all(|table| is_clear(cx, &table.id))
    })
}

/// All of it is the caller's to see, or it is not at the source any more.
fn is_clear(cx: &QueryContext, table: &ObjectId) -> bool {
    let path = cx.snapshot.relation_path(table);
    path.is_none_or(|path| authorize::decide(cx, &path).is_ok_and(|grant| grant.is_unrestricted()))
}

/// Describes the statement at its source. Its columns are clear: what they are computed from is.
pub(crate) async fn open(
    planner: &Planner<'_>,
    cx: &Arc<QueryContext>,
    passage: &Passage,
    relation: &Relation,
) -> Result<(RelationGrant, TableSource)> {
    let Target::Passthrough(text) = &relation.target else {
        return Err(QueryError::internal("a table was taken for a statement"));
    };
    let gone = || QueryError::internal("the catalog of a statement is gone");
    let catalog = cx.snapshot.catalog(&passage.catalog).ok_or_else(gone)?;
    let reached = planner.discovery.reach_for(cx, catalog)?;
    let spec = planner.discovery.statement(&reached, text).await?;
    let grant = granted(cx, passage, catalog, &relation.name, &spec).ok_or_else(gone)?;
    let source = TableSource::Connector {
        connector: reached.connector,
        connection: reached.connection,
        spec: Arc::new(spec),
    };
    Ok((grant, source))
}

fn granted(
    cx: &QueryContext,
    passage: &Passage,
    catalog: &Arc<Stored<Catalog>>,
    name: &TableName,
    spec: &TableSpec,
) -> Option<RelationGrant> {
    let columns = discover::columns(spec, &[]);
    let table = Table {
        format: None,
        location: None,
        columns,
        inferred: false,
        partitions: PartitionMode::None,
        options: BTreeMap::new(),
        comment: None,
        owner: None,
        tags: BTreeMap::new(),
        absent_policy_columns: AbsentPolicyColumns::default(),
        remote: None,
    };
    let database = stored(Some(&catalog.id), SYSTEM, Database::default());
    let path = TablePath {
        catalog: Arc::clone(catalog),
        connection: Arc::clone(cx.snapshot.connection(&catalog.body.connection)?),
        table: Arc::new(stored(Some(&database.id), &name.table, table)),
        database: Arc::new(database),
        view: None,
    };
    let leaves = authorize::leaves(&path.table);
    let columns = leaves.iter().map(|leaf| ColumnAccess {
        id: leaf.id.as_str().to_owned(),
        clear: Clear::Always,
        mask: MaskChoice::None,
    });
    let access = Access {
        gate: Verdict::Allow,
        select: true,
        rows: RowScope::All,
        restrictive: Vec::new(),
        columns: columns.collect(),
        bypassed: Vec::new(),
        policies: Vec::new(),
        errors: Vec::new(),
        alerts: Vec::new(),
        joint: None,
    };
    Some(RelationGrant {
        path,
        access: Arc::new(access),
        conditions: BTreeMap::new(),
        other_conditions: BTreeMap::new(),
        can_describe: true,
        read_stats: true,
        digest: authorize::digest(cx.snapshot.version, &passage.digest),
        decision: passage.digest,
        sight: passage.digest,
        epoch: cx.snapshot.version,
        mapped: Mapped::new(),
        bases: Vec::new(),
        broken: None,
        others: Vec::new(),
    })
}

/// An object of this statement only.
fn stored<B>(parent: Option<&ObjectId>, name: &str, body: B) -> Stored<B> {
    let then = DateTime::<Utc>::UNIX_EPOCH;
    Stored {
        id: ObjectId::new(),
        parent: parent.cloned(),
        name: name.to_owned(),
        version: 1,
        lake: LOCAL_LAKE.to_owned(),
        created_at: then,
        updated_at: then,
        body,
    }
}
