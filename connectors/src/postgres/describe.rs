//! What is in a PostgreSQL database? Its schemas, their tables and views, columns, keys and estimates.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};

use super::{
    catalog::{self, CatalogColumn, Relation},
    passthrough, plan,
    pool::{Lease, Pools},
    read, splits,
    statement::{Column, Table},
    types::{self, ColumnType, Output, Reading},
};
use crate::{
    call::CallContext,
    capability::TypeClass,
    connector::{DescribeRequest, DescribeResponse},
    error::{ConnectorError, ConnectorErrorKind, Result},
    scan::{ColumnId, ColumnRef, Guard, OutputColumn, OutputValue, ScanSpec},
    split::{Handle, Page, PageToken, ReadRequest, SplitsRequest},
    statement::{filter_support, quoted},
    table_spec::{ColumnSpec, RemoteName, SourceVersion, Statistics, TableSpec},
};

const PAGE: usize = 1_000;
/// Bytes of a page; other sizes need a server compiled for them.
const PAGE_BYTES: u64 = 8_192;

pub(super) async fn describe(
    cx: &CallContext,
    pools: &Arc<Pools>,
    request: DescribeRequest,
) -> Result<DescribeResponse> {
    let lease = pools.lease(cx).await?;
    cx.counters.add_request();
    let response = match request {
        // The lease itself has logged in and set up the session.
        DescribeRequest::Ping => DescribeResponse::Pong,
        DescribeRequest::Databases(page) => {
            let page = Wanted::of(page);
            page.names(catalog::schemas(lease.client()?, &page.after, page.limit()).await?)
        }
        DescribeRequest::Tables { database, page } => {
            let page = Wanted::of(page);
            page.names(catalog::tables(lease.client()?, &database.name, &page.after, page.limit()).await?)
        }
        DescribeRequest::Table(name) => DescribeResponse::Table(Box::new(table(&lease, &name).await?)),
        DescribeRequest::Query(text) => DescribeResponse::Table(Box::new(passthrough::describe(&lease, &text).await?)),
        DescribeRequest::Sample { table: name, rows } => {
            let planned = plan::plan(&sample(&table(&lease, &name).await?, rows))?;
            let request = SplitsRequest {
                scan: planned.handle,
                parallelism: 1,
                token: None,
            };
            let split = splits::splits(cx, pools, &request)
                .await?
                .splits
                .pop()
                .ok_or_else(|| missing(&name))?;
            let request = ReadRequest {
                split: split.handle,
                batch_rows: 1_024,
                dynamic: Vec::new(),
                row_hint: None,
            };
            DescribeResponse::Sample(read::read(cx, pools, &request)?)
        }
    };
    lease.give_back();
    Ok(response)
}

/// A page of names.
struct Wanted {
    after: String,
    size: usize,
}

impl Wanted {
    fn of(page: Page) -> Self {
        let after = page.token.map_or_else(String::new, |token| token.0);
        Self {
            after,
            size: page.size.unwrap_or(PAGE).clamp(1, 100_000),
        }
    }

    /// One more than wanted, to see whether there are more.
    fn limit(&self) -> i64 {
        i64::try_from(self.size + 1).unwrap_or(i64::MAX)
    }

    fn names(&self, mut names: Vec<RemoteName>) -> DescribeResponse {
        let more = names.len() > self.size;
        names.truncate(self.size);
        let next = names.last().filter(|_| more).map(|last| PageToken(last.name.clone()));
        DescribeResponse::Names { names, next }
    }
}

async fn table(lease: &Lease, wanted: &RemoteName) -> Result<TableSpec> {
    let client = lease.client()?;
    let schema = wanted.database.as_deref().unwrap_or("public");
    let relation = choose(catalog::relations(client, schema, &wanted.name).await?, schema, wanted)?;
    let columns = catalog::columns(client, relation.oid).await?;
    let (keys, indexes) = catalog::indexes(client, relation.oid).await?;
    let heaps = if relation.stored {
        catalog::heaps(client, relation.oid).await?
    } else {
        None
    };
    let pages = heaps.map_or(0, |heaps| heaps.iter().map(|heap| heap.pages).sum());
    let reading = Reading {
        utf8: relation.encoding == "UTF8",
        bare_numeric: lease.settings().numeric,
    };
    let table = handle(&relation, &columns, reading, pages);
    Ok(TableSpec {
        keys,
        indexes,
        version: Some(SourceVersion(relation.oid.to_string())),
        ..described(table, &columns)
    })
}

