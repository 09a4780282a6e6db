//! How does a predicate travel? As steps in postfix order, so that no depth of it costs a stack, literals as Arrow arrays.

use std::sync::Arc;

use arrow::{array::ArrayRef, datatypes::DataType};
use datafusion::common::ScalarValue;

use crate::{
    error::{ConnectorError, ConnectorErrorKind, Result},
    predicate::{Argument, CompareOp, Datum, FunctionId, LikePattern, Predicate},
    remote::{
        grpc::broken,
        ipc,
        message::{self, Literal, Step},
    },
    scan::ColumnRef,
};

/// Deeper predicates would cost the connectors their stack.
const MAX_DEPTH: usize = 256;
const MAX_STEPS: usize = 500_000;

const OPERATORS: [(CompareOp, &str); 6] = [
    (CompareOp::Eq, "="),
    (CompareOp::NotEq, "<>"),
    (CompareOp::Lt, "<"),
    (CompareOp::LtEq, "<="),
    (CompareOp::Gt, ">"),
    (CompareOp::GtEq, ">="),
];

/// A column as it travels.
pub(in crate::remote) fn column_message(column: &ColumnRef) -> message::ColumnRef {
    message::ColumnRef {
        table: u32::try_from(column.table).unwrap_or(u32::MAX),
        column: column.column.as_str().to_owned(),
    }
}

/// The column of a message.
pub(in crate::remote) fn column(message: Option<message::ColumnRef>) -> Result<ColumnRef> {
    let message = message.ok_or_else(broken)?;
    Ok(ColumnRef {
        table: usize::try_from(message.table).map_err(|_| broken())?,
        ..ColumnRef::of(message.column)
    })
}

/// The predicate as it travels.
pub(in crate::remote) fn predicate_message(predicate: &Predicate) -> Result<message::Predicate> {
    let mut writer = Writer::default();
    writer.write(predicate, 0)?;
    let literals = writer.groups.iter().map(|group| match group {
        Group::Set(values) => ipc::array_message(values),
        Group::Scalars(_, values) => {
            let values = ScalarValue::iter_to_array(values.iter().cloned());
            ipc::array_message(&values.map_err(|_| broken())?)
        }
    });
    let literals = literals.collect::<Result<_>>()?;
    Ok(message::Predicate {
        steps: writer.steps,
        literals,
    })
}

#[derive(Default)]
struct Writer {
    steps: Vec<Step>,
    groups: Vec<Group>,
}

enum Group {
    Scalars(DataType, Vec<ScalarValue>),
    Set(ArrayRef),
}

impl Writer {
    fn write(&mut self, predicate: &Predicate, depth: usize) -> Result<()> {
        if depth >= MAX_DEPTH {
            return Err(too_deep());
        }
        let step = match predicate {
            Predicate::True => step("true"),
            Predicate::False => step("false"),
            Predicate::And(parts) => self.parts("and", parts, depth)?,
            Predicate::Or(parts) => self.parts("or", parts, depth)?,
            Predicate::Not(part) => {
                self.write(part, depth + 1)?;
                step("not")
            }
            Predicate::Compare { column, op, value } => {
                let (_, text) = OPERATORS.iter().find(|(known, _)| known == op).ok_or_else(broken)?;
                Step {
                    text: (*text).to_owned(),
                    values: vec![self.scalar(&value.0)?],
                    ..of_column("compare", column)
                }
            }
            Predicate::InSet {
                column,
                values,
                or_null,
            } => {
                self.groups.push(Group::Set(Arc::clone(values)));
                let array = u32::try_from(self.groups.len() - 1).map_err(|_| broken())?;
                Step {
                    flag: *or_null,
                    values: vec![Literal {
                        array,
                        ..Literal::default()
                    }],
                    ..of_column("in", column)
                }
            }
            Predicate::Between { column, low, high } => Step {
                values: vec![self.scalar(&low.0)?, self.scalar(&high.0)?],
                ..of_column("between", column)
            },
            Predicate::IsNull { column, negated } => Step {
                flag: *negated,
                ..of_column("null", column)
            },
            Predicate::Like { column, pattern } => Step {
                text: pattern.to_sql(),
                ..of_column("like", column)
            },
            Predicate::Call { function, arguments } => {
                let values = arguments.iter().map(|argument| match argument {
                    Argument::Value(value) => self.scalar(&value.0),
                    Argument::Column(column) => Ok(Literal {
                        column: Some(column_message(column)),
                        ..Literal::default()
                    }),
                });
                Step {
                    values: values.collect::<Result<_>>()?,
                    text: function.0.to_owned(),
                    ..step("call")
                }
            }
        };
        self.steps.push(step);
        Ok(())
    }

