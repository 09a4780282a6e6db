//! What does a decision mean for the raw columns of a source? The row predicate, the cells, and what both read.

mod column;
mod filter;
mod joint;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use datafusion::{
    arrow::datatypes::{DataType, Field, Schema, SchemaRef},
    logical_expr::{Expr, Operator, lit},
};
use lakegate_catalog::relation::Column;
use lakegate_connectors::predicate::Predicate;
use lakegate_policy::{BoundCondition, Clear, RowScope};

use self::filter::CompiledFilter;
use super::{
    cell::CellFunction,
    leakproof::ClearColumns,
    row_filter::{FilterInputs, all, any, binary, raw_column},
};
use crate::{
    authorize::{LeafFacts, RelationGrant, leaves},
    context::{Caller, QueryContext},
    error::{ErrorCode, QueryError, Result},
    views::Other,
};

/// The columns of a source: declared and as they come, in one order.
#[derive(Clone, Debug)]
pub(super) struct SourceColumns {
    /// Names of the source, declared types.
    pub(super) declared: SchemaRef,
    /// As the scan yields them: text formats give bytes for text, and text for everything else (JSON for nested columns).
    pub(super) raw: SchemaRef,
}

impl SourceColumns {
    /// The field of a catalog column: by the source's spelling, else by name without case, if only one has it.
    fn find(&self, column: &Column) -> Option<usize> {
        let name = column.remote_name.as_deref().unwrap_or(&column.name);
        let fields = self.declared.fields();
        if let Some(exact) = fields.iter().position(|field| field.name() == name) {
            return Some(exact);
        }
        let folded = name.to_lowercase();
        let mut alike = fields
            .iter()
            .enumerate()
            .filter(|(_, field)| field.name().to_lowercase() == folded);
        match (alike.next(), alike.next()) {
            (Some((at, _)), None) => Some(at),
            _ => None,
        }
    }

    fn declared_type(&self, at: usize) -> Option<&DataType> {
        self.declared.fields().get(at).map(|field| field.data_type())
    }

    fn raw_field(&self, at: usize) -> Option<(&str, &DataType)> {
        self.raw
            .fields()
            .get(at)
            .map(|field| (field.name().as_str(), field.data_type()))
    }

    /// The text that comes must be converted to the declared type.
    fn is_text_for(&self, at: usize) -> bool {
        self.raw_field(at).map(|(_, data_type)| data_type) != self.declared_type(at)
    }
}

/// One column that the caller sees.
#[derive(Clone, Debug)]
pub(super) struct VisibleColumn {
    pub(super) field: Arc<Field>,
    /// Over raw columns; evaluated on visible rows only.
    pub(super) cell: Expr,
    /// Raw name and type, if it is clear on every visible row and comes in its declared type.
    clear: Option<(String, DataType)>,
}

/// A decision, compiled.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) schema: SchemaRef,
    pub(super) columns: Vec<VisibleColumn>,
    /// TRUE on visible rows; `None`: every row is visible.
    pub(super) predicate: Option<Expr>,
    /// Holds wherever `predicate` does, by raw names; for sources and pruning.
    pub(super) guard: Predicate,
    /// `guard` holds on visible rows only. Where it does not, hidden rows reach whoever decodes what the source sends.
    pub(super) guard_is_policy: bool,
    /// Raw columns that the row scope, the masks and the restrictive filters read.
    pub(super) policy_columns: Vec<usize>,
    /// A row filter or a mask applies.
    pub(super) restricted: bool,
    /// A column or field does not exist for the caller. Files are as large as it makes them.
    pub(super) narrowed: bool,
}

impl ClearColumns for Scope {
    fn clear(&self, visible: &str) -> Option<(&str, &DataType)> {
        let column = self.columns.iter().find(|column| column.field.name() == visible)?;
        column
            .clear
            .as_ref()
            .map(|(name, data_type)| (name.as_str(), data_type))
    }
}

