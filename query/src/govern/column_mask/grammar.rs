//! How is a mask function written? A name, perhaps with arguments in parentheses: `keep(4, right)`, `bucket(100)`.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use super::{Mask, MaskProblem};
use crate::{
    functions::mask::{Keep, Side},
    govern::row_filter::constant,
};

/// Hidden characters that `keep` demands if nothing is said.
const HIDDEN: usize = 4;
/// Most characters that an argument of `keep` names.
const MOST: usize = 1_000;

/// Reads a function; its literals become values of `data_type`.
pub(super) fn read(func: &str, data_type: &DataType) -> Result<Mask, MaskProblem> {
    let (name, arguments) = match func.split_once('(') {
        None => (func, None),
        Some((name, rest)) => (name, Some(rest.strip_suffix(')').ok_or_else(|| form(func, name)))),
    };
    let plain = match name {
        "bucket" | "constant" | "keep" => {
            let arguments = arguments.unwrap_or_else(|| Err(form(func, name)))?;
            return match name {
                "bucket" => bucket(func, arguments, data_type),
                "constant" => value(func, name, arguments, data_type).map(Mask::Constant),
                _ => keep(arguments).map(Mask::Keep).ok_or_else(|| form(func, name)),
            };
        }
        "hmac-sha-256" => Mask::HmacSha256,
        "mask-alphanum" => Mask::Alphanum,
        "mask-to-fixed-value" => Mask::Fixed,
        "replace-with-null" => Mask::Null,
        "sha-256-global" => Mask::Sha256Global,
        "sha-256-query-local" => Mask::Sha256QueryLocal,
        "show-first-4" => Mask::ShowFirst4,
        "show-last-4" => Mask::ShowLast4,
        "truncate-to-month" => Mask::TruncateToMonth,
        "truncate-to-year" => Mask::TruncateToYear,
        _ => return Err(MaskProblem::Unknown(func.to_owned())),
    };
    match arguments {
        None => Ok(plain),
        Some(_) => Err(form(func, name)),
    }
}

fn form(func: &str, name: &str) -> MaskProblem {
    match Mask::FORMS.iter().find(|(known, _)| *known == name) {
        Some((_, form)) => MaskProblem::Form {
            func: func.to_owned(),
            form,
        },
        None => MaskProblem::Unknown(func.to_owned()),
    }
}

/// `N, left|right [, HIDDEN]`.
fn keep(arguments: &str) -> Option<Keep> {
    let parts: Vec<&str> = arguments.split(',').map(str::trim).collect();
    let (shown, side, hidden) = match parts.as_slice() {
        [shown, side] => (number(shown)?, side, HIDDEN),
        [shown, side, hidden] => (number(shown)?, side, number(hidden)?),
        _ => return None,
    };
    let side = match *side {
        "left" => Side::Left,
        "right" => Side::Right,
        _ => return None,
    };
    Some(Keep { shown, side, hidden })
}

fn number(text: &str) -> Option<usize> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits)?;
    (1..=MOST).contains(&number).then_some(number)
}

fn bucket(func: &str, arguments: &str, data_type: &DataType) -> Result<Mask, MaskProblem> {
    let of = match data_type {
        DataType::Date32 => &DataType::Int32,
        DataType::Float32 | DataType::Float64 | DataType::Decimal128(..) => data_type,
        whole if whole.is_integer() => whole,
        other => return Err(unfit(func, other)),
    };
    if arguments.trim().starts_with(['\'', '"']) {
        return Err(form(func, "bucket"));
    }
    let width = value(func, "bucket", arguments, of)?;
    let zero = ScalarValue::new_zero(of).map_err(|_| unfit(func, data_type))?;
    // Not `<=`: what cannot be compared is no width.
    if width.partial_cmp(&zero) != Some(std::cmp::Ordering::Greater) {
        return Err(MaskProblem::Value {
            func: func.to_owned(),
            why: "the width must be above 0".to_owned(),
        });
    }
    Ok(Mask::Bucket(width))
}

/// The one literal among the arguments, in a type.
fn value(func: &str, name: &str, arguments: &str, data_type: &DataType) -> Result<ScalarValue, MaskProblem> {
    if !constant::has_literals(data_type) {
        return Err(unfit(func, data_type));
    }
    let literal = constant::literal(arguments).ok_or_else(|| form(func, name))?;
    literal.of_type(data_type).map_err(|why| MaskProblem::Value {
        func: func.to_owned(),
        why,
    })
}

fn unfit(func: &str, data_type: &DataType) -> MaskProblem {
    MaskProblem::Type {
        func: func.to_owned(),
        data_type: data_type.clone(),
    }
}
