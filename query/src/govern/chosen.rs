//! Which values does a statement, or the policy over it, name for a column? Partitions that only statements can name are found by them.

use datafusion::common::ScalarValue;
use lakegate_connectors::predicate::{CompareOp, Predicate};

/// The texts that the statement's conditions allow for a column, else those that the policy does; `None`: neither names any.
pub(super) fn named_values(filters: &[Predicate], guard: &Predicate, column: &str) -> Option<Vec<String>> {
    let user = filters.iter().find_map(|filter| named(filter, column));
    user.or_else(|| named(guard, column))
}

fn named(condition: &Predicate, name: &str) -> Option<Vec<String>> {
    match condition {
        Predicate::False => Some(Vec::new()),
        Predicate::And(parts) => parts.iter().find_map(|part| named(part, name)),
        Predicate::Or(parts) if !parts.is_empty() => {
            let all = parts.iter().map(|part| named(part, name)).collect::<Option<Vec<_>>>()?;
            Some(all.concat())
        }
        Predicate::Compare {
            column,
            op: CompareOp::Eq,
            value,
        } if column.column.as_str() == name => Some(text(&value.0).into_iter().collect()),
        Predicate::InSet {
            column,
            values,
            or_null: false,
        } if column.column.as_str() == name => {
            let values = (0..values.len()).filter_map(|row| ScalarValue::try_from_array(values, row).ok());
            Some(values.filter_map(|value| text(&value)).collect())
        }
        _ => None,
    }
}

fn text(value: &ScalarValue) -> Option<String> {
    value.try_as_str().flatten().map(str::to_owned)
}
