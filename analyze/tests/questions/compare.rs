//! Does the new set allow what the old one does not?

use serde_json::{Value, json};

use super::ask::{TABLE, ask, policies, select, told};

fn clearance(condition: &str) -> String {
    select(
        "p",
        "permit",
        TABLE,
        &format!(" when {{ context.mfa && principal.clearance {condition} }}"),
    )
}

#[test]
fn a_wider_permit_is_found_with_the_smallest_request() {
    assert_eq!(
        told(policies(&clearance(">= 3"), &clearance("> 3"))),
        "wider Select on Column -\n  \
         user:somebody, clearance = 3\n  \
         Select column:something, in table:lake.sales.orders\n  \
         where context.mfa = true\n  \
         by p\n  \
         which nothing permitted\n\
         wider Select on Table -\n  \
         user:somebody, clearance = 3\n  \
         Select table:lake.sales.orders\n  \
         where context.mfa = true\n  \
         by p\n  \
         which nothing permitted"
    );
    assert_eq!(told(policies(&clearance("> 3"), &clearance(">= 3"))), "");
}

#[test]
fn what_is_written_about_a_policy_changes_nothing() {
    let documented = clearance("> 3").replace("@id", "@doc(\"who\") @id");
    let (ended, answer) = ask(&policies(&documented, &clearance("> 3")), None);
    assert!(ended && answer["findings"].as_array().unwrap().is_empty(), "{answer}");
}

#[test]
fn a_forbid_that_is_gone_widens_what_is_permitted() {
    let forbid = select("f", "forbid", TABLE, " when { principal.kind == \"agent\" }");
    let both = clearance("> 3") + &forbid;
    let found = told(policies(&clearance("> 3"), &both));
    assert!(
        found.starts_with(
            "wider Select on Column -\n  user:somebody, clearance = 4, kind = \"agent\"\n  \
             Select column:something, in table:lake.sales.orders\n  where context.mfa = true\n  by p\n  \
             which was forbidden by f\n"
        ),
        "{found}"
    );
    assert_eq!(told(policies(&both, &clearance("> 3"))), "");
}

/// A forbid closes what filters open, and what somebody will grant tomorrow.
#[test]
fn a_forbid_that_is_gone_counts_where_nothing_is_permitted() {
    let forbid = select("f", "forbid", "resource in Lakegate::Table::\"lake.hr.people\"", "");
    let found = told(policies(&clearance("> 3"), &(clearance("> 3") + &forbid)));
    assert!(
        found.starts_with(
            "unforbidden Select on Column -\n  user:somebody\n  Select column:something, in table:lake.hr.people\n  \
             which was forbidden by f\n"
        ),
        "{found}"
    );
}

/// Cedar skips a policy that fails; Lakegate denies. That it is gone may open what it denied.
#[test]
fn a_policy_that_failed_and_is_gone_is_not_overlooked() {
    let permit = clearance("> 3");
    let failing = select(
        "bad",
        "permit",
        TABLE,
        " when { principal.clearance + 9223372036854775807 > 0 }",
    );
    let found = told(policies(&permit, &(permit.clone() + &failing)));
    assert_eq!(
        found,
        "unknown Select on Column policy bad could fail and so deny, and is changed or gone\n\
         unknown Select on Table policy bad could fail and so deny, and is changed or gone"
    );
    // Whom it failed for the permit was never for.
    let narrow = select(
        "bad",
        "permit",
        TABLE,
        " when { !context.mfa && principal.clearance + 9223372036854775807 > 0 }",
    );
    let always = select("no", "forbid", TABLE, " unless { context.mfa }");
    let kept = permit.clone() + &always;
    assert_eq!(told(policies(&kept, &(kept.clone() + &narrow))), "");
}

#[test]
fn names_that_differ_in_case_are_one_name() {
    let table = |name: &str| select("t", "permit", &format!("resource in Lakegate::Table::\"{name}\""), "");
    let database = select("d", "permit", "resource in Lakegate::Database::\"Lake.SALES\"", "");
    assert_eq!(
        told(policies(&table("LAKE.Sales.orders"), &table("lake.sales.Orders"))),
        ""
    );
    assert_eq!(told(policies(&table("lake.sales.orders"), &database)), "");
}

#[test]
fn what_lies_where_is_known_from_names() {
    let database = select("d", "permit", "resource in Lakegate::Database::\"lake.sales\"", "");
    let table = |name: &str| select("t", "permit", &format!("resource in Lakegate::Table::\"{name}\""), "");
    assert_eq!(told(policies(&table("lake.sales.orders"), &database)), "");
    // The name only begins alike.
    let found = told(policies(&table("lake.sales2.orders"), &database));
    assert!(
        found.starts_with(
            "wider Select on Column -\n  user:somebody\n  Select column:something, in table:lake.sales2.orders\n"
        ),
        "{found}"
    );
    // A column lies in one table: nothing is permitted by way of another one.
    let apart = select("a", "permit", TABLE, "")
        + &select("f", "forbid", "resource in Lakegate::Table::\"lake.sales.people\"", "");
    let found = told(policies(&select("a", "permit", TABLE, ""), &apart));
    assert!(found.starts_with("unforbidden Select on Column"), "{found}");
}

/// Nothing is proved of what is written down for longer than there is time; the rest is answered all the same.
#[test]
fn a_question_that_takes_too_long_is_not_proved() {
    let hard = |sign: &str| {
        let terms: Vec<String> = (0..24)
            .map(|n| {
                format!(
                    "principal.getTag(\"t{n}\").containsAny(principal.getTag(\"t{}\"))",
                    n + 1
                )
            })
            .collect();
        let has: Vec<String> = (0..25).map(|n| format!("principal.hasTag(\"t{n}\")")).collect();
        let condition = format!(
            " when {{ {} && ({}) && principal.clearance {sign} 3 }}",
            has.join(" && "),
            terms.join(" && ")
        );
        select(
            "p",
            "permit",
            "resource == Lakegate::Table::\"lake.sales.orders\"",
            &condition,
        )
    };
    let easy = |sign: &str| {
        clearance(sign)
            .replace("\"p\"", "\"q\"")
            .replace("\"Select\"", "\"SelectMasked\"")
    };
    let mut question = policies(&(hard(">=") + &easy(">= 3")), &(hard(">") + &easy("> 3")));
    question["timeout_ms"] = json!(2_000);
    let found = told(question);
    assert!(
        found.starts_with("unknown Select on Table no answer within 2 s\nwider SelectMasked on ColumnMask"),
        "{found}"
    );
}

#[test]
fn without_a_solver_it_says_so() {
    let question = json!({"new": {"policies": select("p", "permit", TABLE, "")}});
    let error = |(ended, answer): (bool, Value)| (ended, answer["error"].as_str().unwrap_or_default().to_owned());
    let (ended, told) = error(ask(&question, Some("/nowhere/cvc5")));
    assert!(
        !ended && told.starts_with("cvc5 cannot be used (No such file") && told.contains("`CVC5`"),
        "{told}"
    );
    // A program that is no solver proves nothing.
    for other in ["/bin/true", "/bin/cat"] {
        let (ended, told) = error(ask(&question, Some(other)));
        assert!(!ended && told.starts_with("cvc5 cannot be used ("), "{other}: {told}");
    }
    let (ended, told) = error(ask(&json!({"new": {"policies": "permit("}}), None));
    assert!(!ended && told.contains("the policy does not end"), "{told}");
}
