//! Who would gain or lose what by a lake, how much of it may its applier know, and has somebody approved it (docs/adr/0017)?

use std::sync::Arc;

use chrono::Utc;
use hmac::{Hmac, Mac, digest::KeyInit};
use lakegate_catalog::{id::ObjectId, object::Kind, snapshot::Snapshot};
use lakegate_policy::{Action, PolicyProblem};
use lakegate_query::{
    entities::ObjectRef,
    gains::{Affected, Direction, Effect, Effects, compare},
};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    ApplyError,
    change::{ChangeKind, Difference},
    draft::{Draft, copy},
    entry::Picture,
    judge::Judge,
    problem::{Place, Problem, ProblemCode},
    resource,
};

/// What changes for others, as far as the applier may know it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Effects on objects that the applier may describe: how many, whether they are listed or not.
    pub gains: usize,
    pub losses: usize,
    /// Approves exactly these gains on exactly this catalog; none if nobody gains anything.
    pub digest: Option<String>,
    /// Empty without `SimulateAs`.
    pub effects: Vec<Effect>,
}

/// Which gains may be stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule<'a> {
    /// Those with this digest; without one none.
    Approved(Option<&'a str>),
    /// All: the change is the operator's, or one of a single route.
    Free,
}

/// An approval, for the audit trail.
#[derive(Clone, Debug)]
pub(crate) struct Approval {
    pub digest: String,
    pub gains: usize,
}

