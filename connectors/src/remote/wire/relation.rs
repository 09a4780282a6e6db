//! How do the tables of a scan travel? One in the scan itself; joined ones in postfix order, each with its guard.

use bytes::Bytes;
use datafusion::common::ScalarValue;

use super::predicate::{column, column_message, predicate, predicate_message};
use crate::{
    error::{ConnectorError, Result},
    predicate::{Datum, FunctionId},
    remote::{
        grpc::broken,
        ipc,
        message::{self, Related},
    },
    scan::{ColumnId, ColumnRef, Guard, JoinKind, MaskExpr, Relation},
    split::Handle,
};

/// Tables of one scan, at most.
const MAX_TABLES: usize = 64;

const KINDS: [(JoinKind, &str); 4] = [
    (JoinKind::Inner, "inner"),
    (JoinKind::Left, "left"),
    (JoinKind::Semi, "semi"),
    (JoinKind::Anti, "anti"),
];

/// What stands in the scan itself, and the parts of a join.
///
/// INVARIANT: of a join, nothing stands in the scan itself: who does not know joins refuses it.
pub(super) fn relation_message(
    relation: &Relation,
    sealed: &impl Fn(&Handle) -> Result<Bytes>,
) -> Result<(Related, Vec<Related>)> {
    let mut parts = Vec::new();
    push(&mut parts, relation, sealed)?;
    match parts.pop() {
        Some(table) if parts.is_empty() => Ok((table, parts)),
        Some(join) => {
            parts.push(join);
            Ok((Related::default(), parts))
        }
        None => Err(broken()),
    }
}

fn push(parts: &mut Vec<Related>, relation: &Relation, sealed: &impl Fn(&Handle) -> Result<Bytes>) -> Result<()> {
    if parts.len() >= 2 * MAX_TABLES {
        return Err(ConnectorError::unsupported("a join of so many tables does not travel"));
    }
    let part = match relation {
        Relation::Table { table, columns, guard } => Related {
            table: sealed(table)?,
            columns: columns.iter().map(|column| column.as_str().to_owned()).collect(),
            guard: Some(predicate_message(&guard.rows)?),
            masks: guard.masks.iter().map(mask_message).collect::<Result<_>>()?,
            ..Related::default()
        },
        Relation::Join { left, right, kind, on } => {
            push(parts, left, sealed)?;
            push(parts, right, sealed)?;
            let name = KINDS.iter().find(|(known, _)| known == kind).map(|(_, name)| *name);
            Related {
                join: name.unwrap_or_default().to_owned(),
                left: on.iter().map(|(left, _)| column_message(left)).collect(),
                right: on.iter().map(|(_, right)| column_message(right)).collect(),
                ..Related::default()
            }
        }
    };
    parts.push(part);
    Ok(())
}

/// The relation of a message: `own` stands in the scan itself. `table` gives the connector's own handle.
///
/// # Errors
/// `CONNECTOR_PROTOCOL`, and those of `table`.
pub(super) fn relation(
    own: Related,
    parts: Vec<Related>,
    functions: &[FunctionId],
    table: &impl Fn(&Bytes) -> Result<Handle>,
) -> Result<Relation> {
    if parts.is_empty() {
        return one(own, functions, table);
    }
    if own != Related::default() || parts.len() >= 2 * MAX_TABLES {
        return Err(broken());
    }
    let mut stack = Vec::new();
    for part in parts {
        let relation = if part.join.is_empty() {
            one(part, functions, table)?
        } else {
            let (Some(right), Some(left)) = (stack.pop(), stack.pop()) else {
                return Err(broken());
            };
            join(part, left, right)?
        };
        stack.push(relation);
    }
    match (stack.pop(), stack.is_empty()) {
        (Some(whole), true) => Ok(whole),
        _ => Err(broken()),
    }
}

fn one(part: Related, functions: &[FunctionId], table: &impl Fn(&Bytes) -> Result<Handle>) -> Result<Relation> {
    let guard = Guard {
        // INVARIANT: a table without a guard says so: what is missing is not taken for "no restriction".
        rows: predicate(part.guard.ok_or_else(broken)?, functions)?,
        masks: part.masks.iter().map(mask).collect::<Result<_>>()?,
    };
    Ok(Relation::Table {
        table: table(&part.table)?,
        columns: part.columns.into_iter().map(ColumnId::new).collect(),
        guard,
    })
}

fn join(part: Related, left: Relation, right: Relation) -> Result<Relation> {
    let kind = KINDS.iter().find(|(_, name)| *name == part.join).ok_or_else(broken)?.0;
    if part.left.len() != part.right.len() || part.left.is_empty() {
        return Err(broken());
    }
    let pairs = part.left.into_iter().zip(part.right);
    let on = pairs.map(|(left, right)| Ok((column(Some(left))?, column(Some(right))?)));
    Ok(Relation::Join {
        left: Box::new(left),
        right: Box::new(right),
        kind,
        on: on.collect::<Result<Vec<(ColumnRef, ColumnRef)>>>()?,
    })
}

fn mask_message((column, mask): &(ColumnId, MaskExpr)) -> Result<message::Mask> {
    let arguments = mask.arguments.iter().map(|argument| {
        let array = argument.0.to_array().map_err(|_| broken())?;
        ipc::array_message(&array)
    });
    Ok(message::Mask {
        column: column.as_str().to_owned(),
        function: mask.function.to_string(),
        arguments: arguments.collect::<Result<_>>()?,
    })
}

fn mask(message: &message::Mask) -> Result<(ColumnId, MaskExpr)> {
    let arguments = message.arguments.iter().map(|argument| {
        let array = ipc::array(argument)?;
        if array.len() != 1 {
            return Err(broken());
        }
        let value = ScalarValue::try_from_array(&array, 0);
        value.map(Datum).map_err(|_| broken())
    });
    let mask = MaskExpr {
        function: message.function.as_str().into(),
        arguments: arguments.collect::<Result<_>>()?,
    };
    Ok((ColumnId::new(message.column.as_str()), mask))
}
