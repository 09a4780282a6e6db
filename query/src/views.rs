//! How does a view read what it stands for? With the rights of the caller or of its definer, behind a barrier of its own.
//!
//! A view is a relation with permits, filters and masks; what it reads is decided apart ([`rights`]), planned apart ([`body`])
//! and stands in the outer plan as a governed leaf. No plan mixes authorities. Normative: governance.md §3, "Views".

pub mod bind;
mod body;
mod exec;
mod lineage;
pub(crate) mod rights;

use std::sync::Arc;

use lakegate_catalog::id::ObjectId;
use lakegate_policy::RequestContext;

pub use self::{
    body::ViewBody,
    rights::{Base, Broken, Other},
};
pub(crate) use self::{body::open, exec::ViewExec};
use crate::context::Caller;

/// Views upon views that are followed.
pub const MAX_DEPTH: usize = 10;

/// Through which views, and for whom, is a relation read? Empty for what the statement itself names.
#[derive(Clone, Debug, Default)]
pub struct Through {
    /// Ids of the views, outermost first.
    pub views: Vec<ObjectId>,
    /// Who reads the definer views among them, outermost first: restrictive filters bind each of them, too.
    pub invokers: Vec<Arc<Invoker>>,
}

/// Somebody who reads through a definer view.
#[derive(Clone, Debug)]
pub struct Invoker {
    pub caller: Caller,
    pub request: RequestContext,
}
