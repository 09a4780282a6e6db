//! The fixture of governance.md §9.3: one lake, its people, and the table `lake.sales.orders` in files and in memory.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::Utc;
use datafusion::{
    arrow::{
        array::{
            ArrayRef, Decimal128Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
            TimestampMicrosecondArray,
        },
        buffer::OffsetBuffer,
        datatypes::{DataType, Field, Fields, Schema, SchemaRef},
    },
    parquet::{arrow::ArrowWriter, file::properties::WriterProperties},
};
use lakegate_catalog::{
    connection::Connection,
    governance::{BoundColumn, ColumnMask, DataFilter, FilterColumns, Policy},
    id::ObjectId,
    identity::{Grant, GrantObject, Grantee, User},
    name::TableName,
    object::{LOCAL_LAKE, Noun, Stored},
    relation::{AbsentPolicyColumns, Catalog, Column, Database, PartitionMode, Table, TableFormat},
    snapshot::Snapshot,
};
use lakegate_policy::RequestContext;
use lakegate_query::{
    context::{Caller, Limits, Meter, QueryContext},
    entities,
    type_name::type_text,
};
use tokio_util::sync::CancellationToken;

pub fn id(text: &str) -> ObjectId {
    ObjectId::from_stored(text)
}

pub fn stored<B: Noun>(id_text: &str, name: &str, parent: Option<&str>, body: B) -> Arc<Stored<B>> {
    Arc::new(Stored {
        id: id(id_text),
        parent: parent.map(id),
        name: name.to_owned(),
        version: 1,
        lake: LOCAL_LAKE.to_owned(),
        created_at: Utc::now(),
        updated_at: Utc::now(),
        body,
    })
}

/// The columns of `orders`, in order.
pub fn fields() -> Vec<Field> {
    let addr = Fields::from(vec![
        Field::new("street", DataType::Utf8, true),
        Field::new("zip", DataType::Utf8, true),
    ]);
    vec![
        Field::new("id", DataType::Int64, false),
        Field::new("tenant", DataType::Utf8, false),
        Field::new("region", DataType::Utf8, true),
        Field::new("customer", DataType::Utf8, true),
        Field::new("ssn", DataType::Utf8, true),
        Field::new("email", DataType::Utf8, true),
        Field::new("amount", DataType::Decimal128(12, 2), true),
        Field::new("qty", DataType::Int32, true),
        Field::new("code", DataType::Utf8, true),
        Field::new("note", DataType::Utf8, true),
        Field::new("legal_hold", DataType::Int32, true),
        Field::new(
            "ts",
            DataType::Timestamp(datafusion::arrow::datatypes::TimeUnit::Microsecond, None),
            true,
        ),
        Field::new("addr", DataType::Struct(addr), true),
        Field::new(
            "items",
            DataType::List(Arc::new(Field::new("item", DataType::Utf8, true))),
            true,
        ),
    ]
}

pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(fields()))
}

pub fn column_id(name: &str) -> String {
    format!("c-{name}")
}

fn columns() -> Vec<Column> {
    fields()
        .iter()
        .map(|field| Column {
            id: id(&column_id(field.name())),
            name: field.name().clone(),
            remote_name: None,
            data_type: type_text(field.data_type()),
            nullable: field.is_nullable(),
            comment: None,
            tags: BTreeMap::new(),
            partition: false,
        })
        .collect()
}

/// One row: id, tenant, region, customer, ssn, email, amount in cents, qty, code, note, hold.
pub type Row = (
    i64,
    &'static str,
    Option<&'static str>,
    &'static str,
    &'static str,
    &'static str,
    i128,
    i32,
    &'static str,
    &'static str,
    Option<i32>,
);

pub const VISIBLE: &[Row] = &[
    (
        1,
        "t1",
        Some("DE"),
        "Ann",
        "111-22-3333",
        "ann@x.de",
        1000,
        1,
        "10",
        "ok",
        None,
    ),
    (
        2,
        "t1",
        Some("FR"),
        "Bob",
        "222-33-4444",
        "bob@x.fr",
        2000,
        2,
        "20",
        "ok",
        Some(0),
    ),
    (
        3,
        "t1",
        Some("DE"),
        "Cy",
        "333-44-5555",
        "cy@x.de",
        3000,
        3,
        "30",
        "ok",
        None,
    ),
];

