//! Is a lake that lets others see more refused until exactly these gains are approved, and who is told about them?

use lakegate::lake::{ApplyError, ApplyOptions, ProblemCode, Told};
use lakegate_catalog::audit::AuditFilter;
use lakegate_query::gains::{Direction, Effect};

use super::fixture::{Fixture, changed};

const LAKE: &str = r#"lake: acme
connections: {store: {connector: files, options: {root: "s3://b/"}}}
catalogs: {lake: {connection: store}}
databases: {lake.sales: {location: "sales/"}}
tables:
  lake.sales.orders:
    format: parquet
    location: "orders/"
    columns: [{name: id, type: bigint}, {name: region, type: varchar}, {name: email, type: varchar}]
    filters: {eu: {where: "region = 'DE'", except: [email]}}
    masks: {email: {alnum: {func: mask-alphanum, rank: 20}}}
roles: {staff: {}, steward: {}, keeper: {}}
users: {ana: {roles: [staff]}, ben: {roles: [staff]}, sue: {roles: [steward]}, kim: {roles: [keeper]}}
grants:
  - {to: "role:staff", privileges: [select-filtered], resource: "filter:lake.sales.orders/eu"}
  - {to: "role:steward", privileges: [manage-policy, simulate-as, grant], resource: "tenant:default"}
  - {to: "role:steward", privileges: [describe], resource: "catalog:lake"}
  - {to: "role:keeper", privileges: [manage-policy], resource: "policy-store:default"}
  - {to: "role:keeper", privileges: [describe, alter], resource: "catalog:lake"}
"#;

/// A mask for the e-mails, granted to the staff.
const MASKED: &str = r#"lake: acme
grants:
  - {to: "role:staff", privileges: [select-masked], resource: "mask:lake.sales.orders.email/alnum"}
"#;

async fn lake() -> Fixture {
    let fixture = Fixture::new().await;
    fixture
        .apply(&[("a.yaml", LAKE)])
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    fixture
}

fn refused(error: ApplyError) -> Told {
    assert_eq!(error.code(), ProblemCode::GainsUnapproved, "{error}");
    *error.told.expect("the gains are told")
}

fn lines(effects: &[Effect]) -> Vec<String> {
    let line = |effect: &Effect| {
        let sign = if effect.direction == Direction::Gain { '+' } else { '-' };
        let who: Vec<String> = effect.who.iter().map(ToString::to_string).collect();
        format!(
            "{sign} {} {} {} {}: {} → {}",
            who.join(","),
            effect.object.name,
            effect.part.word(),
            effect.items.join(","),
            effect.before,
            effect.after
        )
    };
    effects.iter().map(line).collect()
}

#[tokio::test]
async fn gains_are_refused_shown_and_approved_as_they_are() {
    let fixture = lake().await;
    let before = fixture.snapshot().await.version;
    let told = refused(
        fixture
            .apply_approved("sue", &[("m.yaml", MASKED)], None)
            .await
            .unwrap_err(),
    );
    assert_eq!(fixture.snapshot().await.version, before, "nothing is stored");
    assert_eq!(
        lines(&told.effects),
        ["+ user:ana,user:ben table:lake.sales.orders columns email: hidden → masked by alnum (mask-alphanum)"]
    );
    let digest = told.digest.unwrap();
    let again = refused(
        fixture
            .apply_approved("sue", &[("m.yaml", MASKED)], None)
            .await
            .unwrap_err(),
    );
    assert_eq!(
        again.digest.as_deref(),
        Some(digest.as_str()),
        "the same change has the same digest"
    );
    let wrong = fixture.apply_approved("sue", &[("m.yaml", MASKED)], Some("00")).await;
    refused(wrong.unwrap_err());

    let report = fixture
        .apply_approved("sue", &[("m.yaml", MASKED)], Some(&digest))
        .await
        .unwrap();
    assert_eq!(report.version, before + 1);
    let filter = AuditFilter {
        action: Some("approve-gains".to_owned()),
        limit: 5,
        ..AuditFilter::default()
    };
    let audit = fixture.store.list_audit(&filter).await.unwrap();
    let [record] = audit.as_slice() else {
        panic!("{audit:?}")
    };
    assert_eq!(record.event.principal, "sue");
    assert_eq!(
        (&record.event.details["digest"], &record.event.details["gains"]),
        (&digest, &"1".to_owned())
    );
    let same = fixture
        .apply_approved("sue", &[("m.yaml", MASKED)], None)
        .await
        .unwrap();
    assert!(same.is_unchanged() && same.told.is_none(), "{:?}", changed(&same));
}

