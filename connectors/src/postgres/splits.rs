//! Into which pieces does a scan of PostgreSQL fall? Ranges of pages in one snapshot, where that is worth it; else one.
//!
//! A range holds for each heap of the table alike: of a partitioned table, the pages from 1,000 to 2,000 of every partition.
//! So the table is asked under its own name, with its own rights and row security, whatever it consists of.

use std::sync::Arc;

use super::{
    catalog::Heap,
    part::{Pages, Part, Piece},
    plan::Scan,
    pool::Pools,
    settings::Settings,
    snapshot::{SnapshotLease, is_indexed},
};
use crate::{
    call::CallContext,
    error::Result,
    remote_statement::RemoteStatement,
    split::{Handle, Split, SplitId, SplitsPage, SplitsRequest},
};

/// Pages of a piece, at least: 8 MiB.
const PIECE_PAGES: u64 = 1_000;

/// Handles are small: a table of more partitions is one piece.
const MAX_HEAPS: usize = 2_000;

/// The pieces of a scan.
pub(super) async fn splits(cx: &CallContext, pools: &Pools, request: &SplitsRequest) -> Result<SplitsPage> {
    let scan = request.scan.get::<Arc<Scan>>()?;
    let settings = Settings::of(&cx.connection)?;
    let pieces = pieces(cx, pools, scan, readers(scan, &settings, request.parallelism)).await?;
    let parts: Vec<Option<Piece>> = if pieces.is_empty() {
        vec![None]
    } else {
        pieces.into_iter().map(Some).collect()
    };
    let count = u64::try_from(parts.len()).unwrap_or(1);
    let splits = (0..).zip(parts).map(|(number, piece)| {
        let part = Part {
            scan: Arc::clone(scan),
            piece,
        };
        let shown = if part.piece.is_some() {
            part.text()?
        } else {
            scan.shown.clone()
        };
        Ok(Split {
            id: SplitId(number),
            handle: Handle::new(part),
            bytes: scan.statistics.bytes.unwrap_or(0) / count,
            rows: scan.statistics.rows.map(|rows| rows / count),
            locality: None,
            statement: Some(Arc::new(statement(scan, shown, &settings))),
        })
    });
    Ok(SplitsPage {
        splits: splits.collect::<Result<_>>()?,
        next: None,
    })
}

/// How many may read it at the same time?
fn readers(scan: &Scan, settings: &Settings, parallelism: usize) -> usize {
    let worth = usize::try_from(scan.pages / PIECE_PAGES).unwrap_or(usize::MAX);
    let seats = settings.for_parts().saturating_sub(1);
    worth.min(parallelism).min(seats)
}

/// The pieces, or none where the scan is better read whole.
async fn pieces(cx: &CallContext, pools: &Pools, scan: &Scan, readers: usize) -> Result<Vec<Piece>> {
    if readers < 2 {
        return Ok(Vec::new());
    }
    if scan.conditional {
        let lease = pools.lease(cx).await?;
        let indexed = is_indexed(lease.client()?, scan).await?;
        lease.give_back();
        if indexed {
            return Ok(Vec::new());
        }
    }
    cx.counters.add_request();
    let Some(taken) = SnapshotLease::take(cx, pools, scan, readers).await? else {
        return Ok(Vec::new());
    };
    let bounds = bounds(&taken.heaps, readers);
    if bounds.is_empty() || taken.heaps.len() > MAX_HEAPS {
        return Ok(Vec::new());
    }
    let heaps = match taken.heaps.as_slice() {
        [_] => Vec::new(),
        heaps => heaps.iter().map(|heap| heap.oid).collect(),
    };
    let lease = Arc::new(taken);
    let ends = bounds.iter().copied().map(Some).chain([None]);
    let pieces = [0].iter().chain(&bounds).zip(ends).map(|(from, to)| Piece {
        pages: Pages {
            from: *from,
            to,
            heaps: heaps.clone(),
            snapshot: lease.snapshot.clone(),
            lease: lease.id,
        },
        lease: Some(Arc::clone(&lease)),
    });
    Ok(pieces.collect())
}

/// The pages at which pieces end and begin, ascending, so that all have about as many pages; empty: one piece.
fn bounds(heaps: &[Heap], readers: usize) -> Vec<u32> {
    let below = |page: u64| -> u64 { heaps.iter().map(|heap| heap.pages.min(page)).sum() };
    let highest = heaps.iter().map(|heap| heap.pages).max().unwrap_or(0);
    let all = below(highest);
    let count = u64::try_from(readers).unwrap_or(1).min(all / PIECE_PAGES);
    let mut bounds: Vec<u32> = Vec::new();
    for number in 1..count {
        let wanted = all / count * number;
        // The first page below which so many lie.
        let (mut low, mut high) = (0, highest);
        while low < high {
            let middle = u64::midpoint(low, high);
            if below(middle) < wanted {
                low = middle + 1
            } else {
                high = middle
            }
        }
        if let Ok(bound) = u32::try_from(low)
            && bounds.last().copied().unwrap_or(0) < bound
            && low < highest
        {
            bounds.push(bound);
        }
    }
    bounds
}

fn statement(scan: &Scan, text: String, settings: &Settings) -> RemoteStatement {
    let schema = scan.name.database.as_deref().unwrap_or_default();
    RemoteStatement {
        system: "postgresql",
        namespace: Some(format!("{}|{schema}", settings.database)),
        collection: scan.name.name.clone(),
        operation: "SELECT",
        text: Some(text),
        server: Some((settings.host.clone(), settings.port)),
        pushdown: Some(scan.pushdown.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pages: &[u64]) -> Vec<Heap> {
        pages.iter().map(|pages| Heap { oid: 1, pages: *pages }).collect()
    }

    #[test]
    fn pieces_have_as_many_pages() {
        assert_eq!(bounds(&of(&[8_000]), 4), [2_000, 4_000, 6_000]);
        // Of a thousand pages each at least.
        assert_eq!(bounds(&of(&[2_500]), 4), [1_250]);
        assert_eq!(bounds(&of(&[1_999]), 4), [0_u32; 0]);
        assert_eq!(bounds(&of(&[]), 4), [0_u32; 0]);
        // A range is one of every heap.
        assert_eq!(bounds(&of(&[0, 1_000, 1_000]), 2), [500]);
        assert_eq!(bounds(&of(&[0, 1_000, 3_000]), 2), [1_000]);
        assert_eq!(bounds(&of(&[0, 10, 3_990]), 2), [1_990]);
    }
}
