//! What is read at once: the whole statement, or a range of the table's pages in a snapshot that all parts share.

use std::{fmt::Write as _, sync::Arc};

use serde::{Deserialize, Serialize};
use tokio_postgres::Column as Announced;

use super::{
    error::from_postgres,
    plan::Scan,
    pool::{Lease, Pools},
    snapshot::{SnapshotLease, Snapshots},
};
use crate::{
    call::CallContext,
    error::{ConnectorError, ConnectorErrorKind, Result},
    split::Handle,
};

/// A split of a scan.
#[derive(Debug)]
pub(super) struct Part {
    pub scan: Arc<Scan>,
    /// `None`: all of it.
    pub piece: Option<Piece>,
}

/// Some pages of a table, as one snapshot shows them.
#[derive(Debug)]
pub(super) struct Piece {
    pub pages: Pages,
    /// Held while the piece may be read; `None` in a process that does not hold it.
    pub lease: Option<Arc<SnapshotLease>>,
}

/// As kept in handles.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Pages {
    /// First page.
    pub from: u32,
    /// The page after the last; `None`: to the end.
    pub to: Option<u32>,
    /// Oids of the heaps that belong to the table; empty: it is the table itself alone.
    pub heaps: Vec<u32>,
    /// The snapshot, as the server names it.
    pub snapshot: String,
    /// Its lease, as we name it.
    pub lease: uuid::Uuid,
}

impl Pages {
    /// The condition on rows. What is attached to the table meanwhile has other heaps, and is not read by some parts only.
    fn condition(&self) -> String {
        let mut text = format!("s.ctid >= '({},0)'::tid", self.from);
        // Writing to a string does not fail.
        if let Some(to) = self.to {
            let _ = write!(text, " AND s.ctid < '({to},0)'::tid");
        }
        if !self.heaps.is_empty() {
            let heaps: Vec<String> = self.heaps.iter().map(u32::to_string).collect();
            let _ = write!(text, " AND s.tableoid = ANY ('{{{}}}'::oid[])", heaps.join(","));
        }
        text
    }

    /// Begins the transaction that reads them.
    ///
    /// INVARIANT: nothing but the server's own form of a snapshot's name is written into a statement.
    fn begin(&self) -> Result<String> {
        let plain = |c: char| c.is_ascii_hexdigit() || c == '-';
        if self.snapshot.is_empty() || !self.snapshot.chars().all(plain) {
            return Err(Handle::invalid());
        }
        Ok(format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '{}'",
            self.snapshot
        ))
    }
}

impl Part {
    /// The statement.
    pub(super) fn text(&self) -> Result<String> {
        let Some(piece) = &self.piece else {
            return Ok(self.scan.text.clone());
        };
        let only = if piece.pages.heaps.is_empty() { "ONLY " } else { "" };
        self.scan
            .seams
            .narrowed(&self.scan.text, only, &piece.pages.condition())
            .ok_or_else(Handle::invalid)
    }

    /// Is it read by COPY? That takes no literals, and is the dearer for the server where it is asked once.
    pub(super) fn is_copied(&self) -> bool {
        self.piece.is_some() && self.scan.parameters.is_empty()
    }

    /// A connection to read with, in the snapshot of the part.
    pub(super) async fn lease(&self, cx: &CallContext, pools: &Pools) -> Result<Lease> {
        let Some(piece) = &self.piece else {
            return pools.lease(cx).await;
        };
        let lease = match &piece.lease {
            Some(held) => held.reader(cx).await?,
            None => pools.lease(cx).await?,
        };
        let begun = lease.client()?.batch_execute(&piece.pages.begin()?).await;
        begun.map_err(|error| match error.as_db_error() {
            Some(_) => ConnectorError::new(
                ConnectorErrorKind::SnapshotLost,
                "the source does not hold the state of the query any more",
            )
            .with_source(error),
            None => from_postgres(error),
        })?;
        cx.counters.set_snapshot(piece.pages.snapshot.as_str());
        Ok(lease)
    }

