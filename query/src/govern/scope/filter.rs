//! How does a stored filter meet the columns that the source has now? By the ids that it was bound to.

use datafusion::logical_expr::{Expr, lit};
use lakegate_catalog::{governance::BoundColumn, id::ObjectId};
use lakegate_connectors::{predicate::Predicate, scan::ColumnRef};

use super::Compiler;
use crate::{error::Result, govern::row_filter::FilterBody, type_name::parse_type};

/// A filter for one statement.
pub(super) struct CompiledFilter {
    /// TRUE where the body IS TRUE and not E, else FALSE.
    pub(super) expr: Expr,
    pub(super) guard: Predicate,
}

impl Compiler<'_> {
    /// Compiles a filter and remembers what it reads.
    pub(super) fn filter(&mut self, id: &str) -> Result<CompiledFilter> {
        let stored = self
            .cx
            .snapshot
            .data_filter(&ObjectId::from_stored(id))
            .ok_or_else(|| self.unfit())?;
        let mut columns = Vec::new();
        let mut places = Vec::new();
        for read in &stored.body.reads {
            let at = self.bound(read).ok_or_else(|| self.unfit())?;
            let data_type = self.source.declared_type(at).ok_or_else(|| self.unfit())?;
            columns.push((read.name.clone(), data_type.clone()));
            places.push((read.name.as_str(), at));
        }
        let body = FilterBody::bind(&stored.body.body, &columns).map_err(|problems| {
            let text = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            self.unfit().because(format!("filter {id}: {text}"))
        })?;
        let place = |name: &str| places.iter().find(|(known, _)| *known == name).map(|(_, at)| *at);
        for read in body.reads() {
            self.policy_columns.extend(place(&read.name));
        }
        let expr = body.compile(&self.inputs, &|name| {
            place(name).and_then(|at| self.typed(at)).unwrap_or_else(|| lit(false))
        });
        let guard = body.superset(&self.inputs, &|name| {
            let at = place(name).filter(|at| !self.source.is_text_for(*at))?;
            self.source.raw_field(at).map(|(name, _)| ColumnRef::of(name))
        });
        Ok(CompiledFilter { expr, guard })
    }

    /// Where a bound column stands now; `None` if it was dropped or has another type.
    fn bound(&self, read: &BoundColumn) -> Option<usize> {
        let column = self
            .grant
            .path
            .table
            .body
            .columns
            .iter()
            .find(|column| column.id == read.id)?;
        let same = column.data_type == read.data_type
            || matches!((parse_type(&column.data_type), parse_type(&read.data_type)), (Ok(now), Ok(then)) if now == then);
        if same { self.source.find(column) } else { None }
    }
}
