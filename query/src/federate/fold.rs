//! What may a source make of the rows of a scan before they come? Groups with their aggregates, or the first rows of an order.

use lakegate_connectors::{
    capability::{LimitVerdict, OrderVerdict, Pushdown},
    connector::PlanResponse,
    scan::{Aggregate, ColumnRef, OutputColumn, ScanSpec, SortKey},
};

/// What comes back in the place of rows.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    pub group_by: Vec<ColumnRef>,
    pub aggregates: Vec<Aggregate>,
    pub order: Vec<SortKey>,
    /// Of an order, and of nothing else.
    pub limit: Option<u64>,
    pub output: Vec<OutputColumn>,
}

impl Fold {
    /// Asks for it in a scan.
    pub(super) fn onto(&self, scan: &mut ScanSpec) {
        scan.group_by.clone_from(&self.group_by);
        scan.aggregates.clone_from(&self.aggregates);
        scan.order.clone_from(&self.order);
        scan.limit = self.limit;
        scan.output.clone_from(&self.output);
    }
}

/// Does the source do all of it, over exactly the rows that guard and conditions leave?
pub(super) fn taken(plan: &PlanResponse, scan: &ScanSpec) -> bool {
    let exact = |verdicts: &[Pushdown]| verdicts.iter().all(|one| *one == Pushdown::Exact);
    let rows = plan.guard == Pushdown::Exact && plan.filter.len() == scan.filter.len() && exact(&plan.filter);
    let grouped = !scan.group_by.is_empty() || !scan.aggregates.is_empty();
    let fold = if grouped {
        plan.aggregate == Pushdown::Exact
    } else {
        plan.order == OrderVerdict::Global && plan.limit == LimitVerdict::Exact
    };
    rows && fold
}
