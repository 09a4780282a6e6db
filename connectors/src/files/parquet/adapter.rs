//! Which column of a file is meant by a column of the table, and may its type be read as the declared one?
//!
//! By name, without case; a column that the file lacks is NULL. Types may widen, never guess: text is not a number. They may
//! narrow where nobody is restricted: columns are cast below the policy's filter, and the value that fails could be hidden.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::{
    common::{
        Result,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    physical_expr::{PhysicalExpr, expressions::Column},
    physical_expr_adapter::{DefaultPhysicalExprAdapter, PhysicalExprAdapter, PhysicalExprAdapterFactory},
};

use crate::error::{ConnectorError, ConnectorErrorKind};

#[derive(Debug)]
pub(crate) struct AdapterFactory {
    /// Refuse types that may fail at a value.
    pub(crate) restricted: bool,
}

impl PhysicalExprAdapterFactory for AdapterFactory {
    fn create(&self, logical: SchemaRef, physical: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let names: Vec<&str> = logical.fields().iter().map(|field| field.name().as_str()).collect();
        let found = find_columns(&names, &physical)?;
        // The table's columns under the names that the file gives them: what comes after looks columns up by name.
        let renamed: Vec<Field> = logical
            .fields()
            .iter()
            .zip(&found)
            .map(|(field, position)| {
                let physical = position.and_then(|position| physical.fields().get(position));
                let name = physical.map_or(field.name(), |physical| physical.name());
                field.as_ref().clone().with_name(name)
            })
            .collect();
        let refused = logical
            .fields()
            .iter()
            .zip(&found)
            .map(|(field, position)| {
                let physical = position.and_then(|position| physical.fields().get(position))?;
                refusal(field, physical.data_type(), self.restricted)
            })
            .collect();
        let renamed = Arc::new(Schema::new(renamed));
        let inner = DefaultPhysicalExprAdapter::new(Arc::clone(&renamed), physical);
        Ok(Arc::new(Adapter {
            logical,
            renamed,
            refused,
            inner,
        }))
    }
}

/// Position of each name in a file's schema, without case.
///
/// # Errors
/// `AMBIGUOUS_COLUMN` with both names if two columns of the file answer to one name.
pub(crate) fn find_columns(names: &[&str], physical: &Schema) -> Result<Vec<Option<usize>>, ConnectorError> {
    names
        .iter()
        .map(|name| {
            let mut matching = physical
                .fields()
                .iter()
                .enumerate()
                .filter(|(_, field)| field.name().to_lowercase() == name.to_lowercase());
            let first = matching.next();
            match (first, matching.next()) {
                (Some((_, one)), Some((_, two))) => Err(ambiguous(one.name(), two.name())),
                (first, _) => Ok(first.map(|(position, _)| position)),
            }
        })
        .collect()
}

pub(crate) fn ambiguous(one: &str, two: &str) -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::SchemaChanged,
        "two columns of a file answer to one name",
    )
    .with_code("AMBIGUOUS_COLUMN")
    .with_detail(format!("columns `{one}` and `{two}`"))
}

#[derive(Debug)]
struct Adapter {
    logical: SchemaRef,
    renamed: SchemaRef,
    /// Per column of `logical`, why it cannot be read from this file.
    refused: Vec<Option<String>>,
    inner: DefaultPhysicalExprAdapter,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let expr = expr.transform(|node| self.rename(node)).data()?;
        self.inner.rewrite(expr)
    }
}

impl Adapter {
    fn rename(&self, node: Arc<dyn PhysicalExpr>) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
        let Some(column) = node.downcast_ref::<Column>() else {
            return Ok(Transformed::no(node));
        };
        let Ok(position) = self.logical.index_of(column.name()) else {
            return Ok(Transformed::no(node));
        };
        if let Some(Some(why)) = self.refused.get(position) {
            let error = ConnectorError::new(
                ConnectorErrorKind::SchemaChanged,
                "a column of a file does not have the declared type",
            )
            .with_code("TYPE_MISMATCH")
            .with_detail(why);
            return Err(error.into());
        }
        match self.renamed.fields().get(position) {
            Some(field) if field.name() != column.name() => {
                Ok(Transformed::yes(Arc::new(Column::new(field.name(), position)) as _))
            }
            _ => Ok(Transformed::no(node)),
        }
    }
}