pub const HIDDEN: &[Row] = &[
    (
        900_001,
        "t2",
        Some("US"),
        "CANARY_C1",
        "CANARY-SSN-1",
        "CANARY1@x",
        3_133_700,
        0,
        "CANARY_NAN",
        "CANARY_N1",
        None,
    ),
    (
        900_002,
        "t1",
        None,
        "CANARY_C2",
        "CANARY-SSN-2",
        "CANARY2@x",
        100,
        5,
        "50",
        "CANARY_N2",
        None,
    ),
    (
        900_003,
        "t1",
        Some("DE"),
        "CANARY_C3",
        "CANARY-SSN-3",
        "CANARY3@x",
        4000,
        4,
        "40",
        "CANARY_N3",
        Some(1),
    ),
    (
        900_004,
        "t1",
        Some("de"),
        "CANARY_C4",
        "CANARY-SSN-4",
        "CANARY4@x",
        5000,
        6,
        "60",
        "CANARY_N4",
        None,
    ),
    (
        900_005,
        "t1",
        Some("DE "),
        "CANARY_C5",
        "CANARY-SSN-5",
        "CANARY5@x",
        5000,
        6,
        "60",
        "CANARY_N5",
        None,
    ),
    (
        900_006,
        "t1",
        Some("\u{ff24}\u{ff25}"),
        "CANARY_C6",
        "CANARY-SSN-6",
        "CANARY6@x",
        5000,
        6,
        "60",
        "CANARY_N6",
        None,
    ),
    (
        900_007,
        "t1",
        Some("D\u{308}E"),
        "CANARY_C7",
        "CANARY-SSN-7",
        "CANARY7@x",
        5000,
        6,
        "60",
        "CANARY_N7",
        None,
    ),
];

pub fn batch(rows: &[Row]) -> RecordBatch {
    let text = |value: fn(&Row) -> Option<&'static str>| -> ArrayRef {
        Arc::new(rows.iter().map(value).collect::<StringArray>())
    };
    let amounts: Decimal128Array = rows.iter().map(|row| Some(row.6)).collect();
    let DataType::Struct(addr) = fields()[12].data_type().clone() else {
        unreachable!()
    };
    let street = text(|row| Some(row.3));
    let zip = text(|row| Some(row.4));
    let item = Arc::new(Field::new("item", DataType::Utf8, true));
    let items = ListArray::new(
        item,
        OffsetBuffer::from_lengths(rows.iter().map(|_| 1)),
        text(|row| Some(row.9)),
        None,
    );
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| Some(row.0)).collect::<Int64Array>()),
        text(|row| Some(row.1)),
        text(|row| row.2),
        text(|row| Some(row.3)),
        text(|row| Some(row.4)),
        text(|row| Some(row.5)),
        Arc::new(amounts.with_precision_and_scale(12, 2).unwrap()),
        Arc::new(rows.iter().map(|row| Some(row.7)).collect::<Int32Array>()),
        text(|row| Some(row.8)),
        text(|row| Some(row.9)),
        Arc::new(rows.iter().map(|row| row.10).collect::<Int32Array>()),
        Arc::new(
            rows.iter()
                .map(|row| Some(row.0 * 1_000_000))
                .collect::<TimestampMicrosecondArray>(),
        ),
        Arc::new(StructArray::new(addr, vec![street, zip], None)),
        Arc::new(items),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

/// Hidden rows in a file of their own, in a row group of their own beside visible ones, and alone.
pub fn write_files(directory: &Path) {
    write_parquet(
        &directory.join("a.parquet"),
        &[batch(&VISIBLE[..2]), batch(&HIDDEN[..1])],
    );
    write_parquet(
        &directory.join("b.parquet"),
        &[batch(&HIDDEN[1..2]), batch(&HIDDEN[3..])],
    );
    write_parquet(&directory.join("c.parquet"), &[batch(&[VISIBLE[2], HIDDEN[2]])]);
}

/// One row group per batch.
pub fn write_parquet(path: &Path, groups: &[RecordBatch]) {
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, groups[0].schema(), Some(WriterProperties::default())).unwrap();
    for group in groups {
        writer.write(group).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
}

