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

/// At which end a mask leaves characters.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Side {
    Left,
    Right,
}

/// Shows some code points at one end of values that keep enough others hidden.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Keep {
    pub shown: usize,
    pub side: Side,
    /// Least number of code points that are replaced; a value with fewer shows none.
    pub hidden: usize,
}

impl Keep {
    /// It shows the beginning of a value.
    pub(crate) fn is_left(self) -> bool {
        self.side == Side::Left
    }
}

pub(super) fn keep(array: &ArrayRef, keep: Keep) -> Result<ArrayRef> {
    mapped(array, |value| kept(value, keep))
}

fn kept(value: &str, keep: Keep) -> String {
    let length = value.chars().count();
    let shows = |at: usize| match keep.side {
        Side::Left => at < keep.shown,
        Side::Right => at >= length.saturating_sub(keep.shown),
    };
    // Punctuation that stays hides nothing.
    let replaced = value.chars().enumerate().filter(|(at, c)| !shows(*at) && !stays(*c));
    let enough = replaced.count() >= keep.hidden;
    value
        .chars()
        .enumerate()
        .map(|(at, c)| if enough && shows(at) { c } else { masked(c) })
        .collect()
}

fn mapped(array: &ArrayRef, map: impl Fn(&str) -> String) -> Result<ArrayRef> {
    Ok(text_array(
        texts(array).into_iter().map(|value| value.map(&map)),
        array.data_type(),
    ))
}

fn masked(character: char) -> char {
    match character {
        kept if stays(kept) => kept,
        // Digits of every script: an Arabic-Indic digit is a digit too.
        digit if digit.is_numeric() => 'n',
        _ => 'x',
    }
}

fn stays(character: char) -> bool {
    matches!(character, '(' | ')' | ',' | '.' | '-' | '@')
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

    #[test]
    fn keep_shows_nothing_of_what_is_too_short() {
        let keep = |side, hidden| Keep { shown: 4, side, hidden };
        for (value, side, hidden, expected) in [
            ("111-22-3333", Side::Right, 4, "nnn-nn-3333"),
            ("111-22-3333", Side::Left, 4, "111-nn-nnnn"),
            ("12345678", Side::Right, 4, "nnnn5678"),
            ("1234567", Side::Right, 4, "nnnnnnn"),
            ("3333", Side::Right, 4, "nnnn"),
            ("", Side::Right, 4, ""),
            // What stays of a short value is punctuation only.
            ("----3333", Side::Right, 4, "----nnnn"),
            ("äöüß-3333", Side::Right, 4, "xxxx-3333"),
            ("äöü3333", Side::Left, 1, "äöü3nnn"),
            ("a3333", Side::Right, 1, "x3333"),
        ] {
            assert_eq!(kept(value, keep(side, hidden)), expected, "{value} {side:?} {hidden}");
        }
    }
}
