//! What does a body say about policies, and what is wrong with Cedar text?

use lakegate_catalog::{
    governance::Policy,
    name::TableName,
    object::Stored,
    snapshot::{Snapshot, TablePath},
};
use lakegate_policy::{
    FilteredRelation, LintFacts, NameResolver, PolicyProblem, PolicyText, Statement, is_dangling, lints, lints_in,
    resolve_names, resource, show_names, split_policies, validate,
};
use serde_json::{Map, Value};

use crate::{
    error::{ApiError, Result},
    lake::{entry::Names, soundness, taken_id},
};

/// What is wrong with a text, and what is allowed and probably not meant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    pub problems: Vec<PolicyProblem>,
    pub warnings: Vec<PolicyProblem>,
    /// The policies of the text, resolved; not all of them if there are problems.
    pub policies: Vec<PolicyText>,
}

impl Checked {
    /// Adds what another check found.
    pub fn and(&mut self, other: Self) {
        self.problems.extend(other.problems);
        self.warnings.extend(other.warnings);
    }
}

/// The name of a new policy, which is its `@id`, and its entry. A body may name it once more.
///
/// # Errors
/// `INVALID_REQUEST` if there is no text, or if it is not one statement with an `@id`.
pub fn named(body: Map<String, Value>) -> Result<(String, Value)> {
    let mut entry = body;
    let name = entry.shift_remove("name");
    let text = entry
        .get("text")
        .and_then(Value::as_str)
        .ok_or_else(|| ApiError::invalid("`text` is missing"))?;
    let statements = split_policies(text).map_err(|found| {
        let first = found.into_iter().next().map(|problem| problem.to_string());
        ApiError::new(
            lakegate_query::error::ErrorCode::PolicyInvalid,
            first.unwrap_or_default(),
        )
    })?;
    let [statement] = statements.as_slice() else {
        return Err(ApiError::invalid("`text` must be exactly one statement"));
    };
    let id = statement.id.clone();
    match name {
        Some(name) if name.as_str() != Some(id.as_str()) => {
            Err(ApiError::invalid(format!("`name` must be the `@id` `{id}`")))
        }
        _ => Ok((id, Value::Object(entry))),
    }
}

/// Checks a text as if its policies were stored.
#[must_use]
pub fn check(snapshot: &Snapshot, text: &str) -> Checked {
    let stored: Vec<PolicyText> = snapshot.policies.iter().map(|policy| resolved(policy)).collect();
    let mut found = check_text(text, &stored, &Names(snapshot), Some(&facts(snapshot)));
    let taken = found
        .policies
        .iter()
        .filter(|policy| snapshot.grants.iter().any(|grant| grant.id.as_str() == policy.id));
    let taken: Vec<PolicyProblem> = taken.map(|policy| taken_id(&policy.id)).collect();
    found.problems.extend(taken);
    found
}

/// Checks a text beside other policies; `facts` are those of the lake, if it is known.
#[must_use]
pub fn check_text(text: &str, stored: &[PolicyText], names: &dyn NameResolver, facts: Option<&LintFacts>) -> Checked {
    let statements = match split_policies(text) {
        Ok(statements) => statements,
        Err(problems) => {
            return Checked {
                problems,
                ..Checked::default()
            };
        }
    };
    let mut found = Checked::default();
    for statement in &statements {
        match resolve_names(statement, names) {
            Ok(resolved) => found.policies.push(PolicyText {
                id: statement.id.clone(),
                resolved,
            }),
            Err(problems) => found.problems.extend(problems),
        }
    }
    let of = |id: &Option<String>| statements.iter().find(|statement| Some(&statement.id) == id.as_ref());
    let placed = |problem: PolicyProblem| {
        let named = PolicyProblem {
            message: show_names(&problem.message, names).unwrap_or_else(|_| problem.message.clone()),
            ..problem
        };
        match of(&named.policy) {
            Some(statement) => named.in_statement(statement),
            None => named,
        }
    };
    let replaced = |stored: &&PolicyText| !statements.iter().any(|new: &Statement| new.id == stored.id);
    let all: Vec<PolicyText> = stored.iter().filter(replaced).chain(&found.policies).cloned().collect();
    found
        .problems
        .extend(validate(&all).err().into_iter().flatten().map(placed));
    let warnings = match facts {
        Some(facts) => lints_in(&found.policies, facts),
        None => lints(&found.policies),
    };
    found.warnings = warnings.into_iter().map(placed).collect();
    found
}

fn resolved(policy: &Stored<Policy>) -> PolicyText {
    PolicyText {
        id: policy.name.clone(),
        resolved: policy.body.resolved.clone(),
    }
}

/// What lints must know of a lake.
fn facts(snapshot: &Snapshot) -> LintFacts {
    let filtered = snapshot.tables.iter().filter(|table| {
        let filters = snapshot.filters_of(&table.id);
        filters.iter().any(|filter| !filter.body.restrictive)
    });
    let filtered = filtered.filter_map(|table| snapshot.table_path(&table.id));
    let relation = |path: TablePath| FilteredRelation {
        name: TableName::new(&path.catalog.name, &path.database.name, &path.table.name).to_string(),
        within: vec![
            resource::uid("Database", path.database.id.as_str()),
            resource::uid("Catalog", path.catalog.id.as_str()),
            resource::uid("Tenant", resource::TENANT),
        ],
    };
    let attributes = snapshot.users.iter().flat_map(|user| user.body.attributes.keys());
    LintFacts {
        tag_keys: snapshot.tags.iter().map(|key| key.name.clone()).collect(),
        attributes: attributes.cloned().collect(),
        filtered: filtered.map(relation).collect(),
    }
}

/// Checks what is stored: policies as if they were published anew, and the bodies of filters and masks against the tables as
/// they are now.
#[must_use]
pub fn check_stored(snapshot: &Snapshot) -> Checked {
    let stored: Vec<PolicyText> = snapshot.policies.iter().map(|policy| resolved(policy)).collect();
    let names = Names(snapshot);
    let named = |problem: PolicyProblem| PolicyProblem {
        message: show_names(&problem.message, &names).unwrap_or_else(|_| problem.message.clone()),
        ..problem
    };
    let dangling = stored.iter().filter(|policy| is_dangling(&policy.resolved, &names));
    let dangling = dangling.map(|policy| {
        let remedy = "remove it, or publish it again with the name of an object that exists";
        PolicyProblem::new("it names an object that is gone, and permits nothing", remedy).of(&policy.id)
    });
    let (broken, doubtful) = soundness::bodies(snapshot);
    let problems = validate(&stored).err().into_iter().flatten().map(named).chain(broken);
    let lints = lints_in(&stored, &facts(snapshot)).into_iter().map(named);
    Checked {
        problems: problems.collect(),
        warnings: dangling.chain(lints).chain(doubtful).collect(),
        policies: Vec::new(),
    }
}
