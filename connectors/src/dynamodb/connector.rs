//! What does DynamoDB answer to the five verbs, and what can it do at best?

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use serde_json::Value;

use super::{
    client::{Client, Clients},
    describe, plan, read, settings,
    splits::{self, Handles},
};
use crate::{
    call::{CallContext, InvocationId},
    connector::{CONTRACT, Connector, ConnectorSpec, DescribeRequest, DescribeResponse, PlanRequest, PlanResponse},
    error::{ConnectorError, Result},
    option::OptionProblem,
    scan::{ColumnRef, Guard, OutputColumn, OutputValue, ScanSpec},
    split::{HandleCodec, ReadRequest, ReadStream, SplitsPage, SplitsRequest},
    table_spec::{RemoteName, TableSpec},
};

/// The connector `dynamodb`.
#[derive(Debug)]
pub struct DynamoDbConnector {
    spec: ConnectorSpec,
    clients: Clients,
}

impl DynamoDbConnector {
    /// The connector.
    #[must_use]
    pub fn new() -> Self {
        let spec = ConnectorSpec {
            kind: "dynamodb",
            system: "aws.dynamodb",
            contract: CONTRACT,
            options: settings::OPTIONS,
            credential: settings::CREDENTIAL,
            capabilities: describe::capabilities(),
            max_concurrency: 16,
            discovers: true,
        };
        Self {
            spec,
            clients: Clients::default(),
        }
    }

    async fn answer(&self, cx: &CallContext, request: DescribeRequest) -> Result<DescribeResponse> {
        let client = self.clients.of(&cx.connection).await?;
        match request {
            DescribeRequest::Ping => describe::ping(&client, cx).await,
            DescribeRequest::Databases(page) => Ok(describe::databases(&page)),
            DescribeRequest::Tables { database, page } => {
                describe::check_database(&database.name)?;
                describe::tables(&client, cx, page).await
            }
            DescribeRequest::Table(name) => Ok(DescribeResponse::Table(Box::new(
                describe::table(&client, cx, &name).await?,
            ))),
            DescribeRequest::Query(_) => Err(ConnectorError::unsupported(
                "a statement in the language of this source is not supported",
            )),
            DescribeRequest::Sample { table, rows } => self.sample(cx, client, &table, rows).await,
        }
    }

    /// Some rows of the first piece that has any; the pieces of small tables are one.
    async fn sample(
        &self,
        cx: &CallContext,
        client: Arc<Client>,
        name: &RemoteName,
        rows: u32,
    ) -> Result<DescribeResponse> {
        let spec = describe::table(&client, cx, name).await?;
        let planned = plan::plan(&sample(&spec, rows))?;
        let request = SplitsRequest {
            scan: planned.handle,
            parallelism: 1,
            token: None,
        };
        let splits = splits::splits(&request, None)?.splits;
        let split = splits.into_iter().next().ok_or_else(|| describe::missing(&name.name))?;
        let request = ReadRequest {
            split: split.handle,
            batch_rows: 1_024,
            dynamic: Vec::new(),
            row_hint: None,
        };
        Ok(DescribeResponse::Sample(read::read(cx, client, &request)?))
    }
}

fn sample(spec: &TableSpec, rows: u32) -> ScanSpec {
    let columns = spec.columns.iter().map(|column| column.id.clone()).collect();
    let output = spec.schema.fields().iter().map(|field| OutputColumn {
        name: field.name().clone(),
        value: OutputValue::Column(ColumnRef::of(field.name().as_str())),
        data_type: field.data_type().clone(),
        nullable: field.is_nullable(),
    });
    let mut scan = ScanSpec::table(spec.handle.clone(), columns, Guard::none(), output.collect());
    scan.limit = Some(u64::from(rows));
    scan
}

impl Default for DynamoDbConnector {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Connector for DynamoDbConnector {
    fn spec(&self) -> &ConnectorSpec {
        &self.spec
    }

    fn check_options(&self, options: &BTreeMap<String, Value>, credential: &[&str]) -> Vec<OptionProblem> {
        let mut problems = self.spec.check_options(options, credential);
        problems.extend(settings::check(options));
        problems
    }

    fn handles(&self) -> Option<&dyn HandleCodec> {
        Some(&Handles)
    }

    async fn describe(&self, cx: &CallContext, request: DescribeRequest) -> Result<DescribeResponse> {
        cx.bounded(self.answer(cx, request)).await
    }

    async fn plan(&self, _cx: &CallContext, request: PlanRequest) -> Result<PlanResponse> {
        plan::plan(&request.scan)
    }

    async fn splits(&self, cx: &CallContext, request: SplitsRequest) -> Result<SplitsPage> {
        let server = self.clients.of(&cx.connection).await?.server();
        splits::splits(&request, Some(server))
    }

    async fn read(&self, cx: &CallContext, request: ReadRequest) -> Result<ReadStream> {
        let client = cx.bounded(self.clients.of(&cx.connection)).await?;
        read::read(cx, client, &request)
    }

    /// Dropping the stream closes the connection of a request that is under way, and asks for no more.
    async fn cancel(&self, _cx: &CallContext, _invocation: InvocationId) -> Result<()> {
        Ok(())
    }
}
