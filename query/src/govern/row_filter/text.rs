//! How do text functions of filter bodies compute? By code point, in any Arrow text type.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Int64Array, LargeStringArray, StringArray, StringViewArray,
        new_null_array,
    },
    datatypes::{DataType, Int64Type},
};
use datafusion::error::Result;

/// The values as text; all NULL if the array holds something else.
pub(crate) fn texts(array: &ArrayRef) -> Vec<Option<&str>> {
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().collect(),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().collect(),
        DataType::Utf8View => array.as_string_view().iter().collect(),
        _ => vec![None; array.len()],
    }
}

/// Text in the given Arrow text type.
pub(crate) fn text_array(values: impl Iterator<Item = Option<String>>, data_type: &DataType) -> ArrayRef {
    match data_type {
        DataType::LargeUtf8 => Arc::new(values.collect::<LargeStringArray>()),
        DataType::Utf8View => Arc::new(values.collect::<StringViewArray>()),
        _ => Arc::new(values.collect::<StringArray>()),
    }
}

pub(super) fn mapped(array: &ArrayRef, map: impl Fn(&str) -> String) -> Result<ArrayRef> {
    Ok(text_array(
        texts(array).into_iter().map(|value| value.map(&map)),
        array.data_type(),
    ))
}

pub(super) fn length(array: &ArrayRef) -> Result<ArrayRef> {
    let lengths = texts(array)
        .into_iter()
        .map(|value| value.and_then(|value| i64::try_from(value.chars().count()).ok()));
    Ok(Arc::new(lengths.collect::<Int64Array>()))
}

pub(super) fn starts_with(array: &ArrayRef, prefix: &ArrayRef) -> Result<ArrayRef> {
    let pairs = texts(array).into_iter().zip(texts(prefix));
    Ok(Arc::new(
        pairs
            .map(|(value, prefix)| Some(value?.starts_with(prefix?)))
            .collect::<BooleanArray>(),
    ))
}

/// The code points at the positions `start` to `start + length - 1`, counted from 1; positions before the first are empty.
pub(super) fn substr(array: &ArrayRef, start: &ArrayRef, length: Option<&ArrayRef>) -> Result<ArrayRef> {
    let (Some(start), length) = (
        start.as_primitive_opt::<Int64Type>(),
        length.and_then(|length| length.as_primitive_opt::<Int64Type>()),
    ) else {
        return Ok(new_null_array(array.data_type(), array.len()));
    };
    let values = texts(array).into_iter().enumerate().map(|(row, value)| {
        let (value, start) = (value?, start.is_valid(row).then(|| start.value(row))?);
        let end = match length {
            None => i64::MAX,
            Some(length) => start.saturating_add(length.is_valid(row).then(|| length.value(row))?),
        };
        let skip = usize::try_from(start.max(1) - 1).unwrap_or(usize::MAX);
        let take = usize::try_from(end.saturating_sub(start.max(1))).unwrap_or(0);
        Some(value.chars().skip(skip).take(take).collect())
    });
    Ok(text_array(values, array.data_type()))
}

/// Whether each value matches a pattern whose escape is `\`. Linear in the value for each `%`: no regular expressions.
pub(super) fn like(array: &ArrayRef, pattern: &str) -> Result<ArrayRef> {
    let pattern = parts(pattern);
    Ok(Arc::new(
        texts(array)
            .into_iter()
            .map(|value| value.map(|value| matches(value, &pattern)))
            .collect::<BooleanArray>(),
    ))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    One(char),
    AnyOne,
    Any,
}

fn parts(pattern: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        parts.push(match character {
            '\\' => Part::One(characters.next().unwrap_or('\\')),
            '%' => Part::Any,
            '_' => Part::AnyOne,
            character => Part::One(character),
        });
    }
    parts
}

fn matches(value: &str, pattern: &[Part]) -> bool {
    let value: Vec<char> = value.chars().collect();
    let (mut at, mut part) = (0, 0);
    // Where the last `%` stood, and what it has swallowed so far.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(character) = value.get(at) {
        match pattern.get(part) {
            Some(Part::Any) => {
                retry = Some((part + 1, at));
                part += 1;
            }
            Some(Part::AnyOne) => (at, part) = (at + 1, part + 1),
            Some(Part::One(wanted)) if wanted == character => (at, part) = (at + 1, part + 1),
            _ => match retry {
                Some((after, swallowed)) => {
                    retry = Some((after, swallowed + 1));
                    (at, part) = (swallowed + 1, after);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(part).all(|rest| *rest == Part::Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_matches_by_code_point() {
        for (value, pattern, expected) in [
            ("ähm", "_hm", true),
            ("abc", "a%c", true),
            ("abcd", "a%c", false),
            ("a\nb", "a_b", true),
            ("50%", "50\\%", true),
            ("50x", "50\\%", false),
            ("", "%", true),
            ("mississippi", "%iss%ip%", true),
            ("aaa", "%aab", false),
        ] {
            assert_eq!(matches(value, &parts(pattern)), expected, "{value} {pattern}");
        }
    }

    #[test]
    fn substr_is_total() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["äbc"; 5]));
        let start: ArrayRef = Arc::new(Int64Array::from(vec![1, 0, 2, i64::MIN, 3]));
        let length: ArrayRef = Arc::new(Int64Array::from(vec![2, 2, -1, i64::MAX, i64::MAX]));
        let cut = substr(&texts, &start, Some(&length)).unwrap();
        assert_eq!(
            cut.as_string::<i32>().iter().flatten().collect::<Vec<_>>(),
            ["äb", "ä", "", "", "c"]
        );
    }
}
