//! Which lake? 100 databases of 1,000 tables; ten wide tables with filters and masks; policies by role, tag and table.

use std::{collections::BTreeMap, sync::Arc};

use chrono::DateTime;
use lakegate_catalog::{
    connection::Connection,
    governance::{BoundColumn, ColumnMask, DataFilter, FilterColumns, FilterLanguage, Policy},
    id::ObjectId,
    identity::{Grant, GrantObject, Grantee, Role, User},
    object::Stored,
    relation::{AbsentPolicyColumns, Catalog, Column, Database, PartitionMode, Table, TableFormat},
    snapshot::Snapshot,
};

pub const USERS: usize = 50;
/// Wide tables: the first tables of the first database.
pub const WIDE: usize = 10;

const DATABASES: usize = 100;
const TABLES: usize = 1_000;
const ROLES: usize = 200;
const POLICIES: usize = 5_000;
const GRANTS: usize = 5_000;

/// What differs from the lake as it is.
#[derive(Clone, Copy, PartialEq)]
pub enum Change {
    None,
    /// The text of one policy.
    OnePolicy,
}

/// The id of a user.
pub fn user(number: usize) -> ObjectId {
    id(&format!("u-{number}"))
}

/// The id of a wide table.
pub fn wide(number: usize) -> ObjectId {
    id(&format!("t-0-{number}"))
}

/// The lake.
pub fn snapshot(change: Change) -> Snapshot {
    let mut snapshot = Snapshot {
        version: 1,
        connections: vec![stored("k", "store", None, connection())],
        catalogs: vec![stored("l", "lake", None, catalog())],
        ..Snapshot::default()
    };
    for database in 0..DATABASES {
        let key = format!("d-{database}");
        snapshot
            .databases
            .push(stored(&key, &key, Some("l"), Database::default()));
        for number in 0..TABLES {
            let is_wide = database == 0 && number < WIDE;
            let name = format!("t-{database}-{number}");
            snapshot.tables.push(stored(
                &name,
                &name,
                Some(&key),
                table(&name, if is_wide { 40 } else { 8 }),
            ));
            if is_wide {
                govern(&mut snapshot, &name);
            }
        }
    }
    people(&mut snapshot);
    rules(&mut snapshot, change);
    snapshot.indexed()
}

/// Two filters and four masks.
fn govern(snapshot: &mut Snapshot, table: &str) {
    for filter in ["eu", "hold"] {
        let column = id(&format!("{table}-c0"));
        let body = DataFilter {
            body: "c0 > 0".to_owned(),
            language: FilterLanguage::Sql,
            resolved: None,
            mappings: Vec::new(),
            publisher: None,
            columns: FilterColumns::All,
            restrictive: filter == "hold",
            reads: vec![BoundColumn {
                name: "c0".to_owned(),
                id: column,
                data_type: "bigint".to_owned(),
            }],
            covers: (4..40).map(|at| id(&format!("{table}-c{at}"))).collect(),
        };
        let key = format!("{table}/{filter}");
        snapshot.data_filters.push(stored(&key, filter, Some(table), body));
    }
    for at in 0..4 {
        let body = ColumnMask {
            table: id(table),
            func: "mask-to-fixed-value".to_owned(),
            rank: 10,
            domain: None,
        };
        let column = format!("{table}-c{at}");
        snapshot
            .column_masks
            .push(stored(&format!("{column}/m"), "m", Some(&column), body));
    }
}

fn people(snapshot: &mut Snapshot) {
    for number in 0..ROLES {
        let member_of = if number == 0 { Vec::new() } else { vec![id("r-0")] };
        let name = format!("r-{number}");
        snapshot.roles.push(stored(
            &name,
            &name,
            None,
            Role {
                member_of,
                comment: None,
            },
        ));
    }
    for number in 0..USERS {
        let body = User {
            kind: "human".to_owned(),
            clearance: 1,
            roles: (1..6)
                .map(|step| id(&format!("r-{}", (number * 7 + step * 31) % ROLES)))
                .collect(),
            attributes: BTreeMap::from([("dept".to_owned(), vec!["a".to_owned()])]),
            subjects: Vec::new(),
        };
        let name = format!("u-{number}");
        snapshot.users.push(stored(&name, &name, None, body));
    }
}

