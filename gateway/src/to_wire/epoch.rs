//! How are epochs told, and what lies between two of them?

use lakegate_catalog::{
    change::{EpochChange, EpochSummary},
    object::Kind,
};
use lakegate_openapi::epoch as wire;

use super::{lake::effects, time};
use crate::lake::{Compared, PastChange, Replayed};

/// One change of the catalog. Names of what its readers may read anyway.
#[must_use]
pub fn summary(summary: EpochSummary) -> wire::Epoch {
    wire::Epoch {
        epoch: summary.epoch,
        changed_at: time(summary.changed_at),
        principal: summary.principal,
        changes: summary.changes.into_iter().map(change).collect(),
    }
}

fn change(change: EpochChange) -> wire::EpochChange {
    let named = matches!(change.kind, Kind::Policy | Kind::DataFilter | Kind::ColumnMask);
    wire::EpochChange {
        kind: change.kind.word().to_owned(),
        change: if change.deleted { "deleted" } else { "stored" }.to_owned(),
        objects: change.objects,
        name: named.then_some(change.name),
    }
}

/// What lies between two epochs.
#[must_use]
pub fn compared(compared: &Compared) -> wire::EpochsCompared {
    wire::EpochsCompared {
        from: compared.from,
        to: compared.to,
        effects: effects(&compared.told),
        queries: compared.queries.as_ref().map(replayed),
    }
}

fn replayed(replayed: &Replayed) -> wire::PastQueries {
    wire::PastQueries {
        decided: replayed.decided,
        complete: replayed.complete,
        changed: replayed.changed.iter().map(past).collect(),
    }
}

fn past(change: &PastChange) -> wire::PastQuery {
    wire::PastQuery {
        principal: change.principal.clone(),
        resource: change.resource.clone(),
        attempts: change.attempts,
        change: change.way.to_owned(),
        differences: change.differences.clone(),
        query_id: change.query_id.clone(),
    }
}
