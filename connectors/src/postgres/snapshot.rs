//! How do several connections see one state of the database? One holds a transaction whose snapshot the others take over.
//!
//! While it is held, the leader's lock keeps the tables from being rewritten, so that no row changes its page. It ends when
//! nobody can read in it any more: with the last handle of a split in this process, with `release` or the deadline of the
//! query where handles have left it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio_postgres::Client;
use uuid::Uuid;

use super::{
    catalog::{self, Heap},
    error::from_postgres,
    plan::Scan,
    pool::{Lease, Pools, Seats},
    rows::Raw,
};
use crate::{
    call::CallContext,
    error::{ConnectorError, ConnectorErrorKind, Result},
};

/// A snapshot and who may read in it.
#[derive(Debug)]
pub(super) struct SnapshotLease {
    pub id: Uuid,
    /// As the server names it.
    pub snapshot: String,
    /// The heaps when it was taken.
    pub heaps: Vec<Heap>,
    seats: Seats,
    /// Of the query.
    left: Duration,
    leader: Option<Lease>,
}

impl SnapshotLease {
    /// A snapshot for so many readers; `None` if there are no connections for that now, or the table cannot be read in ranges of
    /// pages any more.
    pub(super) async fn take(cx: &CallContext, pools: &Pools, scan: &Scan, readers: usize) -> Result<Option<Self>> {
        let Some((leader, seats)) = pools.lease_group(cx, readers).await? else {
            return Ok(None);
        };
        let left = cx.deadline.left();
        let client = leader.client()?;
        // The server must not end what waits for its readers.
        let timeout = i32::try_from(left.as_millis()).unwrap_or(i32::MAX).max(1);
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = {timeout}"
        );
        client.batch_execute(&begin).await.map_err(from_postgres)?;
        // Parsing it locks the tables that it reads, until the transaction ends.
        let statement = client.prepare(&scan.text).await.map_err(from_postgres)?;
        scan.check(statement.columns())?;
        let exported = client.query_typed("SELECT pg_export_snapshot()::text", &[]).await;
        let exported = exported.map_err(from_postgres)?;
        let name: Option<String> = exported.first().and_then(|row| row.try_get(0).ok());
        let Some(heaps) = catalog::heaps(client, i64::from(scan.oid)).await? else {
            roll_back(leader).await;
            return Ok(None);
        };
        Ok(Some(Self {
            id: Uuid::new_v4(),
            snapshot: name.ok_or_else(unexpected)?,
            heaps,
            seats,
            left,
            leader: Some(leader),
        }))
    }

    /// A connection for one of the readers.
    pub(super) async fn reader(&self, cx: &CallContext) -> Result<Lease> {
        self.seats.lease(cx).await
    }
}

impl Drop for SnapshotLease {
    fn drop(&mut self) {
        if let (Some(leader), Ok(runtime)) = (self.leader.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(roll_back(leader));
        }
    }
}

async fn roll_back(leader: Lease) {
    let ended = match leader.client() {
        Ok(client) => client.batch_execute("ROLLBACK").await.is_ok(),
        Err(_) => false,
    };
    if ended {
        leader.give_back();
    }
}

/// Would the server rather use an index than read the whole table? Then parts would do the same work several times.
pub(super) async fn is_indexed(client: &Client, scan: &Scan) -> Result<bool> {
    let text = format!("EXPLAIN (FORMAT JSON) {}", scan.text);
    let parameters: Vec<_> = scan
        .parameters
        .iter()
        .map(|literal| {
            let value: &(dyn tokio_postgres::types::ToSql + Sync) = literal;
            (value, literal.kind.clone())
        })
        .collect();
    let rows = client.query_typed(&text, &parameters).await.map_err(from_postgres)?;
    let plan = rows
        .first()
        .and_then(|row| row.try_get(0).ok())
        .and_then(|Raw(plan)| plan);
    let plan: Value = serde_json::from_slice(plan.ok_or_else(unexpected)?).map_err(|_| unexpected())?;
    Ok(uses_index(&plan))
}

fn uses_index(plan: &Value) -> bool {
    match plan {
        Value::Array(all) => all.iter().any(uses_index),
        Value::Object(members) => members.iter().any(|(name, value)| match value {
            Value::String(node) if name == "Node Type" => node.contains("Index") || node.contains("Bitmap"),
            other => uses_index(other),
        }),
        _ => false,
    }
}

fn unexpected() -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::SourceFailed,
        "the catalog of the source is not as expected",
    )
}

/// Snapshots whose splits have left the process.
#[derive(Debug, Default)]
pub(super) struct Snapshots(Arc<Mutex<HashMap<Uuid, Arc<SnapshotLease>>>>);

impl Snapshots {
    /// Keeps it until it is released, or until the deadline of its query.
    pub(super) fn keep(&self, lease: &Arc<SnapshotLease>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.insert(lease.id, Arc::clone(lease)).is_some() {
            return;
        }
        let (rest, id, left) = (Arc::downgrade(&self.0), lease.id, lease.left);
        runtime.spawn(async move {
            tokio::time::sleep(left).await;
            if let Some(all) = rest.upgrade() {
                let ended = all.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                drop(ended);
            }
        });
    }

    /// One that is kept here.
    pub(super) fn kept(&self, id: Uuid) -> Option<Arc<SnapshotLease>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&id).map(Arc::clone)
    }

    /// Nobody reads in it any more.
    pub(super) fn release(&self, id: Uuid) {
        let ended = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        drop(ended);
    }
}
