//! Which process serves a connection? This one, unless its option `remote` names another.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use serde_json::Value;

use super::{
    client::RemoteConnector,
    settings::{self, REMOTE, is_remote},
};
use crate::{
    call::{CallContext, InvocationId},
    connector::{Connector, ConnectorSpec, DescribeRequest, DescribeResponse, PlanRequest, PlanResponse},
    error::{ConnectorError, Result},
    option::{OptionPlace, OptionProblem, OptionProblemKind},
    split::{Handle, HandleCodec, ReadRequest, ReadStream, SplitsPage, SplitsRequest},
};

/// A connector here, and the same kind elsewhere. Nothing above knows which of the two answers.
#[derive(Debug)]
pub struct Routed {
    here: Arc<dyn Connector>,
    elsewhere: RemoteConnector,
}

impl Routed {
    /// The connector, and its like wherever connections say.
    #[must_use]
    pub fn over(here: Arc<dyn Connector>) -> Self {
        Self {
            here,
            elsewhere: RemoteConnector::default(),
        }
    }

    /// Does another process serve this call?
    fn is_elsewhere(&self, cx: &CallContext) -> Result<bool> {
        if !is_remote(&cx.connection) {
            return Ok(false);
        }
        if self.here.handles().is_none() {
            let kind = self.here.spec().kind;
            return Err(ConnectorError::unsupported(format!(
                "connector `{kind}` does not run remotely"
            )));
        }
        Ok(true)
    }
}

#[async_trait]
impl Connector for Routed {
    fn spec(&self) -> &ConnectorSpec {
        self.here.spec()
    }

    fn check_options(&self, options: &BTreeMap<String, Value>, credential: &[&str]) -> Vec<OptionProblem> {
        if !options.contains_key(REMOTE) {
            return self.here.check_options(options, credential);
        }
        let (mut problems, rest, members) = settings::check(options, credential);
        let theirs = self.here.check_options(&rest, &members);
        // The remote may have what is missing.
        problems.extend(
            theirs
                .into_iter()
                .filter(|problem| problem.kind != OptionProblemKind::Missing),
        );
        if self.here.handles().is_none() {
            problems.push(OptionProblem {
                place: OptionPlace::Option,
                name: REMOTE.to_owned(),
                kind: OptionProblemKind::NotSupported {
                    what: format!("a remote connector `{}`", self.spec().kind),
                },
            });
        }
        problems
    }

    fn handles(&self) -> Option<&dyn HandleCodec> {
        self.here.handles()
    }

    async fn describe(&self, cx: &CallContext, request: DescribeRequest) -> Result<DescribeResponse> {
        if self.is_elsewhere(cx)? {
            return self.elsewhere.describe(cx, self.spec(), request).await;
        }
        self.here.describe(cx, request).await
    }

    async fn plan(&self, cx: &CallContext, request: PlanRequest) -> Result<PlanResponse> {
        if self.is_elsewhere(cx)? {
            return self.elsewhere.plan(cx, &request).await;
        }
        self.here.plan(cx, request).await
    }

    async fn splits(&self, cx: &CallContext, request: SplitsRequest) -> Result<SplitsPage> {
        if self.is_elsewhere(cx)? {
            return self.elsewhere.splits(cx, self.spec(), request).await;
        }
        self.here.splits(cx, request).await
    }

    async fn read(&self, cx: &CallContext, request: ReadRequest) -> Result<ReadStream> {
        if self.is_elsewhere(cx)? {
            return self.elsewhere.read(cx, &request);
        }
        self.here.read(cx, request).await
    }

    async fn release(&self, cx: &CallContext, split: &Handle) -> Result<()> {
        if self.is_elsewhere(cx)? {
            return self.elsewhere.release(cx, split).await;
        }
        self.here.release(cx, split).await
    }

    async fn cancel(&self, cx: &CallContext, invocation: InvocationId) -> Result<()> {
        if self.is_elsewhere(cx)? {
            return self.elsewhere.cancel(cx, invocation).await;
        }
        self.here.cancel(cx, invocation).await
    }
}
