//! What would a statement of the caller's own return? It is parsed by the server, as the relation that it then stands for, and not run.

use tokio_postgres::{
    Client, Error,
    types::{ToSql, Type},
};

use super::{
    catalog::{self, CatalogColumn},
    describe::{described, of_columns},
    error::from_postgres,
    pool::Lease,
    statement::Table,
    types::Reading,
};
use crate::{
    error::{ConnectorError, ConnectorErrorKind, Result},
    table_spec::{RemoteName, Statistics, TableSpec},
};

/// Bytes of a statement: its table's handle holds it.
const MAX_TEXT: usize = 32 * 1024;
/// Where sessions look for names: of statements that are written here, and of others'.
const OURS: &str = "SET search_path = pg_catalog";
const THEIRS: &str = "SET search_path = \"$user\", public";
/// Characters of the server's words that are passed on.
const MAX_WORDS: usize = 300;

/// The relation that a statement stands for. Whoever asks sees everything of the source: its words about the text are passed on.
pub(super) async fn describe(lease: &Lease, text: &str) -> Result<TableSpec> {
    if text.len() > MAX_TEXT {
        let words = format!("the statement has {} bytes; the limit is {MAX_TEXT}", text.len());
        return Err(ConnectorError::new(ConnectorErrorKind::LimitExceeded, words));
    }
    let client = lease.client()?;
    // A line of its own: the text may end in a comment.
    let relation = format!("({text}\n)");
    begin(client).await?;
    let statement = client
        .prepare(&format!("SELECT * FROM {relation} AS s"))
        .await
        .map_err(refused)?;
    client.batch_execute(OURS).await.map_err(from_postgres)?;
    if !statement.params().is_empty() {
        return Err(invalid(
            "the statement has parameters: write their values into it".to_owned(),
        ));
    }
    let announced: Vec<(String, u32, i32)> = statement
        .columns()
        .iter()
        .map(|column| (column.name().to_owned(), column.type_().oid(), column.type_modifier()))
        .collect();
    let columns = columns(client, &announced).await?;
    one_of_each_name(&columns)?;
    let reading = Reading {
        utf8: catalog::is_utf8(client).await?,
        bare_numeric: lease.settings().numeric,
    };
    let table = Table {
        name: RemoteName::table("system", "query"),
        relation,
        oid: 0,
        stored: false,
        pages: 0,
        columns: of_columns(&columns, reading),
        statistics: Statistics::default(),
    };
    Ok(described(table, &columns))
}

/// From now on the session finds names where people expect it to.
pub(super) async fn begin(client: &Client) -> Result<()> {
    client.batch_execute(THEIRS).await.map_err(from_postgres)
}

async fn columns(client: &Client, announced: &[(String, u32, i32)]) -> Result<Vec<CatalogColumn>> {
    let oids: Vec<i64> = announced.iter().map(|(_, oid, _)| i64::from(*oid)).collect();
    let modifiers: Vec<i32> = announced.iter().map(|(_, _, modifier)| *modifier).collect();
    let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&oids, Type::INT8_ARRAY), (&modifiers, Type::INT4_ARRAY)];
    let found = catalog::announced(client, &parameters).await?;
    if found.len() != announced.len() {
        return Err(ConnectorError::new(
            ConnectorErrorKind::SourceFailed,
            "the catalog of the source is not as expected",
        ));
    }
    let names = announced.iter().map(|(name, _, _)| name.clone());
    Ok(found
        .into_iter()
        .zip(names)
        .map(|(known, name)| CatalogColumn { name, ..known })
        .collect())
}

fn one_of_each_name(columns: &[CatalogColumn]) -> Result<()> {
    let mut names: Vec<String> = columns.iter().map(|column| column.name.to_lowercase()).collect();
    names.sort();
    match names
        .windows(2)
        .find(|pair| matches!(pair, [left, right] if left == right))
    {
        None => Ok(()),
        Some(pair) => {
            let name = pair.first().map_or("", String::as_str);
            Err(invalid(format!(
                "two columns of the statement are called `{name}`: give one of them another name with `AS`"
            )))
        }
    }
}

/// Nothing was run yet: the server's words are about the text.
fn refused(error: Error) -> ConnectorError {
    let words = match error.as_db_error() {
        Some(database) if database.code().code().starts_with("42") || database.code().code().starts_with("0A") => {
            let words: String = database.message().chars().take(MAX_WORDS).collect();
            format!("the source does not take the statement: {words}")
        }
        _ => return from_postgres(error),
    };
    invalid(words).with_source(from_postgres(error))
}

fn invalid(words: String) -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::InvalidRequest, words)
}
