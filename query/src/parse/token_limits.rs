//! Is a statement small enough to plan? Counts chains on the tokens, before a tree exists that could overflow the stack.
//!
//! The values are those of reliability-tests.md §4: flat chains become left-deep trees, planning is quadratic in them.

use datafusion::sql::sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan},
};

use crate::error::{ErrorCode, Location, QueryError, Result};

/// Levels of nesting: the parser's own limit.
pub const MAX_NESTING: usize = 50;
/// Operands of one chain of operators other than AND and OR.
pub const MAX_OPERANDS: usize = 300;
/// Operands of one AND or OR chain.
pub const MAX_CONDITIONS: usize = 1_000;
/// Operators above one another, over all levels of nesting.
const MAX_DEPTH: usize = 2_000;
/// Items of one parenthesised list.
pub const MAX_LIST: usize = 50_000;
/// Branches of CASE in one statement.
pub const MAX_BRANCHES: usize = 5_000;
/// Rows of VALUES.
pub const MAX_VALUES_ROWS: usize = 20_000;
/// Joins in one statement.
pub const MAX_JOINS: usize = 100;
/// Branches of UNION, INTERSECT, EXCEPT.
pub const MAX_SET_BRANCHES: usize = 500;
/// Chained common table expressions.
pub const MAX_CTES: usize = 500;

#[derive(Default)]
struct Level {
    operators: usize,
    conditions: usize,
    commas: usize,
    rows: usize,
    values: bool,
    case: bool,
}

#[derive(Default)]
struct Totals {
    branches: usize,
    joins: usize,
    set_operators: usize,
    expressions: usize,
}

/// Refuses statements whose tree would be too deep or too large.
///
/// # Errors
/// `QUERY_TOO_COMPLEX`, naming the limit and its value.
pub fn check(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut levels = vec![Level::default()];
    let mut totals = Totals::default();
    for token in tokens {
        step(&token.token, &mut levels, &mut totals).map_err(|error| {
            error.at(Some(Location {
                line: token.span.start.line,
                column: token.span.start.column,
            }))
        })?;
    }
    Ok(())
}

fn step(token: &Token, levels: &mut Vec<Level>, totals: &mut Totals) -> Result<()> {
    match token {
        Token::LParen | Token::LBracket | Token::LBrace => return open(token, levels),
        Token::RParen | Token::RBracket | Token::RBrace => {
            close(levels);
            return Ok(());
        }
        Token::Word(word) if word.keyword == Keyword::CASE => return open_case(levels),
        Token::Word(word) if word.keyword == Keyword::END => {
            if levels.last().is_some_and(|level| level.case) {
                levels.pop();
            }
            return Ok(());
        }
        _ => {}
    }
    let Some(level) = levels.last_mut() else { return Ok(()) };
    match token {
        Token::Comma => comma(level)?,
        Token::SemiColon => *level = Level::default(),
        Token::Word(word) => keyword(word.keyword, level, totals)?,
        other if is_operator(other) => operator(level)?,
        _ => {}
    }
    let depth: usize = levels.iter().map(|level| level.operators + level.conditions).sum();
    limit("operators above one another", depth, MAX_DEPTH)
}

fn open(token: &Token, levels: &mut Vec<Level>) -> Result<()> {
    if let Some(level) = levels.last_mut() {
        if matches!(token, Token::LBracket) {
            operator(level)?;
        }
        if level.values {
            level.rows += 1;
            limit("rows of VALUES", level.rows, MAX_VALUES_ROWS)?;
        }
    }
    limit("levels of nesting", levels.len(), MAX_NESTING)?;
    levels.push(Level::default());
    Ok(())
}

/// CASE … END nests like parentheses.
fn open_case(levels: &mut Vec<Level>) -> Result<()> {
    limit("levels of nesting", levels.len(), MAX_NESTING)?;
    levels.push(Level {
        case: true,
        ..Level::default()
    });
    Ok(())
}

/// A parenthesis also ends a CASE without END, and a column named `case` never begins one for long.
fn close(levels: &mut Vec<Level>) {
    while levels.len() > 1 {
        if levels.pop().is_some_and(|level| !level.case) {
            break;
        }
    }
}

fn comma(level: &mut Level) -> Result<()> {
    level.commas += 1;
    level.operators = 0;
    level.conditions = 0;
    limit("items of one list", level.commas, MAX_LIST)
}

fn operator(level: &mut Level) -> Result<()> {
    level.operators += 1;
    limit("operands of one chain", level.operators + 1, MAX_OPERANDS)
}

