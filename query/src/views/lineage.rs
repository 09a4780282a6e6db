//! Which columns is a column of a view computed from? A conservative answer: what is not understood comes from everything.
//!
//! What decides which rows there are (WHERE, join conditions, LIMIT) is no source of a value; what stands in a subquery of an
//! expression is, because the expression tells it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use datafusion::{
    common::{
        Column, DFSchema, Result, TableReference,
        tree_node::{TreeNode, TreeNodeRecursion},
    },
    logical_expr::{Distinct, Expr, LogicalPlan},
};
use lakegate_catalog::{id::ObjectId, name::TableName};

use super::bind::Shape;

type Sources = BTreeSet<ObjectId>;

/// Follows columns through a plan.
pub(super) struct Lineage<'a> {
    shapes: &'a BTreeMap<TableName, Shape>,
    complete: &'a dyn Fn(&TableReference) -> TableName,
    /// Of the queries around the one that is looked at: its schema, and the sources of its columns.
    outer: Vec<(DFSchema, Vec<Sources>)>,
}

impl<'a> Lineage<'a> {
    pub(super) fn new(
        shapes: &'a BTreeMap<TableName, Shape>,
        complete: &'a dyn Fn(&TableReference) -> TableName,
    ) -> Self {
        let outer = Vec::new();
        Self {
            shapes,
            complete,
            outer,
        }
    }

    /// The sources of each column of a plan.
    pub(super) fn of(mut self, plan: &LogicalPlan) -> Result<Vec<Vec<ObjectId>>> {
        let outputs = self.outputs(plan)?;
        Ok(outputs
            .into_iter()
            .map(|sources| sources.into_iter().collect())
            .collect())
    }

