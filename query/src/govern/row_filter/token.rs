//! Which words does a filter body consist of? The tokens of governance.md §4.1, with their positions.

use super::{FilterProblem, FilterProblemKind};

/// A token and where it begins, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) offset: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// An unquoted word, in lower case. Key words are words.
    Word(String),
    /// A double-quoted name, in lower case: never a key word.
    Quoted(String),
    /// A single-quoted text.
    Text(String),
    /// Digits, with an optional fraction and exponent; unsigned.
    Number(String),
    Symbol(&'static str),
    End,
}

const SYMBOLS: &[&str] = &["<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ",", ".", "+", "-", "*"];
/// Operators that people try; named in the refusal.
const REFUSED: &[&str] = &[
    "--", "/*", "||", "::", "->", "!~", "~", "/", "%", ";", "[", "{", "?", "$", ":", "|", "&", "^", "#", "@",
];

/// Splits a body into tokens; the last one is `End`.
pub(super) fn tokens(body: &str) -> Result<Vec<Token>, FilterProblem> {
    let mut found = Vec::new();
    let mut offset = 0;
    while let Some(rest) = body.get(offset..) {
        let Some(first) = rest.chars().next() else { break };
        if first.is_whitespace() {
            offset += first.len_utf8();
            continue;
        }
        let (kind, length) = token(rest, first).map_err(|message| FilterProblem::syntax(offset, message))?;
        found.push(Token { kind, offset });
        offset += length;
    }
    found.push(Token {
        kind: TokenKind::End,
        offset: body.len(),
    });
    Ok(found)
}

fn token(rest: &str, first: char) -> Result<(TokenKind, usize), String> {
    if first.is_alphabetic() || first == '_' {
        let length = span(rest, |c| c.is_alphanumeric() || c == '_');
        return Ok((
            TokenKind::Word(rest.get(..length).unwrap_or_default().to_lowercase()),
            length,
        ));
    }
    if first.is_ascii_digit() {
        return number(rest);
    }
    match first {
        '\'' => quoted(rest, '\'').map(|(text, length)| (TokenKind::Text(text), length)),
        '"' => quoted(rest, '"').map(|(text, length)| (TokenKind::Quoted(text.to_lowercase()), length)),
        _ => symbol(rest, first),
    }
}

fn symbol(rest: &str, first: char) -> Result<(TokenKind, usize), String> {
    if let Some(refused) = REFUSED.iter().find(|refused| rest.starts_with(**refused)) {
        return Err(format!("`{refused}` is not part of the filter language"));
    }
    SYMBOLS
        .iter()
        .find(|symbol| rest.starts_with(**symbol))
        .map(|symbol| (TokenKind::Symbol(symbol), symbol.len()))
        .ok_or_else(|| format!("`{first}` is not part of the filter language"))
}

fn span(text: &str, wanted: impl Fn(char) -> bool) -> usize {
    text.find(|c| !wanted(c)).unwrap_or(text.len())
}

fn number(rest: &str) -> Result<(TokenKind, usize), String> {
    let digits = |from: usize| span(rest.get(from..).unwrap_or_default(), |c| c.is_ascii_digit());
    let mut length = digits(0);
    if rest.get(length..).is_some_and(|after| after.starts_with('.')) {
        length += 1 + digits(length + 1);
    }
    if let Some(after) = rest.get(length..).filter(|after| after.starts_with(['e', 'E'])) {
        let sign = usize::from(after.get(1..).is_some_and(|signed| signed.starts_with(['+', '-'])));
        let exponent = digits(length + 1 + sign);
        if exponent == 0 {
            return Err("a number's exponent has no digits".to_owned());
        }
        length += 1 + sign + exponent;
    }
    if rest
        .get(length..)
        .is_some_and(|after| after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    {
        return Err("a number is followed by letters".to_owned());
    }
    Ok((
        TokenKind::Number(rest.get(..length).unwrap_or_default().to_owned()),
        length,
    ))
}

/// Text up to the closing `quote`; a doubled one stands for itself. The length includes both quotes.
fn quoted(rest: &str, quote: char) -> Result<(String, usize), String> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != quote {
            text.push(character);
        } else if characters.peek().is_some_and(|(_, next)| *next == quote) {
            characters.next();
            text.push(quote);
        } else {
            return Ok((text, at + quote.len_utf8()));
        }
    }
    Err("a quote is not closed".to_owned())
}

impl FilterProblem {
    pub(super) fn syntax(offset: usize, message: impl Into<String>) -> Self {
        Self {
            offset,
            message: message.into(),
            kind: FilterProblemKind::Syntax,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(body: &str) -> Vec<TokenKind> {
        tokens(body).unwrap().into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn words_fold_and_quotes_double() {
        assert_eq!(
            kinds("Region<>'it''s' \"A \"\"b\""),
            [
                TokenKind::Word("region".into()),
                TokenKind::Symbol("<>"),
                TokenKind::Text("it's".into()),
                TokenKind::Quoted("a \"b".into()),
                TokenKind::End
            ]
        );
        assert_eq!(kinds("1.50e-3"), [TokenKind::Number("1.50e-3".into()), TokenKind::End]);
    }

    #[test]
    fn what_is_not_in_the_language_is_refused_with_its_place() {
        for (body, offset) in [
            ("a / b", 2),
            ("a -- x", 2),
            ("a /* x */", 2),
            ("'open", 0),
            ("a = 1x", 4),
            ("a = 1e", 4),
            ("ä ; b", 3),
        ] {
            assert_eq!(tokens(body).unwrap_err().offset, offset, "{body}");
        }
    }
}
