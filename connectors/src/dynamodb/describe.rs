//! What is in a DynamoDB account's region? One database `default`, its tables, their keys and indexes, and their columns.

use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use arrow::datatypes::{Field, Schema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    client::Client,
    description::{Described, Description, Types, types, without_columns},
    error::garbled,
    kind::Kind,
    sample::sampled_columns,
    settings::Settings,
    table::{Column, Key, Table},
};
use crate::{
    call::CallContext,
    capability::{Capabilities, Consistency, FilterSupport, OperatorClass, Pushdown, TypeClass},
    connector::DescribeResponse,
    error::{ConnectorError, ConnectorErrorKind, Result},
    scan::ColumnId,
    split::{Handle, Page, PageToken},
    table_spec::{ColumnSpec, IndexSpec, KeySpec, RemoteName, SourceVersion, Statistics, TableSpec},
};

/// The only database.
pub(super) const DEFAULT: &str = "default";
const PAGE: usize = 1_000;
/// Names that the service tells at once.
const NAMES: usize = 100;
/// How long a list of names is good for finding another spelling; a name that is not on it is looked for after a shorter time.
const NAMES_KNOWN: Duration = Duration::from_secs(60);
const NAMES_MISSED: Duration = Duration::from_secs(5);
#[derive(Deserialize)]
struct Names {
    #[serde(rename = "TableNames")]
    names: Vec<String>,
    #[serde(rename = "LastEvaluatedTableName")]
    last: Option<String>,
}

async fn ask<T: serde::de::DeserializeOwned>(
    client: &Client,
    cx: &CallContext,
    operation: &str,
    body: Value,
) -> Result<T> {
    let answer = client.call(cx, operation, body.to_string()).await?;
    serde_json::from_slice(&answer).map_err(garbled)
}

/// Is it there, and does it accept the credential?
pub(super) async fn ping(client: &Client, cx: &CallContext) -> Result<DescribeResponse> {
    ask::<Names>(client, cx, "ListTables", json!({"Limit": 1})).await?;
    Ok(DescribeResponse::Pong)
}

/// The only database.
pub(super) fn databases(page: &Page) -> DescribeResponse {
    let names = if page.token.is_some() {
        Vec::new()
    } else {
        vec![RemoteName::database(DEFAULT)]
    };
    DescribeResponse::Names { names, next: None }
}

/// One page of the tables' names.
pub(super) async fn tables(client: &Client, cx: &CallContext, page: Page) -> Result<DescribeResponse> {
    let size = page.size.unwrap_or(PAGE).clamp(1, 100_000);
    let mut after = page.token.map(|token| token.0);
    let mut names = Vec::new();
    while names.len() < size {
        let (found, last) = some_names(client, cx, after.take(), (size - names.len()).min(NAMES)).await?;
        names.extend(found.into_iter().map(|name| RemoteName::table(DEFAULT, name)));
        after = last;
        if after.is_none() {
            break;
        }
    }
    // What is told as more may be none.
    if let Some(last) = &after
        && some_names(client, cx, Some(last.clone()), 1).await?.0.is_empty()
    {
        after = None;
    }
    Ok(DescribeResponse::Names {
        names,
        next: after.map(PageToken),
    })
}

async fn some_names(
    client: &Client,
    cx: &CallContext,
    after: Option<String>,
    limit: usize,
) -> Result<(Vec<String>, Option<String>)> {
    let mut body = json!({"Limit": limit});
    if let (Some(after), Some(fields)) = (after, body.as_object_mut()) {
        fields.insert("ExclusiveStartTableName".to_owned(), after.into());
    }
    let page: Names = ask(client, cx, "ListTables", body).await?;
    Ok((page.names, page.last))
}

/// A table, its name spelt as wanted or, if there is only one such, in another case.
pub(super) async fn table(client: &Client, cx: &CallContext, wanted: &RemoteName) -> Result<TableSpec> {
    check_database(wanted.database.as_deref().unwrap_or(DEFAULT))?;
    let found = match description(client, cx, &wanted.name).await? {
        Some(found) => found,
        None => {
            let name = spelling(client, cx, &wanted.name).await?;
            description(client, cx, &name)
                .await?
                .ok_or_else(|| missing(&wanted.name))?
        }
    };
    let declared = Settings::declared(&cx.connection, &found.table_name)?;
    let sampled = declared.is_none();
    let mut table = without_columns(&found, client.settings())?;
    let types = types(&found);
    // Of the same name a table that was made again is another one.
    let id = found
        .table_id
        .clone()
        .or_else(|| found.creation_date_time.map(|created| created.to_string()));
    table.columns = match declared {
        Some(columns) => declared_columns(&table, &types, columns)?,
        None => sampled_columns(client, cx, &table, &types, id.as_deref()).await?,
    };
    if let Some(name) = &client.settings().item_column {
        add_item_column(&mut table, name)?;
    }
    table
        .indexes
        .retain(|index| is_queryable(&table.columns, &types, &index.key));
    Ok(TableSpec {
        sampled,
        ..spec(table, &types, id)
    })
}

