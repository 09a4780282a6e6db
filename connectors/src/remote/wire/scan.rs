//! How does a scan travel? One table with its guard; its bytes are what handles are bound to.

use arrow::datatypes::{Field, Schema};
use bytes::Bytes;

use super::{
    aggregate::{aggregate, aggregate_message},
    predicate::{column, column_message, predicate, predicate_message},
};
use crate::{
    error::{ConnectorError, Result},
    predicate::{Datum, FunctionId, Predicate},
    remote::{
        grpc::broken,
        ipc,
        message::{self, Scan},
    },
    scan::{
        ColumnId, ColumnRef, DynamicSlot, DynamicSlotId, Guard, MaskExpr, OutputColumn, OutputValue, Relation,
        ScanSpec, SortKey,
    },
    split::Handle,
};

/// The scan as it travels; `sealed` is what travels of its table's handle.
///
/// # Errors
/// `NOT_SUPPORTED` for joins.
pub(in crate::remote) fn scan_message(scan: &ScanSpec, sealed: impl Fn(&Handle) -> Result<Bytes>) -> Result<Scan> {
    let Relation::Table { table, columns, guard } = &scan.relation else {
        return Err(ConnectorError::unsupported(
            "a join does not travel to a remote connector",
        ));
    };
    let references = |columns: &[ColumnRef]| columns.iter().map(column_message).collect();
    Ok(Scan {
        table: sealed(table)?,
        columns: columns.iter().map(|column| column.as_str().to_owned()).collect(),
        guard: Some(predicate_message(&guard.rows)?),
        masks: guard.masks.iter().map(mask_message).collect::<Result<_>>()?,
        filter: scan.filter.iter().map(predicate_message).collect::<Result<_>>()?,
        group_by: references(&scan.group_by),
        aggregates: scan.aggregates.iter().map(aggregate_message).collect::<Result<_>>()?,
        order: scan.order.iter().map(key_message).collect(),
        limit: scan.limit,
        output: scan.output.iter().map(output_message).collect(),
        dynamic: scan
            .dynamic
            .iter()
            .map(|slot| message::DynamicSlot {
                id: slot.id.0,
                columns: references(&slot.columns),
            })
            .collect(),
        schema: ipc::schema_bytes(&Schema::new(scan.output.iter().map(field).collect::<Vec<_>>())),
    })
}

/// The scan of a message.
///
/// # Errors
/// `CONNECTOR_PROTOCOL`, and those of `table`, which gives the connector's own handle.
pub(in crate::remote) fn scan(
    message: Scan,
    functions: &[FunctionId],
    table: impl Fn(&Bytes) -> Result<Handle>,
) -> Result<ScanSpec> {
    let schema = ipc::schema(&message.schema)?;
    if schema.fields().len() != message.output.len() {
        return Err(broken());
    }
    let guard = Guard {
        // INVARIANT: a scan without a guard says so: what is missing is not taken for "no restriction".
        rows: predicate(message.guard.ok_or_else(broken)?, functions)?,
        masks: message.masks.iter().map(mask).collect::<Result<_>>()?,
    };
    let references = |columns: Vec<message::ColumnRef>| {
        let columns = columns.into_iter().map(|one| column(Some(one)));
        columns.collect::<Result<Vec<_>>>()
    };
    let conditions = message.filter.into_iter().map(|one| predicate(one, functions));
    let output = message.output.into_iter().zip(schema.fields());
    let dynamic = message.dynamic.into_iter().map(|slot| {
        Ok(DynamicSlot {
            id: DynamicSlotId(slot.id),
            columns: references(slot.columns)?,
        })
    });
    Ok(ScanSpec {
        relation: Relation::Table {
            table: table(&message.table)?,
            columns: message.columns.into_iter().map(ColumnId::new).collect(),
            guard,
        },
        filter: conditions.collect::<Result<Vec<Predicate>>>()?,
        group_by: references(message.group_by)?,
        aggregates: message.aggregates.into_iter().map(aggregate).collect::<Result<_>>()?,
        order: message.order.into_iter().map(key).collect::<Result<_>>()?,
        limit: message.limit,
        output: output
            .map(|(one, field)| output_column(one, field))
            .collect::<Result<_>>()?,
        dynamic: dynamic.collect::<Result<_>>()?,
    })
}

fn field(column: &OutputColumn) -> Field {
    Field::new(&column.name, column.data_type.clone(), column.nullable)
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
        let value = datafusion::common::ScalarValue::try_from_array(&array, 0);
        value.map(Datum).map_err(|_| broken())
    });
    let mask = MaskExpr {
        function: message.function.as_str().into(),
        arguments: arguments.collect::<Result<_>>()?,
    };
    Ok((ColumnId::new(message.column.as_str()), mask))
}

