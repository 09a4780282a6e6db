//! Which policies can fail, which never say anything, and which say nothing that others do not say?

use std::collections::BTreeSet;

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, RequestEnv};

use crate::{
    example::{Example, decided},
    facts::Facts,
    finding::{Finding, Kind},
    lake::{Lake, set},
    solver::{Analyst, Answer},
};

/// What is wrong with the policies of a lake, one by one; grants are not looked at, but count.
///
/// # Errors
/// If the solver cannot be asked at all.
pub fn inspect(analyst: &mut Analyst, lake: &Lake) -> Result<Vec<Finding>, String> {
    let house = House {
        lake,
        facts: Facts::of(&[lake], &[]),
    };
    let mut found = Vec::new();
    for (id, policy) in lake.policies.iter().filter(|(id, _)| !id.starts_with("grant:")) {
        match house.finding(analyst, policy) {
            Ok(findings) => found.extend(findings),
            Err(why) => found.push(Finding::unknown(id, why)),
        }
    }
    Ok(found)
}

struct House<'l> {
    lake: &'l Lake,
    facts: Facts,
}

impl House<'_> {
    fn finding(&self, analyst: &mut Analyst, policy: &Policy) -> Answer<Vec<Finding>> {
        let envs: BTreeSet<RequestEnv> = policy.get_valid_request_envs(analyst.schema()).collect();
        let id = policy.id().to_string();
        let mut found: Vec<Finding> = self.failing(analyst, policy, &envs)?.into_iter().collect();
        let itself = as_permit(policy)?;
        let alone = set([&itself].into_iter().chain(&self.facts.policy()?))?;
        if never(analyst, &alone, &envs)? {
            found.push(Finding::new(Kind::Dead, id));
            return Ok(found);
        }
        let forbids = self.others(policy, Effect::Forbid);
        let left = set([&itself]
            .into_iter()
            .chain(&self.facts.policy()?)
            .chain(forbids.iter().copied()))?;
        if policy.effect() == Effect::Permit && !forbids.is_empty() && never(analyst, &left, &envs)? {
            found.push(Finding::new(Kind::Overruled, id));
            return Ok(found);
        }
        if let Some(by) = self.shadow(analyst, policy, &alone, &envs)? {
            found.push(Finding::new(Kind::Shadowed, id).because(by));
        }
        Ok(found)
    }

    fn failing(&self, analyst: &mut Analyst, policy: &Policy, envs: &BTreeSet<RequestEnv>) -> Answer<Option<Finding>> {
        let alone = set([policy])?;
        for env in envs {
            let Some(failing) = analyst.failing(policy, env)? else {
                continue;
            };
            let example = Example::of(&failing, &self.facts, &alone, None, &|env| decided(env, &alone).fails())?;
            return Ok(Some(
                Finding::new(Kind::Fails, policy.id().to_string()).shown_by(example),
            ));
        }
        Ok(None)
    }

    /// The others of the same effect that say whatever this one says: one of them, or all together.
    fn shadow(
        &self,
        analyst: &mut Analyst,
        policy: &Policy,
        alone: &PolicySet,
        envs: &BTreeSet<RequestEnv>,
    ) -> Answer<Option<String>> {
        let others: Vec<Policy> = self
            .others(policy, policy.effect())
            .into_iter()
            .map(as_permit)
            .collect::<Answer<_>>()?;
        if others.is_empty() || !covered(analyst, alone, &set(&others)?, envs)? {
            return Ok(None);
        }
        for other in &others {
            if covered(analyst, alone, &set([other])?, envs)? {
                let later = other.id().to_string() > policy.id().to_string();
                // Of two that say the same the later one is superfluous.
                if later && self.same(analyst, other, policy)? {
                    return Ok(None);
                }
                return Ok(Some(other.id().to_string()));
            }
        }
        Ok(Some("the others together".to_owned()))
    }

    fn same(&self, analyst: &mut Analyst, other: &Policy, policy: &Policy) -> Answer<bool> {
        let envs: BTreeSet<RequestEnv> = other.get_valid_request_envs(analyst.schema()).collect();
        let alone = set([other].into_iter().chain(&self.facts.policy()?))?;
        covered(analyst, &alone, &set([&as_permit(policy)?])?, &envs)
    }

    fn others(&self, policy: &Policy, effect: Effect) -> Vec<&Policy> {
        let others = self.lake.policies.values().filter(|other| other.id() != policy.id());
        others.filter(|other| other.effect() == effect).collect()
    }
}

/// Whether a set allows nothing.
fn never(analyst: &mut Analyst, alone: &PolicySet, envs: &BTreeSet<RequestEnv>) -> Answer<bool> {
    for env in envs {
        if analyst.allowed(alone, env)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the others allow whatever a set allows.
fn covered(analyst: &mut Analyst, alone: &PolicySet, others: &PolicySet, envs: &BTreeSet<RequestEnv>) -> Answer<bool> {
    for env in envs {
        if analyst.allowed_by_first_alone(alone, others, env)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A policy that permits what this one permits or forbids.
fn as_permit(policy: &Policy) -> Answer<Policy> {
    let mut json = policy.to_json().map_err(|error| error.to_string())?;
    if let Some(effect) = json.get_mut("effect") {
        *effect = "permit".into();
    }
    Policy::from_json(Some(PolicyId::new(policy.id().to_string())), json).map_err(|error| error.to_string())
}
