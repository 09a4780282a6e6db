//! Which statements does Lakegate run? Queries, EXPLAIN of them, and questions about visible metadata.

use datafusion::sql::{
    parser::Statement as EngineStatement,
    sqlparser::ast::{
        ObjectName, ObjectNamePart, ShowCreateObject, ShowStatementFilter, ShowStatementFilterPosition,
        ShowStatementOptions, Statement,
    },
};

use crate::error::{ErrorCode, QueryError, Result};

/// A statement by what it needs.
#[derive(Debug)]
pub enum StatementKind {
    /// SELECT, VALUES, WITH, TABLE.
    Query(Box<EngineStatement>),
    /// EXPLAIN of a query.
    Explain(Box<EngineStatement>),
    /// EXPLAIN ANALYZE of a query: it runs.
    Analyze(Box<EngineStatement>),
    Metadata(MetadataStatement),
}

/// SHOW and DESCRIBE, answered from what the caller may see.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MetadataStatement {
    Catalogs {
        like: Option<String>,
    },
    Databases {
        catalog: Option<String>,
        like: Option<String>,
    },
    Tables {
        database: Vec<String>,
        like: Option<String>,
    },
    Columns {
        table: Vec<String>,
    },
    CreateView {
        view: Vec<String>,
    },
}

impl StatementKind {
    /// Classifies a parsed statement.
    ///
    /// # Errors
    /// `NOT_SUPPORTED` for everything that changes something or reaches outside the catalog.
    pub fn of(statement: EngineStatement) -> Result<Self> {
        match statement {
            EngineStatement::Statement(inner) => of_sql(*inner),
            EngineStatement::Explain(explain) => match Self::of(*explain.statement)? {
                Self::Query(query) if explain.options.analyze => Ok(Self::Analyze(query)),
                Self::Query(query) => Ok(Self::Explain(query)),
                Self::Analyze(_) | Self::Explain(_) | Self::Metadata(_) => {
                    Err(refused("EXPLAIN of anything but a query"))
                }
            },
            EngineStatement::CreateExternalTable(_) => Err(refused("CREATE EXTERNAL TABLE")),
            EngineStatement::CopyTo(_) => Err(refused("COPY")),
            EngineStatement::Reset(_) => Err(refused("RESET")),
        }
    }

    /// The query inside, if there is one.
    #[must_use]
    pub fn query(&self) -> Option<&EngineStatement> {
        match self {
            Self::Query(query) | Self::Explain(query) | Self::Analyze(query) => Some(query),
            Self::Metadata(_) => None,
        }
    }

    /// The word of the query record.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Query(_) => "SELECT",
            Self::Explain(_) => "EXPLAIN",
            Self::Analyze(_) => "EXPLAIN ANALYZE",
            Self::Metadata(MetadataStatement::Columns { .. }) => "DESCRIBE",
            Self::Metadata(_) => "SHOW",
        }
    }

    /// Whether scanned bytes are billed (query-path.md §4).
    #[must_use]
    pub fn billed(&self) -> bool {
        matches!(self, Self::Query(_) | Self::Analyze(_))
    }
}

fn of_sql(statement: Statement) -> Result<StatementKind> {
    let kind = match statement {
        Statement::Query(query) => {
            return Ok(StatementKind::Query(Box::new(EngineStatement::Statement(Box::new(
                Statement::Query(query),
            )))));
        }
        Statement::ShowCatalogs { show_options, .. } => MetadataStatement::Catalogs {
            like: like(&show_options)?,
        },
        Statement::ShowDatabases { show_options, .. } | Statement::ShowSchemas { show_options, .. } => {
            let catalog = parent(&show_options)?.pop();
            MetadataStatement::Databases {
                catalog,
                like: like(&show_options)?,
            }
        }
        Statement::ShowTables { show_options, .. } => MetadataStatement::Tables {
            database: parent(&show_options)?,
            like: like(&show_options)?,
        },
        Statement::ShowColumns { show_options, .. } => MetadataStatement::Columns {
            table: parent(&show_options)?,
        },
        Statement::ExplainTable { table_name, .. } => MetadataStatement::Columns {
            table: parts(&table_name)?,
        },
        Statement::ShowCreate {
            obj_type: ShowCreateObject::View,
            obj_name,
        } => MetadataStatement::CreateView {
            view: parts(&obj_name)?,
        },
        other => return Err(refused(&first_words(&other.to_string()))),
    };
    Ok(StatementKind::Metadata(kind))
}

fn refused(what: &str) -> QueryError {
    QueryError::new(
        ErrorCode::NotSupported,
        format!("{what} is not supported by this version"),
    )
}

fn first_words(text: &str) -> String {
    text.split_whitespace()
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
        .to_uppercase()
}

fn parent(options: &ShowStatementOptions) -> Result<Vec<String>> {
    match options.show_in.as_ref().and_then(|place| place.parent_name.as_ref()) {
        Some(name) => parts(name),
        None => Ok(Vec::new()),
    }
}

fn parts(name: &ObjectName) -> Result<Vec<String>> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => Ok(ident.value.to_lowercase()),
            ObjectNamePart::Function(_) => Err(QueryError::new(
                ErrorCode::SyntaxError,
                "a name cannot be a function call",
            )),
        })
        .collect()
}

fn like(options: &ShowStatementOptions) -> Result<Option<String>> {
    match &options.filter_position {
        None => Ok(None),
        Some(ShowStatementFilterPosition::Infix(filter) | ShowStatementFilterPosition::Suffix(filter)) => {
            match filter {
                ShowStatementFilter::Like(pattern) | ShowStatementFilter::NoKeyword(pattern) => {
                    Ok(Some(pattern.clone()))
                }
                ShowStatementFilter::ILike(_) => Err(refused("ILIKE in SHOW")),
                ShowStatementFilter::Where(_) => Err(refused("WHERE in SHOW")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;

    use super::*;

    fn kind(sql: &str) -> Result<StatementKind> {
        StatementKind::of(DFParser::parse_sql(sql).unwrap().pop_front().unwrap())
    }

    fn metadata(sql: &str) -> MetadataStatement {
        match kind(sql) {
            Ok(StatementKind::Metadata(metadata)) => metadata,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn metadata_statements_are_understood() {
        assert_eq!(
            metadata("SHOW TABLES FROM lake.nyc LIKE 'f%'"),
            MetadataStatement::Tables {
                database: vec!["lake".into(), "nyc".into()],
                like: Some("f%".into())
            }
        );
        assert_eq!(
            metadata("DESCRIBE lake.nyc.flights"),
            MetadataStatement::Columns {
                table: vec!["lake".into(), "nyc".into(), "flights".into()]
            }
        );
        assert_eq!(
            metadata("SHOW CREATE VIEW lake.nyc.v"),
            MetadataStatement::CreateView {
                view: vec!["lake".into(), "nyc".into(), "v".into()]
            }
        );
        assert_eq!(metadata("SHOW CATALOGS"), MetadataStatement::Catalogs { like: None });
    }

    #[test]
    fn everything_that_changes_or_reaches_out_is_refused() {
        for sql in [
            "CREATE TABLE t (a int)",
            "INSERT INTO t VALUES (1)",
            "DROP TABLE t",
            "SET datafusion.execution.batch_size = 1",
            "COPY t TO 'x.parquet'",
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
            "PREPARE p AS SELECT 1",
            "DELETE FROM t",
        ] {
            assert_eq!(kind(sql).unwrap_err().code, ErrorCode::NotSupported, "{sql}");
        }
    }
}
