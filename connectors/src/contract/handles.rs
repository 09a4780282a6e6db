//! Is a handle good for what it was given out for, and nothing else?

use std::sync::Arc;

use futures::TryStreamExt;

use super::{Broken, Check, Outcome, Subject, ask, ensure, random::Random, transport::Spoil};
use crate::{
    call::{CallContext, QueryId},
    connection::Connection,
    connector::PlanRequest,
    error::{ConnectorError, ConnectorErrorKind},
    scan::{Guard, ScanSpec},
    split::{Handle, Split, SplitsRequest},
    table_spec::TableSpec,
};

const PLAIN: &str = "in process, handles are plain values";

async fn planned(subject: &Subject, cx: &CallContext) -> Result<(TableSpec, Handle, Split), Broken> {
    let lake = subject.lake();
    let spec = ask::table(subject.connector.as_ref(), cx, &lake.database, lake.owned).await?;
    let (planned, splits) = ask::plan(subject.connector.as_ref(), cx, scan(&spec, &spec.handle)).await?;
    let split = splits.into_iter().next().ok_or_else(|| Broken::new("no split"))?;
    Ok((spec, planned.handle, split))
}

fn scan(spec: &TableSpec, handle: &Handle) -> ScanSpec {
    let mut spec = spec.clone();
    spec.handle = handle.clone();
    ask::scan(&spec, &["id"], Guard::none(), Vec::new())
}

/// Each verb with these handles. The contract of every one: `HANDLE_INVALID`, and no detail.
async fn refused(
    subject: &Subject,
    cx: &CallContext,
    spec: &TableSpec,
    handles: [Option<&Handle>; 3],
    why: &str,
) -> Result<(), Broken> {
    let [table, planned, split] = handles;
    if let Some(table) = table {
        let request = PlanRequest {
            scan: scan(spec, table),
        };
        let outcome = subject.connector.plan(cx, request).await;
        invalid(outcome.map(|_| ()), why, "plan")?;
    }
    if let Some(planned) = planned {
        let request = SplitsRequest {
            scan: planned.clone(),
            parallelism: 1,
            token: None,
        };
        let outcome = subject.connector.splits(cx, request).await;
        invalid(outcome.map(|_| ()), why, "splits")?;
    }
    if let Some(split) = split {
        let outcome = match subject.connector.read(cx, ask::read_request(split)).await {
            Ok(stream) => stream.batches.try_collect::<Vec<_>>().await.map(|_| ()),
            Err(error) => Err(error),
        };
        invalid(outcome, why, "read")?;
    }
    Ok(())
}

fn invalid(outcome: Result<(), ConnectorError>, why: &str, verb: &str) -> Result<(), Broken> {
    let Err(error) = outcome else {
        return Err(Broken::new(format!("{why}: `{verb}` takes the handle")));
    };
    let silent = error.detail().is_none() && error.file().is_none() && error.status().is_none();
    ensure!(
        error.kind() == ConnectorErrorKind::HandleInvalid && error.code() == "HANDLE_INVALID" && silent,
        "{why}: `{verb}` says {error:?}"
    );
    Ok(())
}

pub(super) async fn other_stage(subject: &Subject) -> Check {
    let cx = subject.call(&Subject::query("stage"));
    let (spec, planned, split) = planned(subject, &cx).await?;
    let table = &spec.handle;
    refused(
        subject,
        &cx,
        &spec,
        [Some(&planned), Some(table), Some(table)],
        "of an earlier stage",
    )
    .await?;
    refused(
        subject,
        &cx,
        &spec,
        [Some(&split.handle), None, None],
        "of a later stage",
    )
    .await?;
    Ok(Outcome::Kept)
}

async fn elsewhere(subject: &Subject, why: &str, change: impl Fn(&mut CallContext), table_too: bool) -> Check {
    if subject.route.address().is_none() {
        return Ok(Outcome::Blank(PLAIN));
    }
    let cx = subject.call(&Subject::query("mine"));
    let (spec, planned, split) = planned(subject, &cx).await?;
    let mut other = cx.clone();
    change(&mut other);
    let table = table_too.then_some(&spec.handle);
    refused(
        subject,
        &other,
        &spec,
        [table, Some(&planned), Some(&split.handle)],
        why,
    )
    .await?;
    // The same handles are good where they were given out.
    let rows = subject.connector.read(&cx, ask::read_request(&split.handle)).await?;
    rows.batches.try_collect::<Vec<_>>().await?;
    Ok(Outcome::Kept)
}

fn changed(cx: &mut CallContext, change: impl Fn(&mut Connection)) {
    let mut connection = Connection::clone(&cx.connection);
    change(&mut connection);
    cx.connection = Arc::new(connection);
}

pub(super) async fn other_connection(subject: &Subject) -> Check {
    let change = |cx: &mut CallContext| changed(cx, |connection| connection.id.push('2'));
    elsewhere(subject, "of another connection", change, true).await
}

pub(super) async fn other_version(subject: &Subject) -> Check {
    let change = |cx: &mut CallContext| changed(cx, |connection| connection.version += 1);
    elsewhere(subject, "of another version", change, true).await
}

pub(super) async fn other_query(subject: &Subject) -> Check {
    let change = |cx: &mut CallContext| cx.query = QueryId("theirs".into());
    elsewhere(subject, "of another query", change, false).await
}

pub(super) async fn tampered(subject: &Subject) -> Check {
    if subject.route.address().is_none() {
        return Ok(Outcome::Blank(PLAIN));
    }
    let cx = subject.call(&Subject::query("tamper"));
    let (spec, planned, split) = planned(subject, &cx).await?;
    let mut random = Random::of(4_711);
    let mut ways = vec![Spoil::Flip(0), Spoil::Cut(0), Spoil::Cut(999), Spoil::Lengthen];
    ways.extend((0..24).map(|_| Spoil::Flip(random.below(1 << 20))));
    ways.extend((0..8).map(|_| Spoil::Cut(random.below(1_000))));
    for how in ways {
        let spoilt = |handle: &Handle| {
            let spoilt = subject.route.spoil(handle, how);
            spoilt.ok_or_else(|| Broken::new("the transport has nothing to tamper with"))
        };
        let (table, planned, split) = (spoilt(&spec.handle)?, spoilt(&planned)?, spoilt(&split.handle)?);
        let handles = [Some(&table), Some(&planned), Some(&split)];
        refused(subject, &cx, &spec, handles, &format!("{how:?}")).await?;
    }
    let other = |handle: &Handle| subject.route.spoil(handle, Spoil::OtherRequest);
    let (planned, split) = (other(&planned), other(&split.handle));
    refused(
        subject,
        &cx,
        &spec,
        [None, planned.as_ref(), split.as_ref()],
        "beside another request",
    )
    .await?;
    Ok(Outcome::Kept)
}
