//! How does a stored object look as an entry of a lake? The inverse of what `check` builds.

use std::collections::BTreeMap;

use lakegate_catalog::{
    connection::{Connection, CredentialOf},
    governance::{ColumnMask, DataFilter, FilterColumns, Policy, TagKey},
    id::ObjectId,
    identity::{Grant, Grantee, Key, Role, User, Workgroup},
    name::{quoted, split_name},
    object::Stored,
    relation::{
        AbsentPolicyColumns, Catalog, Column, Database, Partition, PartitionMode, Table, TableFormat, View,
        ViewSecurity,
    },
    snapshot::{Partitions, Snapshot},
};
pub use lakegate_query::entities::Names;
use serde_json::Value;

use super::model::{
    CallerCredentialEntry, CatalogEntry, ColumnEntry, ColumnsEntry, ConnectionEntry, DatabaseEntry, EVERYONE,
    FilterEntry, GrantEntry, InferWord, KeyEntry, MaskEntry, PartitionEntry, PartitionWord, PartitionsEntry,
    PolicyEntry, RoleEntry, SecurityEntry, TableEntry, TagEntry, UserEntry, ViewColumnEntry, ViewEntry, WorkgroupEntry,
};

/// A snapshot with the partitions that an entry of a table needs.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    pub snapshot: &'a Snapshot,
    /// Table id → its stored partitions, for tables that declare them.
    pub partitions: &'a BTreeMap<ObjectId, Partitions>,
}

