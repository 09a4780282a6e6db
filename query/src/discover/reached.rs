//! A source that can be asked.

use std::sync::Arc;

use lakegate_connectors::{
    call::CallContext,
    connection::Connection,
    connector::{Connector, DescribeRequest, DescribeResponse},
    error::ConnectorError,
};

use super::PATIENCE;
use crate::{
    federate::client_span::{ClientSpan, Place},
    signal::Signals,
};

/// A connector with the connection that it is to use.
#[derive(Clone, Debug)]
pub struct Reached {
    /// Of the connection.
    pub name: String,
    /// The catalog that it is reached for.
    pub catalog: String,
    pub signals: Signals,
    pub connector: Arc<dyn Connector>,
    pub connection: Arc<Connection>,
}

impl Reached {
    fn place(&self) -> Place {
        Place {
            catalog: self.catalog.clone(),
            connection: self.name.clone(),
        }
    }

    /// One question about what is there, told as a span.
    pub(super) async fn ask(&self, request: DescribeRequest) -> Result<DescribeResponse, ConnectorError> {
        let span = ClientSpan::describe(&self.signals, self.connector.spec().system, &self.place());
        let mut cx = CallContext::new("discovery", Arc::clone(&self.connection), PATIENCE);
        cx.trace = span.trace_parent();
        let answer = self.connector.describe(&cx, request).await;
        answer.inspect_err(|error| span.failed(error))
    }
}
