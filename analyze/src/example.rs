//! Which request shows it? One that Cedar itself has decided so, without what does not matter for it.

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, RestrictedExpression};
use cedar_policy_symcc::Env;
use serde::Serialize;
use serde_json::Value;

use crate::{
    facts::{FACTS, Facts},
    simpler::simpler,
    words,
};

/// A request with the entities that it is about.
#[derive(Debug, Serialize)]
pub struct Example {
    /// For people.
    lines: Vec<String>,
    principal: String,
    action: String,
    resource: String,
    context: Vec<(String, String)>,
    entities: Vec<Value>,
    /// The policies that allow it.
    policies: Vec<String>,
}

/// A request in parts that can be taken away one by one.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    pub principal: String,
    pub action: String,
    pub resource: String,
    /// Attributes of the context, as Cedar writes them.
    pub context: Vec<(String, String)>,
    /// As Cedar's JSON.
    pub entities: Vec<Value>,
}

/// What a set decides.
#[derive(Debug)]
pub struct Decided {
    allowed: bool,
    failed: bool,
    /// Policies that determined it.
    pub reasons: Vec<String>,
}

impl Decided {
    /// As Lakegate decides: a policy that cannot be evaluated denies.
    pub fn allows(&self) -> bool {
        self.allowed && !self.failed
    }

    /// Whether a policy could not be evaluated.
    pub fn fails(&self) -> bool {
        self.failed
    }
}

/// Asks Cedar.
pub fn decided(env: &Env, policies: &PolicySet) -> Decided {
    let response = Authorizer::new().is_authorized(&env.request, policies, &env.entities);
    let mut reasons: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
    reasons.sort();
    Decided {
        allowed: response.decision() == Decision::Allow,
        failed: response.diagnostics().errors().next().is_some(),
        reasons,
    }
}

impl Example {
    /// The smallest request like this one for which it `holds`.
    ///
    /// # Errors
    /// If it does not hold for this one: then it is no example.
    pub fn of(
        found: &Env,
        facts: &Facts,
        new: &PolicySet,
        old: Option<&PolicySet>,
        holds: &dyn Fn(&Env) -> bool,
    ) -> Result<Self, String> {
        let parts = Parts::of(found)?;
        let still = |parts: &Parts| parts.env().is_some_and(|env| holds(&env));
        if !still(&parts) {
            return Err(not_so(found, new));
        }
        let parts = simpler(parts, &still);
        let env = parts.env().ok_or("the request cannot be written down")?;
        let told = |set: &PolicySet| decided(&env, set).reasons;
        let policies = told(new);
        let mut lines = words::request(&parts, facts);
        lines.extend(words::because(&policies, old.map(told).as_deref()));
        let Parts {
            principal,
            action,
            resource,
            context,
            entities,
        } = parts;
        Ok(Self {
            lines,
            principal,
            action,
            resource,
            context,
            entities,
            policies,
        })
    }
}

fn not_so(found: &Env, new: &PolicySet) -> String {
    let response = Authorizer::new().is_authorized(&found.request, new, &found.entities);
    match response.diagnostics().errors().next() {
        Some(error) => format!("a policy can fail here, and then denies ({error}): mend it first"),
        None => "the solver's answer is none that Cedar agrees to".to_owned(),
    }
}

impl Parts {
    fn of(env: &Env) -> Result<Self, String> {
        let named = |uid: Option<&EntityUid>| uid.map(ToString::to_string).unwrap_or_default();
        let pairs = env.request.context().cloned().map(|context| {
            let values = context.clone();
            let told = |(key, _): (String, RestrictedExpression)| Some((key.clone(), values.get(&key)?.to_string()));
            context.into_iter().filter_map(told).collect()
        });
        let mut context: Vec<(String, String)> = pairs.unwrap_or_default();
        context.sort();
        let entities = env.entities.to_json_value().map_err(|error| error.to_string())?;
        let action = |entity: &Value| entity.pointer("/uid/type").and_then(Value::as_str) == Some("Lakegate::Action");
        let entities = entities
            .as_array()
            .into_iter()
            .flatten()
            .filter(|entity| !action(entity))
            .cloned();
        Ok(Self {
            principal: named(env.request.principal()),
            action: named(env.request.action()),
            resource: named(env.request.resource()),
            context,
            entities: entities.collect(),
        })
    }

    /// The request; `None` if the parts do not fit together.
    pub fn env(&self) -> Option<Env> {
        let pair = |(key, value): &(String, String)| Some((key.clone(), value.parse::<RestrictedExpression>().ok()?));
        let context: Option<Vec<_>> = self.context.iter().map(pair).collect();
        let context = Context::from_pairs(context?).ok()?;
        let schema = lakegate_schema()?;
        let (principal, action, resource) = (
            self.principal.parse().ok()?,
            self.action.parse().ok()?,
            self.resource.parse().ok()?,
        );
        let request = Request::new(principal, action, resource, context, Some(schema)).ok()?;
        let entities = Entities::from_json_value(Value::Array(self.entities.clone()), Some(schema)).ok()?;
        Some(Env { request, entities })
    }
}

fn lakegate_schema() -> Option<&'static cedar_policy::Schema> {
    static SCHEMA: std::sync::OnceLock<Option<cedar_policy::Schema>> = std::sync::OnceLock::new();
    let read = || cedar_policy::Schema::from_cedarschema_str(include_str!("../../policy/schema.cedarschema")).ok();
    SCHEMA.get_or_init(|| Some(read()?.0)).as_ref()
}

/// Without what we added ourselves.
pub fn told(reasons: &[String]) -> Vec<&str> {
    reasons
        .iter()
        .map(String::as_str)
        .filter(|id| *id != FACTS && *id != "(everything)")
        .collect()
}
