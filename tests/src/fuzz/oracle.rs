//! What does plain DataFusion answer over the copy? With its optimizer rules, and without them.

use std::sync::Arc;

use datafusion::{
    datasource::MemTable,
    execution::{SessionStateBuilder, context::SessionContext},
    physical_optimizer::optimizer::PhysicalOptimizer,
    physical_plan::collect,
    prelude::SessionConfig,
};
use lakegate_query::{
    engine_error::{Phase, translate},
    error::QueryError,
};

use super::data::Table;
use crate::answer;

/// Lines, or the failure.
pub type Outcome = Result<Vec<String>, Failure>;

/// A failure; two are alike if their codes are.
#[derive(Clone, Debug)]
pub struct Failure {
    pub code: &'static str,
    /// For whoever looks for the reason.
    pub detail: String,
}

impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Failure {
    /// A number did not fit, in an operator or a cast.
    pub fn is_overflow(&self) -> bool {
        matches!(self.code, "NUMERIC_VALUE_OUT_OF_RANGE" | "INVALID_CAST_ARGUMENT")
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Self {
            code: error.code.text(),
            detail: error.log_text(),
        }
    }
}

/// The copy.
pub struct Oracle {
    optimised: SessionContext,
    plain: SessionContext,
}

impl Oracle {
    /// Over the visible tables; `None`: a table that is not there.
    pub fn new(tables: &[Option<Table>]) -> Self {
        Self {
            optimised: session(tables, true),
            plain: session(tables, false),
        }
    }

    /// Rows, or the failure with the code that the gateway gives such an error.
    pub async fn ask(&self, sql: &str, optimised: bool) -> Result<Vec<Vec<String>>, Failure> {
        let session = if optimised { &self.optimised } else { &self.plain };
        let frame = session.sql(sql).await.map_err(|error| {
            // A table that is closed is one that is not there.
            if error.to_string().contains("not found") && error.to_string().contains("table '") {
                return Failure {
                    code: "TABLE_NOT_FOUND",
                    detail: String::new(),
                };
            }
            Failure::from(translate(error, Phase::Plan))
        })?;
        let plan = frame
            .create_physical_plan()
            .await
            .map_err(|error| translate(error, Phase::Plan))?;
        let batches = collect(plan, session.task_ctx())
            .await
            .map_err(|error| translate(error, Phase::Execute))?;
        Ok(answer::values(&batches))
    }
}

fn session(tables: &[Option<Table>], optimised: bool) -> SessionContext {
    let mut config = SessionConfig::new()
        .with_target_partitions(1)
        .with_default_catalog_and_schema("lake", "t");
    config.options_mut().sql_parser.map_string_types_to_utf8view = false;
    // It mixes up columns of one name over joins (`tests/sql/joins.slt`).
    let rules = PhysicalOptimizer::new()
        .rules
        .into_iter()
        .filter(|rule| !rule.name().starts_with("FilterPushdown"))
        .collect();
    let mut builder = SessionStateBuilder::new()
        .with_config(config)
        .with_default_features()
        .with_physical_optimizer_rules(rules);
    if !optimised {
        builder = builder.with_optimizer_rules(Vec::new());
    }
    let session = SessionContext::new_with_state(builder.build());
    for table in tables.iter().flatten() {
        let batch = table.batch();
        let memory = MemTable::try_new(batch.schema(), vec![vec![batch]]).expect("a table");
        session
            .register_table(table.name.as_str(), Arc::new(memory))
            .expect("a new name");
    }
    session
}

/// Rows as lines, sorted unless their order is part of the answer. The two zeros are one value.
pub fn lines(rows: &[Vec<String>], ordered: bool) -> Vec<String> {
    let zero = |cell: &String| if cell == "-0.0" { "0.0".to_owned() } else { cell.clone() };
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| row.iter().map(zero).collect::<Vec<_>>().join(" | "))
        .collect();
    if !ordered {
        lines.sort();
    }
    lines
}
