//! Which columns has a tree of joins, and what does each stand for?

use std::collections::HashMap;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, Join,
    JoinConstraint, JoinOperator, ObjectName, TableAlias, TableFactor, TableWithJoins, Value,
};

use super::rewrite::substitute;
use crate::error::{ErrorCode, QueryError, Result};

/// A column of a join tree.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// What it stands for, by qualified names.
    pub(super) expr: Expr,
    /// Is it one column of both sides?
    pub(super) shared: bool,
}

/// Unqualified names, and what they stand for.
pub(super) type Shared = HashMap<String, Expr>;

/// Unquoted names are in lower case, as everywhere in the engine.
pub(super) fn normal(ident: &Ident) -> String {
    if ident.quote_style.is_some() {
        ident.value.clone()
    } else {
        ident.value.to_ascii_lowercase()
    }
}

/// Is there a join by USING or NATURAL in the tree?
pub(super) fn shares_columns(item: &TableWithJoins) -> bool {
    let nested = |factor: &TableFactor| matches!(factor, TableFactor::NestedJoin { table_with_joins, .. } if shares_columns(table_with_joins));
    nested(&item.relation)
        || item.joins.iter().any(|join| {
            let by = constraint(&join.join_operator);
            nested(&join.relation) || matches!(by, Some(JoinConstraint::Using(_) | JoinConstraint::Natural))
        })
}

/// The tables of all items, in order.
pub(super) fn tables(from: &[TableWithJoins]) -> Vec<TableFactor> {
    let mut tables = Vec::new();
    for item in from {
        let joined = item.joins.iter().map(|join| &join.relation);
        for factor in std::iter::once(&item.relation).chain(joined) {
            match factor {
                TableFactor::NestedJoin {
                    table_with_joins,
                    alias: None,
                } => tables.extend(self::tables(std::slice::from_ref(table_with_joins))),
                other => tables.push(other.clone()),
            }
        }
    }
    tables
}

/// Writes the joins of a tree as ON; `described` gives the columns of its tables, in the order of [`tables`].
pub(super) fn tree(
    item: &mut TableWithJoins,
    described: &mut impl Iterator<Item = Vec<String>>,
) -> Result<Vec<Column>> {
    let mut left = factor(&mut item.relation, described)?;
    for join in &mut item.joins {
        let right = factor(&mut join.relation, described)?;
        left = joined(left, right, join)?;
    }
    Ok(left)
}

fn factor(table: &mut TableFactor, described: &mut impl Iterator<Item = Vec<String>>) -> Result<Vec<Column>> {
    if let TableFactor::NestedJoin {
        table_with_joins,
        alias: None,
    } = table
    {
        return tree(table_with_joins, described);
    }
    let columns = described
        .next()
        .ok_or_else(|| QueryError::internal("a table was not described"))?;
    let qualifier = qualifier(table)?;
    let column = |name: String| {
        let mut parts = qualifier.clone();
        parts.push(Ident::with_quote('"', name.as_str()));
        Column {
            name,
            expr: Expr::CompoundIdentifier(parts),
            shared: false,
        }
    };
    Ok(columns.into_iter().map(column).collect())
}

fn qualifier(table: &TableFactor) -> Result<Vec<Ident>> {
    let unnamed = || {
        QueryError::new(
            ErrorCode::NotSupported,
            "a subquery or function that is joined by USING or NATURAL needs a name; add AS name",
        )
    };
    let named = |alias: &Option<TableAlias>| alias.as_ref().map(|alias| vec![alias.name.clone()]);
    match table {
        TableFactor::Table { alias: Some(alias), .. } => Ok(vec![alias.name.clone()]),
        TableFactor::Table { name, args: None, .. } => name
            .0
            .iter()
            .map(|part| part.as_ident().cloned().ok_or_else(unnamed))
            .collect(),
        TableFactor::Derived { alias, .. }
        | TableFactor::Function { alias, .. }
        | TableFactor::TableFunction { alias, .. }
        | TableFactor::UNNEST { alias, .. }
        | TableFactor::NestedJoin { alias, .. } => named(alias).ok_or_else(unnamed),
        _ => Err(unnamed()),
    }
}

fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    use JoinOperator as Kind;
    match operator {
        Kind::Join(by)
        | Kind::Inner(by)
        | Kind::Left(by)
        | Kind::LeftOuter(by)
        | Kind::Right(by)
        | Kind::RightOuter(by)
        | Kind::FullOuter(by)
        | Kind::CrossJoin(by)
        | Kind::Semi(by)
        | Kind::LeftSemi(by)
        | Kind::RightSemi(by)
        | Kind::Anti(by)
        | Kind::LeftAnti(by)
        | Kind::RightAnti(by)
        | Kind::StraightJoin(by)
        | Kind::AsOf { constraint: by, .. } => Some(by),
        Kind::CrossApply | Kind::OuterApply | Kind::ArrayJoin | Kind::LeftArrayJoin | Kind::InnerArrayJoin => None,
    }
}

