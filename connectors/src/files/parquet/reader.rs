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
    opened::{OpenFiles, Opened},
};
use crate::{
    error::ConnectorError,
    files::{failure::store_error, footer::Footer, listed_bytes},
};

/// Bytes behind a footer: its length and the magic number.
const TAIL: u64 = 8;

#[derive(Debug)]
pub(super) struct ReaderFactory {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) state: ScanState,
    pub(super) wanted: Arc<Wanted>,
    pub(super) files: OpenFiles,
}

/// Names of columns, in lower case.
#[derive(Debug)]
pub(super) struct Wanted {
    /// All that are read.
    pub(super) columns: BTreeSet<String>,
    /// Those of text.
    pub(super) texts: BTreeSet<String>,
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
            wanted: Arc::clone(&self.wanted),
            opened: self.files.of(&file.object_meta.location),
            meta: file.object_meta,
        }))
    }
}

struct Reader {
    store: Arc<dyn ObjectStore>,
    state: ScanState,
    wanted: Arc<Wanted>,
    opened: Arc<Opened>,
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

    /// Bytes of the file that begin at `start`, if they are what the footer says.
    async fn checked(&self, start: u64, bytes: Bytes) -> Result<Bytes, ParquetError> {
        let footer = self.footer().await?;
        let checked = self.opened.checked(&footer, start, bytes);
        checked.map_err(|error| self.refused(error))
    }

    fn refused(&self, error: ConnectorError) -> ParquetError {
        ParquetError::External(Box::new(error.with_file(self.meta.location.as_ref())))
    }

    async fn footer(&self) -> Result<Footer, ParquetError> {
        if let Some(footer) = self.opened.footer.get() {
            return Ok(footer.clone());
        }
        let footer = self
            .state
            .cache
            .footer(&self.state.store_id, &self.store, &self.meta)
            .await
            .map_err(|error| ParquetError::External(Box::new(error)))?;
        Ok(self.opened.footer.get_or_init(|| footer).clone())
    }

    async fn metadata(&self) -> Result<Arc<ParquetMetaData>, ParquetError> {
        let footer = self.footer().await?;
        if let Some(name) = footer.encrypted.intersection(&self.wanted.columns).next() {
            let words = "an encrypted column of a Parquet file";
            return Err(self.refused(ConnectorError::unsupported(words).with_detail(format!("column `{name}`"))));
        }
        self.calendars(&footer)?;
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

    /// Remembers files with wanted columns of the Julian calendar; refuses those that cannot be read as they are meant.
    fn calendars(&self, footer: &Footer) -> Result<(), ParquetError> {
        let mut wanted = footer
            .julian
            .iter()
            .filter(|(name, _)| self.wanted.columns.contains(*name))
            .peekable();
        if wanted.peek().is_none() {
            return Ok(());
        }
        for (name, julian) in wanted {
            let admitted = julian.admit(name, self.state.restricted);
            admitted.map_err(|error| self.refused(error))?;
        }
        let mut known = self.state.julian.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(self.meta.location.clone(), Arc::clone(&footer.julian));
        Ok(())
    }

    /// Remembers files whose texts have to be looked at; refuses those whose values a restricted caller could tell apart by it.
    fn doubt(&self, metadata: &ParquetMetaData) -> Result<(), ParquetError> {
        let doubt = doubt(metadata, &self.wanted.texts);
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
            let start = range.start;
            let bytes = listed_bytes::range(&self.store, &self.meta, range).await;
            self.checked(start, bytes.map_err(|error| self.failed(error))?).await
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move {
            self.count(&ranges)?;
            let found = listed_bytes::ranges(&self.store, &self.meta, &ranges).await;
            let mut checked = Vec::with_capacity(ranges.len());
            for (range, bytes) in ranges.iter().zip(found.map_err(|error| self.failed(error))?) {
                checked.push(self.checked(range.start, bytes).await?);
            }
            Ok(checked)
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