/// A table as it may be scanned; `known` are its columns.
pub(super) fn described(table: Table, known: &[CatalogColumn]) -> TableSpec {
    let support = table
        .columns
        .iter()
        .map(|column| (TypeClass::of(&column.kind.arrow_type()), column.kind.operators()));
    let capabilities = types::capabilities(filter_support(support));
    let fields = table
        .columns
        .iter()
        .zip(known)
        .map(|(column, known)| Field::new(&column.name, column.kind.arrow_type(), !known.not_null));
    TableSpec {
        name: table.name.clone(),
        schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
        columns: table
            .columns
            .iter()
            .zip(known)
            .map(|(column, known)| spec(column, known))
            .collect(),
        keys: Vec::new(),
        indexes: Vec::new(),
        capabilities,
        statistics: table.statistics,
        version: None,
        sampled: false,
        handle: Handle::new(Arc::new(table)),
    }
}

/// The relation as spelled, else the only one that differs in case alone.
fn choose(mut found: Vec<Relation>, schema: &str, wanted: &RemoteName) -> Result<Relation> {
    if let Some(exact) = found
        .iter()
        .position(|one| one.schema == schema && one.name == wanted.name)
    {
        return Ok(found.swap_remove(exact));
    }
    let first = found.pop().ok_or_else(|| missing(wanted))?;
    if found.is_empty() {
        return Ok(first);
    }
    let detail = format!("`{}` has several spellings", wanted.name);
    Err(ConnectorError::new(
        ConnectorErrorKind::InvalidRequest,
        "the name of the table is ambiguous at the source",
    )
    .with_detail(detail))
}

fn handle(relation: &Relation, columns: &[CatalogColumn], reading: Reading, pages: u64) -> Table {
    Table {
        name: RemoteName::table(&relation.schema, &relation.name),
        relation: format!("{}.{}", quoted(&relation.schema), quoted(&relation.name)),
        oid: u32::try_from(relation.oid).unwrap_or(0),
        stored: relation.stored,
        pages,
        columns: of_columns(columns, reading),
        statistics: statistics(relation, pages),
    }
}

/// How columns are read.
pub(super) fn of_columns(columns: &[CatalogColumn], reading: Reading) -> Vec<Column> {
    let column = |known: &CatalogColumn| {
        let kind = ColumnType::of(&known.kind, reading);
        Column {
            name: known.name.clone(),
            kind,
            sent: kind.sent(known.kind.oid),
            collation: known.collation_oid,
            indexed: known.indexed,
            written: known.written.clone(),
        }
    };
    columns.iter().map(column).collect()
}

fn spec(column: &Column, known: &CatalogColumn) -> ColumnSpec {
    ColumnSpec {
        id: ColumnId::new(column.name.as_str()),
        remote_type: known.written.clone(),
        collation: known.collation.clone(),
        nullable: !known.not_null,
        unsupported: (column.kind.output == Output::Refused)
            .then(|| format!("type `{}` is not supported yet", known.written)),
        comment: known.comment.clone(),
    }
}

/// Rows of a page where nothing is known but pages.
const ROWS_OF_A_PAGE: u64 = 50;

/// The planner's estimate of rows, as of the last ANALYZE, and the pages that there are now.
///
/// INVARIANT: of a stored table there always is a figure: whether it was analysed or has any rows, hidden ones too, is seen in no plan.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate; the cast saturates"
)]
fn statistics(relation: &Relation, pages: u64) -> Statistics {
    let estimate = u64::try_from(relation.pages).unwrap_or(0);
    let pages = if pages > 0 { pages } else { estimate };
    let analysed = (relation.rows >= 0.0 && relation.pages != 0).then_some(relation.rows as u64);
    let guessed = relation.stored.then(|| pages.saturating_mul(ROWS_OF_A_PAGE));
    Statistics {
        rows: analysed.or(guessed),
        bytes: Some(pages).filter(|pages| *pages > 0).map(|pages| pages * PAGE_BYTES),
    }
}

fn sample(spec: &TableSpec, rows: u32) -> ScanSpec {
    let readable = spec
        .columns
        .iter()
        .zip(spec.schema.fields())
        .filter(|(column, _)| column.unsupported.is_none());
    let output = readable.map(|(_, field)| OutputColumn {
        name: field.name().clone(),
        value: OutputValue::Column(ColumnRef::of(field.name().as_str())),
        data_type: field.data_type().clone(),
        nullable: field.is_nullable(),
    });
    let columns = spec.columns.iter().map(|column| column.id.clone()).collect();
    let mut scan = ScanSpec::table(spec.handle.clone(), columns, Guard::none(), output.collect());
    scan.limit = Some(u64::from(rows));
    scan
}

fn missing(wanted: &RemoteName) -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::NotFound, "the table is not there")
        .with_detail(format!("`{}`", wanted.name))
}
