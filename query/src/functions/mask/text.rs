//! Which characters of a text stay? Digits become `n`, `( ) , . - @` stay, any other code point becomes `x`.

use arrow::array::{Array, ArrayRef};
use datafusion::error::Result;

use crate::govern::row_filter::{text_array, texts};

/// Code points that `show-first-4` and `show-last-4` leave.
const SHOWN: usize = 4;

pub(super) fn alphanum(array: &ArrayRef) -> Result<ArrayRef> {
    mapped(array, |value| value.chars().map(masked).collect())
}

pub(super) fn show_first_4(array: &ArrayRef) -> Result<ArrayRef> {
    mapped(array, |value| {
        value
            .chars()
            .enumerate()
            .map(|(at, c)| if at < SHOWN { c } else { masked(c) })
            .collect()
    })
}

pub(super) fn show_last_4(array: &ArrayRef) -> Result<ArrayRef> {
    mapped(array, |value| {
        let hidden = value.chars().count().saturating_sub(SHOWN);
        value
            .chars()
            .enumerate()
            .map(|(at, c)| if at >= hidden { c } else { masked(c) })
            .collect()
    })
}

fn mapped(array: &ArrayRef, map: impl Fn(&str) -> String) -> Result<ArrayRef> {
    Ok(text_array(
        texts(array).into_iter().map(|value| value.map(&map)),
        array.data_type(),
    ))
}

fn masked(character: char) -> char {
    match character {
        '(' | ')' | ',' | '.' | '-' | '@' => character,
        // Digits of every script: an Arabic-Indic digit is a digit too.
        digit if digit.is_numeric() => 'n',
        _ => 'x',
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, StringArray, StringViewArray};

    use super::*;

    #[test]
    fn shows_what_iceberg_shows() {
        let array: ArrayRef = Arc::new(StringArray::from(vec![
            Some("111-22-3333"),
            Some("abc"),
            Some("äö7ü8ß"),
            None,
        ]));
        let cells = |masked: ArrayRef| {
            masked
                .as_string::<i32>()
                .iter()
                .map(|cell| cell.map(str::to_owned))
                .collect::<Vec<_>>()
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            cells(show_last_4(&array).unwrap()),
            [some("nnn-nn-3333"), some("abc"), some("xx7ü8ß"), None]
        );
        assert_eq!(
            cells(show_first_4(&array).unwrap()),
            [some("111-nn-nnnn"), some("abc"), some("äö7ünx"), None]
        );
        assert_eq!(
            cells(alphanum(&array).unwrap()),
            [some("nnn-nn-nnnn"), some("xxx"), some("xxnxnx"), None]
        );
        let views: ArrayRef = Arc::new(StringViewArray::from(vec!["(a) 1@b.c"]));
        assert_eq!(alphanum(&views).unwrap().as_string_view().value(0), "(x)xn@x.x");
    }
}
