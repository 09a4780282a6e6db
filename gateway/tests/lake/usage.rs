//! Is what is still used kept, also by a dry run? Do policies that lost their object say so?

use lakegate::lake::{self, Applier, ApplyOptions, ExportOptions, resource};
use lakegate_catalog::object::Kind;
use lakegate_policy::Action;
use lakegate_query::{context::request_context, entities::ObjectRef};

use super::fixture::{Fixture, changed, problems};

const TAGGED: &str = "lake: acme\ntags: {pii: {values: [none, ssn]}}\n";
const TABLE: &str = "lake: shop\nconnections: {store: {connector: files, options: {root: \"s3://b/\"}}}\ncatalogs: {lake: {connection: store}}\n\
    databases: {lake.s: {tags: {pii: none}}}\ntables: {lake.s.t: {format: csv, location: t/, columns: [{name: id, type: bigint, tags: {pii: ssn}}]}}\n";

fn dry(prune: bool) -> ApplyOptions {
    ApplyOptions { dry_run: true, prune }
}

#[tokio::test]
async fn a_tag_value_in_use_stays() {
    let fixture = Fixture::new().await;
    fixture.apply(&[("a.yaml", TAGGED)]).await.unwrap();
    fixture.apply(&[("b.yaml", TABLE)]).await.unwrap();
    let less = "lake: acme\ntags: {pii: {values: [none]}}\n";
    let refusal = ["a.yaml:2:8 CONFIGURATION_INVALID value `ssn` of tag `pii` is still set on column `lake.s.t.id`"];
    assert_eq!(problems(fixture.apply(&[("a.yaml", less)]).await), refusal);
    assert_eq!(
        problems(fixture.apply_with(&[("a.yaml", less)], dry(false)).await),
        refusal
    );
    let gone = problems(fixture.apply_with(&[("a.yaml", "lake: acme\n")], dry(true)).await);
    assert_eq!(gone.len(), 2, "{gone:?}");
    assert!(
        gone[0].contains("`none` of tag `pii` is still set on database `lake.s`"),
        "{gone:?}"
    );
    // With its last use, the value goes.
    fixture
        .apply(&[("b.yaml", &TABLE.replace("pii: ssn", ""))])
        .await
        .unwrap();
    fixture.apply(&[("a.yaml", less)]).await.unwrap();
}

#[tokio::test]
async fn a_caller_is_told_only_of_users_that_it_may_see() {
    let fixture = Fixture::new().await;
    fixture.apply(&[("a.yaml", TAGGED)]).await.unwrap();
    fixture.apply(&[("b.yaml", TABLE)]).await.unwrap();
    let eve = "lake: people\nusers: {eve: {}}\ngrants: [{to: \"user:eve\", privileges: [define-tag], resource: \"tag:pii\"}]\n";
    fixture.apply(&[("c.yaml", eve)]).await.unwrap();
    let less = "lake: acme\ntags: {pii: {values: [none]}}\n";
    assert_eq!(
        problems(fixture.apply_as("eve", &[("a.yaml", less)]).await),
        ["a.yaml:2:8 CONFIGURATION_INVALID value `ssn` of tag `pii` is still set on something else"]
    );
}

#[tokio::test]
async fn a_dry_run_sees_what_is_still_used() {
    let fixture = Fixture::new().await;
    fixture
        .apply(&[("a.yaml", "lake: acme\nroles: {staff: {}, crew: {}}\n")])
        .await
        .unwrap();
    fixture
        .apply(&[(
            "b.yaml",
            "lake: other\nroles: {top: {member_of: [staff]}}\nusers: {ana: {roles: [staff]}}\n",
        )])
        .await
        .unwrap();
    assert_eq!(
        problems(
            fixture
                .apply_with(&[("a.yaml", "lake: acme\nroles: {crew: {}}\n")], dry(true))
                .await
        ),
        ["lake CONFIGURATION_INVALID role `staff` is still used by role `top`, user `ana`"]
    );
}

