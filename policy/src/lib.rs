//! Who may do what to which rows and columns?
//!
//! Pure and synchronous: no I/O, no clock, equal input gives an equal decision (`architecture.md` §5, invariant 1).
//! This crate is *not* where filter bodies become SQL (that is `query`), nor where names live (that is `catalog`).
//! Semantics: `governance.md` §2 and §3. Modules stand in the order in which a newcomer should read them.

#![warn(missing_docs)]

mod action;
mod model;
mod request;
pub mod resource;

mod authorizer;
mod decision;

mod access;
mod mask;
mod relation;

mod grant;
mod policy_set;
mod scope_index;

mod cedar_text;
mod lint;
mod name;
mod nearest;
mod statement;
mod validation;

mod error;
mod problem;

pub use cedar_policy::{Entity, EntityUid};

pub use access::{Access, Clear, ColumnAccess, RowScope};
pub use action::Action;
pub use authorizer::{Authorizer, entity_store};
pub use decision::{Decision, Verdict};
pub use error::PolicyError;
pub use grant::{GrantLink, Privilege, privilege_applies};
pub use lint::lints;
pub use mask::MaskChoice;
pub use name::{NameResolver, is_dangling, is_permit, resolve_names, show_names};
pub use policy_set::{PolicySet, PolicyText};
pub use problem::PolicyProblem;
pub use relation::{ColumnFacts, FilterFacts, FilterScope, MaskFacts, RelationFacts};
pub use request::{ContextFacts, GrantContext, Request, RequestContext};
pub use statement::{ANNOTATIONS, Statement, split_policies};
pub use validation::validate;
