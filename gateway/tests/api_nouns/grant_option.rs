//! Who may pass on what they were granted, and does it go with what it hangs on? (governance.md §2.2)

use chrono::{DateTime, Utc};
use http::Method;
use serde_json::{Value, json};

use super::{Answer, admin, apply, patch, server::Server, user};

const ORDERS: &str = "table:lake.sales.orders";
const END: &str = "2090-01-01T00:00:00Z";
const SOONER: &str = "2089-01-01T00:00:00Z";

/// Gina reads the orders until 2090 and may pass that on; hugo and ivan have nothing.
struct Case {
    server: Server,
    gina: String,
    hugo: String,
    ivan: String,
}

async fn case() -> Case {
    let server = Server::start().await;
    let mut keys = Vec::new();
    for name in ["gina", "hugo", "ivan"] {
        keys.push(user(&server, name, &[]).await);
    }
    let [gina, hugo, ivan] = keys.try_into().unwrap();
    let case = Case {
        server,
        gina,
        hugo,
        ivan,
    };
    let made = case
        .grant(&admin(&case.server), ("user:gina", "select", ORDERS), Some(END), true)
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    case
}

impl Case {
    async fn grant(
        &self,
        key: &str,
        (to, privilege, resource): (&str, &str, &str),
        expires: Option<&str>,
        option: bool,
    ) -> Answer {
        let mut body = json!({"to": to, "privileges": [privilege], "resource": resource, "with_grant_option": option});
        if let Some(end) = expires {
            body["expires"] = json!(end);
        }
        self.server.post(key, "/v1/grants", &[], &body).await
    }

    async fn pass_on(&self, key: &str, to: &str, option: bool) -> Value {
        let made = self.grant(key, (to, "select", ORDERS), Some(SOONER), option).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()
    }

    async fn reads(&self, key: &str) -> bool {
        let body = json!({"sql": "select count(*) from lake.sales.orders"});
        let answer = self.server.post(key, "/v1/sql", &[], &body).await;
        assert!([200, 404].contains(&answer.status.as_u16()), "{}", answer.text());
        answer.status == 200
    }

    async fn revoke(&self, key: &str, grant: &Value) -> Answer {
        let path = format!("/v1/grants/{}", grant["id"].as_str().unwrap());
        self.server
            .call(Method::DELETE, key, &path, &[("if-match", "*")], "")
            .await
    }

    /// The grants that the administrator sees to these.
    async fn to(&self, who: &str) -> Vec<Value> {
        let path = format!("/v1/grants?to=user:{who}");
        self.server.get(&admin(&self.server), &path).await.json()["items"]
            .as_array()
            .unwrap()
            .clone()
    }
}

