//! Would somebody who asked for a table see something else under another catalog? Decided again, never run.

use std::{collections::BTreeMap, net::IpAddr};

use lakegate_catalog::{id::ObjectId, identity::User, snapshot::Snapshot};
use lakegate_policy::{PolicyProblem, RequestContext};

use super::{
    Affected, Direction,
    compare::Pair,
    effect::{Happening, Part},
    sides,
    sight::{Relation, Side, Sight},
};

/// One attempt to read a table, as it is recorded.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Attempt {
    /// Ids of user and table.
    pub principal: ObjectId,
    pub table: ObjectId,
    /// Milliseconds since 1970-01-01 UTC.
    pub at: i64,
    pub address: Option<IpAddr>,
    /// Id of the workgroup; empty: unknown.
    pub workgroup: String,
    pub client: String,
    pub purpose: Option<String>,
}

/// How an attempt would be decided otherwise.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Otherwise {
    pub gain: bool,
    pub loss: bool,
    /// In words: `rows: filter eu → all`.
    pub differences: Vec<String>,
}

/// Decides attempts on the tables of `before` again, under both; `None`: the same. A second factor is not recorded: an attempt
/// that differs with or without one differs.
///
/// # Errors
/// Every problem of the policies of `after`.
pub fn replay(
    (before, after): (&Snapshot, &Snapshot),
    attempts: &[Attempt],
) -> Result<Vec<Option<Otherwise>>, Vec<PolicyProblem>> {
    let sides = sides(before, after)?;
    let mut by_table: BTreeMap<(&ObjectId, &ObjectId), Vec<usize>> = BTreeMap::new();
    for (at, attempt) in attempts.iter().enumerate() {
        by_table
            .entry((&attempt.table, &attempt.principal))
            .or_default()
            .push(at);
    }
    let mut answers = vec![None; attempts.len()];
    for ((table, principal), positions) in by_table {
        let readers = (
            Reader::new(&sides.0, table, principal),
            Reader::new(&sides.1, table, principal),
        );
        for at in positions {
            if let (Some(attempt), Some(answer)) = (attempts.get(at), answers.get_mut(at)) {
                *answer = differs((&readers.0, &readers.1), attempt);
            }
        }
    }
    Ok(answers)
}

/// One user before one table; neither need be there.
struct Reader<'a> {
    user: Option<&'a User>,
    relation: Option<Relation<'a>>,
}

impl<'a> Reader<'a> {
    fn new(side: &'a Side<'a>, table: &ObjectId, principal: &'a ObjectId) -> Self {
        let user = side.snapshot.user(principal).map(|user| &user.body);
        let path = side.snapshot.relation_path(table);
        let relation = path
            .zip(user)
            .and_then(|(path, user)| Relation::new(side, &path, &[(principal, user)]).ok());
        Self { user, relation }
    }

    fn sight(&self, principal: &ObjectId, request: &RequestContext) -> Sight {
        match (&self.relation, self.user) {
            (Some(relation), Some(user)) => relation.sight((principal, user), request),
            _ => Sight::default(),
        }
    }
}

fn differs((before, after): (&Reader<'_>, &Reader<'_>), attempt: &Attempt) -> Option<Otherwise> {
    let object = Affected {
        name: String::new(),
        entity_type: "Table".to_owned(),
        id: attempt.table.to_string(),
    };
    let mut found = Otherwise::default();
    for (mfa, auth_age_ms) in [(false, None), (true, Some(0))] {
        let request = RequestContext {
            now: attempt.at,
            ip: attempt.address.unwrap_or(IpAddr::from([192, 0, 2, 1])),
            mfa,
            auth_age_ms,
            workgroup: attempt.workgroup.clone(),
            client: attempt.client.clone(),
            purpose: attempt.purpose.clone(),
            via_view: None,
            on_behalf_of: None,
            ticket: None,
        };
        let pair = Pair {
            object: &object,
            before: &before.sight(&attempt.principal, &request),
            after: &after.sight(&attempt.principal, &request),
            source: &[],
        };
        for happening in pair.happenings() {
            found.gain |= happening.direction == Direction::Gain;
            found.loss |= happening.direction == Direction::Loss;
            let words = words(&happening);
            if !found.differences.contains(&words) {
                found.differences.push(words);
            }
        }
    }
    (found != Otherwise::default()).then_some(found)
}

fn words(happening: &Happening) -> String {
    let change = format!("{} → {}", happening.before, happening.after);
    match happening.part {
        Part::Columns => format!("columns {}: {change}", happening.items.join(", ")),
        part => format!("{}: {change}", part.word()),
    }
}
