//! May this user do these things, in this statement?
//!
//! Entities are assembled once per statement, then asked many times. The decision on a whole relation is in `access`.

use crate::decision::Decision;
use crate::error::PolicyError;
use crate::model::MODEL;
use crate::policy_set::{Circumstances, PolicySet, Question};
use crate::reads::Reads;
use crate::request::Request;
use crate::resource::uid;
use cedar_policy::{Entities, Entity, EntityUid};
use std::cell::RefCell;

/// A set of policies together with the entities of one statement.
#[derive(Debug)]
pub struct Authorizer<'a> {
    pub(crate) policies: &'a PolicySet,
    pub(crate) entities: Entities,
    /// What could be read to answer what was asked so far.
    reads: RefCell<Reads>,
    sliced: bool,
}

impl<'a> Authorizer<'a> {
    /// Puts policies and entities together; see `entity_store` for what `entities` must hold.
    pub fn new(policies: &'a PolicySet, entities: Vec<Entity>) -> Result<Self, PolicyError> {
        Ok(Self {
            policies,
            entities: entity_store(entities)?,
            reads: RefCell::default(),
            sliced: true,
        })
    }

    /// As [`Authorizer::new`], but the whole set answers, without its index.
    pub fn unsliced(policies: &'a PolicySet, entities: Vec<Entity>) -> Result<Self, PolicyError> {
        Ok(Self {
            sliced: false,
            ..Self::new(policies, entities)?
        })
    }

    /// Answers one request.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        match Circumstances::new(request.context, &self.entities) {
            Ok(at) => self.decide_in(request, &at),
            Err(error) => Decision::failed(error),
        }
    }

    /// What the policies that had a say so far can read of the request: contexts of one class are answered alike.
    pub fn reads(&self) -> Reads {
        self.reads.borrow().clone()
    }

    fn decide_in(&self, request: &Request<'_>, at: &Circumstances) -> Decision {
        let principal = uid("User", request.principal);
        self.ask(&Question {
            principal: &principal,
            action: request.action,
            resource: &request.resource,
            at,
            entities: &self.entities,
        })
    }

    pub(crate) fn ask(&self, question: &Question<'_>) -> Decision {
        if self.sliced {
            self.policies.ask_reading(question, &mut self.reads.borrow_mut())
        } else {
            self.policies.ask_whole(question)
        }
    }

    /// Answers requests, in their order.
    pub fn decide_batch(&self, requests: &[Request<'_>]) -> Vec<Decision> {
        let mut last: Option<(ContextKey, Result<Circumstances, String>)> = None;
        let mut answer = |request: &Request<'_>| {
            // Requests of one batch mostly share one context; Cedar's form of it is made once.
            let key = ContextKey::of(request);
            let known = last.take().filter(|(known, _)| *known == key);
            let fresh = || (key, Circumstances::new(request.context, &self.entities));
            let (_, at) = last.insert(known.unwrap_or_else(fresh));
            match at {
                Ok(at) => self.decide_in(request, at),
                Err(error) => Decision::failed(error.clone()),
            }
        };
        requests.iter().map(&mut answer).collect()
    }

    /// The entities that requests are decided over.
    pub fn entities(&self) -> &Entities {
        &self.entities
    }
}

/// Which context a request has. A grant's context begins with the request's and so may share its address: the kind is
/// part of the key.
#[derive(PartialEq, Eq, Clone, Copy)]
struct ContextKey {
    address: *const (),
    is_grant: bool,
}

impl ContextKey {
    fn of(request: &Request<'_>) -> Self {
        Self {
            address: std::ptr::from_ref(request.context).cast(),
            is_grant: request.context.is_grant(),
        }
    }
}

