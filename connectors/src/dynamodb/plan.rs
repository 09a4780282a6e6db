//! What of a scan does DynamoDB do, and on which way? Everything is known from the table's handle.
//!
//! BatchGetItem of full keys, Query of hash keys, Query of an index that has all that is read, Scan in segments: of those that the
//! conditions allow, the one that is thought to take the fewest read units.
//!
//! A guard is judged here once more, item by item, on its own columns and before anything else of the item is decoded. So rows that
//! it hides leave no connector, fail no read, and stand behind no condition of the caller's.

use std::sync::Arc;

use arrow::{
    array::RecordBatch,
    datatypes::{Field, Schema, SchemaRef},
};

use super::{
    client::Charge,
    describe,
    expression::Filter,
    keys::Part,
    kind::Kind,
    path::{Needs, Path, cheapest, probe},
    request::{Template, Work, kind_of},
    table::{Column, Index, Table},
};
use crate::{
    capability::{LimitVerdict, OrderVerdict, Pushdown},
    connector::PlanResponse,
    error::{ConnectorError, ConnectorErrorKind, Result},
    predicate::Predicate,
    scan::{ColumnId, Guard, OutputColumn, OutputValue, Relation, ScanSpec},
    split::Handle,
    table_spec::Statistics,
};

/// A planned scan.
#[derive(Debug)]
pub(super) struct Scan {
    pub table: Arc<Table>,
    pub template: Template,
    pub works: Vec<Work>,
    pub schema: SchemaRef,
    /// Columns of the table, one per field of `schema`.
    pub columns: Vec<Column>,
    pub policy: Option<Policy>,
    /// Rows of a split, at most.
    pub limit: Option<u64>,
    pub index: Option<Index>,
    /// What the source does, and how exactly, for people.
    pub pushdown: String,
}

/// What is asked of an item before it is decoded.
#[derive(Debug)]
pub(super) struct Policy {
    /// Those that the guard reads.
    pub columns: Vec<Column>,
    pub schema: SchemaRef,
    pub rows: Predicate,
}

impl Scan {
    /// Whose read units it takes.
    pub(super) fn charge(&self, assumed: Option<f64>) -> Charge {
        self.table.charge(self.index.as_ref(), assumed)
    }
}

/// Verdicts and handle.
pub(super) fn plan(scan: &ScanSpec) -> Result<PlanResponse> {
    let Relation::Table { table, guard, .. } = &scan.relation else {
        return Err(ConnectorError::unsupported("a join at the source is not supported"));
    };
    if !scan.group_by.is_empty() || !scan.aggregates.is_empty() {
        return Err(ConnectorError::unsupported(
            "an aggregate at the source is not supported",
        ));
    }
    let table = table.get::<Arc<Table>>()?;
    check_columns(table, scan, guard)?;
    let columns = output(table, &scan.output)?;
    let policy = policy(table, guard);
    let conditions = conditions(scan, guard, policy.is_some());
    let owners: Vec<Option<usize>> = conditions.iter().map(|(owner, _)| *owner).collect();
    let parts: Vec<Part<'_>> = conditions.iter().map(|(_, predicate)| Part::new(predicate)).collect();

    let read: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let whole = columns.iter().any(|column| column.kind == Kind::Item);
    let mut path = cheapest(table, &parts, &Needs { read: &read, whole });
    let (mut template, filter) = template(table, &mut path, &columns, policy.as_ref(), whole);

    let verdicts = verdicts(scan.filter.len(), &owners, &path.parts);
    let source = verdict_of(&owners, &path.parts, None);
    let guard_verdict = guard_verdict(guard, source, policy.is_some());
    let exact = guard_verdict == Pushdown::Exact && verdicts.iter().all(|one| *one == Pushdown::Exact);
    let limit = scan.limit.filter(|_| exact && scan.order.is_empty());
    if policy.is_none() && filter.is_none() {
        // What is evaluated is what is wanted.
        template.page = limit.map(|limit| limit.clamp(1, 100_000));
    }
    let schema = schema(&scan.output);
    let pushdown = shown(&path, guard_verdict, &verdicts, limit);
    let planned = Scan {
        table: Arc::clone(table),
        template,
        works: if limit == Some(0) { Vec::new() } else { path.works },
        schema: Arc::clone(&schema),
        columns,
        policy,
        limit,
        index: path.index.cloned(),
        pushdown,
    };
    Ok(PlanResponse {
        handle: Handle::new(Arc::new(planned)),
        schema,
        estimate: Statistics::default(),
        consistency: describe::capabilities().consistency,
        guard: guard_verdict,
        filter: verdicts,
        dynamic: vec![Pushdown::Unsupported; scan.dynamic.len()],
        aggregate: Pushdown::Unsupported,
        join: Pushdown::Unsupported,
        order: OrderVerdict::Unsupported,
        limit: if limit.is_some() {
            LimitVerdict::PerSplit
        } else {
            LimitVerdict::Unsupported
        },
    })
}

