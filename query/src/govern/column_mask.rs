//! Which masks are there, and for which types? The functions of governance.md §5.

mod grammar;
mod order;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use lakegate_catalog::governance::ColumnMask;

pub use order::{Declared, is_inverted};

use crate::{
    context::QueryContext,
    functions::mask::{Keep, MaskFunction, MaskSecret, fixed::has_constant},
    mask_key::NoMaskKey,
    type_name::type_text,
};

/// A mask function, by its name in Iceberg's `ReadRestrictions` or by ours, with its arguments.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Mask {
    Alphanum,
    /// The width, of the column's type; days for dates.
    Bucket(ScalarValue),
    /// The value, of the column's type.
    Constant(ScalarValue),
    Fixed,
    HmacSha256,
    Keep(Keep),
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
    /// The arguments are missing, too many, or out of range.
    #[error("mask function `{func}` is not of the form {form}")]
    Form { func: String, form: &'static str },
    /// An argument has no exact value in the column's type.
    #[error("mask function `{func}`: {why}")]
    Value { func: String, why: String },
    /// The column has a type that the function does not take.
    #[error("mask function `{func}` does not apply to `{}`", type_text(.data_type))]
    Type { func: String, data_type: DataType },
    /// `domain` on a function that has none.
    #[error("mask function `{func}` has no hash domain; only `hmac-sha-256` and `sha-256-query-local` have one")]
    NoDomain { func: String },
    /// A domain that is no name.
    #[error("the hash domain must be a name of 1 to {MAX_DOMAIN} bytes without control characters")]
    Domain,
}

/// Longest name of a hash domain, in bytes.
pub const MAX_DOMAIN: usize = 128;

