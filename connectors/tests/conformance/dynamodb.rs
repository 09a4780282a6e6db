//! DynamoDB Local for the suite, behind a door that makes two of its tables endless.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use arrow::{
    array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray,
        StringArray, StructArray, TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Int64Type},
};
use async_trait::async_trait;
use datafusion::common::ScalarValue;
use lakegate_connectors::{
    connection::Connection,
    connector::Connector,
    contract::{Broken, Fixture, Hidden, Lake, Misfit, Typed, fixture::MARK},
    credential::Credential,
    dynamodb::DynamoDbConnector,
    predicate::{CompareOp, Predicate},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::door::{Door, call, create, create_with, put, server, setting};

/// An account has 2,500 at first.
const TABLES: usize = 2_000;

/// Tables that are declared; the others are inferred.
const DECLARED: &[(&str, &str)] = &[
    (
        "typed",
        "id varchar, t varchar, i bigint, n integer, d decimal(38,9), f double, v boolean, b varbinary, day date, at timestamp(6) with time zone, l array(bigint), r row(zip varchar, no bigint)",
    ),
    ("misfit-kind", "id bigint, odd bigint"),
    ("misfit-fraction", "id bigint, odd decimal(5,2)"),
    ("misfit-nested", "id bigint, odd array(varchar)"),
    ("hidden", "id bigint, region varchar, owner varchar, odd bigint"),
    ("numbers", "id bigint, name varchar"),
    ("owned", "owner varchar, id bigint, note varchar"),
];

#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    port: u16,
    door: Arc<Door>,
    _tasks: JoinSet<()>,
    lake: Lake,
    next: AtomicUsize,
}

fn array<T: arrow::array::Array + 'static>(values: T) -> ArrayRef {
    Arc::new(values)
}

/// `first` has nothing, `second` and `third` have what is least and most.
fn typed() -> Typed {
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![None, Some(vec![]), Some(vec![Some(1), None])]);
    let rows = StructArray::try_new(
        vec![
            Field::new("zip", DataType::Utf8, true),
            Field::new("no", DataType::Int64, true),
        ]
        .into(),
        vec![
            array(StringArray::from(vec![None, None, Some("10115")])),
            array(Int64Array::from(vec![None, None, Some(7)])),
        ],
        Some(vec![false, true, true].into()),
    );
    let decimals = Decimal128Array::from(vec![None, Some(-(10_i128.pow(38) - 1)), Some(1_500_000_000)]);
    Typed {
        table: "typed",
        columns: [
            ("t", array(StringArray::from(vec![None, Some(""), Some("Zoë 🛫")]))),
            ("i", array(Int64Array::from(vec![None, Some(i64::MIN), Some(i64::MAX)]))),
            (
                "n",
                array(arrow::array::Int32Array::from(vec![
                    None,
                    Some(i32::MIN),
                    Some(i32::MAX),
                ])),
            ),
            ("d", array(decimals.with_precision_and_scale(38, 9).unwrap())),
            ("f", array(Float64Array::from(vec![None, Some(-0.1), Some(1e125)]))),
            ("v", array(BooleanArray::from(vec![None, Some(false), Some(true)]))),
            (
                "b",
                array(BinaryArray::from(vec![None, Some(&b""[..]), Some(&[0, 255][..])])),
            ),
            ("day", array(Date32Array::from(vec![None, Some(0), Some(10_957)]))),
            (
                "at",
                array(
                    TimestampMicrosecondArray::from(vec![None, Some(0), Some(946_684_800_000_001)])
                        .with_timezone("UTC"),
                ),
            ),
            ("l", array(lists)),
            ("r", array(rows.unwrap())),
        ]
        .into(),
    }
}

/// One hash value, so that the rows come in the order of their sort keys.
fn typed_items() -> Vec<Value> {
    vec![
        json!({"id": {"S": "x"}, "no": {"N": "1"}, "t": {"NULL": true}}),
        json!({"id": {"S": "x"}, "no": {"N": "2"}, "t": {"S": ""}, "i": {"N": "-9223372036854775808"}, "n": {"N": "-2147483648"},
            "d": {"N": "-99999999999999999999999999999.999999999"}, "f": {"N": "-0.1"}, "v": {"BOOL": false}, "b": {"B": ""},
            "day": {"S": "1970-01-01"}, "at": {"S": "1970-01-01T02:00:00+02:00"}, "l": {"L": []}, "r": {"M": {}}}),
        json!({"id": {"S": "x"}, "no": {"N": "3"}, "t": {"S": "Zoë 🛫"}, "i": {"N": "9223372036854775807"}, "n": {"N": "2147483647"},
            "d": {"N": "1.5"}, "f": {"N": "1E+125"}, "v": {"BOOL": true}, "b": {"B": "AP8="}, "day": {"S": "2000-01-01"},
            "at": {"S": "2000-01-01T00:00:00.000001Z"}, "l": {"L": [{"N": "1"}, {"NULL": true}]},
            "r": {"M": {"no": {"N": "7"}, "zip": {"S": "10115"}, "more": {"S": "y"}}}}),
    ]
}

