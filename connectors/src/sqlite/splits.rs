//! Into which pieces does a scan of SQLite fall? One: a file has one reader's snapshot per connection.

use std::sync::Arc;

use super::plan::Scan;
use crate::{
    error::Result,
    remote_statement::RemoteStatement,
    split::{Handle, Split, SplitId, SplitsPage, SplitsRequest},
};

/// The only split, which is the scan itself.
pub(super) fn splits(request: &SplitsRequest) -> Result<SplitsPage> {
    let scan = request.scan.get::<Arc<Scan>>()?;
    let split = Split {
        id: SplitId(0),
        handle: Handle::new(Arc::clone(scan)),
        bytes: 0,
        rows: None,
        locality: None,
        statement: Some(Arc::new(statement(scan))),
    };
    Ok(SplitsPage {
        splits: vec![split],
        next: None,
    })
}

/// No comment is sent along: nobody but us sees the statements of an embedded database.
fn statement(scan: &Scan) -> RemoteStatement {
    RemoteStatement {
        system: "sqlite",
        namespace: Some("main".to_owned()),
        collection: scan.table.clone(),
        operation: "SELECT",
        text: Some(scan.shown.clone()),
        server: None,
        pushdown: Some(scan.pushdown.clone()),
    }
}
