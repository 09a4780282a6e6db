//! What do grants, roles and drafts say?

use serde_json::{Value, json};

use super::ask::{TABLE, select, told};

fn people(grants: Value) -> Value {
    json!({
        "roles": {"pii": {}, "boss": {"member_of": ["pii"]}, "clerk": {}},
        "users": {"ana": {"roles": ["clerk"]}},
        "grants": grants,
    })
}

fn open(lake: &Value, except: &[&str]) -> String {
    told(json!({"new": {"maps": [lake]}, "open": {"resource": "table:lake.sales.orders", "except": except}}))
}

#[test]
fn a_table_is_open_to_whom_it_is_granted() {
    let boss = json!({"to": "role:boss", "privileges": ["select"], "resource": "table:lake.sales.orders"});
    let ana = json!({"to": "user:ana", "privileges": ["select"], "resource": "database:lake.sales", "expires": "2027-01-01T00:00:00.123456Z"});
    let mask =
        json!({"to": "role:clerk", "privileges": ["select-masked"], "resource": "mask:lake.sales.orders.ssn/last4"});
    // Every boss holds pii.
    assert_eq!(open(&people(json!([boss])), &["pii"]), "");
    let found = open(&people(json!([boss])), &["clerk"]);
    assert!(
        found.starts_with("open Select on Column -\n  user:somebody, in role:boss, in role:pii\n")
            || found.starts_with("open Select on Column -\n  user:somebody, in role:boss\n"),
        "{found}"
    );
    let found = open(&people(json!([boss, ana, mask])), &["pii"]);
    assert_eq!(
        found,
        "open Select on Column -\n  user:ana\n  Select column:something, in table:lake.sales.orders\n  \
         by grant:select on database:lake.sales to user:ana\n\
         open Select on Table -\n  user:ana\n  Select table:lake.sales.orders\n  \
         by grant:select on database:lake.sales to user:ana\n\
         open SelectMasked on ColumnMask -\n  user:somebody, in role:clerk\n  SelectMasked mask:lake.sales.orders.ssn/last4\n  \
         by grant:select-masked on mask:lake.sales.orders.ssn/last4 to role:clerk"
    );
    assert_eq!(open(&people(json!([boss, ana, mask])), &["pii", "clerk"]), "");
    // What is elsewhere opens nothing here.
    let elsewhere = json!({"to": "user:ana", "privileges": ["all"], "resource": "database:lake.hr"});
    assert_eq!(open(&people(json!([elsewhere])), &[]), "");
}

/// `resource == ?resource`: a grant on one filter, as the templates have it.
#[test]
fn a_grant_on_a_table_opens_no_filter() {
    let grant = json!({"to": "user:ana", "privileges": ["select-filtered"], "resource": "table:lake.sales.orders"});
    assert_eq!(open(&people(json!([grant])), &[]), "");
    let grant = json!({"to": "user:ana", "privileges": ["select-filtered"], "resource": "filter:lake.sales.orders/eu"});
    assert!(open(&people(json!([grant])), &[]).starts_with("open SelectFiltered on DataFilter -\n  user:ana\n"));
}

#[test]
fn a_draft_is_tried_in_the_place_of_what_is_stored() {
    let boss = json!({"to": "role:boss", "privileges": ["select"], "resource": "table:lake.sales.orders"});
    let stored =
        json!({"policies": select("p", "permit", TABLE, " when { context.mfa }"), "maps": [people(json!([boss]))]});
    let drafted = |policies: String| told(json!({"new": {"policies": policies}, "old": stored, "draft": true}));
    let column = |role: &str| {
        let scope = format!("principal in Lakegate::Role::\"{role}\",");
        select(
            "q",
            "permit",
            "resource in Lakegate::Column::\"lake.sales.orders.email\"",
            "",
        )
        .replace("principal,", &scope)
    };
    // Bosses may see the column already.
    assert_eq!(drafted(column("boss")), "");
    assert!(drafted(column("clerk")).starts_with(
        "wider Select on Column -\n  user:somebody, in role:clerk\n  Select column:lake.sales.orders.email\n  by q\n  which nothing permitted"
    ));
    assert_eq!(
        drafted(select(
            "p",
            "permit",
            TABLE,
            " when { context.mfa && principal.clearance > 1 }"
        )),
        ""
    );
    assert!(drafted(select("p", "permit", TABLE, "")).starts_with("wider Select on Column"));
}

#[test]
fn a_grant_that_ends_later_is_wider() {
    let until = |end: &str| {
        let grant =
            json!({"to": "user:ana", "privileges": ["select"], "resource": "table:lake.sales.orders", "expires": end});
        json!({"maps": [people(json!([grant]))]})
    };
    let (early, late) = (until("2026-01-01T00:00:00Z"), until("2027-01-01T00:00:00Z"));
    assert!(told(json!({"new": late, "old": early})).starts_with("wider Select on Column"));
    assert_eq!(told(json!({"new": early, "old": late})), "");
}

/// The solver asks about every user, role and tag: that one of them changed is said.
#[test]
fn what_no_policy_says_is_named_where_it_changed() {
    let lake = |map: Value| json!({"maps": [map]});
    let asked = |new: Value, old: Value| told(json!({"new": lake(new), "old": lake(old)}));
    let roles =
        |clerk: Value| json!({"roles": {"clerk": {"member_of": clerk}}, "users": {"ana": {"roles": ["clerk"]}}});
    assert_eq!(
        asked(roles(json!(["pii"])), roles(json!([]))),
        "opaque role clerk other member_of"
    );
    assert_eq!(asked(roles(json!([])), roles(json!(["pii"]))), "");
    let ana = |more: Value| json!({"users": {"ana": more}});
    assert_eq!(
        asked(ana(json!({"roles": ["a", "b"]})), ana(json!({"roles": ["a"]}))),
        "opaque user ana other roles"
    );
    assert_eq!(
        asked(ana(json!({"clearance": 3})), ana(json!({"clearance": 1}))),
        "opaque user ana other clearance"
    );
    assert_eq!(
        asked(json!({"users": {"ana": {}, "eve": {}}}), ana(json!({}))),
        "opaque user eve new"
    );
    let column =
        |tags: Value| json!({"tables": {"lake.t.u": {"columns": [{"name": "Ssn", "type": "varchar", "tags": tags}]}}});
    assert_eq!(
        asked(column(json!({})), column(json!({"pii": "yes"}))),
        "opaque table lake.t.u other columns"
    );
    let table =
        |tags: Value| json!({"tables": {"lake.t.u": {"tags": tags, "columns": [{"name": "a", "type": "int"}]}}});
    assert_eq!(
        asked(table(json!({"domain": "x"})), table(json!({}))),
        "opaque table lake.t.u other tags"
    );
    assert_eq!(asked(table(json!({})), table(json!({}))), "");
}

#[test]
fn what_is_no_object_is_refused() {
    let (ended, answer) = super::ask::ask(&json!({"new": {}, "open": {"resource": "orders"}}), None);
    assert!(
        !ended && answer["error"].as_str().unwrap().contains("KIND:NAME"),
        "{answer}"
    );
}
