//! Can policies be written, checked, explained and tried from the command line?

use std::fs;

use super::fixture::{Lake, lakegate};

const ORDERS: &str = "lake.sales.orders";
const DRAFT: &str = "@id(\"draft.bob\")\n@doc(\"Bob reads orders with a second factor.\")\npermit(principal == \
                     Lakegate::User::\"bob\", action == Lakegate::Action::\"Select\", resource in \
                     Lakegate::Table::\"lake.sales.orders\")\nwhen { context.mfa && context.client == \"rest\" };\n";

#[test]
fn ana_is_told_why_and_the_administrator_more() {
    let lake = Lake::start();
    let own = lake.run(&["policy", "explain", "--profile", "ana", ORDERS]).exits(0);
    let lines: Vec<&str> = own.text().lines().collect();
    assert_eq!(lines[0], "ana may Select table:lake.sales.orders");
    assert!(
        lines[1].ends_with("(select-filtered on filter:lake.sales.orders/eu to user:ana)"),
        "{lines:?}"
    );
    assert_eq!(lines[2..4], ["rows: some", "columns:"]);
    assert!(
        !own.text().contains("note") && !own.text().contains("region ="),
        "{}",
        own.text()
    );

    let full = lake
        .run(&["policy", "explain", "--profile", "admin", "--as", "ana", ORDERS])
        .exits(0);
    assert!(
        full.text().contains("  eu shows rows that are: region = 'eu'"),
        "{}",
        full.text()
    );
    assert!(full.text().contains("note    hidden"), "{}", full.text());
    let json = lake
        .run(&[
            "policy",
            "explain",
            "--profile",
            "admin",
            "--as",
            "bob",
            ORDERS,
            "-o",
            "json",
        ])
        .exits(0);
    assert_eq!(json.json()["decision"], "deny");

    lake.run(&["policy", "explain", "--profile", "bob", ORDERS]).exits(5);
    lake.run(&["policy", "explain", "--profile", "bob", "--as", "ana", ORDERS])
        .exits(4);
    lake.run(&["policy", "explain", "--profile", "bob", "orders"]).exits(1);
    lake.run(&["policy", "explain"]).exits(2);
}

#[test]
fn a_draft_is_simulated_before_it_holds() {
    let lake = Lake::start();
    let draft = lake.path("draft.cedar");
    fs::write(&draft, DRAFT).unwrap();
    let draft = draft.to_str().unwrap();
    let run = |more: &[&str]| lake.run(&[&["policy", "simulate", "--profile", "admin", "--as", "bob"], more].concat());
    let none = run(&[ORDERS]).exits(0);
    assert!(
        none.text().contains("bob may not Select") && none.text().contains("nothing permits it"),
        "{}",
        none.text()
    );
    let nearly = run(&[ORDERS, "-f", draft]).exits(0);
    let text = nearly.text();
    assert!(text.contains("by policies of a draft"), "{text}");
    assert!(
        text.contains("nearly policy draft.bob: Bob reads orders with a second factor."),
        "{text}"
    );
    assert!(
        text.contains("when: `context.mfa` is false") && text.contains("here context.mfa = false"),
        "{text}"
    );
    let sql = run(&["-e", "SELECT id FROM lake.sales.orders", "-f", draft, "--mfa"]).exits(0);
    assert!(
        sql.text().contains("the query runs so:") && sql.text().contains("GovernedScan"),
        "{}",
        sql.text()
    );
    let refused = run(&["-e", "SELECT id FROM lake.sales.orders", "-f", draft]).exits(0);
    assert!(refused.text().contains("TABLE_NOT_FOUND"), "{}", refused.text());
    lake.run(&["policy", "simulate", "--profile", "ana", "--as", "bob", ORDERS])
        .exits(4);
    run(&[]).exits(2);
    // Nothing was published.
    lake.run(&["policy", "find", "--as", "admin", "draft.bob"]).exits(5);
    let listed = lake.run(&["policy", "list", "--as", "admin", "-o", "jsonl"]).exits(0);
    assert!(listed.text().contains("default.admin") && !listed.text().contains("draft.bob"));
    let found = lake
        .run(&["policy", "find", "--as", "admin", "default.submit"])
        .exits(0);
    assert!(found.text().starts_with("@id(\"default.submit\")"), "{}", found.text());
}

