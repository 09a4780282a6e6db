//! Which stripes can be left out? By what the file says of the least and greatest values of each; never more than a condition that is
//! evaluated on the rows above again.
//!
//! Integers, days, decimals and texts only: of floats, statistics leave NaN out, and those of moments are in a zone of their own.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, BooleanArray, UInt64Array},
    datatypes::{DataType, SchemaRef},
};
use bytes::Bytes;
use datafusion::{
    common::{Column, ScalarValue, pruning::PruningStatistics},
    physical_expr::PhysicalExpr,
    physical_optimizer::pruning::PruningPredicateBuilder,
};
use prost::Message;

use super::{
    messages::{ColumnStatistics, Metadata},
    schema::{Kind, Node},
    stream::bad,
    tail::Tail,
};
use crate::{error::Result, files::calendar};

/// Longest statistics that are read, stored and decompressed.
pub(super) const MAX_STATISTICS: u64 = 64 << 20;

/// What a file says of its stripes.
#[derive(Debug)]
pub(super) struct Statistics(Metadata);

impl Statistics {
    /// From the bytes behind the stripes.
    ///
    /// # Errors
    /// `CORRUPT_FILE`; the file is added by the caller.
    pub(super) fn new(tail: &Tail, stored: Bytes) -> Result<Self> {
        let most = usize::try_from(MAX_STATISTICS).unwrap_or(usize::MAX);
        let bytes = tail.packing.whole(stored, most)?;
        let metadata = Metadata::decode(bytes.as_slice());
        let metadata =
            metadata.map_err(|error| bad("the statistics of its stripes cannot be decoded").with_source(error))?;
        Ok(Self(metadata))
    }

    /// Bytes that it holds in memory, roughly.
    pub(super) fn bytes(&self) -> usize {
        let columns: usize = self.0.stripes.iter().map(|stripe| stripe.columns.len()).sum();
        self.0.encoded_len() + columns * size_of::<ColumnStatistics>()
    }
}

/// The columns of the file that columns of the table are, by the names of these.
pub(super) type Columns<'a> = HashMap<&'a str, &'a Node>;

/// Per stripe: may it hold a row that passes? `None`: nothing can be said.
pub(super) fn kept(
    tail: &Tail,
    statistics: &Statistics,
    columns: &Columns<'_>,
    schema: &SchemaRef,
    condition: &Arc<dyn PhysicalExpr>,
) -> Option<Vec<bool>> {
    // Of writers that told wrong greatest values, and of files that do not tell of every stripe.
    if !tail.statistics_hold || statistics.0.stripes.len() != tail.stripes.len() {
        return None;
    }
    let pruning = PruningPredicateBuilder::new()
        .with_file_schema(Arc::clone(schema))
        .try_build(Arc::clone(condition))
        .ok()?;
    let told = Told {
        tail,
        statistics,
        columns,
        schema,
    };
    let kept = pruning.prune(&told).ok()?;
    (kept.len() == tail.stripes.len()).then_some(kept)
}

struct Told<'a> {
    tail: &'a Tail,
    statistics: &'a Statistics,
    columns: &'a Columns<'a>,
    schema: &'a SchemaRef,
}

/// Which end of the values.
#[derive(Clone, Copy)]
enum End {
    Least,
    Greatest,
}

impl Told<'_> {
    fn ends(&self, column: &Column, end: End) -> Option<ArrayRef> {
        let node = self.columns.get(column.name.as_str())?;
        let declared = self.schema.field_with_name(&column.name).ok()?.data_type();
        if !comparable(&node.data_type(), declared) {
            return None;
        }
        let number = usize::try_from(node.column).ok()?;
        let stripes = self.statistics.0.stripes.iter();
        let values = stripes.map(|stripe| {
            let of = stripe.columns.get(number);
            let value = of.and_then(|of| value(of, node, end, self.tail.calendar.julian));
            let value = value.and_then(|value| value.cast_to(declared).ok());
            value.or_else(|| ScalarValue::try_from(declared).ok())
        });
        ScalarValue::iter_to_array(values.collect::<Option<Vec<_>>>()?).ok()
    }
}

