//! Are the numbers the same whatever lies between?

use super::{Check, Outcome, Subject, ask, ensure};
use crate::{connector::Connector, read_stats::ReadStats, scan::Guard};

async fn counted(
    subject: &Subject,
    connector: &dyn Connector,
    cx: &crate::call::CallContext,
) -> Result<ReadStats, super::Broken> {
    let lake = subject.lake();
    let spec = ask::table(connector, cx, &lake.database, lake.owned).await?;
    let scan = ask::scan(&spec, &[], Guard::none(), Vec::new());
    let before = cx.counters.snapshot();
    let (_, rows) = ask::read(connector, cx, scan).await?;
    let mut found = cx.counters.snapshot();
    ensure!(found.rows == 100 && rows.num_rows() == 100, "{found:?}");
    ensure!(
        found.bytes_returned > 0 && found.requests > before.requests,
        "{found:?}"
    );
    // Another connection of the pool may be opened.
    found.requests = 0;
    Ok(found)
}

pub(super) async fn same(subject: &Subject) -> Check {
    let here = counted(subject, subject.connector.as_ref(), &subject.call("counted")).await?;
    let mut cx = subject.call("counted");
    cx.connection = std::sync::Arc::new(subject.fixture.connection());
    let direct = counted(subject, subject.fixture.connector().as_ref(), &cx).await?;
    ensure!(here == direct, "{here:?} is not {direct:?}");
    Ok(Outcome::Kept)
}
