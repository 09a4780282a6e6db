//! Is a source that does nothing of what it is asked governed all the same? connectors.md §1.2: no result depends on a promise.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use datafusion::{
    arrow::{
        array::RecordBatch,
        datatypes::{Field, Schema},
    },
    execution::SessionStateBuilder,
};
use futures::StreamExt;
use lakegate_connectors::{
    call::{CallContext, InvocationId},
    capability::{Capabilities, Consistency, LimitVerdict, OrderVerdict, Pushdown},
    connection::Connection,
    connector::{CONTRACT, Connector, ConnectorSpec, DescribeRequest, DescribeResponse, PlanRequest, PlanResponse},
    error::{ConnectorError, Result},
    predicate::Predicate,
    scan::{ColumnId, Relation, ScanSpec},
    split::{Handle, ReadRequest, ReadStream, Split, SplitId, SplitsPage, SplitsRequest},
    table_spec::{ColumnSpec, RemoteName, Statistics, TableSpec},
};
use lakegate_query::govern::TableSource;

use crate::{
    door::{assert_no_canary, governed, lines, rows, session},
    fixture::{HIDDEN, Lake, VISIBLE, batch, schema},
};

/// Claims that everything is exact, and returns every row of two splits, whatever it is asked.
#[derive(Debug)]
struct Liar {
    spec: ConnectorSpec,
    asked: Mutex<Vec<ScanSpec>>,
    fails: bool,
}

impl Liar {
    fn new(fails: bool) -> Arc<Self> {
        let spec = ConnectorSpec {
            kind: "liar",
            system: "liar",
            contract: CONTRACT,
            options: &[],
            credential: &[],
            capabilities: Capabilities::projection_only(),
            max_concurrency: 4,
            discovers: false,
        };
        Arc::new(Self {
            spec,
            asked: Mutex::default(),
            fails,
        })
    }
}

fn columns(scan: &ScanSpec) -> Vec<String> {
    scan.output.iter().map(|column| column.name.clone()).collect()
}

#[async_trait]
impl Connector for Liar {
    fn spec(&self) -> &ConnectorSpec {
        &self.spec
    }

    async fn describe(&self, _: &CallContext, _: DescribeRequest) -> Result<DescribeResponse> {
        Ok(DescribeResponse::Pong)
    }

    async fn plan(&self, _: &CallContext, request: PlanRequest) -> Result<PlanResponse> {
        let scan = request.scan;
        let fields: Vec<Field> = scan
            .output
            .iter()
            .map(|column| Field::new(&column.name, column.data_type.clone(), column.nullable))
            .collect();
        self.asked.lock().unwrap().push(scan.clone());
        Ok(PlanResponse {
            filter: vec![Pushdown::Exact; scan.filter.len()],
            handle: Handle::new(columns(&scan)),
            schema: Arc::new(Schema::new(fields)),
            estimate: Statistics {
                rows: Some(1),
                bytes: None,
            },
            consistency: Consistency::Statement,
            guard: Pushdown::Exact,
            dynamic: Vec::new(),
            aggregate: Pushdown::Exact,
            join: Pushdown::Exact,
            order: OrderVerdict::Global,
            limit: LimitVerdict::Exact,
        })
    }

    async fn splits(&self, _: &CallContext, request: SplitsRequest) -> Result<SplitsPage> {
        let names = request.scan.get::<Vec<String>>()?.clone();
        let split = |id, batch: RecordBatch| {
            let handle = Handle::new((names.clone(), batch));
            Split {
                id: SplitId(id),
                handle,
                bytes: 0,
                rows: None,
                locality: None,
                statement: None,
            }
        };
        Ok(SplitsPage {
            splits: vec![split(0, batch(VISIBLE)), split(1, batch(HIDDEN))],
            next: None,
        })
    }

