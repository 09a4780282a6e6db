//! What if a decoder fails or panics? At every step on a file the failure becomes one error with the file's name, and a
//! file that panicked is refused until it changes.

use std::{
    fmt,
    sync::{Arc, PoisonError},
};

use arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::{common::Result, datasource::listing::PartitionedFile, error::DataFusionError};
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::{StreamExt, stream::BoxStream};
use object_store::ObjectMeta;

use super::{ScanState, bytes_as_text::proven};
use crate::{
    error::ConnectorError,
    files::failure::{PANICKED, caught, caught_async, caught_stream},
};

/// The file that a step works on.
#[derive(Clone, Debug)]
struct Place {
    meta: ObjectMeta,
    state: ScanState,
}

impl Place {
    fn file(&self) -> &str {
        self.meta.location.as_ref()
    }

    fn note<T>(&self, outcome: Result<T>) -> Result<T> {
        if let Err(error) = &outcome {
            self.note_error(error);
        }
        outcome
    }

    /// Text of a file that does not vouch for it is looked at before anything else does.
    fn proven(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let doubtful = self.state.doubtful.lock().unwrap_or_else(PoisonError::into_inner);
        let doubt = doubtful.get(&self.meta.location).copied();
        drop(doubtful);
        match doubt {
            Some(doubt) => proven(batch, doubt, self.file()),
            None => Ok(batch),
        }
    }

    /// Days and moments of a file that counts them by another calendar become what its writer meant.
    fn meant(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let known = self.state.julian.lock().unwrap_or_else(PoisonError::into_inner);
        let julian = known.get(&self.meta.location).cloned();
        drop(known);
        let Some(julian) = julian else { return Ok(batch) };
        let schema = batch.schema();
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            columns.push(match julian.get(&field.name().to_lowercase()) {
                Some(julian) => julian
                    .meant(field.name(), column)
                    .map_err(|error| error.with_file(self.file()))?,
                None => Arc::clone(column),
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
    }

    fn note_error(&self, error: &DataFusionError) {
        let Some(failure) = ConnectorError::find(error) else {
            return;
        };
        self.state.meter.failed(failure);
        if failure.detail() == Some(PANICKED) {
            self.state.cache.quarantine(&self.state.store_id, &self.meta);
        }
    }
}

#[derive(Debug)]
pub(super) struct BoundedMorselizer {
    pub(super) inner: Box<dyn Morselizer>,
    pub(super) state: ScanState,
}

impl Morselizer for BoundedMorselizer {
    fn plan_file(&self, file: PartitionedFile) -> Result<Box<dyn MorselPlanner>> {
        let place = Place {
            meta: file.object_meta.clone(),
            state: self.state.clone(),
        };
        let inner = place.note(caught(place.file(), || self.inner.plan_file(file)))?;
        Ok(Box::new(BoundedPlanner { inner, place }))
    }
}

#[derive(Debug)]
struct BoundedPlanner {
    inner: Box<dyn MorselPlanner>,
    place: Place,
}

impl MorselPlanner for BoundedPlanner {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        let Self { inner, place } = *self;
        let Some(mut plan) = place.note(caught(place.file(), || inner.plan()))? else {
            return Ok(None);
        };
        let morsels = plan.take_morsels().into_iter().map(|inner| {
            let place = place.clone();
            Box::new(BoundedMorsel { inner, place }) as Box<dyn Morsel>
        });
        let planners = plan.take_ready_planners().into_iter().map(|inner| {
            let place = place.clone();
            Box::new(Self { inner, place }) as Box<dyn MorselPlanner>
        });
        let mut bounded = MorselPlan::new()
            .with_morsels(morsels.collect())
            .with_planners(planners.collect());
        if let Some(pending) = plan.take_pending_planner() {
            bounded.set_pending_planner(async move {
                let inner = place.note(caught_async(place.file(), pending.into_future()).await)?;
                Ok(Box::new(Self { inner, place }) as Box<dyn MorselPlanner>)
            });
        }
        Ok(Some(bounded))
    }
}

struct BoundedMorsel {
    inner: Box<dyn Morsel>,
    place: Place,
}

impl fmt::Debug for BoundedMorsel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedMorsel")
            .field("file", &self.place.file())
            .finish_non_exhaustive()
    }
}

impl Morsel for BoundedMorsel {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, Result<RecordBatch>> {
        let Self { inner, place } = *self;
        let file = place.file().to_owned();
        let looked_at = place.clone();
        let batches = inner
            .into_stream()
            .map(move |batch| looked_at.meant(looked_at.proven(batch?)?));
        caught_stream(file, batches)
            .inspect(move |item| {
                if let Err(error) = item {
                    place.note_error(error);
                }
            })
            .boxed()
    }
}
