//! How do plans and splits travel? Verdicts as numbers; what is missing promises nothing.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    describe::{consistency, consistency_number, statistics, statistics_message},
    verdict, verdict_number,
};
use crate::{
    capability::{LimitVerdict, OrderVerdict},
    connector::PlanResponse,
    error::{ConnectorError, Result},
    remote::{
        grpc::broken,
        ipc,
        message::{self, Planned},
    },
    remote_statement::RemoteStatement,
    split::{Handle, Split, SplitId},
};

/// The plan as it travels.
pub(in crate::remote) fn plan_message(plan: &PlanResponse, handle: Bytes) -> Planned {
    Planned {
        handle,
        schema: ipc::schema_bytes(&plan.schema),
        estimate: Some(statistics_message(plan.estimate)),
        consistency: consistency_number(plan.consistency),
        guard: verdict_number(plan.guard),
        filter: plan.filter.iter().copied().map(verdict_number).collect(),
        dynamic: plan.dynamic.iter().copied().map(verdict_number).collect(),
        aggregate: verdict_number(plan.aggregate),
        join: verdict_number(plan.join),
        order: match plan.order {
            OrderVerdict::Unsupported => 0,
            OrderVerdict::PerSplit => 1,
            OrderVerdict::Global => 2,
        },
        limit: match plan.limit {
            LimitVerdict::Unsupported => 0,
            LimitVerdict::PerSplit => 1,
            LimitVerdict::Exact => 2,
        },
    }
}

/// The plan of a message.
pub(in crate::remote) fn plan(
    message: Planned,
    handle: impl FnOnce(Bytes, &arrow::datatypes::SchemaRef) -> Handle,
) -> Result<PlanResponse> {
    let schema = ipc::schema(&message.schema)?;
    Ok(PlanResponse {
        handle: handle(message.handle, &schema),
        schema,
        estimate: statistics(message.estimate),
        consistency: consistency(message.consistency),
        guard: verdict(message.guard),
        filter: message.filter.into_iter().map(verdict).collect(),
        dynamic: message.dynamic.into_iter().map(verdict).collect(),
        aggregate: verdict(message.aggregate),
        join: verdict(message.join),
        order: match message.order {
            1 => OrderVerdict::PerSplit,
            2 => OrderVerdict::Global,
            _ => OrderVerdict::Unsupported,
        },
        limit: match message.limit {
            1 => LimitVerdict::PerSplit,
            2 => LimitVerdict::Exact,
            _ => LimitVerdict::Unsupported,
        },
    })
}

/// The split as it travels.
pub(in crate::remote) fn split_message(split: &Split, handle: Bytes) -> message::Split {
    message::Split {
        id: split.id.0,
        handle,
        bytes: split.bytes,
        rows: split.rows,
        locality: split.locality.clone(),
        statement: split.statement.as_deref().map(|statement| message::Statement {
            namespace: statement.namespace.clone(),
            collection: statement.collection.clone(),
            text: statement.text.clone(),
            server: statement.server.as_ref().map(|(host, _)| host.clone()),
            port: statement.server.as_ref().map_or(0, |(_, port)| u32::from(*port)),
            pushdown: statement.pushdown.clone(),
        }),
    }
}

/// The split of a message, of a source of this system.
pub(in crate::remote) fn split(
    message: message::Split,
    system: &'static str,
    handle: impl FnOnce(Bytes) -> Handle,
) -> Result<Split> {
    let statement = message.statement.map(|statement| {
        let port = u16::try_from(statement.port).map_err(|_| broken())?;
        Ok::<_, ConnectorError>(Arc::new(RemoteStatement {
            system,
            namespace: statement.namespace,
            collection: statement.collection,
            operation: "SELECT",
            text: statement.text,
            server: statement.server.map(|host| (host, port)),
            pushdown: statement.pushdown,
        }))
    });
    Ok(Split {
        id: SplitId(message.id),
        handle: handle(message.handle),
        bytes: message.bytes,
        rows: message.rows,
        locality: message.locality,
        statement: statement.transpose()?,
    })
}
