//! Who but the holders of some roles reaches an object? Asked of the policies and grants of a whole lake.

use std::collections::BTreeSet;

use cedar_policy::{Effect, EntityUid, Policy, PolicyId, RequestEnv};

use crate::{
    example::{Example, decided},
    facts::Facts,
    finding::{Finding, Kind, kind_of},
    lake::{Lake, entity, set},
    solver::Analyst,
};

/// The actions that show data.
const READS: [&str; 3] = ["Select", "SelectFiltered", "SelectMasked"];

/// An object, and those who may reach it.
#[derive(Debug)]
pub struct Open {
    resource: EntityUid,
    except: Vec<EntityUid>,
}

impl Open {
    /// Of `kind:name`, and names of roles.
    ///
    /// # Errors
    /// If the object is none.
    pub fn read(resource: &str, except: &[String]) -> Result<Self, String> {
        let role = |name: &String| entity(&format!("role:{name}"));
        Ok(Self {
            resource: entity(resource)?,
            except: except.iter().map(role).collect::<Result<_, _>>()?,
        })
    }

    /// Leaves requests for this object by anybody else.
    fn fence(&self) -> Result<Policy, String> {
        let others = self.except.iter().map(|role| format!(" && !(principal in {role})"));
        let text = format!(
            "forbid(principal, action, resource) unless {{ resource in {}{} }};",
            self.resource,
            others.collect::<String>()
        );
        Policy::parse(Some(PolicyId::new("(others)")), text).map_err(|error| error.to_string())
    }
}

/// A request by somebody else, for each way to read.
///
/// # Errors
/// If the solver cannot be asked at all.
pub fn open(analyst: &mut Analyst, lake: &Lake, open: &Open) -> Result<Vec<Finding>, String> {
    let named: Vec<EntityUid> = open.except.iter().chain([&open.resource]).cloned().collect();
    let facts = Facts::of(&[lake], &named);
    let (fact, fence) = (facts.policy()?, open.fence()?);
    let left = set(lake.policies.values().chain(&fact).chain([&fence]))?;
    let permits = lake
        .policies
        .values()
        .filter(|policy| policy.effect() == Effect::Permit);
    let envs: BTreeSet<RequestEnv> = permits
        .flat_map(|policy| policy.get_valid_request_envs(analyst.schema()))
        .filter(|env| READS.contains(&env.action().id().unescaped()))
        .collect();
    let mut found = Vec::new();
    for env in envs {
        match analyst.allowed(&left, &env) {
            Ok(None) => {}
            Ok(Some(request)) => {
                let example = Example::of(&request, &facts, &left, None, &|env| decided(env, &left).allows());
                found.push(match example {
                    Ok(example) => Finding::new(Kind::Open, kind_of(&env)).shown_by(example),
                    Err(why) => Finding::unknown(kind_of(&env), why),
                });
            }
            Err(why) => found.push(Finding::unknown(kind_of(&env), why)),
        }
    }
    Ok(found)
}