/// What compiling needs to know.
pub(super) struct Compiler<'a> {
    pub(super) cx: &'a QueryContext,
    pub(super) grant: &'a RelationGrant,
    pub(super) source: &'a SourceColumns,
    /// What filters read of the user whose they are: the caller, but see `joint`.
    inputs: FilterInputs,
    /// The Cedar bodies, bound to the facts of the same person as `inputs`.
    conditions: &'a BTreeMap<String, BoundCondition>,
    leaves: Vec<LeafFacts>,
    policy_columns: BTreeSet<usize>,
    /// The guards of all filters compiled so far hold where their filters do, and nowhere else.
    exact: bool,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(cx: &'a QueryContext, grant: &'a RelationGrant, source: &'a SourceColumns) -> Self {
        let leaves = leaves(&grant.path.table);
        Self {
            cx,
            grant,
            source,
            inputs: inputs(cx, &cx.caller),
            conditions: &grant.conditions,
            leaves,
            policy_columns: BTreeSet::new(),
            exact: true,
        }
    }

    /// Compiles the decision.
    ///
    /// # Errors
    /// `SCHEMA_CHANGED` (one text for all causes) if a policy or a visible column does not fit the source.
    pub(super) fn compile(mut self) -> Result<Scope> {
        let (rows, guard) = self.rows()?;
        // Filters of cells come later: they hide no rows.
        let guard_is_policy = self.exact;
        let columns = self.visible()?;
        let schema = Arc::new(Schema::new(
            columns
                .iter()
                .map(|column| Arc::clone(&column.field))
                .collect::<Vec<_>>(),
        ));
        let access = &self.grant.access;
        let masked = access.visible_columns().any(|column| column.clear != Clear::Always);
        let bound = self.grant.others.iter().any(|other| !other.restrictive.is_empty());
        let restricted = access.rows != RowScope::All || !access.restrictive.is_empty() || bound || masked;
        let mut conjuncts = self.validity();
        conjuncts.extend(rows);
        let predicate = conjuncts
            .into_iter()
            .reduce(|left, right| binary(left, Operator::And, right));
        Ok(Scope {
            schema,
            columns,
            predicate,
            guard,
            guard_is_policy,
            policy_columns: self.policy_columns.into_iter().collect(),
            restricted,
            narrowed: access.columns.iter().any(|column| !column.is_visible()),
        })
    }

    /// Rule 4: some permissive filter, and every restrictive one.
    fn rows(&mut self) -> Result<(Vec<Expr>, Predicate)> {
        let access = &self.grant.access;
        let (mut conjuncts, guard) = match &access.joint {
            Some(joint) => self.rows_of_both(joint)?,
            None => self.rows_of(&access.rows, &access.restrictive)?,
        };
        let mut guards = vec![guard];
        for other in &self.grant.others {
            self.bind_other(other, &mut conjuncts, &mut guards)?;
        }
        Ok((conjuncts, all(guards)))
    }

    fn rows_of(&mut self, rows: &RowScope, restrictive: &[String]) -> Result<(Vec<Expr>, Predicate)> {
        let (mut conjuncts, mut guards) = (Vec::new(), Vec::new());
        match rows {
            RowScope::All => {}
            RowScope::None => return Ok((vec![lit(false)], Predicate::False)),
            RowScope::AnyOf(ids) => {
                let (some, guard) = self.some(ids)?;
                conjuncts.push(some);
                guards.push(guard);
            }
        }
        for id in restrictive {
            let CompiledFilter { expr, guard } = self.filter(id)?;
            conjuncts.push(expr);
            guards.push(guard);
        }
        Ok((conjuncts, all(guards)))
    }

    /// Restrictive filters as they bind somebody who reads through a definer view: with that one's name and attributes.
    fn bind_other(&mut self, other: &'a Other, conjuncts: &mut Vec<Expr>, guards: &mut Vec<Predicate>) -> Result<()> {
        let own = std::mem::replace(&mut self.inputs, inputs(self.cx, &other.caller));
        let conditions = std::mem::replace(&mut self.conditions, &other.conditions);
        for id in &other.restrictive {
            let CompiledFilter { expr, guard } = self.filter(id)?;
            conjuncts.push(expr);
            guards.push(guard);
        }
        (self.inputs, self.conditions) = (own, conditions);
        Ok(())
    }

    /// Where one of these filters IS TRUE.
    fn some(&mut self, ids: &[String]) -> Result<(Expr, Predicate)> {
        let filters = ids.iter().map(|id| self.filter(id)).collect::<Result<Vec<_>>>()?;
        let (exprs, guards): (Vec<Expr>, Vec<Predicate>) =
            filters.into_iter().map(|filter| (filter.expr, filter.guard)).unzip();
        let some = exprs
            .into_iter()
            .reduce(|left, right| binary(left, Operator::Or, right));
        Ok((some.unwrap_or_else(|| lit(false)), any(guards)))
    }

    /// Rule 6: a text in a policy column that has no value of its type makes its row invisible.
    fn validity(&self) -> Vec<Expr> {
        let text_columns = self.policy_columns.iter().filter(|at| self.source.is_text_for(**at));
        text_columns
            .filter_map(|at| {
                let (name, _) = self.source.raw_field(*at)?;
                let absent = Expr::IsNull(Box::new(raw_column(name)));
                Some(binary(
                    absent,
                    Operator::Or,
                    Expr::IsNotNull(Box::new(self.typed(*at)?)),
                ))
            })
            .collect()
    }

    /// A raw column in its declared type, for policies: NULL where a text has no value.
    fn typed(&self, at: usize) -> Option<Expr> {
        let (name, _) = self.source.raw_field(at)?;
        let raw = raw_column(name);
        if !self.source.is_text_for(at) {
            return Some(raw);
        }
        let declared = self.source.declared_type(at)?.clone();
        if declared.is_nested() {
            let (path, to) = (Vec::new(), declared);
            return Some(CellFunction::TryDecode { path, to }.call(vec![raw]));
        }
        Some(Expr::TryCast(datafusion::logical_expr::TryCast::new(
            Box::new(raw),
            declared,
        )))
    }

    /// One generic denial, whatever does not fit (governance.md §9.4, C1).
    fn unfit(&self) -> QueryError {
        let name = self.grant.name();
        QueryError::new(
            ErrorCode::MissingColumn,
            format!("table `{name}` cannot be read until its declaration fits its source"),
        )
    }
}

/// The facts of a statement, and of somebody whom it concerns, that filters read.
pub(crate) fn inputs(cx: &QueryContext, caller: &Caller) -> FilterInputs {
    let user = cx.snapshot.user(&caller.user);
    FilterInputs {
        principal_id: caller.user.as_str().to_owned(),
        principal_name: user.map_or_else(|| caller.name.clone(), |user| user.name.clone()),
        tags: user.map(|user| user.body.attributes.clone()).unwrap_or_default(),
        now: cx.now,
        purpose: cx.request.purpose.clone(),
        workgroup: Some(cx.workgroup.clone()).filter(|name| !name.is_empty()),
    }
}
