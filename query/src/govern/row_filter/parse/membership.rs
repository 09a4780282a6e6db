//! What may stand behind IN? A list of literals, a tag of the principal, or a mapping.

use super::{Parsed, Parser};
use crate::govern::row_filter::syntax::Test;

impl Parser {
    pub(super) fn is_in(&mut self, negated: bool) -> Parsed<Test> {
        self.next += 1;
        if self.peek_word() == Some("principal") {
            return self.tag();
        }
        self.expect("(")?;
        if self.peek_word() == Some("select") {
            return self.mapping(negated);
        }
        let mut list = vec![self.literal()?];
        while self.symbol(",") {
            list.push(self.literal()?);
        }
        self.expect(")")?;
        Ok(Test::InList(list))
    }

    fn tag(&mut self) -> Parsed<Test> {
        self.next += 1;
        self.expect(".")?;
        if !self.word("tag") {
            return Err(self.unexpected("`tag('…')`: only tags of the principal are sets"));
        }
        self.expect("(")?;
        let key = self.text()?;
        self.expect(")")?;
        Ok(Test::InTag(key))
    }
}
