//! What can go wrong while the facts of a request are turned into Cedar values?
//!
//! Not the place for problems in policy text: those are `PolicyProblem`s, with a position and a remedy.

use thiserror::Error;

/// Why facts could not become Cedar values. Every case denies: a caller never goes on without a decision.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// An attribute or tag of an entity is not a Cedar value.
    #[error("entity `{entity}` cannot be built")]
    Entity {
        /// The entity, as `Lakegate::Type::"id"`.
        entity: String,
        /// Cedar's reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The entities of a request contradict each other (two versions of one id, or a cycle).
    #[error("the entities of the request contradict each other")]
    EntityStore {
        /// Cedar's reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An entity has an ancestor that was not supplied, so a policy on that ancestor's ancestors would be lost.
    #[error("entity `{entity}` lies in `{ancestor}`, which was not supplied")]
    MissingAncestor {
        /// The entity, as `Lakegate::Type::"id"`.
        entity: String,
        /// The absent ancestor, in the same form.
        ancestor: String,
    },
    /// A grant names a privilege that does not exist.
    #[error("unknown privilege `{name}`")]
    UnknownPrivilege {
        /// The name as given.
        name: String,
    },
}

impl PolicyError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Entity { .. } => "POLICY_ENTITY",
            Self::EntityStore { .. } => "POLICY_ENTITY_STORE",
            Self::MissingAncestor { .. } => "POLICY_MISSING_ANCESTOR",
            Self::UnknownPrivilege { .. } => "POLICY_UNKNOWN_PRIVILEGE",
        }
    }
}
