//! Where do the words of a Cedar text begin and end?
//!
//! Cedar's own token rules (`cedar-policy-core`, `parser/grammar.lalrpop`), because its syntax tree keeps no position of
//! an entity literal. This is not a parser: whether the words make sense is Cedar's to say.

use crate::problem::PolicyProblem;

/// What kind of word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or keyword.
    Name,
    /// A string literal, quotes included.
    Text,
    /// `::`
    Path,
    /// `?principal` and its like.
    Slot,
    /// Digits.
    Number,
    /// Anything else, one character.
    Sign(char),
}

/// A word and the byte offset of its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

impl Word<'_> {
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    pub(crate) fn is(&self, sign: char) -> bool {
        self.kind == Kind::Sign(sign)
    }
}

/// The words of a text, without white space and comments.
pub(crate) fn words(text: &str) -> Result<Vec<Word<'_>>, PolicyProblem> {
    let mut words = Vec::new();
    let mut start = 0;
    while let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
        let (kind, length) = match first(rest) {
            First::Skip(length) => {
                start += length;
                continue;
            }
            First::Word(kind, length) => (kind, length),
            First::OpenString => {
                let problem = PolicyProblem::new("the string literal is not closed", "close it with a double quote");
                return Err(problem.at(text, start));
            }
        };
        words.extend(rest.get(..length).map(|text| Word { kind, text, start }));
        start += length;
    }
    Ok(words)
}

/// Line and column, both from 1, of a byte offset; columns count characters.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let mut before = offset.min(text.len());
    while !text.is_char_boundary(before) {
        before -= 1;
    }
    let before = text.get(..before).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    (line, before.get(line_start..).unwrap_or("").chars().count() + 1)
}

/// The value of a string literal (quotes included), by Cedar's escapes.
pub(crate) fn unescape(literal: &str) -> Option<String> {
    let mut chars = literal.strip_prefix('"')?.strip_suffix('"')?.chars();
    let mut value = String::new();
    while let Some(c) = chars.next() {
        if c != '\\' {
            value.push(c);
            continue;
        }
        value.push(match chars.next()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '0' => '\0',
            same @ ('\\' | '\'' | '"') => same,
            'x' => {
                let digits: String = chars.by_ref().take(2).collect();
                char::from(u8::from_str_radix(&digits, 16).ok().filter(u8::is_ascii)?)
            }
            'u' => {
                let digits: String = chars
                    .by_ref()
                    .skip_while(|c| *c == '{')
                    .take_while(|c| *c != '}')
                    .collect();
                char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
            }
            _ => return None,
        });
    }
    Some(value)
}

enum First {
    Skip(usize),
    Word(Kind, usize),
    OpenString,
}

fn first(rest: &str) -> First {
    let name = |text: &str| {
        text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(text.len())
    };
    let Some(c) = rest.chars().next() else {
        return First::Skip(0);
    };
    match c {
        c if c.is_whitespace() => First::Skip(c.len_utf8()),
        '/' if rest.starts_with("//") => First::Skip(rest.find(['\n', '\r']).unwrap_or(rest.len())),
        ':' if rest.starts_with("::") => First::Word(Kind::Path, 2),
        '"' => string_length(rest).map_or(First::OpenString, |length| First::Word(Kind::Text, length)),
        '0'..='9' => First::Word(Kind::Number, name(rest)),
        'a'..='z' | 'A'..='Z' | '_' => First::Word(Kind::Name, name(rest)),
        '?' => First::Word(Kind::Slot, 1 + rest.get(1..).map_or(0, name)),
        sign => First::Word(Kind::Sign(sign), sign.len_utf8()),
    }
}

fn string_length(rest: &str) -> Option<usize> {
    let mut escaped = false;
    rest.char_indices().skip(1).find_map(|(at, c)| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(at + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_comments_hide_what_they_hold() {
        let text = "a::B::\"x\\\"; // no\" // Lakegate::Table::\"t\" ;\n&& ?principal 12 ;";
        let found: Vec<&str> = words(text).unwrap().iter().map(|word| word.text).collect();
        assert_eq!(
            found,
            [
                "a",
                "::",
                "B",
                "::",
                "\"x\\\"; // no\"",
                "&",
                "&",
                "?principal",
                "12",
                ";"
            ]
        );
    }

    #[test]
    fn an_open_string_is_a_problem_with_a_position() {
        let problem = words("permit(\n  \"x").unwrap_err();
        assert_eq!((problem.line, problem.column), (Some(2), Some(3)));
    }

    #[test]
    fn positions_count_characters() {
        assert_eq!(position("ä\nöü x", 8), (2, 4));
        assert_eq!(position("", 9), (1, 1));
    }

    #[test]
    fn escapes_are_those_of_cedar() {
        assert_eq!(unescape(r#""a\"b\\\n\x41\u{e4}""#).unwrap(), "a\"b\\\nAä");
        assert_eq!(unescape(r#""\q""#), None);
        assert_eq!(unescape(r#""\xff""#), None);
    }
}
