//! What is one policy or grant, ready to be asked?
//!
//! Parsing, validating and reading a policy costs more than asking it: it is done once, and a set that succeeds another
//! shares what has not changed.

use crate::action::Action;
use crate::first_tag::{FirstTag, first_tag};
use crate::grant::{GrantLink, TEMPLATES};
use crate::policy_set::PolicyText;
use crate::problem::PolicyProblem;
use crate::reads::Reads;
use crate::scope_index::actions;
use cedar_policy::{
    EntityUid, Policy, PolicyId, PolicySet as CedarSet, PolicySetError, PrincipalConstraint, ResourceConstraint,
};

/// A policy or grant with what the index needs to know about it.
#[derive(Debug)]
pub(crate) struct Member {
    source: Source,
    pub(crate) principal: PrincipalConstraint,
    pub(crate) resource: ResourceConstraint,
    actions: Vec<Action>,
    pub(crate) reads: Reads,
    /// The tag that its resource must have for anything else of it to be read.
    pub(crate) first_tag: Option<FirstTag>,
    named: Vec<EntityUid>,
}

#[derive(Debug)]
enum Source {
    Policy(PolicyText, Policy),
    Grant(GrantLink),
}

impl Member {
    /// A policy that has been checked.
    pub(crate) fn of_policy(text: &PolicyText, policy: &Policy) -> Self {
        Self {
            principal: policy.principal_constraint(),
            resource: policy.resource_constraint(),
            actions: actions(&policy.action_constraint()),
            reads: Reads::of(policy),
            first_tag: first_tag(policy),
            named: named(policy.entity_literals()),
            source: Source::Policy(text.clone(), policy.clone()),
        }
    }

    /// A grant, if it can permit anything.
    pub(crate) fn of_grant(grant: &GrantLink) -> Result<Self, PolicyProblem> {
        let (grantee, object) = (
            grant.principal.type_name().basename(),
            grant.resource.type_name().basename(),
        );
        if !matches!(grantee, "Role" | "User") {
            let message = format!("a grant to a `{grantee}`");
            return Err(PolicyProblem::new(message, "grant to a user or a role").of(&grant.id));
        }
        if !grant.privilege.applies_to(object) {
            let message = format!("privilege `{}` does not apply to a `{object}`", grant.privilege);
            return Err(PolicyProblem::new(message, "grant it on an object that it applies to").of(&grant.id));
        }
        if !TEMPLATES.contains_key(&grant.privilege) {
            let message = format!("privilege `{}` has no template", grant.privilege);
            return Err(PolicyProblem::new(message, "report this as a defect").of(&grant.id));
        }
        Ok(Self {
            principal: PrincipalConstraint::In(grant.principal.clone()),
            resource: ResourceConstraint::In(grant.resource.clone()),
            actions: grant.privilege.actions(),
            reads: grant.expires_ms.map(Reads::until).unwrap_or_default(),
            first_tag: None,
            named: named(vec![grant.resource.clone()]),
            source: Source::Grant(grant.clone()),
        })
    }

    pub(crate) fn id(&self) -> &str {
        match &self.source {
            Source::Policy(text, _) => &text.id,
            Source::Grant(grant) => &grant.id,
        }
    }

    pub(crate) fn is_policy(&self, text: &PolicyText) -> bool {
        matches!(&self.source, Source::Policy(known, _) if known == text)
    }

    pub(crate) fn is_grant(&self, grant: &GrantLink) -> bool {
        matches!(&self.source, Source::Grant(known) if known == grant)
    }

    /// From this moment on it permits nothing; milliseconds since 1970-01-01 UTC.
    pub(crate) fn end(&self) -> Option<i64> {
        match &self.source {
            Source::Policy(..) => None,
            Source::Grant(grant) => grant.expires_ms,
        }
    }

    pub(crate) fn actions(&self) -> impl Iterator<Item = Action> {
        self.actions.iter().copied()
    }

    /// The relations, columns, fields, filters and masks that it names.
    pub(crate) fn named(&self) -> impl Iterator<Item = &EntityUid> {
        self.named.iter()
    }

    /// Whether it may depend on the time, other than by its end.
    pub(crate) fn reads_clock(&self) -> bool {
        matches!(self.source, Source::Policy(..)) && self.reads.clock()
    }

    pub(crate) fn join(&self, set: &mut CedarSet) -> Result<(), Box<PolicySetError>> {
        match &self.source {
            Source::Policy(_, policy) => set.add(policy.clone()).map_err(Box::new),
            Source::Grant(grant) => {
                let Some(template) = TEMPLATES.get(&grant.privilege) else {
                    return Ok(());
                };
                if set.template(template.id()).is_none() {
                    set.add_template(template.clone()).map_err(Box::new)?;
                }
                set.link(template.id().clone(), PolicyId::new(&grant.id), grant.slots())
                    .map_err(Box::new)
            }
        }
    }

    pub(crate) fn leave(&self, set: &mut CedarSet) -> Result<(), Box<PolicySetError>> {
        let id = PolicyId::new(self.id());
        let left = match &self.source {
            Source::Policy(..) => set.remove_static(id),
            Source::Grant(_) => set.unlink(id),
        };
        left.map(drop).map_err(Box::new)
    }
}

fn named(mut literals: Vec<EntityUid>) -> Vec<EntityUid> {
    const TYPES: [&str; 5] = ["Table", "View", "Column", "DataFilter", "ColumnMask"];
    literals.retain(|uid| TYPES.contains(&uid.type_name().basename()));
    literals
}
