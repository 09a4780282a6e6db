//! Into which pieces does a scan of PostgreSQL fall? One, until ctid ranges come with the connectors issue.

use std::sync::Arc;

use super::plan::Scan;
use crate::{
    error::Result,
    split::{Handle, Split, SplitId, SplitsPage, SplitsRequest},
};

/// The only split, which is the scan itself.
pub(super) fn splits(request: &SplitsRequest) -> Result<SplitsPage> {
    let scan = request.scan.get::<Arc<Scan>>()?;
    let split = Split {
        id: SplitId(0),
        handle: Handle::new(Arc::clone(scan)),
        bytes: scan.statistics.bytes.unwrap_or(0),
        rows: scan.statistics.rows,
        locality: None,
    };
    Ok(SplitsPage {
        splits: vec![split],
        next: None,
    })
}
