//! Which keys can meet anything? A hash join knows when it has read its smaller side, before its source is asked for the other.
//!
//! The engine says it as a dynamic filter over the join's inputs. What of it is understood becomes conditions of the closed
//! language; whatever is not is TRUE, for the join compares everything again.

mod found;
mod lossless;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use datafusion::{
    arrow::datatypes::DataType,
    physical_expr::{PhysicalExpr, expressions::DynamicFilterPhysicalExpr},
};
use lakegate_connectors::{
    predicate::{CompareOp, Datum, Predicate},
    scan::ColumnRef,
};

use self::found::Found;
pub(crate) use self::lossless::column_of;
use crate::govern::in_set;

/// A scan begins without the keys if they are not known by then. The side that holds them is read before anything is asked of the
/// scan; what is waited for is that all partitions of the join have come as far.
const WAIT: Duration = Duration::from_secs(2);

/// A column of a source that the join compares.
#[derive(Clone, Debug)]
pub struct KeyColumn {
    /// As the source spells it.
    pub column: ColumnRef,
    /// Of the source's values. The join may compare them in a wider type, see [`column_of`].
    pub data_type: DataType,
}

/// The keys of one join, for one scan.
#[derive(Clone, Debug)]
pub struct LateKeys {
    filter: Arc<DynamicFilterPhysicalExpr>,
    /// By the number of the column in the input of the join.
    columns: BTreeMap<usize, KeyColumn>,
}

impl LateKeys {
    /// `None` if no column can be asked for by its values.
    #[must_use]
    pub fn new(filter: Arc<DynamicFilterPhysicalExpr>, columns: BTreeMap<usize, KeyColumn>) -> Option<Self> {
        // Floats: sources, joins and orders do not agree on what zeroes and NaN equal.
        let columns: BTreeMap<_, _> = columns
            .into_iter()
            .filter(|(_, key)| !key.data_type.is_floating() && !key.data_type.is_nested())
            .collect();
        (!columns.is_empty()).then_some(Self { filter, columns })
    }

    /// To be shown by the scan: a join computes no filter that it does not find below.
    #[must_use]
    pub fn shown(&self) -> Arc<dyn PhysicalExpr> {
        Arc::<DynamicFilterPhysicalExpr>::clone(&self.filter) as _
    }

    /// The columns, as the source spells them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.values().map(|key| key.column.column.as_str())
    }

    /// What holds on every row that the join can use; nothing if that is not known in time.
    pub async fn conditions(&self) -> Vec<Predicate> {
        if tokio::time::timeout(WAIT, self.filter.wait_complete()).await.is_err() {
            return Vec::new();
        }
        self.filter
            .current()
            .map(|expr| self.understood(&expr))
            .unwrap_or_default()
    }

    fn understood(&self, expr: &Arc<dyn PhysicalExpr>) -> Vec<Predicate> {
        self.columns
            .iter()
            .filter_map(|(at, key)| condition(key, found::of(expr, *at, &key.data_type)))
            .collect()
    }
}

fn condition(key: &KeyColumn, found: Found) -> Option<Predicate> {
    let column = || key.column.clone();
    match found {
        Found::Anything => None,
        Found::Within { low, high } => Some(match (low, high) {
            (Some(low), Some(high)) => Predicate::Between {
                column: column(),
                low: low.into(),
                high: high.into(),
            },
            (low, high) => {
                let (op, value) = low
                    .map(|low| (CompareOp::GtEq, low))
                    .or_else(|| high.map(|high| (CompareOp::LtEq, high)))?;
                Predicate::Compare {
                    column: column(),
                    op,
                    value: Datum(value),
                }
            }
        }),
        Found::Keys { values, null } => match (values.is_empty(), null) {
            (true, false) => Some(Predicate::False),
            (true, true) => Some(Predicate::IsNull {
                column: column(),
                negated: false,
            }),
            (false, null) => {
                // In one order, so that one join asks one question.
                let mut values: Vec<_> = values.into_iter().collect();
                values.sort_unstable_by(|left, right| left.partial_cmp(right).unwrap_or(std::cmp::Ordering::Equal));
                let mut set = in_set(column(), values)?;
                if let Predicate::InSet { or_null, .. } = &mut set {
                    *or_null = null;
                }
                Some(set)
            }
        },
    }
}
