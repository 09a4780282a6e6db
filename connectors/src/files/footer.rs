//! What does the footer of a Parquet file say? Fetched, mended and checked.

use std::{collections::BTreeSet, panic::AssertUnwindSafe, sync::Arc};

use object_store::{ObjectMeta, ObjectStore};
use parquet::file::metadata::{
    FooterTail, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, ParquetStatisticsPolicy,
};

use super::{
    failure::store_error,
    footer_check::{Without, check, settled},
    footer_mend::mended,
    julian::Marked,
    listed_bytes,
    parquet::calendars,
};
use crate::error::{ConnectorError, Result};

const UNDECODED: &str = "the footer cannot be decoded";

/// Longest footer that is read.
const MAX_FOOTER: u64 = 16 << 20;

/// Bytes fetched at first from the end of a file; most footers are shorter.
const FIRST_FETCH: u64 = 64 << 10;

/// Magic number and length at the end of a file.
const TAIL: u64 = 8;

/// Magic number at the start.
const HEAD: u64 = 4;

/// A checked footer.
#[derive(Clone, Debug)]
pub(crate) struct Footer {
    pub(crate) metadata: Arc<ParquetMetaData>,
    /// Length of the metadata, without the 8 bytes behind it.
    pub(crate) length: u64,
    /// Names of the columns of which something is encrypted, in lower case.
    pub(crate) encrypted: Arc<BTreeSet<String>>,
    /// Columns that count by the Julian calendar, by their names in lower case; their statistics are left out, which do too.
    pub(super) julian: Arc<Marked>,
}

impl Footer {
    /// Bytes that it holds in memory.
    pub(super) fn bytes(&self) -> usize {
        self.metadata.memory_size()
    }
}

/// Reads the footer of a file.
///
/// # Errors
/// `CORRUPT_FILE`, `NOT_SUPPORTED`, and those of the store.
pub(super) async fn read(store: &Arc<dyn ObjectStore>, meta: &ObjectMeta) -> Result<Footer> {
    let file = meta.location.as_ref();
    let corrupt = |why: &str| ConnectorError::corrupt_file(file).with_detail(why);
    if meta.size < HEAD + TAIL {
        return Err(corrupt("the file is too short"));
    }
    let start = meta.size - FIRST_FETCH.min(meta.size);
    let end = fetch(store, meta, start..meta.size).await?;
    let tail: [u8; 8] = end
        .last_chunk::<8>()
        .copied()
        .ok_or_else(|| corrupt("the file is too short"))?;
    let tail =
        FooterTail::try_new(&tail).map_err(|error| corrupt("the file has no Parquet footer").with_source(error))?;
    if tail.is_encrypted_footer() {
        return Err(ConnectorError::unsupported("an encrypted Parquet footer").with_file(file));
    }
    let length = tail.metadata_length() as u64;
    if length > MAX_FOOTER || length + HEAD + TAIL > meta.size {
        return Err(corrupt("the footer's length does not fit the file"));
    }
    let from = meta.size - TAIL - length;
    let bytes = if from >= start {
        let offset = usize::try_from(from - start).unwrap_or(usize::MAX);
        end.slice(offset.min(end.len())..end.len() - 8)
    } else {
        fetch(store, meta, from..meta.size - TAIL).await?
    };
    let footer = decoded(&bytes, meta.size).map_err(|error| error.with_file(file))?;
    Ok(Footer { length, ..footer })
}

/// The footer that these bytes hold, checked against the size of the file.
fn decoded(bytes: &[u8], size: u64) -> Result<Footer> {
    let corrupt = |why: &str| ConnectorError::corrupt_file("").with_detail(why);
    let mended = mended(bytes).ok_or_else(|| corrupt(UNDECODED))?;
    let mut metadata = decode(&mended.bytes, None)?;
    let found = calendars(&metadata);
    if !found.leaves.is_empty() {
        let count = metadata.file_metadata().schema_descr().num_columns();
        let others: Vec<usize> = (0..count).filter(|leaf| !found.leaves.contains(leaf)).collect();
        let policy = ParquetStatisticsPolicy::skip_except(&others);
        let options = ParquetMetaDataOptions::new().with_column_stats_policy(policy);
        metadata = decode(&mended.bytes, Some(&options))?;
    }
    let without = Without {
        encrypted: &mended.encrypted,
        julian: &found.leaves,
    };
    let metadata = settled(metadata, &without).map_err(|error| corrupt(UNDECODED).with_source(error))?;
    check(&metadata, size, &mended.encrypted).map_err(|why| corrupt(&why))?;
    let name = |(group, column): &(usize, usize)| {
        let chunk = metadata.row_groups().get(*group)?.columns().get(*column)?;
        chunk.column_path().parts().first().map(|root| root.to_lowercase())
    };
    let encrypted = mended.encrypted.iter().filter_map(name).collect();
    Ok(Footer {
        metadata: Arc::new(metadata),
        length: bytes.len() as u64,
        encrypted: Arc::new(encrypted),
        julian: Arc::new(found.columns),
    })
}

fn decode(bytes: &[u8], options: Option<&ParquetMetaDataOptions>) -> Result<ParquetMetaData> {
    let corrupt = || ConnectorError::corrupt_file("").with_detail(UNDECODED);
    let decode = || ParquetMetaDataReader::decode_metadata_with_options(bytes, options);
    let decoded = std::panic::catch_unwind(AssertUnwindSafe(decode)).map_err(|_| corrupt())?;
    decoded.map_err(|error| corrupt().with_source(error))
}

async fn fetch(store: &Arc<dyn ObjectStore>, meta: &ObjectMeta, range: std::ops::Range<u64>) -> Result<bytes::Bytes> {
    let wanted = range.end - range.start;
    let bytes = listed_bytes::range(store, meta, range)
        .await
        .map_err(|error| store_error(error, meta.location.as_ref()))?;
    if bytes.len() as u64 == wanted {
        return Ok(bytes);
    }
    Err(ConnectorError::corrupt_file(meta.location.as_ref()).with_detail("the file is shorter than it was listed"))
}