/// Why a column cannot be read as it is declared.
pub(crate) fn refusal(declared: &Field, physical: &DataType, restricted: bool) -> Option<String> {
    let read = if restricted { holds } else { readable };
    if read(physical, declared.data_type()) {
        return None;
    }
    Some(format!(
        "column `{}` is `{physical}` in the file, declared `{}`",
        declared.name(),
        declared.data_type()
    ))
}

/// May a column of type `from` be read as `to`? Equal, wider, or the same thing written another way; a narrower integer or
/// decimal fails at the value that does not fit: not for the restricted, see `holds`.
fn readable(from: &DataType, to: &DataType) -> bool {
    if let DataType::Dictionary(_, value) = from {
        return readable(value, to);
    }
    // The Parquet reader drops the months of an INTERVAL.
    if matches!(from, DataType::Interval(_)) {
        return false;
    }
    if from == to || from.is_null() {
        return true;
    }
    match (from, to) {
        (from, to) if from.is_integer() && (to.is_integer() || to.is_decimal()) => true,
        (
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 | DataType::UInt32,
            DataType::Float64,
        ) => true,
        (from, DataType::Float64) if from.is_floating() => true,
        (DataType::Float16, DataType::Float32) => true,
        (from, to) if from.is_decimal() && to.is_decimal() => scale(to) >= scale(from),
        (from, to) if is_text(from) || is_binary(from) => is_text(to) || (is_binary(from) && is_binary(to)),
        (from, to) if is_date(from) => is_date(to) || matches!(to, DataType::Timestamp(_, None)),
        (DataType::Timestamp(..), DataType::Timestamp(..)) => true,
        (DataType::Time32(_) | DataType::Time64(_), DataType::Time32(_) | DataType::Time64(_)) => true,
        (from, to) if from.is_nested() => to.is_nested(),
        _ => false,
    }
}

/// Can a column of type `from` be read as `to` whatever its values are? (Moments beyond the year ±292,000 aside, which no
/// unit but the file's own may hold.)
fn holds(from: &DataType, to: &DataType) -> bool {
    if let DataType::Dictionary(_, value) = from {
        return holds(value, to);
    }
    if !readable(from, to) {
        return false;
    }
    if from == to || from.is_null() {
        return true;
    }
    match (from, to) {
        (from, to) if from.is_integer() && to.is_integer() => {
            let signs = (from.is_signed_integer(), to.is_signed_integer());
            match signs {
                (true, true) | (false, false) => to.primitive_width() >= from.primitive_width(),
                (false, true) => to.primitive_width() > from.primitive_width(),
                (true, false) => false,
            }
        }
        (from, to) if to.is_decimal() => whole_digits(to) >= whole_digits(from),
        // Bytes of any length, or that are no UTF-8.
        (from, to) if is_binary(from) => is_binary(to) && !matches!(to, DataType::FixedSizeBinary(_)),
        (DataType::Time64(_), DataType::Time32(_)) => false,
        (DataType::Struct(from), DataType::Struct(to)) => to.iter().enumerate().all(|(place, field)| {
            let named = |known: &&FieldRef| known.name().to_lowercase() == field.name().to_lowercase();
            // Members of maps go by their place.
            let meant = from.iter().find(named).or_else(|| from.get(place));
            meant.is_none_or(|meant| holds(meant.data_type(), field.data_type()))
        }),
        (from, to) if from.is_nested() => match (elements(from), elements(to)) {
            (Some(from), Some(to)) => holds(from, to),
            _ => false,
        },
        _ => true,
    }
}

