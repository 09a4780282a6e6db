//! What does PostgreSQL answer to the five verbs, and what can it do at best?

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use serde_json::Value;

use super::{describe, part, plan, pool::Pools, read, settings, snapshot::Snapshots, splits, statement::Table, types};
use crate::{
    call::{CallContext, InvocationId},
    connector::{CONTRACT, Connector, ConnectorSpec, DescribeRequest, DescribeResponse, PlanRequest, PlanResponse},
    error::Result,
    option::OptionProblem,
    split::{Handle, HandleCodec, ReadRequest, ReadStream, SplitsPage, SplitsRequest, decode_json, encode_json},
};

/// The connector `postgres`. It keeps the idle connections of its pools, and the snapshots whose splits have left the process.
#[derive(Debug)]
pub struct PostgresConnector {
    spec: ConnectorSpec,
    pools: Arc<Pools>,
    handles: Handles,
}

/// How its handles leave the process.
#[derive(Debug, Default)]
struct Handles(Snapshots);

impl HandleCodec for Handles {
    fn encode_table(&self, table: &Handle) -> Result<Vec<u8>> {
        encode_json::<Table>(table)
    }

    fn decode_table(&self, bytes: &[u8]) -> Result<Handle> {
        decode_json::<Table>(bytes)
    }

    fn encode_split(&self, split: &Handle) -> Result<Vec<u8>> {
        part::encode(split, &self.0)
    }

    fn decode_split(&self, bytes: &[u8], scan: &Handle) -> Result<Handle> {
        part::decode(bytes, scan, &self.0)
    }

    fn release(&self, split: &[u8]) -> Result<()> {
        part::release(split, &self.0)
    }
}

impl PostgresConnector {
    /// The connector, without any open connection.
    #[must_use]
    pub fn new() -> Self {
        let spec = ConnectorSpec {
            kind: "postgres",
            system: "postgresql",
            contract: CONTRACT,
            options: settings::OPTIONS,
            credential: settings::CREDENTIAL,
            capabilities: types::capabilities(types::best_filters()),
            max_concurrency: 16,
            discovers: true,
        };
        Self {
            spec,
            pools: Arc::new(Pools::default()),
            handles: Handles::default(),
        }
    }
}

impl Default for PostgresConnector {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Connector for PostgresConnector {
    fn spec(&self) -> &ConnectorSpec {
        &self.spec
    }

    fn check_options(&self, options: &BTreeMap<String, Value>, credential: &[&str]) -> Vec<OptionProblem> {
        let mut problems = self.spec.check_options(options, credential);
        problems.extend(settings::check(options));
        problems
    }

    fn handles(&self) -> Option<&dyn HandleCodec> {
        Some(&self.handles)
    }

    async fn describe(&self, cx: &CallContext, request: DescribeRequest) -> Result<DescribeResponse> {
        cx.bounded(describe::describe(cx, &self.pools, request)).await
    }

    async fn plan(&self, _cx: &CallContext, request: PlanRequest) -> Result<PlanResponse> {
        plan::plan(&request.scan)
    }

    async fn splits(&self, cx: &CallContext, request: SplitsRequest) -> Result<SplitsPage> {
        cx.bounded(splits::splits(cx, &self.pools, &request)).await
    }

    async fn read(&self, cx: &CallContext, request: ReadRequest) -> Result<ReadStream> {
        read::read(cx, &self.pools, &request)
    }

    /// Dropping the stream sends a cancel request to the server.
    async fn cancel(&self, _cx: &CallContext, _invocation: InvocationId) -> Result<()> {
        Ok(())
    }
}