#[tokio::test]
async fn a_grant_is_passed_on_within_its_bounds() {
    let case = case().await;
    let (gina, hugo) = (case.gina.as_str(), "user:hugo");
    // What she has by a grant without the option stays hers alone.
    let own = case
        .grant(&admin(&case.server), ("user:gina", "describe", ORDERS), None, false)
        .await;
    assert_eq!(own.status, 201, "{}", own.text());
    for (what, to, privilege, resource, expires) in [
        ("later", hugo, "select", ORDERS, Some("2090-01-01T00:00:01Z")),
        ("for ever", hugo, "select", ORDERS, None),
        ("another privilege", hugo, "describe", ORDERS, Some(SOONER)),
        ("more privileges", hugo, "all", ORDERS, Some(SOONER)),
        ("more than it", hugo, "select", "database:lake.sales", Some(SOONER)),
        (
            "to herself",
            "user:gina",
            "select",
            "column:lake.sales.orders.id",
            Some(SOONER),
        ),
    ] {
        let refused = case.grant(gina, (to, privilege, resource), expires, false).await;
        assert_eq!(refused.status, 403, "{what}: {}", refused.text());
    }
    let hidden = case
        .grant(gina, (hugo, "select", "table:lake.sales.nope"), Some(SOONER), false)
        .await;
    assert_eq!(hidden.status, 404, "{}", hidden.text());
    let part = case
        .grant(
            gina,
            (hugo, "select", "column:lake.sales.orders.id"),
            Some(SOONER),
            false,
        )
        .await;
    assert_eq!(part.status, 201, "{}", part.text());
    let made = case.pass_on(gina, hugo, false).await;
    assert!(case.reads(&case.hugo).await);
    // Without the option it ends here, and its end cannot be moved by who has it.
    let onward = case
        .grant(&case.hugo, ("user:ivan", "select", ORDERS), Some(SOONER), false)
        .await;
    assert!([403, 404].contains(&onward.status.as_u16()), "{}", onward.text());
    let path = format!("/v1/grants/{}", made["id"].as_str().unwrap());
    let longer = patch(&case.server, gina, &path, "*", json!({"expires": null})).await;
    assert_eq!(longer.status, 403, "{}", longer.text());
    let shorter = patch(
        &case.server,
        gina,
        &path,
        "*",
        json!({"expires": "2088-01-01T00:00:00Z"}),
    )
    .await;
    assert_eq!(shorter.status, 200, "{}", shorter.text());
    // As code it is the same.
    for (end, status) in [(END, 200), ("2091-01-01T00:00:00Z", 403)] {
        let maps = json!({"lake": "ginas", "grants": [
            {"to": "user:ivan", "privileges": ["select"], "resource": ORDERS, "expires": end}]});
        let asked = case.server.post(gina, "/v1/apply", &[], &maps).await;
        let approved = asked.json()["effects"]["digest"].clone();
        let mut maps = maps;
        maps["approve_gains"] = approved.clone();
        let applied = match approved.as_str() {
            Some(_) => case.server.post(gina, "/v1/apply", &[], &maps).await,
            None => asked,
        };
        assert_eq!(applied.status, status, "{end}: {}", applied.text());
    }
    assert!(case.reads(&case.ivan).await);
}

#[tokio::test]
async fn who_does_not_have_all_of_it_passes_nothing_on() {
    let case = case().await;
    let policies = [
        "forbid(principal == Lakegate::User::\"gina\", action == Lakegate::Action::\"Select\", resource == Lakegate::Column::\"lake.sales.orders.amount\");",
        "forbid(principal == Lakegate::User::\"gina\", action == Lakegate::Action::\"Select\", resource == Lakegate::Table::\"lake.sales.orders\");",
    ];
    for policy in policies {
        let text = format!("@id(\"less\")\n{policy}");
        let made = case
            .server
            .post(&admin(&case.server), "/v1/policies", &[], &json!({"text": text}))
            .await;
        assert_eq!(made.status, 201, "{}", made.text());
        let refused = case
            .grant(&case.gina, ("user:hugo", "select", ORDERS), Some(SOONER), false)
            .await;
        assert!([403, 404].contains(&refused.status.as_u16()), "{}", refused.text());
        let gone = case
            .server
            .call(
                Method::DELETE,
                &admin(&case.server),
                "/v1/policies/less",
                &[("if-match", "*")],
                "",
            )
            .await;
        assert_eq!(gone.status, 204, "{}", gone.text());
    }
    apply(
        &case.server,
        json!({"tables": {"lake.sales.held": {"format": "csv", "location": "orders/", "columns": [{"name": "id", "type": "bigint"}],
                "filters": {"hold": {"where": "id > 1", "restrictive": true}}}}}),
    )
    .await;
    let held = "table:lake.sales.held";
    let made = case
        .grant(&admin(&case.server), ("user:gina", "select", held), None, true)
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let refused = case.grant(&case.gina, ("user:hugo", "select", held), None, false).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    let bypass = ("user:gina", "bypass-filter", "filter:lake.sales.held/hold");
    let bypass = case.grant(&admin(&case.server), bypass, None, false).await;
    assert_eq!(bypass.status, 201);
    let made = case.grant(&case.gina, ("user:hugo", "select", held), None, false).await;
    assert_eq!(made.status, 201, "{}", made.text());
}

