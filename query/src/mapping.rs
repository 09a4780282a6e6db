//! Which values stand in the mappings of row filters? Each is read once per statement, with the rights of the user who published
//! the filter, through the same barrier as everything else.
//!
//! A publisher who may not read a mapping (any more) makes it an error value: the filter is not true on any row.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use datafusion::{
    arrow::{array::Array, datatypes::DataType},
    catalog::TableProvider,
    common::ScalarValue,
    datasource::provider_as_source,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit},
    physical_plan::execute_stream,
};
use futures::{FutureExt, StreamExt, future::LocalBoxFuture};
use lakegate_catalog::{
    governance::{BoundColumn, BoundMapping, DataFilter},
    id::ObjectId,
    name::TableName,
    object::Stored,
    record::Decisions,
    relation::Table,
    snapshot::TablePath,
};
use sha2::{Digest, Sha256};

use crate::{
    audit::Attempts,
    authorize::{
        self, RelationGrant, conditions,
        explain::{MappingExplanation, MappingValues},
    },
    context::{Caller, QueryContext},
    cooperate::cooperative,
    decided::changed,
    engine_error::{Phase, translate},
    error::{ErrorCode, ErrorKind, QueryError, Result},
    govern::{
        invariant,
        row_filter::{FilterBody, FilterInputs, raw_column},
        statement_inputs,
        table::GovernedTable,
    },
    guard::guarded,
    plan::Planner,
    resolve::Defaults,
    session::{QueryStores, catalogs::GovernedCatalogs},
    source,
    type_name::parse_type,
};

/// Most values of a mapping; with more of them the statement is denied.
pub const MAX_VALUES: usize = 100_000;
/// The values of one mapping, sorted, without NULL; `None`: the filter that needs them is E.
pub type Values = Option<Arc<[ScalarValue]>>;
/// By the id of the user whom a filter binds, and the filter's; in the order of the mappings in its body.
pub type Mapped = BTreeMap<(String, String), Vec<Values>>;

/// For whom mappings are read.
#[derive(Debug)]
pub struct Reading<'a> {
    pub planner: &'a Planner<'a>,
    pub attempts: &'a Attempts,
    /// Who asked the statement.
    pub asker: &'a Caller,
}

/// Those that have mappings, each with a user whom it binds: the caller, on whose behalf it is, who reads through a definer view.
fn mapped_filters(cx: &QueryContext, grant: &RelationGrant) -> Vec<(Caller, Arc<Stored<DataFilter>>)> {
    let bindings = conditions::bindings(cx, &grant.access);
    let own = bindings
        .iter()
        .flat_map(|(caller, ids)| ids.iter().map(move |id| (caller, *id)));
    let others = grant.others.iter().flat_map(|other| {
        let ids = other.restrictive.iter();
        ids.map(|id| (&other.caller, id.as_str()))
    });
    own.chain(others)
        .filter_map(|(caller, id)| Some((caller, cx.snapshot.data_filter(&ObjectId::from_stored(id))?)))
        .filter(|(_, filter)| !filter.body.mappings.is_empty())
        .map(|(caller, filter)| (caller.clone(), Arc::clone(filter)))
        .collect()
}

/// Whether a decision depends on mappings: then it depends on what their publishers may do, too.
pub(crate) fn is_mapped(cx: &QueryContext, grant: &RelationGrant) -> bool {
    !mapped_filters(cx, grant).is_empty()
}

/// What publishers see of the mappings that bind the caller: changes with every right of theirs. `null`: nothing.
pub(crate) fn sights(cx: &QueryContext, grant: &RelationGrant) -> Vec<(String, Vec<Option<String>>)> {
    let of = |(_, filter): (Caller, Arc<Stored<DataFilter>>)| {
        let mappings = filter.body.mappings.iter();
        (
            filter.id.as_str().to_owned(),
            mappings.map(|mapping| sight(cx, &filter.body, mapping)).collect(),
        )
    };
    mapped_filters(cx, grant).into_iter().map(of).collect()
}

fn sight(cx: &QueryContext, filter: &DataFilter, mapping: &BoundMapping) -> Option<String> {
    let reader = cx.read_as(filter.publisher.as_ref()?)?;
    let path = cx.snapshot.relation_path(&mapping.table)?;
    let grant = authorize::decide(&reader, &path).ok()?;
    grant.is_readable().then(|| hex::encode(grant.sight))
}

