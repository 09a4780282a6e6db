//! What became of the queries of a process that died? They have failed, and nobody pays for them.

use sqlx::AssertSqlSafe;

use crate::{
    audit::AuditEvent,
    error::Result,
    record::{QueryEnd, QueryFailure, QueryRecord, QueryState, Usage},
    store::{
        Store,
        cell::now,
        ledger::{Ending, enter},
        queries::{COLUMNS, read},
    },
};

/// Code of a query whose server died.
const SERVER_LOST: &str = "SERVER_LOST";

impl Store {
    /// Ends every open query of a lost node as `FAILED(SERVER_LOST)`: retryable, billed 0, with the figures of its last
    /// checkpoint, its usage row and an audit event `query.outcome`; all in one transaction. Lost is a node without a
    /// good lease; in an embedded store every other node than `node`. A second call finds nothing more. Answers with
    /// the ids, oldest first.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn recover_lost(&self, node: &str) -> Result<Vec<String>> {
        let mut chain = self.inner.chain().await;
        let mut tx = self.inner.database.begin().await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM queries WHERE state IN ('QUEUED', 'RUNNING') AND node <> $1 AND {} \
             ORDER BY submitted_at, id",
            self.node_is_lost()
        );
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(node).fetch_all(&mut *tx).await?;
        let (mut lost, mut events) = (Vec::new(), Vec::new());
        for row in &rows {
            let record = read(row)?;
            let end = ending(&record);
            // Another process may recover at the same time: each query is ended by one of them.
            if enter(&mut tx, &Ending::of(&end)?).await? {
                events.push(outcome(&record, &end));
                lost.push(record.id);
            }
        }
        chain.append(&mut tx, &events).await?;
        self.forget_lapsed(&mut tx).await?;
        tx.commit().await?;
        chain.settle();
        Ok(lost)
    }
}

fn ending(record: &QueryRecord) -> QueryEnd {
    QueryEnd {
        id: record.id.clone(),
        state: QueryState::Failed,
        ended_at: now(),
        failure: Some(QueryFailure {
            code: SERVER_LOST.to_owned(),
            message: "the server that ran the query was lost".to_owned(),
            retryable: true,
            line: None,
            column: None,
        }),
        usage: Usage {
            billed_bytes: 0,
            ..record.usage.clone()
        },
        result: None,
    }
}

fn outcome(record: &QueryRecord, end: &QueryEnd) -> AuditEvent {
    let acting = record.on_behalf_of.as_ref().map(|user| {
        let id = ("on_behalf_of_id".to_owned(), user.id.clone());
        [("on_behalf_of".to_owned(), user.name.clone()), id]
    });
    AuditEvent {
        time: end.ended_at,
        kind: "query.outcome".to_owned(),
        principal: record.principal.clone(),
        principal_id: record.principal_id.clone(),
        method: "internal".to_owned(),
        address: None,
        door: record.door.clone(),
        action: "submit-query".to_owned(),
        resource: format!("workgroup:{}", record.workgroup),
        resource_id: None,
        decision: "allow".to_owned(),
        outcome: SERVER_LOST.to_owned(),
        policies: Vec::new(),
        filters: Vec::new(),
        restrictive: Vec::new(),
        masks: Default::default(),
        hidden: Vec::new(),
        snapshot_version: record.snapshot_version,
        policy_version: record.policy_version,
        query_id: Some(record.id.clone()),
        trace_id: None,
        rows: None,
        bytes: None,
        details: acting.into_iter().flatten().collect(),
    }
}
