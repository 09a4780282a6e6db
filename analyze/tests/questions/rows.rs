//! Does a filter show a row that it did not show?

use serde_json::{Value, json};

use super::ask::told;

const GERMAN: &str = "when { resource.s.hasTag(\"region\") && resource.s.getTag(\"region\") == \"DE\" }";
const EUROPEAN: &str = "when { resource.s.hasTag(\"region\") && [\"DE\", \"FR\"].contains(resource.s.getTag(\"region\")) && \
                        resource.n.hasTag(\"qty\") && resource.n.getTag(\"qty\") > 5 }";

fn lake(filter: Value) -> Value {
    json!({"maps": [{"tables": {"lake.sales.orders": {"filters": {"eu": filter}}}}]})
}

fn compared(new: Value, old: Value) -> String {
    told(json!({"new": lake(new), "old": lake(old)}))
}

#[test]
fn a_wider_body_shows_a_row() {
    let found = compared(json!({"cedar": EUROPEAN}), json!({"cedar": GERMAN}));
    let mut lines = found.lines();
    assert_eq!(lines.next(), Some("wider-rows filter lake.sales.orders/eu -"));
    assert_eq!(lines.next(), Some("  user:somebody"));
    let row = lines.next().unwrap();
    // On a busy machine the row may not have been shortened.
    assert!(
        row.starts_with("  sees a row with ") && row.contains("region = \"FR\"") && row.contains("qty = "),
        "{row}"
    );
    let both = GERMAN.replace(
        " }",
        " && resource.n.hasTag(\"qty\") && resource.n.getTag(\"qty\") > 5 }",
    );
    assert_eq!(compared(json!({"cedar": both}), json!({"cedar": EUROPEAN})), "");
}

/// E: the old body could not be evaluated on the row, and so did not show it – whether it was restrictive or not.
#[test]
fn a_body_that_fails_shows_nothing() {
    let sum = "when { resource.n.hasTag(\"q\") && resource.n.getTag(\"q\") + 1 > 0 }";
    let whole = "when { resource.n.hasTag(\"q\") && resource.n.getTag(\"q\") >= 0 }";
    for restrictive in [false, true] {
        let filter = |body: &str| json!({"cedar": body, "restrictive": restrictive});
        assert_eq!(
            compared(filter(whole), filter(sum)),
            "wider-rows filter lake.sales.orders/eu -\n  user:somebody\n  \
             sees a row with q = 9223372036854775807, and NULL in every other column"
        );
        assert_eq!(compared(filter(sum), filter(whole)), "");
    }
    let alone = told(json!({"new": lake(json!({"cedar": sum}))}));
    assert_eq!(
        alone,
        "fails filter lake.sales.orders/eu -\n  user:somebody\n  sees a row with q = 9223372036854775807, and NULL in every other column"
    );
}

#[test]
fn a_filter_that_comes_or_goes() {
    let none = json!({"maps": [{"tables": {"lake.sales.orders": {}}}]});
    let with = |restrictive: bool| lake(json!({"cedar": GERMAN, "restrictive": restrictive}));
    let asked = |new: &Value, old: &Value| told(json!({"new": new, "old": old}));
    let every = "wider-rows filter lake.sales.orders/eu -\n  user:somebody\n  sees a row that is NULL in every column";
    assert_eq!(asked(&none, &with(true)), every);
    assert_eq!(asked(&with(true), &none), "");
    assert!(asked(&with(false), &none).starts_with("wider-rows"));
    assert_eq!(asked(&none, &with(false)), "");
    assert_eq!(
        asked(&with(false), &with(true)),
        "opaque filter lake.sales.orders/eu it was restrictive"
    );
    // Of a table that is gone nothing is seen.
    assert_eq!(asked(&json!({}), &with(true)), "");
}

#[test]
fn what_the_solver_cannot_read_counts_as_wider() {
    let sql = |text: &str| json!({"where": text});
    assert_eq!(compared(sql("a = 1  AND b = 2"), sql("a = 1 AND\n b = 2")), "");
    let changed = "opaque filter lake.sales.orders/eu its condition is SQL, and changed";
    assert_eq!(compared(sql("a = 1"), sql("a = 1 AND b = 2")), changed);
    assert_eq!(compared(sql("region = 'DE'"), json!({"cedar": GERMAN})), changed);
    let columns = |key: &str, names: Value| json!({"where": "a = 1", key: names});
    let more = "opaque filter lake.sales.orders/eu it opens more columns";
    assert_eq!(
        compared(
            columns("columns", json!(["id", "a"])),
            columns("columns", json!(["id"]))
        ),
        more
    );
    assert_eq!(
        compared(
            columns("columns", json!(["id"])),
            columns("columns", json!(["ID", "a"]))
        ),
        ""
    );
    assert_eq!(
        compared(columns("except", json!(["a"])), columns("except", json!(["a", "b"]))),
        more
    );
    assert_eq!(
        compared(
            columns("columns", json!(["addr"])),
            columns("except", json!(["addr.zip"]))
        ),
        more
    );
    assert_eq!(
        compared(
            columns("columns", json!(["id"])),
            columns("except", json!(["addr.zip"]))
        ),
        ""
    );
    assert_eq!(compared(sql("a = 1"), columns("except", json!(["b"]))), more);
}

#[test]
fn masks_that_change_are_named() {
    let masks = |rank: i64| json!({"maps": [{"tables": {"lake.sales.orders": {"masks": {"ssn": {"last4": {"func": "show-last-4", "rank": rank}}}}}}]});
    let none = json!({"maps": [{"tables": {"lake.sales.orders": {}}}]});
    assert_eq!(
        told(json!({"new": masks(1), "old": masks(2)})),
        "opaque mask lake.sales.orders.ssn/last4 changed"
    );
    assert_eq!(
        told(json!({"new": masks(1), "old": none})),
        "opaque mask lake.sales.orders.ssn/last4 new"
    );
    assert_eq!(told(json!({"new": none, "old": masks(1)})), "");
}
