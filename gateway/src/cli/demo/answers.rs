//! What does a person get for a question? Rows and figures, or the code of an error.

use lakegate_openapi::{
    query::{Query, QueryState, SubmitQuery},
    query_result::QueryResult,
};

use super::{home::Home, people::Visitors};
use crate::cli::failure::{Failure, Result};

/// Seconds for which the answer to a submission may wait.
const WAIT: u64 = 60;

/// Asks a question of `queries/` and waits for its end.
pub(super) async fn ask(home: &Home, people: &Visitors, person: &str, question: &str) -> Result<Query> {
    let sql = home.read(&format!("queries/{question}"))?;
    let client = people.client(person)?;
    let request = SubmitQuery {
        sql,
        ..SubmitQuery::default()
    };
    let query = client.submit_query(&request, Some(WAIT)).await?;
    Ok(client.wait_for_query(query).await?)
}

/// The rows of an answer; `None` if it is an error.
pub(super) async fn rows(people: &Visitors, person: &str, query: &Query) -> Result<Option<QueryResult>> {
    match query.state {
        QueryState::Succeeded => Ok(Some(people.client(person)?.fetch_json(&query.id).await?)),
        QueryState::Failed | QueryState::Cancelled => Ok(None),
        QueryState::Queued | QueryState::Running => Err(Failure::local(format!("query {} has not ended", query.id))),
    }
}