/// Whatever differs from what was shown asks anew.
#[tokio::test]
async fn an_approval_fits_one_change_on_one_epoch() {
    let fixture = lake().await;
    let whole = |body: &str| LAKE.replace("region = 'DE'", body);
    let digest = async |body: &str| {
        let told = refused(
            fixture
                .apply_approved("admin", &[("a.yaml", &whole(body))], None)
                .await
                .unwrap_err(),
        );
        (told.digest.unwrap(), lines(&told.effects))
    };
    let (shown, told) = digest("region = 'FR'").await;
    let (other, same) = digest("region <> 'XX'").await;
    assert_eq!(told, same, "the words are the same, for bodies are not told");
    assert_ne!(shown, other, "and yet an approval of one is none of the other");
    refused(
        fixture
            .apply_approved("admin", &[("a.yaml", &whole("region <> 'XX'"))], Some(&shown))
            .await
            .unwrap_err(),
    );

    fixture
        .apply(&[("b.yaml", "lake: other\nroles: {crew: {}}\n")])
        .await
        .unwrap();
    let moved = fixture
        .apply_approved("admin", &[("a.yaml", &whole("region = 'FR'"))], Some(&shown))
        .await;
    refused(moved.unwrap_err());
    fixture
        .apply_as("admin", &[("a.yaml", &whole("region = 'FR'"))])
        .await
        .unwrap();
}

#[tokio::test]
async fn effects_on_others_are_for_those_who_may_simulate() {
    let fixture = lake().await;
    let policy = "@id(\"masks\") permit(principal in Lakegate::Role::\"staff\", action == Lakegate::Action::\"SelectMasked\", resource in Lakegate::Table::\"lake.sales.orders\");";
    let texts = [("k.yaml", "lake: keeping\n"), ("k.cedar", policy)];
    let told = refused(fixture.apply_approved("kim", &texts, None).await.unwrap_err());
    assert_eq!(
        (told.gains, told.losses, told.effects.len()),
        (1, 0, 0),
        "a number and the digest, no names"
    );
    assert!(told.digest.is_some());
    let told = refused(fixture.apply_approved("sue", &texts, None).await.unwrap_err());
    assert_eq!((told.gains, told.effects.len()), (1, 1));

    fixture.apply(&[("n.yaml", "lake: n\ncatalogs: {hidden: {connection: store2}}\nconnections: {store2: {connector: files, options: {root: \"s3://c/\"}}}\ndatabases: {hidden.d: {location: \"d/\"}}\ntables: {hidden.d.t: {format: parquet, location: \"t/\", columns: [{name: id, type: bigint}]}}\n")])
        .await
        .unwrap();
    let wide = "@id(\"all\") permit(principal in Lakegate::Role::\"staff\", action == Lakegate::Action::\"Select\", resource is Lakegate::Table);";
    let wide_columns = "@id(\"allc\") permit(principal in Lakegate::Role::\"staff\", action == Lakegate::Action::\"Select\", resource is Lakegate::Column);";
    let both = format!("{wide}\n{wide_columns}");
    let texts = [("k.yaml", "lake: keeping\n"), ("k.cedar", both.as_str())];
    let told = refused(fixture.apply_approved("sue", &texts, None).await.unwrap_err());
    let shown = lines(&told.effects).join("\n");
    assert!(
        shown.contains("lake.sales.orders") && !shown.contains("hidden.d"),
        "{shown}"
    );
    let all = refused(fixture.apply_approved("admin", &texts, None).await.unwrap_err());
    assert!(lines(&all.effects).join("\n").contains("hidden.d.t"));
    assert!(all.gains > told.gains, "what is hidden is not counted");
}

#[tokio::test]
async fn losses_and_the_operators_files_need_no_approval() {
    let fixture = lake().await;
    let without = "lake: acme\nroles: {staff: {}}\nusers: {ana: {}, ben: {roles: [staff]}}\n";
    let (caller, governor) = fixture.caller("admin").await;
    let by = lakegate::lake::Applier::Caller {
        caller: &caller,
        governor: &governor,
    };
    let dry = ApplyOptions {
        dry_run: true,
        ..ApplyOptions::default()
    };
    let report = lakegate::lake::apply(
        &fixture.context(by),
        &super::fixture::input(&[("a.yaml", without)]),
        dry,
    )
    .await
    .unwrap();
    let told = report.told.unwrap();
    assert_eq!((told.gains, told.digest), (0, None));
    assert_eq!(
        lines(&told.effects),
        [
            "- user:ana table:lake.sales.orders rows : filter eu → none",
            "- user:ana table:lake.sales.orders columns id,region: clear → hidden",
        ]
    );
    let stored = fixture
        .apply_approved("admin", &[("a.yaml", without)], None)
        .await
        .unwrap();
    assert_eq!(stored.counts.updated, 1);
}
