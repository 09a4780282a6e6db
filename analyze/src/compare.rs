//! Does the new lake let anybody do what the old one does not?
//!
//! Asked twice of each kind of request that a changed policy speaks about: by the policies and grants that there are, and –
//! where forbids changed – whatever else may be permitted, because a forbid also closes what filters open. Lakegate denies
//! where a policy cannot be evaluated while Cedar skips that policy, so a policy that could fail and is gone is asked about, too.

use std::collections::BTreeSet;

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, RequestEnv};

use crate::{
    example::{Example, decided},
    facts::Facts,
    finding::{Finding, Kind, kind_of},
    lake::{Lake, set},
    solver::{Analyst, Answer},
};

/// Two sets of policies, and what changed between them.
struct Sets<'l> {
    facts: Facts,
    /// With the facts.
    new: PolicySet,
    old: PolicySet,
    /// Everything permitted but what is forbidden; with the facts.
    new_forbids: PolicySet,
    old_forbids: PolicySet,
    forbids_changed: bool,
    /// Of the old ones.
    gone: Vec<&'l Policy>,
    changed: Vec<&'l Policy>,
}

/// What is wider.
///
/// # Errors
/// If the solver cannot be asked at all.
pub fn compare(analyst: &mut Analyst, new: &Lake, old: &Lake) -> Result<Vec<Finding>, String> {
    let sets = Sets::of(new, old)?;
    let envs: BTreeSet<RequestEnv> = sets
        .changed
        .iter()
        .flat_map(|policy| policy.get_valid_request_envs(analyst.schema()))
        .collect();
    let mut found = Vec::new();
    for env in envs {
        match sets.wider(analyst, &env) {
            Ok(finding) => found.extend(finding),
            Err(why) => found.push(Finding::unknown(kind_of(&env), why)),
        }
    }
    Ok(found)
}

impl<'l> Sets<'l> {
    fn of(new: &'l Lake, old: &'l Lake) -> Result<Self, String> {
        let added = differing(new, old);
        let gone = differing(old, new);
        let changed: Vec<&Policy> = added.iter().chain(&gone).copied().collect();
        let forbids_changed = changed.iter().any(|policy| policy.effect() == Effect::Forbid);
        let facts = Facts::of(&[new, old], &[]);
        let fact = facts.policy()?;
        let all = Policy::parse(
            Some(PolicyId::new("(everything)")),
            "permit(principal, action, resource);",
        );
        let all = all.map_err(|error| error.to_string())?;
        let forbids = |lake: &'l Lake| {
            lake.policies
                .values()
                .filter(|policy| policy.effect() == Effect::Forbid)
        };
        // Where no forbid changed, only what is new among the permits can be a gain.
        let asked = new.policies.values().filter(|policy| {
            policy.effect() == Effect::Forbid || forbids_changed || added.iter().any(|one| one.id() == policy.id())
        });
        Ok(Self {
            new: set(asked.chain(&fact))?,
            old: set(old.policies.values())?,
            new_forbids: set(forbids(new).chain([&all]).chain(&fact))?,
            old_forbids: set(forbids(old).chain([&all]))?,
            facts,
            forbids_changed,
            gone,
            changed,
        })
    }

    fn wider(&self, analyst: &mut Analyst, env: &RequestEnv) -> Answer<Option<Finding>> {
        let about = kind_of(env);
        if let Some(found) = analyst.allowed_by_first_alone(&self.new, &self.old, env)? {
            let example = self.example(&self.new, &self.old, &found)?;
            return Ok(Some(Finding::new(Kind::Wider, about).shown_by(example)));
        }
        if self.forbids_changed
            && let Some(found) = analyst.allowed_by_first_alone(&self.new_forbids, &self.old_forbids, env)?
        {
            let example = self.example(&self.new_forbids, &self.old_forbids, &found)?;
            return Ok(Some(Finding::new(Kind::Unforbidden, about).shown_by(example)));
        }
        for policy in &self.gone {
            if !policy.get_valid_request_envs(analyst.schema()).any(|one| one == *env) {
                continue;
            }
            let Some(failing) = analyst.failing(policy, env)? else {
                continue;
            };
            if decided(&failing, &self.new).allows() {
                let example = self.example(&self.new, &self.old, &failing)?;
                return Ok(Some(Finding::new(Kind::Wider, about).shown_by(example)));
            }
            if !analyst.never_together(&self.new_forbids, policy, env)? {
                let why = format!("policy {} could fail and so deny, and is changed or gone", policy.id());
                return Err(why);
            }
        }
        Ok(None)
    }

    fn example(&self, new: &PolicySet, old: &PolicySet, found: &cedar_policy_symcc::Env) -> Answer<Example> {
        let holds = |env: &cedar_policy_symcc::Env| decided(env, new).allows() && !decided(env, old).allows();
        Example::of(found, &self.facts, new, Some(old), &holds)
    }
}

/// The policies of one lake that the other one has not.
fn differing<'l>(one: &'l Lake, other: &Lake) -> Vec<&'l Policy> {
    let differs =
        |(id, policy): &(&String, &'l Policy)| other.policies.get(*id).is_none_or(|known| says(known) != says(policy));
    one.policies.iter().filter(differs).map(|(_, policy)| policy).collect()
}

/// What a policy means: without what is written about it.
fn says(policy: &Policy) -> Option<serde_json::Value> {
    let mut json = policy.to_json().ok()?;
    json.as_object_mut()?.remove("annotations");
    Some(json)
}
