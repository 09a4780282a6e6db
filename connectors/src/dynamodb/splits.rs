//! Into which pieces does a scan of DynamoDB fall? Those of its plan; a handle of one says its number.

use std::sync::Arc;

use super::{plan::Scan, request::Work, table::Table};
use crate::{
    error::Result,
    remote_statement::RemoteStatement,
    split::{Handle, HandleCodec, Split, SplitId, SplitsPage, SplitsRequest},
};

/// One piece of a planned scan.
#[derive(Debug)]
pub(super) struct Piece {
    pub scan: Arc<Scan>,
    number: usize,
}

impl Piece {
    pub(super) fn work(&self) -> Result<&Work> {
        self.scan.works.get(self.number).ok_or_else(Handle::invalid)
    }
}

/// All pieces.
pub(super) fn splits(request: &SplitsRequest, server: Option<(String, u16)>) -> Result<SplitsPage> {
    let scan = request.scan.get::<Arc<Scan>>()?;
    let count = u64::try_from(scan.works.len()).unwrap_or(u64::MAX).max(1);
    let split = |(number, work): (usize, &Work)| Split {
        id: SplitId(u64::try_from(number).unwrap_or(u64::MAX)),
        handle: Handle::new(Piece {
            scan: Arc::clone(scan),
            number,
        }),
        bytes: match work {
            Work::Segment(..) => scan.table.bytes / count,
            Work::Query(_) | Work::Get(_) => 0,
        },
        rows: None,
        locality: None,
        statement: Some(Arc::new(statement(scan, work, server.clone()))),
    };
    Ok(SplitsPage {
        splits: scan.works.iter().enumerate().map(split).collect(),
        next: None,
    })
}

fn statement(scan: &Scan, work: &Work, server: Option<(String, u16)>) -> RemoteStatement {
    let key = match work {
        Work::Query(key) => Some(&key.sort),
        Work::Segment(..) | Work::Get(_) => None,
    };
    RemoteStatement {
        system: "aws.dynamodb",
        namespace: None,
        collection: scan.table.name.clone(),
        operation: work.operation(),
        text: Some(scan.template.shown(work.operation(), key)),
        server,
        pushdown: Some(scan.pushdown.clone()),
    }
}

/// How its handles travel.
pub(super) struct Handles;

impl HandleCodec for Handles {
    fn encode_table(&self, table: &Handle) -> Result<Vec<u8>> {
        serde_json::to_vec(table.get::<Arc<Table>>()?.as_ref()).map_err(|_| Handle::invalid())
    }

    fn decode_table(&self, bytes: &[u8]) -> Result<Handle> {
        let table: Table = serde_json::from_slice(bytes).map_err(|_| Handle::invalid())?;
        Ok(Handle::new(Arc::new(table)))
    }

    fn encode_split(&self, split: &Handle) -> Result<Vec<u8>> {
        let number = u64::try_from(split.get::<Piece>()?.number).map_err(|_| Handle::invalid())?;
        Ok(number.to_be_bytes().to_vec())
    }

    fn decode_split(&self, bytes: &[u8], scan: &Handle) -> Result<Handle> {
        let number = u64::from_be_bytes(bytes.try_into().map_err(|_| Handle::invalid())?);
        let piece = Piece {
            scan: Arc::clone(scan.get::<Arc<Scan>>()?),
            number: usize::try_from(number).map_err(|_| Handle::invalid())?,
        };
        piece.work()?;
        Ok(Handle::new(piece))
    }
}
