//! What is in an SQLite file? Tables and views of `main`, their columns and keys.
//!
//! Virtual and shadow tables are left out: they run code of their own.

use std::{collections::BTreeMap, sync::Arc};

use arrow::datatypes::{Field, Schema};
use sqlx::sqlite::SqliteConnection;

use super::{
    error::from_sqlx,
    open::Database,
    plan, read, splits,
    statement::{Column, Table},
    types::{self, ColumnType, Storage},
};
use crate::{
    call::CallContext,
    capability::TypeClass,
    connector::{DescribeRequest, DescribeResponse},
    error::{ConnectorError, ConnectorErrorKind, Result},
    scan::{ColumnId, ColumnRef, Guard, OutputColumn, OutputValue, ScanSpec},
    split::{Handle, Page, PageToken, ReadRequest, SplitsRequest},
    statement::{filter_support, quoted},
    table_spec::{ColumnSpec, IndexSpec, KeySpec, RemoteName, Statistics, TableSpec},
};

/// The only database of a file.
const MAIN: &str = "main";
const PAGE: usize = 1_000;

pub(super) async fn describe(cx: &CallContext, request: DescribeRequest) -> Result<DescribeResponse> {
    let mut database = Database::open(&cx.connection).await?;
    let file = &mut database.connection;
    cx.counters.add_request();
    match request {
        DescribeRequest::Ping => {
            sqlx::query("SELECT count(*) FROM sqlite_schema")
                .execute(file)
                .await
                .map_err(from_sqlx)?;
            Ok(DescribeResponse::Pong)
        }
        DescribeRequest::Databases(page) => {
            let names = if page.token.is_some() {
                Vec::new()
            } else {
                vec![RemoteName::database(MAIN)]
            };
            Ok(DescribeResponse::Names { names, next: None })
        }
        DescribeRequest::Tables { database, page } => {
            check_database(&database.name)?;
            tables(file, page).await
        }
        DescribeRequest::Table(name) => Ok(DescribeResponse::Table(Box::new(table(file, &name).await?))),
        DescribeRequest::Query(_) => Err(ConnectorError::unsupported(
            "a statement in the language of this source is not supported",
        )),
        DescribeRequest::Sample { table: name, rows } => {
            let spec = table(file, &name).await?;
            let planned = plan::plan(&sample(&spec, rows))?;
            let request = SplitsRequest {
                scan: planned.handle,
                parallelism: 1,
                token: None,
            };
            let split = splits::splits(&request)?
                .splits
                .pop()
                .ok_or_else(|| missing(&name.name))?;
            let request = ReadRequest {
                split: split.handle,
                batch_rows: 1_024,
                dynamic: Vec::new(),
                row_hint: None,
            };
            Ok(DescribeResponse::Sample(read::read(cx, &request)?))
        }
    }
}

async fn tables(file: &mut SqliteConnection, page: Page) -> Result<DescribeResponse> {
    let size = page.size.unwrap_or(PAGE).clamp(1, 100_000);
    let mut names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view') \
         AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name > ?1 COLLATE BINARY ORDER BY name COLLATE BINARY LIMIT ?2",
    )
    .bind(page.token.map_or_else(String::new, |token| token.0))
    .bind(i64::try_from(size + 1).unwrap_or(i64::MAX))
    .fetch_all(file)
    .await
    .map_err(from_sqlx)?;
    let more = names.len() > size;
    names.truncate(size);
    let next = names.last().filter(|_| more).map(|last| PageToken(last.clone()));
    let names = names.into_iter().map(|name| RemoteName::table(MAIN, name)).collect();
    Ok(DescribeResponse::Names { names, next })
}

async fn table(file: &mut SqliteConnection, wanted: &RemoteName) -> Result<TableSpec> {
    check_database(wanted.database.as_deref().unwrap_or(MAIN))?;
    // Names of tables are unique whatever their case.
    let found: Option<(String, String, i64, i64)> = sqlx::query_as(
        "SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view') \
         AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name = ?1 COLLATE NOCASE",
    )
    .bind(&wanted.name)
    .fetch_optional(&mut *file)
    .await
    .map_err(from_sqlx)?;
    let (name, kind, without_rowid, strict) = found.ok_or_else(|| missing(&wanted.name))?;
    let encoding: String = sqlx::query_scalar("PRAGMA encoding")
        .fetch_one(&mut *file)
        .await
        .map_err(from_sqlx)?;
    let columns = columns(file, &name).await?;
    let kinds = columns
        .iter()
        .map(|column| Column {
            name: column.name.clone(),
            kind: ColumnType::new(Storage::of(&column.declared), strict != 0, encoding == "UTF-8"),
        })
        .collect::<Vec<_>>();
    let row_id = if kind == "table" && without_rowid == 0 {
        row_id(&kinds).map(str::to_owned)
    } else {
        None
    };
    let table = Table {
        relation: format!("{}.{}", quoted(MAIN), quoted(&name)),
        name,
        columns: kinds,
        stored: kind == "table" && !columns.iter().any(|column| column.computed),
        row_id,
    };
    let keys = keys(&columns);
    let indexes = indexes(file, &table.name).await?;
    let rows = estimated_rows(file, &table).await?;
    Ok(spec(table, &columns, keys, indexes, rows))
}

