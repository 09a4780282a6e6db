//! What do the cases store? A small lake, an event, a query.

use chrono::{DateTime, Utc};
use lakegate_catalog::{
    Store,
    audit::AuditEvent,
    change::{ChangeSet, Committed, Put},
    connection::Connection,
    governance::{ColumnMask, DataFilter, FilterColumns, FilterLanguage},
    id::ObjectId,
    identity::{Grant, GrantObject, Grantee, Role, User},
    object::{LOCAL_LAKE, Noun},
    record::{QueryRecord, QueryState, Usage},
    relation::{Catalog, Column, Database, Table},
};

pub fn id(text: &str) -> ObjectId {
    ObjectId::from_stored(text)
}

/// A creation whose id is its word.
pub fn put<B: Noun>(word: &str, parent: Option<&str>, name: &str, body: &B) -> Put {
    Put::create_as(id(word), parent.map(id).as_ref(), name, LOCAL_LAKE, body).expect("a body")
}

pub fn set(puts: Vec<Put>) -> ChangeSet {
    ChangeSet {
        puts,
        principal: "ana".to_owned(),
        ..ChangeSet::default()
    }
}

pub async fn commit(store: &Store, puts: Vec<Put>) -> Committed {
    store.commit(set(puts)).await.expect("the change is committed")
}

pub fn connection() -> Connection {
    serde_json::from_value(serde_json::json!({"connector": "files"})).expect("a connection")
}

pub fn catalog() -> Catalog {
    Catalog {
        connection: id("conn"),
        default: true,
        discover: false,
        comment: None,
        tags: [("domain", "lake"), ("pii", "none")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
    }
}

pub fn column(word: &str, name: &str, data_type: &str) -> Column {
    Column {
        id: id(word),
        name: name.to_owned(),
        remote_name: None,
        data_type: data_type.to_owned(),
        nullable: true,
        comment: None,
        tags: Default::default(),
        partition: false,
    }
}

pub fn table(columns: Vec<Column>) -> Table {
    Table {
        format: None,
        location: None,
        columns,
        inferred: false,
        partitions: Default::default(),
        options: Default::default(),
        comment: None,
        owner: None,
        tags: Default::default(),
        absent_policy_columns: Default::default(),
        remote: None,
    }
}

pub fn orders() -> Table {
    table(vec![
        column("c-id", "id", "bigint"),
        column("c-ssn", "ssn", "varchar"),
        column("c-addr", "addr", "row(street varchar, geo row(lat double))"),
    ])
}

pub fn filter() -> DataFilter {
    DataFilter {
        language: FilterLanguage::Sql,
        resolved: None,
        covers: Vec::new(),
        body: "id > 0".to_owned(),
        columns: FilterColumns::All,
        restrictive: false,
        reads: Vec::new(),
        mappings: Vec::new(),
        publisher: None,
    }
}

pub fn mask(rank: i64) -> ColumnMask {
    ColumnMask {
        table: id("orders"),
        func: "show-last-4".to_owned(),
        rank,
        domain: None,
    }
}

pub fn grant(to: Grantee, entity_type: &str, object: &str) -> Grant {
    Grant {
        to,
        privilege: "select".to_owned(),
        object: GrantObject {
            entity_type: entity_type.to_owned(),
            id: id(object),
        },
        with_grant_option: false,
        expires: None,
        grantor: "ana".to_owned(),
        passed_on: None,
    }
}

pub fn user(roles: &[&str]) -> User {
    User {
        kind: "human".to_owned(),
        clearance: 0,
        roles: roles.iter().map(|role| id(role)).collect(),
        attributes: Default::default(),
        subjects: vec!["https://id.example~ana".to_owned()],
    }
}

/// `lake.Sales.Orders` on connection `store`, with a filter, masks, roles, a user and grants.
pub fn lake() -> Vec<Put> {
    vec![
        put(
            "g-filter",
            None,
            "r-eu select filter",
            &grant(Grantee::Role(id("r-eu")), "DataFilter", "f-eu"),
        ),
        put(
            "g-column",
            None,
            "u-ana select c-ssn",
            &grant(Grantee::User(id("u-ana")), "Column", "c-ssn"),
        ),
        put(
            "g-tenant",
            None,
            "u-ana all tenant",
            &grant(Grantee::User(id("u-ana")), "Tenant", "default"),
        ),
        put("f-eu", Some("orders"), "EU", &filter()),
        put("m-last4", Some("c-ssn"), "last4", &mask(20)),
        put("m-null", Some("c-ssn"), "null", &mask(10)),
        put("m-street", Some("c-addr.street"), "street", &mask(10)),
        put("orders", Some("sales"), "Orders", &orders()),
        put("sales", Some("lake"), "Sales", &Database::default()),
        put("lake", None, "lake", &catalog()),
        put("conn", None, "store", &connection()),
        put("u-ana", None, "Ana", &user(&["r-eu"])),
        put(
            "r-eu",
            None,
            "eu-analyst",
            &Role {
                member_of: vec![id("r-staff")],
                comment: None,
            },
        ),
        put("r-staff", None, "staff", &Role::default()),
    ]
}

/// A time without more digits than the store keeps.
pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 123_456_000).expect("a time")
}

pub fn event(action: &str) -> AuditEvent {
    AuditEvent {
        time: at(0),
        kind: "change".to_owned(),
        principal: "ana".to_owned(),
        principal_id: "u-ana".to_owned(),
        method: "api-key".to_owned(),
        address: None,
        door: "rest".to_owned(),
        action: action.to_owned(),
        resource: "table:lake.sales.orders".to_owned(),
        resource_id: None,
        decision: "allow".to_owned(),
        outcome: "ok".to_owned(),
        policies: vec!["p1".to_owned()],
        filters: Vec::new(),
        restrictive: Vec::new(),
        masks: Default::default(),
        hidden: Vec::new(),
        snapshot_version: Some(1),
        policy_version: Some(1),
        query_id: Some("q1".to_owned()),
        trace_id: None,
        rows: None,
        bytes: Some(u64::from(u32::MAX) * 3),
        details: [("zoë".to_owned(), "\"\n".to_owned())].into(),
    }
}

pub fn query(word: &str, seconds: i64, node: &str) -> QueryRecord {
    QueryRecord {
        id: word.to_owned(),
        principal_id: "u-ana".to_owned(),
        principal: "ana".to_owned(),
        workgroup: "primary".to_owned(),
        door: "rest".to_owned(),
        client: Some("curl".to_owned()),
        sql: "SELECT '\u{0}'".to_owned(),
        catalog: None,
        database: Some("sales".to_owned()),
        labels: [("team".to_owned(), "a".to_owned())].into(),
        purpose: None,
        on_behalf_of: None,
        state: QueryState::Queued,
        statement: None,
        submitted_at: at(seconds),
        started_at: None,
        ended_at: None,
        failure: None,
        usage: Usage::default(),
        price_per_tb: "5.00 USD".to_owned(),
        snapshot_version: None,
        policy_version: None,
        result: None,
        node: node.to_owned(),
    }
}