impl Mask {
    /// Every function's form, by its name.
    pub const FORMS: &'static [(&'static str, &'static str)] = &[
        // sorted: start
        (
            "bucket",
            "`bucket(WIDTH)`, a width above 0 of the column's type (for dates a number of days)",
        ),
        (
            "constant",
            "`constant(VALUE)`, a literal of the column's type such as `constant('n/a')` or `constant(0)`",
        ),
        ("hmac-sha-256", "`hmac-sha-256`"),
        (
            "keep",
            "`keep(N, left)` or `keep(N, right)`, perhaps with the least number of hidden characters: `keep(4, right, 6)`; numbers from 1 to 1000",
        ),
        ("mask-alphanum", "`mask-alphanum`"),
        ("mask-to-fixed-value", "`mask-to-fixed-value`"),
        ("replace-with-null", "`replace-with-null`"),
        ("sha-256-global", "`sha-256-global`"),
        ("sha-256-query-local", "`sha-256-query-local`"),
        ("show-first-4", "`show-first-4`"),
        ("show-last-4", "`show-last-4`"),
        ("truncate-to-month", "`truncate-to-month`"),
        ("truncate-to-year", "`truncate-to-year`"),
        // sorted: end
    ];

    /// Whether it keeps a type; it then keeps every value total.
    fn takes(&self, data_type: &DataType) -> bool {
        let text = matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        match self {
            Self::Alphanum | Self::Keep(_) | Self::ShowFirst4 | Self::ShowLast4 => text,
            // Their arguments were read as values of the type.
            Self::Bucket(_) | Self::Constant(_) | Self::Null => true,
            Self::Fixed => has_constant(data_type),
            Self::HmacSha256 | Self::Sha256Global | Self::Sha256QueryLocal => {
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

    /// What is allowed and probably not meant.
    #[must_use]
    pub fn lint(&self) -> Option<&'static str> {
        match self {
            Self::ShowFirst4 | Self::ShowLast4 => Some(
                "shows values of up to 4 characters whole; prefer `keep(4, left)` or `keep(4, right)`, which hides them",
            ),
            Self::Sha256Global => {
                Some("yields to a dictionary of likely values, which anybody can compute; prefer `hmac-sha-256`")
            }
            _ => None,
        }
    }

    /// Its form in the plan; `domain` is the hash domain.
    ///
    /// # Errors
    /// If it needs the tenant's mask key and there is none that this server can open.
    pub(crate) fn function(self, cx: &QueryContext, domain: &str) -> Result<MaskFunction, NoMaskKey> {
        Ok(match self {
            Self::Alphanum => MaskFunction::Alphanum,
            Self::Bucket(width) => MaskFunction::Bucket(width),
            Self::Constant(value) => MaskFunction::Constant(value),
            Self::Fixed => MaskFunction::Fixed,
            Self::HmacSha256 => MaskFunction::HmacSha256(cx.mask_key()?.of_domain(domain)),
            Self::Keep(keep) => MaskFunction::Keep(keep),
            Self::Null => MaskFunction::Null,
            Self::Sha256Global => MaskFunction::Sha256Global,
            Self::Sha256QueryLocal => MaskFunction::Sha256Local(MaskSecret::new(cx.salt).of_domain(domain)),
            Self::ShowFirst4 => MaskFunction::ShowFirst4,
            Self::ShowLast4 => MaskFunction::ShowLast4,
            Self::TruncateToMonth => MaskFunction::TruncateToMonth,
            Self::TruncateToYear => MaskFunction::TruncateToYear,
        })
    }
}

/// Whether a mask function can be bound to a column of this type.
///
/// # Errors
/// Why not.
pub fn check(func: &str, data_type: &DataType) -> Result<Mask, MaskProblem> {
    let mask = grammar::read(func, data_type)?;
    if mask.takes(data_type) {
        return Ok(mask);
    }
    Err(MaskProblem::Type {
        func: func.to_owned(),
        data_type: data_type.clone(),
    })
}

/// Whether a function takes this hash domain.
///
/// # Errors
/// Why not.
pub fn check_domain(func: &str, domain: &str) -> Result<(), MaskProblem> {
    if !["hmac-sha-256", "sha-256-query-local"].contains(&func) {
        return Err(MaskProblem::NoDomain { func: func.to_owned() });
    }
    if domain.is_empty() || domain.len() > MAX_DOMAIN || domain.chars().any(char::is_control) {
        return Err(MaskProblem::Domain);
    }
    Ok(())
}

/// Whether values under this mask depend on the tenant's mask key.
#[must_use]
pub fn is_keyed(func: &str) -> bool {
    func == "hmac-sha-256"
}

/// The hash domain of a mask: columns of one domain hash alike, by default each leaf (by its id) for itself. A domain's name
/// never equals a column's id.
pub(crate) fn domain(mask: &ColumnMask, leaf: &str) -> String {
    match &mask.domain {
        Some(name) => format!("domain:{name}"),
        None => format!("column:{leaf}"),
    }
}

fn known() -> String {
    let forms = Mask::FORMS.iter().map(|(name, _)| format!("`{name}`"));
    forms.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::mask::Side;

    #[test]
    fn masks_are_checked_against_types() {
        assert_eq!(check("show-last-4", &DataType::Utf8), Ok(Mask::ShowLast4));
        assert_eq!(check("hmac-sha-256", &DataType::Int32), Ok(Mask::HmacSha256));
        for (func, data_type) in [
            ("show-last-4", DataType::Int64),
            ("keep(4, left)", DataType::Int64),
            ("hmac-sha-256", DataType::Int16),
            ("hmac-sha-256", DataType::Date32),
        ] {
            assert!(
                matches!(check(func, &data_type), Err(MaskProblem::Type { .. })),
                "{func} {data_type}"
            );
        }
        assert!(matches!(
            check("shwo-last-4", &DataType::Utf8),
            Err(MaskProblem::Unknown(_))
        ));
        assert!(Mask::FORMS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn arguments_are_of_the_columns_type() {
        let keep = Keep {
            shown: 4,
            side: Side::Right,
            hidden: 4,
        };
        assert_eq!(check("keep( 4,right )", &DataType::Utf8), Ok(Mask::Keep(keep)));
        let strict = Keep { hidden: 6, ..keep };
        assert_eq!(check("keep(4, right, 6)", &DataType::Utf8View), Ok(Mask::Keep(strict)));
        let decimal = DataType::Decimal128(12, 2);
        let width = ScalarValue::Decimal128(Some(2_550), 12, 2);
        assert_eq!(check("bucket(25.5)", &decimal), Ok(Mask::Bucket(width)));
        let days = Mask::Bucket(ScalarValue::Int32(Some(7)));
        assert_eq!(check("bucket(7)", &DataType::Date32), Ok(days));
        let text = |text: &str| Ok(Mask::Constant(ScalarValue::Utf8(Some(text.to_owned()))));
        assert_eq!(
            check("constant('it''s (n/a), no')", &DataType::Utf8),
            text("it's (n/a), no")
        );
        assert_eq!(check("constant('')", &DataType::Utf8), text(""));
        assert_eq!(
            check("constant(-1.5)", &DataType::Float64),
            Ok(Mask::Constant(ScalarValue::Float64(Some(-1.5))))
        );
        assert_eq!(
            check("constant(date '1970-01-02')", &DataType::Date32),
            Ok(Mask::Constant(ScalarValue::Date32(Some(1))))
        );
        assert_eq!(
            check("constant(false)", &DataType::Boolean),
            Ok(Mask::Constant(ScalarValue::Boolean(Some(false))))
        );
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        let form = |func: &str, data_type: DataType| {
            assert!(
                matches!(check(func, &data_type), Err(MaskProblem::Form { .. })),
                "{func}"
            );
        };
        for func in [
            "keep",
            "keep()",
            "keep(4)",
            "keep(0, left)",
            "keep(4, middle)",
            "keep(4, left, 0)",
            "keep(-1, left)",
            "keep(+4, left)",
            "keep(, left)",
            "keep(1001, left)",
            "keep(4, left, 4, 4)",
            "keep(4, left",
            "mask-alphanum()",
            "hmac-sha-256('key')",
            "constant",
            "constant()",
            "constant(1, 2)",
            "constant(region)",
        ] {
            form(func, DataType::Utf8);
        }
        for func in ["bucket", "bucket()", "bucket('7')", "bucket(1, 2)", "bucket(x)"] {
            form(func, DataType::Int64);
        }
        for (func, data_type) in [
            ("bucket(0)", DataType::Int64),
            ("bucket(-5)", DataType::Int64),
            ("bucket(0.5)", DataType::Int64),
            ("bucket(200)", DataType::Int8),
            ("bucket(0.1)", DataType::Float64),
            ("bucket(0.5)", DataType::Date32),
            ("constant(1)", DataType::Utf8),
            ("constant('a')", DataType::Int64),
            ("constant(1.234)", DataType::Decimal128(5, 2)),
            ("constant('2020-13-01')", DataType::Date32),
        ] {
            assert!(
                matches!(check(func, &data_type), Err(MaskProblem::Value { .. })),
                "{func} {data_type}"
            );
        }
        for (func, data_type) in [("bucket(5)", DataType::Utf8), ("constant('a')", DataType::Binary)] {
            assert!(
                matches!(check(func, &data_type), Err(MaskProblem::Type { .. })),
                "{func} {data_type}"
            );
        }
        for (func, told) in [
            ("show-first-4", true),
            ("show-last-4", true),
            ("sha-256-global", true),
            ("keep(4, left)", false),
        ] {
            assert_eq!(check(func, &DataType::Utf8).unwrap().lint().is_some(), told, "{func}");
        }
        assert_eq!(check_domain("hmac-sha-256", &"x".repeat(MAX_DOMAIN)), Ok(()));
        assert_eq!(
            check_domain("hmac-sha-256", &"x".repeat(MAX_DOMAIN + 1)),
            Err(MaskProblem::Domain)
        );
        assert_eq!(check_domain("sha-256-query-local", "a\nb"), Err(MaskProblem::Domain));
        assert_eq!(check_domain("hmac-sha-256", "ssn"), Ok(()));
        assert_eq!(check_domain("hmac-sha-256", ""), Err(MaskProblem::Domain));
        assert!(matches!(
            check_domain("sha-256-global", "ssn"),
            Err(MaskProblem::NoDomain { .. })
        ));
    }
}
