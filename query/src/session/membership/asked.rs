//! Which rows must a subquery have for `x IN (subquery)` to be true, or NULL? One EXISTS asks for each.

use std::sync::Arc;

use datafusion::{
    common::{
        Column, DFSchema, ExprSchema, Result, ScalarValue,
        tree_node::{Transformed, TreeNode, TreeNodeRecursion},
    },
    logical_expr::{
        Case, Expr, ExprSchemable, FetchType, LogicalPlan, LogicalPlanBuilder, Subquery,
        expr::{Exists, InSubquery},
        lit, not,
        utils::{conjunction, disjunction},
    },
};

use super::{correlated, refusal};

/// One `x IN (subquery)`, ready to be asked for.
pub(super) struct Asked {
    negated: bool,
    operand: Expr,
    operand_nullable: bool,
    subquery: Subquery,
    element_nullable: bool,
    alias: String,
    outer: Vec<(Column, Expr)>,
}

impl Asked {
    /// The subquery refers to a row outside of it.
    pub(super) fn is_correlated(membership: &InSubquery) -> bool {
        !membership.subquery.subquery.all_out_ref_exprs().is_empty()
    }

    /// `alias` names the subquery; no relation of the statement has it.
    ///
    /// # Errors
    /// When asking several times could give several answers, or refers to a row that the engine cannot reach.
    pub(super) fn of(membership: &InSubquery, outer: &DFSchema, alias: String) -> Result<Self> {
        let operand = membership.expr.as_ref().clone();
        let is_simple = !operand.contains_outer() && !operand.exists(|expr| Ok(has_plan(expr)))?;
        if !is_simple {
            return Err(refusal(
                "what stands before IN (subquery) may not hold a subquery or a column of an outer query, unless the IN is a term \
                 of its own in WHERE; compute it in a subquery of FROM",
            ));
        }
        if operand.is_volatile() || changes(&membership.subquery.subquery)? {
            return Err(refusal(
                "IN (subquery) below OR, NOT or CASE needs the same rows each time they are read; leave out random values, or add \
                 ORDER BY to LIMIT",
            ));
        }
        if membership.subquery.subquery.schema().fields().len() != 1 {
            return Err(refusal("IN (subquery) compares with one column; select one"));
        }
        let columns = operand.column_refs().into_iter().map(|column| {
            let field = outer.field_from_column(column)?;
            Ok((
                column.clone(),
                Expr::OuterReferenceColumn(Arc::clone(field), column.clone()),
            ))
        });
        Ok(Self {
            negated: membership.negated,
            operand_nullable: operand.nullable(outer)?,
            outer: columns.collect::<Result<_>>()?,
            element_nullable: membership.subquery.subquery.schema().field(0).is_nullable(),
            subquery: membership.subquery.clone(),
            operand,
            alias,
        })
    }

    /// True, false or NULL.
    pub(super) fn value(&self) -> Result<Expr> {
        let is_in = if correlated::is_one_row(&self.subquery.subquery) {
            self.operand.clone().eq(Expr::ScalarSubquery(self.subquery.clone()))
        } else {
            let found = self.found()?;
            match disjunction(self.unknown()?) {
                None => found,
                Some(unknown) => Expr::Case(Case {
                    expr: None,
                    when_then_expr: vec![
                        (Box::new(found), Box::new(lit(true))),
                        (
                            Box::new(unknown),
                            Box::new(Expr::Literal(ScalarValue::Boolean(None), None)),
                        ),
                    ],
                    else_expr: Some(Box::new(lit(false))),
                }),
            }
        };
        Ok(if self.negated { not(is_in) } else { is_in })
    }

    /// NOT IN as a term of its own: true or not.
    pub(super) fn is_certainly_missing(&self) -> Result<Expr> {
        if correlated::is_one_row(&self.subquery.subquery) {
            return Ok(self.operand.clone().not_eq(Expr::ScalarSubquery(self.subquery.clone())));
        }
        let mut terms = vec![not(self.found()?)];
        terms.extend(self.unknown()?.into_iter().map(not));
        match conjunction(terms) {
            Some(condition) => Ok(condition),
            None => datafusion::common::internal_err!("a condition was lost"),
        }
    }

    fn found(&self) -> Result<Expr> {
        let operand = self.operand.clone().transform_up(|expr| {
            let reference = match &expr {
                Expr::Column(column) => self.outer.iter().find(|(known, _)| known == column),
                _ => None,
            };
            Ok(match reference {
                Some((_, outer)) => Transformed::yes(outer.clone()),
                None => Transformed::no(expr),
            })
        })?;
        self.exists(|element| Some(element.eq(operand.data)))
    }

    /// What makes a membership that was not found unknown, each on its own.
    fn unknown(&self) -> Result<Vec<Expr>> {
        let mut reasons = Vec::new();
        if self.element_nullable {
            reasons.push(self.exists(|element| Some(element.is_null()))?);
        }
        if self.operand_nullable {
            let any = self.exists(|_| None)?;
            reasons.push(self.operand.clone().is_null().and(any));
        }
        Ok(reasons)
    }

    /// Some row whose element meets a condition, or any row without one.
    fn exists(&self, condition: impl FnOnce(Expr) -> Option<Expr>) -> Result<Expr> {
        let plan = self.subquery.subquery.as_ref();
        let plan = if plan.all_out_ref_exprs().is_empty() {
            let named = LogicalPlanBuilder::from(plan.clone()).alias(self.alias.as_str())?;
            let element = Column::new(Some(self.alias.as_str()), plan.schema().field(0).name());
            match condition(Expr::Column(element)) {
                Some(condition) if condition.contains_outer() => named.filter(condition)?,
                Some(condition) => named.filter(condition)?.limit(0, Some(1))?,
                None => named.limit(0, Some(1))?,
            }
            .build()?
        } else {
            let columns: Vec<&Column> = self.outer.iter().map(|(column, _)| column).collect();
            correlated::filtered(plan, &columns, condition)?
        };
        Ok(Expr::Exists(Exists {
            subquery: Subquery {
                outer_ref_columns: plan.all_out_ref_exprs(),
                subquery: Arc::new(plan),
                spans: self.subquery.spans.clone(),
            },
            negated: false,
        }))
    }
}

fn has_plan(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_)
    )
}

/// Reading the rows twice could give others.
fn changes(plan: &LogicalPlan) -> Result<bool> {
    let mut changes = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            changes |= expr.is_volatile();
            Ok(TreeNodeRecursion::Continue)
        })?;
        if let LogicalPlan::Limit(limit) = node {
            let takes_none = matches!(limit.get_fetch_type()?, FetchType::Literal(Some(0)));
            changes |= !takes_none && !is_sorted(&limit.input);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(changes)
}

fn is_sorted(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Sort(_) => true,
        LogicalPlan::Projection(projection) => is_sorted(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => is_sorted(&alias.input),
        _ => correlated::is_one_row(plan),
    }
}