/// Is the order of the values of the file that of the table's?
fn comparable(found: &DataType, declared: &DataType) -> bool {
    match (found, declared) {
        (found, declared) if found.is_signed_integer() && declared.is_signed_integer() => true,
        (DataType::Utf8 | DataType::Date32 | DataType::Decimal128(..), declared) => found == declared,
        _ => false,
    }
}

/// The least or greatest value of a stripe, of the type of the file.
fn value(of: &ColumnStatistics, node: &Node, end: End, julian: bool) -> Option<ScalarValue> {
    let day = |stored: i32| match julian {
        true => i32::try_from(calendar::day(i64::from(stored))).ok(),
        false => Some(stored),
    };
    match (&node.kind, end) {
        (Kind::Integer(DataType::Date32), End::Least) => Some(ScalarValue::Date32(Some(day(of.days?.least?)?))),
        (Kind::Integer(DataType::Date32), End::Greatest) => Some(ScalarValue::Date32(Some(day(of.days?.greatest?)?))),
        (Kind::Integer(_) | Kind::Byte, End::Least) => Some(ScalarValue::Int64(Some(of.integers?.least?))),
        (Kind::Integer(_) | Kind::Byte, End::Greatest) => Some(ScalarValue::Int64(Some(of.integers?.greatest?))),
        (Kind::Text, _) => {
            let texts = of.texts.as_ref()?;
            let value = match end {
                End::Least => texts.lower.as_ref().or(texts.least.as_ref()),
                End::Greatest => texts.upper.as_ref().or(texts.greatest.as_ref()),
            };
            let text = String::from_utf8(value?.clone()).ok()?;
            Some(ScalarValue::Utf8(Some(text)))
        }
        (Kind::Decimal(precision, scale), _) => {
            let decimals = of.decimals.as_ref()?;
            let text = match end {
                End::Least => decimals.least.as_ref(),
                End::Greatest => decimals.greatest.as_ref(),
            };
            let value = decimal(text?, *scale)?;
            Some(ScalarValue::Decimal128(Some(value), *precision, *scale))
        }
        _ => None,
    }
}

/// A decimal as text, as a number of its last places; `None`: it has more of them, or is written another way.
fn decimal(text: &str, scale: i8) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = usize::try_from(scale).ok()?;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) || fraction.len() > scale {
        return None;
    }
    let number: i128 = format!("{whole}{fraction:0<scale$}").parse().ok()?;
    Some(sign * number)
}

impl PruningStatistics for Told<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.ends(column, End::Least)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.ends(column, End::Greatest)
    }

    fn num_containers(&self) -> usize {
        self.tail.stripes.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let number = usize::try_from(self.columns.get(column.name.as_str())?.column).ok()?;
        let stripes = self.statistics.0.stripes.iter().zip(&self.tail.stripes);
        let counts = stripes.map(|(stripe, layout)| {
            let of = stripe.columns.get(number)?;
            match (of.has_null, of.values) {
                (Some(false), _) => Some(0),
                (_, Some(values)) => layout.rows.checked_sub(values),
                _ => None,
            }
        });
        Some(Arc::new(counts.collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = self.tail.stripes.iter().map(|stripe| stripe.rows);
        Some(Arc::new(rows.collect::<UInt64Array>()))
    }

    fn contained(&self, _column: &Column, _values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_as_they_are_written_or_not_at_all() {
        assert_eq!(decimal("12.5", 3), Some(12_500));
        assert_eq!(decimal("-0.001", 3), Some(-1));
        assert_eq!(decimal("7", 0), Some(7));
        for odd in ["1.2345", "1e5", "", "-", ".5", "NaN", "12.+3"] {
            assert_eq!(decimal(odd, 3), None, "{odd}");
        }
    }
}
