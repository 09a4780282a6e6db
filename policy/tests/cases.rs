//! Do decisions come out as the cases in `tests/cases/*.json` say?
//!
//! A case asks one request (`action`, `resource`) or one relation. `policies` and `grants` of the file and of the case
//! are both in force; objects, users and ids are those of `tests/fixture.json`. Every request is asked with and without
//! the scope index.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

#[path = "fixture/lake.rs"]
mod lake;

use lake::{Lake, uid};
use lakegate_policy::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: String,
    #[serde(default)]
    policies: BTreeMap<String, String>,
    #[serde(default)]
    grants: Vec<Grant>,
    cases: Vec<Case>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    id: String,
    privilege: String,
    to: String,
    on: String,
    #[serde(default)]
    expires: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    about: String,
    #[serde(default)]
    policies: BTreeMap<String, String>,
    #[serde(default)]
    grants: Vec<Grant>,
    who: String,
    #[serde(default)]
    context: Circumstances,
    grant: Option<Granted>,
    // asks
    action: Option<String>,
    resource: Option<String>,
    relation: Option<String>,
    /// Columns that are asked as fields of others.
    #[serde(default)]
    within: BTreeMap<String, String>,
    // expects; what is absent is not compared
    verdict: Option<String>,
    gate: Option<String>,
    rows: Option<String>,
    restrictive: Option<Vec<String>>,
    bypassed: Option<Vec<String>>,
    #[serde(default)]
    columns: BTreeMap<String, String>,
    policies_used: Option<Vec<String>>,
    #[serde(default)]
    errors: usize,
    #[serde(default)]
    alerts: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Circumstances {
    now: Option<i64>,
    ip: Option<String>,
    mfa: bool,
    auth_age_ms: Option<i64>,
    purpose: Option<String>,
    via_view: Option<String>,
    on_behalf_of: Option<String>,
    ticket: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Granted {
    privilege: String,
    grantee_role: Option<String>,
    expires: Option<i64>,
}

impl Circumstances {
    fn context(&self) -> RequestContext {
        RequestContext {
            now: self.now.unwrap_or(1_795_132_800_000),
            ip: self.ip.as_deref().unwrap_or("10.0.0.1").parse().unwrap(),
            mfa: self.mfa,
            auth_age_ms: self.auth_age_ms,
            workgroup: "primary".to_owned(),
            client: "rest".to_owned(),
            purpose: self.purpose.clone(),
            via_view: self.via_view.clone(),
            on_behalf_of: self.on_behalf_of.clone(),
            ticket: self.ticket.clone(),
        }
    }
}

#[test]
fn every_case_holds() {
    let lake = Lake::read();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 5);
    let mut failures = Vec::new();
    for path in paths {
        let file: File = serde_json::from_str(&std::fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(!file.about.is_empty());
        for (at, case) in file.cases.iter().enumerate() {
            for failure in run(&lake, &file, case) {
                let name = path.file_name().unwrap().to_string_lossy();
                failures.push(format!("{name} #{at} {} {}: {failure}", case.who, case.about));
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn run(lake: &Lake, file: &File, case: &Case) -> Vec<String> {
    let policies: Vec<PolicyText> = file
        .policies
        .iter()
        .chain(&case.policies)
        .map(|(id, text)| PolicyText {
            id: id.clone(),
            resolved: text.clone(),
        })
        .collect();
    let grants: Vec<GrantLink> = file.grants.iter().chain(&case.grants).map(link).collect();
    let set = PolicySet::build(&policies, &grants).unwrap_or_else(|problems| panic!("{problems:?}"));
    let authorizer = Authorizer::new(&set, lake.entities()).unwrap();
    match &case.relation {
        Some(relation) => relation_failures(lake, &authorizer, case, relation),
        None => request_failures(&set, &authorizer, case),
    }
}

fn link(grant: &Grant) -> GrantLink {
    GrantLink {
        id: grant.id.clone(),
        privilege: grant.privilege.parse().unwrap(),
        principal: uid(&grant.to),
        resource: uid(&grant.on),
        expires_ms: grant.expires,
    }
}

fn request_failures(set: &PolicySet, authorizer: &Authorizer<'_>, case: &Case) -> Vec<String> {
    let request_context = case.context.context();
    let grant_context = case.grant.as_ref().map(|grant| GrantContext {
        request: request_context.clone(),
        privilege: grant.privilege.clone(),
        grantee_role: grant.grantee_role.clone(),
        with_grant_option: false,
        expires: grant.expires,
    });
    let context: &dyn ContextFacts = match &grant_context {
        Some(context) => context,
        None => &request_context,
    };
    let request = Request {
        principal: &case.who,
        action: Action::from_name(case.action.as_deref().unwrap()).unwrap(),
        resource: uid(case.resource.as_deref().unwrap()),
        context,
    };
    let decision = authorizer.decide(&request);
    let mut failures = Vec::new();
    let mut compare = |what: &str, found: String, expected: String| {
        if found != expected {
            failures.push(format!("{what} is {found}, expected {expected} ({decision:?})"));
        }
    };
    compare(
        "verdict",
        json(&decision.verdict),
        format!("{:?}", case.verdict.as_deref().unwrap()),
    );
    compare("errors", decision.errors.len().to_string(), case.errors.to_string());
    if let Some(expected) = &case.policies_used {
        compare("policies", json(&decision.policies), json(expected));
    }
    compare(
        "unsliced",
        json(&set.decide_unsliced(&request, authorizer.entities())),
        json(&decision),
    );
    compare(
        "batch",
        json(&authorizer.decide_batch(&[request.clone(), request])[1]),
        json(&decision),
    );
    failures
}

fn relation_failures(lake: &Lake, authorizer: &Authorizer<'_>, case: &Case, relation: &str) -> Vec<String> {
    let mut facts = lake.facts(relation);
    for (field, above) in &case.within {
        let id = format!("{relation}.{field}");
        let column = facts.columns.iter_mut().find(|column| column.id == id).unwrap();
        column.above = vec![format!("{relation}.{above}")];
    }
    let access = authorizer.access(&case.who, &case.context.context(), &facts);
    let mut failures = Vec::new();
    let mut compare = |what: &str, found: String, expected: Option<String>| {
        if expected.as_ref().is_some_and(|expected| *expected != found) {
            failures.push(format!("{what} is {found}, expected {}", expected.unwrap()));
        }
    };
    compare("gate", json(&access.gate), case.gate.as_ref().map(json));
    compare("rows", rows(&access.rows), case.rows.clone());
    compare(
        "restrictive",
        json(&access.restrictive),
        case.restrictive.as_ref().map(json),
    );
    compare("bypassed", json(&access.bypassed), case.bypassed.as_ref().map(json));
    compare(
        "policies",
        json(&access.policies),
        case.policies_used.as_ref().map(json),
    );
    compare("errors", access.errors.len().to_string(), Some(case.errors.to_string()));
    compare("alerts", access.alerts.len().to_string(), Some(case.alerts.to_string()));
    let prefix = format!("{relation}.");
    for column in &access.columns {
        let name = column.id.strip_prefix(&prefix).unwrap();
        let expected = case.columns.get(name).or_else(|| case.columns.get("*"));
        compare(
            name,
            cells(column),
            Some(expected.cloned().unwrap_or_else(|| "an entry in the case".to_owned())),
        );
    }
    failures
}

fn rows(scope: &RowScope) -> String {
    match scope {
        RowScope::None => "none".to_owned(),
        RowScope::All => "all".to_owned(),
        RowScope::AnyOf(filters) => format!("any of {}", filters.join(", ")),
    }
}

fn cells(column: &ColumnAccess) -> String {
    match (&column.clear, &column.mask) {
        (Clear::Always, _) => "clear".to_owned(),
        (Clear::Never, MaskChoice::None) => "hidden".to_owned(),
        (Clear::Never, MaskChoice::Mask(mask)) => format!("mask {mask}"),
        (Clear::Never, MaskChoice::NullByTie) => "null".to_owned(),
        (Clear::Where(filters), MaskChoice::None) => format!("where {}", filters.join(", ")),
        (Clear::Where(filters), MaskChoice::Mask(mask)) => format!("where {} else {mask}", filters.join(", ")),
        (Clear::Where(filters), MaskChoice::NullByTie) => format!("where {} else null", filters.join(", ")),
    }
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap()
}