    fn parts(&mut self, what: &str, parts: &[Predicate], depth: usize) -> Result<Step> {
        for part in parts {
            self.write(part, depth + 1)?;
        }
        Ok(Step {
            count: u32::try_from(parts.len()).map_err(|_| broken())?,
            ..step(what)
        })
    }

    fn scalar(&mut self, value: &ScalarValue) -> Result<Literal> {
        let kind = value.data_type();
        let known = self
            .groups
            .iter()
            .position(|group| matches!(group, Group::Scalars(of, _) if *of == kind));
        let array = known.unwrap_or_else(|| {
            self.groups.push(Group::Scalars(kind, Vec::new()));
            self.groups.len() - 1
        });
        let Some(Group::Scalars(_, values)) = self.groups.get_mut(array) else {
            return Err(broken());
        };
        values.push(value.clone());
        Ok(Literal {
            array: u32::try_from(array).map_err(|_| broken())?,
            row: u32::try_from(values.len() - 1).map_err(|_| broken())?,
            column: None,
        })
    }
}

fn step(what: &str) -> Step {
    Step {
        what: what.to_owned(),
        ..Step::default()
    }
}

fn of_column(what: &str, column: &ColumnRef) -> Step {
    Step {
        column: Some(column_message(column)),
        ..step(what)
    }
}

/// The predicate of a message; functions are those that the connector knows.
pub(in crate::remote) fn predicate(message: message::Predicate, functions: &[FunctionId]) -> Result<Predicate> {
    if message.steps.len() > MAX_STEPS {
        return Err(too_deep());
    }
    let arrays = message.literals.iter().map(ipc::array).collect::<Result<Vec<_>>>()?;
    let reader = Reader { arrays, functions };
    let mut stack: Vec<(Predicate, usize)> = Vec::new();
    for step in message.steps {
        let read = reader.read(step, &mut stack)?;
        if read.1 > MAX_DEPTH {
            return Err(too_deep());
        }
        stack.push(read);
    }
    match (stack.pop(), stack.is_empty()) {
        (Some((predicate, _)), true) => Ok(predicate),
        _ => Err(broken()),
    }
}

struct Reader<'a> {
    arrays: Vec<ArrayRef>,
    functions: &'a [FunctionId],
}

impl Reader<'_> {
    /// The predicate of a step, and how deep it is.
    fn read(&self, step: Step, stack: &mut Vec<(Predicate, usize)>) -> Result<(Predicate, usize)> {
        let leaf = match step.what.as_str() {
            "true" => Predicate::True,
            "false" => Predicate::False,
            "and" | "or" | "not" => return combined(&step, stack),
            "compare" => {
                let (op, _) = OPERATORS
                    .iter()
                    .find(|(_, text)| *text == step.text)
                    .ok_or_else(broken)?;
                let [value] = self.scalars(&step.values)?;
                Predicate::Compare {
                    column: column(step.column)?,
                    op: *op,
                    value,
                }
            }
            "in" => {
                let set = step.values.first().ok_or_else(broken)?;
                Predicate::InSet {
                    values: Arc::clone(self.array(set)?),
                    column: column(step.column)?,
                    or_null: step.flag,
                }
            }
            "between" => {
                let [low, high] = self.scalars(&step.values)?;
                let column = column(step.column)?;
                Predicate::Between { column, low, high }
            }
            "null" => Predicate::IsNull {
                column: column(step.column)?,
                negated: step.flag,
            },
            "like" => Predicate::Like {
                column: column(step.column)?,
                pattern: LikePattern::parse(&step.text, Some('\\'))?,
            },
            "call" => self.call(&step)?,
            _ => return Err(broken()),
        };
        Ok((leaf, 1))
    }

    fn call(&self, step: &Step) -> Result<Predicate> {
        let known = self.functions.iter().find(|known| known.0 == step.text);
        let function =
            known.ok_or_else(|| ConnectorError::unsupported("a function that the connector does not know"))?;
        let arguments = step.values.iter().map(|value| match &value.column {
            Some(named) => Ok(Argument::Column(column(Some(named.clone()))?)),
            None => Ok(Argument::Value(self.scalar(value)?)),
        });
        Ok(Predicate::Call {
            function: *function,
            arguments: arguments.collect::<Result<_>>()?,
        })
    }

    fn array(&self, literal: &Literal) -> Result<&ArrayRef> {
        let at = usize::try_from(literal.array).map_err(|_| broken())?;
        self.arrays.get(at).ok_or_else(broken)
    }

    fn scalar(&self, literal: &Literal) -> Result<Datum> {
        let array = self.array(literal)?;
        let row = usize::try_from(literal.row).map_err(|_| broken())?;
        if row >= array.len() {
            return Err(broken());
        }
        ScalarValue::try_from_array(array, row).map(Datum).map_err(|_| broken())
    }

    fn scalars<const N: usize>(&self, literals: &[Literal]) -> Result<[Datum; N]> {
        let values = literals.iter().map(|literal| self.scalar(literal));
        values.collect::<Result<Vec<_>>>()?.try_into().map_err(|_| broken())
    }
}

