//! Who may do what to which rows and columns?
//!
//! Pure and synchronous: no I/O, no clock, equal input gives an equal decision (`architecture.md` §5, invariant 1).
//! This crate is *not* where filter bodies become plans (that is `query`), nor where names live (that is `catalog`).
//! Semantics: `governance.md` §2 and §3. Modules stand in the order in which a newcomer should read them.

#![warn(missing_docs)]

mod action;
mod model;
mod request;
pub mod resource;

mod authorizer;
mod decision;

mod access;
mod intersection;
mod mask;
mod relation;

mod first_tag;
mod grant;
mod member;
mod policy_set;
mod reach;
mod reads;
mod scope_index;

mod cedar_text;
mod clause;
mod condition;
mod lint;
mod name;
mod nearest;
mod size;
mod statement;
mod validation;

mod near_miss;

mod error;
mod problem;

pub use cedar_policy::{Entities, Entity, EntityUid};

pub use access::{Access, Clear, ColumnAccess, RowScope};
pub use action::Action;
pub use authorizer::{Authorizer, entity_store};
pub use clause::ClauseKind;
pub use condition::{
    Arithmetic, Bag, BoundCondition, Comparison, Kind, MAX_CONDITION_BYTES, MAX_CONDITION_DEPTH, MAX_CONDITION_NODES,
    Method, PublishedCondition, RowColumn, RowCondition, RowExpr, RowRead, RowValue, show_condition,
};
pub use decision::{Decision, Verdict};
pub use error::PolicyError;
pub use grant::{GrantLink, Privilege, privilege_applies};
pub use intersection::{Joint, Share};
pub use lint::{FilteredRelation, LintFacts, lints, lints_in};
pub use mask::MaskChoice;
pub use name::{NameResolver, is_dangling, is_permit, resolve_names, show_names};
pub use near_miss::{Explained, FailedCondition, NearMiss, Outcome};
pub use policy_set::{AlikeFacts, ColumnKey, PolicySet, PolicyText};
pub use problem::PolicyProblem;
pub use reach::{Reach, Vocabulary, reach};
pub use reads::Reads;
pub use relation::{ColumnFacts, FilterFacts, FilterScope, MaskFacts, RelationFacts};
pub use request::{ContextFacts, GrantContext, Request, RequestContext};
pub use size::{MAX_POLICY_BYTES, check_size};
pub use statement::{ANNOTATIONS, Statement, split_policies};
pub use validation::validate;
