//! Does work end when it is told to, at the source too, and no sooner than it is read?

use std::time::{Duration, Instant};

use futures::TryStreamExt;

use super::{Broken, Check, Outcome, Subject, ask, ensure, random::Random};
use crate::{
    call::{CallContext, Deadline},
    error::ConnectorErrorKind,
    scan::{Guard, ScanSpec},
};

/// Within this a source must be idle.
const IDLE: Duration = Duration::from_secs(1);

async fn scan_of(subject: &Subject, name: &str, columns: &[&str]) -> Result<ScanSpec, Broken> {
    let (cx, lake) = (subject.call("lifecycle"), subject.lake());
    let spec = ask::table(subject.connector.as_ref(), &cx, &lake.database, name).await?;
    Ok(ask::scan(&spec, columns, Guard::none(), Vec::new()))
}

/// How often a source is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Waits until the source works on the query, or until it does not any more. Patience is counted in looks and not by the clock: a machine
/// that is busy itself has fewer of them in a second.
async fn until(subject: &Subject, cx: &CallContext, busy: bool, patience: Duration) -> Result<(), Broken> {
    let mut working = 0;
    for _ in 0..=patience.as_millis() / LOOK.as_millis() {
        working = subject.fixture.busy(&cx.query.0).await?;
        if (working > 0) == busy {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(Broken::new(format!(
        "after {patience:?} the source works on {working} statements"
    )))
}

pub(super) async fn cancel(subject: &Subject) -> Check {
    let scan = scan_of(subject, subject.lake().never, &["id"]).await?;
    let mut random = Random::of(11);
    for round in 0..5 {
        let cx = subject.call(&Subject::query("cancel"));
        let token = cx.cancel.clone();
        let moment = Duration::from_millis(u64::try_from(random.below(60))?);
        let waiting = round == 0;
        let work = async {
            let (_, mut stream) = ask::open(subject.connector.as_ref(), &cx, scan.clone()).await?;
            stream.try_next().await.map(|_| ())
        };
        let stop = async {
            if waiting {
                until(subject, &cx, true, Duration::from_secs(5)).await?;
            } else {
                tokio::time::sleep(moment).await;
            }
            token.cancel();
            Ok::<_, Broken>(Instant::now())
        };
        let (outcome, fired) = tokio::join!(work, stop);
        let fired = fired?;
        match outcome {
            Ok(()) => return Err(Broken::new("a cancelled read ends well")),
            Err(error) => ensure!(error.kind() == ConnectorErrorKind::Cancelled, "{error:?}"),
        }
        ensure!(fired.elapsed() < IDLE, "the caller waits for {:?}", fired.elapsed());
        until(subject, &cx, false, IDLE).await?;
    }
    Ok(Outcome::Kept)
}

pub(super) async fn drop_stream(subject: &Subject) -> Check {
    let scan = scan_of(subject, subject.lake().never, &["id"]).await?;
    let cx = subject.call(&Subject::query("drop"));
    let (_, mut stream) = ask::open(subject.connector.as_ref(), &cx, scan).await?;
    {
        let next = stream.try_next();
        let working = until(subject, &cx, true, Duration::from_secs(5));
        tokio::select! {
            _ = next => return Err(Broken::new("the table has rows")),
            working = working => working?,
        }
    }
    drop(stream);
    until(subject, &cx, false, IDLE).await?;

    // In the middle of rows.
    let scan = scan_of(subject, subject.lake().endless, &["id", "wide"]).await?;
    let cx = subject.call(&Subject::query("drop"));
    let (_, mut stream) = ask::open(subject.connector.as_ref(), &cx, scan).await?;
    ensure!(stream.try_next().await?.is_some(), "no rows");
    until(subject, &cx, true, IDLE).await?;
    drop(stream);
    until(subject, &cx, false, IDLE).await?;
    Ok(Outcome::Kept)
}

/// The verb `cancel`, with the invocation of a read that runs.
pub(super) async fn cancel_from_beside(subject: &Subject) -> Check {
    if subject.route.address().is_none() {
        return Ok(Outcome::Blank(
            "in process a read is cancelled by its token or by dropping it",
        ));
    }
    let scan = scan_of(subject, subject.lake().never, &["id"]).await?;
    let cx = subject.call(&Subject::query("beside"));
    let (_, mut stream) = ask::open(subject.connector.as_ref(), &cx, scan).await?;
    let beside = async {
        until(subject, &cx, true, Duration::from_secs(5)).await?;
        let other = subject.call(&cx.query.0);
        // Another connection's reads are not ours to end.
        let mut foreign = other.clone();
        let mut connection = crate::connection::Connection::clone(&other.connection);
        connection.id.push('2');
        foreign.connection = std::sync::Arc::new(connection);
        subject.connector.cancel(&foreign, cx.invocation).await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        ensure!(
            subject.fixture.busy(&cx.query.0).await? > 0,
            "another connection ends the read"
        );
        subject.connector.cancel(&other, cx.invocation).await?;
        until(subject, &cx, false, IDLE).await
    };
    let (outcome, beside) = tokio::join!(stream.try_next(), beside);
    beside?;
    match outcome {
        Ok(_) => Err(Broken::new("a cancelled read ends well")),
        Err(error) => {
            ensure!(error.kind() == ConnectorErrorKind::Cancelled, "{error:?}");
            Ok(Outcome::Kept)
        }
    }
}

pub(super) async fn deadline(subject: &Subject) -> Check {
    let scan = scan_of(subject, subject.lake().never, &["id"]).await?;
    let allowed = Duration::from_secs(1);
    let mut cx = subject.call(&Subject::query("deadline"));
    let started = Instant::now();
    cx.deadline = Deadline::after(allowed);
    let outcome = ask::read(subject.connector.as_ref(), &cx, scan).await;
    let took = started.elapsed();
    match outcome {
        Ok(_) => return Err(Broken::new("the table has rows")),
        Err(error) => ensure!(error.kind() == ConnectorErrorKind::Timeout, "{error:?}"),
    }
    ensure!(
        took >= allowed * 9 / 10 && took < allowed * 3 / 2,
        "{took:?} instead of {allowed:?}"
    );
    until(subject, &cx, false, IDLE).await?;
    // It has passed before anything begins.
    cx.deadline = Deadline::after(Duration::ZERO);
    let name = subject.lake().numbers;
    let late = ask::table(subject.connector.as_ref(), &cx, &subject.lake().database, name).await;
    let kind = late.err().map(|error| error.kind());
    ensure!(
        kind == Some(ConnectorErrorKind::Timeout),
        "after the deadline: {kind:?}"
    );
    Ok(Outcome::Kept)
}

/// Rows of 100,000 bytes, seven to a batch. Over a network there are two batches in each process, and between them what the
/// transport's window holds.
pub(super) async fn slow_consumer(subject: &Subject) -> Check {
    let scan = scan_of(subject, subject.lake().endless, &["id", "wide"]).await?;
    let cx = subject.call(&Subject::query("slow"));
    let (_, mut stream) = ask::open(subject.connector.as_ref(), &cx, scan).await?;
    let first = stream.try_next().await?.ok_or_else(|| Broken::new("no rows"))?;
    ensure!(
        first.num_rows() == ask::BATCH_ROWS,
        "{} rows in a batch",
        first.num_rows()
    );
    tokio::time::sleep(Duration::from_millis(700)).await;
    let ahead = subject.watch.stats(&cx.query).rows / u64::try_from(ask::BATCH_ROWS)?;
    let window = if subject.route.address().is_some() { 10 } else { 4 };
    ensure!(ahead >= 1, "the watch is blind");
    ensure!(ahead <= window, "{ahead} batches were read ahead");
    drop(stream);
    // How soon it is idle is asked where streams are dropped.
    until(subject, &cx, false, IDLE * 5).await?;
    Ok(Outcome::Kept)
}
