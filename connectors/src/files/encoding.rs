//! In which characters is a text file written? What is not UTF-8 becomes UTF-8, a piece at a time.

use super::compression::Sink;
use crate::error::Result;

/// How the characters of text files are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Encoding {
    #[default]
    Utf8,
    /// ISO 8859-1.
    Latin1,
    /// By the byte order mark, and big-endian without one (RFC 2781).
    Utf16,
    Utf16Be,
    Utf16Le,
    Windows1252,
}

/// Stands for what is no character: no UTF-8 text has this byte, so that the value fails where it is shown and nowhere else.
const NO_CHARACTER: u8 = 0xff;

/// Windows-1252 from 0x80 to 0x9f; five places have no character.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

impl Encoding {
    /// The encoding of a name, in any case; `None`: it is not known.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_lowercase().replace('_', "-").as_str() {
            "utf-8" | "utf8" | "us-ascii" | "ascii" => Self::Utf8,
            "iso-8859-1" | "iso8859-1" | "latin1" | "latin-1" => Self::Latin1,
            "utf-16" | "utf16" => Self::Utf16,
            "utf-16be" => Self::Utf16Be,
            "utf-16le" => Self::Utf16Le,
            "windows-1252" | "cp1252" => Self::Windows1252,
            _ => return None,
        })
    }
}

/// Text of one file on its way to UTF-8.
#[derive(Debug)]
pub(crate) struct Transcode {
    encoding: Encoding,
    /// Half of a unit.
    odd: Option<u8>,
    /// The first half of a pair of surrogates.
    high: Option<u16>,
    out: Vec<u8>,
}

impl Transcode {
    pub(crate) fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            odd: None,
            high: None,
            out: Vec::new(),
        }
    }

    /// Hands on these bytes as UTF-8.
    pub(crate) fn push(&mut self, text: &[u8], to: &mut Sink<'_>) -> Result<()> {
        match self.encoding {
            Encoding::Utf8 => return to(text),
            Encoding::Latin1 => text.iter().for_each(|byte| self.character(char::from(*byte))),
            Encoding::Windows1252 => text.iter().for_each(|byte| {
                let place = byte.checked_sub(0x80).and_then(|place| WINDOWS.get(usize::from(place)));
                self.character(place.copied().unwrap_or(char::from(*byte)));
            }),
            Encoding::Utf16 | Encoding::Utf16Be | Encoding::Utf16Le => text.iter().for_each(|byte| self.byte(*byte)),
        }
        self.hand_on(to)
    }

    /// Hands on what is left: half a character is none.
    pub(crate) fn finish(&mut self, to: &mut Sink<'_>) -> Result<()> {
        if self.odd.take().is_some() || self.high.take().is_some() {
            self.out.push(NO_CHARACTER);
        }
        self.hand_on(to)
    }

    fn hand_on(&mut self, to: &mut Sink<'_>) -> Result<()> {
        let out = std::mem::take(&mut self.out);
        if out.is_empty() { Ok(()) } else { to(&out) }
    }

    fn character(&mut self, character: char) {
        let mut bytes = [0; 4];
        self.out.extend_from_slice(character.encode_utf8(&mut bytes).as_bytes());
    }

    fn byte(&mut self, byte: u8) {
        let Some(first) = self.odd.take() else {
            self.odd = Some(byte);
            return;
        };
        let unit = match self.encoding {
            Encoding::Utf16Le => u16::from_le_bytes([first, byte]),
            _ => u16::from_be_bytes([first, byte]),
        };
        if self.encoding == Encoding::Utf16 {
            // The first unit: the mark, or text without one.
            self.encoding = if unit == 0xfffe {
                Encoding::Utf16Le
            } else {
                Encoding::Utf16Be
            };
            if matches!(unit, 0xfffe | 0xfeff) {
                return;
            }
        }
        self.unit(unit);
    }

    fn unit(&mut self, unit: u16) {
        let high = self.high.take();
        match (high, unit) {
            (Some(high), 0xdc00..=0xdfff) => {
                let code = 0x1_0000 + ((u32::from(high) & 0x3ff) << 10 | u32::from(unit) & 0x3ff);
                self.character(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            (high, unit) => {
                if high.is_some() {
                    self.out.push(NO_CHARACTER);
                }
                match (unit, char::from_u32(u32::from(unit))) {
                    (0xd800..=0xdbff, _) => self.high = Some(unit),
                    (_, Some(character)) => self.character(character),
                    (_, None) => self.out.push(NO_CHARACTER),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(encoding: &str, text: &[u8]) -> Vec<u8> {
        let mut found = Vec::new();
        let mut keep = |part: &[u8]| {
            found.extend_from_slice(part);
            Ok(())
        };
        let mut transcode = Transcode::new(Encoding::named(encoding).expect("known"));
        for byte in text {
            transcode.push(std::slice::from_ref(byte), &mut keep).expect("push");
        }
        transcode.finish(&mut keep).expect("finish");
        found
    }

    #[test]
    fn characters_are_those_that_were_written() {
        assert_eq!(read("latin1", b"S\xe3o \x80"), "São \u{80}".as_bytes());
        assert_eq!(read("Windows-1252", b"\x80 S\xe3o\xff"), "€ Sãoÿ".as_bytes());
        let text = "a,é,😀\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(read("utf-16le", &little), text.as_bytes());
        assert_eq!(read("utf-16be", &big), text.as_bytes());
        assert_eq!(read("utf-16", &big), text.as_bytes());
        assert_eq!(read("utf-16", &[b"\xff\xfe", &little[..]].concat()), text.as_bytes());
        assert_eq!(read("utf-16", &[b"\xfe\xff", &big[..]].concat()), text.as_bytes());
        assert_eq!(read("UTF8", b"\xff\xc3"), b"\xff\xc3");
        assert_eq!(Encoding::named("ebcdic"), None);
    }

    #[test]
    fn what_is_no_character_is_no_text() {
        for broken in [&b"\0a\xd8\x00\0b"[..], b"\0a\xdc\x00\0b", b"\0a\xd8\x00", b"\0a\0"] {
            assert!(String::from_utf8(read("utf-16be", broken)).is_err(), "{broken:?}");
        }
        assert_eq!(read("utf-16be", b"\0a\xd8\x00\0b"), b"a\xffb");
    }
}
