//! Into which pieces does a scan of PostgreSQL fall? One, until ctid ranges come with the connectors issue.

use std::sync::Arc;

use super::{plan::Scan, settings::Settings};
use crate::{
    call::CallContext,
    error::Result,
    remote_statement::RemoteStatement,
    split::{Handle, Split, SplitId, SplitsPage, SplitsRequest},
};

/// The only split, which is the scan itself.
pub(super) fn splits(cx: &CallContext, request: &SplitsRequest) -> Result<SplitsPage> {
    let scan = request.scan.get::<Arc<Scan>>()?;
    let split = Split {
        id: SplitId(0),
        handle: Handle::new(Arc::clone(scan)),
        bytes: scan.statistics.bytes.unwrap_or(0),
        rows: scan.statistics.rows,
        locality: None,
        statement: Some(Arc::new(statement(scan, &Settings::of(&cx.connection)?))),
    };
    Ok(SplitsPage {
        splits: vec![split],
        next: None,
    })
}

fn statement(scan: &Scan, settings: &Settings) -> RemoteStatement {
    let schema = scan.name.database.as_deref().unwrap_or_default();
    RemoteStatement {
        system: "postgresql",
        namespace: Some(format!("{}|{schema}", settings.database)),
        collection: scan.name.name.clone(),
        operation: "SELECT",
        text: Some(scan.shown.clone()),
        server: Some((settings.host.clone(), settings.port)),
        pushdown: Some(scan.pushdown.clone()),
    }
}
