//! Which policies can have anything to say about a request?
//!
//! Policies are kept in small Cedar sets by action, resource and principal of their *scope* (`governance.md` §2.4). A
//! request asks the sets whose keys are its own resource and principal, their ancestors, or "any".
//!
//! INVARIANT (sound): a set that is not asked holds policies whose scope is false for the request. Cedar evaluates the
//! scope first and without error, so such a policy can neither match nor err. Verdicts of disjoint sets add up, because
//! Cedar's answer depends on the union of satisfied permits, satisfied forbids and errors only.

use crate::action::Action;
use crate::grant::{GrantLink, TEMPLATES};
use crate::model::MODEL;
use cedar_policy::{
    ActionConstraint, Entities, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet as CedarSet, PolicySetError,
    PrincipalConstraint, ResourceConstraint,
};
use std::collections::{BTreeMap, HashMap};

/// Policies by action and scope.
#[derive(Debug, Default, Clone)]
pub(crate) struct ScopeIndex {
    actions: BTreeMap<Action, ByResource>,
}

#[derive(Debug, Default, Clone)]
struct ByResource {
    any: ByPrincipal,
    of_type: HashMap<EntityTypeName, ByPrincipal>,
    within: HashMap<EntityUid, ByPrincipal>,
}

#[derive(Debug, Default, Clone)]
struct ByPrincipal {
    any: CedarSet,
    within: HashMap<EntityUid, CedarSet>,
}

impl ScopeIndex {
    /// Adds a static policy.
    pub(crate) fn add(&mut self, policy: &Policy) -> Result<(), Box<PolicySetError>> {
        for action in actions(&policy.action_constraint()) {
            let bucket = self.bucket(action, &policy.resource_constraint(), &policy.principal_constraint());
            bucket.add(policy.clone()).map_err(Box::new)?;
        }
        Ok(())
    }

    /// Adds a grant. A privilege without template adds nothing, so the grant permits nothing.
    pub(crate) fn link(&mut self, grant: &GrantLink) -> Result<(), Box<PolicySetError>> {
        let Some(template) = TEMPLATES.get(&grant.privilege) else {
            return Ok(());
        };
        let resource = ResourceConstraint::In(grant.resource.clone());
        let principal = PrincipalConstraint::In(grant.principal.clone());
        for action in grant.privilege.actions() {
            let bucket = self.bucket(action, &resource, &principal);
            if bucket.template(template.id()).is_none() {
                bucket.add_template(template.clone()).map_err(Box::new)?;
            }
            bucket
                .link(template.id().clone(), PolicyId::new(&grant.id), grant.slots())
                .map_err(Box::new)?;
        }
        Ok(())
    }

    /// The non-empty sets that can decide a request.
    pub(crate) fn slice<'a>(
        &'a self,
        principal: &EntityUid,
        action: Action,
        resource: &EntityUid,
        entities: &Entities,
    ) -> Vec<&'a CedarSet> {
        let Some(by_resource) = self.actions.get(&action) else {
            return Vec::new();
        };
        let above = |uid| entities.ancestors(uid).into_iter().flatten();
        let mut by_principal = vec![&by_resource.any];
        by_principal.extend(by_resource.of_type.get(resource.type_name()));
        by_principal.extend(
            std::iter::once(resource)
                .chain(above(resource))
                .filter_map(|uid| by_resource.within.get(uid)),
        );
        let mut sets = Vec::new();
        for group in by_principal {
            sets.push(&group.any);
            if !group.within.is_empty() {
                sets.extend(
                    std::iter::once(principal)
                        .chain(above(principal))
                        .filter_map(|uid| group.within.get(uid)),
                );
            }
        }
        sets.retain(|set| set.num_of_policies() > 0);
        sets
    }

    fn bucket(
        &mut self,
        action: Action,
        resource: &ResourceConstraint,
        principal: &PrincipalConstraint,
    ) -> &mut CedarSet {
        let by_resource = self.actions.entry(action).or_default();
        let by_principal = match resource {
            ResourceConstraint::Any => &mut by_resource.any,
            ResourceConstraint::Is(name) => by_resource.of_type.entry(name.clone()).or_default(),
            ResourceConstraint::In(uid) | ResourceConstraint::Eq(uid) | ResourceConstraint::IsIn(_, uid) => {
                by_resource.within.entry(uid.clone()).or_default()
            }
        };
        match principal {
            PrincipalConstraint::Any | PrincipalConstraint::Is(_) => &mut by_principal.any,
            PrincipalConstraint::In(uid) | PrincipalConstraint::Eq(uid) | PrincipalConstraint::IsIn(_, uid) => {
                by_principal.within.entry(uid.clone()).or_default()
            }
        }
    }
}

/// The actions that a scope matches; groups are resolved by the schema.
pub(crate) fn actions(constraint: &ActionConstraint) -> Vec<Action> {
    let listed = |uids: &[EntityUid], action: &Action| {
        MODEL
            .facts(*action)
            .is_some_and(|facts| uids.iter().any(|uid| *uid == facts.uid || facts.groups.contains(uid)))
    };
    let all = Action::ALL.iter().copied();
    match constraint {
        ActionConstraint::Any => all.collect(),
        // `==` names the action itself: a group there matches no request.
        ActionConstraint::Eq(uid) => all.filter(|action| action.uid() == *uid).collect(),
        ActionConstraint::In(uids) => all.filter(|action| listed(uids, action)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    fn of(text: &str) -> Vec<Action> {
        actions(&Policy::from_str(text).unwrap().action_constraint())
    }

    #[test]
    fn groups_are_resolved_and_equality_is_literal() {
        let group = of(r#"forbid(principal, action in Lakegate::Action::"DataRead", resource);"#);
        assert!(group.contains(&Action::Select) && group.contains(&Action::SelectMasked));
        assert!(!group.contains(&Action::BypassFilter) && !group.contains(&Action::Describe));
        assert!(of(r#"forbid(principal, action == Lakegate::Action::"DataRead", resource);"#).is_empty());
        assert_eq!(of("forbid(principal, action, resource);").len(), Action::ALL.len());
    }
}
