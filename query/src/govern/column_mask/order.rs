//! Which of two masks shows more? Known where what one shows can be computed from what the other shows.
//!
//! The rank of a mask is its order of revealing (governance.md §1, P5): of two granted masks the lower rank applies, so a lower rank
//! that shows less would hide what its reader may see by the other one alone.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use super::{Mask, check};
use crate::functions::mask::Keep;

/// A mask as it is declared: its function and its hash domain.
pub type Declared<'a> = (&'a str, Option<&'a str>);

/// Whether a mask of a lower rank is known to show less than one of a higher rank, over a column of this type. Functions that do
/// not fit the type are told elsewhere.
#[must_use]
pub fn is_inverted(lower: Declared<'_>, higher: Declared<'_>, data_type: &DataType) -> bool {
    let read = |(func, domain): Declared<'_>| Some((check(func, data_type).ok()?, domain.map(str::to_owned)));
    let (Some(lower), Some(higher)) = (read(lower), read(higher)) else {
        return false;
    };
    follows(&lower, &higher) && !follows(&higher, &lower)
}

type Ranked = (Mask, Option<String>);

/// Whether all that `one` shows follows from what `other` shows. For hashes: whoever can tell values apart, or guess them, by the
/// first can by the second.
fn follows((one, one_domain): &Ranked, (other, other_domain): &Ranked) -> bool {
    match (one, other) {
        (Mask::Constant(_) | Mask::Fixed | Mask::Null, _) => true,
        (Mask::Alphanum, Mask::Alphanum | Mask::Keep(_) | Mask::ShowFirst4 | Mask::ShowLast4) => true,
        (Mask::Keep(one), Mask::Keep(other)) => keeps_less(*one, *other),
        (Mask::Keep(keep), Mask::ShowFirst4) => keep.is_left() && keep.shown <= 4,
        (Mask::Keep(keep), Mask::ShowLast4) => !keep.is_left() && keep.shown <= 4,
        (Mask::Bucket(one), Mask::Bucket(other)) => is_multiple(one, other),
        (Mask::TruncateToYear, Mask::TruncateToMonth) => true,
        (Mask::Sha256QueryLocal | Mask::HmacSha256, Mask::Sha256Global) => true,
        (Mask::Sha256QueryLocal, Mask::HmacSha256) => one_domain.is_none() || one_domain == other_domain,
        _ => one == other && (one_domain.is_none() || one_domain == other_domain),
    }
}

/// Where the first shows characters, the second shows these too.
fn keeps_less(one: Keep, other: Keep) -> bool {
    one.is_left() == other.is_left()
        && one.shown <= other.shown
        && one.hidden >= other.hidden + (other.shown - one.shown)
}

