//! Does a footer fit its file? Offsets, sizes and counts are checked before anything is allocated or read by them, and those that
//! say nothing are taken out.

use std::collections::BTreeSet;

use parquet::{
    errors::Result as Decoded,
    file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData},
};

/// Says what is wrong; of encrypted column chunks (by row group and place) nothing is known.
pub(crate) fn check(metadata: &ParquetMetaData, size: u64, encrypted: &BTreeSet<(usize, usize)>) -> Result<(), String> {
    if metadata.file_metadata().num_rows() < 0 {
        return Err("the number of rows is negative".to_owned());
    }
    for (number, group) in metadata.row_groups().iter().enumerate() {
        if group.num_rows() < 0 {
            return Err(format!("row group {number} has a negative number of rows"));
        }
        for (place, column) in group.columns().iter().enumerate() {
            let wrong = |why: &str| {
                format!(
                    "column `{}` of row group {number}: {why}",
                    column.column_path().string()
                )
            };
            let end = chunk_end(column).ok_or_else(|| wrong("an offset or size is negative"))?;
            if encrypted.contains(&(number, place)) {
                continue;
            }
            if end > size {
                return Err(wrong("it ends behind the end of the file"));
            }
            let flat = column.column_descr().max_rep_level() == 0;
            if column.num_values() < 0 || (flat && column.num_values() != group.num_rows()) {
                return Err(wrong("its number of values is not the number of rows"));
            }
        }
    }
    Ok(())
}

fn chunk_end(column: &ColumnChunkMetaData) -> Option<u64> {
    let start = column
        .dictionary_page_offset()
        .unwrap_or_else(|| column.data_page_offset());
    let start = u64::try_from(start).ok()?;
    let length = u64::try_from(column.compressed_size()).ok()?;
    u64::try_from(column.uncompressed_size()).ok()?;
    start.checked_add(length)
}

/// Of which chunks nothing but their pages may be used.
#[derive(Debug)]
pub(crate) struct Without<'a> {
    /// By row group and place: their indexes are encrypted too.
    pub(crate) encrypted: &'a BTreeSet<(usize, usize)>,
    /// By place: their indexes count by the Julian calendar.
    pub(crate) julian: &'a BTreeSet<usize>,
}

/// The footer without dictionaries that are not before their pages (old writers write 0 for none), and without indexes that cannot be used.
///
/// # Errors
/// Those of the footer's types.
pub(crate) fn settled(metadata: ParquetMetaData, without: &Without<'_>) -> Decoded<ParquetMetaData> {
    let misplaced = |chunk: &ColumnChunkMetaData| {
        let dictionary = chunk.dictionary_page_offset();
        dictionary.is_some_and(|at| at == 0 || at >= chunk.data_page_offset())
    };
    let mut chunks = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    if without.encrypted.is_empty() && without.julian.is_empty() && !chunks.any(misplaced) {
        return Ok(metadata);
    }
    let mut groups = Vec::with_capacity(metadata.num_row_groups());
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let mut columns = Vec::with_capacity(group.num_columns());
        for (place, chunk) in group.columns().iter().enumerate() {
            let encrypted = without.encrypted.contains(&(number, place));
            let mut settled = chunk.clone().into_builder();
            if misplaced(chunk) {
                settled = settled.set_dictionary_page_offset(None);
            }
            if encrypted || without.julian.contains(&place) {
                settled = settled.set_bloom_filter_offset(None).set_column_index_offset(None);
            }
            if encrypted {
                settled = settled.set_offset_index_offset(None);
            }
            columns.push(settled.build()?);
        }
        groups.push(group.clone().into_builder().set_column_metadata(columns).build()?);
    }
    Ok(ParquetMetaData::new(metadata.file_metadata().clone(), groups))
}
