//! Which masks are there, and for which types? The functions of governance.md §5 that this version has.

use crate::type_name::type_text;
use arrow::datatypes::DataType;

use crate::functions::mask::{MaskFunction, fixed::has_constant, hash::salt_of};

/// A mask function by its name in Iceberg's `ReadRestrictions`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Mask {
    Alphanum,
    Fixed,
    Null,
    Sha256Global,
    Sha256QueryLocal,
    ShowFirst4,
    ShowLast4,
    TruncateToMonth,
    TruncateToYear,
}

/// Why a mask cannot be published.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MaskProblem {
    /// No such function.
    #[error("mask function `{0}` is unknown; known are {known}", known = known())]
    Unknown(String),
    /// Designed, not in this version: `NOT_SUPPORTED`.
    #[error("mask function `{0}` is not supported in this version")]
    NotSupported(String),
    /// The column has a type that the function does not take.
    #[error("mask function `{func}` does not apply to `{}`", type_text(.data_type))]
    Type { func: String, data_type: DataType },
}

/// Designed, not in this version.
const LATER: &[&str] = &["bucket", "hmac-sha-256", "keep"];

impl Mask {
    /// Every mask with its name.
    pub const ALL: &'static [(&'static str, Self)] = &[
        // sorted: start
        ("mask-alphanum", Self::Alphanum),
        ("mask-to-fixed-value", Self::Fixed),
        ("replace-with-null", Self::Null),
        ("sha-256-global", Self::Sha256Global),
        ("sha-256-query-local", Self::Sha256QueryLocal),
        ("show-first-4", Self::ShowFirst4),
        ("show-last-4", Self::ShowLast4),
        ("truncate-to-month", Self::TruncateToMonth),
        ("truncate-to-year", Self::TruncateToYear),
        // sorted: end
    ];

    /// The mask of this name.
    #[must_use]
    pub fn of(func: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == func).map(|(_, mask)| *mask)
    }

    /// Whether it keeps a type; it then keeps every value total.
    #[must_use]
    pub fn takes(self, data_type: &DataType) -> bool {
        let text = matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        match self {
            Self::Alphanum | Self::ShowFirst4 | Self::ShowLast4 => text,
            Self::Fixed => has_constant(data_type),
            Self::Null => true,
            Self::Sha256Global | Self::Sha256QueryLocal => {
                let binary = matches!(
                    data_type,
                    DataType::Binary | DataType::LargeBinary | DataType::BinaryView
                );
                text || binary || matches!(data_type, DataType::Int32 | DataType::Int64)
            }
            Self::TruncateToMonth | Self::TruncateToYear => {
                matches!(data_type, DataType::Date32 | DataType::Timestamp(..))
            }
        }
    }

    /// Its form in the plan; `salt` is the statement's, `column` the id of the column.
    pub(crate) fn function(self, salt: &[u8; 32], column: &str) -> MaskFunction {
        match self {
            Self::Alphanum => MaskFunction::Alphanum,
            Self::Fixed => MaskFunction::Fixed,
            Self::Null => MaskFunction::Null,
            Self::Sha256Global => MaskFunction::Sha256Global,
            Self::Sha256QueryLocal => MaskFunction::Sha256Local(salt_of(salt, column)),
            Self::ShowFirst4 => MaskFunction::ShowFirst4,
            Self::ShowLast4 => MaskFunction::ShowLast4,
            Self::TruncateToMonth => MaskFunction::TruncateToMonth,
            Self::TruncateToYear => MaskFunction::TruncateToYear,
        }
    }
}

/// Whether a mask function can be bound to a column of this type.
///
/// # Errors
/// Why not; [`MaskProblem::NotSupported`] is `NOT_SUPPORTED`.
pub fn check(func: &str, data_type: &DataType) -> Result<Mask, MaskProblem> {
    let Some(mask) = Mask::of(func) else {
        let name = func.split('(').next().unwrap_or_default().trim();
        let later = LATER.contains(&name);
        return Err(if later {
            MaskProblem::NotSupported(func.to_owned())
        } else {
            MaskProblem::Unknown(func.to_owned())
        });
    };
    if mask.takes(data_type) {
        return Ok(mask);
    }
    Err(MaskProblem::Type {
        func: func.to_owned(),
        data_type: data_type.clone(),
    })
}

fn known() -> String {
    Mask::ALL
        .iter()
        .map(|(name, _)| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_checked_against_types() {
        assert_eq!(check("show-last-4", &DataType::Utf8), Ok(Mask::ShowLast4));
        assert!(matches!(
            check("show-last-4", &DataType::Int64),
            Err(MaskProblem::Type { .. })
        ));
        assert!(matches!(
            check("hmac-sha-256", &DataType::Utf8),
            Err(MaskProblem::NotSupported(_))
        ));
        assert!(matches!(
            check("keep(3, left)", &DataType::Utf8),
            Err(MaskProblem::NotSupported(_))
        ));
        assert!(matches!(
            check("shwo-last-4", &DataType::Utf8),
            Err(MaskProblem::Unknown(_))
        ));
        assert!(Mask::ALL.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
