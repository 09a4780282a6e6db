//! May a source join, group or order the rows of governed relations? Only rows, and only columns, of which nothing is hidden.
//!
//! governance.md §6: what runs at the source is the policy first, and then what the user asked for. Where a decision hides rows or
//! cells, grouping stays above the barrier: here the source sees the same tables as the caller, or it is not asked.

mod asked;
mod worth;

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::SchemaRef,
    catalog::Session,
    logical_expr::Expr,
    physical_optimizer::{PhysicalOptimizerRule, ensure_coop::EnsureCooperative},
    physical_plan::ExecutionPlan,
};
use lakegate_connectors::{
    connection::Connection,
    connector::Connector,
    predicate::Predicate,
    scan::{Aggregate, ColumnRef, JoinKind, SortKey},
    table_spec::TableSpec,
};

use self::worth::{Size, is_worth};
use super::{
    figure::Figure,
    policy_filter::PolicyFilterExec,
    scan_exec::{GovernedScanExec, Seen},
    table::{GovernedTable, TableSource, unqualified},
};
use crate::{
    error::{QueryError, Result},
    federate::scan_exec::{ConnectorScan, plan_scan},
};

/// What is wanted, by visible names. `ColumnRef::table` counts `tables`.
#[derive(Clone, Debug)]
pub(crate) struct Wanted<'a> {
    pub tables: Vec<WantedTable<'a>>,
    pub joined: Joined,
    pub shape: Shape,
    /// What comes back: of groups, the keys and then the aggregates; else the columns.
    pub schema: SchemaRef,
    /// How plans show it.
    pub shown: String,
}

/// A relation whose rows are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WantedTable<'a> {
    pub table: &'a GovernedTable,
    /// The conditions of its scan.
    pub filters: &'a [Expr],
    /// How many columns the scan has.
    pub width: usize,
}

/// How tables are joined, from left to right.
#[derive(Clone, Debug)]
pub(crate) enum Joined {
    /// The table of this number.
    Table(usize),
    Join {
        left: Box<Joined>,
        right: Box<Joined>,
        kind: JoinKind,
        on: Vec<(ColumnRef, ColumnRef)>,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Groups {
        keys: Vec<ColumnRef>,
        /// Arguments name visible columns.
        aggregates: Vec<Aggregate>,
    },
    First {
        columns: Vec<ColumnRef>,
        order: Vec<SortKey>,
        rows: u64,
    },
    /// Of a join.
    Rows(Vec<ColumnRef>),
}

/// A source that may be told all that the caller may.
pub(super) struct Whole<'a> {
    pub(super) connector: &'a Arc<dyn Connector>,
    pub(super) connection: &'a Arc<Connection>,
    pub(super) spec: &'a Arc<TableSpec>,
}

/// The scan of what the source makes of the rows; `None` where it does not, or may not, or where that is not worth it: nothing is
/// lost, the engine does it.
///
/// # Errors
/// Those of the source, in our words.
pub(crate) async fn folded(session: &dyn Session, wanted: Wanted<'_>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(first) = wanted.tables.first() else {
        return Ok(None);
    };
    let cx = &first.table.cx;
    cx.check()?;
    let Some((scan, size)) = folded_scan(session, &wanted) else {
        return Ok(None);
    };
    if !scan.is_taken().await {
        return Ok(None);
    }
    let hides = wanted.tables.iter().any(|one| one.table.hides());
    if hides {
        cx.meter.set_restricted();
    }
    let source = plan_scan(scan).await?;
    let way = source.way().filter(|_| !hides).map(ToOwned::to_owned);
    let columns: Vec<usize> = (0..source.schema().fields().len()).collect();
    let mut inner: Arc<dyn ExecutionPlan> = source;
    let mut marks = Vec::new();
    for one in &wanted.tables {
        let (mark, batch_size) = (one.table.mark(), session.config().batch_size());
        let filter = PolicyFilterExec::new(mark.clone(), (None, None), inner, columns.clone(), batch_size);
        inner = Arc::new(filter.map_err(QueryError::internal)?);
        marks.push(mark);
    }
    let inner = EnsureCooperative::new()
        .optimize(inner, session.config_options())
        .map_err(QueryError::internal)?;
    let seen = Seen {
        way,
        ..seen(session, first.table, &wanted, size)
    };
    Ok(Some(Arc::new(GovernedScanExec::new(seen, marks, wanted.schema, inner))))
}

