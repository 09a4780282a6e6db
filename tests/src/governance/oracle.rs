//! Does what was seen keep the promises? O1 DIFF, O2 CANARY, O3 NI, O5 SAME404 and O6 AUDIT as functions that tell what is wrong.
//!
//! O4 is `probe`; O7 needs a fault first, and is `denied`.

use lakegate_catalog::audit::AuditEvent;
use lakegate_query::error::ErrorCode;

use super::seen::{Look, Seen};
use crate::{fixture::CANARIES, world::World};

/// Everything that is wrong.
pub type Complaints = Vec<String>;

/// Codes that only a defect of ours has.
const OURS: [&str; 2] = ["PLAN_INVARIANT", "INTERNAL_ERROR"];

/// Words of policies, masks and sources that no plan and no error may show, unless the statement itself says them.
const SECRETS: [&str; 12] = [
    "legal_hold <=",
    "last4",
    "show-last",
    "lakegate_mask",
    ".parquet",
    ".csv",
    ".ndjson",
    "sqlite",
    "world_",
    "OFFSET 0",
    "a-visible",
    "b-hidden",
];

/// O1: rows, or the code of the failure, are those of the same statement over a physically filtered and masked copy, which `plain`
/// may read as it is.
pub async fn diff(world: &World, seen: &Seen, sql: &str, copy: &str) -> Complaints {
    diff_by(world, seen, sql, &sql.replace("orders", copy)).await
}

/// O1 with a statement over the copy that is worded another way.
pub async fn diff_by(world: &World, seen: &Seen, sql: &str, wording: &str) -> Complaints {
    let expected = Seen::of(world, "plain", wording, Look::Answer).await;
    if seen.outcome() == expected.outcome() {
        return Vec::new();
    }
    vec![format!("O1: {sql}\n--- over the copy\n{expected}\n--- got\n{seen}")]
}

/// O2: no canary, no secret of a policy or source, no path; what the statement says itself does not count.
pub fn canary(world: &World, sql: &str, texts: &[&str], canaries: &[&str]) -> Complaints {
    let directory = world.directory().to_string_lossy().into_owned();
    let forbidden = canaries.iter().copied().chain(SECRETS).chain([directory.as_str()]);
    let found = forbidden.filter(|secret| !sql.contains(*secret) && texts.iter().any(|text| text.contains(*secret)));
    found
        .map(|secret| format!("O2: {sql}: `{secret}` in\n{}", texts.join("\n")))
        .collect()
}

/// O2 with the canaries of the fixture.
pub fn no_canary(world: &World, sql: &str, seen: &Seen) -> Complaints {
    let mut complaints = canary(world, sql, &[&seen.text()], &CANARIES);
    if let Some((code, message)) = &seen.failure
        && OURS.contains(code)
    {
        complaints.push(format!("{sql}: {code} {message}"));
    }
    complaints
}

/// O3: what was seen over two databases that differ only in what may not be seen.
pub fn indistinguishable(sql: &str, one: &Seen, other: &Seen) -> Complaints {
    if one == other {
        return Vec::new();
    }
    vec![format!("O3: {sql}\n--- one\n{one:?}\n--- other\n{other:?}")]
}

/// O5: the statement about what is hidden fails as the one about what does not exist, but for the name.
pub async fn same_404(world: &World, user: &str, sql: &str, names: [&str; 2]) -> Complaints {
    let [hidden, missing] = names;
    let one = world.outcome(user, sql).await;
    let other = world.outcome(user, &sql.replace(hidden, missing)).await;
    let one = one.map_err(|(code, message)| (code, message.replace(hidden, missing)));
    if one == other && one.is_err() {
        return Vec::new();
    }
    vec![format!(
        "O5: {user}: {sql}\n--- hidden\n{one:?}\n--- missing\n{other:?}"
    )]
}

/// What the audit must tell of a relation.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    pub user: &'a str,
    pub resource: &'a str,
    /// `allow` or `deny`.
    pub decision: &'a str,
    /// How many permissive filters and restrictive ones were in force.
    pub filters: [usize; 2],
    /// Columns and functions.
    pub masks: &'a [(&'a str, &'a str)],
    pub hidden: &'a [&'a str],
}

