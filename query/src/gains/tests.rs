//! Is every gain seen, with those whom it concerns and the circumstances that it needs, and is a loss no gain?

mod lake;

use chrono::Utc;
use lakegate_catalog::snapshot::Snapshot;

use self::lake::Lake;
use super::{Direction, Effect, compare};

/// `+ user:ana · table:lake.s.t · rows none → all`, …
fn told(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let effects = compare(before, after, Utc::now()).expect("both publish");
    effects.0.iter().map(line).collect()
}

fn line(effect: &Effect) -> String {
    let sign = if effect.direction == Direction::Gain { '+' } else { '-' };
    let who: Vec<String> = effect.who.iter().map(ToString::to_string).collect();
    let when = effect
        .when
        .as_ref()
        .map(|when| format!(" ({when})"))
        .unwrap_or_default();
    let doubt = if effect.compared { "" } else { " ?" };
    let items = effect.items.join(",");
    let what = format!("{} {items}: {} → {}", effect.part.word(), effect.before, effect.after);
    format!(
        "{sign} {} · {} · {what}{when}{doubt}",
        who.join(","),
        effect.object.name
    )
}

fn gains(before: &Lake, after: &Lake) -> Vec<String> {
    let lines = told(&before.snapshot(), &after.snapshot());
    lines.into_iter().filter(|line| line.starts_with('+')).collect()
}

const EU: &str = "region = 'DE'";

fn base() -> Lake {
    Lake::new().filter("eu", EU, false).mask("last4", "show-last-4", 10)
}

#[test]
fn nothing_changes_for_nobody() {
    assert_eq!(told(&base().snapshot(), &base().snapshot()), [""; 0]);
    let described = base().filter("us", "region = 'US'", false);
    assert_eq!(
        gains(&base(), &described),
        [""; 0],
        "a filter shows nothing until it is granted"
    );
}

#[test]
fn a_granted_filter_shows_rows_and_what_it_opens() {
    let after = base().grant("role:desk", "select-filtered", "DataFilter:eu");
    let expected = [
        "+ user:ana · table:lake.s.t · rows : none → filter eu",
        "+ user:ana · table:lake.s.t · columns id,region,ssn: hidden → clear",
    ];
    assert_eq!(gains(&base(), &after), expected);
    let lost = told(&after.snapshot(), &base().snapshot());
    assert_eq!(lost, expected.map(|line| line.replacen('+', "-", 1)).map(turned));
}

/// The same line in the other direction.
fn turned(line: String) -> String {
    let (head, change) = line.rsplit_once(": ").unwrap();
    let (before, after) = change.split_once(" → ").unwrap();
    format!("{head}: {after} → {before}")
}

#[test]
fn another_body_is_a_gain_unless_it_says_the_same() {
    let with = |body: &str| {
        Lake::new()
            .filter("eu", body, false)
            .grant("role:desk", "select-filtered", "DataFilter:eu")
    };
    assert_eq!(gains(&with(EU), &with("REGION  =\n 'DE'")), [""; 0]);
    assert_eq!(
        gains(&with(EU), &with("region = 'de'")),
        ["+ user:ana · table:lake.s.t · rows : filter eu → filter eu, changed ?"]
    );
    let tagged = |dept: &str| with("region IN principal.tag('dept')").attribute("ana", "dept", dept);
    let changed = gains(&tagged("a"), &tagged("b"));
    assert!(
        changed.iter().any(|line| line.contains("filter eu, changed")),
        "{changed:?}"
    );
}

#[test]
fn a_restriction_that_goes_or_is_bypassed_is_a_gain() {
    let open = || Lake::new().grant("role:desk", "select", "Table:t");
    let held = || open().filter("hold", "region = 'DE'", true);
    let expected = ["+ user:ana · table:lake.s.t · rows : all, within hold → all"];
    assert_eq!(gains(&held(), &open()), expected);
    assert_eq!(gains(&open(), &held()), [""; 0]);
    let bypassed = held().grant("user:ana", "bypass-filter", "DataFilter:hold");
    assert_eq!(gains(&held(), &bypassed), expected);
}