/// Ana may read every table but `t`; then `t` is dropped, and another `t` is made.
#[tokio::test]
async fn a_policy_that_lost_its_object_says_so_and_permits_nothing() {
    let fixture = Fixture::new().await;
    let cedar = "@id(\"ana.all\")\npermit(principal == Lakegate::User::\"ana\", action == Lakegate::Action::\"Describe\", \
                 resource is Lakegate::Table)\nunless { resource == Lakegate::Table::\"lake.s.t\" };\n";
    let lake = format!(
        "{}users: {{ana: {{}}}}\n",
        TABLE.replace(", tags: {pii: ssn}", "").replace("tags: {pii: none}", "")
    );
    let texts = [("b.yaml", lake.as_str()), ("p.cedar", cedar)];
    fixture.apply(&texts).await.unwrap();
    let cx = fixture.context(Applier::Operator);
    let shown = |dangling: bool| {
        let store = &fixture.store;
        async move {
            let snapshot = store.snapshot().await.unwrap();
            let policy = snapshot.find_policy("ana.all").unwrap().id.clone();
            let view = resource::view(store, Kind::Policy, &policy).await.unwrap().unwrap();
            assert_eq!(view.body["dangling"], dangling);
        }
    };
    shown(false).await;
    resource::delete_entry(&cx, Kind::Table, "lake.s.t", 1).await.unwrap();
    let again = fixture.apply(&texts).await.unwrap();
    assert_eq!(changed(&again), ["created table lake.s.t columns,format,location"]);
    assert!(
        again.warnings[0].contains("policy `ana.all` names an object that was dropped"),
        "{:?}",
        again.warnings
    );
    shown(true).await;
    let (ana, governor) = fixture.caller("ana").await;
    let table = governor.snapshot().tables[0].id.clone();
    let object = ObjectRef::new("Table", table.as_str());
    let decision = governor.decide(&ana, &request_context(&ana), Action::Describe, &object);
    assert!(!decision.is_allowed(), "{decision:?}");
    let exported = fixture.round_trip("shop").await;
    assert!(
        exported.contains("# policy \"ana.all\" names an object that was dropped"),
        "{exported}"
    );
}

#[tokio::test]
async fn a_change_that_leaves_a_policy_without_its_object_warns() {
    let fixture = Fixture::new().await;
    let role = "lake: acme\nroles: {staff: {}}\n";
    fixture.apply(&[("a.yaml", role)]).await.unwrap();
    let cedar = "@id(\"p\") permit(principal in Lakegate::Role::\"staff\", action == Lakegate::Action::\"Describe\", resource);";
    fixture
        .apply(&[("b.yaml", "lake: other\n"), ("p.cedar", cedar)])
        .await
        .unwrap();
    let pruned = fixture
        .apply_with(&[("a.yaml", "lake: acme\n")], dry(true))
        .await
        .unwrap();
    assert!(
        pruned.warnings[0].contains("policy `p` names an object that was dropped"),
        "{:?}",
        pruned.warnings
    );
}

#[tokio::test]
async fn an_export_of_what_is_not_there_is_a_mistake() {
    let fixture = Fixture::new().await;
    fixture
        .apply(&[("a.yaml", "lake: acme\nroles: {staff: {}}\n")])
        .await
        .unwrap();
    let ask = |lake: &str, kinds: Vec<Kind>, names: &[&str]| {
        let options = ExportOptions {
            lake: Some(lake.to_owned()),
            kinds,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let store = fixture.store.clone();
        async move {
            let found = lake::export(&store, None, &options).await;
            found.map(|found| found.yaml).map_err(|error| error.to_string())
        }
    };
    let missing = |text: &str| Err(format!("request: NOT_FOUND: {text}"));
    assert_eq!(
        ask("acne", Vec::new(), &[]).await,
        missing("lake `acne` does not exist; check the name; what the API made is in lake `local`")
    );
    assert!(ask("builtin", Vec::new(), &[]).await.is_err());
    assert_eq!(
        ask("acme", vec![Kind::User], &["staff"]).await,
        missing("`staff` does not exist in lake `acme`; check name, kind and lake")
    );
    assert!(
        ask("acme", vec![Kind::Role], &["Staff"])
            .await
            .unwrap()
            .contains("staff")
    );
    assert_eq!(ask("acme", vec![Kind::User], &[]).await.unwrap(), "lake: acme\n");
    assert_eq!(ask("local", Vec::new(), &[]).await.unwrap(), "lake: local\n");
}
