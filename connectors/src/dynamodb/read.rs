//! How are the rows of a piece read? Page by page: the next one is asked for when the last one was taken.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use serde_json::{Value, value::RawValue};

use super::{
    client::{Charge, Client},
    decode::{Batch, Decoder, Page, Seen},
    error::garbled,
    plan::{Policy, Scan},
    request::Work,
    splits::Piece,
};
use crate::{
    batch_stream::{self, BatchSender, MAX_BATCH_BYTES},
    call::CallContext,
    error::{ConnectorError, ConnectorErrorKind, Result},
    split::{Handle, ReadRequest, ReadStream},
};

/// Items that are judged by a guard together.
const JUDGED: usize = 1_024;
/// Answers to a BatchGetItem in a row that bring nothing.
const EMPTY_ANSWERS: usize = 20;

/// Reads a piece.
pub(super) fn read(cx: &CallContext, client: Arc<Client>, request: &ReadRequest) -> Result<ReadStream> {
    let piece = request.split.get::<Piece>()?;
    let (scan, work) = (Arc::clone(&piece.scan), piece.work()?.clone());
    let batch_rows = request.batch_rows.max(1);
    let schema = Arc::clone(&scan.schema);
    let call = cx.clone();
    Ok(batch_stream::start(cx, schema, move |sender| async move {
        let mut reader = Reader {
            charge: scan.charge(client.settings().read_units),
            rows: Rows {
                decoder: Decoder::new(&scan.columns, &scan.table),
                guard: scan
                    .policy
                    .as_ref()
                    .map(|policy| Decoder::new(&policy.columns, &scan.table)),
                scan: &scan,
                batch_rows,
                left: scan.limit.unwrap_or(u64::MAX),
                misfits: 0,
            },
            cx: &call,
            client: &client,
            sender: &sender,
        };
        match &work {
            Work::Get(_) => reader.keys(&work).await?,
            Work::Segment(..) | Work::Query(_) => reader.pages(&work).await?,
        }
        reader.rows.send(&sender).await?;
        if reader.rows.misfits > 0 {
            tracing::warn!(
                table = scan.table.name,
                values = reader.rows.misfits,
                "values did not fit their columns and were read as NULL"
            );
        }
        Ok(())
    }))
}

struct Reader<'a> {
    cx: &'a CallContext,
    client: &'a Client,
    charge: Charge,
    sender: &'a BatchSender,
    rows: Rows<'a>,
}

impl Reader<'_> {
    /// A Scan or a Query.
    async fn pages(&mut self, work: &Work) -> Result<()> {
        let mut last: Option<Value> = None;
        while self.rows.left > 0 {
            let body = self
                .rows
                .scan
                .template
                .body(work, last.as_ref())
                .ok_or_else(Handle::invalid)?;
            let answer = self
                .client
                .read(self.cx, work.operation(), body.to_string(), &self.charge)
                .await?;
            let page = Page::of(&answer)?;
            self.client.used(self.cx, &self.charge, page.units());
            let next = page.last.clone();
            // A place that does not move would be read for ever.
            if next.is_some() && next == last {
                return Err(garbled("a page goes on where it began"));
            }
            self.rows.add(&page.items, self.sender).await?;
            last = next;
            if last.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// A BatchGetItem: what the service left out is asked for again.
    async fn keys(&mut self, work: &Work) -> Result<()> {
        let mut body = self.rows.scan.template.body(work, None).ok_or_else(Handle::invalid)?;
        let mut empty = 0;
        while self.rows.left > 0 {
            let answer = self
                .client
                .read(self.cx, work.operation(), body.to_string(), &self.charge)
                .await?;
            let batch = Batch::of(&answer)?;
            self.client.used(self.cx, &self.charge, batch.units());
            for items in batch.responses.values() {
                self.rows.add(items, self.sender).await?;
            }
            if batch.unprocessed.is_empty() {
                break;
            }
            empty = if batch.responses.values().all(Vec::is_empty) {
                empty + 1
            } else {
                0
            };
            if empty > EMPTY_ANSWERS {
                return Err(ConnectorError::new(
                    ConnectorErrorKind::Throttled,
                    "the source has no read units left for this",
                ));
            }
            // They are left out for want of read units.
            self.client.short(self.cx, &self.charge, empty).await?;
            if let Some(fields) = body.as_object_mut() {
                fields.insert("RequestItems".to_owned(), Value::Object(batch.unprocessed));
            }
        }
        Ok(())
    }
}

/// Rows on their way into batches.
struct Rows<'a> {
    scan: &'a Scan,
    decoder: Decoder,
    /// The guard's own columns.
    guard: Option<Decoder>,
    batch_rows: usize,
    /// Rows that are still wanted.
    left: u64,
    misfits: u64,
}

impl Rows<'_> {
    async fn add(&mut self, items: &[&RawValue], sender: &BatchSender) -> Result<()> {
        for items in items.chunks(JUDGED) {
            let visible = self.visible(items)?;
            for (item, _) in items.iter().zip(visible).filter(|(_, visible)| *visible) {
                if self.left == 0 {
                    return Ok(());
                }
                self.decode(item)?;
                self.left -= 1;
                if self.decoder.rows() >= self.batch_rows || self.decoder.bytes() >= MAX_BATCH_BYTES {
                    self.send(sender).await?;
                }
            }
        }
        Ok(())
    }

    fn decode(&mut self, item: &RawValue) -> Result<()> {
        let seen = self.decoder.append(item)?;
        let Some(at) = seen.iter().position(|seen| *seen == Seen::Misfit) else {
            return Ok(());
        };
        if self.scan.table.lenient {
            let all = seen.iter().filter(|seen| **seen == Seen::Misfit).count();
            self.misfits += u64::try_from(all).unwrap_or(0);
            return Ok(());
        }
        let column = self.scan.columns.get(at).map_or("", |column| column.name.as_str());
        Err(ConnectorError::new(
            ConnectorErrorKind::SourceFailed,
            "a value does not have the type of its column",
        )
        .with_detail(format!("table `{}`, column `{column}`", self.scan.table.name)))
    }

    /// Which items does the guard show? An item that lacks one of the guard's attributes, or has it in another type, is hidden
    /// (governance §3 rule 6).
    fn visible(&mut self, items: &[&RawValue]) -> Result<Vec<bool>> {
        let (Some(policy), Some(decoder)) = (&self.scan.policy, &mut self.guard) else {
            return Ok(vec![true; items.len()]);
        };
        let mut sound = Vec::with_capacity(items.len());
        for item in items {
            sound.push(decoder.append(item)?.iter().all(|seen| *seen == Seen::Fits));
        }
        let (columns, rows) = decoder.take()?;
        Ok(judged(policy, columns, rows)?
            .into_iter()
            .zip(sound)
            .map(|(passes, sound)| passes && sound)
            .collect())
    }

    async fn send(&mut self, sender: &BatchSender) -> Result<()> {
        if self.decoder.rows() == 0 {
            return Ok(());
        }
        let (columns, rows) = self.decoder.take()?;
        sender.send(columns, rows).await
    }
}

fn judged(policy: &Policy, columns: Vec<arrow::array::ArrayRef>, rows: usize) -> Result<Vec<bool>> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&policy.schema), columns, &options)?;
    Ok(policy.rows.evaluate(&batch)?.values().iter().collect())
}
