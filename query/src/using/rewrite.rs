//! How is a select written without USING? Its joins as ON, its `*` as a list, and each shared name as what it stands for.

use std::{collections::HashSet, ops::ControlFlow};

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, OrderBy, Query, Select, SelectItem, VisitMut, VisitorMut, WildcardAdditionalOptions,
};

use super::joined::{Column, Shared, normal, shared, tree};
use crate::error::{ErrorCode, QueryError, Result};

/// `described` has the columns of the tables of FROM; `order` is the ORDER BY of a query that is this select.
pub(super) fn select(select: &mut Select, order: Option<&mut OrderBy>, described: Vec<Vec<String>>) -> Result<()> {
    let mut described = described.into_iter();
    let mut columns = Vec::new();
    for item in &mut select.from {
        columns.extend(tree(item, &mut described)?);
    }
    let names = shared([&columns]);
    select.projection = projection(std::mem::take(&mut select.projection), &columns, &names)?;
    if let Some(order) = order {
        let shown: HashSet<String> = select.projection.iter().filter_map(shown_name).collect();
        let hidden = names.iter().filter(|(name, _)| !shown.contains(*name));
        let hidden = hidden.map(|(name, expr)| (name.clone(), expr.clone())).collect();
        substitute(order, &hidden);
    }
    let from = std::mem::take(&mut select.from);
    substitute(select, &names);
    select.from = from;
    Ok(())
}

fn projection(items: Vec<SelectItem>, columns: &[Column], names: &Shared) -> Result<Vec<SelectItem>> {
    let mut list = Vec::with_capacity(items.len());
    for item in items {
        match item {
            SelectItem::Wildcard(options) => {
                if !is_plain(&options) {
                    return Err(QueryError::new(
                        ErrorCode::NotSupported,
                        "`*` with a modifier over a join by USING or NATURAL is not supported; list the columns",
                    ));
                }
                list.extend(columns.iter().map(shown));
            }
            SelectItem::UnnamedExpr(Expr::Identifier(ident)) => match names.get(&normal(&ident)) {
                Some(expr) => list.push(SelectItem::ExprWithAlias {
                    expr: expr.clone(),
                    alias: ident,
                }),
                None => list.push(SelectItem::UnnamedExpr(Expr::Identifier(ident))),
            },
            other => list.push(other),
        }
    }
    Ok(list)
}

fn shown(column: &Column) -> SelectItem {
    if column.shared {
        SelectItem::ExprWithAlias {
            expr: column.expr.clone(),
            alias: Ident::with_quote('"', column.name.as_str()),
        }
    } else {
        SelectItem::UnnamedExpr(column.expr.clone())
    }
}

/// The name by which ORDER BY finds an item before it looks at the tables.
fn shown_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(normal(alias)),
        SelectItem::UnnamedExpr(Expr::Identifier(ident)) => Some(normal(ident)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(normal),
        _ => None,
    }
}

fn is_plain(options: &WildcardAdditionalOptions) -> bool {
    options.opt_ilike.is_none()
        && options.opt_exclude.is_none()
        && options.opt_except.is_none()
        && options.opt_replace.is_none()
        && options.opt_rename.is_none()
}

/// Puts the expressions in the place of the names, not within subqueries: their names are looked up there first.
pub(super) fn substitute(place: &mut impl VisitMut, names: &Shared) {
    let mut visitor = Substitute { names, depth: 0 };
    let _ = VisitMut::visit(place, &mut visitor);
}

struct Substitute<'a> {
    names: &'a Shared,
    depth: usize,
}

impl VisitorMut for Substitute<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth == 0
            && let Expr::Identifier(ident) = expr
            && let Some(meaning) = self.names.get(&normal(ident))
        {
            *expr = meaning.clone();
        }
        ControlFlow::Continue(())
    }
}