#[test]
fn masks_are_compared_by_what_they_show() {
    let open = |lake: Lake| {
        lake.policy(
            "pii",
            "forbid(principal, action == Lakegate::Action::\"Select\", resource == Lakegate::Column::\"ssn\");",
        )
        .grant("role:desk", "select", "Table:t")
        .grant("role:desk", "select-masked", "Column:ssn")
    };
    let masked = |func: &str, rank: i64| open(Lake::new().mask("m", func, rank));
    let column = |before: &str, after: &str| format!("+ user:ana · table:lake.s.t · columns ssn: {before} → {after}");
    assert_eq!(
        gains(&open(Lake::new()), &masked("show-last-4", 10)),
        [column("hidden", "masked by m (show-last-4)")]
    );
    assert_eq!(
        gains(&masked("mask-alphanum", 10), &masked("show-last-4", 10)),
        [column("masked by m (mask-alphanum)", "masked by m (show-last-4)") + " ?"]
    );
    assert_eq!(
        gains(&masked("show-last-4", 10), &masked("replace-with-null", 5)),
        [""; 0]
    );
    let both = |grant: &str| {
        let lake = Lake::new()
            .mask("low", "mask-alphanum", 10)
            .mask("high", "show-last-4", 20);
        let lake = lake.policy(
            "pii",
            "forbid(principal, action == Lakegate::Action::\"Select\", resource == Lakegate::Column::\"ssn\");",
        );
        let lake = lake.grant("role:desk", "select", "Table:t");
        lake.grant("role:desk", "select-masked", &format!("ColumnMask:{grant}"))
    };
    assert_eq!(
        gains(&both("high"), &both("low")),
        [column("masked by high (show-last-4)", "masked by low (mask-alphanum)")]
    );
    assert_eq!(gains(&both("low"), &both("high")), [""; 0]);
    let clear = Lake::new()
        .mask("m", "show-last-4", 10)
        .grant("role:desk", "select", "Table:t");
    assert_eq!(
        gains(&masked("show-last-4", 10), &clear),
        [column("masked by m (show-last-4)", "clear")]
    );
}

#[test]
fn a_gain_that_needs_circumstances_is_seen_with_them() {
    let permit = |when: &str| {
        let text = format!(
            "permit(principal in Lakegate::Role::\"desk\", action == Lakegate::Action::\"SelectFiltered\", resource == Lakegate::DataFilter::\"eu\") when {{ {when} }};"
        );
        base().attribute("ana", "purposes", "fraud").policy("p", &text)
    };
    let none = || base().attribute("ana", "purposes", "fraud");
    for (when, label) in [
        ("context.mfa", "with mfa"),
        ("context.ip.isInRange(ip(\"10.0.0.0/8\"))", "from 10.0.0.0"),
        (
            "context has purpose && context.purpose == \"fraud\"",
            "for purpose fraud",
        ),
        ("context.now > datetime(\"2100-01-01\")", "at 2100-01-01T00:00:00.001Z"),
        ("context.auth_age < duration(\"15m\")", "0 s after log-in"),
        ("context.client == \"flight\"", "through flight"),
    ] {
        let found = gains(&none(), &permit(when));
        let wanted = format!("+ user:ana · table:lake.s.t · rows : none → filter eu ({label})");
        assert!(found.contains(&wanted), "{when}: {found:#?}");
    }
    assert_eq!(
        gains(&none(), &permit("context has purpose && context.purpose == \"other\"")),
        [""; 0],
        "ana may not declare that purpose"
    );
}