/// What a lake holds beyond tables; tests change it before it is built.
#[derive(Clone)]
pub struct Lake {
    pub columns: Vec<Column>,
    pub format: TableFormat,
    pub absent: AbsentPolicyColumns,
    /// Id, name, body, columns, restrictive.
    pub filters: Vec<(String, String, FilterColumns, bool)>,
    /// Id, column, function, rank.
    pub masks: Vec<(String, String, String, i64)>,
    /// Id and resolved text.
    pub policies: Vec<(String, String)>,
    /// User, privilege, type, id.
    pub grants: Vec<(String, String, String, String)>,
    pub attributes: BTreeMap<String, Vec<String>>,
}

pub const USERS: &[&str] = &["alice", "bob", "carol", "dana", "mallory"];

impl Default for Lake {
    fn default() -> Self {
        let ids = |names: &[&str]| names.iter().map(|name| id(&column_id(name))).collect::<Vec<_>>();
        let filter =
            |name: &str, body: &str, columns, restrictive| (name.to_owned(), body.to_owned(), columns, restrictive);
        let grant = |user: &str, privilege: &str, kind: &str, object: &str| {
            (
                user.to_owned(),
                privilege.to_owned(),
                kind.to_owned(),
                object.to_owned(),
            )
        };
        let except = FilterColumns::Except(ids(&["customer", "ssn", "email", "amount"]));
        Self {
            columns: columns(),
            format: TableFormat::Parquet,
            absent: AbsentPolicyColumns::Deny,
            filters: vec![
                filter("eu", "region IN ('DE','FR')", except, false),
                filter("de", "region = 'DE'", FilterColumns::Include(ids(&["amount"])), false),
                filter("us", "region = 'US'", FilterColumns::Include(ids(&["id", "region"])), false),
                filter("small", "amount < 25", FilterColumns::Include(ids(&["id", "amount"])), false),
                filter("hold", "legal_hold IS NULL OR legal_hold <= 0", FilterColumns::All, true),
            ],
            masks: vec![
                ("m-ssn".to_owned(), "ssn".to_owned(), "show-last-4".to_owned(), 10),
                ("m-email".to_owned(), "email".to_owned(), "sha-256-query-local".to_owned(), 10),
            ],
            policies: vec![(
                "bob.describe".to_owned(),
                "@id(\"bob.describe\") permit(principal == Lakegate::User::\"u-bob\", action == Lakegate::Action::\"Describe\", \
                 resource == Lakegate::Database::\"d-sales\");"
                    .to_owned(),
            )],
            grants: vec![
                grant("alice", "select-filtered", "DataFilter", "f-eu"),
                grant("alice", "select-filtered", "DataFilter", "f-de"),
                grant("alice", "select-masked", "Table", "t-orders"),
                grant("carol", "select-filtered", "DataFilter", "f-us"),
                grant("carol", "select-filtered", "DataFilter", "f-small"),
                grant("dana", "select", "Table", "t-orders"),
                grant("dana", "bypass-filter", "DataFilter", "f-hold"),
            ],
            attributes: BTreeMap::new(),
        }
    }
}