/// The conjuncts of the guard (of nobody) and of the caller (by number) that may be asked.
fn conditions<'a>(scan: &'a ScanSpec, guard: &'a Guard, judged: bool) -> Vec<(Option<usize>, &'a Predicate)> {
    let masked: Vec<&ColumnId> = guard.masks.iter().map(|(column, _)| column).collect();
    let mut conditions = Vec::new();
    flatten(&guard.rows, None, &mut conditions);
    // INVARIANT: where the guard is not judged here, no condition of the caller's is either.
    if judged || matches!(guard.rows, Predicate::True) {
        let hidden = |conjunct: &Predicate| conjunct.columns().iter().any(|column| masked.contains(&&column.column));
        for (at, conjunct) in scan.filter.iter().enumerate().filter(|(_, conjunct)| !hidden(conjunct)) {
            flatten(conjunct, Some(at), &mut conditions);
        }
    }
    conditions
}

/// About rows and masks together: masks are never written here. `source`: of the parts that the service was told.
fn guard_verdict(guard: &Guard, source: Pushdown, judged: bool) -> Pushdown {
    let open = matches!(guard.rows, Predicate::True);
    match (guard.masks.is_empty(), open, judged) {
        (true, true, _) | (true, false, true) => Pushdown::Exact,
        (false, true, _) => Pushdown::Unsupported,
        (false, false, true) => Pushdown::Inexact,
        (_, false, false) => source.min(Pushdown::Inexact),
    }
}

/// `path=query index=by_owner units=1.5 guard=exact filter=1/2 limit=split`.
fn shown(path: &Path<'_>, guard: Pushdown, filter: &[Pushdown], limit: Option<u64>) -> String {
    let way = path.works.first().map_or("none", Work::operation);
    let index = path.index.map_or("-", |index| index.name.as_str());
    let guard = match guard {
        Pushdown::Exact => "exact",
        Pushdown::Inexact => "inexact",
        Pushdown::Unsupported => "none",
    };
    let exact = filter.iter().filter(|one| **one == Pushdown::Exact).count();
    let limit = if limit.is_some() { "split" } else { "none" };
    format!(
        "path={way} index={index} splits={} units={:.1} guard={guard} filter={exact}/{} limit={limit}",
        path.works.len(),
        path.units,
        filter.len()
    )
}

/// The parts of a conjunction, and of those in it.
fn flatten<'a>(predicate: &'a Predicate, owner: Option<usize>, into: &mut Vec<(Option<usize>, &'a Predicate)>) {
    match predicate {
        Predicate::And(parts) => parts.iter().for_each(|part| flatten(part, owner, into)),
        Predicate::True => {}
        other => into.push((owner, other)),
    }
}

