//! How does a running gateway ask sources while it checks a lake? Through the connectors, with secrets resolved.

use std::{sync::Arc, time::Duration};

use arrow::datatypes::{DataType, Field};
use async_trait::async_trait;
use lakegate_catalog::{
    connection::Connection,
    object::Stored,
    relation::{PartitionMode, Table, TableFormat},
};
use lakegate_connectors::{
    call::CallContext,
    connector::{DescribeRequest, DescribeResponse},
    error::{ConnectorError, ConnectorErrorKind},
    files::{self, FileTableDraft, Format, FormatOptions, MetadataCache, PartitionSource},
    registry::Registry,
    table_spec::RemoteName,
};
use lakegate_query::{
    connection::Connections,
    type_name::{parse_type, type_text},
};
use tokio::runtime::Handle;

use super::inspect::{FoundColumn, FoundTable, InspectError, Inspector};

/// How long a source may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Footers that one inference keeps.
const FOOTERS: usize = 64 * 1024 * 1024;

/// Asks sources through their connectors.
#[derive(Debug)]
pub struct SourceInspector {
    registry: Arc<Registry>,
    connections: Arc<Connections>,
}

impl SourceInspector {
    /// Over these connectors; `connections` resolves secrets.
    #[must_use]
    pub fn new(registry: Arc<Registry>, connections: Arc<Connections>) -> Self {
        Self { registry, connections }
    }

    fn open(
        &self,
        stored: &Stored<Connection>,
    ) -> Result<Arc<lakegate_connectors::connection::Connection>, InspectError> {
        self.connections.open(stored).map_err(|error| InspectError {
            message: error.log_text(),
            unreachable: true,
        })
    }
}

#[async_trait]
impl Inspector for SourceInspector {
    async fn infer(
        &self,
        connection: &Stored<Connection>,
        database_location: Option<&str>,
        table: &Table,
    ) -> Result<Vec<FoundColumn>, InspectError> {
        let connection = self.open(connection)?;
        let location = table.location.as_deref().unwrap_or_default();
        let location =
            files::resolve_location(&connection, database_location, location).map_err(|error| public(&error))?;
        let format = match table.format {
            Some(TableFormat::Avro) => Format::Avro,
            Some(TableFormat::Csv) => Format::Csv,
            Some(TableFormat::Ndjson) => Format::Ndjson,
            Some(TableFormat::Orc) => Format::Orc,
            Some(TableFormat::Parquet) | None => Format::Parquet,
        };
        let options =
            FormatOptions::parse(format, &table.options).map_err(|_| wrong("the options do not fit the format"))?;
        let partition_columns = table
            .columns
            .iter()
            .filter(|column| column.partition)
            .map(|column| {
                Arc::new(Field::new(
                    &column.name,
                    parse_type(&column.data_type).unwrap_or(DataType::Utf8),
                    true,
                ))
            })
            .collect();
        let partitions = match table.partitions {
            PartitionMode::Hive => PartitionSource::Hive,
            PartitionMode::None => PartitionSource::None,
            PartitionMode::Declared | PartitionMode::Projection => {
                return Err(wrong("columns of declared and projected partitions cannot be inferred"));
            }
        };
        let draft = FileTableDraft {
            connection,
            location,
            format,
            options,
            partition_columns,
            partitions,
        };
        let found = |(name, data_type): (String, DataType)| FoundColumn {
            name,
            data_type: type_text(&data_type),
            nullable: true,
        };
        Ok(infer(draft).await?.into_iter().map(found).collect())
    }

    async fn describe(
        &self,
        connection: &Stored<Connection>,
        database: &str,
        table: &str,
    ) -> Result<Option<FoundTable>, InspectError> {
        let opened = self.open(connection)?;
        let connector = self
            .registry
            .connector(&connection.body.connector)
            .map_err(|error| public(&error))?;
        let cx = CallContext::new("apply", opened, PATIENCE);
        let request = DescribeRequest::Table(RemoteName::table(database, table));
        let spec = match connector.describe(&cx, request).await {
            Ok(DescribeResponse::Table(spec)) => spec,
            Ok(_) => return Err(wrong("the connector answered another question")),
            Err(error) if error.kind() == ConnectorErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(public(&error)),
        };
        let column = |field: &Arc<Field>| FoundColumn {
            name: field.name().clone(),
            data_type: type_text(field.data_type()),
            nullable: field.is_nullable(),
        };
        Ok(Some(FoundTable {
            database: spec.name.database.clone().unwrap_or_default(),
            table: spec.name.name.clone(),
            source_id: spec.version.as_ref().map(|version| version.0.clone()),
            columns: spec.schema.fields().iter().map(column).collect(),
            sampled: spec.sampled,
        }))
    }
}

/// On a thread of its own: the compiler cannot prove that the future of `files::infer` may move between threads
/// (rust-lang/rust#102211).
async fn infer(draft: FileTableDraft) -> Result<Vec<(String, DataType)>, InspectError> {
    let runtime = Handle::current();
    #[expect(clippy::disallowed_methods, reason = "on a thread for blocking work")]
    let work = move || {
        runtime.block_on(async {
            let store = files::open_store(&draft.connection)?;
            files::infer(&draft, &store, &Arc::new(MetadataCache::new(FOOTERS))).await
        })
    };
    let found = tokio::task::spawn_blocking(work).await;
    found
        .map_err(|_| wrong("the inference stopped"))?
        .map_err(|error| public(&error))
}

fn wrong(message: &str) -> InspectError {
    InspectError {
        message: message.to_owned(),
        unreachable: false,
    }
}

/// Our words about the failure; the source's own text stays in the log.
fn public(error: &ConnectorError) -> InspectError {
    let unreachable = matches!(
        error.kind(),
        ConnectorErrorKind::Throttled
            | ConnectorErrorKind::Unavailable
            | ConnectorErrorKind::Timeout
            | ConnectorErrorKind::Unauthenticated
            | ConnectorErrorKind::AccessDenied
            | ConnectorErrorKind::SourceFailed
    );
    let detail = [error.detail(), error.file()]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ");
    let message = if detail.is_empty() {
        error.to_string()
    } else {
        format!("{error} ({detail})")
    };
    tracing::warn!(error = ?error, "a source could not be asked while a lake was checked");
    InspectError { message, unreachable }
}