impl Picture<'_> {
    pub(crate) fn connection(&self, stored: &Stored<Connection>) -> ConnectionEntry {
        let Connection {
            connector,
            options,
            credential,
            credentials,
            ..
        } = stored.body.clone();
        let others = credentials.into_iter().map(|other| CallerCredentialEntry {
            who: match &other.who {
                CredentialOf::User(id) => format!("user:{}", self.name("User", id)),
                CredentialOf::Role(id) => format!("role:{}", self.name("Role", id)),
                CredentialOf::Everyone => EVERYONE.to_owned(),
            },
            credential: other.credential,
        });
        ConnectionEntry {
            connector,
            options,
            credential,
            credentials: others.collect(),
        }
    }

    pub(crate) fn catalog(&self, stored: &Stored<Catalog>) -> CatalogEntry {
        let body = &stored.body;
        CatalogEntry {
            connection: self.single("Connection", &body.connection),
            default: body.default,
            discover: body.discover,
            comment: body.comment.clone(),
            tags: body.tags.clone(),
        }
    }

    pub(crate) fn database(&self, stored: &Stored<Database>) -> DatabaseEntry {
        let body = &stored.body;
        DatabaseEntry {
            location: body.location.clone(),
            comment: body.comment.clone(),
            owner: self.owner(body.owner.as_ref()),
            tags: body.tags.clone(),
        }
    }

    pub(crate) fn table(&self, stored: &Stored<Table>) -> TableEntry {
        let body = &stored.body;
        let (partition, data): (Vec<&Column>, Vec<&Column>) = body.columns.iter().partition(|column| column.partition);
        TableEntry {
            format: body.format.map(|format| format_word(format).to_owned()),
            location: body.location.clone(),
            columns: Some(if body.inferred {
                ColumnsEntry::Infer(InferWord::Infer)
            } else {
                ColumnsEntry::List(data.into_iter().map(column_entry).collect())
            }),
            partitioned_by: partition.into_iter().map(column_entry).collect(),
            partitions: self.partitions(stored),
            options: body.options.clone(),
            comment: body.comment.clone(),
            owner: self.owner(body.owner.as_ref()),
            tags: body.tags.clone(),
            absent_policy_columns: matches!(body.absent_policy_columns, AbsentPolicyColumns::Null)
                .then(|| "null".to_owned()),
        }
    }

    pub(crate) fn view(&self, stored: &Stored<View>) -> ViewEntry {
        let body = &stored.body;
        let column = |column: &Column| ViewColumnEntry {
            name: column.name.clone(),
            comment: column.comment.clone(),
            tags: column.tags.clone(),
        };
        ViewEntry {
            sql: body.sql.clone(),
            security: match &body.security {
                ViewSecurity::Invoker => SecurityEntry::default(),
                ViewSecurity::Definer(user) => SecurityEntry::Definer {
                    definer: format!("user:{}", self.single("User", user)),
                },
            },
            columns: body.columns.iter().map(column).collect(),
            comment: body.comment.clone(),
            owner: self.owner(body.owner.as_ref()),
            tags: body.tags.clone(),
        }
    }

    fn partitions(&self, table: &Stored<Table>) -> Option<PartitionsEntry> {
        match table.body.partitions {
            PartitionMode::None => None,
            PartitionMode::Hive => Some(PartitionsEntry::Mode(PartitionWord::Hive)),
            PartitionMode::Projection => Some(PartitionsEntry::Mode(PartitionWord::Projection)),
            PartitionMode::Declared => Some(
                match self.partitions.get(&table.id).filter(|stored| !stored.is_empty()) {
                    Some(stored) => PartitionsEntry::List(
                        stored
                            .iter()
                            .map(|partition| partition_entry(table, partition))
                            .collect(),
                    ),
                    None => PartitionsEntry::Mode(PartitionWord::Declared),
                },
            ),
        }
    }

    pub(crate) fn filter(&self, stored: &Stored<DataFilter>) -> FilterEntry {
        let body = &stored.body;
        let table = stored
            .parent
            .as_ref()
            .map(|table| self.relation(table))
            .unwrap_or_default();
        let names = |ids: &[ObjectId]| Some(ids.iter().map(|id| self.column_path(&table, id)).collect());
        let (columns, except) = match &body.columns {
            FilterColumns::All => (None, None),
            FilterColumns::Include(ids) => (names(ids), None),
            FilterColumns::Except(ids) => (None, names(ids)),
        };
        let cedar = body.resolved.as_deref().map(|resolved| {
            let shown = lakegate_policy::show_condition(resolved, &Names(self.snapshot));
            shown.unwrap_or_else(|_| body.body.clone())
        });
        FilterEntry {
            condition: if cedar.is_none() {
                body.body.clone()
            } else {
                String::new()
            },
            cedar,
            columns,
            except,
            restrictive: body.restrictive,
            publisher: body
                .publisher
                .as_ref()
                .map(|user| format!("user:{}", self.name("User", user))),
        }
    }

    pub(crate) fn mask(&self, stored: &Stored<ColumnMask>) -> MaskEntry {
        MaskEntry {
            func: stored.body.func.clone(),
            rank: stored.body.rank,
            domain: stored.body.domain.clone(),
        }
    }

    pub(crate) fn tag(&self, stored: &Stored<TagKey>) -> TagEntry {
        TagEntry {
            values: stored.body.values.clone(),
            ordered: stored.body.ordered,
        }
    }

    pub(crate) fn role(&self, stored: &Stored<Role>) -> RoleEntry {
        RoleEntry {
            member_of: self.roles(&stored.body.member_of),
            comment: stored.body.comment.clone(),
        }
    }

    pub(crate) fn user(&self, stored: &Stored<User>) -> UserEntry {
        let body = &stored.body;
        UserEntry {
            roles: self.roles(&body.roles),
            kind: body.kind.clone(),
            clearance: body.clearance,
            attributes: body.attributes.clone(),
            subjects: body.subjects.clone(),
        }
    }

    pub(crate) fn grant(&self, stored: &Stored<Grant>) -> GrantEntry {
        let body = &stored.body;
        let to = match &body.to {
            Grantee::User(id) => format!("user:{}", self.name("User", id)),
            Grantee::Role(id) => format!("role:{}", self.name("Role", id)),
        };
        let word = RESOURCES
            .iter()
            .find(|(_, entity)| *entity == body.object.entity_type)
            .map_or("", |(word, _)| word);
        GrantEntry {
            to,
            privileges: vec![body.privilege.clone()],
            resource: format!("{word}:{}", self.name(&body.object.entity_type, &body.object.id)),
            with_grant_option: body.with_grant_option,
            expires: body.expires,
        }
    }

    pub(crate) fn workgroup(&self, stored: &Stored<Workgroup>) -> WorkgroupEntry {
        let Workgroup {
            concurrency,
            queue,
            max_scanned_bytes_per_query,
            price_per_tb,
            disabled,
        } = stored.body.clone();
        WorkgroupEntry {
            concurrency,
            queue,
            max_scanned_bytes_per_query,
            price_per_tb,
            disabled,
        }
    }

    pub(crate) fn key(&self, stored: &Stored<Key>) -> KeyEntry {
        let body = &stored.body;
        KeyEntry {
            user: self.single("User", &body.user),
            secret: body.secret_ref.clone(),
            expires: body.expires,
        }
    }

    /// The text shows today's names; where an object is gone it stays as it was written.
    pub(crate) fn policy(&self, stored: &Stored<Policy>) -> PolicyEntry {
        let shown = lakegate_policy::show_names(&stored.body.resolved, &Names(self.snapshot));
        PolicyEntry {
            text: shown.unwrap_or_else(|_| stored.body.text.clone()),
        }
    }

    /// Does the policy name an object that is gone?
    pub(crate) fn is_dangling(&self, stored: &Stored<Policy>) -> bool {
        lakegate_policy::is_dangling(&stored.body.resolved, &Names(self.snapshot))
    }

    /// Name of an entity, or its id if it is gone.
    pub(crate) fn name(&self, entity_type: &str, id: &ObjectId) -> String {
        self.snapshot
            .name_of(entity_type, id.as_str())
            .unwrap_or_else(|| id.to_string())
    }

    /// Name of a table or view, or its id if it is gone.
    pub(crate) fn relation(&self, id: &ObjectId) -> String {
        let entity = if self.snapshot.view(id).is_some() {
            "View"
        } else {
            "Table"
        };
        self.name(entity, id)
    }

    /// The name of something that nothing is above: without quotes, which it needs only inside a dotted name.
    fn single(&self, entity_type: &str, id: &ObjectId) -> String {
        unquoted(&self.name(entity_type, id))
    }

    /// The dotted path of a column within its table.
    pub(crate) fn column_path(&self, table: &str, column: &ObjectId) -> String {
        let name = self.name("Column", column);
        name.strip_prefix(table)
            .and_then(|rest| rest.strip_prefix('.'))
            .unwrap_or(&name)
            .to_owned()
    }

    fn roles(&self, ids: &[ObjectId]) -> Vec<String> {
        ids.iter().map(|id| self.single("Role", id)).collect()
    }

    fn owner(&self, owner: Option<&ObjectId>) -> Option<String> {
        owner.map(|id| format!("role:{}", self.single("Role", id)))
    }
}

