//! How does an aggregate travel? Its argument in postfix order, so that no depth of it costs a stack.

use datafusion::common::ScalarValue;

use super::predicate::{column, column_message};
use crate::{
    capability::{AggregateSupport, Pushdown},
    error::Result,
    predicate::Datum,
    remote::{grpc::broken, ipc, message},
    scan::{Aggregate, AggregateFunction, ArithmeticOperator, Operand},
};

const FUNCTIONS: [(AggregateFunction, &str); 4] = [
    (AggregateFunction::Count, "count"),
    (AggregateFunction::Max, "max"),
    (AggregateFunction::Min, "min"),
    (AggregateFunction::Sum, "sum"),
];

const OPERATORS: [(ArithmeticOperator, &str); 3] = [
    (ArithmeticOperator::Add, "+"),
    (ArithmeticOperator::Multiply, "*"),
    (ArithmeticOperator::Subtract, "-"),
];

/// Operands and operators of one argument, at most.
const MAX_STEPS: usize = 1_000;

/// The functions that are done exactly, by name.
pub(super) fn claimed(support: &AggregateSupport) -> Vec<String> {
    let exact = FUNCTIONS
        .iter()
        .filter(|(function, _)| support.0.get(function) == Some(&Pushdown::Exact));
    exact.map(|(_, name)| (*name).to_owned()).collect()
}

/// Of the functions that a remote claims, those that its kind can do.
pub(super) fn believed(names: &[String], best: &AggregateSupport) -> AggregateSupport {
    let claimed = FUNCTIONS
        .iter()
        .filter(|(_, name)| names.iter().any(|claimed| claimed == name));
    let narrowed = claimed.filter_map(|(function, _)| Some((*function, *best.0.get(function)?)));
    AggregateSupport(narrowed.collect())
}

/// The aggregate as it travels.
pub(super) fn aggregate_message(aggregate: &Aggregate) -> Result<message::Aggregate> {
    let name = FUNCTIONS.iter().find(|(known, _)| *known == aggregate.function);
    let mut argument = Vec::new();
    if let Some(operand) = &aggregate.argument {
        push(&mut argument, operand)?;
    }
    Ok(message::Aggregate {
        function: name.map_or_else(String::new, |(_, name)| (*name).to_owned()),
        argument,
    })
}

fn push(steps: &mut Vec<message::Operand>, operand: &Operand) -> Result<()> {
    if steps.len() >= MAX_STEPS {
        return Err(broken());
    }
    let mut step = message::Operand::default();
    match operand {
        Operand::Column(column) => step.column = Some(column_message(column)),
        Operand::Value(value) => {
            let array = value.0.to_array().map_err(|_| broken())?;
            step.literal = Some(ipc::array_message(&array)?);
        }
        Operand::Arithmetic { operator, left, right } => {
            push(steps, left)?;
            push(steps, right)?;
            let name = OPERATORS.iter().find(|(known, _)| known == operator);
            step.operator = name.map_or_else(String::new, |(_, name)| (*name).to_owned());
        }
    }
    steps.push(step);
    Ok(())
}

/// The aggregate of a message.
pub(super) fn aggregate(message: message::Aggregate) -> Result<Aggregate> {
    let known = FUNCTIONS.iter().find(|(_, name)| *name == message.function);
    if message.argument.len() > MAX_STEPS {
        return Err(broken());
    }
    let mut stack = Vec::new();
    for step in message.argument {
        let operand = read(step, &mut stack)?;
        stack.push(operand);
    }
    let argument = stack.pop();
    if !stack.is_empty() {
        return Err(broken());
    }
    Ok(Aggregate {
        function: known.ok_or_else(broken)?.0,
        argument,
    })
}

fn read(step: message::Operand, stack: &mut Vec<Operand>) -> Result<Operand> {
    match (step.column, step.literal, step.operator.as_str()) {
        (Some(named), None, "") => Ok(Operand::Column(column(Some(named))?)),
        (None, Some(literal), "") => {
            let array = ipc::array(&literal)?;
            if array.len() != 1 || array.is_null(0) {
                return Err(broken());
            }
            let value = ScalarValue::try_from_array(&array, 0).map_err(|_| broken())?;
            Ok(Operand::Value(Datum(value)))
        }
        (None, None, name) => {
            let (operator, _) = OPERATORS.iter().find(|(_, known)| *known == name).ok_or_else(broken)?;
            let (Some(right), Some(left)) = (stack.pop(), stack.pop()) else {
                return Err(broken());
            };
            Ok(Operand::Arithmetic {
                operator: *operator,
                left: Box::new(left),
                right: Box::new(right),
            })
        }
        _ => Err(broken()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::ColumnRef;

    fn steps(operators: &[&str]) -> message::Aggregate {
        let step = |text: &&str| match *text {
            "x" => message::Operand {
                column: Some(column_message(&ColumnRef::of("x"))),
                ..message::Operand::default()
            },
            operator => message::Operand {
                operator: operator.to_owned(),
                ..message::Operand::default()
            },
        };
        message::Aggregate {
            function: "sum".to_owned(),
            argument: operators.iter().map(step).collect(),
        }
    }

    #[test]
    fn an_argument_that_is_no_expression_is_refused() {
        assert!(aggregate(steps(&["x", "x", "*"])).is_ok());
        for broken in [&["x", "x"][..], &["*"], &["x", "*"], &["x", "x", "/"], &[""]] {
            assert!(aggregate(steps(broken)).is_err(), "{broken:?}");
        }
        assert!(aggregate(steps(&["x"; MAX_STEPS + 1])).is_err());
    }
}
