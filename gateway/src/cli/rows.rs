//! In which format are rows printed? Programs get the bytes that the API would send; people get tables.

// sorted: start
mod cell;
mod markdown;
mod table;
mod tsv;
mod vertical;
// sorted: end

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use clap::{Args, ValueEnum};

use super::{
    failure::{Failure, Result},
    grid::GridStyle,
    screen::Screen,
    sink::{Sink, Taken},
};
use crate::results_format::{EncodeError, Encoded, Encoder, ResultFormat, encoder};

/// A format of rows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum RowFormat {
    /// Columns for people
    #[default]
    Table,
    /// One object with columns and rows, as the API sends it
    Json,
    /// One object per row
    Jsonl,
    /// Everything quoted, NULL empty, the empty text ""
    Csv,
    /// Tabs between the columns, NULL as \N
    Tsv,
    /// A table for Markdown
    Markdown,
    /// One line per value
    Vertical,
    /// An Apache Parquet file
    Parquet,
    /// An Apache Arrow stream
    Arrow,
    /// Rows are fetched and not printed
    Null,
}

/// Flags that say how rows are printed, and where.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct RowFlags {
    /// Format of the rows
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    pub format: RowFormat,
    /// Leave out the names of the columns (table, csv, tsv)
    #[arg(long)]
    pub no_header: bool,
    /// Fetch and print no more than so many rows
    #[arg(long, value_name = "N")]
    pub max_rows: Option<u64>,
    /// Write to this file; it appears when it is complete
    #[arg(long, value_name = "FILE")]
    pub output_file: Option<std::path::PathBuf>,
}

impl RowFlags {
    /// Are the errors wanted for programs too?
    #[must_use]
    pub fn is_json(&self) -> bool {
        matches!(self.format, RowFormat::Json | RowFormat::Jsonl)
    }

    /// Refuses what would destroy a terminal.
    ///
    /// # Errors
    /// A usage error.
    pub fn check(&self, screen: &Screen) -> Result<()> {
        let binary = matches!(self.format, RowFormat::Arrow | RowFormat::Parquet);
        if binary && screen.output && self.output_file.is_none() {
            return Err(Failure::usage(
                "this format is not for a terminal: add `--output-file FILE` or a pipe",
            ));
        }
        Ok(())
    }

    /// Opens the output for rows of this schema.
    ///
    /// # Errors
    /// If the file cannot be made, or the format has no place for a column's type.
    pub fn open(&self, screen: &Screen, schema: &SchemaRef) -> Result<RowPrinter> {
        let boxed = screen.output && self.output_file.is_none();
        let style = GridStyle {
            boxed,
            color: boxed && screen.color,
            header: !self.no_header,
        };
        let encoder: Box<dyn Encoder> = match self.format {
            RowFormat::Table => Box::new(table::Table::new(schema, style)),
            RowFormat::Json => encoder(ResultFormat::Json, schema, None)?,
            RowFormat::Jsonl => encoder(ResultFormat::Ndjson, schema, None)?,
            RowFormat::Csv => encoder(ResultFormat::Csv, schema, None)?,
            RowFormat::Tsv => Box::new(tsv::Tsv::new(schema)),
            RowFormat::Markdown => Box::new(markdown::Markdown::new(schema)),
            RowFormat::Vertical => Box::new(vertical::Vertical::new(schema)),
            RowFormat::Parquet => encoder(ResultFormat::Parquet, schema, None)?,
            RowFormat::Arrow => encoder(ResultFormat::ArrowStream, schema, None)?,
            RowFormat::Null => Box::new(Nothing),
        };
        let headless = self.no_header && matches!(self.format, RowFormat::Csv | RowFormat::Tsv);
        let mut printer = RowPrinter {
            encoder,
            sink: Sink::open(self.output_file.as_deref())?,
            rows: 0,
            taken: Taken::Yes,
        };
        let head = printer.encoder.start()?;
        if !headless {
            printer.write(&head)?;
        }
        Ok(printer)
    }
}

/// Prints batches.
pub struct RowPrinter {
    encoder: Box<dyn Encoder>,
    sink: Sink,
    rows: u64,
    taken: Taken,
}

