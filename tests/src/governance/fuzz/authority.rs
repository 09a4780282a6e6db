//! What does Cedar say, asked plainly? The whole set for each request, names as ids: no slices, no caches, no templates.

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression,
};

/// D(a, o) of governance.md §3.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    Allow,
    /// A forbid, or an error.
    Forbidden,
    NoPermit,
}

/// A set of policies over the entities of one lake, in one context.
pub struct Authority {
    policies: PolicySet,
    entities: Entities,
    context: Context,
}

/// An object with what it lies in, and its tag `pii`.
pub struct Thing {
    pub uid: EntityUid,
    pub parents: Vec<EntityUid>,
    pub attributes: Vec<(&'static str, RestrictedExpression)>,
    pub tags: Vec<(&'static str, RestrictedExpression)>,
}

/// `Lakegate::Kind::"name"`.
pub fn uid(kind: &str, name: &str) -> EntityUid {
    let kind: EntityTypeName = format!("Lakegate::{kind}").parse().expect("a type");
    EntityUid::from_type_name_and_id(kind, name.parse().expect("an id"))
}

/// As Cedar holds it.
pub fn entity(thing: Thing) -> Entity {
    let named = |(name, value): (&str, RestrictedExpression)| (name.to_owned(), value);
    Entity::new_with_tags(
        thing.uid,
        thing.attributes.into_iter().map(named),
        thing.parents,
        thing.tags.into_iter().map(named),
    )
    .expect("an entity")
}

impl Authority {
    /// Policies as text, without templates; `@id`s do not count.
    pub fn new(text: &str, things: Vec<Thing>, context: Vec<(&'static str, RestrictedExpression)>) -> Self {
        let policies: PolicySet = text.parse().unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        let groups = ["Select", "SelectFiltered", "SelectMasked"].map(|action| Thing {
            uid: uid("Action", action),
            parents: vec![uid("Action", "DataRead")],
            attributes: Vec::new(),
            tags: Vec::new(),
        });
        let all = things.into_iter().chain(groups).map(entity);
        let context = context.into_iter().map(|(name, value)| (name.to_owned(), value));
        Self {
            policies,
            entities: Entities::from_entities(all, None).expect("entities"),
            context: Context::from_pairs(context).expect("a context"),
        }
    }

    /// One decision; an error of any policy is a forbid.
    pub fn decide(&self, principal: &EntityUid, action: &str, object: &EntityUid) -> Verdict {
        let request = Request::new(
            principal.clone(),
            uid("Action", action),
            object.clone(),
            self.context.clone(),
            None,
        );
        let answer = Authorizer::new().is_authorized(&request.expect("a request"), &self.policies, &self.entities);
        let diagnostics = answer.diagnostics();
        if diagnostics.errors().next().is_some() {
            return Verdict::Forbidden;
        }
        match answer.decision() {
            Decision::Allow => Verdict::Allow,
            Decision::Deny if diagnostics.reason().next().is_some() => Verdict::Forbidden,
            Decision::Deny => Verdict::NoPermit,
        }
    }
}