/// A name of one part without its quotes, unless it begins with one itself.
pub(crate) fn unquoted(name: &str) -> String {
    let parts = name.starts_with('"').then(|| split_name(name)).flatten();
    match parts.as_deref() {
        Some([part]) if !part.starts_with('"') => part.clone(),
        _ => name.to_owned(),
    }
}

/// Kinds in `resource:` of a grant, and their Cedar types.
pub const RESOURCES: &[(&str, &str)] = &[
    ("tenant", "Tenant"),
    ("connection", "Connection"),
    ("catalog", "Catalog"),
    ("database", "Database"),
    ("table", "Table"),
    ("view", "View"),
    ("column", "Column"),
    ("filter", "DataFilter"),
    ("mask", "ColumnMask"),
    ("location", "DataLocation"),
    ("tag", "TagKey"),
    ("workgroup", "Workgroup"),
    ("user", "User"),
    ("role", "Role"),
    ("policy-store", "PolicyStore"),
];

pub(crate) fn format_word(format: TableFormat) -> &'static str {
    match format {
        TableFormat::Avro => "avro",
        TableFormat::Csv => "csv",
        TableFormat::Ndjson => "ndjson",
        TableFormat::Orc => "orc",
        TableFormat::Parquet => "parquet",
    }
}

pub(crate) fn column_entry(column: &Column) -> ColumnEntry {
    ColumnEntry {
        name: column.name.clone(),
        data_type: column.data_type.clone(),
        nullable: column.nullable,
        comment: column.comment.clone(),
        tags: column.tags.clone(),
    }
}

fn partition_entry(table: &Stored<Table>, partition: &Stored<Partition>) -> PartitionEntry {
    let names = table
        .body
        .columns
        .iter()
        .filter(|column| column.partition)
        .map(|column| column.name.clone());
    let values = partition
        .body
        .values
        .iter()
        .map(|value| value.clone().map_or(Value::Null, Value::String));
    PartitionEntry {
        values: names.zip(values).collect(),
        location: partition.body.location.clone(),
    }
}

/// `key=value/…`, the name of a partition.
pub(crate) fn partition_name(columns: &[&Column], values: &[Option<String>]) -> String {
    let part = |(column, value): (&&Column, &Option<String>)| {
        format!(
            "{}={}",
            quoted(&column.name),
            value.as_deref().map_or("__HIVE_DEFAULT_PARTITION__".to_owned(), quoted)
        )
    };
    columns.iter().zip(values).map(part).collect::<Vec<_>>().join("/")
}
