//! Which columns do NDJSON files have? Every key of every object; mixed types are JSON text.

use std::sync::Arc;

use arrow::datatypes::DataType;
use object_store::ObjectStore;
use serde_json::value::RawValue;

use super::{
    for_each_text,
    shape::{Shape, number},
};
use crate::{
    error::{ConnectorError, Result},
    files::{
        table::{FileList, FileTableDraft},
        text::{Values, ambiguous, parse_line},
    },
};

pub(super) async fn infer(
    table: &FileTableDraft,
    files: &FileList,
    store: &Arc<dyn ObjectStore>,
) -> Result<Vec<(String, DataType)>> {
    let mut columns: Vec<(String, Shape)> = Vec::new();
    for file in &files.files {
        let path = file.object_meta.location.as_ref();
        let mut values = Values::new(path);
        for_each_text(store, &file.object_meta, &table.options, &mut |text| {
            let mut observed = |value: &[u8], line: u64| {
                observe(value, &mut columns).map_err(|error| {
                    ConnectorError::corrupt_file(path)
                        .with_detail(format!("line {line} is no JSON object"))
                        .with_source(error)
                })
            };
            match text {
                Some(text) => values.push(text, &mut observed)?,
                None => values.finish(&mut observed)?,
            }
            Ok(true)
        })
        .await?;
    }
    let mut named: Vec<(String, DataType)> = Vec::new();
    for (position, (name, shape)) in columns.iter().enumerate() {
        let lower = name.to_lowercase();
        let same = columns
            .iter()
            .take(position)
            .find(|(other, _)| other.to_lowercase() == lower);
        if let Some((other, _)) = same {
            return Err(ambiguous(other, name));
        }
        named.push((lower, shape.data_type()));
    }
    Ok(named)
}

fn observe(line: &[u8], columns: &mut Vec<(String, Shape)>) -> Result<(), serde_json::Error> {
    for (name, value) in parse_line(line)?.unwrap_or_default() {
        let shape = shape(value, 0)?;
        match columns.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = std::mem::take(known).merge(shape),
            None => columns.push((name, shape)),
        }
    }
    Ok(())
}

/// Levels of nesting that become types; deeper ones are JSON text.
const MAX_DEPTH: usize = 32;

fn shape(value: &RawValue, depth: usize) -> Result<Shape, serde_json::Error> {
    let text = value.get();
    Ok(match text.as_bytes().first() {
        Some(b'n') => Shape::Empty,
        Some(b't' | b'f') => Shape::Boolean,
        Some(b'"') => Shape::Text,
        Some(b'[' | b'{') if depth >= MAX_DEPTH => Shape::Mixed,
        Some(b'[') => {
            let mut items = Shape::Empty;
            for item in serde_json::from_str::<Vec<&RawValue>>(text)? {
                items = items.merge(shape(item, depth + 1)?);
            }
            Shape::List(Box::new(items))
        }
        Some(b'{') => {
            let mut members = Vec::new();
            for (name, member) in parse_line(text.as_bytes())?.unwrap_or_default() {
                members.retain(|(known, _)| *known != name);
                members.push((name, shape(member, depth + 1)?));
            }
            Shape::Object(members)
        }
        _ => number(text).unwrap_or(Shape::Text),
    })
}