fn spec(
    table: Table,
    columns: &[Declared],
    keys: Vec<KeySpec>,
    indexes: Vec<IndexSpec>,
    rows: Option<u64>,
) -> TableSpec {
    let fields: Vec<Field> = table
        .columns
        .iter()
        .zip(columns)
        .map(|(column, declared)| Field::new(&column.name, column.kind.storage.arrow_type(), declared.nullable))
        .collect();
    let support = table.columns.iter().map(|column| {
        (
            TypeClass::of(&column.kind.storage.arrow_type()),
            column.kind.operators(),
        )
    });
    TableSpec {
        name: RemoteName::table(MAIN, &table.name),
        schema: Arc::new(Schema::new(fields)),
        columns: columns.iter().map(Declared::spec).collect(),
        keys,
        indexes,
        capabilities: types::capabilities(filter_support(support)),
        statistics: Statistics { rows, bytes: None },
        handle: Handle::new(Arc::new(table)),
        version: None,
        sampled: false,
    }
}

/// A column as `PRAGMA table_xinfo` has it.
struct Declared {
    name: String,
    declared: String,
    nullable: bool,
    /// Position in the primary key, 0 outside of it.
    key: i64,
    /// `GENERATED ALWAYS AS (…) VIRTUAL`.
    computed: bool,
}

impl Declared {
    fn spec(&self) -> ColumnSpec {
        ColumnSpec {
            id: ColumnId::new(self.name.as_str()),
            remote_type: self.declared.clone(),
            collation: None,
            nullable: self.nullable,
            unsupported: None,
            comment: None,
        }
    }
}

async fn columns(file: &mut SqliteConnection, table: &str) -> Result<Vec<Declared>> {
    let rows: Vec<(String, String, i64, i64, i64)> = sqlx::query_as(
        "SELECT name, type, \"notnull\", pk, hidden = 2 FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid",
    )
    .bind(table)
    .fetch_all(file)
    .await
    .map_err(from_sqlx)?;
    let column = |(name, declared, not_null, key, computed): (String, String, i64, i64, i64)| Declared {
        name,
        declared,
        nullable: not_null == 0,
        key,
        computed: computed != 0,
    };
    Ok(rows.into_iter().map(column).collect())
}

fn keys(columns: &[Declared]) -> Vec<KeySpec> {
    let mut members: Vec<&Declared> = columns.iter().filter(|column| column.key > 0).collect();
    members.sort_by_key(|column| column.key);
    if members.is_empty() {
        return Vec::new();
    }
    let columns = members
        .iter()
        .map(|column| ColumnId::new(column.name.as_str()))
        .collect();
    vec![KeySpec { primary: true, columns }]
}

async fn indexes(file: &mut SqliteConnection, table: &str) -> Result<Vec<IndexSpec>> {
    let rows: Vec<(String, i64, Option<String>)> = sqlx::query_as(
        "SELECT l.name, l.\"unique\", i.name FROM pragma_index_list(?1, 'main') AS l, pragma_index_info(l.name, 'main') AS i \
         WHERE l.partial = 0 ORDER BY l.name, i.seqno",
    )
    .bind(table)
    .fetch_all(file)
    .await
    .map_err(from_sqlx)?;
    let mut indexes: BTreeMap<String, (bool, Vec<Option<String>>)> = BTreeMap::new();
    for (index, unique, column) in rows {
        indexes
            .entry(index)
            .or_insert_with(|| (unique != 0, Vec::new()))
            .1
            .push(column);
    }
    let indexes = indexes.into_iter().map(|(name, (unique, columns))| {
        // An expression ends what an index is known to help with.
        let known = columns
            .iter()
            .map_while(Option::as_deref)
            .map(ColumnId::new)
            .collect::<Vec<_>>();
        IndexSpec {
            name,
            unique: unique && known.len() == columns.len(),
            columns: known,
        }
    });
    Ok(indexes.filter(|index| !index.columns.is_empty()).collect())
}

/// The greatest rowid: cheap, and near the number of rows where rows are seldom deleted. 0 where there are none: that a table has
/// rows, hidden ones too, is not to be seen in a plan.
async fn estimated_rows(file: &mut SqliteConnection, table: &Table) -> Result<Option<u64>> {
    let Some(row_id) = table.row_id.as_deref() else {
        return Ok(None);
    };
    let text = format!(
        "SELECT max({}) FROM {} AS s",
        crate::statement::column(row_id),
        table.relation
    );
    let greatest: Option<i64> = sqlx::query_scalar(sqlx::AssertSqlSafe(text))
        .fetch_one(file)
        .await
        .map_err(from_sqlx)?;
    Ok(Some(greatest.map_or(0, |rows| u64::try_from(rows).unwrap_or(0))))
}

/// A name of the rowid that no column has taken.
fn row_id(columns: &[Column]) -> Option<&'static str> {
    let free = |name: &&str| !columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    ["rowid", "_rowid_", "oid"].into_iter().find(free)
}

fn sample(spec: &TableSpec, rows: u32) -> ScanSpec {
    let columns: Vec<ColumnId> = spec.columns.iter().map(|column| column.id.clone()).collect();
    let output = spec.schema.fields().iter().map(|field| OutputColumn {
        name: field.name().clone(),
        value: OutputValue::Column(ColumnRef::of(field.name().as_str())),
        data_type: field.data_type().clone(),
        nullable: field.is_nullable(),
    });
    let mut scan = ScanSpec::table(spec.handle.clone(), columns, Guard::none(), output.collect());
    scan.limit = Some(u64::from(rows));
    scan
}

fn check_database(name: &str) -> Result<()> {
    if name.eq_ignore_ascii_case(MAIN) {
        Ok(())
    } else {
        Err(missing(name))
    }
}

fn missing(name: &str) -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::NotFound, "the table is not there").with_detail(format!("`{name}`"))
}
