//! Do the worked policies of the design (`sample.cedar`) pass as they stand, names as ids?

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use lakegate_policy::*;
use std::collections::{BTreeMap, BTreeSet};

/// Ids are names; nothing is unknown.
struct Same;

impl NameResolver for Same {
    fn resolve(&self, _: &str, name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    fn name_of(&self, _: &str, id: &str) -> Option<String> {
        Some(id.to_owned())
    }
}

/// The part after the templates, which are the server's own.
fn lake_part() -> &'static str {
    let sample = include_str!("sample.cedar");
    &sample[sample.find("// ---------- rows").unwrap()..]
}

fn resolved() -> Vec<PolicyText> {
    let statements = split_policies(lake_part()).unwrap();
    let resolve = |statement: &Statement| PolicyText {
        id: statement.id.clone(),
        resolved: resolve_names(statement, &Same).unwrap(),
    };
    statements.iter().map(resolve).collect()
}

#[test]
fn every_policy_of_the_sample_is_published() {
    let policies = resolved();
    let found: BTreeSet<&str> = policies.iter().map(|policy| policy.id.as_str()).collect();
    let expected = "abac.dept agent.delegated delegate.sales fence.network glass.oncall jit.4711 lftag.sales \
                    no.passthrough orders.eu orders.hold.bypass pii.clear pii.last4 row.hold row.region";
    assert_eq!(found, expected.split_whitespace().collect());
    validate(&policies).unwrap();
    PolicySet::build(&policies, &[]).unwrap();
    assert_eq!(lints(&policies), []);
}

#[test]
fn templates_in_a_file_are_refused_one_by_one() {
    let problems = split_policies(include_str!("sample.cedar")).unwrap_err();
    let slots = problems
        .iter()
        .filter(|problem| problem.message.starts_with("template slot"))
        .count();
    assert_eq!(slots, 6, "{problems:?}");
}

#[test]
fn a_family_of_filters_and_a_tag_expression_work() {
    let set = PolicySet::build(&resolved(), &[]).unwrap();
    let tags = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let sales = tags(&[("domain", "sales"), ("classification", "public")]);
    let secret = tags(&[("domain", "sales"), ("classification", "secret")]);
    let table = resource::uid("Table", "t");
    let entities = vec![
        resource::role("sales", &[]).unwrap(),
        resource::user(
            "u",
            "human",
            0,
            &["sales"],
            &BTreeMap::from([("dept".to_owned(), vec!["a".to_owned()])]),
        )
        .unwrap(),
        resource::catalog("lake", None, &tags(&[])).unwrap(),
        resource::database("d", "lake", &tags(&[])).unwrap(),
        resource::table("t", "d", "parquet", "sales", &sales).unwrap(),
        resource::column("open", table.clone(), "open", "varchar", &sales).unwrap(),
        resource::column("secret", table.clone(), "secret", "varchar", &secret).unwrap(),
        resource::data_filter("mine", table.clone(), "mine", "sql", false, &tags(&[("dept", "a")])).unwrap(),
        resource::data_filter("theirs", table, "theirs", "sql", false, &tags(&[("dept", "b")])).unwrap(),
    ];
    let authorizer = Authorizer::new(&set, entities).unwrap();
    let context = RequestContext {
        now: 1_795_132_800_000,
        ip: "10.0.0.1".parse().unwrap(),
        mfa: false,
        auth_age_ms: None,
        workgroup: "primary".to_owned(),
        client: "rest".to_owned(),
        purpose: None,
        via_view: None,
        on_behalf_of: None,
        ticket: None,
    };
    let allowed = |action, kind, id| {
        let request = Request {
            principal: "u",
            action,
            resource: resource::uid(kind, id),
            context: &context,
        };
        authorizer.decide(&request).is_allowed()
    };
    assert!(allowed(Action::Select, "Table", "t"));
    assert!(allowed(Action::Select, "Column", "open"));
    assert!(!allowed(Action::Select, "Column", "secret"));
    assert!(allowed(Action::SelectFiltered, "DataFilter", "mine"));
    assert!(!allowed(Action::SelectFiltered, "DataFilter", "theirs"));
}
