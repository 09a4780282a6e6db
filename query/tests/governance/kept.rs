//! Is a kept decision the one that would be made again? Each part of its key counts, and nothing survives its version.

use std::sync::Arc;

use lakegate_catalog::identity::{Grantee, Role};
use lakegate_policy::Clear;
use lakegate_query::{
    authorize::{self, RelationGrant},
    context::QueryContext,
    decisions::Decisions,
    entities,
    error::ErrorCode,
};

use crate::{
    fixture::{column_id, id, stored},
    lake::{Lake, orders},
};

/// Statements of one server: they share what is decided.
struct Server {
    cx: QueryContext,
}

impl Server {
    fn new(lake: &Lake) -> Self {
        Self {
            cx: QueryContext::clone(&lake.context("alice")),
        }
    }

    fn decide(&self, change: impl FnOnce(&mut QueryContext)) -> RelationGrant {
        let mut cx = self.cx.clone();
        change(&mut cx);
        decide(&cx).unwrap()
    }

    fn requests(&self) -> (u64, u64) {
        self.cx.decisions.requests()
    }
}

fn decide(cx: &QueryContext) -> Result<RelationGrant, lakegate_query::error::QueryError> {
    let path = cx.snapshot.find_table(&orders()).unwrap();
    authorize::decide(cx, &path)
}

/// A lake with one more policy.
fn with(policy: &str) -> Lake {
    let mut lake = Lake::default();
    let text = policy.replace('@', "Lakegate::Action::").replace('#', "Lakegate::");
    lake.policies.push(("more".to_owned(), text));
    lake
}

type Change = fn(&mut QueryContext);

fn as_user(user: &str) -> impl FnOnce(&mut QueryContext) {
    let user = id(&format!("u-{user}"));
    move |cx| cx.caller.user = user
}

#[test]
fn a_decision_is_made_once_for_each_that_may_differ() {
    let server = Server::new(&Lake::default());
    let first = server.decide(|_| {});
    assert_eq!(server.requests(), (0, 1));
    let again = server.decide(|cx| {
        cx.request.now += 60_000;
        cx.request.mfa = true;
        cx.request.purpose = Some("fraud".to_owned());
        cx.salt = [1; 32];
    });
    assert_eq!(server.requests(), (1, 1), "no policy reads what differs");
    assert_eq!((again.digest, &again.access), (first.digest, &first.access));
    assert!(!server.decide(as_user("mallory")).is_readable(), "another user");
    assert!(server.decide(as_user("dana")).access.select, "another user");
    assert!(
        !server
            .decide(|cx| cx.request.via_view = Some("v".to_owned()))
            .is_readable(),
        "a view that is not there"
    );
    assert!(
        !server
            .decide(|cx| cx.request.on_behalf_of = Some("u".to_owned()))
            .is_readable(),
        "a user that is not there"
    );
    assert_eq!(server.requests(), (1, 5));
}

#[test]
fn what_a_policy_reads_of_the_request_is_part_of_the_key() {
    let forbid = |condition: &str| {
        Server::new(&with(&format!(
            "forbid(principal, action == @\"SelectFiltered\", resource) when {{ {condition} }};"
        )))
    };
    let cases: &[(&str, Change)] = &[
        ("context.mfa", |cx| cx.request.mfa = true),
        ("context has purpose", |cx| {
            cx.request.purpose = Some("fraud".to_owned())
        }),
        ("context.ip.isInRange(ip(\"10.0.0.0/8\"))", |cx| {
            cx.request.ip = "10.1.1.1".parse().unwrap()
        }),
        ("context.client == \"athena\"", |cx| {
            cx.request.client = "athena".to_owned()
        }),
        ("context.workgroup == #Workgroup::\"w\"", |cx| {
            cx.request.workgroup = "w".to_owned()
        }),
        ("context.now > datetime(\"2100-01-01\")", |cx| {
            cx.request.now = 4_200_000_000_000
        }),
        ("context.auth_age < duration(\"1h\")", |cx| {
            cx.request.auth_age_ms = Some(1)
        }),
        ("context.now.toDate() == datetime(\"2096-02-03\")", |cx| {
            cx.request.now = 3_979_065_600_000
        }),
    ];
    for (condition, change) in cases {
        let server = forbid(&condition.replace('#', "Lakegate::"));
        assert!(server.decide(|_| {}).is_readable(), "{condition}");
        assert!(!server.decide(change).is_readable(), "{condition}");
        assert!(server.decide(|_| {}).is_readable(), "{condition}");
    }
}