#[test]
fn a_forbid_that_goes_and_an_end_that_moves_are_gains() {
    let forbid = |lake: Lake| lake.policy("no", "forbid(principal, action, resource) unless { context.mfa };");
    let open = || base().grant("role:desk", "select-filtered", "DataFilter:eu");
    let found = gains(&forbid(open()), &open());
    assert!(
        found.contains(&"+ user:ana · table:lake.s.t · rows : none → filter eu".to_owned()),
        "{found:#?}"
    );
    let until = |end: &str| base().grant_until("role:desk", "select-filtered", ("DataFilter:eu", end));
    let longer = gains(&until("2090-01-01T00:00:00Z"), &until("2099-01-01T00:00:00Z"));
    assert!(
        longer.contains(
            &"+ user:ana · table:lake.s.t · rows : none → filter eu (at 2090-01-01T00:00:00.000Z)".to_owned()
        ),
        "{longer:#?}"
    );
    assert_eq!(
        gains(&until("2099-01-01T00:00:00Z"), &until("2090-01-01T00:00:00Z")),
        [""; 0]
    );
}

#[test]
fn privileges_are_gained_too_and_told_at_the_top() {
    let admin = |action: &str| {
        let text = format!(
            "permit(principal in Lakegate::Role::\"desk\", action == Lakegate::Action::\"{action}\", resource);"
        );
        base().policy("p", &text)
    };
    assert_eq!(
        gains(&base(), &admin("ManagePolicy")),
        ["+ user:ana · policy-store:default · privileges manage-policy: no → yes"]
    );
    let granting = gains(&base(), &admin("Grant"));
    assert!(
        granting.contains(&"+ user:ana · tenant:default · privileges grant select: no → yes".to_owned()),
        "{granting:#?}"
    );
    assert!(
        !granting.iter().any(|line| line.contains("table:lake.s.t")),
        "{granting:#?}"
    );
    assert!(!gains(&base(), &admin("Impersonate")).is_empty());
    assert_eq!(
        gains(&base(), &base().grant("role:desk", "alter", "Database:s")),
        ["+ user:ana · database:lake.s · privileges alter: no → yes"]
    );
    let passing = base().grant_with_option("role:desk", "describe", "Table:t");
    let found = gains(&base().grant("role:desk", "describe", "Table:t"), &passing);
    assert_eq!(found, ["+ user:ana · table:lake.s.t · grant-option describe: no → yes"]);
}

#[test]
fn what_is_new_is_a_gain_by_its_data_alone() {
    let old = Lake::new()
        .grant("role:desk", "select", "Database:s")
        .grant("role:desk", "alter", "Database:s")
        .without_table();
    let new = Lake::new()
        .grant("role:desk", "select", "Database:s")
        .grant("role:desk", "alter", "Database:s");
    assert_eq!(
        gains(&old, &new),
        [
            "+ user:ana · table:lake.s.t · rows : none → all",
            "+ user:ana · table:lake.s.t · columns id,region,ssn: hidden → clear",
        ],
        "who may alter everything in the database gains nothing by a table in it"
    );
}

#[test]
fn another_source_is_a_gain_for_readers() {
    let open = || Lake::new().grant("role:desk", "select", "Table:t");
    assert_eq!(
        gains(&open(), &open().moved("hr/")),
        ["+ user:ana · table:lake.s.t · source location: as it was → another ?"]
    );
    assert_eq!(gains(&Lake::new(), &Lake::new().moved("hr/")), [""; 0]);
}

#[test]
fn people_gain_by_their_roles_and_nobody_by_being_there() {
    let open = || base().grant("role:desk", "select-filtered", "DataFilter:eu");
    assert_eq!(gains(&open(), &open().user("eve", &[])), [""; 0]);
    let joined = gains(&open(), &open().user("eve", &["desk"]));
    assert!(
        joined.contains(&"+ user:eve · table:lake.s.t · rows : none → filter eu".to_owned()),
        "{joined:#?}"
    );
    let role = gains(
        &open().user("eve", &[]),
        &open().user("eve", &[]).role("crew", &["desk"]),
    );
    assert!(
        role.contains(&"+ role:crew · table:lake.s.t · rows : none → filter eu".to_owned()),
        "a token may bring the role: {role:#?}"
    );
    let everybody = base().policy(
        "all",
        "permit(principal, action == Lakegate::Action::\"SelectFiltered\", resource == Lakegate::DataFilter::\"eu\");",
    );
    assert!(
        gains(&base(), &everybody)
            .iter()
            .any(|line| line.starts_with("+ everybody,user:ana"))
    );
}