fn keyword(keyword: Keyword, level: &mut Level, totals: &mut Totals) -> Result<()> {
    match keyword {
        Keyword::AND | Keyword::OR | Keyword::XOR => {
            level.operators = 0;
            level.conditions += 1;
            limit(
                "conditions of one AND or OR chain",
                level.conditions + 1,
                MAX_CONDITIONS,
            )
        }
        Keyword::IS
        | Keyword::LIKE
        | Keyword::NOT
        | Keyword::ILIKE
        | Keyword::SIMILAR
        | Keyword::AT
        | Keyword::COLLATE
        | Keyword::IN
        | Keyword::BETWEEN
        | Keyword::RLIKE
        | Keyword::REGEXP
        | Keyword::DIV
        | Keyword::OVERLAPS => operator(level),
        Keyword::WHEN => {
            reset(level);
            totals.branches += 1;
            limit("branches of CASE", totals.branches, MAX_BRANCHES)
        }
        Keyword::JOIN => {
            reset(level);
            totals.joins += 1;
            limit("joins", totals.joins, MAX_JOINS)
        }
        Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT => {
            *level = Level::default();
            totals.set_operators += 1;
            limit(
                "branches of UNION, INTERSECT and EXCEPT",
                totals.set_operators + 1,
                MAX_SET_BRANCHES,
            )
        }
        Keyword::VALUES => {
            level.values = true;
            Ok(())
        }
        Keyword::AS => {
            totals.expressions += 1;
            limit("names given by AS", totals.expressions, MAX_LIST)
        }
        Keyword::SELECT
        | Keyword::FROM
        | Keyword::WHERE
        | Keyword::GROUP
        | Keyword::HAVING
        | Keyword::ORDER
        | Keyword::ON
        | Keyword::THEN
        | Keyword::ELSE
        | Keyword::LIMIT
        | Keyword::QUALIFY => {
            reset(level);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn reset(level: &mut Level) {
    level.operators = 0;
    level.conditions = 0;
    level.values = false;
}

fn is_operator(token: &Token) -> bool {
    !matches!(
        token,
        Token::Number(..)
            | Token::Word(_)
            | Token::Whitespace(_)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::DollarQuotedString(_)
            | Token::Placeholder(_)
            | Token::Period
            | Token::EOF
            | Token::SemiColon
            | Token::Comma
    )
}

fn limit(what: &str, found: usize, allowed: usize) -> Result<()> {
    if found > allowed {
        Err(too_complex(what, found, allowed))
    } else {
        Ok(())
    }
}

/// The one constructor of "too complex".
#[must_use]
pub fn too_complex(what: &str, found: usize, allowed: usize) -> QueryError {
    QueryError::new(
        ErrorCode::StatementTooComplex,
        format!("the statement has {found} {what} or more; the limit is {allowed}"),
    )
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::{dialect::GenericDialect, tokenizer::Tokenizer};

    use super::*;

    fn verdict(sql: &str) -> Result<()> {
        check(
            &Tokenizer::new(&GenericDialect {}, sql)
                .tokenize_with_location()
                .unwrap(),
        )
    }

    fn chain(item: &str, operator: &str, count: usize) -> String {
        format!("SELECT {}", vec![item; count].join(operator))
    }

    #[test]
    fn chains_are_refused_just_above_the_limit() {
        for (item, operator, allowed) in [
            ("1", " + ", MAX_OPERANDS),
            ("'x'", " || ", MAX_OPERANDS),
            ("a = 1", " OR ", MAX_CONDITIONS),
            ("a", " AND ", MAX_CONDITIONS),
        ] {
            assert!(
                verdict(&chain(item, operator, allowed)).is_ok(),
                "{operator} at the limit"
            );
            assert!(
                verdict(&chain(item, operator, allowed + 1)).is_err(),
                "{operator} above the limit"
            );
        }
    }

    #[test]
    fn nesting_is_refused_above_fifty() {
        let nested = |depth: usize| format!("SELECT {}1{}", "(".repeat(depth), ")".repeat(depth));
        assert!(verdict(&nested(MAX_NESTING)).is_ok());
        assert!(verdict(&nested(MAX_NESTING + 1)).is_err());
    }

    #[test]
    fn case_and_not_are_refused_above_their_limits() {
        let nested = |depth: usize| {
            format!(
                "SELECT {}1{}",
                "CASE WHEN a THEN ".repeat(depth),
                " ELSE 0 END".repeat(depth)
            )
        };
        assert!(verdict(&nested(MAX_NESTING)).is_ok());
        assert!(verdict(&nested(MAX_NESTING + 1)).is_err());
        let side_by_side = format!("SELECT {}", vec![nested(1).replace("SELECT ", ""); 200].join(", "));
        assert!(verdict(&side_by_side).is_ok());
        assert!(verdict(&format!("SELECT {} a", "NOT ".repeat(MAX_OPERANDS - 1))).is_ok());
        assert!(verdict(&format!("SELECT {} a", "NOT ".repeat(MAX_OPERANDS))).is_err());
    }

    #[test]
    fn chains_over_many_levels_add_up() {
        let mut sql = "1".to_owned();
        for _ in 0..20 {
            sql = format!("({sql}){}", " + 1".repeat(150));
        }
        assert!(
            verdict(&format!("SELECT {sql}")).is_ok(),
            "closed levels are no longer above"
        );
        let mut open = String::new();
        for _ in 0..20 {
            open.push_str(&"1 + ".repeat(150));
            open.push('(');
        }
        assert!(verdict(&format!("SELECT {open}1{}", ")".repeat(20))).is_err());
    }

    #[test]
    fn lists_branches_and_rows_are_limited() {
        assert!(verdict(&format!("SELECT a IN ({})", vec!["1"; MAX_LIST + 2].join(","))).is_err());
        assert!(
            verdict(&format!(
                "SELECT CASE {} END",
                "WHEN a THEN 1 ".repeat(MAX_BRANCHES + 1)
            ))
            .is_err()
        );
        assert!(verdict(&format!("VALUES {}", vec!["(1)"; MAX_VALUES_ROWS + 1].join(","))).is_err());
        assert!(verdict(&format!("VALUES {}", vec!["(1)"; MAX_VALUES_ROWS].join(","))).is_ok());
    }
}