    fn outputs(&mut self, plan: &LogicalPlan) -> Result<Vec<Sources>> {
        match plan {
            LogicalPlan::TableScan(scan) => {
                let shape = self.shapes.get(&(self.complete)(&scan.table_name));
                let source = |name: &String| {
                    let columns = shape.into_iter().flat_map(|shape| &shape.columns);
                    columns
                        .filter(|column| column.name == *name)
                        .map(|column| column.id.clone())
                        .collect()
                };
                Ok(scan
                    .projected_schema
                    .fields()
                    .iter()
                    .map(|field| source(field.name()))
                    .collect())
            }
            LogicalPlan::Projection(node) => self.computed(&node.input, &node.expr),
            LogicalPlan::Aggregate(node) => {
                let all: Vec<Expr> = node.group_expr.iter().chain(&node.aggr_expr).cloned().collect();
                match self.computed(&node.input, &all)? {
                    computed if computed.len() == node.schema.fields().len() => Ok(computed),
                    // Grouping sets: one expression stands for several columns.
                    computed => Ok(spread(&computed, node.schema.fields().len())),
                }
            }
            LogicalPlan::Window(node) => {
                let mut outputs = self.outputs(&node.input)?;
                outputs.extend(self.computed(&node.input, &node.window_expr)?);
                Ok(outputs)
            }
            LogicalPlan::Filter(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Repartition(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Distinct(Distinct::All(_)) => self.passed(plan),
            LogicalPlan::Join(node) => {
                let mut outputs = self.outputs(&node.left)?;
                outputs.extend(self.outputs(&node.right)?);
                let width = node.schema.fields().len();
                Ok(if outputs.len() == width {
                    outputs
                } else {
                    spread(&outputs, width)
                })
            }
            LogicalPlan::Union(node) => {
                let mut outputs = vec![Sources::new(); node.schema.fields().len()];
                for input in &node.inputs {
                    for (output, sources) in outputs.iter_mut().zip(self.outputs(input)?) {
                        output.extend(sources);
                    }
                }
                Ok(outputs)
            }
            LogicalPlan::EmptyRelation(_) => Ok(vec![Sources::new(); plan.schema().fields().len()]),
            _ => self.anything(plan),
        }
    }

    /// The columns of the only input.
    fn passed(&mut self, plan: &LogicalPlan) -> Result<Vec<Sources>> {
        match plan.inputs().as_slice() {
            [input] => self.outputs(input),
            _ => self.anything(plan),
        }
    }

    fn computed(&mut self, input: &LogicalPlan, exprs: &[Expr]) -> Result<Vec<Sources>> {
        let outputs = self.outputs(input)?;
        exprs
            .iter()
            .map(|expr| self.sources(expr, input.schema(), &outputs))
            .collect()
    }

    /// What an expression over these columns tells.
    fn sources(&mut self, expr: &Expr, schema: &DFSchema, outputs: &[Sources]) -> Result<Sources> {
        let mut sources = Sources::new();
        let mut subqueries = Vec::new();
        expr.apply(|part| {
            match part {
                // What cannot be told may be any of them.
                Expr::Column(column) => match found(column, schema, outputs) {
                    Some(found) => sources.extend(found.iter().cloned()),
                    None => sources.extend(outputs.iter().flatten().cloned()),
                },
                Expr::OuterReferenceColumn(_, column) => {
                    let around = self.outer.iter().rev();
                    let found: Vec<_> = around
                        .filter_map(|(schema, outputs)| found(column, schema, outputs))
                        .collect();
                    if found.is_empty() {
                        sources.extend(self.everything());
                    }
                    sources.extend(found.into_iter().flatten().cloned());
                }
                Expr::ScalarSubquery(query) => subqueries.push(Arc::clone(&query.subquery)),
                Expr::Exists(exists) => subqueries.push(Arc::clone(&exists.subquery.subquery)),
                Expr::InSubquery(list) => subqueries.push(Arc::clone(&list.subquery.subquery)),
                Expr::SetComparison(set) => subqueries.push(Arc::clone(&set.subquery.subquery)),
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        for plan in subqueries {
            self.outer.push((schema.clone(), outputs.to_vec()));
            let mentioned = self.mentioned(&plan);
            self.outer.pop();
            sources.extend(mentioned?);
        }
        Ok(sources)
    }

    /// What a subquery tells: the columns that it gives, and all that stand anywhere in it.
    fn mentioned(&mut self, plan: &LogicalPlan) -> Result<Sources> {
        let given = self.outputs(plan)?;
        let mut mentioned = self.asked(plan)?;
        mentioned.extend(given.into_iter().flatten());
        Ok(mentioned)
    }

    /// All columns in the expressions of a plan and of what is below it.
    fn asked(&mut self, plan: &LogicalPlan) -> Result<Sources> {
        let mut asked = Sources::new();
        let mut outputs = Vec::new();
        let mut schema = Some(DFSchema::empty());
        for input in plan.inputs() {
            asked.extend(self.asked(input)?);
            outputs.extend(self.outputs(input)?);
            schema = schema.and_then(|schema| schema.join(input.schema()).ok());
        }
        for expr in plan.expressions() {
            match &schema {
                Some(schema) => asked.extend(self.sources(&expr, schema, &outputs)?),
                // Which of two inputs a name means is not told apart.
                None => asked.extend(outputs.iter().flatten().cloned()),
            }
        }
        Ok(asked)
    }

    fn everything(&self) -> impl Iterator<Item = ObjectId> + '_ {
        let columns = self.shapes.values().flat_map(|shape| &shape.columns);
        columns.map(|column| column.id.clone())
    }

    /// Not understood: every column may come from everything below.
    fn anything(&mut self, plan: &LogicalPlan) -> Result<Vec<Sources>> {
        let mut all = Sources::new();
        for input in plan.inputs() {
            all.extend(self.outputs(input)?.into_iter().flatten());
        }
        Ok(vec![all; plan.schema().fields().len()])
    }
}

fn spread(outputs: &[Sources], width: usize) -> Vec<Sources> {
    vec![outputs.iter().flatten().cloned().collect(); width]
}

fn found<'o>(column: &Column, schema: &DFSchema, outputs: &'o [Sources]) -> Option<&'o Sources> {
    outputs.get(schema.maybe_index_of_column(column)?)
}
