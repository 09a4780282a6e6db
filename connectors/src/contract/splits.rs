//! Are the splits of a scan the scan: every row once, whoever reads them, in whatever order?

use std::sync::Arc;

use futures::TryStreamExt;

use super::{Broken, Check, Outcome, Subject, ask, ensure, fixture::NUMBERS};
use crate::{
    capability::Consistency,
    connector::{Connector, PlanResponse},
    error::Result as ConnectorResult,
    held::Held,
    scan::{Guard, ScanSpec},
    split::Split,
    table_spec::TableSpec,
};

async fn numbers(subject: &Subject, query: &str) -> Result<(TableSpec, ScanSpec), Broken> {
    let (cx, lake) = (subject.call(query), subject.lake());
    let spec = ask::table(subject.connector.as_ref(), &cx, &lake.database, lake.numbers).await?;
    let scan = ask::scan(&spec, &["id"], Guard::none(), Vec::new());
    Ok((spec, scan))
}

async fn ids(
    connector: &dyn Connector,
    cx: &crate::call::CallContext,
    splits: impl Iterator<Item = &Split>,
) -> ConnectorResult<Vec<arrow::array::RecordBatch>> {
    let mut batches = Vec::new();
    for split in splits {
        let stream = connector.read(cx, ask::read_request(&split.handle)).await?;
        batches.extend(stream.batches.try_collect::<Vec<_>>().await?);
    }
    Ok(batches)
}

fn sorted(batches: &[arrow::array::RecordBatch]) -> Result<Vec<i64>, Broken> {
    let mut all = Vec::new();
    for batch in batches {
        all.extend(ask::passing(batch, &[])?);
    }
    all.sort_unstable();
    Ok(all)
}

/// `disturb` may have added rows before: those from 1 to 5,000 are there once each.
fn whole(found: &[i64]) -> bool {
    let distinct = found.windows(2).all(|pair| pair.first() < pair.last());
    distinct
        && found
            .iter()
            .take(NUMBERS)
            .copied()
            .eq(1..=i64::try_from(NUMBERS).unwrap_or(i64::MAX))
}

/// The splits, as many as the fixture says: what an earlier scan held may be given back a moment after it.
async fn divided(
    subject: &Subject,
    cx: &crate::call::CallContext,
    scan: ScanSpec,
) -> Result<(PlanResponse, Vec<Split>, Option<Arc<Held>>), Broken> {
    let started = std::time::Instant::now();
    loop {
        let (planned, splits) = ask::plan(subject.connector.as_ref(), cx, scan.clone()).await?;
        let held = Held::by(&splits, &subject.connector, cx);
        if splits.len() >= subject.fixture.parts() {
            return Ok((planned, splits, held));
        }
        ensure!(
            started.elapsed() < std::time::Duration::from_secs(2),
            "{} splits of {}",
            splits.len(),
            subject.fixture.parts()
        );
        drop((splits, held));
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

pub(super) async fn union(subject: &Subject) -> Check {
    let query = Subject::query("union");
    let (cx, (_, scan)) = (subject.call(&query), numbers(subject, &query).await?);
    let (_, splits, _held) = divided(subject, &cx, scan).await?;
    let found = sorted(&ids(subject.connector.as_ref(), &cx, splits.iter()).await?)?;
    ensure!(whole(&found), "{} rows, some missing or twice", found.len());
    let mut numbers: Vec<u64> = splits.iter().map(|split| split.id.0).collect();
    numbers.dedup();
    ensure!(numbers.len() == splits.len(), "two splits have one number");
    Ok(Outcome::Kept)
}

pub(super) async fn anywhere(subject: &Subject) -> Check {
    let query = Subject::query("anywhere");
    let (cx, (_, scan)) = (subject.call(&query), numbers(subject, &query).await?);
    let (_, splits, _held) = divided(subject, &cx, scan).await?;
    let here = sorted(&ids(subject.connector.as_ref(), &cx, splits.iter()).await?)?;
    let other = subject.replica().await?;
    let mut there = other.call(&query);
    there.invocation = crate::call::InvocationId::fresh();
    let backwards = ids(other.connector.as_ref(), &there, splits.iter().rev()).await?;
    ensure!(sorted(&backwards)? == here, "another worker reads other rows");
    let again = sorted(&ids(subject.connector.as_ref(), &cx, splits.iter()).await?)?;
    ensure!(again == here, "the second read differs");
    Ok(Outcome::Kept)
}

pub(super) async fn writes(subject: &Subject) -> Check {
    let query = Subject::query("writes");
    let (cx, (_, scan)) = (subject.call(&query), numbers(subject, &query).await?);
    let before = ask::read(subject.connector.as_ref(), &cx, scan.clone())
        .await?
        .1
        .num_rows();
    let (planned, splits, _held) = divided(subject, &cx, scan).await?;
    let mut stream = ask::open_planned(subject.connector.as_ref(), &cx, &planned, &splits, ask::BATCH_ROWS).await?;
    let mut batches = vec![stream.try_next().await?.ok_or_else(|| Broken::new("no rows"))?];
    if !subject.fixture.disturb().await? {
        return Ok(Outcome::Blank("the source is not written while it is read"));
    }
    batches.extend(stream.try_collect::<Vec<_>>().await?);
    let found = sorted(&batches)?;
    ensure!(whole(&found), "rows are missing or twice");
    ensure!(
        planned.consistency != Consistency::Statement || found.len() == before,
        "{} rows of {before}: what was written meanwhile is read",
        found.len()
    );
    Ok(Outcome::Kept)
}

/// Of several splits some are read before a write, some after it, and the first once more: all show one state.
pub(super) async fn one_state(subject: &Subject) -> Check {
    let query = Subject::query("state");
    let (cx, (_, scan)) = (subject.call(&query), numbers(subject, &query).await?);
    let (planned, splits, _held) = divided(subject, &cx, scan).await?;
    let (Some((first, rest)), true) = (splits.split_first(), splits.len() > 1) else {
        return Ok(Outcome::Blank("a scan is one split"));
    };
    if planned.consistency != Consistency::Statement {
        return Ok(Outcome::Blank("each split shows a state of its own"));
    }
    let connector = subject.connector.as_ref();
    let before = ids(connector, &cx, [first].into_iter()).await?;
    for _ in 0..3 {
        ensure!(subject.fixture.disturb().await?, "the source is not written");
    }
    let after = ids(connector, &cx, rest.iter()).await?;
    let found = sorted(&[before.clone(), after].concat())?;
    ensure!(whole(&found), "rows are missing or twice");
    let again = sorted(&ids(connector, &cx, splits.iter().rev()).await?)?;
    ensure!(again == found, "the second read shows another state");
    let now = ask::read(connector, &cx, numbers(subject, &query).await?.1).await?.1;
    ensure!(now.num_rows() == found.len() + 3, "the writes were not seen afterwards");
    Ok(Outcome::Kept)
}
