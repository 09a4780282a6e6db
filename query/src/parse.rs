//! What does a text ask for? One statement, checked against the limits, with the relations that it names.
//!
//! Runs on a big-stack planning thread only: deep expressions overflow an ordinary stack.

mod from_items;
mod ignored;
pub mod meaning;
pub mod passthrough;
mod precedence;
mod similar;
mod standard;
mod statement;
pub mod token_limits;

use std::{collections::BTreeSet, ops::ControlFlow};

use datafusion::{
    common::TableReference,
    sql::{
        parser::{DFParserBuilder, Statement as EngineStatement},
        resolve::resolve_table_references,
        sqlparser::{
            ast::{Expr, Value, visit_expressions},
            dialect::GenericDialect,
            parser::ParserError,
            tokenizer::{Token, TokenWithSpan, Tokenizer, TokenizerError},
        },
    },
};

pub use passthrough::Passthrough;
pub use statement::{MetadataStatement, StatementKind};

use crate::{
    error::{ErrorCode, Location, QueryError, Result},
    names::{self, Spelled},
};

/// Longest statement text, in bytes (Athena's limit).
pub const MAX_TEXT_BYTES: usize = 262_144;
/// Relations that one statement may name.
const MAX_RELATIONS: usize = 100;

/// A parsed statement.
#[derive(Debug)]
pub struct Parsed {
    pub kind: StatementKind,
    /// Distinct relations named, common table expressions left out.
    pub relations: BTreeSet<TableReference>,
    /// Quoted names that were not in lower case.
    pub spelled: Spelled,
    /// Relations that stand for statements in the language of a source.
    pub passthrough: Vec<Passthrough>,
}

/// Checks the size of a text. Cheap; done by every door before anything else.
///
/// # Errors
/// `QUERY_TEXT_TOO_LARGE`, or `SYNTAX_ERROR` for an empty text.
pub fn check_text(sql: &str) -> Result<()> {
    if sql.len() > MAX_TEXT_BYTES {
        return Err(QueryError::new(
            ErrorCode::TextTooLarge,
            format!("the statement has {} bytes; the limit is {MAX_TEXT_BYTES}", sql.len()),
        ));
    }
    if sql.trim().is_empty() {
        return Err(QueryError::new(ErrorCode::SyntaxError, "the statement is empty"));
    }
    Ok(())
}

/// Parses one statement.
///
/// # Errors
/// `SYNTAX_ERROR` with line and column, `QUERY_TOO_COMPLEX`, `QUERY_TEXT_TOO_LARGE` or `NOT_SUPPORTED`.
pub fn parse(sql: &str) -> Result<Parsed> {
    check_text(sql)?;
    let dialect = GenericDialect {};
    let mut tokens = Tokenizer::new(&dialect, sql)
        .tokenize_with_location()
        .map_err(|error| token_error(&error))?;
    number_placeholders(&mut tokens);
    let spelled = names::fold(&mut tokens);
    token_limits::check(&tokens)?;
    let mut statements = DFParserBuilder::new(tokens)
        .with_dialect(&dialect)
        .with_recursion_limit(token_limits::MAX_NESTING)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| located(parser_error(error), sql))?;
    let statement = statements
        .pop_front()
        .ok_or_else(|| QueryError::new(ErrorCode::SyntaxError, "the statement is empty"))?;
    if !statements.is_empty() {
        return Err(QueryError::new(
            ErrorCode::NotSupported,
            "one request runs one statement; send the others on their own",
        ));
    }
    let mut statement = precedence::repair(statement);
    let passthrough = passthrough::take(&mut statement)?;
    standard::rewrite(&mut statement)?;
    meaning::rewrite(&mut statement)?;
    let kind = StatementKind::of(statement)?;
    let relations = match kind.query() {
        Some(query) => {
            ignored::check(query)?;
            relations(query)?
        }
        None => BTreeSet::new(),
    };
    Ok(Parsed {
        kind,
        relations,
        spelled,
        passthrough,
    })
}

/// `?` is the next parameter, as in Athena: the first `$1`, the second `$2`, and so on.
fn number_placeholders(tokens: &mut [TokenWithSpan]) {
    let mut next = 0_usize;
    for token in tokens {
        if let Token::Placeholder(text) = &mut token.token
            && text == "?"
        {
            next += 1;
            *text = format!("${next}");
        }
    }
}

