//! Are mistakes found all at once, each at its line and column, with the nearest known name?

use super::fixture::{Fixture, problems};

async fn wrong(texts: &[(&str, &str)]) -> Vec<String> {
    problems(Fixture::new().await.apply(texts).await)
}

#[tokio::test]
async fn unknown_keys_name_the_nearest() {
    let yaml = "lake: acme\nusers:\n  ana: {role: [x], kind: humen}\nrolls: {}\nworkgroups: {etl: {concurrency: 0}}\n";
    let error = Fixture::new().await.apply(&[("a.yaml", yaml)]).await.unwrap_err();
    let lines: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "a.yaml:3:9: CONFIGURATION_INVALID: unknown key `role` in `ana`; did you mean `roles`?",
            "a.yaml:3:26: CONFIGURATION_INVALID: `kind` cannot be `humen`; did you mean `human`?",
            "a.yaml:4:1: CONFIGURATION_INVALID: unknown section `rolls`; did you mean `roles`?",
            "a.yaml:5:33: CONFIGURATION_INVALID: `concurrency` must be a whole number from 1 to 10000, not `0`",
        ]
    );
}

#[tokio::test]
async fn the_same_name_twice_shows_both_places() {
    let found = wrong(&[
        ("a.yaml", "lake: acme\nroles:\n  staff: {}\n  staff: {}\n"),
        ("b.yaml", "lake: acme\nroles: {Staff: {}}\n"),
        ("c.yaml", "lake: other\n"),
    ])
    .await;
    assert_eq!(
        found,
        [
            "a.yaml:4:3 CONFIGURATION_INVALID `staff` stands twice: here and at a.yaml:3:3",
            "b.yaml:2:9 CONFIGURATION_INVALID `Staff` stands twice: here and at a.yaml:3:3",
            "c.yaml:1:7 CONFIGURATION_INVALID `lake` is `acme` at a.yaml:1:7 and `other` here",
        ]
    );
}

#[tokio::test]
async fn yaml_is_the_core_schema() {
    let yaml = "lake: acme\nroles: {a: {comment: yes}, b: {comment: 010}, c: {comment: !!str x}, d: {comment: true}}\n\
                users: &u {ana: &a {clearance: 0x1}, bob: *a}\nworkgroups: {<<: *u}\n";
    assert_eq!(
        wrong(&[("a.yaml", yaml)]).await,
        [
            "a.yaml:2:60 CONFIGURATION_INVALID YAML tags are not allowed",
            "a.yaml:2:83 CONFIGURATION_INVALID `comment` must be text, not true or false",
            "a.yaml:3:12 CONFIGURATION_INVALID unknown key `ana` in `<<`",
            "a.yaml:3:32 CONFIGURATION_INVALID `clearance` must be a whole number, not `0x1`",
            "a.yaml:3:38 CONFIGURATION_INVALID unknown key `bob` in `<<`",
            "a.yaml:4:14 CONFIGURATION_INVALID merge keys (`<<`) are not allowed",
        ]
    );
}

#[tokio::test]
async fn broken_and_hostile_texts_end_in_one_problem() {
    let deep = format!("lake: acme\nroles: {}", "[".repeat(5_000));
    let nested = "- ".repeat(100_000);
    let laughs = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                  d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n";
    let large = format!("lake: {}", "x".repeat(17 * 1024 * 1024));
    for text in [
        deep.as_str(),
        &nested,
        laughs,
        &large,
        "lake: [a\n",
        "lake: \"a",
        "a: b: c",
        "\t- x",
        "lake: {a: *b}",
    ] {
        assert!(!wrong(&[("a.yaml", text)]).await.is_empty());
    }
    assert_eq!(
        wrong(&[("a.yaml", "")]).await,
        ["a.yaml CONFIGURATION_INVALID the lake has no name"]
    );
}

#[tokio::test]
async fn a_literal_secret_is_refused_and_not_repeated() {
    let yaml = "lake: acme\nusers: {ana: {}}\nkeys:\n  k: {user: ana, secret: hunter2hunter2hunter2hunter2hunter2}\n  \
                v: {user: ana, secret: \"vault://x\"}\n  s: {user: ana, secret: \"env://SHORT\"}\n  \
                g: {user: ana, secret: \"env://GONE\"}\n  \
                a: {user: ana, kind: sigv4, access_key_id: A, secret: \"env://ANA_KEY\"}\n";
    let error = Fixture::new().await.apply(&[("a.yaml", yaml)]).await.unwrap_err();
    assert!(!error.to_string().contains("hunter2"));
    assert_eq!(
        error
            .problems
            .iter()
            .map(|problem| format!("{} {}", problem.place, problem.message))
            .collect::<Vec<_>>(),
        [
            "a.yaml:4:26 `secret` must be a secret reference, not the secret",
            "a.yaml:5:26 a secret reference `vault://…` is not supported in this version",
            "a.yaml:6:26 the secret of key `s` is shorter than 32 or longer than 256 characters",
            "a.yaml:7:26 the secret of key `g` cannot be resolved: `env://GONE` is not set",
            "a.yaml:8:24 `kind` `sigv4` is not supported in this version",
            "a.yaml:8:46 an access key for SigV4 is not supported in this version",
        ]
    );
}

