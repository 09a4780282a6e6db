//! How many stored bytes of a file of ORC does a scan ask for under the policy's pruning alone? Those of the wanted columns in the stripes
//! that the policy leaves, and what is read to know them.

use std::{collections::BTreeSet, sync::Arc};

use arrow::datatypes::SchemaRef;
use datafusion::physical_expr::PhysicalExpr;
use object_store::{ObjectMeta, ObjectStore};

use super::{
    Condition, known_statistics, known_tail, of_file, places, statistics_of,
    stripe::{Layout, footer_range},
    tail::{Source, Tail},
};
use crate::{
    error::Result,
    files::{
        metadata_cache::MetadataCache,
        table::{FileTable, raw_file_schema},
    },
};

/// What is asked of the files of a table.
pub(in crate::files) struct Figures<'a> {
    pub(in crate::files) cache: &'a MetadataCache,
    pub(in crate::files) store_id: &'a str,
    pub(in crate::files) store: &'a Arc<dyn ObjectStore>,
    pub(in crate::files) table: &'a FileTable,
    pub(in crate::files) raw: &'a SchemaRef,
    /// Names of the columns, in lower case.
    pub(in crate::files) names: &'a BTreeSet<String>,
    /// Over `raw`.
    pub(in crate::files) policy: Option<&'a Arc<dyn PhysicalExpr>>,
}

/// Stored bytes of the streams of a stripe, by the numbers of their types.
type Streams = Vec<(u32, u64)>;

/// The streams of all stripes of a file.
struct Sizes(Vec<Streams>);

impl Sizes {
    fn bytes(&self) -> usize {
        self.0.iter().map(|streams| size_of_val(streams.as_slice())).sum()
    }
}

impl Figures<'_> {
    /// Of one file.
    ///
    /// # Errors
    /// `CORRUPT_FILE`, `NOT_SUPPORTED`, and those of the store.
    pub(in crate::files) async fn bytes(&self, meta: &ObjectMeta) -> Result<u64> {
        let mut source = Source::new(Arc::clone(self.store), meta.clone());
        let tail = known_tail(self.cache, self.store_id, &mut source).await?;
        let read = self.read(&mut source, &tail).await;
        read.map_err(|error| of_file(error, meta))
    }

    async fn read(&self, source: &mut Source, tail: &Arc<Tail>) -> Result<u64> {
        let (mut bytes, mut kept) = (tail.length, None);
        if let (Some(holds), Some(range)) = (self.policy, statistics_of(tail)) {
            bytes += range.end - range.start;
            let statistics = known_statistics(self.cache, self.store_id, source, tail, range).await?;
            let condition = Condition {
                options: &self.table.options,
                declared: &self.table.file_schema,
                of_files: &raw_file_schema(self.table),
                raw: self.raw,
                holds,
            };
            kept = condition.kept(tail, &statistics)?;
        }
        let numbers = self.numbers(tail)?;
        if numbers.is_empty() {
            return Ok(bytes);
        }
        let sizes = self.sizes(source, tail).await?;
        for (number, (stripe, streams)) in tail.stripes.iter().zip(&sizes.0).enumerate() {
            if stripe.rows == 0 || kept.as_ref().and_then(|kept| kept.get(number)) == Some(&false) {
                continue;
            }
            let wanted = streams.iter().filter(|(column, _)| numbers.contains(column));
            bytes += stripe.footer_length + wanted.map(|(_, length)| length).sum::<u64>();
        }
        Ok(bytes)
    }

    /// Numbers of the types of the wanted columns.
    fn numbers(&self, tail: &Tail) -> Result<BTreeSet<u32>> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let mut numbers = BTreeSet::new();
        for place in places(&self.table.options, &self.table.file_schema, &names, tail)?
            .into_iter()
            .flatten()
        {
            if let Some((_, node)) = tail.columns.get(place) {
                node.each(&mut |number| {
                    numbers.insert(number);
                });
            }
        }
        Ok(numbers)
    }

    /// From the footers of the stripes, read once while the file is the same.
    async fn sizes(&self, source: &mut Source, tail: &Tail) -> Result<Arc<Sizes>> {
        let meta = source.meta.clone();
        let mut all = Vec::new();
        for (_, node) in &tail.columns {
            node.each(&mut |number| all.push(number));
        }
        all.sort_unstable();
        let read = async {
            source.keep_small().await?;
            let mut sizes = Vec::with_capacity(tail.stripes.len());
            for stripe in &tail.stripes {
                let range = footer_range(stripe).unwrap_or_default();
                let layout = Layout::new(tail, stripe, source.fetch(range).await?, &all)?;
                let places = layout.places.iter();
                sizes.push(
                    places
                        .map(|(column, _, range)| (*column, range.end - range.start))
                        .collect(),
                );
            }
            Ok(Sizes(sizes))
        };
        self.cache.known(self.store_id, &meta, Sizes::bytes, read).await
    }
}
