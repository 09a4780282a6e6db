//! Are the splits of a scan the scan: every row once, whoever reads them, in whatever order?

use futures::TryStreamExt;

use super::{Broken, Check, Outcome, Subject, ask, ensure, fixture::NUMBERS};
use crate::{
    capability::Consistency,
    connector::Connector,
    error::Result as ConnectorResult,
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

pub(super) async fn union(subject: &Subject) -> Check {
    let query = Subject::query("union");
    let (cx, (_, scan)) = (subject.call(&query), numbers(subject, &query).await?);
    let (_, splits) = ask::plan(subject.connector.as_ref(), &cx, scan).await?;
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
    let (_, splits) = ask::plan(subject.connector.as_ref(), &cx, scan).await?;
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
    let (planned, mut stream) = ask::open(subject.connector.as_ref(), &cx, scan).await?;
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
