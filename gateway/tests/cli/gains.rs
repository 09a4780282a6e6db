//! Do scripts learn who would gain what, approve exactly that, and come back?

use std::fs;

use serde_json::Value;

use super::fixture::{Lake, Ran};

const POLICY: &str = "@id(\"bob.eu\") permit(principal == Lakegate::User::\"bob\", action == Lakegate::Action::\"SelectFiltered\",\n  \
                      resource == Lakegate::DataFilter::\"lake.sales.orders/eu\");\n";
const GAIN: &str = "  user:bob · table:lake.sales.orders · rows: none → filter eu";

fn ask(lake: &Lake, who: &str) -> Ran {
    lake.run(&[
        "sql",
        "--as",
        who,
        "-o",
        "csv",
        "-e",
        "select id from lake.sales.orders order by id",
    ])
}

#[test]
fn gains_are_shown_approved_and_taken_back() {
    let lake = Lake::start();
    let (yaml, cedar) = (lake.path("more.yaml"), lake.path("more.cedar"));
    fs::write(&yaml, "lake: more\n").unwrap();
    fs::write(&cedar, POLICY).unwrap();
    let files = [yaml.to_str().unwrap(), cedar.to_str().unwrap()];
    let run = |verb: &str, more: &[&str]| lake.run(&[&[verb, "-f"], &files[..], &["--as", "admin"], more].concat());
    ask(&lake, "bob").exits(5);

    let diff = run("diff", &[]).exits(11);
    assert!(
        diff.text().contains("+ policy bob.eu\n") && diff.text().contains(GAIN),
        "{diff:?}"
    );
    let digest = diff.stderr.rsplit("--approve-gains ").next().unwrap().trim().to_owned();
    assert_eq!(digest.len(), 32, "{diff:?}");
    let refused = run("apply", &["--yes"]).exits(12);
    assert!(
        refused.stdout.is_empty() && refused.stderr.contains(GAIN) && refused.stderr.contains(&digest),
        "{refused:?}"
    );
    let refused = run("apply", &["-o", "json"]).exits(12);
    let envelope: Value = serde_json::from_str(&refused.stderr).unwrap();
    assert_eq!(
        (envelope["code"].as_str(), envelope["effects"]["digest"].as_str()),
        (Some("GAINS_NEED_APPROVAL"), Some(digest.as_str()))
    );
    let item = &envelope["effects"]["items"][0];
    assert_eq!(
        (item["direction"].as_str(), item["principals"][0].as_str()),
        (Some("gain"), Some("user:bob"))
    );
    assert!(
        item["example"].as_str().unwrap().starts_with("as bob: select "),
        "{item}"
    );
    run("apply", &["--approve-gains", "0123456789abcdef0123456789abcdef"]).exits(12);
    ask(&lake, "bob").exits(5);

    let applied = run("apply", &["--approve-gains", &digest, "-o", "json"])
        .exits(0)
        .json();
    let epoch = applied["version"].as_i64().unwrap();
    assert_eq!(ask(&lake, "bob").exits(0).text().lines().count(), 4);
    assert_eq!(
        run("apply", &["--yes"]).exits(0).stderr.trim_end(),
        "lake more: unchanged 1"
    );

    back(&lake, epoch);
}

fn back(lake: &Lake, epoch: i64) {
    let (now, before) = (epoch.to_string(), (epoch - 1).to_string());
    let history = lake.run(&["policy", "history", "--as", "admin"]).exits(0);
    let newest = history.text().lines().nth(1).unwrap();
    assert!(
        newest.contains(&now) && newest.contains("admin") && newest.contains("policy bob.eu"),
        "{history:?}"
    );
    lake.run(&["policy", "history", "--as", "ana"]).exits(4);
    lake.run(&["policy", "diff", &before, "--as", "ana"]).exits(4);
    lake.run(&["policy", "diff", &now, "--as", "admin"]).exits(0);
    lake.run(&["policy", "diff", "1000", "--as", "admin"]).exits(5);
    lake.run(&["policy", "diff", &before, "--days", "91", "--as", "admin"])
        .exits(1);
    let diff = lake
        .run(&["policy", "diff", &before, "--days", "1", "--as", "admin"])
        .exits(11);
    assert!(
        diff.text()
            .contains("losses:\n  user:bob · table:lake.sales.orders · rows: filter eu → none"),
        "{diff:?}"
    );
    assert!(
        diff.text()
            .contains("user:bob · table:lake.sales.orders · 3 × narrower: rows: filter eu → none"),
        "what bob asked in vain is decided by both, too: {diff:?}"
    );

    lake.run(&["rollback", &before, "--as", "ana", "--yes"]).exits(4);
    let dry = lake.run(&["rollback", &before, "--as", "admin", "--dry-run"]).exits(0);
    assert!(
        dry.text().contains("- policy bob.eu\n") && dry.text().contains("losses:\n"),
        "{dry:?}"
    );
    lake.run(&["rollback", &before, "--as", "admin", "--yes"]).exits(0);
    ask(lake, "bob").exits(5);
    let again = lake.run(&["rollback", &now, "--as", "admin", "--yes"]).exits(12);
    assert!(again.stderr.contains(GAIN), "{again:?}");
    let digest = again.stderr.rsplit("--approve-gains ").next().unwrap();
    let digest = digest.get(..32).unwrap();
    lake.run(&["rollback", &now, "--as", "admin", "--approve-gains", digest])
        .exits(0);
    ask(lake, "bob").exits(0);
    lake.run(&["rollback", "1000", "--as", "admin"]).exits(5);
    let approvals = lake
        .run(&[
            "audit",
            "list",
            "--action",
            "approve-gains",
            "--as",
            "admin",
            "-o",
            "jsonl",
        ])
        .exits(0);
    assert_eq!(approvals.text().lines().count(), 2, "{approvals:?}");
}
