//! What rows does a CSV file hold? Columns by header name or position; a short row lacks values.
//!
//! A long row is an error, or invisible where a policy restricts the caller: its fields may stand in the wrong columns,
//! those that the policy reads too.

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::{
    Decoder, Wanted,
    rows::Rows,
    serde::Meaning,
    tokenizer::{Record, Tokenizer, bad, header_names},
};
use crate::{error::Result, files::table::CsvSerde};

/// Reads the wanted columns of a CSV file.
pub(super) struct CsvDecoder {
    tokenizer: Tokenizer,
    sink: Sink,
}

struct Sink {
    wanted: Wanted,
    rows: Rows,
    file: String,
    /// Of each wanted column.
    meanings: Vec<Meaning>,
    /// Known after the header.
    layout: Option<Layout>,
}

struct Layout {
    width: usize,
    /// Position in the file of each wanted column.
    columns: Vec<Option<usize>>,
    policy: Vec<Option<usize>>,
}

impl CsvDecoder {
    pub(super) fn new(wanted: Wanted, file: String) -> Self {
        let tokenizer = Tokenizer::new(&wanted.table.options);
        let rows = Rows::new(Arc::clone(&wanted.schema), wanted.batch_size);
        let meanings = meanings(&wanted);
        let mut sink = Sink {
            wanted,
            rows,
            file,
            meanings,
            layout: None,
        };
        if !sink.wanted.table.options.header {
            let declared = sink.wanted.table.declared.fields().iter();
            let names: Vec<String> = declared.map(|field| field.name().clone()).collect();
            sink.layout = Some(sink.layout(&names));
        }
        Self { tokenizer, sink }
    }
}

impl Decoder for CsvDecoder {
    fn push(&mut self, text: &[u8]) -> Result<()> {
        let Self { tokenizer, sink } = self;
        tokenizer
            .push(text, &mut |record| sink.record(&record))
            .map_err(|error| error.with_file(sink.file.as_str()))
    }

    fn finish(&mut self) -> Result<()> {
        let Self { tokenizer, sink } = self;
        tokenizer
            .finish(&mut |record| sink.record(&record))
            .map_err(|error| error.with_file(sink.file.as_str()))?;
        sink.rows.flush()
    }

    fn take(&mut self) -> Result<Option<RecordBatch>> {
        Ok(self.sink.rows.take())
    }
}

impl Sink {
    fn layout(&self, names: &[String]) -> Layout {
        let find = |wanted: &str| {
            names
                .iter()
                .position(|name| name.to_lowercase() == wanted.to_lowercase())
        };
        Layout {
            width: names.len(),
            columns: self
                .wanted
                .schema
                .fields()
                .iter()
                .map(|field| find(field.name()))
                .collect(),
            policy: self.wanted.policy.iter().map(|name| find(name)).collect(),
        }
    }

    fn record(&mut self, record: &Record<'_>) -> Result<()> {
        let Some(layout) = &self.layout else {
            self.layout = Some(self.layout(&header_names(record)?));
            return Ok(());
        };
        let serde = self.wanted.table.options.serde;
        if record.is_blank() && layout.width != 1 && serde == CsvSerde::None {
            return Ok(());
        }
        // Hive's readers leave out what stands behind the last column.
        if record.len() > layout.width && serde == CsvSerde::None {
            // Governance §3 rule 6: what cannot be taken apart is not there for a policy.
            return if self.wanted.table.restricted {
                Ok(())
            } else {
                Err(bad("a row has more fields than there are columns", record.line))
            };
        }
        let present = |position: &Option<usize>| position.is_some_and(|position| position < record.len());
        if !layout.policy.iter().all(present) {
            return Ok(());
        }
        let null = self.wanted.table.options.null();
        for (column, position) in layout.columns.iter().enumerate() {
            let value = position.and_then(|position| record.value(position, null));
            let meant = value.and_then(|value| self.meanings.get(column)?.text(value));
            self.rows.cell(column, meant.as_deref());
        }
        self.rows.end_row()
    }
}

fn meanings(wanted: &Wanted) -> Vec<Meaning> {
    let declared = |name: &str| wanted.table.declared.field_with_name(name).ok();
    let fields = wanted.schema.fields().iter();
    fields
        .map(|field| {
            let field = declared(field.name()).unwrap_or(field);
            Meaning::new(&wanted.table.options, field.data_type())
        })
        .collect()
}