/// Every bucket of the first is made of whole buckets of the second.
fn is_multiple(one: &ScalarValue, other: &ScalarValue) -> bool {
    let whole = |value: &ScalarValue| match value {
        ScalarValue::Decimal128(Some(value), ..) => Some(*value),
        _ => match value.cast_to(&DataType::Int64).ok()? {
            ScalarValue::Int64(Some(whole)) if !value.data_type().is_floating() => Some(i128::from(whole)),
            _ => None,
        },
    };
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => other > 0 && one % other == 0,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Arc};

    use arrow::array::{Array, ArrayRef, Date32Array, Float64Array, Int32Array, StringArray};

    use super::*;
    use crate::functions::mask::{MaskFunction, MaskSecret};

    fn ranked(func: &str, data_type: &DataType) -> Ranked {
        (
            check(func, data_type).unwrap_or_else(|error| panic!("{func}: {error}")),
            None,
        )
    }

    fn masked(mask: &Mask, array: &ArrayRef) -> Vec<String> {
        let function = match mask.clone() {
            Mask::Alphanum => MaskFunction::Alphanum,
            Mask::Bucket(width) => MaskFunction::Bucket(width),
            Mask::Constant(value) => MaskFunction::Constant(value),
            Mask::Fixed => MaskFunction::Fixed,
            Mask::HmacSha256 => MaskFunction::HmacSha256(MaskSecret::new([1; 32]).of_domain("d")),
            Mask::Keep(keep) => MaskFunction::Keep(keep),
            Mask::Null => MaskFunction::Null,
            Mask::Sha256Global => MaskFunction::Sha256Global,
            Mask::Sha256QueryLocal => MaskFunction::Sha256Local(MaskSecret::new([2; 32]).of_domain("d")),
            Mask::ShowFirst4 => MaskFunction::ShowFirst4,
            Mask::ShowLast4 => MaskFunction::ShowLast4,
            Mask::TruncateToMonth => MaskFunction::TruncateToMonth,
            Mask::TruncateToYear => MaskFunction::TruncateToYear,
        };
        let array = function.apply(array).unwrap();
        (0..array.len())
            .map(|row| ScalarValue::try_from_array(&array, row).unwrap().to_string())
            .collect()
    }

    /// What is said to follow does follow: values that the second mask shows alike are shown alike by the first.
    fn check_all(functions: &[&str], array: &ArrayRef) -> usize {
        let masks: Vec<Ranked> = functions.iter().map(|func| ranked(func, array.data_type())).collect();
        let shown: Vec<Vec<String>> = masks.iter().map(|(mask, _)| masked(mask, array)).collect();
        let mut known = 0;
        for (one, first) in masks.iter().zip(&shown) {
            for (other, second) in masks.iter().zip(&shown) {
                if !follows(one, other) {
                    continue;
                }
                known += 1;
                let mut seen: HashMap<&str, &str> = HashMap::new();
                for (value, shown) in second.iter().zip(first) {
                    let before = *seen.entry(value).or_insert(shown);
                    assert_eq!(before, shown, "{one:?} does not follow from {other:?}: `{value}`");
                }
            }
        }
        known
    }

    #[test]
    fn what_follows_is_a_function_of_the_other() {
        let pieces = ["", "a", "7", "-", "ä", "n", "x", "12"];
        let mut texts: Vec<String> = vec![String::new()];
        for _ in 0..4 {
            let longer = texts
                .iter()
                .flat_map(|text| pieces.iter().map(move |piece| format!("{text}{piece}")));
            texts = longer.collect();
        }
        texts.sort();
        texts.dedup();
        let texts: ArrayRef = Arc::new(StringArray::from(texts));
        let keeps: Vec<String> = (1..6)
            .flat_map(|shown| {
                ["left", "right"]
                    .into_iter()
                    .flat_map(move |side| (1..6).map(move |hidden| format!("keep({shown}, {side}, {hidden})")))
            })
            .collect();
        let mut functions = vec![
            "constant('n/a')",
            "hmac-sha-256",
            "mask-alphanum",
            "mask-to-fixed-value",
            "replace-with-null",
            "sha-256-global",
            "sha-256-query-local",
            "show-first-4",
            "show-last-4",
        ];
        functions.extend(keeps.iter().map(String::as_str));
        assert!(check_all(&functions, &texts) > 500);
        let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values((-200..200).chain([
            i32::MIN,
            i32::MIN + 1,
            i32::MIN + 7,
            i32::MAX,
            i32::MAX - 1,
        ])));
        let buckets = [
            "bucket(1)",
            "bucket(2)",
            "bucket(3)",
            "bucket(6)",
            "bucket(12)",
            "bucket(100)",
            "constant(0)",
        ];
        assert!(check_all(&buckets, &numbers) > 15);
        let floats: ArrayRef = Arc::new(Float64Array::from_iter_values((-80..80).map(|at| f64::from(at) / 4.0)));
        assert_eq!(check_all(&["bucket(0.75)", "bucket(1)", "bucket(2.5)"], &floats), 3);
        let dates: ArrayRef = Arc::new(Date32Array::from_iter_values((-800..800).chain([i32::MIN, i32::MAX])));
        assert!(
            check_all(
                &["truncate-to-month", "truncate-to-year", "bucket(7)", "bucket(14)"],
                &dates
            ) > 5
        );
    }

    #[test]
    fn a_lower_rank_shows_no_less() {
        let inverted = |lower, higher| is_inverted((lower, None), (higher, None), &DataType::Utf8);
        for (lower, higher) in [
            ("mask-to-fixed-value", "show-last-4"),
            ("replace-with-null", "mask-alphanum"),
            ("constant('x')", "hmac-sha-256"),
            ("mask-alphanum", "show-first-4"),
            ("mask-alphanum", "keep(2, left)"),
            ("keep(4, right)", "show-last-4"),
            ("keep(4, left)", "show-first-4"),
            ("keep(2, left, 1)", "show-first-4"),
            ("keep(2, right, 6)", "keep(4, right)"),
            ("sha-256-query-local", "hmac-sha-256"),
            ("hmac-sha-256", "sha-256-global"),
        ] {
            assert!(inverted(lower, higher), "{lower} before {higher}");
            assert!(!inverted(higher, lower), "{higher} before {lower}");
        }
        for (one, other) in [
            ("show-first-4", "show-last-4"),
            ("mask-alphanum", "hmac-sha-256"),
            ("replace-with-null", "mask-to-fixed-value"),
            ("keep(4, left)", "keep(4, right)"),
            ("keep(5, right)", "show-last-4"),
            ("keep(5, left)", "show-first-4"),
            ("keep(4, right)", "show-first-4"),
            ("keep(4, left)", "show-last-4"),
            ("keep(2, right, 4)", "keep(4, right, 4)"),
            ("show-last-4", "show-last-4"),
            ("no-mask", "show-last-4"),
        ] {
            assert!(!inverted(one, other) && !inverted(other, one), "{one} and {other}");
        }
        let hmac = |domain| ("hmac-sha-256", domain);
        let local = |domain| ("sha-256-query-local", domain);
        assert!(is_inverted(hmac(None), hmac(Some("people")), &DataType::Utf8));
        assert!(is_inverted(
            local(Some("people")),
            hmac(Some("people")),
            &DataType::Utf8
        ));
        assert!(!is_inverted(local(Some("people")), hmac(None), &DataType::Utf8));
        let numbers = |lower, higher| is_inverted((lower, None), (higher, None), &DataType::Decimal128(12, 2));
        assert!(numbers("bucket(100)", "bucket(2.5)") && !numbers("bucket(2.5)", "bucket(100)"));
        assert!(!numbers("bucket(7)", "bucket(2.5)"));
    }
}