/// Does the statement have a `?` or `$1`?
#[must_use]
pub fn has_parameters(statement: &EngineStatement) -> bool {
    let EngineStatement::Statement(statement) = statement else {
        return false;
    };
    let found = visit_expressions(statement.as_ref(), |expr| match expr {
        Expr::Value(value) if matches!(value.value, Value::Placeholder(_)) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

fn relations(statement: &EngineStatement) -> Result<BTreeSet<TableReference>> {
    let (relations, _) = resolve_table_references(statement, true).map_err(parser_error)?;
    let items = from_items::from_items(statement);
    if items.count > MAX_RELATIONS {
        return Err(token_limits::too_complex(
            "relations in one statement",
            items.count,
            MAX_RELATIONS,
        ));
    }
    let relations: BTreeSet<_> = relations
        .into_iter()
        .filter(|relation| !items.functions.contains(relation.table()) || relation.schema().is_some())
        .collect();
    Ok(relations)
}

fn token_error(error: &TokenizerError) -> QueryError {
    QueryError::new(ErrorCode::SyntaxError, lower_first(&error.message)).at(Some(Location {
        line: error.location.line,
        column: error.location.column,
    }))
}

fn parser_error(error: datafusion::error::DataFusionError) -> QueryError {
    use datafusion::error::DataFusionError;
    match error.find_root() {
        DataFusionError::SQL(parser, _) => match parser.as_ref() {
            ParserError::RecursionLimitExceeded => too_deep(),
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
                let (message, location) = split_location(text);
                QueryError::new(ErrorCode::SyntaxError, lower_first(message)).at(location)
            }
        },
        other => QueryError::new(ErrorCode::SyntaxError, lower_first(&other.strip_backtrace())),
    }
}

/// What the parser misses at the end of the text has its place there.
fn located(error: QueryError, sql: &str) -> QueryError {
    if error.code != ErrorCode::SyntaxError || error.location.is_some() {
        return error;
    }
    let text = sql.trim_end();
    let line = text.matches('\n').count() as u64 + 1;
    let column = text.rsplit('\n').next().map_or(0, |last| last.chars().count()) as u64 + 1;
    error.at(Some(Location { line, column }))
}

fn too_deep() -> QueryError {
    QueryError::new(
        ErrorCode::StatementTooComplex,
        format!("the statement nests deeper than {} levels", token_limits::MAX_NESTING),
    )
}

/// Splits `… at Line: 1, Column: 8` off the parser's message.
fn split_location(text: &str) -> (&str, Option<Location>) {
    let Some((message, place)) = text.rsplit_once(" at Line: ") else {
        return (text, None);
    };
    let Some((line, column)) = place.split_once(", Column: ") else {
        return (text, None);
    };
    match (line.trim().parse(), column.trim().parse()) {
        (Ok(line), Ok(column)) => (message, Some(Location { line, column })),
        _ => (text, None),
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syntax_error_has_line_and_column() {
        let error = parse("SELECT a\nFROM t WHERE (x").unwrap_err();
        assert_eq!(error.code, ErrorCode::SyntaxError);
        assert_eq!(error.location.map(|place| place.line), Some(2));
    }

    #[test]
    fn names_are_collected_without_common_table_expressions() {
        let parsed = parse("WITH x AS (SELECT * FROM A.b.c) SELECT * FROM x JOIN d ON true").unwrap();
        let names: Vec<String> = parsed.relations.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["d", "a.b.c"]);
    }

    #[test]
    fn question_marks_are_numbered() {
        let parsed = parse("SELECT ?, '?', x FROM t WHERE y = ?").unwrap();
        let text = parsed.kind.query().unwrap().to_string();
        assert_eq!(text, "SELECT $1, '?', x FROM t WHERE y = $2");
    }

    #[test]
    fn table_functions_are_no_relations() {
        assert!(
            parse("SELECT * FROM generate_series(1, 3) g(x)")
                .unwrap()
                .relations
                .is_empty()
        );
        assert_eq!(parse("SELECT * FROM range(3), t").unwrap().relations.len(), 1);
    }

    #[test]
    fn two_statements_are_refused() {
        assert_eq!(parse("SELECT 1; SELECT 2").unwrap_err().code, ErrorCode::NotSupported);
    }

    #[test]
    fn an_unterminated_string_has_a_location() {
        let error = parse("SELECT 'abc").unwrap_err();
        assert_eq!((error.code, error.location.is_some()), (ErrorCode::SyntaxError, true));
    }
}
