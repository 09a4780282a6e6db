//! Which object stores does one query read, and what really crossed the wire? Every store is wrapped by a counter.

use std::{collections::HashMap, fmt, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::{
    common::DataFusionError,
    execution::object_store::{ObjectStoreRegistry, ObjectStoreUrl},
};
use futures::{StreamExt, stream::BoxStream};
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, coalesce_ranges, path::Path,
};
use url::Url;

use crate::context::Meter;

/// Gaps up to this many bytes are fetched along, and counted as fetched.
const COALESCE: u64 = 1024 * 1024;

/// The stores of one query. Nothing else can be reached: no default store, no registration by SQL.
#[derive(Clone, Debug, Default)]
pub struct QueryStores {
    stores: HashMap<String, Arc<dyn ObjectStore>>,
}

impl QueryStores {
    /// Wraps `store` so that `meter` sees its traffic, and makes it known under `url`.
    pub fn insert(&mut self, url: &ObjectStoreUrl, store: &Arc<dyn ObjectStore>, meter: &Arc<Meter>) {
        let metered = MeteredStore {
            inner: Arc::clone(store),
            meter: Arc::clone(meter),
        };
        self.stores.insert(key(url.as_ref()), Arc::new(metered));
    }
}

fn key(url: &Url) -> String {
    format!("{}://{}", url.scheme(), url.authority())
}

impl ObjectStoreRegistry for QueryStores {
    fn register_store(&self, _url: &Url, _store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> datafusion::common::Result<Arc<dyn ObjectStore>> {
        self.stores
            .get(&key(url))
            .cloned()
            .ok_or_else(|| DataFusionError::Internal("the query has no such object store".to_owned()))
    }
}

/// Counts delivered payload bytes and requests; changes nothing else.
struct MeteredStore {
    inner: Arc<dyn ObjectStore>,
    meter: Arc<Meter>,
}

impl fmt::Debug for MeteredStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MeteredStore")
    }
}

impl fmt::Display for MeteredStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MeteredStore")
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for MeteredStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.meter.add_fetched(0);
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.meter.add_fetched(0);
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let mut result = self.inner.get_opts(location, options).await?;
        match result.payload {
            // A local file: the reader takes the range from it without another call.
            GetResultPayload::File(..) => self.meter.add_fetched(result.range.end - result.range.start),
            GetResultPayload::Stream(stream) => {
                self.meter.add_fetched(0);
                let meter = Arc::clone(&self.meter);
                let counted = stream.inspect(move |chunk| {
                    if let Ok(chunk) = chunk {
                        meter.add_fetched_payload(chunk.len() as u64);
                    }
                });
                result.payload = GetResultPayload::Stream(counted.boxed());
            }
        }
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        coalesce_ranges(
            ranges,
            |range| async move {
                let bytes = self.inner.get_ranges(location, std::slice::from_ref(&range)).await?;
                let bytes = bytes.into_iter().next().unwrap_or_default();
                self.meter.add_fetched(bytes.len() as u64);
                Ok::<_, object_store::Error>(bytes)
            },
            COALESCE,
        )
        .await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.meter.add_fetched(0);
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.meter.add_fetched(0);
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.meter.add_fetched(0);
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.meter.add_fetched(0);
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.meter.add_fetched(0);
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.meter.add_fetched(0);
        self.inner.rename_opts(from, to, options).await
    }
}
