//! Which conditions does a policy have, in its own words?
//!
//! Cedar's syntax tree keeps no text of a part, so the parts are cut from the words of the statement. Whether a part is
//! true is Cedar's to say (`near_miss`); should the two ever disagree, nothing is shown.

use crate::cedar_text::{Kind, Word, words};
use serde::Serialize;

/// Which kind of clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClauseKind {
    /// It must be true.
    When,
    /// It must be false.
    Unless,
}

/// One clause of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clause<'a> {
    pub(crate) kind: ClauseKind,
    /// What stands between the braces.
    pub(crate) body: &'a str,
}

/// How the parts of an expression are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    /// `&&`
    And,
    /// `||`
    Or,
}

/// The clauses of a statement, in their order; none if the text cannot be read.
pub(crate) fn clauses(statement: &str) -> Vec<Clause<'_>> {
    let Ok(all) = words(statement) else {
        return Vec::new();
    };
    let begins = |at: usize| {
        let named = all.get(at).is_some_and(|word| word.kind == Kind::Name);
        named
            && !at
                .checked_sub(1)
                .and_then(|before| all.get(before))
                .is_some_and(|word| word.is('@'))
    };
    let Some(effect) = (0..all.len()).find(|at| {
        begins(*at)
            && all
                .get(*at)
                .is_some_and(|word| matches!(word.text, "permit" | "forbid"))
    }) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut at = closing(&all, effect + 1).map_or(all.len(), |end| end + 1);
    while let (Some(word), Some(end)) = (all.get(at), closing(&all, at + 1)) {
        let kind = match word.text {
            "when" => ClauseKind::When,
            "unless" => ClauseKind::Unless,
            _ => break,
        };
        let (Some(open), Some(close)) = (all.get(at + 1), all.get(end)) else {
            break;
        };
        let body = statement.get(open.end()..close.start).unwrap_or("").trim();
        found.push(Clause { kind, body });
        at = end + 1;
    }
    found
}

/// The parts that are joined at the top of an expression; the whole of it if none are. Brackets around it are taken off.
pub(crate) fn parts(expression: &str, join: Join) -> Vec<&str> {
    let expression = unbracketed(expression);
    let Ok(all) = words(expression) else {
        return vec![expression];
    };
    let (ours, other) = match join {
        Join::And => ('&', '|'),
        Join::Or => ('|', '&'),
    };
    // `if … then … else …` binds least, and `||` less than `&&`: an expression with `||` at its top is one conjunct.
    let is_if = all
        .first()
        .is_some_and(|word| word.kind == Kind::Name && word.text == "if");
    let top = at_top(&all);
    let loose = join == Join::And && top.iter().any(|word| word.is(other));
    if is_if || loose {
        return vec![expression];
    }
    let mut found = Vec::new();
    let mut start = 0;
    let signs: Vec<&&Word<'_>> = top.iter().filter(|word| word.is(ours)).collect();
    for pair in signs.chunks(2) {
        let (Some(first), Some(second)) = (pair.first(), pair.last()) else {
            continue;
        };
        found.push(expression.get(start..first.start).unwrap_or("").trim());
        start = second.end();
    }
    found.push(expression.get(start..).unwrap_or("").trim());
    found
}

/// The expression without brackets that enclose the whole of it.
fn unbracketed(expression: &str) -> &str {
    let expression = expression.trim();
    let Ok(all) = words(expression) else {
        return expression;
    };
    let encloses = all.first().is_some_and(|word| word.is('(')) && closing(&all, 0) == all.len().checked_sub(1);
    match expression.get(1..expression.len().saturating_sub(1)) {
        // A comment behind the bracket is no part of it.
        Some(inner) if encloses && all.last().is_some_and(|word| word.end() == expression.len()) => unbracketed(inner),
        _ => expression,
    }
}

