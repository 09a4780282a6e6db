//! Is a filter body well formed? Recursive descent over the grammar of governance.md §4.1, within its limits.

mod mapping;
mod membership;

use super::{
    FilterProblem, FilterProblemKind, MAX_DEPTH, MAX_NODES,
    syntax::{Arithmetic, Attribute, Comparison, Condition, Function, Test, Value, ValueKind},
    token::{Token, TokenKind, tokens},
};

type Parsed<T> = Result<T, FilterProblem>;

/// Reads a whole body.
pub(super) fn parse(body: &str) -> Parsed<Condition> {
    let mut parser = Parser {
        tokens: tokens(body)?,
        next: 0,
        nodes: 0,
        depth: 0,
        negations: 0,
        in_mapping: false,
    };
    let condition = parser.or()?;
    match parser.peek() {
        TokenKind::End => Ok(condition),
        _ => Err(parser.unexpected("the end of the filter, AND or OR")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    nodes: usize,
    depth: usize,
    /// NOTs around what is read now.
    negations: usize,
    in_mapping: bool,
}

impl Parser {
    fn or(&mut self) -> Parsed<Condition> {
        let mut parts = vec![self.and()?];
        while self.word("or") {
            parts.push(self.and()?);
        }
        self.joined(parts, Condition::Or)
    }

    fn and(&mut self) -> Parsed<Condition> {
        let mut parts = vec![self.not()?];
        while self.word("and") {
            parts.push(self.not()?);
        }
        self.joined(parts, Condition::And)
    }

    fn joined(&mut self, mut parts: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Parsed<Condition> {
        match (parts.len(), parts.pop()) {
            (1, Some(only)) => Ok(only),
            (_, last) => {
                parts.extend(last);
                self.node()?;
                Ok(join(parts))
            }
        }
    }

    fn not(&mut self) -> Parsed<Condition> {
        if self.word("not") {
            self.node()?;
            self.negations += 1;
            let part = self.primary();
            self.negations -= 1;
            return Ok(Condition::Not(Box::new(part?)));
        }
        self.primary()
    }

    fn primary(&mut self) -> Parsed<Condition> {
        self.node()?;
        if self.symbol("(") {
            return self.nested(|parser| {
                let condition = parser.or()?;
                parser.expect(")")?;
                Ok(condition)
            });
        }
        let left = self.value()?;
        if let ValueKind::Boolean(constant) = left.kind
            && !self.at_test()
        {
            return Ok(Condition::Constant(constant));
        }
        self.test(left)
    }

    fn at_test(&self) -> bool {
        match self.peek() {
            TokenKind::Symbol(symbol) => comparison(symbol).is_some(),
            TokenKind::Word(word) => matches!(word.as_str(), "between" | "in" | "is" | "like" | "not"),
            _ => false,
        }
    }

    fn test(&mut self, left: Value) -> Parsed<Condition> {
        if let TokenKind::Symbol(symbol) = self.peek()
            && let Some(operator) = comparison(symbol)
        {
            self.next += 1;
            let test = Test::Compare(operator, self.value()?);
            return Ok(Condition::Test {
                left,
                test,
                negated: false,
            });
        }
        if self.word("is") {
            return self.is(left);
        }
        let negated = self.word("not");
        let test = match self.peek_word() {
            Some("between") => self.between()?,
            Some("in") => self.is_in(negated)?,
            Some("like") => self.like()?,
            Some("similar" | "ilike" | "rlike" | "regexp" | "glob") => {
                return Err(self.refused("pattern matching other than LIKE"));
            }
            _ => return Err(self.unexpected("a comparison, BETWEEN, IN, LIKE or IS")),
        };
        Ok(Condition::Test { left, test, negated })
    }

    fn is(&mut self, left: Value) -> Parsed<Condition> {
        let negated = self.word("not");
        let test = match self.peek_word() {
            Some("null") => Test::IsNull,
            Some("true") => Test::IsBoolean(true),
            Some("false") => Test::IsBoolean(false),
            Some("distinct") => return Err(self.refused("IS DISTINCT FROM")),
            _ => return Err(self.unexpected("NULL, TRUE or FALSE")),
        };
        self.next += 1;
        Ok(Condition::Test { left, test, negated })
    }

    fn between(&mut self) -> Parsed<Test> {
        self.next += 1;
        let low = self.value()?;
        if !self.word("and") {
            return Err(self.unexpected("AND"));
        }
        Ok(Test::Between(low, self.value()?))
    }

    fn like(&mut self) -> Parsed<Test> {
        self.next += 1;
        let pattern = self.text()?;
        let offset = self.offset();
        if !self.word("escape") {
            return Ok(Test::Like { pattern, escape: None });
        }
        let escape = self.text()?;
        let mut characters = escape.chars();
        match (characters.next(), characters.next()) {
            (Some(character), None) => Ok(Test::Like {
                pattern,
                escape: Some(character),
            }),
            _ => Err(FilterProblem::syntax(
                offset,
                "the escape of LIKE must be one character",
            )),
        }
    }

    fn literal(&mut self) -> Parsed<Value> {
        self.node()?;
        let offset = self.offset();
        let value = self.operand()?;
        match value.kind {
            ValueKind::Boolean(_)
            | ValueKind::Text(_)
            | ValueKind::Number(_)
            | ValueKind::Date(_)
            | ValueKind::Timestamp(_) => Ok(value),
            _ => Err(FilterProblem::syntax(offset, "the list of IN holds literals only")),
        }
    }

    fn value(&mut self) -> Parsed<Value> {
        let mut left = self.product()?;
        loop {
            let operator = match self.peek() {
                TokenKind::Symbol("+") => Arithmetic::Add,
                TokenKind::Symbol("-") => Arithmetic::Subtract,
                _ => return Ok(left),
            };
            self.next += 1;
            left = self.binary(operator, left, Self::product)?;
        }
    }

    fn product(&mut self) -> Parsed<Value> {
        let mut left = self.operand()?;
        while self.symbol("*") {
            left = self.binary(Arithmetic::Multiply, left, Self::operand)?;
        }
        Ok(left)
    }

    fn binary(&mut self, operator: Arithmetic, left: Value, right: fn(&mut Self) -> Parsed<Value>) -> Parsed<Value> {
        let offset = left.offset;
        let right = right(self)?;
        let value = Value {
            kind: ValueKind::Arithmetic(operator, Box::new(left), Box::new(right)),
            offset,
        };
        // A chain leans left, so its length is its depth.
        if depth(&value) > MAX_DEPTH {
            Err(too_deep(offset))
        } else {
            Ok(value)
        }
    }

    fn operand(&mut self) -> Parsed<Value> {
        self.node()?;
        let offset = self.offset();
        let negative = self.symbol("-");
        let kind = match self.take() {
            TokenKind::Number(digits) => ValueKind::Number(if negative { format!("-{digits}") } else { digits }),
            _ if negative => {
                return Err(FilterProblem::syntax(
                    offset,
                    "`-` stands before a number or between values",
                ));
            }
            TokenKind::Text(text) => ValueKind::Text(text),
            TokenKind::Quoted(name) => self.column(name)?,
            TokenKind::Word(word) => self.named(word, offset)?,
            TokenKind::Symbol("(") => {
                return Err(FilterProblem::syntax(offset, "parentheses hold conditions, not values"));
            }
            _ => {
                self.next -= 1;
                return Err(self.unexpected("a column, a literal, a function or an attribute"));
            }
        };
        Ok(Value { kind, offset })
    }

    fn named(&mut self, word: String, offset: usize) -> Parsed<ValueKind> {
        match (word.as_str(), self.peek()) {
            ("true", _) => return Ok(ValueKind::Boolean(true)),
            ("false", _) => return Ok(ValueKind::Boolean(false)),
            ("date", TokenKind::Text(_)) => return self.text().map(ValueKind::Date),
            ("timestamp", TokenKind::Text(_)) => return self.text().map(ValueKind::Timestamp),
            ("null", _) => return Err(FilterProblem::syntax(offset, "NULL is not a value: use IS NULL")),
            ("principal" | "context", TokenKind::Symbol(".")) => return self.attribute(&word),
            (_, TokenKind::Symbol("(")) => return self.call(&word, offset),
            _ => {}
        }
        if RESERVED.contains(&word.as_str()) {
            return Err(FilterProblem::syntax(
                offset,
                format!("`{word}` is not part of the filter language here"),
            ));
        }
        self.column(word)
    }

    fn attribute(&mut self, object: &str) -> Parsed<ValueKind> {
        self.next += 1;
        let offset = self.offset();
        let TokenKind::Word(member) = self.take() else {
            return Err(FilterProblem::syntax(
                offset,
                format!("the name of an attribute must follow `{object}.`"),
            ));
        };
        let attribute = match (object, member.as_str()) {
            ("context", "now") => Attribute::Now,
            ("context", "purpose") => Attribute::Purpose,
            ("context", "workgroup") => Attribute::Workgroup,
            ("principal", "id") => Attribute::PrincipalId,
            ("principal", "name") => Attribute::PrincipalName,
            ("principal", "tag") => {
                return Err(FilterProblem::syntax(
                    offset,
                    "a tag is a set: write `value IN principal.tag('…')`",
                ));
            }
            _ => {
                let known = "principal.id, principal.name, context.now, context.purpose, context.workgroup";
                return Err(FilterProblem::syntax(
                    offset,
                    format!("`{object}.{member}` is unknown; known are {known}"),
                ));
            }
        };
        Ok(ValueKind::Attribute(attribute))
    }

    fn call(&mut self, name: &str, offset: usize) -> Parsed<ValueKind> {
        let Some((function, arity)) = Function::of(name) else {
            let message = if name == "cast" || name == "try_cast" {
                "casts are not part of the filter language: store the column in the type that is compared".to_owned()
            } else {
                format!("`{name}` is not a function of the filter language")
            };
            return Err(FilterProblem::syntax(offset, message));
        };
        self.next += 1;
        let arguments = self.nested(|parser| {
            let mut arguments = vec![parser.value()?];
            while parser.symbol(",") {
                arguments.push(parser.value()?);
            }
            parser.expect(")")?;
            Ok(arguments)
        })?;
        if !arity.contains(&arguments.len()) {
            return Err(FilterProblem::syntax(
                offset,
                format!("`{name}` does not take {} arguments", arguments.len()),
            ));
        }
        Ok(ValueKind::Call(function, arguments))
    }

    fn column(&mut self, first: String) -> Parsed<ValueKind> {
        let mut path = vec![first];
        while self.symbol(".") {
            let offset = self.offset();
            match self.take() {
                TokenKind::Word(name) | TokenKind::Quoted(name) => path.push(name),
                _ => return Err(FilterProblem::syntax(offset, "the name of a field must follow `.`")),
            }
            if path.len() > MAX_DEPTH {
                return Err(too_deep(offset));
            }
        }
        Ok(ValueKind::Column(path))
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(too_deep(self.offset()));
        }
        let parsed = parse(self)?;
        self.depth -= 1;
        Ok(parsed)
    }

    fn node(&mut self) -> Parsed<()> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = format!("the filter has more than {MAX_NODES} parts");
            return Err(FilterProblem {
                offset: self.offset(),
                message,
                kind: FilterProblemKind::Limit,
            });
        }
        Ok(())
    }

    fn peek(&self) -> &TokenKind {
        self.tokens.get(self.next).map_or(&TokenKind::End, |token| &token.kind)
    }

    fn peek_word(&self) -> Option<&str> {
        match self.peek() {
            TokenKind::Word(word) => Some(word),
            _ => None,
        }
    }

    fn offset(&self) -> usize {
        self.tokens
            .get(self.next)
            .or(self.tokens.last())
            .map_or(0, |token| token.offset)
    }

    fn take(&mut self) -> TokenKind {
        let kind = self.peek().clone();
        self.next += 1;
        kind
    }

    fn word(&mut self, wanted: &str) -> bool {
        let found = self.peek_word() == Some(wanted);
        self.next += usize::from(found);
        found
    }

    fn symbol(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), TokenKind::Symbol(symbol) if *symbol == wanted);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: &str) -> Parsed<()> {
        if self.symbol(wanted) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("`{wanted}`")))
        }
    }

    fn text(&mut self) -> Parsed<String> {
        match self.peek() {
            TokenKind::Text(text) => {
                let text = text.clone();
                self.next += 1;
                Ok(text)
            }
            _ => Err(self.unexpected("a text in single quotes")),
        }
    }

    fn unexpected(&self, wanted: &str) -> FilterProblem {
        let found = match self.peek() {
            TokenKind::Word(word) => format!("`{word}`"),
            TokenKind::Quoted(name) => format!("`\"{name}\"`"),
            TokenKind::Text(_) => "a text".to_owned(),
            TokenKind::Number(number) => format!("`{number}`"),
            TokenKind::Symbol(symbol) => format!("`{symbol}`"),
            TokenKind::End => "the end of the filter".to_owned(),
        };
        FilterProblem::syntax(self.offset(), format!("expected {wanted}, found {found}"))
    }

    fn refused(&self, what: &str) -> FilterProblem {
        FilterProblem::syntax(self.offset(), format!("{what} is not part of the filter language"))
    }
}

/// Words that are never column names without quotes.
const RESERVED: &[&str] = &[
    "all", "and", "any", "between", "case", "cast", "distinct", "else", "end", "exists", "from", "in", "interval",
    "is", "like", "not", "null", "or", "over", "select", "then", "when", "where", "with",
];

fn comparison(symbol: &str) -> Option<Comparison> {
    Some(match symbol {
        "=" => Comparison::Eq,
        "<>" | "!=" => Comparison::NotEq,
        "<" => Comparison::Lt,
        "<=" => Comparison::LtEq,
        ">" => Comparison::Gt,
        ">=" => Comparison::GtEq,
        _ => return None,
    })
}

fn depth(value: &Value) -> usize {
    match &value.kind {
        ValueKind::Arithmetic(_, left, right) => 1 + depth(left).max(depth(right)),
        _ => 0,
    }
}

fn too_deep(offset: usize) -> FilterProblem {
    let message = format!("the filter is nested deeper than {MAX_DEPTH} levels");
    FilterProblem {
        offset,
        message,
        kind: FilterProblemKind::Limit,
    }
}
