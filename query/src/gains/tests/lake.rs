//! A lake of one table, `lake.s.t (id, region, ssn)`, one role `desk` and one user `ana` in it. Ids are names.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use lakegate_catalog::{
    connection::Connection,
    governance::{BoundColumn, ColumnMask, DataFilter, FilterColumns, Policy},
    id::ObjectId,
    identity::{Grant, GrantObject, Grantee, Role, User},
    name::TableName,
    object::Stored,
    relation::{Catalog, Column, Database, Table, TableFormat, View, ViewBase, ViewSecurity},
    snapshot::Snapshot,
};

/// Built up step by step.
#[derive(Debug, Default)]
pub(super) struct Lake(Snapshot);

fn id(text: &str) -> ObjectId {
    ObjectId::from_stored(text)
}

fn stored<B>(name: &str, parent: Option<&str>, body: B) -> Arc<Stored<B>> {
    Arc::new(Stored {
        id: id(name),
        parent: parent.map(id),
        name: name.to_owned(),
        version: 1,
        lake: "local".to_owned(),
        created_at: DateTime::<Utc>::UNIX_EPOCH,
        updated_at: DateTime::<Utc>::UNIX_EPOCH,
        body,
    })
}

fn column(name: &str, data_type: &str) -> Column {
    let text = serde_json::json!({"id": name, "name": name, "type": data_type});
    serde_json::from_value(text).unwrap()
}

impl Lake {
    pub(super) fn new() -> Self {
        let columns = vec![
            column("id", "bigint"),
            column("region", "varchar"),
            column("ssn", "varchar"),
        ];
        let body = serde_json::json!({"columns": columns, "location": "t/"});
        let mut table: Table = serde_json::from_value(body).unwrap();
        table.format = Some(TableFormat::Parquet);
        let connection = Connection {
            connector: "files".to_owned(),
            options: BTreeMap::new(),
            credential: BTreeMap::new(),
            credentials: Vec::new(),
            directory: None,
            operator: false,
        };
        let catalog: Catalog = serde_json::from_value(serde_json::json!({"connection": "c"})).unwrap();
        let lake = Self(Snapshot {
            version: 1,
            connections: vec![stored("c", None, connection)],
            catalogs: vec![stored("lake", None, catalog)],
            databases: vec![stored("s", Some("lake"), Database::default())],
            tables: vec![stored("t", Some("s"), table)],
            ..Snapshot::default()
        });
        lake.role("desk", &[]).user("ana", &["desk"])
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let lake = &self.0;
        let copy = Snapshot {
            version: lake.version,
            connections: lake.connections.clone(),
            catalogs: lake.catalogs.clone(),
            databases: lake.databases.clone(),
            tables: lake.tables.clone(),
            views: lake.views.clone(),
            data_filters: lake.data_filters.clone(),
            column_masks: lake.column_masks.clone(),
            policies: lake.policies.clone(),
            roles: lake.roles.clone(),
            users: lake.users.clone(),
            grants: lake.grants.clone(),
            ..Snapshot::default()
        };
        copy.indexed()
    }

    pub(super) fn without_table(mut self) -> Self {
        self.0.tables.clear();
        self
    }

    /// `lake.s.v`, which reads the table; with the rights of a user if one is named.
    pub(super) fn view(mut self, definer: Option<&str>) -> Self {
        let base = ViewBase {
            name: TableName::new("lake", "s", "t"),
            id: id("t"),
            columns: Vec::new(),
            uses: Vec::new(),
        };
        let body = View {
            sql: "SELECT id FROM t".to_owned(),
            security: definer.map_or(ViewSecurity::Invoker, |user| ViewSecurity::Definer(id(user))),
            columns: vec![column("vid", "bigint")],
            lineage: vec![vec![id("id")]],
            within: ("lake".to_owned(), "s".to_owned()),
            bases: vec![base],
            comment: None,
            owner: None,
            tags: BTreeMap::new(),
        };
        self.0.views.push(stored("v", Some("s"), body));
        self
    }

    pub(super) fn moved(mut self, location: &str) -> Self {
        for table in &mut self.0.tables {
            Arc::make_mut(table).body.location = Some(location.to_owned());
        }
        self
    }

    pub(super) fn role(mut self, name: &str, member_of: &[&str]) -> Self {
        let member_of = member_of.iter().map(|role| id(role)).collect();
        self.0.roles.push(stored(
            name,
            None,
            Role {
                member_of,
                comment: None,
            },
        ));
        self
    }

