//! What may a source make of the rows of a scan before they come? Joined rows, groups with their aggregates, or the first rows of an
//! order.

use lakegate_connectors::{
    capability::{LimitVerdict, OrderVerdict, Pushdown},
    connector::PlanResponse,
    scan::{Aggregate, ColumnRef, OutputColumn, Relation, ScanSpec, SortKey},
};

/// What comes back in the place of rows.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    /// Of joined rows: the tables in their places.
    pub relation: Option<Relation>,
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
        if let Some(relation) = &self.relation {
            scan.relation = relation.clone();
        }
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
    let joined = matches!(scan.relation, Relation::Table { .. }) || plan.join == Pushdown::Exact;
    let fold = if grouped {
        plan.aggregate == Pushdown::Exact
    } else {
        let ordered = scan.order.is_empty() || plan.order == OrderVerdict::Global;
        ordered && (scan.limit.is_none() || plan.limit == LimitVerdict::Exact)
    };
    rows && joined && fold
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::datatypes::Schema;
    use lakegate_connectors::{
        capability::Consistency,
        predicate::Predicate,
        scan::{Guard, JoinKind},
        split::Handle,
        table_spec::Statistics,
    };

    use super::*;

    fn scan() -> ScanSpec {
        let table = || ScanSpec::table(Handle::new(()), Vec::new(), Guard::none(), Vec::new());
        let mut scan = table();
        scan.filter = vec![Predicate::True];
        scan.relation = Relation::Join {
            left: Box::new(table().relation),
            right: Box::new(table().relation),
            kind: JoinKind::Inner,
            on: vec![(ColumnRef::of("a"), ColumnRef::of("b"))],
        };
        scan
    }

    fn plan() -> PlanResponse {
        PlanResponse {
            handle: Handle::new(()),
            schema: Arc::new(Schema::empty()),
            estimate: Statistics::default(),
            consistency: Consistency::Statement,
            guard: Pushdown::Exact,
            filter: vec![Pushdown::Exact],
            dynamic: Vec::new(),
            aggregate: Pushdown::Unsupported,
            join: Pushdown::Exact,
            order: OrderVerdict::Unsupported,
            limit: LimitVerdict::Unsupported,
        }
    }

    #[test]
    fn what_a_source_does_not_say_it_does_it_does_not() {
        assert!(taken(&plan(), &scan()));
        type Change = fn(&mut PlanResponse, &mut ScanSpec);
        let changes: [Change; 7] = [
            |plan, _| plan.join = Pushdown::Inexact,
            |plan, _| plan.guard = Pushdown::Inexact,
            |plan, _| plan.filter = vec![Pushdown::Inexact],
            |plan, _| plan.filter.clear(),
            |_, scan| scan.group_by.push(ColumnRef::of("a")),
            |_, scan| scan.limit = Some(3),
            |plan, scan| {
                scan.order.push(SortKey {
                    column: ColumnRef::of("a"),
                    descending: false,
                    nulls_first: false,
                });
                (scan.limit, plan.limit) = (Some(3), LimitVerdict::Exact);
            },
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let (mut plan, mut scan) = (plan(), scan());
            change(&mut plan, &mut scan);
            assert!(!taken(&plan, &scan), "{at}");
        }
    }
}