/// The entities of a request. The caller supplies the principal with *all* its transitive roles, and each object with
/// *all* its ancestors (an absent ancestor is an error: policies on what contains it would be lost). Actions, the
/// tenant and the policy store are added here. What a context names (`via_view`, `on_behalf_of`, `grantee_role`) is
/// supplied likewise, or its requests are Forbidden; the workgroup need not be, unless it is the object.
pub fn entity_store(entities: Vec<Entity>) -> Result<Entities, PolicyError> {
    let supplied: Vec<EntityUid> = entities.iter().map(Entity::uid).collect();
    let actions = EntityUid::type_name(&crate::Action::Select.uid()).clone();
    let ours = entities
        .into_iter()
        .filter(|entity| *entity.uid().type_name() != actions);
    let store = MODEL
        .base_entities()
        .clone()
        .add_entities(ours, None)
        .map_err(|error| PolicyError::EntityStore {
            source: Box::new(error),
        })?;
    for uid in &supplied {
        let absent = store
            .ancestors(uid)
            .into_iter()
            .flatten()
            .find(|ancestor| store.get(ancestor).is_none());
        if let Some(absent) = absent {
            return Err(PolicyError::MissingAncestor {
                entity: uid.to_string(),
                ancestor: absent.to_string(),
            });
        }
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Action;
    use crate::decision::Verdict;
    use crate::policy_set::PolicyText;
    use crate::request::{GrantContext, RequestContext};
    use crate::resource;
    use std::collections::BTreeMap;

    fn request() -> RequestContext {
        RequestContext {
            now: 0,
            ip: "10.0.0.1".parse().unwrap(),
            mfa: false,
            auth_age_ms: None,
            workgroup: "w".to_owned(),
            client: "rest".to_owned(),
            purpose: None,
            via_view: None,
            on_behalf_of: None,
            ticket: None,
        }
    }

    #[test]
    fn an_absent_ancestor_is_an_error() {
        let none = BTreeMap::new();
        let database = || resource::database("d", "c", &none).unwrap();
        let table = || resource::table("t", "d", "parquet", "r", &none).unwrap();
        let catalog = resource::catalog("c", None, &none).unwrap();
        assert!(entity_store(vec![database(), table()]).is_err());
        assert!(entity_store(vec![table(), database(), catalog]).is_ok());
        let error = entity_store(vec![table()]).unwrap_err();
        assert_eq!(error.code(), "POLICY_MISSING_ANCESTOR");
    }

    #[test]
    fn two_versions_of_one_entity_are_an_error() {
        let tags = |value: &str| BTreeMap::from([("pii".to_owned(), value.to_owned())]);
        let catalog = |value| resource::catalog("c", None, &tags(value)).unwrap();
        assert!(entity_store(vec![catalog("none"), catalog("none")]).is_ok());
        assert!(entity_store(vec![catalog("none"), catalog("ssn")]).is_err());
    }

    #[test]
    fn a_batch_tells_a_grant_context_from_the_request_context_inside_it() {
        let grant = GrantContext {
            request: request(),
            privilege: "Select".to_owned(),
            grantee_role: None,
            with_grant_option: false,
            expires: None,
        };
        let ask = |action, context| Request {
            principal: "u",
            action,
            resource: uid("Catalog", "c"),
            context,
        };
        let requests = [
            ask(Action::Grant, &grant),
            ask(Action::Describe, &grant.request),
            ask(Action::Revoke, &grant),
        ];
        let outer = ContextKey::of(&requests[0]);
        assert!(
            outer
                != ContextKey {
                    is_grant: false,
                    ..outer
                }
                && ContextKey::of(&requests[1]) != outer
        );
        assert!(outer.is_grant && outer == ContextKey::of(&requests[2]));
        let set = PolicySet::build(&[], &[]).unwrap();
        let none = BTreeMap::new();
        let user = resource::user("u", "human", 0, &[], &BTreeMap::new()).unwrap();
        let authorizer = Authorizer::new(&set, vec![user, resource::catalog("c", None, &none).unwrap()]).unwrap();
        assert!(
            authorizer
                .decide_batch(&requests)
                .iter()
                .all(|decision| decision.verdict == Verdict::NoPermit)
        );
    }

    #[test]
    fn without_the_index_the_whole_set_answers() {
        let texts = [PolicyText {
            id: "mfa".to_owned(),
            resolved: r#"permit(principal, action == Lakegate::Action::"Describe", resource) when { context.mfa };"#
                .to_owned(),
        }];
        let set = PolicySet::build(&texts, &[]).unwrap();
        let none = BTreeMap::new();
        let entities = || {
            vec![
                resource::user("u", "human", 0, &[], &BTreeMap::new()).unwrap(),
                resource::catalog("c", None, &none).unwrap(),
            ]
        };
        let request = request();
        let question = Request {
            principal: "u",
            action: Action::Describe,
            resource: uid("Catalog", "c"),
            context: &request,
        };
        let (sliced, whole) = (
            Authorizer::new(&set, entities()).unwrap(),
            Authorizer::unsliced(&set, entities()).unwrap(),
        );
        assert_eq!(sliced.decide(&question), whole.decide(&question));
        // Only the index knows what the policies that it finds read.
        assert_ne!(sliced.reads(), Reads::default());
        assert_eq!(whole.reads(), Reads::default());
    }
}