const CASES: &str = r#"cases:
  - name: ana reads the EU
    principal: ana
    resource: table:lake.sales.orders
    expect: {decision: allow, rows: some, filters: [eu], columns: {id: clear, note: hidden}, because: []}
  - principal: bob
    sql: SELECT id FROM lake.sales.orders
    expect: {refusal: TABLE_NOT_FOUND, decision: deny, rows: none}
  - principal: admin
    action: manage-policy
    resource: policy-store:default
    expect: {decision: allow, because: [default.admin]}
"#;

#[test]
fn cases_are_tested_by_a_server_and_by_files_alone() {
    let lake = Lake::start();
    let file = |name: &str, text: &str| {
        let path = lake.path(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let cases = file("cases.yaml", CASES);
    let wrong = file(
        "wrong.yaml",
        &CASES
            .replace("id: clear", "id: masked")
            .replace("rows: none", "rows: all"),
    );
    let draft = file("draft.cedar", &DRAFT.replace("context.mfa && ", ""));
    let folder = lake.path("lake").to_str().unwrap().to_owned();
    for by in [["--as", "admin"], ["--lake", folder.as_str()]] {
        let test = |arguments: &[&str]| lake.run(&[&["policy", "test"], arguments, &by].concat());
        let same = test(&[&cases]).exits(0);
        assert!(same.text().ends_with("3 cases, 0 differ\n"), "{}", same.text());
        let differ = test(&[&wrong, "-q"]).exits(1);
        assert!(
            differ.text().contains("DIFF  ana reads the EU (") && differ.text().contains("wrong.yaml:2"),
            "{}",
            differ.text()
        );
        assert!(
            differ.text().contains("column id: expected masked, got clear"),
            "{}",
            differ.text()
        );
        assert!(
            differ.text().contains("rows: expected all, got none"),
            "{}",
            differ.text()
        );
        let drafted = test(&[&cases, "-f", &draft, "-o", "json"]).exits(1);
        assert_eq!(drafted.json()["failed"], 1, "{}", drafted.text());
        assert_eq!(
            drafted.json()["cases"][1]["differences"][0],
            "refusal: expected TABLE_NOT_FOUND, got none"
        );
    }
    let unknown = file(
        "unknown.yaml",
        "cases:\n  - {principal: nobody, resource: table:lake.sales.orders, expect: {}}\n",
    );
    let ran = lake.run(&["policy", "test", &unknown, "--lake", &folder]).exits(1);
    assert!(ran.text().contains("user `nobody` does not exist"), "{}", ran.text());
    lake.run(&[
        "policy",
        "test",
        &file("no.yaml", "cases: [{who: ana}]"),
        "--lake",
        &folder,
    ])
    .exits(1);
    lake.run(&["policy", "test", &cases, "--as", "ana"]).exits(4);
}

#[test]
fn files_are_validated_with_their_places() {
    let lake = Lake::start();
    let file = |name: &str, text: &str| {
        let path = lake.path(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file("good.cedar", DRAFT);
    let absent = file(
        "absent.cedar",
        &DRAFT.replace("orders", "absent").replace("draft.bob", "x"),
    );
    let wrong = file(
        "wrong.cedar",
        &DRAFT.replace("context.mfa", "context.fma").replace("draft.bob", "y"),
    );
    let doubtful = "\n@id(\"wide\") permit(principal, action in Lakegate::Action::\"DataRead\", resource) when { \
                    principal.clearance + 1 > 2 };";
    let doubtful = file("doubtful.cedar", doubtful);
    assert_eq!(
        lakegate(&["policy", "validate", "-f", &good, &absent]).exits(0).text(),
        "valid\n"
    );
    let ran = lakegate(&["policy", "validate", "-f", &good, &wrong]).exits(1);
    assert!(
        ran.stderr.contains("wrong.cedar:4: error: policy `y`:"),
        "{}",
        ran.stderr
    );
    let ran = lakegate(&["policy", "validate", "-f", &doubtful]).exits(0);
    assert!(
        ran.stderr
            .contains("doubtful.cedar:2: warning: policy `wide`: it permits the group"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("`+` can overflow") && ran.text() == "valid, with 2 warnings\n",
        "{ran:?}"
    );
    lakegate(&["policy", "validate", "-f", &doubtful, "--deny-warnings"]).exits(1);
    lakegate(&["policy", "validate"]).exits(2);

    let server = |more: &[&str]| lake.run(&[&["policy", "validate", "--server", "--as", "admin"], more].concat());
    server(&["-f", &good]).exits(0);
    let ran = server(&["-f", &good, &absent]).exits(1);
    assert!(ran.stderr.contains("absent.cedar:3:"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("unknown name `lake.sales.absent`"),
        "{}",
        ran.stderr
    );
    let ran = server(&["-f", &doubtful]).exits(0);
    assert!(
        ran.stderr.contains("it opens all rows of `lake.sales.orders`"),
        "{}",
        ran.stderr
    );
    let stored = server(&["--stored", "-o", "json"]).exits(0);
    assert_eq!(stored.json()["problems"], serde_json::json!([]));
    lake.run(&["policy", "validate", "--server", "--as", "ana", "-f", &good])
        .exits(4);
}

#[test]
fn files_are_laid_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.cedar");
    fs::write(
        &path,
        "// why\n@id(\"a\")   permit(principal,action,resource)when{true};",
    )
    .unwrap();
    let name = path.to_str().unwrap();
    assert_eq!(
        lakegate(&["policy", "format", "--check", "-f", name])
            .exits(11)
            .text()
            .trim(),
        name
    );
    lakegate(&["policy", "format", "-f", name]).exits(0);
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with("// why\n@id(\"a\")\npermit (principal, action, resource)"),
        "{text}"
    );
    lakegate(&["policy", "format", "--check", "-f", name]).exits(0);
    lakegate(&["policy", "validate", "-f", name]).exits(0);
    fs::write(&path, "permit(").unwrap();
    let ran = lakegate(&["policy", "format", "-f", name]).exits(1);
    assert!(
        ran.stderr.contains("a.cedar") && fs::read_to_string(&path).unwrap() == "permit(",
        "{ran:?}"
    );
}

/// `analyze/tests` asks the solver; here is what is asked, and what is told of its answer.
#[test]
fn an_analysis_is_told_and_without_its_tool_so_is_that() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.cedar");
    fs::write(&file, DRAFT).unwrap();
    let maps = directory.path().join("lake.yaml");
    fs::write(&maps, "lake: acme\nroles: {boss: {member_of: [staff]}}\n").unwrap();
    let with = |tool: &std::path::Path, more: &[&str]| {
        let mut command = super::fixture::binary(&[("LAKEGATE_ANALYZE", tool.to_str().unwrap())]);
        command
            .args(["policy", "analyze", "-f", directory.path().to_str().unwrap()])
            .args(more);
        super::fixture::Ran::from(command.output().unwrap())
    };
    let ran = with(&directory.path().join("absent"), &[]).exits(1);
    assert!(
        ran.stderr.contains("make analyze") && ran.stderr.contains("lakegate policy validate"),
        "{ran:?}"
    );
    let asked = directory.path().join("asked");
    let script = |answer: &str| {
        let path = directory.path().join("tool");
        let text = format!(
            "#!/bin/sh\ncat > {}\necho '{}'\n",
            asked.display(),
            answer.replace('\n', " ")
        );
        fs::write(&path, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(&path, mode).unwrap();
        path
    };
    let question = || -> serde_json::Value { serde_json::from_slice(&fs::read(&asked).unwrap()).unwrap() };
    let ran = with(&script(r#"{"findings": []}"#), &["--timeout-seconds", "7"]).exits(0);
    assert_eq!(ran.text(), "proved: no policy fails, is dead, overruled or shadowed\n");
    let about = question();
    assert_eq!((&about["timeout_ms"], &about["draft"]), (&7_000.into(), &false.into()));
    assert!(about["old"].is_null() && about["open"].is_null(), "{about}");
    assert!(
        about["new"]["policies"]
            .as_str()
            .unwrap()
            .contains("@id(\"draft.bob\")"),
        "{about}"
    );
    assert_eq!(about["new"]["maps"][0]["roles"]["boss"]["member_of"][0], "staff");

    let open = ["--open", "table:lake.sales.orders", "--except", "boss", "staff"];
    let ran = with(&script(r#"{"findings": []}"#), &open).exits(0);
    assert_eq!(ran.text(), "proved: table:lake.sales.orders is open to nobody else\n");
    assert_eq!(
        question()["open"],
        serde_json::json!({"resource": "table:lake.sales.orders", "except": ["boss", "staff"]})
    );

    let wider = r#"{"findings": [{"kind": "wider", "about": "Select on Table", "counterexample": {"lines": ["user:somebody", "by p"]}},
        {"kind": "unknown", "about": "Select on Column", "detail": "no answer within 1 s"}]}"#;
    let ran = with(&script(wider), &["--against", file.to_str().unwrap()]).exits(1);
    assert_eq!(
        ran.text(),
        "Select on Table: a request is allowed that was not\n  user:somebody\n  by p\n\
         Select on Column: not proved: no answer within 1 s\n2 findings\n"
    );
    assert!(question()["old"]["policies"].as_str().unwrap().contains("draft.bob"));
    let ran = with(&script(r#"{"error": "cvc5 cannot be started"}"#), &[]).exits(1);
    assert!(ran.stderr.contains("cvc5 cannot be started"), "{}", ran.stderr);
    // An answer without findings is no proof.
    let ran = with(&script("{}"), &[]).exits(1);
    assert!(ran.stderr.contains("no findings"), "{}", ran.stderr);
    with(&script("oops"), &[]).exits(1);
}

/// What a server has stored is the old lake; the draft's parts replace it.
#[test]
fn a_draft_is_analysed_against_what_a_server_has_stored() {
    let lake = Lake::start();
    let draft = lake.path("draft.yaml");
    fs::write(
        &draft,
        "lake: acme\ntables: {lake.sales.orders: {filters: {eu: {where: \"region = 'us'\"}}}}\n",
    )
    .unwrap();
    let tool = lake.path("tool");
    fs::write(
        &tool,
        format!(
            "#!/bin/sh\ncat > {}\necho '{{\"findings\": []}}'\n",
            lake.path("asked").display()
        ),
    )
    .unwrap();
    fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let mut command = lake.command(&[
        "policy",
        "analyze",
        "--as",
        "admin",
        "-f",
        draft.to_str().unwrap(),
        "--server",
    ]);
    let ran = super::fixture::Ran::from(command.env("LAKEGATE_ANALYZE", &tool).output().unwrap()).exits(0);
    assert_eq!(ran.text(), "proved: nobody can do more than before\n");
    let asked: serde_json::Value = serde_json::from_slice(&fs::read(lake.path("asked")).unwrap()).unwrap();
    assert_eq!(asked["draft"], true);
    let old = &asked["old"];
    assert!(
        old["policies"].as_str().unwrap().contains("default.own-queries"),
        "{old}"
    );
    let grants = old["maps"][0]["grants"].as_array().unwrap();
    assert!(
        grants
            .iter()
            .any(|grant| grant["to"] == "user:ana" && grant["resource"] == "filter:lake.sales.orders/eu"),
        "{grants:?}"
    );
    assert!(
        old["maps"][0]["users"]["ana"].is_object() && old["maps"][0]["roles"].is_object(),
        "{old}"
    );
    let filters = old["maps"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|map| map.pointer("/tables/lake.sales.orders/filters/eu/where"));
    assert_eq!(filters.collect::<Vec<_>>(), ["region = 'eu'"], "{old}");
}
