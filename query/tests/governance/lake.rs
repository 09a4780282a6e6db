//! Who may see what of `lake.sales.orders`? The people, filters, masks and policies of governance.md §9.3.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::Utc;
use datafusion::arrow::datatypes::DataType;
use lakegate_catalog::{
    connection::Connection,
    governance::{BoundColumn, ColumnMask, DataFilter, FilterColumns, FilterLanguage, Policy},
    identity::{Grant, GrantObject, Grantee, User},
    name::TableName,
    relation::{AbsentPolicyColumns, Catalog, Column, Database, PartitionMode, Table, TableFormat},
    snapshot::Snapshot,
};
use lakegate_policy::{NameResolver, RequestContext};
use lakegate_query::{
    context::{Caller, Limits, Meter, QueryContext},
    entities,
    signal::Signals,
    type_name::type_text,
};
use tokio_util::sync::CancellationToken;

use crate::fixture::{column_id, columns, fields, id, stored};

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
        let filters = self.filters.iter().map(|(name, body, columns, restrictive)| {
            let schema: Vec<(String, DataType)> = fields()
                .iter()
                .map(|field| (field.name().clone(), field.data_type().clone()))
                .collect();
            // A body that begins with `when` is Cedar; its names are ids already.
            let (reads, language, resolved) = if body.starts_with("when") {
                let checked = lakegate_query::govern::cedar_body::check(body, &schema, &Ids).unwrap();
                (checked.reads, FilterLanguage::Cedar, Some(checked.resolved))
            } else {
                let reads = lakegate_query::govern::row_filter::check(body, &schema).unwrap();
                (reads, FilterLanguage::Sql, None)
            };
            let reads = reads.into_iter().map(|read| BoundColumn {
                id: id(&column_id(&read.name)),
                // As it was at publication, whatever became of the column.
                data_type: type_text(&read.data_type),
                name: read.name,
            });
            let published = crate::fixture::columns();
            let body = DataFilter {
                covers: columns.meant(published.iter().map(|column| &column.id)),
                body: body.clone(),
                language,
                resolved,
                columns: columns.clone(),
                restrictive: *restrictive,
                reads: reads.collect(),
                mappings: Vec::new(),
                publisher: None,
            };
            stored(&format!("f-{name}"), name, Some("t-orders"), body)
        });
        let masks = self.masks.iter().map(|(mask, column, func, rank)| {
            let body = ColumnMask {
                table: id("t-orders"),
                func: func.clone(),
                rank: *rank,
                domain: None,
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
            credentials: Vec::new(),
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
                    passed_on: None,
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
            key: None,
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
            proof_ends: None,
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
            trace: Arc::default(),
            signals: Signals::default(),
            decisions: Arc::default(),
            limits: Limits {
                scanned_bytes: None,
                workgroup_scanned_bytes: None,
                rows: None,
                result_bytes: u64::MAX,
                memory_bytes: usize::MAX,
                body_memory_bytes: usize::MAX,
                spill_bytes: 0,
                timeout: Duration::from_secs(120),
            },
            started: Instant::now(),
            now,
            salt: rand::random(),
            master_key: None,
            reader_depth: 0,
            through: Default::default(),
        })
    }
}

/// Names are ids.
struct Ids;

impl NameResolver for Ids {
    fn resolve(&self, _: &str, name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    fn name_of(&self, _: &str, id: &str) -> Option<String> {
        Some(id.to_owned())
    }
}

pub fn orders() -> TableName {
    TableName::new("lake", "sales", "orders")
}