fn key_message(key: &SortKey) -> message::SortKey {
    message::SortKey {
        column: Some(column_message(&key.column)),
        descending: key.descending,
        nulls_first: key.nulls_first,
    }
}

fn key(message: message::SortKey) -> Result<SortKey> {
    Ok(SortKey {
        column: column(message.column)?,
        descending: message.descending,
        nulls_first: message.nulls_first,
    })
}

fn output_message(output: &OutputColumn) -> message::OutputColumn {
    let (column, aggregate) = match &output.value {
        OutputValue::Column(column) => (Some(column_message(column)), None),
        OutputValue::Aggregate(at) => (None, Some(u32::try_from(*at).unwrap_or(u32::MAX))),
    };
    message::OutputColumn {
        name: output.name.clone(),
        column,
        aggregate,
    }
}

fn output_column(message: message::OutputColumn, field: &Field) -> Result<OutputColumn> {
    let value = match message.aggregate {
        Some(at) => OutputValue::Aggregate(usize::try_from(at).map_err(|_| broken())?),
        None => OutputValue::Column(column(message.column)?),
    };
    Ok(OutputColumn {
        name: message.name,
        value,
        data_type: field.data_type().clone(),
        nullable: field.is_nullable(),
    })
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;
    use datafusion::common::ScalarValue;
    use prost::Message;

    use super::*;
    use crate::{
        predicate::CompareOp,
        scan::{Aggregate, AggregateFunction, ArithmeticOperator, Operand},
    };

    fn sample() -> ScanSpec {
        let output = |name: &str, value| OutputColumn {
            name: name.into(),
            value,
            data_type: DataType::Decimal128(12, 2),
            nullable: name == "x",
        };
        let condition = |column: &str| Predicate::compare(column, CompareOp::Lt, ScalarValue::from("v"));
        let guard = Guard {
            rows: condition("owner"),
            masks: vec![(
                ColumnId::new("ssn"),
                MaskExpr {
                    function: "constant".into(),
                    arguments: vec![Datum(ScalarValue::Int64(Some(7)))],
                },
            )],
        };
        ScanSpec {
            filter: vec![condition("a"), Predicate::True],
            group_by: vec![ColumnRef::of("g")],
            aggregates: vec![
                Aggregate {
                    function: AggregateFunction::Sum,
                    argument: Some(Operand::Arithmetic {
                        operator: ArithmeticOperator::Subtract,
                        left: Box::new(Operand::Value(Datum(ScalarValue::Decimal128(Some(100), 3, 2)))),
                        right: Box::new(Operand::Column(ColumnRef::of("n"))),
                    }),
                },
                Aggregate {
                    function: AggregateFunction::Count,
                    argument: None,
                },
            ],
            order: vec![SortKey {
                column: ColumnRef::of("o"),
                descending: true,
                nulls_first: false,
            }],
            limit: Some(9),
            dynamic: vec![DynamicSlot {
                id: DynamicSlotId(4),
                columns: vec![ColumnRef::of("k")],
            }],
            ..ScanSpec::table(
                Handle::new(()),
                vec![ColumnId::new("a"), ColumnId::new("ssn")],
                guard,
                vec![
                    output("x", OutputValue::Column(ColumnRef::of("a"))),
                    output("s", OutputValue::Aggregate(0)),
                ],
            )
        }
    }

    #[test]
    fn every_part_comes_back() {
        let sent = sample();
        let bytes = scan_message(&sent, |_| Ok(Bytes::from_static(b"t")))
            .expect("message")
            .encode_to_vec();
        let table = |bytes: &Bytes| {
            assert_eq!(bytes, &b"t"[..]);
            Ok(Handle::new(()))
        };
        let received = scan(Scan::decode(bytes.as_slice()).expect("decoded"), &[], table).expect("scan");
        assert_eq!(format!("{received:?}"), format!("{sent:?}"));
    }

    #[test]
    fn a_guard_that_is_missing_is_no_guard_of_nothing() {
        let mut message = scan_message(&sample(), |_| Ok(Bytes::new())).expect("message");
        message.guard = None;
        assert!(scan(message, &[], |_| Ok(Handle::new(()))).is_err());
    }

    /// What a newer gateway adds is passed over.
    #[test]
    fn unknown_fields_are_ignored() {
        let mut bytes = scan_message(&sample(), |_| Ok(Bytes::new()))
            .expect("message")
            .encode_to_vec();
        // Field 900, a varint.
        bytes.extend([0xa0, 0x38, 0x01]);
        let message = Scan::decode(bytes.as_slice()).expect("decoded");
        assert!(scan(message, &[], |_| Ok(Handle::new(()))).is_ok());
    }
}