fn constraint_mut(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    use JoinOperator as Kind;
    match operator {
        Kind::Join(by)
        | Kind::Inner(by)
        | Kind::Left(by)
        | Kind::LeftOuter(by)
        | Kind::Right(by)
        | Kind::RightOuter(by)
        | Kind::FullOuter(by)
        | Kind::CrossJoin(by)
        | Kind::Semi(by)
        | Kind::LeftSemi(by)
        | Kind::RightSemi(by)
        | Kind::Anti(by)
        | Kind::LeftAnti(by)
        | Kind::RightAnti(by)
        | Kind::StraightJoin(by)
        | Kind::AsOf { constraint: by, .. } => Some(by),
        Kind::CrossApply | Kind::OuterApply | Kind::ArrayJoin | Kind::LeftArrayJoin | Kind::InnerArrayJoin => None,
    }
}

/// The columns of one join, whose constraint becomes ON.
fn joined(mut left: Vec<Column>, mut right: Vec<Column>, join: &mut Join) -> Result<Vec<Column>> {
    let names = match constraint(&join.join_operator) {
        Some(JoinConstraint::Using(names)) => names.iter().map(single).collect::<Result<Vec<_>>>()?,
        Some(JoinConstraint::Natural) => common(&left, &right),
        _ => {
            let names = shared([&left, &right]);
            if let Some(JoinConstraint::On(condition)) = constraint_mut(&mut join.join_operator) {
                substitute(condition, &names);
            }
            return Ok(visible(&join.join_operator, left, right));
        }
    };
    let mut both = Vec::with_capacity(names.len());
    let mut condition: Option<Expr> = None;
    for name in names {
        let (first, second) = (take(&mut left, &name)?, take(&mut right, &name)?);
        let equal = binary(first.clone(), BinaryOperator::Eq, second.clone());
        condition = Some(match condition {
            Some(others) => binary(others, BinaryOperator::And, equal),
            None => equal,
        });
        let expr = match &join.join_operator {
            JoinOperator::FullOuter(_) => coalesce(first, second),
            JoinOperator::Right(_)
            | JoinOperator::RightOuter(_)
            | JoinOperator::RightSemi(_)
            | JoinOperator::RightAnti(_) => second,
            _ => first,
        };
        both.push(Column {
            name,
            expr,
            shared: true,
        });
    }
    if let Some(by) = constraint_mut(&mut join.join_operator) {
        *by = JoinConstraint::On(condition.unwrap_or_else(|| Expr::value(Value::Boolean(true))));
    }
    both.extend(visible(&join.join_operator, left, right));
    Ok(both)
}

/// Semi and anti joins show one side.
fn visible(operator: &JoinOperator, mut left: Vec<Column>, right: Vec<Column>) -> Vec<Column> {
    match operator {
        JoinOperator::Semi(_) | JoinOperator::LeftSemi(_) | JoinOperator::Anti(_) | JoinOperator::LeftAnti(_) => left,
        JoinOperator::RightSemi(_) | JoinOperator::RightAnti(_) => right,
        _ => {
            left.extend(right);
            left
        }
    }
}

fn single(name: &ObjectName) -> Result<String> {
    match name.0.as_slice() {
        [part] => part.as_ident().map(normal),
        _ => None,
    }
    .ok_or_else(|| {
        QueryError::new(
            ErrorCode::SyntaxError,
            "USING takes names of columns without their table",
        )
    })
}

fn common(left: &[Column], right: &[Column]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for column in left {
        let twice = names.contains(&column.name);
        if !twice && right.iter().any(|other| other.name == column.name) {
            names.push(column.name.clone());
        }
    }
    names
}

fn take(columns: &mut Vec<Column>, name: &str) -> Result<Expr> {
    let at = columns
        .iter()
        .position(|column| column.name == name)
        .ok_or_else(|| QueryError::column_not_found(name))?;
    let found = columns.remove(at);
    if columns.iter().any(|column| column.name == name) {
        return Err(QueryError::new(
            ErrorCode::AmbiguousName,
            format!("column `{name}` of USING or NATURAL is in several tables of one side; join with ON"),
        ));
    }
    Ok(found.expr)
}

/// The shared columns whose name nothing else bears.
pub(super) fn shared<const N: usize>(sides: [&[Column]; N]) -> Shared {
    let all = || sides.iter().flat_map(|side| side.iter());
    all()
        .filter(|column| column.shared && all().filter(|other| other.name == column.name).count() == 1)
        .map(|column| (column.name.clone(), column.expr.clone()))
        .collect()
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(left),
        op,
        right: Box::new(right),
    }
}

fn coalesce(first: Expr, second: Expr) -> Expr {
    let argument = |expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr));
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new("coalesce")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![argument(first), argument(second)],
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
