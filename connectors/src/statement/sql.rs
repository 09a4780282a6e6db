//! How is SQL put together without touching text that is already written? Pieces of text and bound literals, numbered last,
//! and seams: places where a statement can be narrowed to a part of its table.

/// SQL in the making.
#[derive(Debug)]
pub(crate) struct Sql<P>(Vec<Piece<P>>);

#[derive(Debug)]
enum Piece<P> {
    Text(String),
    Parameter(P),
    Seam(Seam),
}

/// A place in a statement where more can be written later.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Seam {
    /// Before the name of the table.
    Table,
    /// After the conditions on its rows, of which there are some.
    Conditions,
    /// Where these would stand if there were any.
    NoConditions,
}

/// The seams of a written statement, each with its place in the text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seams(Vec<(Seam, usize)>);

impl Seams {
    /// `text` with `before_table` written before the name of its table, and with one more condition on the table's rows;
    /// `None` if the text has not exactly one place for each.
    pub(crate) fn narrowed(&self, text: &str, before_table: &str, condition: &str) -> Option<String> {
        let [(Seam::Table, table), (rows, place)] = self.0.as_slice() else {
            return None;
        };
        let (head, rest) = text.split_at_checked(*table)?;
        let (middle, tail) = rest.split_at_checked(place.checked_sub(*table)?)?;
        let keyword = match rows {
            Seam::Conditions => "AND",
            Seam::NoConditions => "WHERE",
            Seam::Table => return None,
        };
        Some(format!("{head}{before_table}{middle} {keyword} ({condition}){tail}"))
    }
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

    /// Adds a place for more.
    pub(crate) fn seam(&mut self, seam: Seam) {
        self.0.push(Piece::Seam(seam));
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

    /// The text, its literals in the order of their numbers, and its seams.
    pub(crate) fn finish(self, placeholder: impl Fn(usize) -> String) -> (String, Vec<P>, Seams) {
        let mut text = String::new();
        let mut parameters = Vec::new();
        let mut seams = Seams::default();
        for piece in self.0 {
            match piece {
                Piece::Text(more) => text.push_str(&more),
                Piece::Parameter(value) => {
                    parameters.push(value);
                    text.push_str(&placeholder(parameters.len()));
                }
                Piece::Seam(seam) => seams.0.push((seam, text.len())),
            }
        }
        (text, parameters, seams)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_narrowed_at_its_seams_only() {
        let written = |rows| {
            let mut sql: Sql<()> = Sql::text("SELECT 1 FROM ");
            sql.seam(Seam::Table);
            sql.push("t");
            sql.seam(rows);
            sql.between("(", " FENCE)").finish(|_| String::new())
        };
        let (text, _, seams) = written(Seam::NoConditions);
        assert_eq!(text, "(SELECT 1 FROM t FENCE)");
        assert_eq!(
            seams.narrowed(&text, "ONLY ", "a").as_deref(),
            Some("(SELECT 1 FROM ONLY t WHERE (a) FENCE)")
        );
        let (text, _, seams) = written(Seam::Conditions);
        assert_eq!(
            seams.narrowed(&text, "", "a").as_deref(),
            Some("(SELECT 1 FROM t AND (a) FENCE)")
        );
        assert_eq!(Seams::default().narrowed(&text, "", "a"), None);
    }
}