/// Reads the mappings of all filters that bind the caller of `cx` on a granted table; they become part of the grant.
///
/// # Errors
/// `FILTER_UNAVAILABLE` if a mapping cannot be read or has too many values.
pub async fn read(reading: &Reading<'_>, cx: &Arc<QueryContext>, grant: &mut RelationGrant) -> Result<()> {
    for (bound, filter) in mapped_filters(cx, grant) {
        let mut sets = Vec::with_capacity(filter.body.mappings.len());
        for at in 0..filter.body.mappings.len() {
            let values = one(reading, cx, (&*grant, &bound, filter.as_ref()), at).await;
            sets.push(values.map_err(|error| unavailable(cx, grant, &filter, error))?);
        }
        let key = (bound.user.as_str().to_owned(), filter.id.as_str().to_owned());
        grant.mapped.insert(key, sets);
    }
    if !grant.mapped.is_empty() {
        grant.digest = with_values(&grant.digest, &grant.mapped);
    }
    // What cannot be read any more was refused, or is told when it is opened.
    let inside = grant.path.view.as_ref().and_then(|view| cx.inside(view).ok());
    if let Some(inside) = inside {
        for base in grant.bases.iter_mut().filter_map(|base| base.grant.as_mut()) {
            below(reading, &inside, base).await?;
        }
    }
    Ok(())
}

/// As [`read`], for what a view reads.
fn below<'a>(
    reading: &'a Reading<'_>,
    inside: &'a Arc<QueryContext>,
    grant: &'a mut RelationGrant,
) -> LocalBoxFuture<'a, Result<()>> {
    read(reading, inside, grant).boxed_local()
}

/// What the mappings of the filters mean that bind the caller on a granted table. Those over `known` tables are read, as a
/// statement would read them.
pub(crate) async fn explained(
    reading: &Reading<'_>,
    cx: &Arc<QueryContext>,
    grant: &RelationGrant,
    known: &BTreeSet<ObjectId>,
) -> Vec<MappingExplanation> {
    let mut all = Vec::new();
    for (bound, filter) in mapped_filters(cx, grant) {
        for (at, mapping) in filter.body.mappings.iter().enumerate() {
            let values = if known.contains(&mapping.table) {
                match one(reading, cx, (grant, &bound, filter.as_ref()), at).await {
                    Ok(Some(values)) => MappingValues::Read(values.iter().map(ToString::to_string).collect()),
                    Ok(None) => MappingValues::Error,
                    Err(error) => {
                        unavailable(cx, grant, &filter, error);
                        MappingValues::Unavailable
                    }
                }
            } else {
                let seen = sight(cx, &filter.body, mapping);
                seen.map_or(MappingValues::Error, |_| MappingValues::Withheld)
            };
            let [catalog, database, table] = &mapping.name;
            let publisher = filter.body.publisher.as_ref();
            all.push(MappingExplanation {
                filter: filter.id.clone(),
                bound: bound.name.clone(),
                table: mapping.table.clone(),
                name: TableName::new(catalog, database, table),
                read_as: publisher
                    .and_then(|id| cx.snapshot.user(id))
                    .map(|user| user.name.clone()),
                values,
            });
        }
    }
    all
}

/// What the values are, for comparison with those of a stored result: of the relation, and of all that it reads. `None`: there
/// are no mappings.
#[must_use]
pub fn digest(grant: &RelationGrant) -> Option<[u8; 32]> {
    let below = grant.bases.iter().filter_map(|base| digest(base.grant.as_ref()?));
    let own = (!grant.mapped.is_empty()).then(|| with_values(&[0; 32], &grant.mapped));
    own.into_iter()
        .chain(below)
        .reduce(|left, right| Sha256::new_with_prefix(left).chain_update(right).finalize().into())
}

fn with_values(digest: &[u8; 32], mapped: &Mapped) -> [u8; 32] {
    let mut hasher = Sha256::new_with_prefix(digest);
    let mut part = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    for ((bound, filter), sets) in mapped {
        part(bound.as_bytes());
        part(filter.as_bytes());
        for values in sets {
            match values {
                None => part(b"-"),
                Some(values) => {
                    part(&(values.len() as u64).to_le_bytes());
                    values.iter().for_each(|value| part(format!("{value:?}").as_bytes()));
                }
            }
        }
    }
    hasher.finalize().into()
}

/// One generic denial; the log knows more. What ends a statement anyway ends it as it would.
fn unavailable(cx: &QueryContext, grant: &RelationGrant, filter: &Stored<DataFilter>, error: QueryError) -> QueryError {
    if matches!(error.code.kind(), ErrorKind::Cancelled | ErrorKind::Limit)
        || error.code == ErrorCode::FilterUnavailable
    {
        return error;
    }
    let name = grant.name();
    tracing::error!(query = %cx.query, table = %name, filter = %filter.name, cause = %error.log_text(), "a mapping cannot be read");
    denial(grant).because(error)
}

