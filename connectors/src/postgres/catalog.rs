//! What does the server's own catalog say? The queries on `pg_catalog` and their rows.

use tokio_postgres::{
    Client, Row,
    types::{FromSql, ToSql, Type},
};

use super::{
    error::from_postgres,
    types::{CatalogType, ElementType},
};
use crate::{
    error::{ConnectorError, ConnectorErrorKind, Result},
    scan::ColumnId,
    table_spec::{IndexSpec, KeySpec, RemoteName},
};

/// A table, view, materialized view or foreign table.
#[derive(Debug)]
pub(super) struct Relation {
    pub oid: i64,
    pub schema: String,
    pub name: String,
    /// Estimate; −1 when never analysed.
    pub rows: f64,
    pub pages: i64,
    /// `server_encoding`.
    pub encoding: String,
    /// A table whose columns are all stored: no view, no foreign table, no virtual generated column.
    pub stored: bool,
}

/// A column of one.
#[derive(Debug)]
pub(super) struct CatalogColumn {
    pub name: String,
    pub not_null: bool,
    /// As the server writes it, e.g. `numeric(12,2)`.
    pub written: String,
    pub kind: CatalogType,
    pub collation: Option<String>,
    /// `pg_collation.oid`; 0 for types without collation.
    pub collation_oid: u32,
    pub comment: Option<String>,
    /// An index begins with it.
    pub indexed: bool,
}

/// Schemas that hold a user's tables and that the credential may use.
pub(super) async fn schemas(client: &Client, after: &str, limit: i64) -> Result<Vec<RemoteName>> {
    let text = "SELECT n.nspname::text FROM pg_namespace n \
        WHERE n.nspname <> 'information_schema' AND NOT starts_with(n.nspname::text, 'pg_') \
        AND has_schema_privilege(n.oid, 'USAGE') AND n.nspname::text > $1 COLLATE \"C\" \
        ORDER BY n.nspname::text COLLATE \"C\" LIMIT $2";
    let rows = query(client, text, &[(&after, Type::TEXT), (&limit, Type::INT8)]).await?;
    rows.iter()
        .map(|row| Ok(RemoteName::database(get::<String>(row, 0)?)))
        .collect()
}

/// Tables of a schema. Partitions are read through their parent and are left out of the listing.
pub(super) async fn tables(client: &Client, schema: &str, after: &str, limit: i64) -> Result<Vec<RemoteName>> {
    let text = "SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE n.nspname::text = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition \
        AND c.relname::text > $2 COLLATE \"C\" ORDER BY c.relname::text COLLATE \"C\" LIMIT $3";
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&schema, Type::TEXT), (&after, Type::TEXT), (&limit, Type::INT8)];
    let rows = query(client, text, &parameters).await?;
    rows.iter()
        .map(|row| Ok(RemoteName::table(get::<String>(row, 0)?, get::<String>(row, 1)?)))
        .collect()
}

/// The relations of a name, whatever its case.
pub(super) async fn relations(client: &Client, schema: &str, name: &str) -> Result<Vec<Relation>> {
    let text = "SELECT c.oid::int8, n.nspname::text, c.relname::text, c.reltuples::float8, c.relpages::int8, \
        current_setting('server_encoding'), c.relkind IN ('r', 'p', 'm') AND NOT EXISTS ( \
            SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated = 'v') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE lower(n.nspname::text) = lower($1) AND lower(c.relname::text) = lower($2) \
        AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
        AND n.nspname <> 'information_schema' AND NOT starts_with(n.nspname::text, 'pg_')";
    let rows = query(client, text, &[(&schema, Type::TEXT), (&name, Type::TEXT)]).await?;
    let relation = |row: &Row| {
        Ok(Relation {
            oid: get(row, 0)?,
            schema: get(row, 1)?,
            name: get(row, 2)?,
            rows: get(row, 3)?,
            pages: get(row, 4)?,
            encoding: get(row, 5)?,
            stored: get(row, 6)?,
        })
    };
    rows.iter().map(relation).collect()
}

