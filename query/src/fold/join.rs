//! Which joins does the source of their tables compute? Those by equal columns, where that sends less (`govern::folded`).

use datafusion::{
    catalog::Session,
    common::Result,
    logical_expr::{Expr, LogicalPlan},
};
use lakegate_connectors::scan::ColumnRef;

use super::{at_source, base::Base, chain::arrow};
use crate::govern::folded::Shape;

/// What takes the place of a join, or of the choice of columns over it.
pub(super) async fn folded(part: &LogicalPlan, session: &dyn Session) -> Result<Option<LogicalPlan>> {
    let Some((base, columns)) = joined(part) else {
        return Ok(None);
    };
    let shape = Shape::Rows(columns);
    at_source(
        &base,
        session,
        shape,
        (String::new(), arrow(part.schema())),
        part.schema(),
    )
    .await
}

/// Is it a join of scans, or its columns and nothing else?
pub(super) fn is_join(part: &LogicalPlan) -> bool {
    joined(part).is_some()
}

fn joined(part: &LogicalPlan) -> Option<(Base<'_>, Vec<ColumnRef>)> {
    let base = Base::below(part)?;
    let columns = part.schema().columns().into_iter();
    let columns = columns.map(|column| base.column(&base.over(&Expr::Column(column), part)?));
    let columns = columns.collect::<Option<Vec<_>>>()?;
    (base.scans.len() > 1 && !columns.is_empty()).then_some((base, columns))
}
