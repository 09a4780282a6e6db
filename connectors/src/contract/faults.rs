//! Is a result whole or an error, whatever happens on the way?

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::TryStreamExt;

use super::{
    Broken, Check, Outcome, Subject, ask, ensure,
    proxy::{Fault, Proxy},
};
use crate::{
    call::{CallContext, Deadline},
    connection::Connection,
    error::ConnectorErrorKind,
    scan::Guard,
};

const NO_SOURCE: &str = "the source is not reached over a network";
const NO_TRANSPORT: &str = "in process nothing lies between";
/// A read has this long, and this much longer on a machine that is busy with other things.
const TIME: Duration = Duration::from_secs(3);
const SLACK: Duration = Duration::from_secs(4);
const BATCH_ROWS: usize = 500;

/// Where the fault lies.
#[derive(Clone, Copy)]
enum Side {
    Source,
    Transport,
}

impl Side {
    fn address(self, subject: &Subject) -> Option<std::net::SocketAddr> {
        match self {
            Self::Source => subject.fixture.address(),
            Self::Transport => subject.route.address(),
        }
    }

    fn through(self, subject: &Subject, port: u16) -> Option<Connection> {
        let mut source = match self {
            Self::Source => subject.fixture.through(port)?,
            Self::Transport => subject.fixture.connection(),
        };
        // What is kept open for one proxy is not used for the next.
        source.id = format!("{}-{port}", source.id);
        match self {
            Self::Source => Some(subject.route.connection(source)),
            Self::Transport => subject.route.through(source, port),
        }
    }
}

/// One read through a proxy: all rows, or an error of a kind that says so. Tells how many bytes passed.
async fn one(subject: &Subject, side: Side, fault: Fault) -> Result<(usize, bool), Broken> {
    let address = side.address(subject).ok_or_else(|| Broken::new("no address"))?;
    let proxy = Proxy::start(address, fault).await?;
    let connection = side.through(subject, proxy.port());
    let mut cx = subject.call(&Subject::query("fault"));
    cx.connection = Arc::new(connection.ok_or_else(|| Broken::new("there is no way through a proxy"))?);
    cx.deadline = Deadline::after(if matches!(fault, Fault::None) { TIME * 5 } else { TIME });
    let started = Instant::now();
    let mut received = 0;
    let outcome = all(subject, &cx, &mut received).await;
    let took = started.elapsed();
    ensure!(
        matches!(fault, Fault::None) || took < TIME + SLACK,
        "{fault:?}: ends after {took:?}"
    );
    let counted = cx.counters.snapshot();
    ensure!(
        counted.rows >= received,
        "{fault:?}: {received} rows came, {counted:?} were counted"
    );
    let whole = match outcome {
        Ok(()) => {
            ensure!(
                received >= 5_000,
                "{fault:?}: {received} rows of 5000 are called a success"
            );
            true
        }
        Err(error) => {
            let expected = matches!(
                error.kind(),
                ConnectorErrorKind::Unavailable
                    | ConnectorErrorKind::Timeout
                    | ConnectorErrorKind::Protocol
                    | ConnectorErrorKind::SourceFailed
                    | ConnectorErrorKind::SchemaChanged
            );
            ensure!(expected, "{fault:?}: {error:?}");
            false
        }
    };
    Ok((proxy.bytes(), whole))
}

async fn all(subject: &Subject, cx: &CallContext, received: &mut u64) -> crate::error::Result<()> {
    let lake = subject.lake();
    let spec = ask::table(subject.connector.as_ref(), cx, &lake.database, lake.numbers).await?;
    let scan = ask::scan(&spec, &[], Guard::none(), Vec::new());
    let (_, mut stream) = ask::open_sized(subject.connector.as_ref(), cx, scan, BATCH_ROWS).await?;
    while let Some(batch) = stream.try_next().await? {
        *received += u64::try_from(batch.num_rows()).unwrap_or(0);
    }
    Ok(())
}

/// The fault at several places of the conversation, the last of them close to its end.
async fn everywhere(subject: &Subject, side: Side, fault: fn(usize) -> Fault) -> Check {
    if side.address(subject).is_none() {
        return Ok(Outcome::Blank(match side {
            Side::Source => NO_SOURCE,
            Side::Transport => NO_TRANSPORT,
        }));
    }
    let (bytes, whole) = one(subject, side, Fault::None).await?;
    ensure!(whole && bytes > 10_000, "{bytes} bytes without any fault");
    // Splits have a connection each.
    let bytes = bytes / subject.fixture.parts().max(1);
    let patient = matches!(fault(0), Fault::Hang(_) | Fault::Slow(_));
    let places = if patient {
        vec![200, bytes / 2]
    } else {
        vec![1, 200, bytes / 3, bytes / 2, bytes - bytes / 10]
    };
    for place in places {
        let (_, whole) = one(subject, side, fault(place)).await?;
        ensure!(!whole, "{:?} of {bytes} bytes is not noticed", fault(place));
    }
    Ok(Outcome::Kept)
}

macro_rules! faults {
    ($($name:ident: $side:expr, $fault:expr;)+) => {
        $(pub(super) async fn $name(subject: &Subject) -> Check {
            everywhere(subject, $side, $fault).await
        })+
    };
}

faults! {
    source_refuses: Side::Source, |_| Fault::Refuse;
    source_resets: Side::Source, Fault::Reset;
    source_hangs: Side::Source, Fault::Hang;
    source_is_slow: Side::Source, Fault::Slow;
    source_babbles: Side::Source, Fault::Garbage;
    source_truncates: Side::Source, Fault::Truncate;
    transport_refuses: Side::Transport, |_| Fault::Refuse;
    transport_resets: Side::Transport, Fault::Reset;
    transport_hangs: Side::Transport, Fault::Hang;
    transport_is_slow: Side::Transport, Fault::Slow;
    transport_babbles: Side::Transport, Fault::Garbage;
    transport_truncates: Side::Transport, Fault::Truncate;
}