    async fn read(&self, _: &CallContext, request: ReadRequest) -> Result<ReadStream> {
        if self.fails {
            return Err(ConnectorError::unsupported("reading").with_detail("CANARY"));
        }
        let (names, batch) = request.split.get::<(Vec<String>, RecordBatch)>()?;
        let at: Vec<usize> = names
            .iter()
            .map(|name| batch.schema().index_of(name).unwrap())
            .collect();
        let batch = batch.project(&at).unwrap();
        Ok(ReadStream {
            schema: batch.schema(),
            batches: futures::stream::iter([Ok(batch)]).boxed(),
        })
    }

    async fn cancel(&self, _: &CallContext, _: InvocationId) -> Result<()> {
        Ok(())
    }
}

fn source(liar: &Arc<Liar>) -> TableSource {
    let column = |field: &Arc<Field>| ColumnSpec {
        id: ColumnId::new(field.name().as_str()),
        remote_type: String::new(),
        collation: None,
        nullable: field.is_nullable(),
        unsupported: None,
        comment: None,
    };
    let spec = TableSpec {
        name: RemoteName::table("sales", "orders"),
        columns: schema().fields().iter().map(column).collect(),
        schema: schema(),
        keys: Vec::new(),
        indexes: Vec::new(),
        handle: Handle::new(()),
        capabilities: Capabilities::projection_only(),
        statistics: Statistics::default(),
        version: None,
        sampled: false,
    };
    let connector: Arc<dyn Connector> = Arc::clone(liar) as Arc<dyn Connector>;
    TableSource::Connector {
        connector,
        connection: Arc::new(Connection::default()),
        spec: Arc::new(spec),
    }
}

#[tokio::test]
async fn every_condition_is_repeated_here() {
    let mut lake = Lake::default();
    lake.grants.retain(|(_, _, _, object)| object != "f-de");
    for (user, sql, expected) in [
        (
            "alice",
            "SELECT id, ssn FROM orders WHERE id > 1",
            vec!["2|nnn-nn-4444", "3|nnn-nn-5555"],
        ),
        ("alice", "SELECT count(*) FROM orders", vec!["3"]),
        (
            "alice",
            "SELECT count(*) FROM (SELECT 1 FROM orders LIMIT 2)",
            vec!["2"],
        ),
        ("dana", "SELECT count(*) FROM orders", vec!["10"]),
        (
            "dana",
            "SELECT count(*) FROM (SELECT id FROM orders LIMIT 4)",
            vec!["4"],
        ),
    ] {
        let liar = Liar::new(false);
        let cx = lake.context(user);
        let context = session(SessionStateBuilder::new().with_default_features(), None);
        context
            .register_table("orders", Arc::new(governed(&cx, source(&liar)).unwrap()))
            .unwrap();
        assert_eq!(
            lines(&rows(&cx, &context, sql).await.unwrap()),
            expected,
            "{user} {sql}"
        );
        assert!(cx.meter.usage().connector_bytes > 0);
        let asked = liar.asked.lock().unwrap();
        let Relation::Table { guard, .. } = &asked[0].relation else {
            panic!("one table is asked for")
        };
        // The guard goes to the source, apart from the user's conditions; no limit goes where a guard is.
        assert_eq!(matches!(guard.rows, Predicate::True), user == "dana");
        assert_eq!(asked[0].filter.len(), usize::from(sql.contains("id > 1")));
        assert_eq!(asked[0].limit.is_some(), user == "dana" && sql.contains("LIMIT"));
        assert!(!asked[0].output.is_empty());
    }
}

#[tokio::test]
async fn the_text_of_a_source_never_passes() {
    let lake = Lake::default();
    let cx = lake.context("alice");
    let context = session(SessionStateBuilder::new().with_default_features(), None);
    context
        .register_table("orders", Arc::new(governed(&cx, source(&Liar::new(true))).unwrap()))
        .unwrap();
    let error = rows(&cx, &context, "SELECT id FROM orders").await.unwrap_err();
    assert_no_canary(&error.to_string());
}