fn rules(snapshot: &mut Snapshot, change: Change) {
    let grant = |privilege: &str, to: &str, entity_type: &str, object: &str| Grant {
        to: Grantee::Role(id(to)),
        privilege: privilege.to_owned(),
        object: GrantObject {
            entity_type: entity_type.to_owned(),
            id: id(object),
        },
        with_grant_option: false,
        expires: None,
        grantor: "admin".to_owned(),
        passed_on: None,
    };
    let mut grants = vec![grant("describe", "r-0", "Catalog", "l")];
    for number in 0..WIDE {
        let table = format!("t-0-{number}");
        grants.push(grant("select-filtered", "r-0", "DataFilter", &format!("{table}/eu")));
        grants.push(grant("select-masked", "r-0", "Table", &table));
    }
    for number in grants.len()..GRANTS {
        let table = format!("t-{}-{}", 1 + number % (DATABASES - 1), number % TABLES);
        grants.push(grant(
            "select",
            &format!("r-{}", 1 + number % (ROLES - 1)),
            "Table",
            &table,
        ));
    }
    for (number, body) in grants.into_iter().enumerate() {
        let name = format!("g-{number}");
        snapshot.grants.push(stored(&name, &name, None, body));
    }
    for number in 0..POLICIES {
        let changed = if change == Change::OnePolicy && number == 17 {
            "x"
        } else {
            ""
        };
        let text = policy(number, changed);
        let name = format!("p-{number}");
        let body = Policy {
            text: text.clone(),
            resolved: text,
        };
        snapshot.policies.push(stored(&name, &name, None, body));
    }
}

/// By role and tag, by role and database, for everybody and tag; one forbid for everybody.
fn policy(number: usize, changed: &str) -> String {
    let role = 1 + number % (ROLES - 1);
    match number % 4 {
        _ if number == 0 => {
            "@id(\"p-0\") forbid(principal, action == Lakegate::Action::\"Select\", resource is Lakegate::Column) \
                             when { resource.hasTag(\"pii\") && resource.getTag(\"pii\") != \"none\" };"
                .to_owned()
        }
        0 => format!(
            "@id(\"p-{number}\") permit(principal in Lakegate::Role::\"r-{role}\", action in [Lakegate::Action::\"Describe\", \
             Lakegate::Action::\"Select\"], resource) when {{ resource.hasTag(\"domain\") && resource.getTag(\"domain\") == \"v{number}{changed}\" }};"
        ),
        1 => format!(
            "@id(\"p-{number}\") permit(principal in Lakegate::Role::\"r-{role}\", action == Lakegate::Action::\"Select\", \
             resource in Lakegate::Database::\"d-{}\") when {{ context has purpose && context.purpose == \"p{changed}\" }};",
            1 + number % (DATABASES - 1)
        ),
        2 => format!(
            "@id(\"p-{number}\") permit(principal, action == Lakegate::Action::\"SelectFiltered\", resource) \
             when {{ resource.hasTag(\"k{number}\") && principal.hasTag(\"dept\") && \
             principal.getTag(\"dept\").contains(resource.getTag(\"k{number}\")) }};"
        ),
        _ => format!(
            "@id(\"p-{number}\") permit(principal in Lakegate::Role::\"r-{role}\", action == Lakegate::Action::\"Select\", \
             resource in Lakegate::Table::\"t-{}-{}\") when {{ context.now < datetime(\"2030-01-01\") }};",
            1 + number % (DATABASES - 1),
            number % TABLES
        ),
    }
}

fn table(name: &str, columns: usize) -> Table {
    let column = |at: usize| Column {
        id: id(&format!("{name}-c{at}")),
        name: format!("c{at}"),
        remote_name: None,
        data_type: "bigint".to_owned(),
        nullable: true,
        comment: None,
        tags: match at {
            1 => BTreeMap::from([("pii".to_owned(), "ssn".to_owned())]),
            _ => BTreeMap::new(),
        },
        partition: false,
    };
    Table {
        format: Some(TableFormat::Parquet),
        location: Some(format!("{name}/")),
        columns: (0..columns).map(column).collect(),
        inferred: false,
        partitions: PartitionMode::None,
        options: BTreeMap::new(),
        comment: None,
        owner: None,
        tags: BTreeMap::from([("domain".to_owned(), "none".to_owned())]),
        absent_policy_columns: AbsentPolicyColumns::Deny,
        remote: None,
    }
}

fn connection() -> Connection {
    Connection {
        connector: "files".to_owned(),
        options: BTreeMap::new(),
        credential: BTreeMap::new(),
        credentials: Vec::new(),
        directory: None,
        operator: true,
    }
}

fn catalog() -> Catalog {
    Catalog {
        connection: id("k"),
        default: true,
        discover: false,
        comment: None,
        tags: BTreeMap::new(),
    }
}

fn id(text: &str) -> ObjectId {
    ObjectId::from_stored(text)
}

fn stored<B>(key: &str, name: &str, parent: Option<&str>, body: B) -> Arc<Stored<B>> {
    Arc::new(Stored {
        id: id(key),
        parent: parent.map(id),
        name: name.to_owned(),
        version: 1,
        lake: "bench".to_owned(),
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
        body,
    })
}