#[test]
fn many_users_cost_as_much_as_their_kinds() {
    let lake = |granted: bool| {
        let mut lake = base();
        for number in 0..20_000 {
            lake = lake.user(&format!("u{number}"), &["desk"]);
        }
        if granted {
            lake.grant("role:desk", "select-filtered", "DataFilter:eu")
        } else {
            lake
        }
    };
    let (before, after) = (lake(false).snapshot(), lake(true).snapshot());
    let effects = compare(&before, &after, Utc::now()).unwrap();
    assert_eq!(effects.0.len(), 2);
    assert!(
        effects
            .0
            .iter()
            .all(|effect| effect.compared && effect.who.len() == 20_001)
    );
}

#[test]
fn what_was_not_tried_says_so() {
    let text = "permit(principal in Lakegate::Role::\"desk\", action == Lakegate::Action::\"Select\", resource) when { context has via_view };";
    let found = gains(&base(), &base().policy("v", text));
    assert!(
        found
            .iter()
            .any(|line| line.contains("policy `v` asks for `via_view`") && line.ends_with('?')),
        "{found:#?}"
    );
}

#[test]
fn what_a_definer_gains_is_lent_to_the_readers_of_the_view() {
    let lake = |definer: Option<&str>| {
        let lake = base()
            .user("dana", &[])
            .view(definer)
            .grant("role:desk", "select", "View:v");
        lake.grant("user:dana", "select-filtered", "DataFilter:eu")
    };
    let wider = |definer: Option<&str>| lake(definer).grant("user:dana", "select", "Table:t");
    let found = gains(&lake(Some("dana")), &wider(Some("dana")));
    let lent = "+ user:ana · view:lake.s.v · source what its definer sees of lake.s.t: as it was → another ?";
    assert!(found.contains(&lent.to_owned()), "{found:#?}");
    let own = gains(&lake(None), &wider(None));
    assert!(
        !own.iter().any(|line| line.contains("view:")),
        "readers of an invoker view see by their own rights: {own:#?}"
    );
    let held = |definer| lake(definer).filter("hold", "region = 'FR'", true);
    let freed = gains(&held(Some("dana")), &lake(Some("dana")));
    assert!(
        freed.contains(&lent.to_owned()),
        "a restriction binds the reader too: {freed:#?}"
    );
    let changed = gains(&lake(None), &lake(Some("dana")));
    assert!(
        changed
            .iter()
            .any(|line| line.starts_with("+ user:ana · view:lake.s.v · source security")),
        "{changed:#?}"
    );
    let opened = gains(&base().user("dana", &[]).view(None), &lake(None));
    assert!(
        opened.contains(&"+ user:ana · view:lake.s.v · rows : none → all".to_owned()),
        "{opened:#?}"
    );
}

/// What a filter looks up is what its publisher sees: whoever gives the publisher more gives those more whom the filter binds.
#[test]
fn what_a_publisher_sees_more_is_a_gain_of_those_whom_the_filter_binds() {
    for restrictive in [false, true] {
        let (privilege, object) = if restrictive {
            ("select", "Table:t")
        } else {
            ("select-filtered", "DataFilter:mapped")
        };
        let before = || {
            Lake::new()
                .user("dana", &[])
                .user("eve", &[])
                .mapped("dana", restrictive)
                .grant("user:ana", privilege, object)
        };
        assert_eq!(gains(&before(), &before()), [""; 0]);
        let expected = "+ user:ana · table:lake.s.t · rows what dana sees of lake.s.m: as it was → another ?";
        let told = |after: Lake| {
            gains(&before(), &after)
                .into_iter()
                .filter(|line| line.contains("lake.s.t "))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(before().grant("user:dana", "select", "Table:m")), [expected]);
        // What somebody else sees of it is nothing to them, and what dana sees no more neither.
        assert_eq!(told(before().grant("user:eve", "select", "Table:m")), [""; 0]);
        let seen = || before().grant("user:dana", "select", "Table:m");
        let lines = gains(&seen(), &before());
        assert_eq!(lines, [""; 0]);
    }
}
