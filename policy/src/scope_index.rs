//! Which policies can have anything to say about a request?
//!
//! Policies are kept in small Cedar sets by action, resource and principal of their *scope* (`governance.md` §2.4). A
//! request asks the sets whose keys are its own resource and principal, their ancestors, or "any".
//!
//! INVARIANT (sound): a set that is not asked holds policies whose scope is false for the request. Cedar evaluates the
//! scope first and without error, so such a policy can neither match nor err. Verdicts of disjoint sets add up, because
//! Cedar's answer depends on the union of satisfied permits, satisfied forbids and errors only.

use crate::action::Action;
use crate::first_tag::FirstTag;
use crate::member::Member;
use crate::model::MODEL;
use crate::reads::Reads;
use cedar_policy::{
    ActionConstraint, Entities, Entity, EntityTypeName, EntityUid, EvalResult, PolicySet as CedarSet, PolicySetError,
    PrincipalConstraint, ResourceConstraint,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Policies by action and scope. A copy shares the groups until one of them changes.
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
    any: ByTag,
    within: HashMap<EntityUid, ByTag>,
}

/// Policies that ask their resource for a tag before anything else stand under that tag.
#[derive(Debug, Default, Clone)]
struct ByTag {
    any: Arc<Group>,
    tagged: HashMap<String, ByValue>,
}

/// Policies that go on only if the tag has a value stand under that value.
#[derive(Debug, Default, Clone)]
struct ByValue {
    any: Arc<Group>,
    valued: HashMap<String, Arc<Group>>,
}

/// Policies that are asked together.
#[derive(Debug, Default, Clone)]
pub(crate) struct Group {
    pub(crate) set: CedarSet,
    /// What they read together.
    pub(crate) reads: Reads,
    members: Vec<Arc<Member>>,
}

type Changed = Result<(), Box<PolicySetError>>;

impl ScopeIndex {
    /// Adds a policy or a grant.
    pub(crate) fn add(&mut self, member: &Arc<Member>) -> Changed {
        for action in member.actions() {
            Arc::make_mut(self.group(action, member)).add(member)?;
        }
        Ok(())
    }

    /// Takes out what was added.
    pub(crate) fn remove(&mut self, member: &Member) -> Changed {
        for action in member.actions() {
            Arc::make_mut(self.group(action, member)).remove(member)?;
        }
        Ok(())
    }

    /// The non-empty groups that can decide a request.
    pub(crate) fn slice<'a>(
        &'a self,
        principal: &EntityUid,
        action: Action,
        resource: &EntityUid,
        entities: &Entities,
    ) -> Vec<&'a Group> {
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
        let mut by_tag = Vec::new();
        for found in by_principal {
            by_tag.push(&found.any);
            if !found.within.is_empty() {
                by_tag.extend(
                    std::iter::once(principal)
                        .chain(above(principal))
                        .filter_map(|uid| found.within.get(uid)),
                );
            }
        }
        let mut groups = Vec::new();
        for found in by_tag {
            groups.push(&*found.any);
            found.add_under_tags_of(resource, entities, &mut groups);
        }
        groups.retain(|group| !group.members.is_empty());
        groups
    }

    fn group(&mut self, action: Action, member: &Member) -> &mut Arc<Group> {
        let by_resource = self.actions.entry(action).or_default();
        let (by_principal, is_wide) = match &member.resource {
            ResourceConstraint::Any => (&mut by_resource.any, true),
            ResourceConstraint::Is(name) => (by_resource.of_type.entry(name.clone()).or_default(), true),
            ResourceConstraint::In(uid) | ResourceConstraint::Eq(uid) | ResourceConstraint::IsIn(_, uid) => {
                (by_resource.within.entry(uid.clone()).or_default(), false)
            }
        };
        let by_tag = match &member.principal {
            PrincipalConstraint::Any | PrincipalConstraint::Is(_) => &mut by_principal.any,
            PrincipalConstraint::In(uid) | PrincipalConstraint::Eq(uid) | PrincipalConstraint::IsIn(_, uid) => {
                by_principal.within.entry(uid.clone()).or_default()
            }
        };
        match &member.first_tag {
            Some(FirstTag { tag, value }) if is_wide => {
                let by_value = by_tag.tagged.entry(tag.clone()).or_default();
                match value {
                    Some(value) => by_value.valued.entry(value.clone()).or_default(),
                    None => &mut by_value.any,
                }
            }
            _ => &mut by_tag.any,
        }
    }
}

impl ByTag {
    fn add_under_tags_of<'a>(&'a self, resource: &EntityUid, entities: &Entities, groups: &mut Vec<&'a Group>) {
        if self.tagged.is_empty() {
            return;
        }
        for (tag, value) in entities.get(resource).into_iter().flat_map(Entity::tags) {
            let Some(found) = self.tagged.get(tag) else { continue };
            groups.push(&*found.any);
            match value {
                Ok(EvalResult::String(value)) => groups.extend(found.valued.get(&value).map(|group| &**group)),
                // A set, say, equals no text.
                Ok(_) => {}
                Err(_) => groups.extend(found.valued.values().map(|group| &**group)),
            }
        }
    }
}

impl Group {
    fn add(&mut self, member: &Arc<Member>) -> Changed {
        member.join(&mut self.set)?;
        self.reads.join(&member.reads);
        self.members.push(Arc::clone(member));
        Ok(())
    }

    fn remove(&mut self, member: &Member) -> Changed {
        member.leave(&mut self.set)?;
        self.members.retain(|other| other.id() != member.id());
        self.reads = Reads::default();
        self.members.iter().for_each(|member| self.reads.join(&member.reads));
        Ok(())
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
    use cedar_policy::Policy;
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
