//! Which columns do CSV files have? Names from the headers, types from every value.

use std::sync::Arc;

use arrow::datatypes::DataType;
use object_store::ObjectStore;

use super::{for_each_text, shape::Shape};
use crate::{
    error::{ConnectorError, Result},
    files::{
        table::{FileList, FileTableDraft},
        text::{Record, Tokenizer, header_names},
    },
};

pub(super) async fn infer(
    table: &FileTableDraft,
    files: &FileList,
    store: &Arc<dyn ObjectStore>,
) -> Result<Vec<(String, DataType)>> {
    let mut columns: Vec<(String, Shape)> = Vec::new();
    for file in &files.files {
        let mut guess = Guess {
            names: None,
            shapes: Vec::new(),
            header: table.options.header,
            null: table.options.null().map(str::to_owned),
        };
        let mut tokenizer = Tokenizer::new(&table.options);
        for_each_text(store, &file.object_meta, &table.options, &mut |text| {
            let mut record = |record: Record<'_>| guess.record(&record);
            let done = match text {
                Some(text) => tokenizer.push(text, &mut record),
                None => tokenizer.finish(&mut record),
            };
            done.map(|()| true)
                .map_err(|error: ConnectorError| error.with_file(file.object_meta.location.as_ref()))
        })
        .await?;
        for (name, shape) in guess.columns() {
            match columns.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = std::mem::take(known).merge(shape),
                None => columns.push((name, shape)),
            }
        }
    }
    Ok(columns
        .into_iter()
        .map(|(name, shape)| (name, shape.data_type()))
        .collect())
}

struct Guess {
    names: Option<Vec<String>>,
    shapes: Vec<Shape>,
    header: bool,
    null: Option<String>,
}

impl Guess {
    fn record(&mut self, record: &Record<'_>) -> Result<()> {
        if self.header && self.names.is_none() {
            self.names = Some(header_names(record)?);
            return Ok(());
        }
        for position in 0..record.len() {
            if self.shapes.len() <= position {
                self.shapes.push(Shape::Empty);
            }
            let shape = match record.text(position, self.null.as_deref()) {
                Ok(None) => Shape::Empty,
                Ok(Some(text)) => Shape::of_text(text),
                Err(_) => Shape::Text,
            };
            if let Some(known) = self.shapes.get_mut(position) {
                *known = std::mem::take(known).merge(shape);
            }
        }
        Ok(())
    }

    fn columns(self) -> Vec<(String, Shape)> {
        let names = self.names.unwrap_or_else(|| {
            (1..=self.shapes.len())
                .map(|number| format!("column_{number}"))
                .collect()
        });
        let shapes = self.shapes.into_iter().chain(std::iter::repeat(Shape::Empty));
        names.into_iter().zip(shapes).collect()
    }
}
