//! How do descriptions travel? What a remote claims counts no more than what its kind can do at best.

use bytes::Bytes;

use super::{
    aggregate::{believed, claimed},
    verdict, verdict_number,
};
use crate::{
    capability::{Capabilities, Consistency, FilterSupport, OperatorClass, TypeClass},
    error::Result,
    remote::{
        grpc::broken,
        ipc,
        message::{self, FilterClaim, Table},
    },
    scan::ColumnId,
    split::Handle,
    table_spec::{ColumnSpec, IndexSpec, KeySpec, RemoteName, SourceVersion, Statistics, TableSpec},
};

/// A name as it travels.
pub(in crate::remote) fn name_message(name: &RemoteName) -> message::Name {
    message::Name {
        database: name.database.clone(),
        name: name.name.clone(),
    }
}

/// The name of a message.
pub(in crate::remote) fn name(message: message::Name) -> RemoteName {
    RemoteName {
        database: message.database,
        name: message.name,
    }
}

pub(super) fn statistics_message(statistics: Statistics) -> message::Statistics {
    message::Statistics {
        rows: statistics.rows,
        bytes: statistics.bytes,
    }
}

pub(super) fn statistics(message: Option<message::Statistics>) -> Statistics {
    message.map_or_else(Statistics::default, |message| Statistics {
        rows: message.rows,
        bytes: message.bytes,
    })
}

pub(super) fn consistency_number(consistency: Consistency) -> u32 {
    match consistency {
        Consistency::None => 0,
        Consistency::Split => 1,
        Consistency::Statement => 2,
    }
}

pub(super) fn consistency(number: u32) -> Consistency {
    match number {
        1 => Consistency::Split,
        2 => Consistency::Statement,
        _ => Consistency::None,
    }
}

/// The table as it travels.
pub(in crate::remote) fn table_message(table: &TableSpec, handle: Bytes) -> Table {
    let names = |columns: &[ColumnId]| columns.iter().map(|column| column.as_str().to_owned()).collect();
    Table {
        name: Some(name_message(&table.name)),
        schema: ipc::schema_bytes(&table.schema),
        columns: table.columns.iter().map(column_message).collect(),
        keys: table
            .keys
            .iter()
            .map(|key| message::Key {
                primary: key.primary,
                columns: names(&key.columns),
            })
            .collect(),
        indexes: table
            .indexes
            .iter()
            .map(|index| message::Index {
                name: index.name.clone(),
                columns: names(&index.columns),
                unique: index.unique,
            })
            .collect(),
        handle,
        capabilities: Some(capabilities_message(&table.capabilities)),
        statistics: Some(statistics_message(table.statistics)),
        version: table.version.as_ref().map(|version| version.0.clone()),
        sampled: table.sampled,
    }
}

/// The table of a message.
///
/// # Errors
/// `CONNECTOR_PROTOCOL`.
pub(in crate::remote) fn table(
    message: Table,
    best: &Capabilities,
    handle: impl FnOnce(Bytes) -> Handle,
) -> Result<TableSpec> {
    let schema = ipc::schema(&message.schema)?;
    if schema.fields().len() != message.columns.len() {
        return Err(broken());
    }
    let ids = |columns: Vec<String>| columns.into_iter().map(ColumnId::new).collect();
    Ok(TableSpec {
        name: name(message.name.ok_or_else(broken)?),
        schema,
        columns: message.columns.into_iter().map(column).collect(),
        keys: message
            .keys
            .into_iter()
            .map(|key| KeySpec {
                primary: key.primary,
                columns: ids(key.columns),
            })
            .collect(),
        indexes: message
            .indexes
            .into_iter()
            .map(|index| IndexSpec {
                name: index.name,
                columns: ids(index.columns),
                unique: index.unique,
            })
            .collect(),
        handle: handle(message.handle),
        capabilities: capabilities(message.capabilities.unwrap_or_default(), best),
        statistics: statistics(message.statistics),
        version: message.version.map(SourceVersion),
        sampled: message.sampled,
    })
}

fn column_message(column: &ColumnSpec) -> message::Column {
    message::Column {
        id: column.id.as_str().to_owned(),
        remote_type: column.remote_type.clone(),
        collation: column.collation.clone(),
        nullable: column.nullable,
        unsupported: column.unsupported.clone(),
        comment: column.comment.clone(),
    }
}

fn column(message: message::Column) -> ColumnSpec {
    ColumnSpec {
        id: ColumnId::new(message.id),
        remote_type: message.remote_type,
        collation: message.collation,
        nullable: message.nullable,
        unsupported: message.unsupported,
        comment: message.comment,
    }
}

fn capabilities_message(capabilities: &Capabilities) -> message::Capabilities {
    let claims = capabilities
        .filter
        .claims()
        .map(|(operator, class, promised)| FilterClaim {
            operator: format!("{operator:?}"),
            r#type: format!("{class:?}"),
            verdict: verdict_number(promised),
        });
    message::Capabilities {
        filter: claims.collect(),
        limit: verdict_number(capabilities.limit),
        consistency: consistency_number(capabilities.consistency),
        aggregates: claimed(&capabilities.aggregate),
        top_n: verdict_number(capabilities.top_n),
        join: capabilities.join,
    }
}

fn capabilities(message: message::Capabilities, best: &Capabilities) -> Capabilities {
    let mut filter = FilterSupport::default();
    for claim in message.filter {
        let operator = OperatorClass::ALL
            .iter()
            .find(|one| format!("{one:?}") == claim.operator);
        let class = TypeClass::ALL.iter().find(|one| format!("{one:?}") == claim.r#type);
        if let (Some(operator), Some(class)) = (operator, class) {
            let narrowed = verdict(claim.verdict).min(best.filter.verdict(*operator, *class));
            filter = filter.with(&[*operator], &[*class], narrowed);
        }
    }
    let promised = consistency_number(best.consistency).min(message.consistency);
    Capabilities {
        filter,
        limit: verdict(message.limit).min(best.limit),
        consistency: consistency(promised),
        aggregate: believed(&message.aggregates, &best.aggregate),
        top_n: verdict(message.top_n).min(best.top_n),
        join: message.join && best.join,
        ..Capabilities::projection_only()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        capability::{AggregateSupport, Pushdown},
        scan::AggregateFunction,
    };

    #[test]
    fn a_remote_claims_no_more_than_its_kind() {
        let (operators, classes) = ([OperatorClass::Equality, OperatorClass::Range], [TypeClass::Text]);
        let best = Capabilities {
            filter: FilterSupport::default().with(&operators[..1], &classes, Pushdown::Inexact),
            ..Capabilities::projection_only()
        };
        let bold = Capabilities {
            filter: FilterSupport::default().with(&operators, &classes, Pushdown::Exact),
            limit: Pushdown::Exact,
            consistency: Consistency::Statement,
            aggregate: AggregateSupport([(AggregateFunction::Sum, Pushdown::Exact)].into()),
            top_n: Pushdown::Exact,
            ..Capabilities::projection_only()
        };
        let believed = capabilities(capabilities_message(&bold), &best);
        assert_eq!(
            believed.filter.verdict(operators[0], TypeClass::Text),
            Pushdown::Inexact
        );
        assert_eq!(
            believed.filter.verdict(operators[1], TypeClass::Text),
            Pushdown::Unsupported
        );
        assert_eq!((believed.limit, believed.consistency), (best.limit, best.consistency));
        assert_eq!((believed.aggregate, believed.top_n), (best.aggregate, best.top_n));
        assert_eq!(capabilities(capabilities_message(&bold), &bold), bold);
    }
}