/// The words outside of all brackets.
fn at_top<'w, 't>(all: &'w [Word<'t>]) -> Vec<&'w Word<'t>> {
    let mut depth = 0_usize;
    let outside = |word: &&'w Word<'t>| {
        match word.kind {
            Kind::Sign('(' | '[' | '{') => depth += 1,
            Kind::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    };
    all.iter().filter(outside).collect()
}

/// Position of the bracket that closes the one at `open`.
fn closing(all: &[Word<'_>], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, word) in all.iter().enumerate().skip(open) {
        match word.kind {
            Kind::Sign('(' | '[' | '{') => depth += 1,
            Kind::Sign(')' | ']' | '}') => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return (at > open).then_some(at);
        }
    }
    None
}

/// The facts that an expression reads, as expressions of their own: `context.mfa`, `resource.getTag("pii")`.
pub(crate) fn readings(expression: &str) -> Vec<&str> {
    let Ok(all) = words(expression) else {
        return Vec::new();
    };
    let mut found: Vec<&str> = Vec::new();
    for (at, root) in all.iter().enumerate() {
        let preceded = at
            .checked_sub(1)
            .and_then(|before| all.get(before))
            .is_some_and(|word| word.is('.'));
        let is_root = root.kind == Kind::Name && matches!(root.text, "principal" | "resource" | "context");
        if !is_root || preceded {
            continue;
        }
        let reading = match all.get(at + 1..).unwrap_or_default() {
            [dot, name, open, key, close, ..]
                if dot.is('.') && name.text == "getTag" && open.is('(') && key.kind == Kind::Text && close.is(')') =>
            {
                expression.get(root.start..close.end())
            }
            [dot, name, next, ..] if dot.is('.') && name.kind == Kind::Name && !next.is('(') => {
                expression.get(root.start..name.end())
            }
            [dot, name] if dot.is('.') && name.kind == Kind::Name => expression.get(root.start..name.end()),
            _ => None,
        };
        found.extend(reading.filter(|reading| !found.contains(reading)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_are_cut_at_their_braces() {
        let text = r#"@id("permit(") @doc("when { x }")
permit(principal in Lakegate::Role::"r", action in [Lakegate::Action::"Select"], resource)
when { context.mfa && {a: 1}.a == 1 } // unless { no }
unless { principal.kind == "}" };"#;
        let found = clauses(text);
        assert_eq!(
            found,
            [
                Clause {
                    kind: ClauseKind::When,
                    body: "context.mfa && {a: 1}.a == 1"
                },
                Clause {
                    kind: ClauseKind::Unless,
                    body: "principal.kind == \"}\""
                },
            ]
        );
        assert!(clauses("permit(principal, action, resource);").is_empty());
        assert!(clauses("permit(principal, action").is_empty());
    }

    #[test]
    fn parts_are_those_at_the_top() {
        let and = |text| parts(text, Join::And);
        assert_eq!(
            and("a && (b && c) && [d, e].contains(f)"),
            ["a", "(b && c)", "[d, e].contains(f)"]
        );
        assert_eq!(and("(a && b)"), ["a", "b"]);
        assert_eq!(and("a && b || c"), ["a && b || c"]);
        assert_eq!(and("(a && b) || (c)"), ["(a && b) || (c)"]);
        assert_eq!(and("if a && b then c else d"), ["if a && b then c else d"]);
        assert_eq!(and("x == \"&&\""), ["x == \"&&\""]);
        assert_eq!(and("(a) // )"), ["(a) // )"]);
        assert_eq!(parts("a || b && c", Join::Or), ["a", "b && c"]);
        assert_eq!(parts("a", Join::Or), ["a"]);
    }

    #[test]
    fn what_is_read_can_be_asked_for() {
        let text = "context.ip.isInRange(ip(\"10.0.0.0/8\")) || principal.getTag(\"d\").contains(resource.getTag(\"d\")) \
                    || context.mfa || context.mfa || resource.s.hasTag(\"x\") || principal in resource.owner";
        assert_eq!(
            readings(text),
            [
                "context.ip",
                "principal.getTag(\"d\")",
                "resource.getTag(\"d\")",
                "context.mfa",
                "resource.s",
                "resource.owner"
            ]
        );
        assert!(readings("x.context.y").is_empty());
    }
}