impl Lake {
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let column = |name: &str| self.columns.iter().find(|column| column.name == name);
        let filters = self.filters.iter().map(|(name, body, columns, restrictive)| {
            let schema: Vec<(String, DataType)> = fields()
                .iter()
                .map(|field| (field.name().clone(), field.data_type().clone()))
                .collect();
            let reads = lakegate_query::govern::row_filter::check(body, &schema).unwrap();
            let reads = reads.into_iter().map(|read| BoundColumn {
                id: id(&column_id(&read.name)),
                data_type: column(&read.name)
                    .map_or_else(|| type_text(&read.data_type), |column| column.data_type.clone()),
                name: read.name,
            });
            let body = DataFilter {
                body: body.clone(),
                columns: columns.clone(),
                restrictive: *restrictive,
                reads: reads.collect(),
            };
            stored(&format!("f-{name}"), name, Some("t-orders"), body)
        });
        let masks = self.masks.iter().map(|(mask, column, func, rank)| {
            let body = ColumnMask {
                table: id("t-orders"),
                func: func.clone(),
                rank: *rank,
            };
            stored(mask, mask, Some(&column_id(column)), body)
        });
        let table = Table {
            format: Some(self.format),
            location: Some("orders/".to_owned()),
            columns: self.columns.clone(),
            inferred: false,
            partitions: PartitionMode::None,
            options: BTreeMap::new(),
            comment: None,
            owner: None,
            tags: BTreeMap::new(),
            absent_policy_columns: self.absent,
            remote: None,
        };
        let connection = Connection {
            connector: "files".to_owned(),
            options: BTreeMap::new(),
            credential: BTreeMap::new(),
            directory: None,
            operator: true,
        };
        let catalog = Catalog {
            connection: id("k-files"),
            default: true,
            discover: false,
            comment: None,
            tags: BTreeMap::new(),
        };
        let users = USERS.iter().map(|name| {
            let attributes = if *name == "alice" {
                self.attributes.clone()
            } else {
                BTreeMap::new()
            };
            let body = User {
                kind: "human".to_owned(),
                clearance: 0,
                roles: Vec::new(),
                attributes,
                subjects: Vec::new(),
            };
            stored(&format!("u-{name}"), name, None, body)
        });
        let policies = self.policies.iter().map(|(policy, text)| {
            stored(
                policy,
                policy,
                None,
                Policy {
                    text: text.clone(),
                    resolved: text.clone(),
                },
            )
        });
        let grants = self
            .grants
            .iter()
            .enumerate()
            .map(|(at, (user, privilege, kind, object))| {
                let grant = Grant {
                    to: Grantee::User(id(&format!("u-{user}"))),
                    privilege: privilege.clone(),
                    object: GrantObject {
                        entity_type: kind.clone(),
                        id: id(object),
                    },
                    with_grant_option: false,
                    expires: None,
                    grantor: "admin".to_owned(),
                };
                stored(&format!("g-{at}"), &format!("g-{at}"), None, grant)
            });
        Arc::new(
            Snapshot {
                version: 7,
                connections: vec![stored("k-files", "store", None, connection)],
                catalogs: vec![stored("l-lake", "lake", None, catalog)],
                databases: vec![stored("d-sales", "sales", Some("l-lake"), Database::default())],
                tables: vec![stored("t-orders", "orders", Some("d-sales"), table)],
                data_filters: filters.collect(),
                column_masks: masks.collect(),
                policies: policies.collect(),
                users: users.collect(),
                grants: grants.collect(),
                ..Snapshot::default()
            }
            .indexed(),
        )
    }

    pub fn context(&self, user: &str) -> Arc<QueryContext> {
        let snapshot = self.snapshot();
        let policies = Arc::new(entities::publish(&snapshot).unwrap_or_else(|problems| panic!("{problems:?}")));
        let cancel = CancellationToken::new();
        let now = Utc::now();
        let caller = Caller {
            user: id(&format!("u-{user}")),
            name: user.to_owned(),
            method: "api-key",
            ip: "127.0.0.1".parse().unwrap(),
            mfa: false,
            auth_age_ms: None,
            door: "rest",
            client: None,
            purpose: None,
            trace_id: None,
            request_id: "r".to_owned(),
            extra_roles: Vec::new(),
        };
        let request = RequestContext {
            now: now.timestamp_millis(),
            ..lakegate_query::context::request_context(&caller)
        };
        Arc::new(QueryContext {
            query: uuid::Uuid::new_v4().to_string(),
            caller,
            workgroup: "primary".to_owned(),
            snapshot,
            policies,
            request,
            deadline: Instant::now() + Duration::from_secs(120),
            meter: Arc::new(Meter::new(None, cancel.clone())),
            cancel,
            limits: Limits {
                scanned_bytes: None,
                workgroup_scanned_bytes: None,
                rows: None,
                result_bytes: u64::MAX,
                memory_bytes: usize::MAX,
                spill_bytes: 0,
                timeout: Duration::from_secs(120),
            },
            started: Instant::now(),
            now,
            salt: rand::random(),
        })
    }
}

pub fn orders() -> TableName {
    TableName::new("lake", "sales", "orders")
}
