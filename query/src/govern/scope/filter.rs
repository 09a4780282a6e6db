//! How does a stored filter meet the columns that the source has now? By the ids that it was bound to.

use datafusion::{
    arrow::datatypes::DataType,
    logical_expr::{Expr, lit},
};
use lakegate_catalog::{
    governance::{BoundColumn, DataFilter, FilterLanguage},
    id::ObjectId,
};
use lakegate_connectors::{predicate::Predicate, scan::ColumnRef};

use super::Compiler;
use crate::{
    error::Result,
    govern::{cedar_body, row_filter::FilterBody},
    type_name::parse_type,
};

/// A filter for one statement.
pub(super) struct CompiledFilter {
    /// TRUE where the body IS TRUE and not E, else FALSE.
    pub(super) expr: Expr,
    pub(super) guard: Predicate,
}

/// The tables of the mappings of a filter, as they were at publication.
fn published(filter: &DataFilter) -> impl Fn(&[String; 3]) -> Option<Vec<(String, DataType)>> {
    move |name| {
        let alike = filter.mappings.iter().filter(|mapping| mapping.name == *name);
        let reads = alike.flat_map(|mapping| &mapping.reads);
        let columns = reads.map(|read| Some((read.name.clone(), parse_type(&read.data_type).ok()?)));
        columns
            .collect::<Option<Vec<_>>>()
            .filter(|columns| !columns.is_empty())
    }
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
        if stored.body.language == FilterLanguage::Cedar {
            return self.cedar(id, &columns, &places);
        }
        let body =
            FilterBody::bind_with(&stored.body.body, &columns, &published(&stored.body)).map_err(|problems| {
                let text = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                self.unfit().because(format!("filter {id}: {text}"))
            })?;
        // INVARIANT: values that were not read leave the body E.
        let bound = (self.inputs.principal_id.clone(), id.to_owned());
        let body = body.mapped(self.grant.mapped.get(&bound).cloned().unwrap_or_default());
        let place = |name: &str| places.iter().find(|(known, _)| *known == name).map(|(_, at)| *at);
        for read in body.reads() {
            self.policy_columns.extend(place(&read.name));
        }
        let expr = body.compile(&self.inputs, &|name| {
            place(name).and_then(|at| self.typed(at)).unwrap_or_else(|| lit(false))
        });
        let raw = |name: &str| {
            let at = place(name).filter(|at| !self.source.is_text_for(*at))?;
            self.source.raw_field(at).map(|(name, _)| ColumnRef::of(name))
        };
        let guard = body.superset(&self.inputs, &raw);
        self.exact &= body.is_exact(&self.inputs, &raw);
        Ok(CompiledFilter { expr, guard })
    }

    /// A Cedar body, as it was bound when the caller was decided: what the digest covers is what is compiled.
    fn cedar(&mut self, id: &str, columns: &[(String, DataType)], places: &[(&str, usize)]) -> Result<CompiledFilter> {
        let body = self.conditions.get(id).ok_or_else(|| self.unfit())?;
        let place = |name: &str| places.iter().find(|(known, _)| *known == name).map(|(_, at)| *at);
        let expr = cedar_body::compile(body, columns, &|name| {
            place(name).and_then(|at| self.typed(at)).unwrap_or_else(|| lit(false))
        });
        let expr = expr.ok_or_else(|| self.unfit().because(format!("filter {id} does not fit its columns")))?;
        let raw = |name: &str| {
            let at = place(name).filter(|at| !self.source.is_text_for(*at))?;
            self.source.raw_field(at).map(|(name, _)| ColumnRef::of(name))
        };
        let guard = cedar_body::superset(body, columns, &raw);
        self.exact &= cedar_body::is_exact(body, columns, &raw);
        // All of them, also where this caller's facts leave one out: what a file lacks must not depend on who asks.
        self.policy_columns.extend(places.iter().map(|(_, at)| *at));
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