impl Recorded<'_> {
    /// What alice's look at `orders` leaves.
    pub fn alice(resource: &str) -> Recorded<'_> {
        Recorded {
            user: "alice",
            resource,
            decision: "allow",
            filters: [2, 1],
            masks: &[("email", "hmac-sha-256"), ("ssn", "show-last-4")],
            hidden: &["customer"],
        }
    }

    fn is_told_by(&self, event: &AuditEvent) -> bool {
        // Function and version.
        let masks = event.masks.iter().map(|(column, mask)| {
            let function = mask.split('@').next().unwrap_or_default();
            (column.as_str(), function)
        });
        event.principal == self.user
            && event.decision == self.decision
            && [event.filters.len(), event.restrictive.len()] == self.filters
            && masks.eq(self.masks.iter().copied())
            && event.hidden == self.hidden
            && event.policy_version.is_some()
            && (self.decision == "deny" || !event.policies.is_empty())
    }
}

/// O6: one attempt for the relation with ids of policies, filters and masks, and one outcome; neither holds a value.
pub async fn audited(world: &World, sql: &str, seen: &Seen, expected: Recorded<'_>) -> Complaints {
    let Some(id) = &seen.id.0 else {
        // What was never a query has a record without an id.
        let rows = seen.rows.as_ref().map(|_| format!("O6: {sql}: rows without a query"));
        return rows.into_iter().collect();
    };
    let events = world.audit_of(id).await;
    let mut complaints = Vec::new();
    let wrong = |what: &str| format!("O6: {sql}: {what}\n{events:?}");
    let attempts: Vec<&AuditEvent> = events
        .iter()
        .filter(|event| event.kind == "query.attempt" && event.resource.ends_with(expected.resource))
        .collect();
    match attempts.as_slice() {
        [attempt] if expected.is_told_by(attempt) => {}
        _ => complaints.push(wrong("not one attempt as expected")),
    }
    let outcomes: Vec<&AuditEvent> = events.iter().filter(|event| event.kind == "query.outcome").collect();
    let ended = seen.failure.as_ref().map_or("ok", |(code, _)| code);
    match outcomes.as_slice() {
        [outcome] if outcome.outcome == ended => {}
        _ => complaints.push(wrong(&format!("not one outcome `{ended}`"))),
    }
    let text = format!("{events:?}");
    // Not the canaries that are numbers: ids and moments may hold their digits.
    if ["CANARY", "CHANGED"].iter().any(|canary| text.contains(canary)) {
        complaints.push(wrong("a value"));
    }
    complaints
}

/// O6 of a query on behalf of somebody: the right to act for them is an attempt, and every event of the query names them.
pub async fn audited_for(world: &World, sql: &str, seen: &Seen, user: &str) -> Complaints {
    let Some(id) = &seen.id.0 else {
        return Vec::new();
    };
    let events = world.audit_of(id).await;
    let impersonated = format!("user:{user}");
    let is_right = |event: &AuditEvent| event.action == "Impersonate" && event.resource == impersonated;
    let names = |event: &AuditEvent| event.details.get("on_behalf_of").is_some_and(|name| name == user);
    let right = events.iter().filter(|event| is_right(event)).count();
    if right == 1 && events.iter().all(|event| is_right(event) || names(event)) {
        return Vec::new();
    }
    vec![format!("O6: {sql}: not for `{user}`\n{events:?}")]
}

/// O7: after a fault, one generic denial, and never a row.
pub async fn denied(world: &World, user: &str, sql: &str, code: ErrorCode) -> Complaints {
    match world.run(user, sql).await {
        Err(error) if error.code == code => canary(world, sql, &[&error.to_string()], &CANARIES),
        Err(error) => vec![format!(
            "O7: {user}: {sql}: {} and not {}",
            error.code.text(),
            code.text()
        )],
        Ok(answer) => vec![format!("O7: {user}: {sql}: rows\n{}", answer.text())],
    }
}

/// Panics with all complaints.
#[track_caller]
pub fn assert_none(complaints: &[String]) {
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}",
        complaints.len(),
        complaints.join("\n\n")
    );
}