#[tokio::test]
async fn what_hangs_on_a_grant_goes_with_it() {
    let case = case().await;
    let to_hugo = case.pass_on(&case.gina, "user:hugo", true).await;
    let to_ivan = case.pass_on(&case.hugo, "user:ivan", false).await;
    assert!(case.reads(&case.hugo).await && case.reads(&case.ivan).await);
    // Nobody gets back through others what they gave.
    let back = case
        .grant(
            &case.hugo,
            ("user:gina", "select", "column:lake.sales.orders.id"),
            Some(SOONER),
            false,
        )
        .await;
    assert_eq!(back.status, 403, "{}", back.text());
    // Only who gave it takes it, or who may revoke everything.
    assert_eq!(case.revoke(&case.ivan, &to_ivan).await.status, 403);
    assert_eq!(case.revoke(&case.gina, &to_ivan).await.status, 404);
    assert_eq!(case.revoke(&case.gina, &to_hugo).await.status, 204);
    assert!(!case.reads(&case.hugo).await && !case.reads(&case.ivan).await);
    assert!(case.reads(&case.gina).await);
    // What hangs in the air is no grant to hang anything on.
    let refused = case
        .grant(&case.ivan, ("user:hugo", "select", ORDERS), Some(SOONER), false)
        .await;
    assert_eq!(refused.status, 404, "{}", refused.text());
    let swept = lakegate::housekeeping::sweep_grants(&case.server.app.store)
        .await
        .unwrap();
    assert_eq!(
        (swept, case.to("ivan").await.len(), case.to("gina").await.len()),
        (1, 0, 1)
    );
    let audit = case
        .server
        .get(
            &admin(&case.server),
            "/v1/audit-events?action=Revoke&principal=lakegate",
        )
        .await;
    let events = audit.json()["items"].as_array().unwrap().clone();
    assert_eq!(events.len(), 1, "{}", audit.text());
    assert_eq!(
        events[0]["resource"],
        format!("grant:{}", to_ivan["id"].as_str().unwrap())
    );
}

#[tokio::test]
async fn a_chain_holds_as_long_as_each_link_does() {
    let case = case().await;
    let admin = admin(&case.server);
    case.pass_on(&case.gina, "user:hugo", false).await;
    let path = format!("/v1/grants/{}", case.to("gina").await[0]["id"].as_str().unwrap());
    // The option goes, and comes back.
    for (option, reads) in [(false, false), (true, true)] {
        let changed = patch(&case.server, &admin, &path, "*", json!({"with_grant_option": option})).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        assert_eq!(case.reads(&case.hugo).await, reads);
    }
    // The end of what it hangs on is its end.
    let over = json!({"expires": "2020-01-01T00:00:00Z"});
    assert_eq!(patch(&case.server, &admin, &path, "*", over).await.status, 200);
    assert!(!case.reads(&case.hugo).await && !case.reads(&case.gina).await);
    let swept = lakegate::housekeeping::sweep_grants(&case.server.app.store)
        .await
        .unwrap();
    assert_eq!((swept, case.to("hugo").await.len()), (2, 0));
    // By a role it is hers as long as she has the role.
    apply(
        &case.server,
        json!({"roles": {"stewards": {}}, "users": {"gina": {"roles": ["stewards"]}}}),
    )
    .await;
    let made = case
        .grant(&admin, ("role:stewards", "select", ORDERS), None, true)
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let to_role = case
        .grant(
            &case.gina,
            ("role:stewards", "select", "column:lake.sales.orders.id"),
            None,
            false,
        )
        .await;
    assert_eq!(to_role.status, 403, "{}", to_role.text());
    case.pass_on(&case.gina, "user:hugo", false).await;
    assert!(case.reads(&case.hugo).await);
    apply(&case.server, json!({"users": {"gina": {"roles": []}}})).await;
    assert!(!case.reads(&case.hugo).await);
}

