//! How are bytes of a listed file read? Those of the file that was listed: another one in its place is an error, never a mixture.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, Result, coalesce_ranges};

/// Ranges that lie closer together than this are one request.
const COALESCE: u64 = 1024 * 1024;

/// Some bytes.
///
/// # Errors
/// Of the store; `Precondition` where the file has changed since it was listed.
pub(super) async fn range(store: &Arc<dyn ObjectStore>, meta: &ObjectMeta, range: Range<u64>) -> Result<Bytes> {
    let options = GetOptions {
        if_match: meta.e_tag.clone(),
        range: Some(GetRange::Bounded(range)),
        ..GetOptions::default()
    };
    store.get_opts(&meta.location, options).await?.bytes().await
}

/// Several ranges, as they were asked for.
///
/// # Errors
/// As [`range`].
pub(super) async fn ranges(
    store: &Arc<dyn ObjectStore>,
    meta: &ObjectMeta,
    ranges: &[Range<u64>],
) -> Result<Vec<Bytes>> {
    coalesce_ranges(ranges, |wanted| range(store, meta, wanted), COALESCE).await
}
