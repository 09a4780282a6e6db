//! What does `SIMILAR TO` mean? The whole text matches the standard's pattern (SQL:2016 8.6), written as an anchored regular
//! expression; the planner's own reads the pattern as a regular expression that may match anywhere.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Value, ValueWithSpan};

use crate::error::{ErrorCode, QueryError, Result};

/// `x ~ '^(?s:…)$'` for `x SIMILAR TO '…'`.
///
/// # Errors
/// `NOT_SUPPORTED` for a pattern that is not a constant, `SYNTAX_ERROR` for a malformed one.
pub fn as_regex(predicate: &Expr) -> Result<Expr> {
    let Expr::SimilarTo {
        negated,
        expr,
        pattern,
        escape_char,
    } = predicate
    else {
        return Err(QueryError::internal("no SIMILAR TO"));
    };
    let operator = match negated {
        true => BinaryOperator::PGRegexNotMatch,
        false => BinaryOperator::PGRegexMatch,
    };
    let constant = || {
        QueryError::new(
            ErrorCode::NotSupported,
            "SIMILAR TO takes a constant pattern; use regexp_like(text, pattern) for others",
        )
    };
    let Expr::Value(literal) = pattern.as_ref() else {
        return Err(constant());
    };
    let regex = match &literal.value {
        Value::SingleQuotedString(pattern) => {
            Value::SingleQuotedString(translate(pattern, escape_of(escape_char.as_ref())?)?)
        }
        Value::Null => Value::Null,
        _ => return Err(constant()),
    };
    Ok(Expr::Nested(Box::new(Expr::BinaryOp {
        left: Box::new(Expr::Nested(expr.clone())),
        op: operator,
        right: Box::new(Expr::Value(regex.into())),
    })))
}

/// The backslash unless another, or none, is stated.
fn escape_of(stated: Option<&ValueWithSpan>) -> Result<Option<char>> {
    let Some(stated) = stated else { return Ok(Some('\\')) };
    let one = || QueryError::new(ErrorCode::SyntaxError, "ESCAPE takes one character");
    let Value::SingleQuotedString(text) = &stated.value else {
        return Err(one());
    };
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (first, None) => Ok(first),
        _ => Err(one()),
    }
}

fn malformed(what: &str) -> QueryError {
    QueryError::new(ErrorCode::SyntaxError, format!("the pattern of SIMILAR TO {what}"))
}

/// The regular expression of a pattern.
fn translate(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut regex = String::from("^(?s:");
    let mut characters = pattern.chars().peekable();
    let mut depth = 0_usize;
    while let Some(character) = characters.next() {
        if Some(character) == escape {
            let literal = characters.next();
            push_literal(
                &mut regex,
                literal.ok_or_else(|| malformed("ends with its escape character"))?,
            );
            continue;
        }
        match character {
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '(' => {
                depth += 1;
                regex.push_str("(?:");
            }
            ')' => {
                depth = depth
                    .checked_sub(1)
                    .ok_or_else(|| malformed("closes a group that is not open"))?;
                regex.push(')');
            }
            '[' => bracket(&mut characters, &mut regex, escape)?,
            '{' => repetition(&mut characters, &mut regex)?,
            '|' | '*' | '+' | '?' => regex.push(character),
            other => push_literal(&mut regex, other),
        }
    }
    if depth > 0 {
        return Err(malformed("leaves a group open"));
    }
    regex.push_str(")$");
    Ok(regex)
}

/// How often, up to its closing brace: `{2}`, `{2,}`, `{2,3}`.
fn repetition(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, regex: &mut String) -> Result<()> {
    regex.push('{');
    loop {
        match characters.next() {
            Some(character @ ('0'..='9' | ',')) => regex.push(character),
            Some('}') => break,
            _ => return Err(malformed("has braces that hold no numbers")),
        }
    }
    regex.push('}');
    Ok(())
}

/// A set of characters, up to its closing bracket.
fn bracket(
    characters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    regex: &mut String,
    escape: Option<char>,
) -> Result<()> {
    let open = || malformed("leaves a bracket open");
    regex.push('[');
    if characters.next_if_eq(&'^').is_some() {
        regex.push('^');
    }
    loop {
        let character = characters.next().ok_or_else(open)?;
        if Some(character) == escape {
            push_literal(regex, characters.next().ok_or_else(open)?);
            continue;
        }
        match character {
            ']' => break,
            '[' if characters.next_if_eq(&':').is_some() => {
                let name: String = characters.by_ref().take_while(|next| *next != ':').collect();
                if characters.next() != Some(']') {
                    return Err(open());
                }
                regex.push_str("[:");
                regex.push_str(&name.to_lowercase());
                regex.push_str(":]");
            }
            '-' => regex.push('-'),
            other => push_literal(regex, other),
        }
    }
    regex.push(']');
    Ok(())
}

/// One character that stands for itself.
fn push_literal(regex: &mut String, character: char) {
    if character.is_ascii_punctuation() {
        regex.push('\\');
    }
    regex.push(character);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_anchored_and_their_signs_are_the_standard_s() {
        for (pattern, expected) in [
            ("b", "^(?s:b)$"),
            ("a%_", "^(?s:a.*.)$"),
            ("a.c$", r"^(?s:a\.c\$)$"),
            ("(b|c)+x{2,3}", "^(?s:(?:b|c)+x{2,3})$"),
            (r"50\%", r"^(?s:50\%)$"),
            ("[a-c&&%]", r"^(?s:[a-c\&\&\%])$"),
            ("[^[:ALPHA:]]", "^(?s:[^[:alpha:]])$"),
        ] {
            assert_eq!(translate(pattern, Some('\\')).unwrap(), expected, "{pattern}");
        }
        assert_eq!(translate("a!%", Some('!')).unwrap(), r"^(?s:a\%)$");
        for pattern in ["(a", "a)", "[a", r"a\", "a{x}", "a{2"] {
            assert!(translate(pattern, Some('\\')).is_err(), "{pattern}");
        }
    }
}
