//! Where do rows wait for a caller who comes later? In one Arrow IPC file per query, of equally long batches.

use std::{
    fs::File,
    io::{BufReader, BufWriter},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use arrow_ipc::{
    CompressionType,
    reader::FileReader,
    writer::{FileWriter, IpcWriteOptions},
};
use datafusion::arrow::{compute::BatchCoalescer, datatypes::SchemaRef, record_batch::RecordBatch};

use crate::{
    error::{ErrorCode, QueryError, Result},
    federate::ipc_bytes,
    session::BATCH_ROWS,
};

/// The directory of spooled results.
#[derive(Clone, Debug)]
pub struct ResultStore {
    directory: PathBuf,
}

/// Writes one result. Every batch but the last has exactly [`BATCH_ROWS`] rows, so that any row is found by a division.
pub struct ResultWriter {
    path: PathBuf,
    writer: FileWriter<BufWriter<File>>,
    coalescer: BatchCoalescer,
    rows: u64,
    bytes: u64,
    limit_bytes: u64,
    finished: bool,
}

/// A finished result.
#[derive(Debug)]
pub struct Written {
    /// Relative to the store.
    pub name: String,
    pub rows: u64,
    pub bytes: u64,
}

impl ResultStore {
    /// Results below `directory`, which is made if need be.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(directory: PathBuf) -> Result<Self> {
        private_directory(&directory).map_err(QueryError::internal)?;
        Ok(Self { directory })
    }

    /// Starts the result of a query. `limit_bytes` bounds the uncompressed Arrow bytes.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(&self, query: &str, schema: &SchemaRef, limit_bytes: u64) -> Result<ResultWriter> {
        let path = self.path(&format!("{query}.arrow"))?;
        let file = private_file(&path).map_err(QueryError::internal)?;
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(CompressionType::LZ4_FRAME))
            .map_err(QueryError::internal)?;
        let writer =
            FileWriter::try_new_with_options(BufWriter::new(file), schema, options).map_err(QueryError::internal)?;
        let coalescer = BatchCoalescer::new(SchemaRef::clone(schema), BATCH_ROWS);
        Ok(ResultWriter {
            path,
            writer,
            coalescer,
            rows: 0,
            bytes: 0,
            limit_bytes,
            finished: false,
        })
    }

    /// Reads `limit` rows from row `offset` on; `limit` absent: all.
    ///
    /// # Errors
    /// `RESULTS_EXPIRED` when the file is gone.
    pub fn read(&self, name: &str, offset: u64, limit: Option<u64>) -> Result<ResultReader> {
        let path = self.path(name)?;
        let file = File::open(&path).map_err(|error| {
            QueryError::new(ErrorCode::CannotLoadResults, "the results of this query have expired").because(error)
        })?;
        let mut reader = FileReader::try_new(BufReader::new(file), None).map_err(QueryError::internal)?;
        let schema = reader.schema();
        let first = usize::try_from(offset).unwrap_or(usize::MAX) / BATCH_ROWS;
        let past_end = first >= reader.num_batches();
        if !past_end {
            reader.set_index(first).map_err(QueryError::internal)?;
        }
        let skip = usize::try_from(offset).unwrap_or(usize::MAX) % BATCH_ROWS;
        let left = if past_end { 0 } else { limit.unwrap_or(u64::MAX) };
        Ok(ResultReader {
            schema,
            reader,
            skip,
            left,
        })
    }

    /// Forgets a result.
    pub fn remove(&self, name: &str) {
        if let Ok(path) = self.path(name) {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Removes files that are older than `ttl`.
    pub fn sweep(&self, ttl: std::time::Duration) {
        let Ok(entries) = std::fs::read_dir(&self.directory) else {
            return;
        };
        for entry in entries.flatten() {
            let old = entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > ttl));
            if old {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    /// Names come from our own records; a separator in one would still be refused.
    fn path(&self, name: &str) -> Result<PathBuf> {
        let plain = Path::new(name).file_name().is_some_and(|file| file == name);
        if plain {
            Ok(self.directory.join(name))
        } else {
            Err(QueryError::internal("a result name is not a file name"))
        }
    }
}

impl Drop for ResultWriter {
    /// An unfinished result is nobody's.
    fn drop(&mut self) {
        if !self.finished {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl std::fmt::Debug for ResultWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResultWriter")
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl ResultWriter {
    /// Adds rows.
    ///
    /// # Errors
    /// `EXCEEDED_RESULT_LIMIT`, or when the disk is full.
    pub fn write(&mut self, batch: RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.bytes += ipc_bytes::of(&batch);
        if self.bytes > self.limit_bytes {
            return Err(QueryError::new(
                ErrorCode::ExceededResult,
                format!("the result is larger than {} bytes", self.limit_bytes),
            ));
        }
        self.coalescer.push_batch(batch).map_err(QueryError::internal)?;
        self.drain()
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn finish(mut self) -> Result<Written> {
        self.coalescer.finish_buffered_batch().map_err(QueryError::internal)?;
        self.drain()?;
        self.writer.finish().map_err(QueryError::internal)?;
        self.finished = true;
        let name = self
            .path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let bytes = std::fs::metadata(&self.path).map_err(QueryError::internal)?.len();
        Ok(Written {
            name,
            rows: self.rows,
            bytes,
        })
    }

    fn drain(&mut self) -> Result<()> {
        while let Some(batch) = self.coalescer.next_completed_batch() {
            self.writer.write(&batch).map_err(QueryError::internal)?;
        }
        Ok(())
    }
}

/// Makes a directory that only we can read: governed rows lie in it.
///
/// # Errors
/// When it cannot be made.
pub fn private_directory(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn private_file(path: &Path) -> std::io::Result<File> {
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// Rows of a spooled result, in order.
#[derive(Debug)]
pub struct ResultReader {
    pub schema: SchemaRef,
    reader: FileReader<BufReader<File>>,
    skip: usize,
    left: u64,
}

impl Iterator for ResultReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let batch = match self.reader.next()? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(QueryError::internal(error))),
        };
        let skip = std::mem::take(&mut self.skip).min(batch.num_rows());
        let take = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(batch.num_rows() - skip);
        self.left = self.left.saturating_sub(take as u64);
        Some(Ok(batch.slice(skip, take)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::{
        array::{ArrayRef, AsArray, Int64Array},
        datatypes::Int64Type,
    };

    use super::*;

    fn batch(range: std::ops::Range<i64>) -> RecordBatch {
        RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from_iter_values(range)) as ArrayRef)]).unwrap()
    }

    fn numbers(reader: ResultReader) -> Vec<i64> {
        reader
            .flat_map(|batch| batch.unwrap().column(0).as_primitive::<Int64Type>().values().to_vec())
            .collect()
    }

    #[test]
    fn any_page_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let store = ResultStore::open(directory.path().join("results")).unwrap();
        let mut writer = store.create("q", &batch(0..1).schema(), u64::MAX).unwrap();
        for start in [0, 5_000, 10_000, 15_000] {
            writer.write(batch(start..start + 5_000)).unwrap();
        }
        let written = writer.finish().unwrap();
        assert_eq!(written.rows, 20_000);
        for (offset, limit) in [(0, 3), (8_190, 5), (16_383, 2), (19_999, 10), (20_000, 1), (50_000, 1)] {
            let expected: Vec<i64> = (offset..(offset + limit).min(20_000)).map(|n| n as i64).collect();
            assert_eq!(
                numbers(store.read("q.arrow", offset, Some(limit)).unwrap()),
                expected,
                "{offset} {limit}"
            );
        }
        assert_eq!(numbers(store.read("q.arrow", 0, None).unwrap()).len(), 20_000);
    }

    #[test]
    fn a_result_without_rows_keeps_its_schema() {
        let directory = tempfile::tempdir().unwrap();
        let store = ResultStore::open(directory.path().to_owned()).unwrap();
        store
            .create("q", &batch(0..1).schema(), u64::MAX)
            .unwrap()
            .finish()
            .unwrap();
        let reader = store.read("q.arrow", 0, None).unwrap();
        assert_eq!(reader.schema.fields().len(), 1);
        assert_eq!(numbers(reader), Vec::<i64>::new());
        assert_eq!(
            store.read("gone.arrow", 0, None).unwrap_err().code,
            ErrorCode::CannotLoadResults
        );
        assert!(store.read("../q.arrow", 0, None).is_err());
    }

    #[test]
    fn the_limit_ends_the_result() {
        let directory = tempfile::tempdir().unwrap();
        let store = ResultStore::open(directory.path().to_owned()).unwrap();
        let mut writer = store.create("q", &batch(0..1).schema(), 100).unwrap();
        assert_eq!(
            writer.write(batch(0..1_000)).unwrap_err().code,
            ErrorCode::ExceededResult
        );
    }
}