fn denial(grant: &RelationGrant) -> QueryError {
    let message = format!(
        "table `{}` cannot be read: a row filter of it cannot be evaluated now",
        grant.name()
    );
    QueryError::new(ErrorCode::FilterUnavailable, message)
}

/// Boxed, as the mapping's own filters may have mappings.
fn one<'a>(
    reading: &'a Reading<'_>,
    cx: &'a Arc<QueryContext>,
    binding: (&'a RelationGrant, &'a Caller, &'a Stored<DataFilter>),
    at: usize,
) -> LocalBoxFuture<'a, Result<Values>> {
    values(reading, cx, binding, at).boxed_local()
}

async fn values(
    reading: &Reading<'_>,
    cx: &Arc<QueryContext>,
    (grant, bound, filter): (&RelationGrant, &Caller, &Stored<DataFilter>),
    at: usize,
) -> Result<Values> {
    cx.check()?;
    let found = filter.body.mappings.get(at).and_then(|mapping| {
        let publisher = filter.body.publisher.as_ref()?;
        Some((
            mapping,
            cx.read_as(publisher)?,
            cx.snapshot.relation_path(&mapping.table)?,
        ))
    });
    let Some((mapping, reader, path)) = found else {
        tracing::error!(query = %cx.query, filter = %filter.name, "a mapping's table or publisher is gone: its filter shows nothing");
        return Ok(None);
    };
    let reader = Arc::new(reader);
    let Some(mut own) = authorized(reading, &reader, &path, (grant, filter)) else {
        return Ok(None);
    };
    if !is_as_published(mapping, &path.table) {
        tracing::error!(query = %cx.query, filter = %filter.name, "a mapping's columns have changed: its filter shows nothing");
        return Ok(None);
    }
    read(reading, &reader, &mut own).await?;
    let governed = cx.meter.governed();
    let mut stores = QueryStores::default();
    let opened = source::open(reading.planner, &reader, &own, &mut stores).await?;
    let table = GovernedTable::new(Arc::clone(&reader), own, opened)?;
    let inputs = statement_inputs(cx, bound);
    let values = match plan(&inputs, filter, at, &path.table, table)? {
        None => None,
        Some(plan) => Some(run(reading.planner, &reader, stores, &plan, grant).await?),
    };
    // What the statement's own caller is shown tells nothing of the size of a mapping.
    cx.meter.set_governed(governed);
    if !authorize::decide(cx, &path).is_ok_and(|asker| asker.read_stats) {
        cx.meter.set_restricted();
    }
    Ok(values)
}

/// The publisher's grant on a mapping; what was decided is audited, with the asker as its principal.
fn authorized(
    reading: &Reading<'_>,
    reader: &QueryContext,
    path: &TablePath,
    (grant, filter): (&RelationGrant, &Stored<DataFilter>),
) -> Option<RelationGrant> {
    let attempt = authorize::authorize(reader, std::slice::from_ref(path)).pop()?;
    let mut event = attempt.event;
    let of = format!("{}#{}@{}", grant.name(), filter.name, filter.version);
    event.details.insert("mapping_of".to_owned(), of);
    event.details.insert("read_as".to_owned(), event.principal.clone());
    event.principal.clone_from(&reading.asker.name);
    event.principal_id = reading.asker.user.as_str().to_owned();
    reading.attempts.push(event);
    attempt.grant.ok()
}

/// The columns are those of the publication, in the same types.
fn is_as_published(mapping: &BoundMapping, table: &Stored<Table>) -> bool {
    mapping.reads.iter().all(|read| {
        let column = table.body.columns.iter().find(|column| column.id == read.id);
        column.is_some_and(|column| parse_type(&column.data_type).ok() == parse_type(&read.data_type).ok())
    })
}

/// The columns of a table as a body may name them, by what was bound at publication.
fn published(reads: &[BoundColumn]) -> Vec<(String, DataType)> {
    let column = |read: &BoundColumn| Some((read.name.clone(), parse_type(&read.data_type).ok()?));
    reads.iter().filter_map(column).collect()
}