    pub(super) fn user(mut self, name: &str, roles: &[&str]) -> Self {
        let body = User {
            kind: "human".to_owned(),
            clearance: 0,
            roles: roles.iter().map(|role| id(role)).collect(),
            attributes: BTreeMap::new(),
            subjects: Vec::new(),
        };
        self.0.users.push(stored(name, None, body));
        self
    }

    pub(super) fn attribute(mut self, user: &str, key: &str, value: &str) -> Self {
        for known in self.0.users.iter_mut().filter(|known| known.name == user) {
            let attributes = &mut Arc::make_mut(known).body.attributes;
            attributes.insert(key.to_owned(), vec![value.to_owned()]);
        }
        self
    }

    pub(super) fn filter(mut self, name: &str, body: &str, restrictive: bool) -> Self {
        let reads = BoundColumn {
            name: "region".to_owned(),
            id: id("region"),
            data_type: "varchar".to_owned(),
        };
        let body = serde_json::json!({
            "where": body, "columns": FilterColumns::All, "restrictive": restrictive, "reads": [reads],
            "covers": ["id", "region", "ssn"],
        });
        let body: DataFilter = serde_json::from_value(body).unwrap();
        self.0.data_filters.push(stored(name, Some("t"), body));
        self
    }

    /// `lake.s.m (id, region, ssn)`, in which the filter `mapped` of the table looks up what `publisher` sees.
    pub(super) fn mapped(mut self, publisher: &str, restrictive: bool) -> Self {
        let columns = ["id", "region", "ssn"].map(|name| column(&format!("m-{name}"), "varchar"));
        let body = serde_json::json!({"columns": columns, "location": "m/"});
        let mut table: Table = serde_json::from_value(body).unwrap();
        table.format = Some(TableFormat::Parquet);
        self.0.tables.push(stored("m", Some("s"), table));
        let read = |name: &str, id: &str| serde_json::json!({"name": name, "id": id, "type": "varchar"});
        let mapping =
            serde_json::json!({"name": ["lake", "s", "m"], "table": "m", "reads": [read("m-region", "m-region")]});
        let body = serde_json::json!({
            "where": "region IN (SELECT \"m-region\" FROM lake.s.m)", "columns": FilterColumns::All, "restrictive": restrictive,
            "reads": [read("region", "region")], "covers": ["id", "region", "ssn"], "mappings": [mapping],
            "publisher": publisher,
        });
        let body: DataFilter = serde_json::from_value(body).unwrap();
        self.0.data_filters.push(stored("mapped", Some("t"), body));
        self
    }

    pub(super) fn mask(mut self, name: &str, func: &str, rank: i64) -> Self {
        let body = serde_json::json!({"table": "t", "func": func, "rank": rank});
        let body: ColumnMask = serde_json::from_value(body).unwrap();
        self.0.column_masks.push(stored(name, Some("ssn"), body));
        self
    }

    pub(super) fn policy(mut self, name: &str, text: &str) -> Self {
        let body = Policy {
            text: text.to_owned(),
            resolved: format!("@id(\"{name}\") {text}"),
        };
        self.0.policies.push(stored(name, None, body));
        self
    }

    pub(super) fn grant(self, to: &str, privilege: &str, object: &str) -> Self {
        self.granted(to, privilege, (object, None, false))
    }

    pub(super) fn grant_with_option(self, to: &str, privilege: &str, object: &str) -> Self {
        self.granted(to, privilege, (object, None, true))
    }

    pub(super) fn grant_until(self, to: &str, privilege: &str, (object, end): (&str, &str)) -> Self {
        self.granted(to, privilege, (object, Some(end.parse().unwrap()), false))
    }

    fn granted(
        mut self,
        to: &str,
        privilege: &str,
        (object, expires, option): (&str, Option<DateTime<Utc>>, bool),
    ) -> Self {
        let (entity, object_id) = object.split_once(':').unwrap();
        let body = Grant {
            to: match to.split_once(':').unwrap() {
                ("user", user) => Grantee::User(id(user)),
                (_, role) => Grantee::Role(id(role)),
            },
            privilege: privilege.to_owned(),
            object: GrantObject {
                entity_type: entity.to_owned(),
                id: id(object_id),
            },
            with_grant_option: option,
            expires,
            grantor: "admin".to_owned(),
            passed_on: None,
        };
        let name = format!("{to} {privilege} {object}");
        self.0.grants.push(stored(&name, None, body));
        self
    }
}
