//! How is an authorized table reached? The catalog's description and the connection become a source for the barrier; of a
//! view, its body does.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, FieldRef, Schema};
use lakegate_catalog::{
    Store,
    relation::{AbsentPolicyColumns, Column, PartitionMode, TableFormat},
    snapshot::TablePath,
};
use lakegate_connectors::{
    connection::Connection,
    error::ConnectorError,
    files::{self, FileTable, Format, FormatOptions, Listings, PartitionSource, Projection},
};

use crate::{
    authorize::RelationGrant,
    context::QueryContext,
    discover::{Reached, is_undeclared},
    engine_error::connector_error,
    error::{ErrorCode, QueryError, Result},
    govern::TableSource,
    plan::Planner,
    session::QueryStores,
    type_name::parse_type,
    views,
};

/// Opens the source of a granted table. Files are listed when the conditions of their scan are known.
///
/// # Errors
/// Those of the source, and `SCHEMA_CHANGED` for a table that the source no longer has.
pub async fn open(
    planner: &Planner<'_>,
    cx: &Arc<QueryContext>,
    grant: &RelationGrant,
    stores: &mut QueryStores,
) -> Result<TableSource> {
    let path = &grant.path;
    if path.view.is_some() {
        return views::open(planner, cx, grant, stores).await;
    }
    let reached = planner.discovery.reach_for(cx, &path.catalog)?;
    if path.table.body.format.is_some() {
        return open_files(planner, cx, grant, &reached, stores).await;
    }
    let changed = || {
        QueryError::new(
            ErrorCode::MissingColumn,
            format!("table `{}` is no longer what it was at its source", grant.name()),
        )
    };
    let remote = path.table.body.remote.as_ref().ok_or_else(changed)?;
    let spec = planner
        .discovery
        .spec(&reached, &path.database.name, &path.table.name)
        .await?
        .ok_or_else(changed)?;
    // INVARIANT: what is read is the object that was decided about, not another one of its name.
    let same_object =
        remote.source_id.is_none() || remote.source_id == spec.version.as_ref().map(|version| version.0.clone());
    if spec.name.name != remote.table || !same_object {
        return Err(changed());
    }
    if is_undeclared(&cx.snapshot, &path.table, &spec) {
        let text = format!(
            "table `{}` cannot be read until its declaration fits its source",
            grant.name()
        );
        return Err(QueryError::new(ErrorCode::MissingColumn, text)
            .because("filters or masks stand on it and its columns are inferred: declare them (`columns.TABLE` of the connection)"));
    }
    Ok(TableSource::Connector {
        connector: reached.connector,
        connection: reached.connection,
        spec,
    })
}

async fn open_files(
    planner: &Planner<'_>,
    cx: &Arc<QueryContext>,
    grant: &RelationGrant,
    reached: &Reached,
    stores: &mut QueryStores,
) -> Result<TableSource> {
    let table = file_table(planner.store, &grant.path, Arc::clone(&reached.connection)).await?;
    let store = files::open_store(&table.connection).map_err(public)?;
    let url = files::store_url(&table.connection).map_err(public)?;
    stores.insert(&url, &store, &cx.meter);
    Ok(TableSource::Files {
        table: Arc::new(table),
        listings: Arc::new(Listings::new(store)),
        cache: Arc::clone(planner.footers),
    })
}

/// The connector's description of a table of files.
///
/// # Errors
/// `SCHEMA_CHANGED` for types, options or locations that cannot be understood any more.
pub async fn file_table(store: &Store, path: &TablePath, connection: Arc<Connection>) -> Result<FileTable> {
    let body = &path.table.body;
    let broken = |why: String| {
        QueryError::new(
            ErrorCode::MissingColumn,
            format!("the declaration of table `{}` cannot be used", path.table.name),
        )
        .because(why)
    };
    let format = match body.format {
        Some(TableFormat::Avro) => Format::Avro,
        Some(TableFormat::Csv) => Format::Csv,
        Some(TableFormat::Ndjson) => Format::Ndjson,
        Some(TableFormat::Orc) => Format::Orc,
        Some(TableFormat::Parquet) => Format::Parquet,
        None => return Err(broken("it has no format".to_owned())),
    };
    let options = FormatOptions::parse(format, &body.options).map_err(|problems| broken(format!("{problems:?}")))?;
    let database = path.database.body.location.as_deref();
    let location = body.location.as_deref().unwrap_or_default();
    let location = files::resolve_location(&connection, database, location).map_err(public)?;
    let (partition_columns, file_columns): (Vec<&Column>, Vec<&Column>) =
        body.columns.iter().partition(|column| column.partition);
    let fields = |columns: &[&Column]| -> Result<Vec<FieldRef>> {
        let fields = columns.iter().map(|column| field(column, format).map_err(&broken));
        fields.collect()
    };
    let partitions = match body.partitions {
        PartitionMode::None => PartitionSource::None,
        PartitionMode::Hive => PartitionSource::Hive,
        PartitionMode::Declared => declared(store, path, &connection, &location).await?,
        PartitionMode::Projection => {
            let projection = Projection::parse(&fields(&partition_columns)?, &body.options);
            PartitionSource::Projected(Arc::new(
                projection.map_err(|problems| broken(format!("{problems:?}")))?,
            ))
        }
    };
    Ok(FileTable {
        format,
        options,
        file_schema: Arc::new(Schema::new(fields(&file_columns)?)),
        partition_columns: fields(&partition_columns)?,
        partitions,
        absent: match body.absent_policy_columns {
            AbsentPolicyColumns::Deny => files::AbsentPolicyColumns::Deny,
            AbsentPolicyColumns::Null => files::AbsentPolicyColumns::Null,
        },
        location,
        connection,
    })
}

async fn declared(store: &Store, path: &TablePath, connection: &Connection, table: &str) -> Result<PartitionSource> {
    let stored = store.partitions(&path.table.id).await.map_err(crate::store_error)?;
    let mut all = Vec::with_capacity(stored.len());
    for partition in stored {
        let location = files::resolve_location(connection, Some(table), &partition.body.location).map_err(public)?;
        all.push((partition.body.values.clone(), location));
    }
    Ok(PartitionSource::Declared(all))
}

fn field(column: &Column, format: Format) -> std::result::Result<FieldRef, String> {
    let data_type = files::carried(format, parse_type(&column.data_type)?);
    Ok(Arc::new(Field::new(
        column.name.to_lowercase(),
        data_type,
        column.nullable,
    )))
}

fn public(error: ConnectorError) -> QueryError {
    let (code, message) = connector_error(&error);
    QueryError::new(code, message).because(error)
}