/// AND, OR and NOT take their parts from the stack.
fn combined(step: &Step, stack: &mut Vec<(Predicate, usize)>) -> Result<(Predicate, usize)> {
    let count = if step.what == "not" {
        1
    } else {
        usize::try_from(step.count).map_err(|_| broken())?
    };
    let first = stack.len().checked_sub(count).ok_or_else(broken)?;
    let parts = stack.split_off(first);
    let depth = 1 + parts.iter().map(|(_, depth)| *depth).max().unwrap_or(0);
    let mut parts: Vec<Predicate> = parts.into_iter().map(|(part, _)| part).collect();
    let predicate = match step.what.as_str() {
        "and" => Predicate::And(parts),
        "or" => Predicate::Or(parts),
        _ => Predicate::Not(Box::new(parts.pop().ok_or_else(broken)?)),
    };
    Ok((predicate, depth))
}

fn too_deep() -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::LimitExceeded,
        "a condition is too deep for a remote connector",
    )
}

#[cfg(test)]
mod tests {
    use arrow::array::{BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};

    use super::*;
    use crate::contract::random::Random;

    #[test]
    fn every_predicate_comes_back() {
        let values = RecordBatch::try_from_iter([
            (
                "n",
                Arc::new(Int64Array::from(vec![Some(1), None, Some(i64::MIN)])) as ArrayRef,
            ),
            (
                "t",
                Arc::new(StringArray::from(vec![Some("50%_\\"), None, Some("Zoë")])),
            ),
            ("f", Arc::new(Float64Array::from(vec![f64::NAN, -0.0, 1.5]))),
            ("b", Arc::new(BooleanArray::from(vec![true, false, true]))),
        ])
        .expect("batch");
        for seed in 0..500 {
            let sent = Random::of(seed).predicate(&values, 4);
            let received = predicate(predicate_message(&sent).expect("message"), &[]).expect("predicate");
            assert_eq!(format!("{received:?}"), format!("{sent:?}"), "seed {seed}");
        }
        let call = Predicate::Call {
            function: FunctionId("f"),
            arguments: vec![
                Argument::Column(ColumnRef::of("n")),
                Argument::Value(Datum(ScalarValue::Utf8(None))),
            ],
        };
        let message = predicate_message(&call).expect("message");
        assert!(predicate(message.clone(), &[]).is_err());
        let received = predicate(message, &[FunctionId("f")]).expect("predicate");
        assert_eq!(format!("{received:?}"), format!("{call:?}"));
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        let deep = |levels| (0..levels).fold(Predicate::True, |inner, _| Predicate::Not(Box::new(inner)));
        assert!(predicate_message(&deep(MAX_DEPTH)).is_err());
        let sent = predicate_message(&deep(MAX_DEPTH - 1)).expect("message");
        assert!(predicate(sent.clone(), &[]).is_ok());
        let mut deeper = sent;
        deeper.steps.extend([step("not"), step("not")]);
        assert!(predicate(deeper, &[]).is_err());
        let literal = |row| Literal {
            row,
            ..Literal::default()
        };
        let compare = |text: &str, values| Step {
            text: text.into(),
            values,
            ..of_column("compare", &ColumnRef::of("n"))
        };
        let and = |count| Step { count, ..step("and") };
        for steps in [
            vec![],
            vec![step("not")],
            vec![and(1)],
            vec![and(u32::MAX)],
            vec![step("true"), step("true")],
            vec![step("unknown")],
            vec![compare("=", vec![])],
            vec![compare("=", vec![literal(1)])],
            vec![compare("=", vec![literal(0), literal(0)])],
            vec![compare("; DROP", vec![literal(0)])],
            vec![Step {
                text: "a\\".into(),
                ..of_column("like", &ColumnRef::of("n"))
            }],
            vec![step("null")],
        ] {
            let one: ArrayRef = Arc::new(Int64Array::from(vec![1]));
            let literals = vec![ipc::array_message(&one).expect("array")];
            assert!(
                predicate(
                    message::Predicate {
                        steps: steps.clone(),
                        literals
                    },
                    &[]
                )
                .is_err(),
                "{steps:?}"
            );
        }
    }
}
