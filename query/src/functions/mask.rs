//! What does a column mask make of a value? Iceberg's `ReadRestrictions` functions, and ours: total, and of the declared type.
//!
//! Which mask applies, and to which types, is `govern::column_mask`. Never registered in a session: no user calls these.

mod bucket;
pub(crate) mod fixed;
mod hash;
mod secret;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, new_null_array},
    datatypes::DataType,
};
use datafusion::{
    common::ScalarValue,
    error::Result,
    logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility},
};

pub(crate) use self::{
    secret::MaskSecret,
    text::{Keep, Side},
};
use crate::govern::row_filter::{DateUnit, truncated};

/// A mask with what it needs of the statement.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum MaskFunction {
    Alphanum,
    /// With the width, of the column's type; days for dates.
    Bucket(ScalarValue),
    /// With the value, of the column's type.
    Constant(ScalarValue),
    Fixed,
    /// With the key of one hash domain.
    HmacSha256(MaskSecret),
    Keep(Keep),
    Null,
    /// Unkeyed.
    Sha256Global,
    /// With the salt of one hash domain and statement.
    Sha256Local(MaskSecret),
    ShowFirst4,
    ShowLast4,
    TruncateToMonth,
    TruncateToYear,
}

impl MaskFunction {
    /// The masked form of `value`, of the same type.
    pub(crate) fn call(self, value: Expr) -> Expr {
        let implementation = MaskUdf {
            mask: self,
            signature: Signature::any(1, Volatility::Immutable),
        };
        Arc::new(ScalarUDF::new_from_impl(implementation)).call(vec![value])
    }

    pub(crate) fn apply(&self, array: &ArrayRef) -> Result<ArrayRef> {
        match self {
            Self::Alphanum => text::alphanum(array),
            Self::Bucket(width) => Ok(bucket::floors(array, width)),
            Self::Constant(value) => value.to_array_of_size(array.len()),
            Self::Fixed => fixed::fixed(array),
            Self::HmacSha256(key) => hash::hmac_sha256(array, key),
            Self::Keep(keep) => text::keep(array, *keep),
            Self::Null => Ok(new_null_array(array.data_type(), array.len())),
            Self::Sha256Global => hash::sha256(array, &[]),
            Self::Sha256Local(salt) => hash::sha256(array, salt.expose()),
            Self::ShowFirst4 => text::show_first_4(array),
            Self::ShowLast4 => text::show_last_4(array),
            Self::TruncateToMonth => truncated(array, DateUnit::Month),
            Self::TruncateToYear => truncated(array, DateUnit::Year),
        }
    }
}

#[derive(Debug, Eq, Hash, PartialEq)]
struct MaskUdf {
    mask: MaskFunction,
    signature: Signature,
}

impl ScalarUDFImpl for MaskUdf {
    fn name(&self) -> &'static str {
        "lakegate_mask"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let Some(value) = args.args.into_iter().next() else {
            return Ok(ColumnarValue::Array(new_null_array(&DataType::Null, rows)));
        };
        self.mask.apply(&value.into_array(rows)?).map(ColumnarValue::Array)
    }
}
