//! Which decisions does a file expect? Golden cases as data, and where each of them stands.

use std::{collections::BTreeMap, path::PathBuf};

use lakegate_openapi::{
    policy_explanation::PolicyExplanation,
    policy_simulation::{PolicySimulation, SimulatePolicies, SimulatedContext},
};
use serde::Deserialize;

use crate::{
    cli::{
        failure::{Failure, Result},
        output::tell,
    },
    lake::{LakeInput, SourceText, problem::Problems, yaml::read_yaml},
};

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cases: Vec<Case>,
}

/// One request and what is expected of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// For people.
    #[serde(default)]
    pub name: Option<String>,
    pub principal: String,
    on_behalf_of: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    context: SimulatedContext,
    action: Option<String>,
    resource: Option<String>,
    sql: Option<String>,
    catalog: Option<String>,
    database: Option<String>,
    expect: Expected,
    /// `FILE:LINE`
    #[serde(skip)]
    pub place: String,
}

/// What is absent is not compared.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// `allow` or `deny`.
    decision: Option<String>,
    /// `all`, `some` or `none`.
    rows: Option<String>,
    /// Names of the filters that apply.
    filters: Option<Vec<String>>,
    /// Column → `clear`, `partly`, `masked`, `null`, `hidden`, or with the mask: `masked show-last-4`.
    #[serde(default)]
    columns: BTreeMap<String, String>,
    /// Ids of policies that determined the decision; grants are left out.
    because: Option<Vec<String>>,
    /// Ids of policies that nearly permit it.
    near_misses: Option<Vec<String>>,
    /// Code of the refusal of a statement; `none` if it must run.
    refusal: Option<String>,
}

/// Reads cases from files, and the `*.yaml` of directories.
///
/// # Errors
/// What cannot be read, with its place.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Case>> {
    let wrong = |problems: Vec<String>| {
        problems.iter().for_each(tell);
        Failure::local("the cases cannot be read")
    };
    let lines = |problems: Vec<crate::lake::Problem>| problems.iter().map(ToString::to_string).collect::<Vec<_>>();
    let input = LakeInput::from_paths(paths).map_err(|problems| wrong(lines(problems)))?;
    let mut cases = Vec::new();
    for source in input
        .sources
        .iter()
        .filter(|source| !source.name.to_lowercase().ends_with(".cedar"))
    {
        let SourceText::Text(text) = &source.text else { continue };
        let mut problems = Problems::default();
        let documents = read_yaml(&source.name, text, &mut problems);
        if !documents.whole {
            return Err(wrong(lines(problems.into_sorted())));
        }
        for node in &documents.nodes {
            let file: File = serde_json::from_value(node.to_json())
                .map_err(|error| wrong(vec![format!("{}: {error}", node.place)]))?;
            let places = node
                .get("cases")
                .into_iter()
                .flat_map(|list| list.items().map(|item| &item.place));
            cases.extend(file.cases.into_iter().zip(places).map(|(case, place)| Case {
                place: format!("{}:{}", place.file, place.line),
                ..case
            }));
        }
    }
    if cases.is_empty() {
        return Err(Failure::usage("there is no case at the named paths"));
    }
    Ok(cases)
}

impl Case {
    /// What is to be simulated; `policies` is a draft.
    #[must_use]
    pub fn question(&self, policies: Option<String>) -> SimulatePolicies {
        SimulatePolicies {
            principal: self.principal.clone(),
            on_behalf_of: self.on_behalf_of.clone(),
            roles: self.roles.clone(),
            context: self.context.clone(),
            action: self.action.clone(),
            resource: self.resource.clone(),
            sql: self.sql.clone(),
            catalog: self.catalog.clone(),
            database: self.database.clone(),
            policies,
            without: Vec::new(),
        }
    }

    /// What it is called.
    #[must_use]
    pub fn title(&self) -> String {
        let about = || {
            let what = self.resource.as_deref().or(self.sql.as_deref()).unwrap_or_default();
            format!("{} on {what}", self.principal)
        };
        self.name.clone().unwrap_or_else(about)
    }

    /// Where the answer differs from what is expected: `what: expected …, got …`.
    #[must_use]
    pub fn differences(&self, done: &PolicySimulation) -> Vec<String> {
        let expected = &self.expect;
        let mut found = Differences::default();
        if let Some(code) = &expected.refusal {
            let got = done.refusal.as_ref().map_or("none", |refusal| refusal.code.as_str());
            found.compare("refusal", code, got);
        }
        let Some(first) = done.decisions.first() else {
            if expected.decision.is_some() || expected.rows.is_some() || !expected.columns.is_empty() {
                found
                    .0
                    .push("there is no decision: the statement names no table that is there".to_owned());
            }
            return found.0;
        };
        let decision = if done.decisions.iter().all(|one| one.decision == "allow") {
            "allow"
        } else {
            "deny"
        };
        found.optional("decision", expected.decision.as_ref(), decision);
        found.of_relation(expected, first);
        for (what, wanted, got) in [
            ("because", &expected.because, &first.reasons),
            ("near_misses", &expected.near_misses, &first.near_misses),
        ] {
            let policies = got
                .iter()
                .filter(|reason| reason.kind != "grant")
                .map(|reason| reason.id.clone());
            found.lists(what, wanted.as_ref(), policies.collect());
        }
        found.0
    }
}

#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn compare(&mut self, what: &str, expected: &str, got: &str) {
        if expected != got {
            self.0.push(format!("{what}: expected {expected}, got {got}"));
        }
    }

    fn optional(&mut self, what: &str, expected: Option<&String>, got: &str) {
        if let Some(expected) = expected {
            self.compare(what, expected, got);
        }
    }

    fn lists(&mut self, what: &str, expected: Option<&Vec<String>>, mut got: Vec<String>) {
        if let Some(expected) = expected {
            let mut expected = expected.clone();
            expected.sort();
            got.sort();
            self.compare(
                what,
                &format!("[{}]", expected.join(", ")),
                &format!("[{}]", got.join(", ")),
            );
        }
    }

    fn of_relation(&mut self, expected: &Expected, got: &PolicyExplanation) {
        let relation = got.relation.clone().unwrap_or_default();
        self.optional("rows", expected.rows.as_ref(), &relation.rows);
        let applied = relation.filters.iter().filter(|filter| filter.applies);
        self.lists(
            "filters",
            expected.filters.as_ref(),
            applied.map(|filter| filter.name.clone()).collect(),
        );
        for (name, wanted) in &expected.columns {
            let column = relation
                .columns
                .iter()
                .find(|column| column.name.eq_ignore_ascii_case(name));
            let got = column.map_or_else(
                || "missing".to_owned(),
                |column| match &column.mask {
                    Some(mask) if wanted.contains(' ') => format!("{} {mask}", column.state),
                    _ => column.state.clone(),
                },
            );
            self.compare(&format!("column {name}"), wanted, &got);
        }
    }
}