/// Sparse and mixed, with a large attribute, so that keys are cheaper than a scan.
fn random_item(i: i64) -> Value {
    let mut item = json!({"id": {"N": i.to_string()}, "pad": {"S": "p".repeat(2_000)}});
    let texts = ["a", "A", "b%_c", "ä🛫", "ab"];
    let bytes = ["AA==", "AP8=", ""];
    let mut set = |name: &str, there: bool, value: Value| {
        if there {
            item[name] = value;
        }
    };
    set("n", i % 7 > 0, json!({"N": (i % 5 - 2).to_string()}));
    set("t", i % 6 > 0, json!({"S": texts[usize::try_from(i % 5).unwrap()]}));
    set("d", i % 4 > 0, json!({"N": format!("{}.{}", i % 4, i % 3)}));
    set("b", i % 5 > 0, json!({"B": bytes[usize::try_from(i % 3).unwrap()]}));
    set("v", i % 3 > 0, json!({"BOOL": i % 2 == 0}));
    set("l", i % 2 > 0, json!({"NS": ["1", "2"]}));
    set("e", i % 3 == 0, json!({"S": ""}));
    if i % 7 == 0 && i % 2 == 0 {
        item["n"] = json!({"NULL": true});
    }
    item
}

async fn fill(server: SocketAddr) {
    // The service knows names that differ in case alone; its local server does not.
    create(server, "MixedCase", &["ColUmn:S"]).await;
    create(server, "typed", &["id:S", "no:N"]).await;
    put(server, "typed", typed_items()).await;
    for (name, odd) in [
        ("misfit-kind", json!({"S": "text"})),
        ("misfit-fraction", json!({"N": "0.125"})),
        ("misfit-nested", json!({"L": [{"N": "1"}]})),
    ] {
        create(server, name, &["id:N"]).await;
        put(server, name, [json!({"id": {"N": "1"}, "odd": odd})]).await;
    }
    create(server, "hidden", &["id:N"]).await;
    let hidden = [
        json!({"id": {"N": "1"}, "region": {"S": "DE"}, "owner": {"S": "ana"}, "odd": {"N": "1"}}),
        json!({"id": {"N": "2"}, "region": {"S": "US"}, "owner": {"S": "bo"}, "odd": {"S": "text"}}),
        json!({"id": {"N": "3"}, "region": {"N": "1"}, "odd": {"S": "text"}}),
    ];
    put(server, "hidden", hidden).await;
    create(server, "random", &["id:N"]).await;
    put(server, "random", (1..=60).map(random_item)).await;
    let global = json!({
        "AttributeDefinitions": [{"AttributeName": "t", "AttributeType": "S"}, {"AttributeName": "n", "AttributeType": "N"}],
        "GlobalSecondaryIndexes": [{"IndexName": "by_t", "KeySchema": [{"AttributeName": "t", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"}}],
    });
    create_with(server, "random-sorted", &["v:S", "id:N"], global).await;
    let sorted = (1..=60).map(|i| {
        let mut item = random_item(i);
        let hash = ["x", "y", "z"][usize::try_from(i % 3).unwrap()];
        item["v"] = json!({"S": hash});
        if item["n"]["N"].is_null() {
            item.as_object_mut().unwrap().remove("n");
        }
        item
    });
    put(server, "random-sorted", sorted).await;
    create(server, "numbers", &["id:N"]).await;
    put(
        server,
        "numbers",
        (1..=5_000).map(|i| json!({"id": {"N": i.to_string()}, "name": {"S": format!("n{i}")}})),
    )
    .await;
    create(server, "never", &["id:N"]).await;
    put(server, "never", [json!({"id": {"N": "1"}})]).await;
    create(server, "endless", &["id:N"]).await;
    put(
        server,
        "endless",
        (1..=9).map(|i| json!({"id": {"N": i.to_string()}, "wide": {"S": "x".repeat(100_000)}})),
    )
    .await;
    create(server, "owned", &["owner:S", "id:N"]).await;
    let owned = (1..=100).map(|i| {
        let (owner, note) = if i % 2 == 1 {
            ("ana", format!("note {i}"))
        } else {
            ("bo", MARK.to_owned())
        };
        json!({"id": {"N": i.to_string()}, "owner": {"S": owner}, "note": {"S": note}})
    });
    put(server, "owned", owned).await;
}

fn lake() -> Lake {
    let misfit = |table: &str| Misfit {
        table: table.into(),
        column: "odd",
    };
    let hidden = |column: &str, value: &str| Hidden {
        table: "hidden",
        columns: vec!["id", "region", "owner", "odd"],
        guard: Predicate::compare(column, CompareOp::Eq, ScalarValue::from(value)),
        rows: 1,
    };
    let negated = Hidden {
        guard: Predicate::Not(Box::new(Predicate::compare(
            "region",
            CompareOp::Eq,
            ScalarValue::from("US"),
        ))),
        ..hidden("region", "DE")
    };
    Lake {
        database: "default".into(),
        many: ("default".into(), TABLES),
        spellings: vec!["MixedCase"],
        typed: vec![typed()],
        misfits: vec![
            misfit("misfit-kind"),
            misfit("misfit-fraction"),
            misfit("misfit-nested"),
        ],
        hidden: vec![hidden("region", "DE"), hidden("owner", "ana"), negated],
        random: vec!["random", "random-sorted"],
        sparse: true,
        numbers: "numbers",
        never: "never",
        endless: "endless",
        owned: "owned",
        computed: None,
        secrets: vec![setting("_SECRET_KEY").unwrap()],
    }
}

impl Server {
    pub async fn start() -> Option<Arc<dyn Fixture>> {
        let Some(address) = server() else {
            eprintln!("skipped: dynamodb: LAKEGATE_TEST_DYNAMODB is not set");
            return None;
        };
        fill(address).await;
        let there = call(address, "ListTables", json!({})).await["TableNames"]
            .as_array()
            .unwrap()
            .len();
        let mut making = JoinSet::new();
        for from in 0..8 {
            making.spawn(async move {
                for number in (from..TABLES - there).step_by(8) {
                    create(address, &format!("many-{number}"), &["id:S"]).await;
                }
            });
        }
        making.join_all().await;
        let (door, port, tasks) = Door::open(address).await;
        Some(Arc::new(Self {
            address,
            port,
            door,
            _tasks: tasks,
            lake: lake(),
            next: AtomicUsize::new(6_000),
        }))
    }
}

#[async_trait]
impl Fixture for Server {
    fn name(&self) -> &'static str {
        "dynamodb"
    }

    fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(DynamoDbConnector::new())
    }

    fn connection(&self) -> Connection {
        let mut connection = self.through(self.port).unwrap();
        connection.id = "dynamodb".into();
        connection
    }

    fn lake(&self) -> &Lake {
        &self.lake
    }

    fn address(&self) -> Option<SocketAddr> {
        Some(self.address)
    }

    fn through(&self, port: u16) -> Option<Connection> {
        let endpoint = format!("http://{}:{port}", Ipv4Addr::LOCALHOST);
        let declared = DECLARED
            .iter()
            .map(|(table, columns)| (format!("columns.{table}"), Value::from(*columns)));
        let options = [
            ("region".to_owned(), "eu-central-1".into()),
            ("endpoint".to_owned(), endpoint.into()),
        ];
        Some(Connection {
            id: format!("dynamodb-{port}"),
            kind: "dynamodb".into(),
            options: options.into_iter().chain(declared).collect(),
            credential: Credential::from_plain([
                ("access_key_id", setting("_ACCESS_KEY").unwrap().as_str()),
                ("secret_access_key", setting("_SECRET_KEY").unwrap().as_str()),
            ]),
            ..Connection::default()
        })
    }

    async fn busy(&self, query: &str) -> Result<usize, Broken> {
        Ok(self.door.busy(query))
    }

    async fn disturb(&self) -> Result<bool, Broken> {
        let id = self.next.fetch_add(1, Relaxed);
        put(
            self.address,
            "numbers",
            [json!({"id": {"N": id.to_string()}, "name": {"S": "more"}})],
        )
        .await;
        Ok(true)
    }
}
