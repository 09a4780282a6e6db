//! What is known of a file while it is read? Its footer, its index of pages once that was fetched, and which bytes are pages.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

use bytes::Bytes;
use object_store::path::Path;

use super::{
    page_index::{self, Fetched},
    pages::{self, Chunk},
};
use crate::{error::ConnectorError, files::footer::Footer};

/// A file that is read, by however many readers.
#[derive(Debug, Default)]
pub(super) struct Opened {
    pub(super) footer: OnceLock<Footer>,
    index: Mutex<Option<Fetched>>,
    places: OnceLock<Vec<Place>>,
}

/// The bytes of a column chunk.
#[derive(Debug)]
struct Place {
    bytes: Range<u64>,
    group: usize,
    column: usize,
}

/// The files that are read at the moment: one may have several readers, one behind the other.
#[derive(Debug, Default)]
pub(super) struct OpenFiles(Mutex<HashMap<Path, Weak<Opened>>>);

impl OpenFiles {
    pub(super) fn of(&self, file: &Path) -> Arc<Opened> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = files.get(file).and_then(Weak::upgrade) {
            return opened;
        }
        files.retain(|_, opened| opened.strong_count() > 0);
        let opened = Arc::<Opened>::default();
        files.insert(file.clone(), Arc::downgrade(&opened));
        opened
    }
}

impl Opened {
    /// What the decoder may have of bytes that were fetched: pages that are what the footer says, and an index that it can read.
    ///
    /// # Errors
    /// `CORRUPT_FILE` and `SOURCE_LIMIT_EXCEEDED`; the file is added by the caller.
    pub(super) fn checked(&self, footer: &Footer, start: u64, bytes: Bytes) -> Result<Bytes, ConnectorError> {
        if bytes.is_empty() {
            return Ok(bytes);
        }
        let places = self.places.get_or_init(|| places(footer));
        let next = places.partition_point(|place| place.bytes.start <= start);
        let place = next.checked_sub(1).and_then(|at| places.get(at));
        let end = start.saturating_add(bytes.len() as u64);
        match place.filter(|place| start < place.bytes.end) {
            Some(place) => {
                let behind = places.get(next).is_some_and(|next| next.bytes.start < place.bytes.end);
                let before = next.checked_sub(2).and_then(|at| places.get(at));
                let before = before.is_some_and(|before| before.bytes.end > place.bytes.start);
                if before || behind || end > place.bytes.end {
                    let wrong = ConnectorError::corrupt_file("");
                    return Err(wrong.with_detail("the bytes of two columns overlap"));
                }
                self.pages(footer, place, start, &bytes)?;
                Ok(bytes)
            }
            None => self.indexed(footer, start, bytes),
        }
    }

    fn pages(&self, footer: &Footer, place: &Place, start: u64, bytes: &[u8]) -> Result<(), ConnectorError> {
        let groups = footer.metadata.row_groups();
        let Some((group, column)) = groups
            .get(place.group)
            .and_then(|group| Some((group, group.columns().get(place.column)?)))
        else {
            return Ok(());
        };
        let rows = u64::try_from(group.num_rows()).unwrap_or_default();
        let index = self.index.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let located = match index {
            Some(index) => index.located(column, rows)?,
            None => None,
        };
        let chunk = Chunk {
            footer: column,
            rows,
            located: located.as_deref(),
        };
        pages::check(&chunk, start, bytes)
    }

    fn indexed(&self, footer: &Footer, start: u64, bytes: Bytes) -> Result<Bytes, ConnectorError> {
        let Some(fetched) = page_index::fetched(&footer.metadata, start, &bytes)? else {
            return Ok(bytes);
        };
        let bytes = fetched.bytes();
        *self.index.lock().unwrap_or_else(PoisonError::into_inner) = Some(fetched);
        Ok(bytes)
    }
}

/// Column chunks that have bytes, by where they begin.
fn places(footer: &Footer) -> Vec<Place> {
    let groups = footer.metadata.row_groups().iter().enumerate();
    let mut places: Vec<Place> = groups
        .flat_map(|(group, of)| {
            let columns = of.columns().iter().enumerate();
            columns.map(move |(column, chunk)| {
                let (start, length) = chunk.byte_range();
                let bytes = start..start.saturating_add(length);
                Place { bytes, group, column }
            })
        })
        .filter(|place| !place.bytes.is_empty())
        .collect();
    places.sort_by_key(|place| place.bytes.start);
    places
}
