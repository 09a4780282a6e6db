//! How is SQL put together without touching text that is already written? Pieces of text and bound literals, numbered last.

/// SQL in the making.
#[derive(Debug)]
pub(crate) struct Sql<P>(Vec<Piece<P>>);

#[derive(Debug)]
enum Piece<P> {
    Text(String),
    Parameter(P),
}

impl<P> Sql<P> {
    /// Plain text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self(vec![Piece::Text(text.into())])
    }

    /// A bound literal.
    pub(crate) fn parameter(value: P) -> Self {
        Self(vec![Piece::Parameter(value)])
    }

    /// Adds plain text.
    pub(crate) fn push(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.0.push(Piece::Text(text.to_owned())),
        }
    }

    /// Adds a bound literal.
    pub(crate) fn bind(&mut self, value: P) {
        self.0.push(Piece::Parameter(value));
    }

    /// Adds other SQL.
    pub(crate) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// `self` between two texts.
    pub(crate) fn between(self, before: &str, after: &str) -> Self {
        let mut whole = Self::text(before);
        whole.append(self);
        whole.push(after);
        whole
    }

    /// Number of bound literals.
    pub(crate) fn parameters(&self) -> usize {
        self.0
            .iter()
            .filter(|piece| matches!(piece, Piece::Parameter(_)))
            .count()
    }

    /// The text, and its literals in the order of their numbers.
    pub(crate) fn finish(self, placeholder: impl Fn(usize) -> String) -> (String, Vec<P>) {
        let mut text = String::new();
        let mut parameters = Vec::new();
        for piece in self.0 {
            match piece {
                Piece::Text(more) => text.push_str(&more),
                Piece::Parameter(value) => {
                    parameters.push(value);
                    text.push_str(&placeholder(parameters.len()));
                }
            }
        }
        (text, parameters)
    }
}
