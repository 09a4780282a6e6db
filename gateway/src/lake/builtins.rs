//! What does every data directory begin with? Role and user `admin`, workgroup `primary`, and three editable policies.
//!
//! The first lake that names an editable one takes it over; when that lets go of it, the built-in is back (ADR 0007).

use std::collections::BTreeMap;

use lakegate_catalog::{
    Store,
    governance::Policy,
    id::ObjectId,
    identity::{Key, Role, User, Workgroup},
    object::{BUILTIN_LAKE, Kind},
    snapshot::Snapshot,
};
use lakegate_policy::{Statement, resolve_names, split_policies};

use super::{
    ATTEMPTS, ApplyError,
    change::{self, ChangeKind},
    commit::commit,
    draft::{Draft, Seat, Writer},
    entry::Names,
    finish,
    judge::Judge,
    moved,
    problem::{Place, Problem, ProblemCode},
    snapshot,
};

/// Name of the role, and of the user in it.
pub const ADMIN: &str = "admin";
/// Name of the workgroup that everybody may use.
pub const PRIMARY: &str = "primary";

const POLICIES: &str = include_str!("builtins.cedar");

/// What the built-ins are after a start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Builtins {
    /// Epoch from now on.
    pub version: i64,
    /// The given key was stored; otherwise key `admin` was there already.
    pub key_stored: bool,
}

/// Makes sure that the built-ins are there. `admin_key`: HMAC (`auth::api_key::hmac_hex`) of a key for the user `admin`, to be
/// stored as key `admin` unless there is one.
///
/// # Errors
/// When the store cannot be used.
pub async fn ensure_builtins(store: &Store, admin_key: Option<&str>) -> Result<Builtins, ApplyError> {
    for _ in 0..ATTEMPTS {
        let snapshot = snapshot(store).await?;
        let version = snapshot.version;
        let mut draft = Draft::new(snapshot, BTreeMap::new(), Writer::Builtin);
        write(&mut draft, admin_key);
        finish(&mut draft)?;
        let difference = change::difference(&draft);
        if difference.puts.is_empty() {
            return Ok(Builtins {
                version,
                key_stored: false,
            });
        }
        let key_stored = difference
            .changes
            .iter()
            .any(|change| change.kind == Kind::Key && change.change == ChangeKind::Created);
        if let Some(version) = commit(store, (None, &Judge::Operator), version, difference).await? {
            return Ok(Builtins { version, key_stored });
        }
    }
    Err(moved())
}

/// Is it a policy that every data directory begins with?
pub(super) fn is_policy(name: &str) -> bool {
    statement(name).is_some()
}

/// Is it the server's own, which no lake and no caller redefines?
pub(crate) fn is_fixed(kind: Kind, name: &str) -> bool {
    matches!(kind, Kind::Role | Kind::User | Kind::Key) && name.eq_ignore_ascii_case(ADMIN)
}

/// Puts an editable built-in back into its place as it was in the beginning. `false`: it is no built-in.
pub(crate) fn restore(draft: &mut Draft, kind: Kind, id: &ObjectId) -> bool {
    let before = std::sync::Arc::clone(&draft.before);
    let place = Place::of_input("builtins");
    let seat = |name| Seat {
        parent: None,
        name,
        place: &place,
    };
    let lake = BUILTIN_LAKE.to_owned();
    let name = match kind {
        Kind::Workgroup => {
            let Some(known) = before.workgroup(id).filter(|known| known.name == PRIMARY) else {
                return false;
            };
            draft.write_for(lake, Some(known), &seat(PRIMARY), primary());
            known.name.clone()
        }
        Kind::Policy => {
            let found = before.policies.iter().find(|known| known.id == *id);
            let Some((known, statement)) = found.and_then(|known| Some((known, statement(&known.name)?))) else {
                return false;
            };
            let Ok(body) = policy(&statement, &before) else {
                return false;
            };
            draft.write_for(lake, Some(known), &seat(&statement.id), body);
            known.name.clone()
        }
        _ => return false,
    };
    draft.named.insert((kind, id.clone()));
    draft
        .warnings
        .push(format!("{kind} `{name}` is the built-in one again"));
    true
}

fn primary() -> Workgroup {
    Workgroup {
        concurrency: 20,
        queue: 200,
        max_scanned_bytes_per_query: None,
        price_per_tb: None,
        disabled: false,
    }
}

fn statement(id: &str) -> Option<Statement> {
    let statements = split_policies(POLICIES).ok()?;
    statements.into_iter().find(|statement| statement.id == id)
}

fn policy(statement: &Statement, snapshot: &Snapshot) -> Result<Policy, Vec<lakegate_policy::PolicyProblem>> {
    Ok(Policy {
        text: statement.text.clone(),
        resolved: resolve_names(statement, &Names(snapshot))?,
    })
}

/// Writes what is missing and leaves what is there, edited or not. `admin_key`: HMAC of a key for the user, if it has none
/// of that name.
pub(crate) fn write(draft: &mut Draft, admin_key: Option<&str>) {
    let place = Place::of_input("builtins");
    let seat = |name| Seat {
        parent: None,
        name,
        place: &place,
    };
    if draft.after.find_role(ADMIN).is_none() {
        let comment = Some("administers; sees no data by itself".to_owned());
        draft.write(
            None,
            &seat(ADMIN),
            Role {
                member_of: Vec::new(),
                comment,
            },
        );
    }
    draft.reindex();
    if draft.after.find_user(ADMIN).is_none() {
        let roles = draft
            .after
            .find_role(ADMIN)
            .map(|role| role.id.clone())
            .into_iter()
            .collect();
        let body = User {
            kind: "human".to_owned(),
            clearance: 0,
            roles,
            attributes: Default::default(),
            subjects: Vec::new(),
        };
        draft.write(None, &seat(ADMIN), body);
    }
    draft.reindex();
    if let (Some(hmac), None, Some(admin)) = (admin_key, draft.after.find_key(ADMIN), draft.after.find_user(ADMIN)) {
        let body = Key {
            user: admin.id.clone(),
            hmac: hmac.to_owned(),
            secret_ref: None,
            expires: None,
        };
        draft.write(None, &seat(ADMIN), body);
    }
    if draft.after.find_workgroup(PRIMARY).is_none() {
        draft.write(None, &seat(PRIMARY), primary());
    }
    draft.reindex();
    policies(draft, &place);
    draft.reindex();
}

fn policies(draft: &mut Draft, place: &Place) {
    let wrong = |problem: lakegate_policy::PolicyProblem| {
        Problem::new(ProblemCode::Internal, place, problem.to_string(), problem.remedy)
    };
    let statements = match split_policies(POLICIES) {
        Ok(statements) => statements,
        Err(found) => return draft.problems.extend(found.into_iter().map(wrong)),
    };
    for statement in statements {
        if draft.after.find_policy(&statement.id).is_some() {
            continue;
        }
        let seat = Seat {
            parent: None,
            name: &statement.id,
            place,
        };
        match policy(&statement, &draft.after) {
            Ok(body) => {
                draft.write(None, &seat, body);
            }
            Err(found) => draft.problems.extend(found.into_iter().map(wrong)),
        }
    }
}