impl std::fmt::Debug for RowPrinter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowPrinter")
            .field("sink", &self.sink)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl RowPrinter {
    /// Prints rows.
    ///
    /// # Errors
    /// If they cannot be written; not if nobody reads them.
    pub fn print(&mut self, batch: &RecordBatch) -> Result<Taken> {
        let bytes = self.encoder.batch(batch)?;
        self.rows += batch.num_rows() as u64;
        self.write(&bytes)
    }

    /// Nothing follows. Says how many rows there were.
    ///
    /// # Errors
    /// As for `print`.
    pub fn finish(mut self) -> Result<u64> {
        let bytes = self.encoder.finish()?;
        if self.write(&bytes)? == Taken::Yes {
            self.sink.finish()?;
        }
        Ok(self.rows)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<Taken> {
        if self.taken == Taken::Yes && !bytes.is_empty() {
            self.taken = self.sink.write(bytes)?;
        }
        Ok(self.taken)
    }
}

impl From<EncodeError> for Failure {
    fn from(error: EncodeError) -> Self {
        Self::local(format!("the rows cannot be written in this format: {}", error.0))
    }
}

struct Nothing;

impl Encoder for Nothing {
    fn start(&mut self) -> Encoded {
        Ok(Vec::new())
    }

    fn batch(&mut self, _: &RecordBatch) -> Encoded {
        Ok(Vec::new())
    }

    fn finish(&mut self) -> Encoded {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, StringArray};

    use super::*;

    fn print(format: RowFormat, no_header: bool) -> String {
        let batch = RecordBatch::try_from_iter([
            (
                "name",
                Arc::new(StringArray::from(vec![Some("Ana|\t\"x\""), Some(""), None])) as arrow::array::ArrayRef,
            ),
            (
                "n",
                Arc::new(Int64Array::from(vec![Some(9_007_199_254_740_993), None, Some(-1)])) as _,
            ),
            ("f", Arc::new(Float64Array::from(vec![Some(0.5), Some(2.0), None])) as _),
        ])
        .unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let flags = RowFlags {
            format,
            no_header,
            max_rows: None,
            output_file: Some(path.clone()),
        };
        let mut printer = flags.open(&Screen::default(), &batch.schema()).unwrap();
        printer.print(&batch).unwrap();
        assert_eq!(printer.finish().unwrap(), 3);
        String::from_utf8(std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn each_format_is_exact() {
        assert_eq!(
            print(RowFormat::Table, false),
            "name                      n     f\nAna|\\t\"x\"  9007199254740993   0.5\n                       NULL   2.0\nNULL                     -1  NULL\n"
        );
        assert_eq!(
            print(RowFormat::Csv, false),
            "\"name\",\"n\",\"f\"\n\"Ana|\t\"\"x\"\"\",\"9007199254740993\",\"0.5\"\n\"\",,\"2.0\"\n,\"-1\",\n"
        );
        assert_eq!(print(RowFormat::Csv, true).lines().count(), 3);
        assert_eq!(
            print(RowFormat::Tsv, false),
            "name\tn\tf\nAna|\\t\"x\"\t9007199254740993\t0.5\n\t\\N\t2.0\n\\N\t-1\t\\N\n"
        );
        assert_eq!(
            print(RowFormat::Markdown, false),
            "| name | n | f |\n|---|--:|--:|\n| Ana\\|\\t\"x\" | 9007199254740993 | 0.5 |\n|  | *NULL* | 2.0 |\n| *NULL* | -1 | *NULL* |\n"
        );
        assert!(
            print(RowFormat::Vertical, false).starts_with("─ row 1\nname | Ana|\\t\"x\"\nn    | 9007199254740993\n")
        );
        assert!(print(RowFormat::Json, false).contains("[\"\",null,2.0]"));
        assert_eq!(print(RowFormat::Jsonl, false).lines().count(), 3);
        assert_eq!(print(RowFormat::Null, false), "");
    }

    #[test]
    fn binary_formats_are_not_for_terminals() {
        let screen = Screen {
            output: true,
            ..Screen::default()
        };
        let flags = |format, file: Option<&str>| RowFlags {
            format,
            output_file: file.map(Into::into),
            ..RowFlags::default()
        };
        assert!(flags(RowFormat::Parquet, None).check(&screen).is_err());
        assert!(flags(RowFormat::Parquet, Some("x")).check(&screen).is_ok());
        assert!(flags(RowFormat::Arrow, None).check(&Screen::default()).is_ok());
    }
}
