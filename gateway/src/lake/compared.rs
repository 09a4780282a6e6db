//! What lies between two epochs, for users and for the queries of the last days? Nothing is run, nothing is stored.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Utc};
use lakegate_catalog::{
    Store, StoreError,
    audit::{AuditFilter, AuditRecord},
    id::ObjectId,
    object::Kind,
    record::{QueryFilter, QueryRecord},
    snapshot::Snapshot,
};
use lakegate_policy::Action;
use lakegate_query::{
    entities::ObjectRef,
    gains::{Attempt, Otherwise, replay},
};

use super::{
    ApplyContext, ApplyError,
    gains::{Told, between, broken, relation_kind, seen, unpublished},
    judge::Judge,
    problem::{Place, Problem, ProblemCode},
    resource, snapshot,
};

/// Attempts that are decided again; the newest ones.
const MOST: usize = 20_000;
/// Rows of one read.
const PAGE: u32 = 1_000;

/// How far to look back.
#[derive(Clone, Copy, Debug)]
pub struct Days(u32);

impl Days {
    /// 1 to 90.
    ///
    /// # Errors
    /// Anything else.
    pub fn new(days: u32) -> Result<Self, ApplyError> {
        if (1..=90).contains(&days) {
            return Ok(Self(days));
        }
        let place = Place::of_input("request");
        let message = format!("`days` is {days}");
        Err(ApplyError::one(Problem::invalid(&place, message, "choose 1 to 90")))
    }

    fn start(self) -> DateTime<Utc> {
        Utc::now() - TimeDelta::days(i64::from(self.0))
    }
}

/// Two epochs, and what lies between them.
#[derive(Clone, Debug)]
pub struct Compared {
    pub from: i64,
    pub to: i64,
    pub told: Told,
    pub queries: Option<Replayed>,
}

/// Attempts that were decided again.
#[derive(Clone, Debug, Default)]
pub struct Replayed {
    pub decided: u64,
    /// All of that time were looked at.
    pub complete: bool,
    pub changed: Vec<PastChange>,
}

/// Attempts of one user on one table that would end otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct PastChange {
    pub principal: String,
    /// `table:lake.sales.orders`.
    pub resource: String,
    pub attempts: u64,
    /// `wider`, `narrower`, `different`.
    pub way: &'static str,
    pub differences: Vec<String>,
    /// The newest query.
    pub query_id: String,
}

/// Compares an epoch with another; none is the newest. The applier must hold `SimulateAs`.
///
/// # Errors
/// `NOT_FOUND` for an epoch that is not there; when the store cannot be used.
pub async fn compared(
    cx: &ApplyContext<'_>,
    (from, to): (Option<i64>, Option<i64>),
    days: Option<Days>,
) -> Result<Compared, ApplyError> {
    let now = snapshot(cx.store).await?;
    let judge = Judge::new(&cx.by, &now);
    let before = at(cx.store, &now, from.unwrap_or(now.version)).await?;
    let after = at(cx.store, &now, to.unwrap_or(now.version)).await?;
    let effects = between(Arc::clone(&before), Arc::clone(&after)).await?;
    // What is no more can be read of in the audit trail only.
    let gone = judge.may(Action::ReadAudit, &ObjectRef::policy_store());
    let known = |kind: Kind, id: &ObjectId| {
        if resource::is_stored(&now, kind, id) {
            judge.sees(kind, id)
        } else {
            gone
        }
    };
    let queries = match days {
        Some(days) => Some(replayed(cx.store, (&before, &after), days, &known).await?),
        None => None,
    };
    Ok(Compared {
        from: before.version,
        to: after.version,
        told: seen(&judge, (effects, None), [&before, &after], known),
        queries,
    })
}

async fn at(store: &Store, now: &Arc<Snapshot>, epoch: i64) -> Result<Arc<Snapshot>, ApplyError> {
    if epoch == now.version {
        return Ok(Arc::clone(now));
    }
    let past = store.snapshot_at(epoch).await.map_err(|error| stored(&error))?;
    past.ok_or_else(|| absent(epoch))
}

/// The refusal of an epoch that is not there.
pub(super) fn absent(epoch: i64) -> ApplyError {
    let message = format!("epoch {epoch} does not exist");
    let remedy = "`lakegate policy history` lists the epochs";
    ApplyError::one(Problem::new(
        ProblemCode::NotFound,
        &Place::of_input("request"),
        message,
        remedy,
    ))
}

fn stored(error: &StoreError) -> ApplyError {
    super::commit::store_problem(error)
}