/// The wanted values of a mapping, over the publisher's view of it; `None`: the publisher does not see a column.
fn plan(
    inputs: &FilterInputs,
    filter: &Stored<DataFilter>,
    at: usize,
    table: &Stored<Table>,
    governed: GovernedTable,
) -> Result<Option<LogicalPlan>> {
    let schema = governed.visible_schema();
    let visible = |read: &BoundColumn| {
        let column = table.body.columns.iter().find(|column| column.id == read.id)?;
        let field = schema.field_with_name(&column.name).ok()?;
        Some((read.name.clone(), column.name.clone(), field.data_type().clone()))
    };
    let Some(mapping) = filter.body.mappings.get(at) else {
        return Ok(None);
    };
    let Some(seen) = mapping.reads.iter().map(visible).collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let tables = |name: &[String; 3]| {
        let alike = filter.body.mappings.iter().filter(|other| other.name == *name);
        let mut columns: Vec<(String, DataType)> = Vec::new();
        if *name == mapping.name {
            columns.extend(
                seen.iter()
                    .map(|(name, _, data_type)| (name.clone(), data_type.clone())),
            );
        }
        columns.extend(alike.flat_map(|other| published(&other.reads)));
        (!columns.is_empty()).then_some(columns)
    };
    let body = FilterBody::bind_with(&filter.body.body, &published(&filter.body.reads), &tables);
    let body =
        body.map_err(|problems| QueryError::internal(format!("a published filter does not bind: {problems:?}")))?;
    let read = body
        .mappings()
        .get(at)
        .ok_or_else(|| QueryError::internal("a published filter has lost a mapping"))?;
    let current = |name: &str| {
        seen.iter()
            .find(|(known, ..)| known == name)
            .map(|(_, current, _)| current)
    };
    let Some(column) = current(&read.column) else {
        return Ok(None);
    };
    let column = raw_column(column);
    // In the WHERE, the principal is who the filter is for.
    let place = |name: &str| current(name).map_or_else(|| lit(false), |current| raw_column(current));
    let body = read.condition();
    let asked = body.equalities(inputs, &place);
    // What is absent for it is absent for the whole filter: no OR around the mapping absorbs it.
    let Some(condition) = body.compile_known(inputs, &place) else {
        return Ok(None);
    };
    let failed = |error| translate(error, Phase::Plan);
    let provider: Arc<dyn TableProvider> = Arc::new(governed);
    let scan = LogicalPlanBuilder::scan("mapping", provider_as_source(provider), None);
    let plan = asked
        .into_iter()
        .fold(scan, |plan, asked| plan?.filter(asked))
        .and_then(|plan| plan.filter(condition))
        .and_then(|plan| plan.filter(Expr::IsNotNull(Box::new(column.clone()))))
        .and_then(|plan| plan.project([column]))
        .and_then(LogicalPlanBuilder::distinct)
        .and_then(|plan| plan.limit(0, Some(MAX_VALUES + 1)))
        .and_then(LogicalPlanBuilder::build)
        .map_err(failed)?;
    Ok(Some(plan))
}

async fn run(
    planner: &Planner<'_>,
    reader: &Arc<QueryContext>,
    stores: QueryStores,
    plan: &LogicalPlan,
    grant: &RelationGrant,
) -> Result<Arc<[ScalarValue]>> {
    let nowhere = Defaults {
        catalog: String::new(),
        database: String::new(),
    };
    let failed = |error| translate(error, Phase::Execute);
    let session = planner
        .sessions
        .open(reader, stores, GovernedCatalogs::default(), &nowhere)
        .map_err(failed)?;
    let physical = session.create_physical_plan(plan).await.map_err(failed)?;
    let physical = guarded(physical).and_then(cooperative).map_err(failed)?;
    // INVARIANT: the values are those of a scan that was governed as the publisher's.
    invariant::check(&physical, reader)?;
    let mut batches = execute_stream(physical, session.task_ctx()).map_err(failed)?;
    let mut values = Vec::new();
    while let Some(batch) = batches.next().await {
        reader.check()?;
        let batch = batch.map_err(failed)?;
        let Some(column) = batch.columns().first() else {
            continue;
        };
        for row in 0..column.len() {
            values.push(ScalarValue::try_from_array(column, row).map_err(failed)?);
        }
    }
    reader.check()?;
    if values.len() > MAX_VALUES {
        let why = format!("a mapping has more than {MAX_VALUES} values");
        tracing::error!(query = %reader.query, table = %grant.name(), why, "a mapping cannot be read");
        return Err(denial(grant).because(why));
    }
    values.sort_by(|left, right| left.partial_cmp(right).unwrap_or(std::cmp::Ordering::Equal));
    Ok(values.into())
}

/// Are the mappings of a stored result's tables what they were when it was made? Reads them again.
///
/// # Errors
/// `POLICY_CHANGED` if not; `FILTER_UNAVAILABLE` if they cannot be read.
pub async fn confirm(reading: &Reading<'_>, cx: &Arc<QueryContext>, decisions: &Decisions) -> Result<()> {
    for (table, before) in &decisions.mappings {
        let path = cx.snapshot.relation_path(&ObjectId::from_stored(table.as_str()));
        let mut grant = path
            .and_then(|path| authorize::decide(cx, &path).ok())
            .ok_or_else(changed)?;
        read(reading, cx, &mut grant).await?;
        if digest(&grant).map(hex::encode).as_ref() != Some(before) {
            return Err(changed());
        }
    }
    Ok(())
}