/// What the difference of a draft does to whom.
///
/// # Errors
/// When policies do not publish, or the comparison breaks off.
pub(super) async fn told(
    (judge, pepper): (&Judge<'_>, &[u8]),
    draft: &Draft,
    difference: &Difference,
) -> Result<(Told, usize), ApplyError> {
    let before = Arc::clone(&draft.before);
    let after = copy(&draft.after).indexed();
    let effects = between(before, Arc::new(after)).await?;
    let gains = effects.gains().count();
    let digest = match gains {
        0 => None,
        // A key of any length will do.
        _ => Some(digest(pepper, draft, difference, &effects).ok_or_else(|| broken("the key of digests is unusable"))?),
    };
    let known = |kind: Kind, id: &ObjectId| !resource::is_stored(&draft.before, kind, id) || judge.sees(kind, id);
    let snapshots = [&*draft.before, &draft.after];
    Ok((seen(judge, (effects, digest), snapshots, known), gains))
}

/// Compares two catalogs beside the threads that serve.
pub(crate) async fn between(before: Arc<Snapshot>, after: Arc<Snapshot>) -> Result<Effects, ApplyError> {
    let task = tokio::task::spawn_blocking(move || compare(&before, &after, Utc::now()));
    match task.await {
        Ok(compared) => compared.map_err(unpublished),
        Err(error) => Err(broken(&error.to_string())),
    }
}

/// The refusal of policies that do not publish.
pub(super) fn unpublished(problems: Vec<PolicyProblem>) -> ApplyError {
    let place = Place::of_input("catalog");
    let problem =
        |problem: PolicyProblem| Problem::new(ProblemCode::PolicyInvalid, &place, problem.to_string(), problem.remedy);
    ApplyError::of(problems.into_iter().map(problem).collect())
}

pub(super) fn broken(cause: &str) -> ApplyError {
    tracing::error!(cause, "the effects of a change cannot be computed");
    let message = "the effects of the change cannot be computed";
    let place = Place::of_input("catalog");
    ApplyError::one(Problem::new(
        ProblemCode::Internal,
        &place,
        message,
        "report it with the server's log",
    ))
}

/// What one caller may know of effects on others: entries need `SimulateAs`, each object the right to read its entry.
pub(crate) fn seen(
    judge: &Judge<'_>,
    (effects, digest): (Effects, Option<String>),
    snapshots: [&Snapshot; 2],
    known: impl Fn(Kind, &ObjectId) -> bool,
) -> Told {
    let effects: Vec<Effect> = effects
        .0
        .into_iter()
        .filter(|effect| describes(&effect.object, snapshots, &known))
        .collect();
    let count = |direction| effects.iter().filter(|effect| effect.direction == direction).count();
    let (gains, losses) = (count(Direction::Gain), count(Direction::Loss));
    let listed = judge.may(Action::SimulateAs, &ObjectRef::policy_store());
    Told {
        gains,
        losses,
        digest,
        effects: if listed { effects } else { Vec::new() },
    }
}

/// May the caller know of this object? `known` asks for the entry of one.
fn describes(object: &Affected, snapshots: [&Snapshot; 2], known: &impl Fn(Kind, &ObjectId) -> bool) -> bool {
    let id = ObjectId::from_stored(object.id.as_str());
    let kind = match object.entity_type.as_str() {
        // There is one of each, and everybody knows of it.
        "PolicyStore" | "Tenant" => return true,
        "Query" => Kind::Workgroup,
        "DataLocation" => Kind::Connection,
        "Column" => {
            let column = id.column().unwrap_or(id);
            let found = snapshots.iter().find_map(|snapshot| {
                let (relation, _) = snapshot.column_of_relation(&column)?;
                Some((relation_kind(snapshot, relation), relation.clone()))
            });
            return found.is_some_and(|(kind, relation)| known(kind, &relation));
        }
        other => match Kind::ALL.into_iter().find(|kind| kind.entity_type() == Some(other)) {
            Some(kind) => kind,
            None => return false,
        },
    };
    known(kind, &id)
}

/// Is this a table or a view?
pub(super) fn relation_kind(snapshot: &Snapshot, relation: &ObjectId) -> Kind {
    match snapshot.view(relation) {
        Some(_) => Kind::View,
        None => Kind::Table,
    }
}

/// Refuses gains that nobody has approved.
pub(super) fn approve(rule: Rule<'_>, told: &Told, gains: usize) -> Result<Option<Approval>, ApplyError> {
    let (Rule::Approved(given), Some(digest)) = (rule, &told.digest) else {
        return Ok(None);
    };
    if given == Some(digest.as_str()) {
        return Ok(Some(Approval {
            digest: digest.clone(),
            gains,
        }));
    }
    let message = match given {
        None => "the change lets somebody see or do more, which needs an approval",
        Some(_) => "the approval is for other gains, or for another state of the catalog",
    };
    let remedy = format!("look at the gains, then approve exactly these: `--approve-gains {digest}`");
    let problem = Problem::new(ProblemCode::GainsUnapproved, &Place::of_input("lake"), message, remedy);
    Err(ApplyError {
        told: Some(Box::new(told.clone())),
        ..ApplyError::one(problem)
    })
}

/// Covers the epoch, every change with the entry that it makes, and every gain. Keyed: who may not see the gains cannot guess
/// them by their digest.
fn digest(pepper: &[u8], draft: &Draft, difference: &Difference, effects: &Effects) -> Option<String> {
    let picture = Picture {
        snapshot: &draft.after,
        partitions: &draft.partitions,
    };
    let changes = difference
        .changes
        .iter()
        .filter(|change| change.change != ChangeKind::Unchanged);
    let changes: Vec<Value> = changes
        .map(|change| {
            let entry = resource::entry_of(picture, change.kind, &change.id);
            let partition = difference
                .puts
                .iter()
                .find(|put| put.kind == Kind::Partition && put.id == change.id);
            json!([
                change.kind,
                change.name,
                change.change,
                entry,
                partition.map(|put| &put.body)
            ])
        })
        .collect();
    let gains: Vec<Value> = effects
        .gains()
        .map(|gain| {
            let who: Vec<String> = gain.who.iter().map(ToString::to_string).collect();
            json!([
                gain.object.name,
                gain.part.word(),
                gain.items,
                gain.before,
                gain.after,
                gain.when,
                gain.compared,
                who
            ])
        })
        .collect();
    let text = json!(["gains/1", draft.before.version, changes, gains]).to_string();
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(pepper).ok()?;
    mac.update(text.as_bytes());
    Some(hex::encode(mac.finalize().into_bytes()).chars().take(32).collect())
}
