//! A connector, a door to the server, and the questions of these tests.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use arrow::array::{AsArray, RecordBatch};
use lakegate_connectors::{
    call::CallContext, connection::Connection, connector::PlanResponse, contract::ask, credential::Credential,
    dynamodb::DynamoDbConnector, error::Result, predicate::Predicate, scan::Guard, table_spec::TableSpec,
};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::door::{Door, server, setting};

pub struct Service {
    pub server: SocketAddr,
    pub door: Arc<Door>,
    pub connector: DynamoDbConnector,
    pub connection: Connection,
    _tasks: JoinSet<()>,
}

impl Service {
    /// `None`: there is no server, which is said.
    pub async fn start(options: &[(&str, Value)]) -> Option<Self> {
        let Some(server) = server() else {
            eprintln!("skipped: dynamodb: LAKEGATE_TEST_DYNAMODB is not set");
            return None;
        };
        let (door, port, tasks) = Door::open(server).await;
        let fixed = [
            ("region", "eu-central-1".into()),
            ("endpoint", format!("http://127.0.0.1:{port}").into()),
        ];
        let options = fixed
            .iter()
            .chain(options)
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        Some(Self {
            server,
            door,
            connector: DynamoDbConnector::new(),
            connection: Connection {
                id: format!("dynamodb-{port}"),
                kind: "dynamodb".into(),
                options: options.collect(),
                credential: Credential::from_plain([
                    ("access_key_id", setting("_ACCESS_KEY").unwrap().as_str()),
                    ("secret_access_key", setting("_SECRET_KEY").unwrap().as_str()),
                ]),
                ..Connection::default()
            },
            _tasks: tasks,
        })
    }

    pub fn call(&self) -> CallContext {
        CallContext::new("test", Arc::new(self.connection.clone()), Duration::from_secs(30))
    }

    pub async fn table(&self, name: &str) -> TableSpec {
        ask::table(&self.connector, &self.call(), "default", name)
            .await
            .unwrap()
    }

    /// Plan, rows, and what was asked of the server for them.
    pub async fn read(
        &self,
        table: &TableSpec,
        columns: &[&str],
        guard: Guard,
        filter: Vec<Predicate>,
    ) -> Result<(PlanResponse, RecordBatch, Vec<(String, Value)>)> {
        self.door.bodies();
        let scan = ask::scan(table, columns, guard, filter);
        let (planned, rows) = ask::read(&self.connector, &self.call(), scan).await?;
        Ok((planned, rows, self.door.bodies()))
    }
}

/// Of a column of integers.
pub fn numbers(rows: &RecordBatch, column: &str) -> Vec<i64> {
    let column = rows.column_by_name(column).unwrap();
    let mut found = column.as_primitive::<arrow::datatypes::Int64Type>().values().to_vec();
    found.sort_unstable();
    found
}

pub fn operations(asked: &[(String, Value)]) -> Vec<&str> {
    asked.iter().map(|(operation, _)| operation.as_str()).collect()
}

/// A guard of rows.
pub fn guard(rows: Predicate) -> Guard {
    ask::guard(rows)
}
