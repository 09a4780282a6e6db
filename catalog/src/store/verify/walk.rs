//! Does a chain hold? Record by record from a known one on, and at the records that were signed.

use sqlx::{Row, any::AnyRow};

use crate::{
    audit::{
        AuditEvent, AuditFault, AuditFaultKind,
        chain::{genesis, link},
        history::History,
    },
    error::Result,
    store::{audit::Head, cell::time_text},
};

/// Columns of a record in the order that [`Walk::step`] expects.
pub(in crate::store) const RECORD: &str = "position, stream, seq, prev, hash, body, event_time, principal, \
     principal_id, action, resource, decision, query_id";

/// Where the walk stands in one chain.
pub(in crate::store) struct Walk {
    pub(in crate::store) stream: String,
    pub(in crate::store) seq: i64,
    hash: String,
    position: i64,
}

impl Walk {
    /// Before the first record.
    pub(in crate::store) fn begin(stream: String) -> Self {
        Self {
            hash: genesis(&stream),
            stream,
            seq: 0,
            position: 0,
        }
    }

    /// Behind a record that is known to be good.
    pub(in crate::store) fn after(stream: &str, head: &Head) -> Self {
        Self {
            stream: stream.to_owned(),
            seq: head.seq,
            hash: head.hash.clone(),
            position: 0,
        }
    }

    fn fault(&self, kind: AuditFaultKind) -> AuditFault {
        AuditFault::record(&self.stream, self.seq, kind)
    }

    /// Goes to the next record.
    pub(in crate::store) fn step(&mut self, row: &AnyRow) -> Result<Option<AuditFault>> {
        self.seq += 1;
        let (position, seq): (i64, i64) = (row.try_get(0)?, row.try_get(2)?);
        let (prev, hash, body): (String, String, String) = (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
        let kind = if seq != self.seq {
            AuditFaultKind::Missing
        } else if prev != self.hash || position <= self.position {
            AuditFaultKind::Misplaced
        } else if link(&prev, &body).as_ref() != Some(&hash) || !copies_agree(row, &body)? {
            AuditFaultKind::Edited
        } else {
            (self.hash, self.position) = (hash, position);
            return Ok(None);
        };
        Ok(Some(self.fault(kind)))
    }

    /// Is this the record that was signed? Where it is not, the chain was written again after the last one that is.
    pub(super) fn compare(&self, history: &History) -> Option<AuditFault> {
        let signed = history.head(&self.stream, self.seq)?;
        (signed.hash != self.hash).then(|| {
            let first = history.signed_before(&self.stream, self.seq) + 1;
            AuditFault::record(&self.stream, first, AuditFaultKind::Rewritten).by(Some(signed.checkpoint))
        })
    }

    /// Compares the end of the chain with its head, and with what was signed.
    pub(super) fn end(mut self, head: Option<Head>, history: &History) -> Option<AuditFault> {
        let signed = history.signed_after(&self.stream, self.seq);
        let kind = match head {
            _ if signed.is_some() => AuditFaultKind::TornTail,
            Some(head) if head.seq > self.seq => AuditFaultKind::TornTail,
            Some(head) if head.seq == self.seq && head.hash == self.hash => return None,
            _ => return Some(self.fault(AuditFaultKind::Edited)),
        };
        self.seq += 1;
        Some(self.fault(kind).by(signed))
    }

    /// The record where the walk stands.
    pub(in crate::store) fn head(&self) -> Head {
        Head {
            seq: self.seq,
            hash: self.hash.clone(),
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