fn seen(session: &dyn Session, first: &GovernedTable, wanted: &Wanted<'_>, size: Size) -> Seen {
    let limit = match &wanted.shape {
        Shape::Groups { keys, .. } => keys.is_empty().then_some(1),
        Shape::First { rows, .. } => usize::try_from(*rows).ok(),
        Shape::Rows(_) => None,
    };
    let filters = wanted.tables.iter().flat_map(|one| one.filters);
    let filters = filters.map(|filter| unqualified(filter).to_string()).collect();
    let partitions = session.config().target_partitions();
    let tables = || wanted.tables.iter().map(|one| one.table);
    Seen {
        cx: Arc::clone(&first.cx),
        relation: first.grant.name(),
        filters,
        fold: joins(wanted) + &wanted.shown,
        way: None,
        partitions: if tables().any(GovernedTable::hides) {
            partitions
        } else {
            1
        },
        restricted: tables().any(|table| table.scope.restricted),
        figure: Figure::guessed(size.rows).asked(false, limit),
        // What a join leaves out would be missing in the groups.
        keys: Vec::new(),
    }
}

/// `, joins=[INNER crm.public.items ON id = order_id]`.
fn joins(wanted: &Wanted<'_>) -> String {
    let mut told = Vec::new();
    tell(&wanted.joined, wanted, &mut told);
    if told.is_empty() {
        return String::new();
    }
    format!(", joins=[{}]", told.join(", "))
}

fn tell(joined: &Joined, wanted: &Wanted<'_>, told: &mut Vec<String>) {
    let Joined::Join { left, right, kind, on } = joined else {
        return;
    };
    tell(left, wanted, told);
    let kind = match kind {
        JoinKind::Inner => "INNER",
        JoinKind::Left => "LEFT",
        JoinKind::Semi => "SEMI",
        JoinKind::Anti => "ANTI",
    };
    let name = wanted
        .tables
        .get(right.first())
        .map(|one| one.table.grant.name().to_string());
    let pairs = on
        .iter()
        .map(|(one, other)| format!("{} = {}", one.column, other.column));
    let pairs: Vec<String> = pairs.collect();
    told.push(format!(
        "{kind} {} ON {}",
        name.unwrap_or_default(),
        pairs.join(" AND ")
    ));
    tell(right, wanted, told);
}

impl Joined {
    /// The number of the leftmost table.
    fn first(&self) -> usize {
        match self {
            Self::Table(number) => *number,
            Self::Join { left, .. } => left.first(),
        }
    }
}

/// INVARIANT: no row and no cell that it reads is hidden, every condition is one that the source may be told, and all tables are those
/// of one statement, at one source, under one credential.
fn folded_scan(session: &dyn Session, wanted: &Wanted<'_>) -> Option<(ConnectorScan, Size)> {
    let sources = wanted.tables.iter().map(|one| one.table.whole());
    let sources: Vec<Whole<'_>> = sources.collect::<Option<_>>()?;
    let (source, table) = (sources.first()?, wanted.tables.first()?.table);
    let apart =
        |one: &Whole<'_>| !Arc::ptr_eq(one.connector, source.connector) || !one.connection.is_same(source.connection);
    let foreign = |one: &WantedTable<'_>| !Arc::ptr_eq(&one.table.cx, &table.cx);
    if sources.iter().any(apart) || wanted.tables.iter().any(foreign) {
        return None;
    }
    let fold = asked::fold(wanted, &sources)?;
    let size = worth::size(wanted, &sources, fold.relation.as_ref())?;
    if !is_worth(wanted, size) {
        return None;
    }
    let scan = ConnectorScan {
        cx: Arc::clone(&table.cx),
        place: table.place(),
        connector: Arc::clone(source.connector),
        connection: Arc::clone(source.connection),
        spec: Arc::clone(source.spec),
        columns: Vec::new(),
        guard: Predicate::True,
        filters: asked::conditions(wanted)?,
        takes_keys: false,
        limit: None,
        target_partitions: 1,
        batch_size: session.config().batch_size(),
        decided: wanted.tables.iter().map(|one| one.table.grant.digest).collect(),
        fold: Some(Arc::new(fold)),
    };
    Some((scan, size))
}

impl GovernedTable {
    /// About how many rows its source holds.
    fn stored_rows(&self) -> Option<u64> {
        self.whole()?.spec.statistics.rows
    }

    /// Its source, if every row of it is the caller's to see.
    fn whole(&self) -> Option<Whole<'_>> {
        let TableSource::Connector {
            connector,
            connection,
            spec,
        } = &self.source
        else {
            return None;
        };
        let open = self.scope.predicate.is_none() && matches!(self.scope.guard, Predicate::True);
        open.then_some(Whole {
            connector,
            connection,
            spec,
        })
    }
}
