//! What does PostgreSQL answer to the five verbs, and what can it do at best?

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use serde_json::Value;

use super::{
    describe,
    plan::{self, Scan},
    pool::Pools,
    read, settings, splits,
    statement::Table,
    types,
};
use crate::{
    call::{CallContext, InvocationId},
    connector::{CONTRACT, Connector, ConnectorSpec, DescribeRequest, DescribeResponse, PlanRequest, PlanResponse},
    error::Result,
    option::OptionProblem,
    split::{HandleCodec, OneSplit, ReadRequest, ReadStream, SplitsPage, SplitsRequest},
};

/// The connector `postgres`. Idle connections of its pools are all that it keeps.
#[derive(Debug)]
pub struct PostgresConnector {
    spec: ConnectorSpec,
    pools: Arc<Pools>,
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
        const HANDLES: OneSplit<Table, Scan> = OneSplit::new();
        Some(&HANDLES)
    }

    async fn describe(&self, cx: &CallContext, request: DescribeRequest) -> Result<DescribeResponse> {
        cx.bounded(describe::describe(cx, &self.pools, request)).await
    }

    async fn plan(&self, _cx: &CallContext, request: PlanRequest) -> Result<PlanResponse> {
        plan::plan(&request.scan)
    }

    async fn splits(&self, cx: &CallContext, request: SplitsRequest) -> Result<SplitsPage> {
        splits::splits(cx, &request)
    }

    async fn read(&self, cx: &CallContext, request: ReadRequest) -> Result<ReadStream> {
        read::read(cx, &self.pools, &request)
    }

    /// Dropping the stream sends a cancel request to the server.
    async fn cancel(&self, _cx: &CallContext, _invocation: InvocationId) -> Result<()> {
        Ok(())
    }
}
