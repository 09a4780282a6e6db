//! What stands behind an id or a name? Look-ups in one step; names are compared in lower case.

use std::sync::Arc;

use crate::{
    connection::Connection,
    governance::{ColumnMask, DataFilter, Policy, TagKey},
    id::ObjectId,
    identity::{Grant, Key, Role, User, Workgroup},
    object::Stored,
    relation::{Catalog, Database, Table, View},
    snapshot::Snapshot,
};

impl Snapshot {
    /// The catalog with this id.
    #[must_use]
    pub fn catalog(&self, id: &ObjectId) -> Option<&Arc<Stored<Catalog>>> {
        at(&self.catalogs, self.index.catalog_by_id.get(id))
    }

    /// The catalog of this name.
    #[must_use]
    pub fn find_catalog(&self, name: &str) -> Option<&Arc<Stored<Catalog>>> {
        at(&self.catalogs, self.index.catalog_by_name.get(&name.to_lowercase()))
    }

    /// The catalog that unqualified names resolve in.
    #[must_use]
    pub fn default_catalog(&self) -> Option<&Arc<Stored<Catalog>>> {
        at(&self.catalogs, self.index.default_catalog.as_ref())
    }

    /// The column mask with this id.
    #[must_use]
    pub fn column_mask(&self, id: &ObjectId) -> Option<&Arc<Stored<ColumnMask>>> {
        at(&self.column_masks, self.index.mask_by_id.get(id))
    }

    /// The connection with this id.
    #[must_use]
    pub fn connection(&self, id: &ObjectId) -> Option<&Arc<Stored<Connection>>> {
        at(&self.connections, self.index.connection_by_id.get(id))
    }

    /// The connection of this name.
    #[must_use]
    pub fn find_connection(&self, name: &str) -> Option<&Arc<Stored<Connection>>> {
        at(
            &self.connections,
            self.index.connection_by_name.get(&name.to_lowercase()),
        )
    }

    /// The data filter with this id.
    #[must_use]
    pub fn data_filter(&self, id: &ObjectId) -> Option<&Arc<Stored<DataFilter>>> {
        at(&self.data_filters, self.index.filter_by_id.get(id))
    }

    /// The database with this id.
    #[must_use]
    pub fn database(&self, id: &ObjectId) -> Option<&Arc<Stored<Database>>> {
        at(&self.databases, self.index.database_by_id.get(id))
    }

    /// The grant with this id.
    #[must_use]
    pub fn grant(&self, id: &ObjectId) -> Option<&Arc<Stored<Grant>>> {
        at(&self.grants, self.index.grant_by_id.get(id))
    }

    /// The API key with this id.
    #[must_use]
    pub fn key(&self, id: &ObjectId) -> Option<&Arc<Stored<Key>>> {
        at(&self.keys, self.index.key_by_id.get(id))
    }

    /// The API key of this name.
    #[must_use]
    pub fn find_key(&self, name: &str) -> Option<&Arc<Stored<Key>>> {
        at(&self.keys, self.index.key_by_name.get(&name.to_lowercase()))
    }

    /// The API key with this HMAC (lower-case hex).
    #[must_use]
    pub fn key_by_hmac(&self, hmac: &str) -> Option<&Arc<Stored<Key>>> {
        at(&self.keys, self.index.key_by_hmac.get(hmac))
    }

    /// The policy with this object id.
    #[must_use]
    pub fn policy(&self, id: &ObjectId) -> Option<&Arc<Stored<Policy>>> {
        at(&self.policies, self.index.policy_by_id.get(id))
    }

    /// The policy with this `@id`.
    #[must_use]
    pub fn find_policy(&self, name: &str) -> Option<&Arc<Stored<Policy>>> {
        at(&self.policies, self.index.policy_by_name.get(&name.to_lowercase()))
    }

    /// The role with this id.
    #[must_use]
    pub fn role(&self, id: &ObjectId) -> Option<&Arc<Stored<Role>>> {
        at(&self.roles, self.index.role_by_id.get(id))
    }

    /// The role of this name.
    #[must_use]
    pub fn find_role(&self, name: &str) -> Option<&Arc<Stored<Role>>> {
        at(&self.roles, self.index.role_by_name.get(&name.to_lowercase()))
    }

    /// The table with this id, retired or not.
    #[must_use]
    pub fn table(&self, id: &ObjectId) -> Option<&Arc<Stored<Table>>> {
        at(&self.tables, self.index.table_by_id.get(id))
    }

    /// The tag key with this id.
    #[must_use]
    pub fn tag(&self, id: &ObjectId) -> Option<&Arc<Stored<TagKey>>> {
        at(&self.tags, self.index.tag_by_id.get(id))
    }

    /// The tag key of this name.
    #[must_use]
    pub fn find_tag(&self, name: &str) -> Option<&Arc<Stored<TagKey>>> {
        at(&self.tags, self.index.tag_by_name.get(&name.to_lowercase()))
    }

    /// The user with this id.
    #[must_use]
    pub fn user(&self, id: &ObjectId) -> Option<&Arc<Stored<User>>> {
        at(&self.users, self.index.user_by_id.get(id))
    }

    /// The user of this name.
    #[must_use]
    pub fn find_user(&self, name: &str) -> Option<&Arc<Stored<User>>> {
        at(&self.users, self.index.user_by_name.get(&name.to_lowercase()))
    }

    /// The user that tokens of this `issuer~subject` belong to.
    #[must_use]
    pub fn user_by_subject(&self, subject: &str) -> Option<&Arc<Stored<User>>> {
        at(&self.users, self.index.user_by_subject.get(subject))
    }

    /// The view with this id.
    #[must_use]
    pub fn view(&self, id: &ObjectId) -> Option<&Arc<Stored<View>>> {
        at(&self.views, self.index.view_by_id.get(id))
    }

    /// The workgroup with this id.
    #[must_use]
    pub fn workgroup(&self, id: &ObjectId) -> Option<&Arc<Stored<Workgroup>>> {
        at(&self.workgroups, self.index.workgroup_by_id.get(id))
    }

    /// The workgroup of this name.
    #[must_use]
    pub fn find_workgroup(&self, name: &str) -> Option<&Arc<Stored<Workgroup>>> {
        at(&self.workgroups, self.index.workgroup_by_name.get(&name.to_lowercase()))
    }
}

/// What stands at a position of an index.
pub(super) fn at<'a, T>(objects: &'a [T], position: Option<&usize>) -> Option<&'a T> {
    position.and_then(|position| objects.get(*position))
}

/// What stands at the positions of an index.
pub(super) fn all<'a, T>(objects: &'a [T], positions: Option<&Vec<usize>>) -> Vec<&'a T> {
    positions
        .into_iter()
        .flatten()
        .filter_map(|position| objects.get(*position))
        .collect()
}
