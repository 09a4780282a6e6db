//! Which items of a select list get a name of their own?

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, Ident, OrderBy, OrderByKind, Select, SelectItem, SelectItemQualifiedWildcardKind,
};

use super::{Place, SIGN};

/// Functions that make several columns of one item, which an alias would not fit.
const EXPANDED: &str = "unnest";

/// Names what has no name, or one that is taken.
pub(super) fn distinguish(select: &mut Select, place: Place, order: Option<&mut OrderBy>) {
    let has_wildcard = select.projection.iter().any(is_wildcard);
    let mut taken: Vec<Taken> = Vec::new();
    let mut named: Vec<(Expr, Ident)> = Vec::new();
    for (position, item) in select.projection.iter_mut().enumerate() {
        let distinct = |name: &str| Ident::with_quote('"', format!("{name}{SIGN}{position}"));
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let alias = match Taken::of(expr) {
                    Some(name) if name.is_in(&taken, place, has_wildcard) => distinct(&name.last),
                    Some(name) => {
                        taken.push(name);
                        continue;
                    }
                    None if is_expanded(expr) => continue,
                    None => distinct(""),
                };
                named.push((expr.clone(), alias.clone()));
                *item = SelectItem::ExprWithAlias {
                    expr: expr.clone(),
                    alias,
                };
            }
            SelectItem::ExprWithAlias { alias, .. } => {
                let name = Taken::alias(alias);
                if name.is_in(&taken, place, false) {
                    *alias = distinct(&name.last);
                } else {
                    taken.push(name);
                }
            }
            _ => {}
        }
    }
    if matches!(select.distinct, Some(Distinct::Distinct))
        && let Some(order) = order
    {
        order_by_names(order, &named);
    }
}

/// Aliases in the list, folded.
pub(super) fn aliases(select: &Select) -> impl Iterator<Item = &str> {
    select.projection.iter().filter_map(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.split(SIGN).next().unwrap_or_default()),
        _ => None,
    })
}

/// After DISTINCT only columns of the list are left, and the planner knows named ones by name alone.
fn order_by_names(order: &mut OrderBy, named: &[(Expr, Ident)]) {
    let OrderByKind::Expressions(keys) = &mut order.kind else {
        return;
    };
    for key in keys {
        let same = |(expr, _): &&(Expr, Ident)| expr.to_string() == key.expr.to_string();
        if let Some((_, alias)) = named.iter().find(same) {
            key.expr = Expr::Identifier(alias.clone());
        }
    }
}

fn is_wildcard(item: &SelectItem) -> bool {
    matches!(
        item,
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(_), _)
    )
}

fn is_expanded(expr: &Expr) -> bool {
    matches!(expr, Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case(EXPANDED))
}

/// A name that an item has without being given one.
struct Taken {
    /// Without its table.
    last: String,
    /// With its table, if it is stated.
    full: String,
}

impl Taken {
    fn of(expr: &Expr) -> Option<Self> {
        let fold = |ident: &Ident| ident.value.to_lowercase();
        match expr {
            Expr::Nested(inner) => Self::of(inner),
            Expr::Identifier(name) => Some(Self::alias(name)),
            Expr::CompoundIdentifier(parts) => Some(Self {
                last: parts.last().map(fold)?,
                full: parts.iter().map(fold).collect::<Vec<_>>().join("."),
            }),
            _ => None,
        }
    }

    fn alias(name: &Ident) -> Self {
        let name = name.value.to_lowercase();
        Self {
            full: name.clone(),
            last: name,
        }
    }

    fn is_unqualified(&self) -> bool {
        self.last == self.full
    }

    /// Columns of two tables may have one name in a result, not in a relation. What a wildcard stands for is not known yet:
    /// in a result, a column beside it is named in any case.
    fn is_in(&self, taken: &[Self], place: Place, has_wildcard: bool) -> bool {
        if has_wildcard {
            return place == Place::Result || taken.iter().any(|other| other.full == self.full);
        }
        taken.iter().any(|other| {
            other.full == self.full
                || other.last == self.last
                    && (place == Place::Relation || self.is_unqualified() || other.is_unqualified())
        })
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;

    use crate::names::{Spelled, distinguish};

    fn named(sql: &str) -> String {
        let mut statement = DFParser::parse_sql(sql).unwrap().pop_front().unwrap();
        distinguish(&mut statement, &Spelled::new());
        statement.to_string().replace('\u{1f}', "#")
    }

    #[test]
    fn items_without_a_name_of_their_own_get_one() {
        for (stated, expected) in [
            ("SELECT a, b FROM t", "SELECT a, b FROM t"),
            ("SELECT a, A, 1 FROM t", r##"SELECT a, A AS "a#1", 1 AS "#2" FROM t"##),
            ("SELECT t.a, u.a FROM t, u", "SELECT t.a, u.a FROM t, u"),
            ("SELECT t.a, a FROM t", r##"SELECT t.a, a AS "a#1" FROM t"##),
            ("SELECT 1 AS a, 2 AS a", r##"SELECT 1 AS a, 2 AS "a#1""##),
            ("SELECT *, a FROM t", r##"SELECT *, a AS "a#1" FROM t"##),
            (
                "SELECT * FROM (SELECT t.a, u.a, count(*) FROM t, u) AS x",
                r##"SELECT * FROM (SELECT t.a, u.a AS "a#1", count(*) AS "#2" FROM t, u) AS x"##,
            ),
            (
                "SELECT * FROM (SELECT *, u.a FROM t, u) AS x",
                "SELECT * FROM (SELECT *, u.a FROM t, u) AS x",
            ),
            (
                "SELECT DISTINCT upper(a) FROM t ORDER BY upper(a)",
                r##"SELECT DISTINCT upper(a) AS "#0" FROM t ORDER BY "#0""##,
            ),
            ("SELECT unnest(a) FROM t", "SELECT unnest(a) FROM t"),
        ] {
            assert_eq!(named(stated), expected);
        }
    }
}