/// One verdict per conjunct of the caller's. One that was not asked has no parts and is not applied.
fn verdicts(count: usize, owners: &[Option<usize>], parts: &[Part<'_>]) -> Vec<Pushdown> {
    (0..count).map(|at| verdict_of(owners, parts, Some(at))).collect()
}

fn verdict_of(owners: &[Option<usize>], parts: &[Part<'_>], owner: Option<usize>) -> Pushdown {
    let mine = || {
        owners
            .iter()
            .zip(parts)
            .filter(|(one, _)| **one == owner)
            .map(|(_, part)| part.verdict)
    };
    if mine().count() == 0 {
        return Pushdown::Unsupported;
    }
    match (mine().min(), mine().max()) {
        (Some(Pushdown::Exact), _) => Pushdown::Exact,
        (_, None | Some(Pushdown::Unsupported)) => Pushdown::Unsupported,
        _ => Pushdown::Inexact,
    }
}

/// The guard, if it can be judged here.
fn policy(table: &Table, guard: &Guard) -> Option<Policy> {
    if matches!(guard.rows, Predicate::True) {
        return None;
    }
    let mut columns: Vec<Column> = Vec::new();
    for read in guard.rows.columns() {
        let column = table.position(&read.column).and_then(|at| table.columns.get(at))?;
        if !columns.contains(column) {
            columns.push(column.clone());
        }
    }
    let fields = columns
        .iter()
        .map(|column| Field::new(&column.name, column.kind.arrow_type(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    // What cannot be judged at all cannot be judged of no rows either.
    guard.rows.evaluate(&RecordBatch::new_empty(Arc::clone(&schema))).ok()?;
    Some(Policy {
        columns,
        schema,
        rows: guard.rows.clone(),
    })
}

/// What all pieces ask, with the filter that is left for the service.
fn template(
    table: &Table,
    path: &mut Path<'_>,
    columns: &[Column],
    policy: Option<&Policy>,
    whole: bool,
) -> (Template, Option<String>) {
    let mut template = probe(table, path.key);
    template.index = path.index.map(|index| index.name.clone());
    let policy = policy.iter().flat_map(|policy| policy.columns.iter());
    if !whole {
        let mut names: Vec<&str> = columns
            .iter()
            .chain(policy)
            .map(|column| column.name.as_str())
            .collect();
        if names.is_empty() {
            names.push(&table.key.hash);
        }
        let mut places: Vec<String> = names.into_iter().map(|name| template.terms.name(name)).collect();
        places.sort();
        places.dedup();
        template.projection = Some(places.join(", "));
    }
    let mut filter = Filter::default();
    let is_get = matches!(path.works.first(), Some(Work::Get(_)));
    let is_query = matches!(path.works.first(), Some(Work::Query(_)));
    let closed: Vec<&str> = if is_query {
        [Some(&path.key.hash), path.key.range.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect()
    } else {
        Vec::new()
    };
    let keys: Vec<&str> = [Some(&table.key.hash), table.key.range.as_ref()]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    for part in path
        .parts
        .iter_mut()
        .filter(|part| part.verdict != Pushdown::Exact && !is_get)
    {
        if filter.add(&mut template.terms, table, part.predicate, &closed) {
            // Keys are always there and of one type.
            part.verdict = if part.reads_only(&keys) {
                Pushdown::Exact
            } else {
                Pushdown::Inexact
            };
        }
    }
    // A number that does not fit is read as NULL, and the service compares it as what it is.
    let fits = |column: &&str| matches!(kind_of(table, column), Some(Kind::Text | Kind::Binary));
    for part in path
        .parts
        .iter_mut()
        .filter(|part| table.lenient && !part.columns.iter().all(fits))
    {
        part.verdict = part.verdict.min(Pushdown::Inexact);
    }
    template.filter = filter.text();
    let text = template.filter.clone();
    (template, text)
}

fn schema(output: &[OutputColumn]) -> SchemaRef {
    let field = |column: &OutputColumn| Field::new(&column.name, column.data_type.clone(), column.nullable);
    Arc::new(Schema::new(output.iter().map(field).collect::<Vec<_>>()))
}

/// Every column that is named must be there.
fn check_columns(table: &Table, scan: &ScanSpec, guard: &Guard) -> Result<()> {
    for column in scan.filter.iter().chain([&guard.rows]).flat_map(Predicate::columns) {
        if column.table != 0 {
            return Err(ConnectorError::new(
                ConnectorErrorKind::InvalidRequest,
                "a column of another table",
            ));
        }
        find(table, &column.column)?;
    }
    for (column, _) in &guard.masks {
        find(table, column)?;
    }
    Ok(())
}

fn find<'a>(table: &'a Table, column: &ColumnId) -> Result<&'a Column> {
    table
        .position(column)
        .and_then(|at| table.columns.get(at))
        .ok_or_else(|| {
            ConnectorError::new(ConnectorErrorKind::SchemaChanged, "a column of the table is gone")
                .with_detail(format!("column `{column}`"))
        })
}

fn output(table: &Table, output: &[OutputColumn]) -> Result<Vec<Column>> {
    let mut columns = Vec::with_capacity(output.len());
    for wanted in output {
        let OutputValue::Column(reference) = &wanted.value else {
            return Err(ConnectorError::unsupported(
                "an aggregate at the source is not supported",
            ));
        };
        let column = find(table, &reference.column)?;
        if column.kind.arrow_type() != wanted.data_type {
            let detail = format!("column `{}` is not of type {}", reference.column, wanted.data_type);
            return Err(ConnectorError::new(
                ConnectorErrorKind::SchemaChanged,
                "a column has another type at the source",
            )
            .with_detail(detail));
        }
        columns.push(column.clone());
    }
    Ok(columns)
}
