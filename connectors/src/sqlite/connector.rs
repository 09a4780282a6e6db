//! What does SQLite answer to the five verbs, and what can it do at best?

use async_trait::async_trait;

use super::{
    describe,
    plan::{self, Scan},
    read, splits,
    statement::Table,
    types,
};
use crate::{
    call::{CallContext, InvocationId},
    connector::{CONTRACT, Connector, ConnectorSpec, DescribeRequest, DescribeResponse, PlanRequest, PlanResponse},
    error::Result,
    option::{OptionSpec, OptionType},
    split::{HandleCodec, OneSplit, ReadRequest, ReadStream, SplitsPage, SplitsRequest},
};

/// The connector `sqlite`.
#[derive(Debug)]
pub struct SqliteConnector {
    spec: ConnectorSpec,
}

const OPTIONS: &[OptionSpec] = &[
    // sorted: start
    OptionSpec {
        name: "path",
        value: OptionType::Text,
        required: true,
    },
    // sorted: end
];

impl SqliteConnector {
    /// The connector.
    #[must_use]
    pub fn new() -> Self {
        let spec = ConnectorSpec {
            kind: "sqlite",
            system: "sqlite",
            contract: CONTRACT,
            options: OPTIONS,
            credential: &[],
            capabilities: types::capabilities(types::best_filters()),
            max_concurrency: 8,
            discovers: true,
        };
        Self { spec }
    }
}

impl Default for SqliteConnector {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Connector for SqliteConnector {
    fn spec(&self) -> &ConnectorSpec {
        &self.spec
    }

    fn handles(&self) -> Option<&dyn HandleCodec> {
        const HANDLES: OneSplit<Table, Scan> = OneSplit::new();
        Some(&HANDLES)
    }

    async fn describe(&self, cx: &CallContext, request: DescribeRequest) -> Result<DescribeResponse> {
        cx.bounded(describe::describe(cx, request)).await
    }

    async fn plan(&self, _cx: &CallContext, request: PlanRequest) -> Result<PlanResponse> {
        plan::plan(&request.scan)
    }

    async fn splits(&self, _cx: &CallContext, request: SplitsRequest) -> Result<SplitsPage> {
        splits::splits(&request)
    }

    async fn read(&self, cx: &CallContext, request: ReadRequest) -> Result<ReadStream> {
        read::read(cx, &request)
    }

    /// Dropping the stream interrupts the statement.
    async fn cancel(&self, _cx: &CallContext, _invocation: InvocationId) -> Result<()> {
        Ok(())
    }
}