async fn replayed(
    store: &Store,
    (before, after): (&Arc<Snapshot>, &Arc<Snapshot>),
    days: Days,
    known: &impl Fn(Kind, &ObjectId) -> bool,
) -> Result<Replayed, ApplyError> {
    let start = days.start();
    let (records, complete) = attempts(store, start).await?;
    let queries = queries(store, start).await?;
    let asked: Vec<(AuditRecord, Attempt)> = records
        .into_iter()
        .filter_map(|record| {
            let attempt = attempt(&record, &queries, before)?;
            let kind = relation_kind(before, &attempt.table);
            known(kind, &attempt.table).then_some((record, attempt))
        })
        .collect();
    let list: Vec<Attempt> = asked.iter().map(|(_, attempt)| attempt.clone()).collect();
    let (before, after) = (Arc::clone(before), Arc::clone(after));
    let task = tokio::task::spawn_blocking(move || replay((&before, &after), &list));
    let answers = task
        .await
        .map_err(|error| broken(&error.to_string()))?
        .map_err(unpublished)?;
    Ok(Replayed {
        decided: u64::try_from(answers.len()).unwrap_or(u64::MAX),
        complete,
        changed: grouped(asked.iter().map(|(record, _)| record).zip(answers)),
    })
}

/// By principal and table; the records are newest first.
fn grouped<'a>(answers: impl Iterator<Item = (&'a AuditRecord, Option<Otherwise>)>) -> Vec<PastChange> {
    let mut found: BTreeMap<(&String, &String), (PastChange, bool, bool)> = BTreeMap::new();
    for (record, answer) in answers {
        let Some(otherwise) = answer else { continue };
        let event = &record.event;
        let (change, gain, loss) = found.entry((&event.principal, &event.resource)).or_insert_with(|| {
            let change = PastChange {
                principal: event.principal.clone(),
                resource: event.resource.clone(),
                attempts: 0,
                way: "different",
                differences: Vec::new(),
                query_id: event.query_id.clone().unwrap_or_default(),
            };
            (change, false, false)
        });
        change.attempts += 1;
        *gain |= otherwise.gain;
        *loss |= otherwise.loss;
        for difference in otherwise.differences {
            if !change.differences.contains(&difference) {
                change.differences.push(difference);
            }
        }
        change.way = match (*gain, *loss) {
            (true, false) => "wider",
            (false, true) => "narrower",
            _ => "different",
        };
    }
    found.into_values().map(|(change, ..)| change).collect()
}

/// Records of attempts to read tables, newest first; and whether these are all.
async fn attempts(store: &Store, start: DateTime<Utc>) -> Result<(Vec<AuditRecord>, bool), ApplyError> {
    let mut found: Vec<AuditRecord> = Vec::new();
    let mut filter = AuditFilter {
        action: Some("Select".to_owned()),
        from: Some(start),
        limit: PAGE,
        ..AuditFilter::default()
    };
    loop {
        let page = store.list_audit(&filter).await.map_err(|error| stored(&error))?;
        let Some(last) = page.last() else {
            return Ok((found, true));
        };
        filter.before = Some(last.position);
        found.extend(page.into_iter().filter(|record| record.event.kind == "query.attempt"));
        if found.len() >= MOST {
            found.truncate(MOST);
            return Ok((found, false));
        }
    }
}

/// Facts of recorded queries, by id.
async fn queries(store: &Store, start: DateTime<Utc>) -> Result<HashMap<String, QueryRecord>, ApplyError> {
    let mut found = HashMap::new();
    let mut filter = QueryFilter {
        limit: PAGE,
        ..QueryFilter::default()
    };
    loop {
        let page = store.list_queries(&filter).await.map_err(|error| stored(&error))?;
        let Some(last) = page.last() else { return Ok(found) };
        let done = last.submitted_at < start || found.len() >= MOST;
        filter.before = Some((last.submitted_at, last.id.clone()));
        found.extend(page.into_iter().map(|record| (record.id.clone(), record)));
        if done {
            return Ok(found);
        }
    }
}

/// A recorded attempt; none on what was no table then.
fn attempt(record: &AuditRecord, queries: &HashMap<String, QueryRecord>, snapshot: &Snapshot) -> Option<Attempt> {
    let event = &record.event;
    let query = event.query_id.as_ref().and_then(|id| queries.get(id));
    let workgroup = query.and_then(|query| snapshot.find_workgroup(&query.workgroup));
    Some(Attempt {
        principal: ObjectId::from_stored(event.principal_id.as_str()),
        table: ObjectId::from_stored(event.resource_id.as_deref()?),
        at: event.time.timestamp_millis(),
        address: event.address.as_ref().and_then(|address| address.parse().ok()),
        workgroup: workgroup.map(|group| group.id.to_string()).unwrap_or_default(),
        client: event.door.clone(),
        purpose: query.and_then(|query| query.purpose.clone()),
    })
}