/// The columns of a relation, domains resolved to what they stand for.
pub(super) async fn columns(client: &Client, relation: i64) -> Result<Vec<CatalogColumn>> {
    let text = "WITH RECURSIVE base (attnum, typid, typmod) AS ( \
            SELECT attnum, atttypid, atttypmod FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped \
            UNION ALL SELECT b.attnum, t.typbasetype, t.typtypmod FROM base b JOIN pg_type t ON t.oid = b.typid \
            WHERE t.typtype = 'd') \
        SELECT a.attname::text, a.attnotnull, format_type(a.atttypid, a.atttypmod), t.oid::int8, t.typname::text, \
            t.typtype::text, a.attndims::int4, b.typmod, l.collname::text, l.collisdeterministic, \
            col_description(a.attrelid, a.attnum), e.oid::int8, e.typtype::text, \
            EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisvalid AND i.indkey[0] = a.attnum), \
            a.attcollation::int8 FROM pg_attribute a JOIN base b ON b.attnum = a.attnum JOIN pg_type t ON t.oid = b.typid AND t.typtype <> 'd' \
        LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A' \
        LEFT JOIN pg_collation l ON l.oid = a.attcollation \
        WHERE a.attrelid = $1::oid ORDER BY a.attnum";
    query(client, text, &[(&relation, Type::INT8)])
        .await?
        .iter()
        .map(column)
        .collect()
}

fn column(row: &Row) -> Result<CatalogColumn> {
    let kind: String = get(row, 5)?;
    let element = match get::<Option<i64>>(row, 11)? {
        None => None,
        Some(element) => Some(ElementType {
            oid: oid(element),
            kind: letter(&get::<String>(row, 12)?),
            dimensions: u8::try_from(get::<i32>(row, 6)?.max(1)).unwrap_or(u8::MAX),
        }),
    };
    Ok(CatalogColumn {
        name: get(row, 0)?,
        not_null: get(row, 1)?,
        written: get(row, 2)?,
        kind: CatalogType {
            oid: oid(get(row, 3)?),
            kind: letter(&kind),
            element,
            modifier: get(row, 7)?,
            deterministic: get(row, 9)?,
        },
        collation: get(row, 8)?,
        collation_oid: oid(get(row, 14)?),
        comment: get(row, 10)?,
        indexed: get(row, 13)?,
    })
}

/// What the types are that the server announced, by oids and modifiers, in their order; nothing is known of names and indexes.
pub(super) async fn announced(client: &Client, types: &[(&(dyn ToSql + Sync), Type)]) -> Result<Vec<CatalogColumn>> {
    let text = "SELECT t.oid::int8, format_type(t.oid, w.modifier), t.typtype::text, w.modifier, e.oid::int8, e.typtype::text \
        FROM unnest($1::int8[], $2::int4[]) WITH ORDINALITY AS w (oid, modifier, place) JOIN pg_type t ON t.oid = w.oid::oid \
        LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A' ORDER BY w.place";
    let rows = query(client, text, types).await?;
    let column = |row: &Row| {
        let element = match get::<Option<i64>>(row, 4)? {
            None => None,
            Some(element) => Some(ElementType {
                oid: oid(element),
                kind: letter(&get::<String>(row, 5)?),
                dimensions: 1,
            }),
        };
        Ok(CatalogColumn {
            name: String::new(),
            not_null: false,
            written: get(row, 1)?,
            kind: CatalogType {
                oid: oid(get(row, 0)?),
                kind: letter(&get::<String>(row, 2)?),
                element,
                modifier: get(row, 3)?,
                deterministic: None,
            },
            collation_oid: 0,
            collation: None,
            comment: None,
            indexed: false,
        })
    };
    rows.iter().map(column).collect()
}

/// Is text of the database UTF-8?
pub(super) async fn is_utf8(client: &Client) -> Result<bool> {
    let rows = query(client, "SELECT current_setting('server_encoding') = 'UTF8'", &[]).await?;
    rows.first().map_or(Ok(false), |row| get(row, 0))
}

