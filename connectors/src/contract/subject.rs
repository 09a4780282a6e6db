//! Whom is a property asked of? A fixture over a transport, watched where the rows come from.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::{
    Broken,
    fixture::{Fixture, Lake},
    transport::{Route, Transport},
};
use crate::{
    call::{CallContext, InvocationId, QueryId},
    connection::Connection,
    connector::{Connector, ConnectorSpec, DescribeRequest, DescribeResponse, PlanRequest, PlanResponse},
    error::Result,
    read_stats::{ReadCounters, ReadStats},
    split::{Handle, HandleCodec, ReadRequest, ReadStream, SplitsPage, SplitsRequest},
};

/// A connector over a transport.
#[derive(Debug)]
pub struct Subject {
    pub fixture: Arc<dyn Fixture>,
    pub transport: Arc<dyn Transport>,
    pub route: Arc<dyn Route>,
    pub connector: Arc<dyn Connector>,
    /// As callers configure it.
    pub connection: Arc<Connection>,
    /// At the source's side of the transport.
    pub watch: Arc<Watch>,
}

impl Subject {
    /// The fixture's connector, reached by the transport.
    ///
    /// # Errors
    /// If the transport cannot be set up.
    pub async fn new(fixture: Arc<dyn Fixture>, transport: Arc<dyn Transport>) -> Result<Self, Broken> {
        let watch = Arc::new(Watch::over(fixture.connector()));
        let route = transport.carry(Arc::clone(&watch) as Arc<dyn Connector>).await?;
        Ok(Self {
            connector: route.connector(),
            connection: Arc::new(route.connection(fixture.connection())),
            fixture,
            transport,
            route,
            watch,
        })
    }

    /// Another replica of the same transport, with another instance of the connector.
    ///
    /// # Errors
    /// If the transport cannot be set up.
    pub async fn replica(&self) -> Result<Self, Broken> {
        Self::new(Arc::clone(&self.fixture), Arc::clone(&self.transport)).await
    }

    /// What lies at the source.
    #[must_use]
    pub fn lake(&self) -> &Lake {
        self.fixture.lake()
    }

    /// A call on behalf of a query, with 30 s to go.
    #[must_use]
    pub fn call(&self, query: &str) -> CallContext {
        CallContext::new(query, Arc::clone(&self.connection), Duration::from_secs(30))
    }

    /// A query id of its own.
    #[must_use]
    pub fn query(name: &str) -> String {
        format!("{name}-{}", uuid::Uuid::now_v7().simple())
    }
}

/// A connector whose reads are remembered: what they counted is known before anything travelled.
#[derive(Debug)]
pub struct Watch {
    inner: Arc<dyn Connector>,
    reads: Mutex<HashMap<QueryId, Arc<ReadCounters>>>,
}

impl Watch {
    fn over(inner: Arc<dyn Connector>) -> Self {
        Self {
            inner,
            reads: Mutex::default(),
        }
    }

    /// What the last read of a query has counted so far.
    #[must_use]
    pub fn stats(&self, query: &QueryId) -> ReadStats {
        let reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        reads.get(query).map(|counters| counters.snapshot()).unwrap_or_default()
    }
}

#[async_trait]
impl Connector for Watch {
    fn spec(&self) -> &ConnectorSpec {
        self.inner.spec()
    }

    fn handles(&self) -> Option<&dyn HandleCodec> {
        self.inner.handles()
    }

    async fn describe(&self, cx: &CallContext, request: DescribeRequest) -> Result<DescribeResponse> {
        self.inner.describe(cx, request).await
    }

    async fn plan(&self, cx: &CallContext, request: PlanRequest) -> Result<PlanResponse> {
        self.inner.plan(cx, request).await
    }

    async fn splits(&self, cx: &CallContext, request: SplitsRequest) -> Result<SplitsPage> {
        self.inner.splits(cx, request).await
    }

    async fn read(&self, cx: &CallContext, request: ReadRequest) -> Result<ReadStream> {
        let counters = Arc::clone(&cx.counters);
        self.reads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(cx.query.clone(), counters);
        self.inner.read(cx, request).await
    }

    async fn release(&self, cx: &CallContext, split: &Handle) -> Result<()> {
        self.inner.release(cx, split).await
    }

    async fn cancel(&self, cx: &CallContext, invocation: InvocationId) -> Result<()> {
        self.inner.cancel(cx, invocation).await
    }
}