/// Who may grant by a policy and writes a grant takes it over: it hangs on nothing any more.
#[tokio::test]
async fn who_may_grant_vouches_for_what_hangs_on_others() {
    let case = case().await;
    let admin = admin(&case.server);
    let passed = case.pass_on(&case.gina, "user:hugo", false).await;
    let option = format!("/v1/grants/{}", case.to("gina").await[0]["id"].as_str().unwrap());
    let passed = format!("/v1/grants/{}", passed["id"].as_str().unwrap());
    for vouched in [false, true] {
        if vouched {
            let same = patch(&case.server, &admin, &passed, "*", json!({"expires": SOONER})).await;
            assert_eq!(same.status, 200, "{}", same.text());
        }
        for (given, reads) in [(false, vouched), (true, true)] {
            let body = json!({"with_grant_option": given});
            let changed = patch(&case.server, &admin, &option, "*", body).await;
            assert_eq!(changed.status, 200, "{}", changed.text());
            assert_eq!(
                case.reads(&case.hugo).await,
                reads,
                "vouched: {vouched}, option: {given}"
            );
        }
    }
}

/// Every member of the context of a grant, each by a policy that reads it.
#[tokio::test]
async fn policies_on_grants_see_what_is_granted() {
    let case = case().await;
    let admin = admin(&case.server);
    let soon: DateTime<Utc> = "2050-01-01T00:00:00Z".parse().unwrap();
    for (condition, good, bad) in [
        (
            "context.privilege == \"Select\"",
            json!({}),
            json!({"privileges": ["describe"]}),
        ),
        (
            "context.privilege == \"Select\"",
            json!({}),
            json!({"privileges": ["all"]}),
        ),
        (
            "[\"Alter\", \"Delete\", \"Describe\", \"Drop\", \"Insert\", \"Select\", \"Update\"].contains(context.privilege)",
            json!({"privileges": ["all"]}),
            json!({"privileges": ["time-travel"]}),
        ),
        (
            "!context.with_grant_option",
            json!({}),
            json!({"with_grant_option": true}),
        ),
        (
            "context has grantee_role && context.grantee_role == Lakegate::Role::\"staff\"",
            json!({"to": "role:staff"}),
            json!({"to": "role:auditor"}),
        ),
        ("!(context has grantee_role)", json!({}), json!({"to": "role:staff"})),
        (
            "context has expires && context.expires <= datetime(\"2050-01-01T00:00:00Z\")",
            json!({"expires": soon}),
            json!({"expires": END}),
        ),
        ("context has expires", json!({"expires": END}), json!({})),
    ] {
        let text = format!(
            "@id(\"steward\")\npermit(principal == Lakegate::User::\"ivan\", action in [Lakegate::Action::\"Grant\", \
             Lakegate::Action::\"Revoke\"], resource in Lakegate::Database::\"lake.sales\") when {{ {condition} }};\n\
             @id(\"steward.knows\")\npermit(principal == Lakegate::User::\"ivan\", action == Lakegate::Action::\"Describe\", \
             resource in Lakegate::Database::\"lake.sales\");"
        );
        for one in text.split_inclusive(";\n") {
            let made = case
                .server
                .post(&admin, "/v1/policies", &[], &json!({"text": one}))
                .await;
            assert_eq!(made.status, 201, "{}", made.text());
        }
        let grant = |more: Value| {
            let mut body = json!({"to": "user:hugo", "privileges": ["select"], "resource": ORDERS});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let (server, key) = (&case.server, case.ivan.as_str());
            async move { server.post(key, "/v1/grants", &[], &body).await }
        };
        let refused = grant(bad.clone()).await;
        assert_eq!(refused.status, 403, "{condition} {bad}: {}", refused.text());
        let made = grant(good.clone()).await;
        assert_eq!(made.status, 201, "{condition} {good}: {}", made.text());
        let revoked = case.revoke(&admin, &made.json()).await;
        assert_eq!(revoked.status, 204, "{}", revoked.text());
        for policy in ["steward", "steward.knows"] {
            let path = format!("/v1/policies/{policy}");
            let gone = case
                .server
                .call(Method::DELETE, &admin, &path, &[("if-match", "*")], "")
                .await;
            assert_eq!(gone.status, 204, "{}", gone.text());
        }
    }
}