fn oid(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// Of `pg_type.typtype`; what is none is a pseudo-type, which is not read.
fn letter(text: &str) -> char {
    text.chars().next().unwrap_or('p')
}

/// A table and what belongs to it by inheritance or partitioning.
#[derive(Debug)]
pub(super) struct Heap {
    pub oid: u32,
    /// Now, in the main fork; 0 for a partitioned table itself.
    pub pages: u64,
}

/// The heaps that a relation is read from, itself first; `None` where one of them is no heap, the role may read some columns only
/// (`ctid` is none of them), or the server cannot scan a range of pages (PostgreSQL 14 is the first that can).
pub(super) async fn heaps(client: &Client, relation: i64) -> Result<Option<Vec<Heap>>> {
    let text = "WITH RECURSIVE part (oid) AS (SELECT $1::oid \
            UNION SELECT i.inhrelid FROM pg_inherits i JOIN part p ON i.inhparent = p.oid) \
        SELECT c.oid::int8, CASE WHEN c.relkind = 'p' THEN 0 ELSE pg_relation_size(c.oid) / current_setting('block_size')::int8 END, \
            current_setting('server_version_num')::int4 >= 140000 AND has_table_privilege($1::oid, 'SELECT') \
            AND (c.relkind = 'p' OR (c.relkind IN ('r', 'm') AND a.amname IS NOT DISTINCT FROM 'heap')) \
        FROM part p JOIN pg_class c ON c.oid = p.oid LEFT JOIN pg_am a ON a.oid = c.relam ORDER BY c.oid <> $1::oid, c.oid";
    let mut heaps = Vec::new();
    for row in query(client, text, &[(&relation, Type::INT8)]).await? {
        let pages: Option<i64> = get(&row, 1)?;
        let (Some(pages), true) = (pages, get(&row, 2)?) else {
            return Ok(None);
        };
        heaps.push(Heap {
            oid: oid(get(&row, 0)?),
            pages: u64::try_from(pages).unwrap_or(0),
        });
    }
    Ok(Some(heaps))
}

/// Indexes of a relation that cover all of its rows, and the keys among them.
pub(super) async fn indexes(client: &Client, relation: i64) -> Result<(Vec<KeySpec>, Vec<IndexSpec>)> {
    let text = "SELECT x.relname::text, i.indisprimary, i.indisunique, a.attname::text \
        FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid \
        CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) AS k (n) \
        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.n] \
        WHERE i.indrelid = $1::oid AND i.indisvalid AND i.indpred IS NULL ORDER BY x.relname::text COLLATE \"C\", k.n";
    let rows = query(client, text, &[(&relation, Type::INT8)]).await?;
    let mut found: Vec<(String, bool, bool, Vec<Option<String>>)> = Vec::new();
    for row in &rows {
        let name: String = get(row, 0)?;
        if found.last().is_none_or(|last| last.0 != name) {
            found.push((name, get(row, 1)?, get(row, 2)?, Vec::new()));
        }
        if let Some(last) = found.last_mut() {
            last.3.push(get(row, 3)?);
        }
    }
    let (mut keys, mut indexes) = (Vec::new(), Vec::new());
    for (name, primary, unique, columns) in found {
        // An expression ends what an index is known to help with.
        let known: Vec<ColumnId> = columns.iter().map_while(Option::as_deref).map(ColumnId::new).collect();
        let whole = known.len() == columns.len();
        if known.is_empty() {
            continue;
        }
        if unique && whole {
            keys.push(KeySpec {
                primary,
                columns: known.clone(),
            });
        }
        indexes.push(IndexSpec {
            name,
            columns: known,
            unique: unique && whole,
        });
    }
    Ok((keys, indexes))
}

async fn query(client: &Client, text: &str, parameters: &[(&(dyn ToSql + Sync), Type)]) -> Result<Vec<Row>> {
    client.query_typed(text, parameters).await.map_err(from_postgres)
}

fn get<'a, T: FromSql<'a>>(row: &'a Row, position: usize) -> Result<T> {
    row.try_get(position).map_err(|error| {
        ConnectorError::new(
            ConnectorErrorKind::SourceFailed,
            "the catalog of the source is not as expected",
        )
        .with_source(error)
    })
}
