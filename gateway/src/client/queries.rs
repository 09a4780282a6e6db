//! How are queries submitted, followed and read over HTTP?

use std::time::Duration;

use lakegate_openapi::{
    query::{Query, QueryList, QueryState, SubmitQuery},
    query_result::QueryResult,
};
use reqwest::{Method, header};

use super::{Client, ClientError, Result, rows::RowStream};

const ARROW: &str = "application/vnd.apache.arrow.stream";
/// One long poll.
const POLL_MS: u64 = 20_000;
/// A server that is away for a moment (a restart, say) does not end the wait for a query.
const RETRIES: u32 = 10;
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Will it change no more?
#[must_use]
pub fn is_final(state: QueryState) -> bool {
    matches!(
        state,
        QueryState::Succeeded | QueryState::Failed | QueryState::Cancelled
    )
}

impl Client {
    /// Submits a query, and waits for its end up to so many seconds.
    ///
    /// # Errors
    /// As all calls.
    pub async fn submit_query(&self, query: &SubmitQuery, wait_seconds: Option<u64>) -> Result<Query> {
        let mut request = self.request(Method::POST, &["queries"]).json(query);
        if let Some(seconds) = wait_seconds {
            request = request.header("prefer", format!("wait={seconds}"));
        }
        super::read(self.send(request).await?).await
    }

    /// A query, after its state has changed or the wait is over.
    ///
    /// # Errors
    /// As all calls.
    pub async fn find_query(&self, id: &str, wait_ms: u64) -> Result<Query> {
        self.get(&["queries", id], &[("wait_ms", wait_ms.to_string())]).await
    }

    /// A query that has ended: asks until it has.
    ///
    /// # Errors
    /// As all calls; a server that cannot be reached only after some tries.
    pub async fn wait_for_query(&self, mut query: Query) -> Result<Query> {
        let mut failures = 0;
        while !is_final(query.state) {
            match self.find_query(&query.id, POLL_MS).await {
                Ok(found) => {
                    query = found;
                    failures = 0;
                }
                Err(ClientError::Unreachable { .. } | ClientError::Broken(_)) if failures < RETRIES => {
                    failures += 1;
                    tokio::time::sleep(RETRY_AFTER).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(query)
    }

    /// Cancels a query. One that has ended stays as it is.
    ///
    /// # Errors
    /// As all calls.
    pub async fn cancel_query(&self, id: &str) -> Result<Query> {
        super::read(
            self.send(self.request(Method::POST, &["queries", id, "cancel"]))
                .await?,
        )
        .await
    }

    /// A page of queries, newest first.
    ///
    /// # Errors
    /// As all calls.
    pub async fn list_queries(&self, filters: &[(&str, String)]) -> Result<QueryList> {
        self.get(&["queries"], filters).await
    }

    /// The rows of a query that has succeeded; with a limit only the first ones.
    ///
    /// # Errors
    /// As all calls.
    pub async fn fetch_results(&self, id: &str, limit: Option<u64>) -> Result<RowStream> {
        let mut request = self
            .request(Method::GET, &["queries", id, "results"])
            .header(header::ACCEPT, ARROW);
        if let Some(limit) = limit {
            request = request.query(&[("limit", limit)]);
        }
        RowStream::open(self.send(request).await?).await
    }
    /// All rows as the API writes them in JSON.
    ///
    /// # Errors
    /// As all calls.
    pub async fn fetch_json(&self, id: &str) -> Result<QueryResult> {
        let request = self
            .request(Method::GET, &["queries", id, "results"])
            .header(header::ACCEPT, "application/json");
        super::read(self.send(request).await?).await
    }
}
