//! Does a footer fit its file? Offsets, sizes and counts are checked before anything is allocated or read by them.

use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

/// Says what is wrong.
pub(crate) fn check(metadata: &ParquetMetaData, size: u64) -> Result<(), String> {
    if metadata.file_metadata().num_rows() < 0 {
        return Err("the number of rows is negative".to_owned());
    }
    for (number, group) in metadata.row_groups().iter().enumerate() {
        if group.num_rows() < 0 {
            return Err(format!("row group {number} has a negative number of rows"));
        }
        for column in group.columns() {
            let wrong = |why: &str| {
                format!(
                    "column `{}` of row group {number}: {why}",
                    column.column_path().string()
                )
            };
            let end = chunk_end(column).ok_or_else(|| wrong("an offset or size is negative"))?;
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
