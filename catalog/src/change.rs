//! What is to change? A set of puts and deletes that happens as a whole, in one epoch, or not at all.

use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    audit::AuditEvent,
    error::StoreError,
    id::ObjectId,
    idempotency::IdempotentAnswer,
    object::{Kind, Noun, Stored},
};

/// One transaction on the catalog. Deletes happen first, then updates, then creations; parents before children: the
/// order inside the vectors does not matter. References are checked when all of it is in place.
#[derive(Clone, Debug, Default)]
pub struct ChangeSet {
    /// Epoch (`Snapshot::version`) that the change was computed on; `Conflict` if it has moved.
    pub expected_version: Option<i64>,
    pub puts: Vec<Put>,
    pub deletes: Vec<Delete>,
    /// Chained and stored in the same transaction.
    pub audit: Vec<AuditEvent>,
    /// Name of who changes, for the history.
    pub principal: String,
    /// Answer to replay, stored in the same transaction; `KeyUsed` if there is one already.
    pub idempotency: Option<IdempotentAnswer>,
}

impl ChangeSet {
    /// It changes the catalog: the epoch grows.
    #[must_use]
    pub fn moves(&self) -> bool {
        !(self.puts.is_empty() && self.deletes.is_empty())
    }
}

/// What the caller believes to be stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expected {
    /// Nothing: a creation.
    Absent,
    /// Exactly this version of the object.
    Version(i64),
    /// Whatever is there. A put creates or replaces; a delete still needs something to delete.
    Any,
}

/// Creates or replaces one object.
#[derive(Clone, Debug)]
pub struct Put {
    pub kind: Kind,
    pub id: ObjectId,
    pub parent: Option<ObjectId>,
    pub name: String,
    pub lake: String,
    pub body: Value,
    pub expected: Expected,
}

/// Deletes one object. Partitions, data filters and column masks of a table, and grants on (or to) what is deleted, go
/// with it; anything else that refers to it stops the change with `HasChildren` unless the same set removes the reference.
#[derive(Clone, Debug)]
pub struct Delete {
    pub kind: Kind,
    pub id: ObjectId,
    pub expected: Expected,
}

/// What a change did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Committed {
    /// The epoch from now on; unchanged if the set held no put and no delete.
    pub version: i64,
    /// One per put, in the order of [`ChangeSet::puts`].
    pub puts: Vec<CommittedPut>,
    /// What went in cascade (not what the set named), as `(kind, id)`.
    pub cascaded: Vec<(Kind, ObjectId)>,
}

/// What a put left behind: what is missing to a `Stored`.
#[derive(Clone, Debug, PartialEq)]
pub struct CommittedPut {
    pub kind: Kind,
    pub id: ObjectId,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// One version of an object in its history.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectVersion {
    pub kind: Kind,
    pub id: ObjectId,
    pub version: i64,
    pub name: String,
    pub parent: Option<ObjectId>,
    pub lake: String,
    pub body: Value,
    /// Epoch of the change.
    pub epoch: i64,
    pub changed_at: DateTime<Utc>,
    /// Name of who changed it.
    pub principal: String,
    /// The last version of a deleted object; its body is what was deleted.
    pub deleted: bool,
}

/// One epoch: who changed what, when.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochSummary {
    pub epoch: i64,
    pub changed_at: DateTime<Utc>,
    /// Name of who changed it.
    pub principal: String,
    /// By kind; what was deleted by itself.
    pub changes: Vec<EpochChange>,
}

/// Objects of one kind that changed in one epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochChange {
    pub kind: Kind,
    /// They were deleted; otherwise made or changed.
    pub deleted: bool,
    pub objects: i64,
    /// The first of their own names; of a grant its ids.
    pub name: String,
}

impl Put {
    /// A creation with a fresh id.
    ///
    /// # Errors
    /// If the body cannot be written as JSON.
    pub fn create<B: Noun>(
        parent: Option<&ObjectId>,
        name: impl Into<String>,
        lake: impl Into<String>,
        body: &B,
    ) -> Result<Self, StoreError> {
        Self::create_as(ObjectId::new(), parent, name, lake, body)
    }

    /// A creation with a given id (built-ins, or objects that refer to each other in one set).
    ///
    /// # Errors
    /// If the body cannot be written as JSON.
    pub fn create_as<B: Noun>(
        id: ObjectId,
        parent: Option<&ObjectId>,
        name: impl Into<String>,
        lake: impl Into<String>,
        body: &B,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            kind: B::KIND,
            id,
            parent: parent.cloned(),
            name: name.into(),
            lake: lake.into(),
            body: to_value(body)?,
            expected: Expected::Absent,
        })
    }

    /// A replacement of the version that `stored` was read at.
    ///
    /// # Errors
    /// If the body cannot be written as JSON.
    pub fn update<B: Noun>(stored: &Stored<B>) -> Result<Self, StoreError> {
        Ok(Self {
            kind: B::KIND,
            id: stored.id.clone(),
            parent: stored.parent.clone(),
            name: stored.name.clone(),
            lake: stored.lake.clone(),
            body: to_value(&stored.body)?,
            expected: Expected::Version(stored.version),
        })
    }

    /// The same with another expectation.
    #[must_use]
    pub fn expecting(mut self, expected: Expected) -> Self {
        self.expected = expected;
        self
    }
}

impl Delete {
    /// Deletes the version that `stored` was read at.
    #[must_use]
    pub fn of<B: Noun>(stored: &Stored<B>) -> Self {
        Self {
            kind: B::KIND,
            id: stored.id.clone(),
            expected: Expected::Version(stored.version),
        }
    }
}

impl CommittedPut {
    /// The stored object that the put made.
    #[must_use]
    pub fn stored<B: Noun>(&self, parent: Option<ObjectId>, name: String, lake: String, body: B) -> Stored<B> {
        Stored {
            id: self.id.clone(),
            parent,
            name,
            version: self.version,
            lake,
            created_at: self.created_at,
            updated_at: self.updated_at,
            body,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("absent"),
            Self::Version(version) => write!(f, "version {version}"),
            Self::Any => f.write_str("any"),
        }
    }
}

fn to_value<B: Noun>(body: &B) -> Result<Value, StoreError> {
    serde_json::to_value(body).map_err(|error| StoreError::Invalid {
        what: format!("a {} body: {error}", B::KIND),
    })
}
