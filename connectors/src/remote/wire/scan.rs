//! How does a scan travel? Its tables with their guards; its bytes are what handles are bound to.

use arrow::datatypes::{Field, Schema};
use bytes::Bytes;

use super::{
    aggregate::{aggregate, aggregate_message},
    predicate::{column, column_message, predicate, predicate_message},
    relation::{relation, relation_message},
};
use crate::{
    error::Result,
    predicate::{FunctionId, Predicate},
    remote::{
        grpc::broken,
        ipc,
        message::{self, Scan},
    },
    scan::{ColumnRef, DynamicSlot, DynamicSlotId, OutputColumn, OutputValue, ScanSpec, SortKey},
    split::Handle,
};

/// The scan as it travels; `sealed` is what travels of the handle of a table.
///
/// # Errors
/// `NOT_SUPPORTED` for joins of too many tables.
pub(in crate::remote) fn scan_message(scan: &ScanSpec, sealed: impl Fn(&Handle) -> Result<Bytes>) -> Result<Scan> {
    let (own, related) = relation_message(&scan.relation, &sealed)?;
    let references = |columns: &[ColumnRef]| columns.iter().map(column_message).collect();
    Ok(Scan {
        table: own.table,
        columns: own.columns,
        guard: own.guard,
        masks: own.masks,
        relation: related,
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
    let own = message::Related {
        table: message.table,
        columns: message.columns,
        guard: message.guard,
        masks: message.masks,
        ..message::Related::default()
    };
    let relation = relation(own, message.relation, functions, &table)?;
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
        relation,
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
        predicate::{CompareOp, Datum},
        scan::{
            Aggregate, AggregateFunction, ArithmeticOperator, ColumnId, Guard, JoinKind, MaskExpr, Operand, Relation,
        },
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

    /// The sample's table, and its join with others.
    fn samples() -> [ScanSpec; 2] {
        let (table, mut joined) = (sample(), sample());
        let column = |table, name: &str| ColumnRef {
            table,
            ..ColumnRef::of(name)
        };
        let join = |left, right, kind, on| Relation::Join {
            left: Box::new(left),
            right: Box::new(right),
            kind,
            on,
        };
        let inner = join(
            sample().relation,
            sample().relation,
            JoinKind::Semi,
            vec![(column(1, "a"), column(2, "a")), (column(1, "b"), column(2, "c"))],
        );
        joined.relation = join(
            sample().relation,
            inner,
            JoinKind::Left,
            vec![(column(0, "x"), column(1, "y"))],
        );
        [table, joined]
    }

    #[test]
    fn every_part_comes_back() {
        samples().into_iter().for_each(comes_back);
    }

    fn comes_back(sent: ScanSpec) {
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
        let [_, joined] = samples();
        let joined = scan_message(&joined, |_| Ok(Bytes::new())).expect("message");
        assert!(scan(joined.clone(), &[], |_| Ok(Handle::new(()))).is_ok());
        for table in 0..3 {
            let mut message = joined.clone();
            message.relation[table].guard = None;
            assert!(scan(message, &[], |_| Ok(Handle::new(()))).is_err(), "{table}");
        }
    }

    /// Who does not know joins must not take one for its first table.
    #[test]
    fn a_join_is_no_table_and_its_parts_are_whole() {
        let [_, joined] = samples();
        let joined = scan_message(&joined, |_| Ok(Bytes::from_static(b"t"))).expect("message");
        assert!(joined.table.is_empty() && joined.guard.is_none());
        type Change = fn(&mut Scan);
        let changes: [Change; 6] = [
            |message| drop(message.relation.pop()),
            |message| drop(message.relation.remove(0)),
            |message| message.relation[4].join = "full".to_owned(),
            |message| drop(message.relation[4].left.pop()),
            |message| {
                message.relation[4].left.clear();
                message.relation[4].right.clear();
            },
            |message| message.table = Bytes::from_static(b"t"),
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let mut message = joined.clone();
            change(&mut message);
            assert!(scan(message, &[], |_| Ok(Handle::new(()))).is_err(), "{at}");
        }
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
