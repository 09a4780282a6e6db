//! Does anybody learn what is not theirs? Hidden is missing, byte for byte; the audit trail is the auditor's.

use std::collections::BTreeSet;

use lakegate_openapi::{error::Error as Envelope, query::SubmitQuery};
use reqwest::Method;
use serde_json::Value;

use super::{
    check::Checks,
    people::{AUDITOR, CARRIER_ANALYST, JFK_ANALYST, STEWARD, Visitors},
};
use crate::{
    cli::failure::{Failure, Result},
    client::{Client, ClientError},
};

/// Checks what the four see of each other, and of what is hidden from them.
pub(super) async fn check(people: &Visitors, checks: &mut Checks) -> Result<()> {
    let pairs = [
        (
            AUDITOR,
            "SELECT * FROM lake.nyc.flights",
            "SELECT * FROM lake.nyc.flightz",
            ("flights", "flightz"),
        ),
        (
            AUDITOR,
            "SELECT * FROM crm.main.passengers",
            "SELECT * FROM crm.main.passengerz",
            ("passengers", "passengerz"),
        ),
        (
            CARRIER_ANALYST,
            "SELECT card FROM crm.main.passengers",
            "SELECT cart FROM crm.main.passengers",
            ("card", "cart"),
        ),
    ];
    for (person, hidden, missing, (hidden_name, missing_name)) in pairs {
        let client = people.client(person)?;
        let hidden_answer = Answer::of(client, hidden, hidden_name).await?;
        let missing_answer = Answer::of(client, missing, missing_name).await?;
        let same = hidden_answer.compare(&missing_answer);
        checks.add(
            &format!("{person}: hidden `{hidden_name}` is missing `{missing_name}`"),
            same,
        );
    }
    audit(people, checks).await?;
    nothing_else(people, checks).await
}

/// An answer without what must differ: the typed name, ids, and the time.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    async fn of(client: &Client, sql: &str, name: &str) -> Result<Self> {
        let request = SubmitQuery {
            sql: sql.to_owned(),
            ..SubmitQuery::default()
        };
        let response = client.request(Method::POST, &["sql"]).json(&request).send().await;
        let response = response.map_err(|error| ClientError::of_transport(client.base(), &error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.text().await.map_err(|error| ClientError::broken(&error))?;
        let envelope: Option<Envelope> = serde_json::from_str(&body).ok();
        let ids = envelope
            .map(|envelope| [envelope.query_id, envelope.request_id])
            .unwrap_or_default();
        let neutral = |text: &str| {
            let text = ids
                .iter()
                .flatten()
                .fold(text.to_owned(), |text, id| text.replace(id.as_str(), "ID"));
            text.replace(name, "NAME")
        };
        let headers = headers.iter().filter(|(name, _)| name.as_str() != "date");
        let mut headers: Vec<(String, String)> = headers
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                let value = if name.as_str() == "traceparent" {
                    without_ids(&value)
                } else {
                    neutral(&value)
                };
                (name.to_string(), value)
            })
            .collect();
        headers.sort();
        Ok(Self {
            status,
            headers,
            body: neutral(&body),
        })
    }

    fn compare(&self, other: &Self) -> Result<String, String> {
        if self.status < 400 {
            return Err(format!("the answer has status {}", self.status));
        }
        if self == other {
            Ok(format!("{} {}", self.status, self.body.trim()))
        } else {
            Err(format!("{self:?} is not {other:?}"))
        }
    }
}

/// A `traceparent` is version, two ids and flags.
fn without_ids(traceparent: &str) -> String {
    let parts = traceparent
        .split('-')
        .map(|part| if part.len() > 2 { "ID" } else { part });
    parts.collect::<Vec<_>>().join("-")
}

/// The auditor sees what the others did; the others do not see what anybody else did.
async fn audit(people: &Visitors, checks: &mut Checks) -> Result<()> {
    let everybody = [JFK_ANALYST, CARRIER_ANALYST, STEWARD, AUDITOR];
    let seen: Vec<String> = events(people.client(AUDITOR)?).await?.iter().map(principal).collect();
    for person in everybody {
        let count = seen.iter().filter(|name| *name == person).count();
        let found = if count > 0 {
            Ok(format!("{count} events"))
        } else {
            Err("no event".to_owned())
        };
        checks.add(&format!("auditor: the audit trail of {person}"), found);
    }
    for person in [JFK_ANALYST, CARRIER_ANALYST] {
        let found = match events(people.client(person)?).await {
            Ok(events) => {
                let others: BTreeSet<String> = events.iter().map(principal).filter(|name| name != person).collect();
                if others.is_empty() {
                    Ok(format!("{} own events", events.len()))
                } else {
                    Err(format!("sees {others:?}"))
                }
            }
            Err(ClientError::Refused(refusal)) => Ok(refusal.error.code),
            Err(error) => return Err(error.into()),
        };
        checks.add(&format!("{person}: the audit trail of others"), found);
    }
    Ok(())
}

async fn events(client: &Client) -> Result<Vec<Value>, ClientError> {
    let page: Value = client.get(&["audit-events"], &[("limit", "1000".to_owned())]).await?;
    Ok(page.get("items").and_then(Value::as_array).cloned().unwrap_or_default())
}

fn principal(event: &Value) -> String {
    event
        .get("principal")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// The auditor sees no query of others, no catalog and no table.
async fn nothing_else(people: &Visitors, checks: &mut Checks) -> Result<()> {
    let client = people.client(AUDITOR)?;
    let queries = client.list_queries(&[("limit", "1000".to_owned())]).await?.items;
    let others = queries.iter().filter(|query| query.principal != AUDITOR).count();
    let found = if others == 0 {
        Ok(format!("{} own", queries.len()))
    } else {
        Err(format!("sees {others}"))
    };
    checks.add("auditor: the queries of others", found);
    let paths: [&[&str]; 3] = [
        &["catalogs"],
        &["catalogs", "lake", "databases"],
        &["catalogs", "lake", "databases", "nyc", "tables"],
    ];
    for path in paths {
        let found = match client.get::<Value>(path, &[]).await {
            Ok(page) => match page.get("items").and_then(Value::as_array) {
                Some(items) if items.is_empty() => Ok("nothing".to_owned()),
                _ => Err(format!("sees {page}")),
            },
            Err(ClientError::Refused(refusal)) if refusal.status == 404 => Ok(refusal.error.code),
            Err(error) => return Err(Failure::from(error)),
        };
        checks.add(&format!("auditor: /v1/{}", path.join("/")), found);
    }
    Ok(())
}