async fn description(client: &Client, cx: &CallContext, name: &str) -> Result<Option<Description>> {
    // The service refuses such names instead of not finding them.
    let possible = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    if !possible || !(3..=255).contains(&name.len()) {
        return Err(missing(name));
    }
    match ask::<Described>(client, cx, "DescribeTable", json!({"TableName": name})).await {
        Ok(described) if described.table.table_status.as_deref() == Some("DELETING") => Err(missing(name)),
        Ok(described) => Ok(Some(described.table)),
        Err(error) if error.kind() == ConnectorErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The only table whose name is this in another case.
async fn spelling(client: &Client, cx: &CallContext, wanted: &str) -> Result<String> {
    let known = client.names.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let like = |names: &[String]| -> Vec<String> {
        names
            .iter()
            .filter(|name| name.eq_ignore_ascii_case(wanted))
            .cloned()
            .collect()
    };
    let mut found = Vec::new();
    let mut fresh = Duration::MAX;
    if let Some((since, names)) = known {
        found = like(&names);
        fresh = since.elapsed();
    }
    let patience = if found.is_empty() { NAMES_MISSED } else { NAMES_KNOWN };
    if fresh > patience {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let (names, last) = some_names(client, cx, after, NAMES).await?;
            all.extend(names);
            after = last;
            if after.is_none() {
                break;
            }
        }
        found = like(&all);
        *client.names.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::new(all)));
    }
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(missing(wanted)),
        _ => Err(ConnectorError::new(
            ConnectorErrorKind::InvalidRequest,
            "the name of the table stands for several that differ in case alone",
        )
        .with_detail(format!("`{}`", found.join("`, `")))),
    }
}

/// Declared columns. Keys must have the type that the table gives them: it is the only one that their values have.
fn declared_columns(table: &Table, types: &Types, columns: Vec<(String, Kind)>) -> Result<Vec<Column>> {
    for (name, kind) in &columns {
        let known = types.get(name).filter(|_| table.key.has(name));
        if let Some(found) = known.filter(|found| *found != kind.remote_type()) {
            let told = format!(
                "option `columns.{}`: key `{name}` is of type {found} at the source",
                table.name
            );
            return Err(ConnectorError::new(ConnectorErrorKind::InvalidRequest, told));
        }
    }
    Ok(columns.into_iter().map(|(name, kind)| Column { name, kind }).collect())
}

fn add_item_column(table: &mut Table, name: &str) -> Result<()> {
    if table
        .columns
        .iter()
        .any(|column| column.name.eq_ignore_ascii_case(name))
    {
        return Err(ConnectorError::new(
            ConnectorErrorKind::InvalidRequest,
            "option `item_column` names an attribute of the table: choose another name",
        )
        .with_detail(format!("`{name}`")));
    }
    table.columns.push(Column {
        name: name.to_owned(),
        kind: Kind::Item,
    });
    Ok(())
}

/// Can conditions on this key be written? Its attributes are columns of the types that the key has.
fn is_queryable(columns: &[Column], types: &Types, key: &Key) -> bool {
    let fits = |name: &str| {
        let column = columns.iter().find(|column| column.name == name);
        column.is_some_and(|column| {
            column.kind.compares(OperatorClass::Equality)
                && types.get(name).is_some_and(|known| known == column.kind.remote_type())
        })
    };
    fits(&key.hash) && key.range.as_deref().is_none_or(fits)
}

fn spec(table: Table, types: &Types, id: Option<String>) -> TableSpec {
    // A key is always there, but may not fit: `on_mismatch: null` then makes it NULL.
    let is_key = |column: &Column| table.key.has(&column.name) && !table.lenient;
    let fields = table
        .columns
        .iter()
        .map(|column| Field::new(&column.name, column.kind.arrow_type(), !is_key(column)));
    let fields: Vec<Field> = fields.collect();
    let columns = table.columns.iter().map(|column| ColumnSpec {
        id: ColumnId::new(column.name.as_str()),
        remote_type: types
            .get(&column.name)
            .map_or(column.kind.remote_type(), String::as_str)
            .to_owned(),
        collation: None,
        nullable: !is_key(column),
        unsupported: None,
        comment: None,
    });
    let ids = |key: &Key| -> Vec<ColumnId> {
        [Some(&key.hash), key.range.as_ref()]
            .into_iter()
            .flatten()
            .map(|name| ColumnId::new(name.as_str()))
            .collect()
    };
    TableSpec {
        name: RemoteName::table(DEFAULT, &table.name),
        schema: Arc::new(Schema::new(fields)),
        columns: columns.collect(),
        keys: vec![KeySpec {
            primary: true,
            columns: ids(&table.key),
        }],
        indexes: table
            .indexes
            .iter()
            .map(|index| IndexSpec {
                name: index.name.clone(),
                columns: ids(&index.key),
                unique: false,
            })
            .collect(),
        capabilities: capabilities(),
        statistics: Statistics {
            rows: Some(table.items),
            bytes: Some(table.bytes),
        },
        version: id.map(SourceVersion),
        handle: Handle::new(Arc::new(table)),
        sampled: false,
    }
}

/// What any table can do: on keys exactly, which is told when a scan is planned.
pub(super) fn capabilities() -> Capabilities {
    use OperatorClass::{Equality, LikePrefix, Null, Range};
    let compared = [
        TypeClass::Integer,
        TypeClass::Decimal,
        TypeClass::Text,
        TypeClass::Binary,
    ];
    let filter = FilterSupport::default()
        .with(&[Null], &TypeClass::ALL, Pushdown::Inexact)
        .with(&[Equality, Range], &compared, Pushdown::Inexact)
        .with(&[Equality], &[TypeClass::Boolean], Pushdown::Inexact)
        .with(&[LikePrefix], &[TypeClass::Text], Pushdown::Inexact);
    Capabilities {
        filter,
        limit: Pushdown::Inexact,
        consistency: Consistency::None,
        ..Capabilities::projection_only()
    }
}

pub(super) fn check_database(name: &str) -> Result<()> {
    if name.eq_ignore_ascii_case(DEFAULT) {
        Ok(())
    } else {
        Err(missing(name))
    }
}

pub(super) fn missing(name: &str) -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::NotFound, "the table is not there").with_detail(format!("`{name}`"))
}
