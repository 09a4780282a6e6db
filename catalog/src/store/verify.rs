//! Is the audit trail whole? Walks every chain and names the first record that is not what was written.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use sqlx::{Row, any::AnyRow};

use crate::{
    audit::{
        AuditEvent, AuditFault, AuditFaultKind, AuditVerification,
        chain::{genesis, link},
    },
    error::Result,
    store::{Store, audit::Head, cell::time_text},
};

const RECORDS: &str = "SELECT position, stream, seq, prev, hash, body, event_time, principal, principal_id, action, \
     resource, decision, query_id FROM audit_events ORDER BY stream, seq";

/// Where the walk stands in one chain.
struct Walk {
    stream: String,
    seq: i64,
    hash: String,
    position: i64,
}

impl Store {
    /// Walks every chain from its first record to its head, in one state of the database.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`. A bad record is not an error but the result.
    pub async fn verify_audit(&self) -> Result<AuditVerification> {
        let mut tx = self.inner.database.begin_read().await?;
        let mut heads = BTreeMap::new();
        for row in sqlx::query("SELECT stream, seq, hash FROM audit_streams")
            .fetch_all(&mut *tx)
            .await?
        {
            heads.insert(
                row.try_get::<String, _>(0)?,
                Head {
                    seq: row.try_get(1)?,
                    hash: row.try_get(2)?,
                },
            );
        }
        let mut report = AuditVerification::default();
        let mut walk: Option<Walk> = None;
        let mut rows = sqlx::query(RECORDS).fetch(&mut *tx);
        while let Some(row) = rows.try_next().await? {
            let stream: String = row.try_get(1)?;
            if walk.as_ref().is_none_or(|walk| walk.stream != stream) {
                report.fault = walk.take().and_then(|walk| walk.end(&mut heads));
                walk = Some(Walk::begin(stream));
                report.streams += 1;
            }
            if let (None, Some(walk)) = (&report.fault, &mut walk) {
                report.fault = walk.step(&row)?;
            }
            if report.fault.is_some() {
                return Ok(report);
            }
            report.records += 1;
        }
        report.fault = walk.and_then(|walk| walk.end(&mut heads)).or_else(|| {
            // Chains that are gone as a whole.
            heads.pop_first().map(|(stream, _)| AuditFault {
                stream,
                seq: 1,
                kind: AuditFaultKind::TornTail,
            })
        });
        Ok(report)
    }
}

impl Walk {
    fn begin(stream: String) -> Self {
        Self {
            hash: genesis(&stream),
            stream,
            seq: 0,
            position: 0,
        }
    }

    fn fault(&self, kind: AuditFaultKind) -> Option<AuditFault> {
        Some(AuditFault {
            stream: self.stream.clone(),
            seq: self.seq,
            kind,
        })
    }

    /// Goes to the next record.
    fn step(&mut self, row: &AnyRow) -> Result<Option<AuditFault>> {
        self.seq += 1;
        let (position, seq): (i64, i64) = (row.try_get(0)?, row.try_get(2)?);
        let (prev, hash, body): (String, String, String) = (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
        if seq != self.seq {
            return Ok(self.fault(AuditFaultKind::Missing));
        }
        if prev != self.hash || position <= self.position {
            return Ok(self.fault(AuditFaultKind::Misplaced));
        }
        if link(&prev, &body).as_ref() != Some(&hash) || !copies_agree(row, &body)? {
            return Ok(self.fault(AuditFaultKind::Edited));
        }
        (self.hash, self.position) = (hash, position);
        Ok(None)
    }

    /// Compares the end of the chain with its head.
    fn end(mut self, heads: &mut BTreeMap<String, Head>) -> Option<AuditFault> {
        match heads.remove(&self.stream) {
            Some(head) if head.seq > self.seq => {
                self.seq += 1;
                self.fault(AuditFaultKind::TornTail)
            }
            Some(head) if head.seq == self.seq && head.hash == self.hash => None,
            _ => self.fault(AuditFaultKind::Edited),
        }
    }
}

/// The columns to search by say the same as the text that was hashed.
fn copies_agree(row: &AnyRow, body: &str) -> Result<bool> {
    let Ok(event) = serde_json::from_str::<AuditEvent>(body) else {
        return Ok(false);
    };
    let texts = [
        time_text(&event.time),
        event.principal,
        event.principal_id,
        event.action,
        event.resource,
        event.decision,
    ];
    for (column, text) in (6..).zip(texts) {
        if row.try_get::<String, _>(column)? != text {
            return Ok(false);
        }
    }
    Ok(row.try_get::<Option<String>, _>(12)? == event.query_id)
}