    /// Ends a lease whose rows have all been read.
    pub(super) async fn give_back(&self, lease: Lease) -> Result<()> {
        if self.piece.is_some() {
            lease.client()?.batch_execute("COMMIT").await.map_err(from_postgres)?;
        }
        // What a statement of the caller's own left in its session is nobody else's to meet.
        if !self.scan.is_statement() {
            lease.give_back();
        }
        Ok(())
    }
}

impl Scan {
    /// It reads a statement of the caller's own, beside tables or alone.
    pub(super) fn is_statement(&self) -> bool {
        self.oid == 0 || self.others.contains(&0)
    }

    fn is_of(&self, table: u32) -> bool {
        table == self.oid || self.others.contains(&table)
    }

    /// Are types and table still those that were described? Eight bytes of another type would decode to something.
    pub(super) fn check(&self, announced: &[Announced]) -> Result<()> {
        let same = announced.len() == self.columns.len()
            && announced.iter().zip(&self.columns).all(|(now, then)| {
                let known = self.is_statement() || now.table_oid().is_none_or(|table| self.is_of(table));
                now.type_().oid() == then.sent && known
            });
        if same {
            return Ok(());
        }
        Err(ConnectorError::new(
            ConnectorErrorKind::SchemaChanged,
            "the table is no longer as it was",
        ))
    }
}

/// A split as it travels; nothing for a whole scan.
pub(super) fn encode(split: &Handle, snapshots: &Snapshots) -> Result<Vec<u8>> {
    let part = split.get::<Part>()?;
    let Some(piece) = &part.piece else {
        return Ok(Vec::new());
    };
    if let Some(lease) = &piece.lease {
        snapshots.keep(lease);
    }
    serde_json::to_vec(&piece.pages).map_err(|_| Handle::invalid())
}

/// The split of a scan that says this.
pub(super) fn decode(bytes: &[u8], scan: &Handle, snapshots: &Snapshots) -> Result<Handle> {
    let scan = Arc::clone(scan.get::<Arc<Scan>>()?);
    let piece = if bytes.is_empty() {
        None
    } else {
        let pages: Pages = serde_json::from_slice(bytes).map_err(|_| Handle::invalid())?;
        pages.begin()?;
        Some(Piece {
            lease: snapshots.kept(pages.lease),
            pages,
        })
    };
    Ok(Handle::new(Part { scan, piece }))
}

/// The split that says this is not read any more, nor is any other of its scan.
pub(super) fn release(bytes: &[u8], snapshots: &Snapshots) -> Result<()> {
    if !bytes.is_empty() {
        let pages: Pages = serde_json::from_slice(bytes).map_err(|_| Handle::invalid())?;
        snapshots.release(pages.lease);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(snapshot: &str) -> Pages {
        Pages {
            from: 7,
            to: None,
            heaps: Vec::new(),
            snapshot: snapshot.to_owned(),
            lease: uuid::Uuid::nil(),
        }
    }

    #[test]
    fn a_range_is_half_open_and_names_its_heaps() {
        let mut pages = pages("00000003-0000001B-1");
        assert_eq!(pages.condition(), "s.ctid >= '(7,0)'::tid");
        pages.to = Some(9);
        pages.heaps = vec![1, 2];
        assert_eq!(
            pages.condition(),
            "s.ctid >= '(7,0)'::tid AND s.ctid < '(9,0)'::tid AND s.tableoid = ANY ('{1,2}'::oid[])"
        );
        assert!(pages.begin().unwrap().ends_with("SNAPSHOT '00000003-0000001B-1'"));
    }

    #[test]
    fn nothing_but_the_name_of_a_snapshot_is_written() {
        for wrong in ["", "'; DROP TABLE t; --", "00000003-0000001B-1'", "g"] {
            assert!(pages(wrong).begin().is_err(), "{wrong}");
        }
    }
}