#[tokio::test]
async fn cedar_mistakes_have_their_place_in_the_file() {
    let cedar = "// a comment\n@id(\"a\")\npermit(principal in Lakegate::Role::\"staf\", action, resource);\n\n\
                 @id(\"b\") permit(principal, action == Lakegate::Action::\"Select\", resource)\nwhen { resource.nope == 1 };\n";
    let found = wrong(&[("a.yaml", "lake: acme\nroles: {staff: {}}\n"), ("p.cedar", cedar)]).await;
    assert!(found.iter().all(|line| line.contains("POLICY_INVALID")), "{found:#?}");
    assert!(
        found[0].starts_with("p.cedar:3:21 ") && found[0].contains("unknown name `staf`"),
        "{found:#?}"
    );
    assert!(
        found[1..]
            .iter()
            .all(|line| line.starts_with("p.cedar:5") || line.starts_with("p.cedar:6")),
        "{found:#?}"
    );
    let found = wrong(&[
        ("a.yaml", "lake: acme\n"),
        ("p.cedar", "permit(principal, action, resource);"),
    ])
    .await;
    assert_eq!(found, ["p.cedar:1:1 POLICY_INVALID the policy has no id"]);
}

#[tokio::test]
async fn after_a_broken_text_nothing_false_is_said() {
    let found = wrong(&[
        ("a.yaml", "lake: acme\nroles: {staff: {}\n"),
        ("b.yaml", "users: {ana: {roles: [staff], rolls: 1}}\n"),
    ])
    .await;
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].starts_with("a.yaml:") && found[0].contains("not YAML"),
        "{found:#?}"
    );
    assert!(found[1].contains("unknown key `rolls`"), "{found:#?}");
}

/// A text of one table, with something more to say about it.
fn table(more: &str) -> String {
    format!(
        "lake: acme\nconnections: {{store: {{connector: files, options: {{root: \"s3://b/\"}}}}}}\ncatalogs: {{lake: {{connection: store}}}}\n\
         databases: {{lake.s: {{}}}}\ntables:\n  lake.s.t:\n    location: t/\n    {more}\n"
    )
}

const COLUMNS: &str = "columns: [{name: id, type: bigint, nullable: false}, {name: a, type: varchar}]";

#[tokio::test]
async fn null_is_a_word_without_quotes() {
    let text = table(&format!(
        "format: csv\n    {COLUMNS}\n    absent_policy_columns: null\n    options: {{null: NA, header: false}}"
    ));
    let fixture = Fixture::new().await;
    fixture
        .apply(&[("a.yaml", &text)])
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let table = fixture.snapshot().await.tables[0].body.clone();
    assert_eq!(
        table.absent_policy_columns,
        lakegate_catalog::relation::AbsentPolicyColumns::Null
    );
    assert_eq!(table.options["null"], "NA");
    fixture.round_trip("acme").await;
}

#[tokio::test]
async fn nothing_is_accepted_and_ignored() {
    let refused = |more: String| async move { wrong(&[("a.yaml", &table(&more))]).await };
    let filter = refused(format!(
        "format: csv\n    {COLUMNS}\n    filters: {{f: {{where: \"id > 1\", restrictive: true, columns: [a]}}}}"
    ))
    .await;
    assert_eq!(
        filter,
        ["a.yaml:10:64 CONFIGURATION_INVALID filter `f` is restrictive and has `columns`"]
    );
    let mask = refused(format!(
        "format: csv\n    {COLUMNS}\n    masks: {{id: {{m: {{func: replace-with-null, rank: 1}}}}}}"
    ))
    .await;
    assert_eq!(
        mask,
        [
            "a.yaml:10:28 CONFIGURATION_INVALID mask function `replace-with-null` does not apply to `id`, which is never NULL"
        ]
    );
    let listed = "format: csv\n    columns: infer\n    partitioned_by: [{name: y, type: int}]\n    partitions: [{values: {y: 1}, location: a/}]";
    assert_eq!(
        refused(listed.to_owned()).await,
        ["a.yaml:9:14 NOT_SUPPORTED `columns: infer` with listed partitions is not supported in this version"]
    );
    let policies = "lake: acme\npolicies:\n  a: \"\"\n  b: |\n    @id(\"b\") forbid(principal, action, resource);\n    @id(\"c\") forbid(principal, action, resource);\n";
    assert_eq!(
        wrong(&[("a.yaml", policies)]).await,
        [
            "a.yaml:3:6 CONFIGURATION_INVALID policy `a` holds 0 statements",
            "a.yaml:5:5 CONFIGURATION_INVALID policy `b` holds 2 statements",
        ]
    );
}

/// A mistake in one member hides none in another.
#[tokio::test]
async fn mistakes_of_one_entry_are_told_together() {
    let yaml = "lake: acme\nconnections: {c: {connector: files, options: {root: \"s3://b/\"}}}\n\
                catalogs: {lake: {connection: c}, other: {connection: d, tags: {nope: x}}}\ndatabases: {lake.s: {}}\n\
                tables: {lake.s.t: {format: csv, owner: \"role:nobody\", tags: {nope: x}, partitions: hive, columns: [{name: a, type: int}]}}\n\
                keys: {k: {user: eve, secret: \"env://SHORT\"}}\n\
                grants:\n  - {to: \"role:nobody\", privileges: [selekt], resource: \"table:lake.s.x\"}\n";
    let found = wrong(&[("a.yaml", yaml)]).await;
    for text in [
        "3:55 CONFIGURATION_INVALID connection `d` does not exist",
        "CONFIGURATION_INVALID tag key `nope` does not exist",
        "CONFIGURATION_INVALID table `lake.s.t` lacks `location`",
        "CONFIGURATION_INVALID table `lake.s.t` has partitions but no partition columns",
        "CONFIGURATION_INVALID user `eve` does not exist",
        "CONFIGURATION_INVALID the secret of key `k` is shorter",
        "CONFIGURATION_INVALID role `nobody` does not exist",
        "CONFIGURATION_INVALID privilege `selekt` does not exist",
        "CONFIGURATION_INVALID table `lake.s.x` does not exist",
    ] {
        assert!(found.iter().any(|line| line.contains(text)), "{text}: {found:#?}");
    }
    assert_eq!(found.len(), 11, "{found:#?}");
}
