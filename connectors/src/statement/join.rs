//! How are joined tables written? As derived tables side by side in FROM; what only asks whether a row meets any is a condition.
//!
//! ```text
//! ((…) AS t0 LEFT JOIN (…) AS t1 ON (t0.c0 = t1.c0)) WHERE EXISTS (SELECT 1 FROM (…) AS t2 WHERE (t0.c1 = t2.c0))
//! ```
//! A condition on rows of the left side may stand above an outer join; one on rows of its right side may not, and is refused.

use super::Sql;
use crate::{
    error::{ConnectorError, Result},
    scan::JoinKind,
};

/// How tables are joined, from left to right.
#[derive(Debug)]
pub(crate) enum Source {
    Table,
    Join {
        left: Box<Source>,
        right: Box<Source>,
        kind: JoinKind,
        /// The condition, over columns of the derived tables.
        on: String,
    },
}

/// FROM, and what stands in WHERE.
pub(super) struct Joined<P> {
    pub from: Sql<P>,
    pub conditions: Vec<Sql<P>>,
}

/// Joins these derived tables.
///
/// # Errors
/// `NOT_SUPPORTED` for what SQL of this form cannot say.
pub(super) fn joined<P>(source: &Source, tables: &mut impl Iterator<Item = Sql<P>>) -> Result<Joined<P>> {
    let Source::Join { left, right, kind, on } = source else {
        let from = tables.next();
        return Ok(Joined {
            from: from.ok_or_else(|| refused("a join of tables that are not there"))?,
            conditions: Vec::new(),
        });
    };
    let (mut left, right) = (joined(left, tables)?, joined(right, tables)?);
    match kind {
        JoinKind::Inner => {
            left.from = beside(left.from, " JOIN ", right.from, on);
            left.conditions.extend(right.conditions);
        }
        JoinKind::Left if right.conditions.is_empty() => {
            left.from = beside(left.from, " LEFT JOIN ", right.from, on);
        }
        JoinKind::Left => return Err(refused("an outer join with rows that were chosen by a join")),
        JoinKind::Semi => left.conditions.push(any("EXISTS", right, on)),
        JoinKind::Anti => left.conditions.push(any("NOT EXISTS", right, on)),
    }
    Ok(left)
}

fn beside<P>(mut left: Sql<P>, join: &str, right: Sql<P>, on: &str) -> Sql<P> {
    left.push(join);
    left.append(right);
    left.between("(", &format!(" ON ({on}))"))
}

/// Does the row meet any of these?
fn any<P>(word: &str, right: Joined<P>, on: &str) -> Sql<P> {
    let mut inner = right.from;
    inner.push(&format!(" WHERE ({on})"));
    for condition in right.conditions {
        inner.push(" AND ");
        inner.append(condition);
    }
    inner.between(&format!("{word} (SELECT 1 FROM "), ")")
}

fn refused(what: &str) -> ConnectorError {
    ConnectorError::unsupported(format!("{what} at the source is not supported"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(left: Source, kind: JoinKind, right: Source, on: &str) -> Source {
        Source::Join {
            left: Box::new(left),
            right: Box::new(right),
            kind,
            on: on.to_owned(),
        }
    }

    fn written(source: &Source) -> Result<String> {
        let mut tables = ["a", "b", "c"].into_iter().map(Sql::<()>::text);
        let Joined { mut from, conditions } = joined(source, &mut tables)?;
        for condition in conditions {
            from.push(" & ");
            from.append(condition);
        }
        Ok(from.finish(|_| String::new()).0)
    }

    #[test]
    fn what_asks_whether_is_a_condition() {
        use JoinKind::{Anti, Inner, Left, Semi};
        use Source::Table;
        for (source, expected) in [
            (join(Table, Inner, Table, "x"), "(a JOIN b ON (x))"),
            (
                join(join(Table, Inner, Table, "x"), Left, Table, "y"),
                "((a JOIN b ON (x)) LEFT JOIN c ON (y))",
            ),
            (
                join(Table, Left, join(Table, Inner, Table, "x"), "y"),
                "(a LEFT JOIN (b JOIN c ON (x)) ON (y))",
            ),
            (
                join(join(Table, Semi, Table, "x"), Left, Table, "y"),
                "(a LEFT JOIN c ON (y)) & EXISTS (SELECT 1 FROM b WHERE (x))",
            ),
            (
                join(Table, Anti, join(Table, Semi, Table, "x"), "y"),
                "a & NOT EXISTS (SELECT 1 FROM b WHERE (y) AND EXISTS (SELECT 1 FROM c WHERE (x)))",
            ),
            (
                join(Table, Inner, join(Table, Anti, Table, "x"), "y"),
                "(a JOIN b ON (y)) & NOT EXISTS (SELECT 1 FROM c WHERE (x))",
            ),
        ] {
            assert_eq!(written(&source).expect("written"), expected);
        }
    }

    /// Above the outer join it would take away the rows that met none.
    #[test]
    fn no_condition_leaves_the_right_side_of_an_outer_join() {
        let right = join(Source::Table, JoinKind::Semi, Source::Table, "x");
        assert!(written(&join(Source::Table, JoinKind::Left, right, "y")).is_err());
    }
}
