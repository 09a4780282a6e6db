//! Which bytes of a Parquet file are read, and what do they count? Ranges as they are asked for, the footer once per file.

use std::{
    collections::BTreeSet,
    ops::Range,
    sync::{Arc, PoisonError},
};

use bytes::Bytes;
use datafusion::{
    common::Result,
    datasource::{listing::PartitionedFile, physical_plan::ParquetFileReaderFactory},
    physical_plan::metrics::ExecutionPlanMetricsSet,
};
use futures::{FutureExt, future::BoxFuture};
use object_store::{ObjectMeta, ObjectStore};
use parquet::{
    arrow::{arrow_reader::ArrowReaderOptions, async_reader::AsyncFileReader},
    errors::ParquetError,
    file::metadata::ParquetMetaData,
};

use super::{
    ScanState,
    bytes_as_text::{Doubt, doubt, refused},
};
use crate::{
    error::ConnectorError,
    files::{failure::store_error, listed_bytes},
};

/// Bytes behind a footer: its length and the magic number.
const TAIL: u64 = 8;

#[derive(Debug)]
pub(super) struct ReaderFactory {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) state: ScanState,
    /// Names of the wanted columns of text, in lower case.
    pub(super) texts: Arc<BTreeSet<String>>,
}

impl ParquetFileReaderFactory for ReaderFactory {
    fn create_reader(
        &self,
        _partition_index: usize,
        file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        _metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        Ok(Box::new(Reader {
            store: Arc::clone(&self.store),
            state: self.state.clone(),
            texts: Arc::clone(&self.texts),
            meta: file.object_meta,
        }))
    }
}

struct Reader {
    store: Arc<dyn ObjectStore>,
    state: ScanState,
    texts: Arc<BTreeSet<String>>,
    meta: ObjectMeta,
}

impl Reader {
    /// Refuses ranges that the file does not have, before anything is asked for or allocated; counts the others.
    fn count(&self, ranges: &[Range<u64>]) -> Result<(), ParquetError> {
        let mut asked = 0_u64;
        for range in ranges {
            if range.start > range.end || range.end > self.meta.size {
                let error = ConnectorError::corrupt_file(self.meta.location.as_ref())
                    .with_detail("a range lies outside the file");
                return Err(ParquetError::External(Box::new(error)));
            }
            asked = asked.saturating_add(range.end - range.start);
        }
        self.state.meter.scanned(asked);
        Ok(())
    }

    fn failed(&self, error: object_store::Error) -> ParquetError {
        ParquetError::External(Box::new(store_error(error, self.meta.location.as_ref())))
    }

    async fn metadata(&self) -> Result<Arc<ParquetMetaData>, ParquetError> {
        let footer = self
            .state
            .cache
            .footer(&self.state.store_id, &self.store, &self.meta)
            .await
            .map_err(|error| ParquetError::External(Box::new(error)))?;
        let first = self
            .state
            .opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(self.meta.location.clone());
        if first {
            self.state.meter.opened_file();
            self.state.meter.scanned(footer.length + TAIL);
        }
        self.doubt(&footer.metadata)?;
        Ok(footer.metadata)
    }

    /// Remembers files whose texts have to be looked at; refuses those whose values a restricted caller could tell apart by it.
    fn doubt(&self, metadata: &ParquetMetaData) -> Result<(), ParquetError> {
        let doubt = doubt(metadata, &self.texts);
        if doubt == Doubt::Bytes && self.state.restricted {
            let error = refused(self.meta.location.as_ref());
            return Err(ParquetError::External(Box::new(error)));
        }
        if doubt > Doubt::None {
            let mut doubtful = self.state.doubtful.lock().unwrap_or_else(PoisonError::into_inner);
            doubtful.insert(self.meta.location.clone(), doubt);
        }
        Ok(())
    }
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move {
            self.count(std::slice::from_ref(&range))?;
            listed_bytes::range(&self.store, &self.meta, range)
                .await
                .map_err(|error| self.failed(error))
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move {
            self.count(&ranges)?;
            listed_bytes::ranges(&self.store, &self.meta, &ranges)
                .await
                .map_err(|error| self.failed(error))
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move { self.metadata().await }.boxed()
    }
}
