//! Who exists? Users, roles, their keys, their grants and the workgroups that they work in.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    id::ObjectId,
    object::{Kind, Noun},
};

/// Body of a role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// Ids of the roles that this one belongs to.
    #[serde(default)]
    pub member_of: Vec<ObjectId>,
    #[serde(default)]
    pub comment: Option<String>,
}

/// Body of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// `human`, `service` or `agent`.
    pub kind: String,
    #[serde(default)]
    pub clearance: i64,
    /// Ids of roles.
    #[serde(default)]
    pub roles: Vec<ObjectId>,
    /// Sets of strings: Cedar entity tags of the user.
    #[serde(default)]
    pub attributes: BTreeMap<String, Vec<String>>,
    /// `issuer~subject` of tokens that are this user.
    #[serde(default)]
    pub subjects: Vec<String>,
}

/// Who receives a grant.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grantee {
    User(ObjectId),
    Role(ObjectId),
}

/// The object of a grant: Cedar entity type without namespace (`Table`, `DataFilter`, …) and id.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
pub struct GrantObject {
    #[serde(rename = "type")]
    pub entity_type: String,
    pub id: ObjectId,
}

/// How a grant was passed on by grant option.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct PassedOn {
    /// The user who passed it on.
    pub by: ObjectId,
    /// The grant that let them; this one holds only while that one does.
    pub through: ObjectId,
}

/// Body of a grant of one privilege; its name is `to privilege resource` by ids, which makes it unique.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    pub to: Grantee,
    /// Kebab-case Cedar action, or `all`.
    pub privilege: String,
    pub object: GrantObject,
    #[serde(default)]
    pub with_grant_option: bool,
    #[serde(default)]
    pub expires: Option<DateTime<Utc>>,
    /// Name of the principal that granted it.
    #[serde(default)]
    pub grantor: String,
    /// Absent: somebody granted it whom a policy permits to, or the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_on: Option<PassedOn>,
}

/// Body of a workgroup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workgroup {
    /// Statements that run at once.
    pub concurrency: u32,
    /// Statements that wait; one more is refused.
    pub queue: u32,
    /// Cut-off, at least 10,000,000; `None`: no limit.
    #[serde(default)]
    pub max_scanned_bytes_per_query: Option<u64>,
    /// `"5.00 USD"`.
    #[serde(default)]
    pub price_per_tb: Option<String>,
    #[serde(default)]
    pub disabled: bool,
}

/// Body of an API key. Only its HMAC is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    pub user: ObjectId,
    /// Hex HMAC-SHA-256 of the whole key under the server's pepper.
    pub hmac: String,
    /// The reference that the secret was given by, for the export.
    #[serde(default)]
    pub secret_ref: Option<String>,
    #[serde(default)]
    pub expires: Option<DateTime<Utc>>,
}

impl Noun for Role {
    const KIND: Kind = Kind::Role;
}
impl Noun for User {
    const KIND: Kind = Kind::User;
}
impl Noun for Grant {
    const KIND: Kind = Kind::Grant;
}
impl Noun for Workgroup {
    const KIND: Kind = Kind::Workgroup;
}
impl Noun for Key {
    const KIND: Kind = Kind::Key;
}
