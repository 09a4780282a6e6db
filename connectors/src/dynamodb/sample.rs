//! Which items are looked at to find a table's columns? A thousand, spread over segments, once in a while.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    client::Client,
    description::{Types, key_kinds},
    error::garbled,
    infer::Sample,
    table::{Column, Table},
};
use crate::{
    call::CallContext,
    error::{ConnectorError, Result},
};

/// How long a sample is good.
const SAMPLE_KNOWN: Duration = Duration::from_secs(600);
/// A sample: items of a segment, and segments.
const SAMPLE: (usize, usize) = (125, 8);

#[derive(Deserialize)]
struct Sampled {
    #[serde(rename = "Items", default)]
    items: Vec<Map<String, Value>>,
    #[serde(rename = "ConsumedCapacity")]
    consumed: Option<SampleUnits>,
}

#[derive(Deserialize)]
struct SampleUnits {
    #[serde(rename = "CapacityUnits", default)]
    units: f64,
}

/// The columns of a sample, which is good for a while.
pub(super) async fn sampled_columns(
    client: &Client,
    cx: &CallContext,
    table: &Table,
    types: &Types,
    id: Option<&str>,
) -> Result<Vec<Column>> {
    let key = format!("{} {}", table.name, id.unwrap_or_default());
    let known = client
        .samples
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&key)
        .cloned();
    if let Some((_, columns)) = known.as_ref().filter(|(since, _)| since.elapsed() < SAMPLE_KNOWN) {
        return Ok(columns.clone());
    }
    let columns = inferred_columns(client, cx, table, types).await?;
    if let Some((_, before)) = known.filter(|(_, before)| *before != columns) {
        let changed = columns.iter().filter(|column| !before.contains(column)).count();
        tracing::warn!(
            table = table.name,
            columns = changed,
            "a new sample of the table shows other columns: declare them to keep them as they are"
        );
    }
    let mut samples = client.samples.lock().unwrap_or_else(PoisonError::into_inner);
    samples.insert(key, (Instant::now(), columns.clone()));
    Ok(columns)
}

async fn inferred_columns(client: &Client, cx: &CallContext, table: &Table, types: &Types) -> Result<Vec<Column>> {
    let (limit, segments) = SAMPLE;
    let charge = table.charge(None, client.settings().read_units);
    let read = |segment: usize| {
        let body = json!({
            "TableName": table.name, "Limit": limit, "Segment": segment, "TotalSegments": segments,
            "ReturnConsumedCapacity": "INDEXES",
        });
        let charge = &charge;
        async move {
            let answer = client.read(cx, "Scan", body.to_string(), charge).await?;
            let page: Sampled = serde_json::from_slice(&answer).map_err(|_| garbled("a sample is no page"))?;
            client.used(cx, charge, page.consumed.map_or(0.0, |consumed| consumed.units));
            Ok::<_, ConnectorError>(page.items)
        }
    };
    // One after the other segment is merged, so that the same items give the same columns.
    let pages: Vec<_> = stream::iter((0..segments).map(read))
        .buffered(segments)
        .try_collect()
        .await?;
    let mut sample = Sample::default();
    pages.iter().flatten().for_each(|item| sample.add(item));
    let inferred = sample.columns(&key_kinds(table, types));
    if !inferred.left_out.is_empty() {
        tracing::warn!(
            table = table.name,
            attributes = inferred.left_out.len(),
            "attributes have no column: their names differ from another one in case alone, or they are too many"
        );
    }
    Ok(inferred.columns)
}
