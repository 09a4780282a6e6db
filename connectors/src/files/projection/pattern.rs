//! How are moments written in the names of folders? By a pattern of Java's DateTimeFormatter, numbers only.

use std::fmt::Write as _;

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};

/// A pattern, taken apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Piece {
    /// A letter of the pattern, and how many digits it has at least.
    Number(char, usize),
    Text(String),
}

impl Pattern {
    /// # Errors
    /// The letters that are not read.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(letter) = rest.next() {
            let piece = match letter {
                '\'' => {
                    let quoted: String = rest.by_ref().take_while(|letter| *letter != '\'').collect();
                    Piece::Text(if quoted.is_empty() { "'".to_owned() } else { quoted })
                }
                letter if letter.is_ascii_alphabetic() => {
                    let mut length = 1;
                    while rest.next_if_eq(&letter).is_some() {
                        length += 1;
                    }
                    match (letter, length) {
                        ('y' | 'u', 1 | 4) | ('M' | 'd' | 'H' | 'm' | 's', 1 | 2) => Piece::Number(letter, length),
                        _ => return Err(letter.to_string().repeat(length)),
                    }
                }
                other => Piece::Text(other.to_string()),
            };
            pieces.push(piece);
        }
        Ok(Self(pieces))
    }

    /// The smallest unit that the pattern shows, as its letter.
    pub(super) fn finest(&self) -> Option<char> {
        let has = |letter: &char| {
            self.0
                .iter()
                .any(|piece| matches!(piece, Piece::Number(found, _) if found == letter))
        };
        ['s', 'm', 'H', 'd', 'M', 'y', 'u'].into_iter().find(has)
    }

    pub(super) fn write(&self, moment: NaiveDateTime) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Number(letter, digits) => {
                    let number = match letter {
                        'M' => moment.month(),
                        'd' => moment.day(),
                        'H' => moment.hour(),
                        'm' => moment.minute(),
                        's' => moment.second(),
                        _ => moment.year().unsigned_abs(),
                    };
                    let _ = write!(text, "{number:0digits$}");
                }
            }
        }
        text
    }

    /// The first moment that is written so; `None`: none is.
    pub(super) fn read(&self, mut text: &str) -> Option<NaiveDateTime> {
        let (mut year, mut month, mut day, mut time) = (1970, 1, 1, [0; 3]);
        let adjacent = |at: usize| matches!(self.0.get(at + 1), Some(Piece::Number(..)));
        for (at, piece) in self.0.iter().enumerate() {
            match piece {
                Piece::Text(piece) => text = text.strip_prefix(piece.as_str())?,
                Piece::Number(letter, digits) => {
                    let most = text.bytes().take_while(u8::is_ascii_digit).count();
                    let length = if adjacent(at) { *digits } else { most };
                    let number: u32 = text.get(..length).filter(|_| length >= *digits)?.parse().ok()?;
                    text = text.get(length..)?;
                    let place = match letter {
                        'M' => &mut month,
                        'd' => &mut day,
                        'H' => time.first_mut()?,
                        'm' => time.get_mut(1)?,
                        's' => time.get_mut(2)?,
                        _ => &mut year,
                    };
                    *place = number;
                }
            }
        }
        let [hour, minute, second] = time;
        let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
        date.and_hms_opt(hour, minute, second).filter(|_| text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_written_and_read_by_their_pattern() {
        for (pattern, text, finest) in [
            ("yyyy/MM/dd", "2024/02/29", 'd'),
            ("yyyyMMdd", "20240229", 'd'),
            ("yyyy-MM-dd'T'HH", "2024-02-29T05", 'H'),
            ("yyyy", "2024", 'y'),
            ("M-yyyy", "12-2024", 'M'),
        ] {
            let parsed = Pattern::parse(pattern).expect(pattern);
            let moment = parsed.read(text).expect(text);
            assert_eq!((parsed.write(moment).as_str(), parsed.finest()), (text, Some(finest)));
        }
        let day = Pattern::parse("yyyy-MM-dd").expect("pattern");
        for text in ["2024-02-30", "2024-1-01", "2024-01-01x", "x", ""] {
            assert_eq!(day.read(text), None, "{text}");
        }
        for pattern in ["MMM yyyy", "yyyy-DDD", "YYYY", "hh a"] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
