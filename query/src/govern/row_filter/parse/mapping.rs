//! How is a mapping written? Behind IN: `(SELECT column FROM catalog.database.table [WHERE condition])`.

use super::{Parsed, Parser, RESERVED};
use crate::govern::row_filter::{
    FilterProblem,
    syntax::{MappingQuery, Test},
    token::TokenKind,
};

impl Parser {
    /// Reads on from `SELECT` to the closing parenthesis. Not below a NOT: rows that leave the mapping would open others.
    pub(super) fn mapping(&mut self, negated: bool) -> Parsed<Test> {
        let offset = self.offset();
        if negated || self.negations > 0 {
            let message = "a mapping cannot be negated: name what may be seen, not what may not";
            return Err(FilterProblem::syntax(offset, message));
        }
        if self.in_mapping {
            let message = "the WHERE of a mapping holds no other mapping: give the mapping's table a filter of its own";
            return Err(FilterProblem::syntax(offset, message));
        }
        self.node()?;
        self.next += 1;
        let column_offset = self.offset();
        let column = self.name("a column of the mapping")?;
        if !self.word("from") {
            return Err(self.unexpected("FROM"));
        }
        let table_offset = self.offset();
        let table = self.table(table_offset)?;
        let condition = if self.word("where") {
            self.in_mapping = true;
            let condition = self.nested(Self::or);
            self.in_mapping = false;
            Some(condition?)
        } else {
            None
        };
        self.expect(")")?;
        Ok(Test::InMapping(Box::new(MappingQuery {
            table,
            table_offset,
            column,
            column_offset,
            condition,
        })))
    }

    fn table(&mut self, offset: usize) -> Parsed<[String; 3]> {
        let mut parts = vec![self.name("the name of the mapping's table")?];
        while self.symbol(".") {
            parts.push(self.name("the next part of the table's name")?);
        }
        // Nothing of a statement decides what an incomplete name means.
        let message = "the table of a mapping is named in three parts: `catalog.database.table`";
        parts.try_into().map_err(|_| FilterProblem::syntax(offset, message))
    }

    fn name(&mut self, what: &str) -> Parsed<String> {
        match self.take() {
            TokenKind::Quoted(name) => Ok(name),
            TokenKind::Word(name) if !RESERVED.contains(&name.as_str()) => Ok(name),
            _ => {
                self.next -= 1;
                Err(self.unexpected(what))
            }
        }
    }
}
