//! What must a connector do? Six verbs: describe, plan, splits, read, release, cancel; explicit and idempotent.

use std::{collections::BTreeMap, fmt::Debug};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use serde_json::Value;

use crate::{
    call::{CallContext, InvocationId},
    capability::{Capabilities, Consistency, LimitVerdict, OrderVerdict, Pushdown},
    error::Result,
    option::{self, MemberSpec, OptionProblem, OptionSpec},
    scan::ScanSpec,
    split::{Handle, HandleCodec, Page, PageToken, ReadRequest, ReadStream, SplitsPage, SplitsRequest},
    table_spec::{RemoteName, Statistics, TableSpec},
};

/// Version of this contract; another major number is refused.
pub const CONTRACT: (u16, u16) = (1, 0);

/// Code for one kind of source.
#[async_trait]
pub trait Connector: Debug + Send + Sync + 'static {
    /// Kind, contract version, options, capabilities, limits.
    fn spec(&self) -> &ConnectorSpec;

    /// What is wrong with these options and names of credential members? Empty: nothing that can be known without the
    /// source. Connectors with rules between options add theirs to `ConnectorSpec::check_options`.
    fn check_options(&self, options: &BTreeMap<String, Value>, credential: &[&str]) -> Vec<OptionProblem> {
        self.spec().check_options(options, credential)
    }

    /// How its handles leave the process; `None`: the connector works in this process only.
    fn handles(&self) -> Option<&dyn HandleCodec> {
        None
    }

    /// What is there?
    async fn describe(&self, cx: &CallContext, request: DescribeRequest) -> Result<DescribeResponse>;

    /// What of this scan does the source do, and how exactly?
    async fn plan(&self, cx: &CallContext, request: PlanRequest) -> Result<PlanResponse>;

    /// Into which pieces does a planned scan fall?
    async fn splits(&self, cx: &CallContext, request: SplitsRequest) -> Result<SplitsPage>;

    /// The rows of one piece.
    async fn read(&self, cx: &CallContext, request: ReadRequest) -> Result<ReadStream>;

    /// No split of the scan that `split` belongs to is read any more. Advisory: what is held for them ends with the query, too; in
    /// process it ends when the handles are dropped.
    async fn release(&self, cx: &CallContext, split: &Handle) -> Result<()> {
        let _ = (cx, split);
        Ok(())
    }

    /// Stops a call at the source; advisory where dropping the stream already does.
    async fn cancel(&self, cx: &CallContext, invocation: InvocationId) -> Result<()>;
}

/// What is known of a connector without any connection.
#[derive(Clone, Debug)]
pub struct ConnectorSpec {
    pub kind: &'static str,
    /// `db.system.name` of its spans.
    pub system: &'static str,
    pub contract: (u16, u16),
    pub options: &'static [OptionSpec],
    pub credential: &'static [MemberSpec],
    pub capabilities: Capabilities,
    /// Reads at the same time on one connection, at most.
    pub max_concurrency: usize,
    /// Databases and tables can be found by `describe`.
    pub discovers: bool,
}

impl ConnectorSpec {
    /// Names, presence and types of options and credential members.
    #[must_use]
    pub fn check_options(&self, options: &BTreeMap<String, Value>, credential: &[&str]) -> Vec<OptionProblem> {
        option::check(self.options, self.credential, options, credential)
    }
}

#[derive(Clone, Debug)]
pub enum DescribeRequest {
    /// Is the source there, and does it accept the credential?
    Ping,
    Databases(Page),
    Tables {
        database: RemoteName,
        page: Page,
    },
    Table(RemoteName),
    /// A statement in the source's own language that only reads, as a table; where [`Capabilities::passthrough`] says so.
    Query(String),
    /// A few rows, for people.
    Sample {
        table: RemoteName,
        rows: u32,
    },
}

#[derive(Debug)]
pub enum DescribeResponse {
    Pong,
    /// Names of databases or tables.
    Names {
        names: Vec<RemoteName>,
        next: Option<PageToken>,
    },
    Table(Box<TableSpec>),
    Sample(ReadStream),
}

#[derive(Clone, Debug)]
pub struct PlanRequest {
    pub scan: ScanSpec,
}

/// One verdict per piece of the request; a missing one is a protocol error.
#[derive(Clone, Debug)]
pub struct PlanResponse {
    /// For `splits`.
    pub handle: Handle,
    pub schema: SchemaRef,
    pub estimate: Statistics,
    pub consistency: Consistency,
    /// About `Guard::rows` and all masks together. Unless it is `Exact`, rows that the guard hides are sent by the source; the
    /// relational connectors decode of them the guard's own columns only, where these are in the output, so that no value
    /// of theirs fails the scan.
    pub guard: Pushdown,
    /// Positional, as `ScanSpec::filter`.
    pub filter: Vec<Pushdown>,
    /// Positional, as `ScanSpec::dynamic`.
    pub dynamic: Vec<Pushdown>,
    /// `Exact` where groups were asked for and come: a source that cannot do that refuses the scan.
    pub aggregate: Pushdown,
    pub join: Pushdown,
    pub order: OrderVerdict,
    pub limit: LimitVerdict,
}