/// Type of the elements of a list of any length, or of the entries of a map.
fn elements(data_type: &DataType) -> Option<&DataType> {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::Map(field, _) => Some(field.data_type()),
        _ => None,
    }
}

/// Digits before the point that a number of the type may have.
fn whole_digits(data_type: &DataType) -> i16 {
    match data_type {
        DataType::Int8 | DataType::UInt8 => 3,
        DataType::Int16 | DataType::UInt16 => 5,
        DataType::Int32 | DataType::UInt32 => 10,
        DataType::Int64 => 19,
        DataType::UInt64 => 20,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => i16::from(*precision) - i16::from(*scale),
        _ => i16::MAX,
    }
}

fn scale(data_type: &DataType) -> i8 {
    match data_type {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => *scale,
        _ => 0,
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_binary(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
    )
}

fn is_date(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_widen_and_never_guess() {
        let yes = [
            (DataType::Int32, DataType::Int64),
            (DataType::Float32, DataType::Float64),
            (DataType::Decimal128(10, 2), DataType::Decimal128(20, 4)),
            (DataType::Binary, DataType::Utf8View),
            (
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
                DataType::Utf8,
            ),
        ];
        let no = [
            (DataType::Utf8, DataType::Int64),
            (DataType::Int64, DataType::Utf8),
            (DataType::Float64, DataType::Int64),
            (DataType::Decimal128(10, 4), DataType::Decimal128(10, 2)),
            (DataType::Boolean, DataType::Int64),
        ];
        for (from, to) in yes {
            assert!(readable(&from, &to), "{from} as {to}");
        }
        for (from, to) in no {
            assert!(!readable(&from, &to), "{from} as {to}");
        }
    }

    #[test]
    fn what_may_fail_at_a_value_does_not_hold() {
        let list = |inner| DataType::new_list(inner, true);
        let structure = |inner| DataType::Struct(vec![Field::new("x", inner, true)].into());
        let yes = [
            (DataType::UInt32, DataType::Int64),
            (DataType::Int32, DataType::Decimal128(12, 2)),
            (DataType::Decimal128(10, 2), DataType::Decimal128(20, 4)),
            (list(DataType::Int32), list(DataType::Int64)),
            (structure(DataType::Int32), structure(DataType::Int64)),
            (DataType::Float32, DataType::Float64),
            (DataType::Date32, DataType::Date64),
        ];
        let no = [
            (DataType::Int64, DataType::Int32),
            (DataType::UInt32, DataType::Int32),
            (DataType::Int8, DataType::UInt64),
            (DataType::Int64, DataType::Decimal128(20, 2)),
            (DataType::Decimal128(12, 2), DataType::Decimal128(10, 2)),
            (DataType::Decimal128(10, 2), DataType::Decimal128(10, 4)),
            (DataType::Binary, DataType::Utf8),
            (list(DataType::Int64), list(DataType::Int32)),
            (structure(DataType::Int64), structure(DataType::Int32)),
            (list(structure(DataType::Utf8)), list(structure(DataType::Int64))),
            (list(DataType::Int64), structure(DataType::Int64)),
        ];
        for (from, to) in yes {
            assert!(holds(&from, &to), "{from} as {to}");
        }
        for (from, to) in no {
            assert!(!holds(&from, &to), "{from} as {to}");
        }
    }

    #[test]
    fn two_columns_of_one_name_are_refused() {
        let physical = Schema::new(vec![
            Field::new("Id", DataType::Int64, true),
            Field::new("ID", DataType::Int64, true),
        ]);
        let error = find_columns(&["id"], &physical).expect_err("ambiguous");
        assert_eq!(error.detail(), Some("columns `Id` and `ID`"));
        assert_eq!(find_columns(&["x"], &physical).expect("absent"), [None]);
    }
}