#[test]
fn roles_of_the_token_and_the_version_are_part_of_the_key() {
    let mut lake = Lake::default();
    lake.grants.push((
        "mallory".to_owned(),
        "select".to_owned(),
        "Table".to_owned(),
        "t-orders".to_owned(),
    ));
    let mut snapshot = Arc::try_unwrap(lake.snapshot()).unwrap();
    let mut grant = (*snapshot.grants.pop().unwrap()).clone();
    grant.body.to = Grantee::Role(id("r-token"));
    snapshot.grants.push(Arc::new(grant));
    snapshot.roles.push(stored("r-token", "token", None, Role::default()));
    let snapshot = Arc::new(snapshot.indexed());
    let policies = Arc::new(entities::publish(&snapshot).unwrap());
    let server = Server::new(&lake);
    let mallory = |extra_roles| {
        let (snapshot, policies) = (Arc::clone(&snapshot), Arc::clone(&policies));
        server.decide(move |cx| {
            as_user("mallory")(cx);
            (cx.snapshot, cx.policies, cx.caller.extra_roles) = (snapshot, policies, extra_roles);
        })
    };
    assert!(!mallory(Vec::new()).is_readable());
    assert!(mallory(vec![id("r-token")]).is_readable());
    assert!(!mallory(Vec::new()).is_readable());
    let server = Server::new(&Lake::default());
    // The same objects under a newer version: nothing is looked up among the older.
    let newer = Lake {
        grants: Vec::new(),
        ..Lake::default()
    }
    .snapshot();
    let policies = Arc::new(entities::publish(&newer).unwrap());
    let under = |cx: &mut QueryContext| (cx.snapshot, cx.policies) = (Arc::clone(&newer), Arc::clone(&policies));
    assert!(server.decide(|_| {}).is_readable());
    assert!(!server.decide(under).is_readable());
    assert!(
        server.decide(|_| {}).is_readable(),
        "a statement that began before goes on under its own"
    );
    let policies_only = |cx: &mut QueryContext| cx.policies = Arc::clone(&policies);
    assert!(
        !server.decide(policies_only).is_readable(),
        "the same catalog under other policies"
    );
}

#[test]
fn a_grant_that_ends_is_decided_again() {
    let mut lake = Lake::default();
    lake.grants.retain(|(user, ..)| user != "alice");
    let mut snapshot = Arc::try_unwrap(lake.snapshot()).unwrap();
    let mut grant = (*Lake::default().snapshot().grants[0]).clone();
    grant.body.expires = chrono::DateTime::from_timestamp_millis(1_000);
    snapshot.grants = vec![Arc::new(grant)];
    let snapshot = Arc::new(snapshot.indexed());
    let policies = Arc::new(entities::publish(&snapshot).unwrap());
    let server = Server::new(&lake);
    let at = |now: i64| {
        server.decide(|cx| {
            (cx.snapshot, cx.policies) = (Arc::clone(&snapshot), Arc::clone(&policies));
            cx.request.now = now;
        })
    };
    assert!(at(998).is_readable() && at(999).is_readable());
    assert_eq!(server.requests(), (1, 1));
    assert!(!at(1_000).is_readable() && !at(5_000).is_readable());
}

#[test]
fn columns_that_differ_for_a_policy_are_decided_alone() {
    let named = with(&format!(
        "permit(principal == #User::\"u-mallory\", action == @\"Select\", resource) when {{ resource == #Column::\"{}\" }};",
        column_id("note")
    ));
    let mut lake = with(
        "permit(principal == #User::\"u-mallory\", action == @\"Select\", resource is #Column) when { resource.name == \"note\" };",
    );
    lake.policies
        .extend(named.policies.into_iter().filter(|(id, _)| id == "named"));
    for mut lake in [
        lake,
        with(
            "permit(principal == #User::\"u-mallory\", action == @\"Select\", resource is #Column) when { resource.dtype like \"dec*\" };",
        ),
    ] {
        lake.grants.push((
            "mallory".to_owned(),
            "select-filtered".to_owned(),
            "DataFilter".to_owned(),
            "f-us".to_owned(),
        ));
        let grant = Server::new(&lake).decide(as_user("mallory"));
        let clear = grant
            .access
            .columns
            .iter()
            .filter(|column| column.clear != Clear::Never)
            .count();
        assert_eq!(
            clear, 3,
            "id and region by the filter, one by its own permit: {:?}",
            grant.access
        );
    }
}

#[test]
fn a_fault_of_the_index_stops_the_server() {
    let server = Server::new(&Lake::default());
    let mut policies = entities::publish(&server.cx.snapshot).unwrap();
    policies.forget_in_index("g-2");
    let policies = Arc::new(policies);
    let faulty = QueryContext {
        policies,
        decisions: Arc::new(Decisions::default()),
        ..server.cx.clone()
    };
    let found = (0..1_001)
        .map(|_| decide(&faulty))
        .find_map(Result::err)
        .expect("a check of one in a thousand");
    assert_eq!(found.code, ErrorCode::Internal);
    assert!(faulty.decisions.soundness().is_lost());
    assert!(decide(&server.cx).is_ok(), "another server is not concerned");
    for _ in 0..2_100 {
        decide(&server.cx).unwrap();
    }
    assert!(
        !server.cx.decisions.soundness().is_lost(),
        "a sound index is never accused"
    );
}
