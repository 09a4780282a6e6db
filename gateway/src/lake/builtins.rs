//! What does every data directory begin with? Role and user `admin`, workgroup `primary`, and three editable policies.

use lakegate_catalog::{
    governance::Policy,
    identity::{Key, Role, User, Workgroup},
};
use lakegate_policy::resolve_names;

use super::{
    draft::{Draft, Seat},
    entry::Names,
    problem::{Place, Problem, ProblemCode},
};

/// Name of the role, and of the user in it.
pub const ADMIN: &str = "admin";
/// Name of the workgroup that everybody may use.
pub const PRIMARY: &str = "primary";

const POLICIES: &str = include_str!("builtins.cedar");

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
        let body = Workgroup {
            concurrency: 20,
            queue: 200,
            max_scanned_bytes_per_query: None,
            price_per_tb: None,
            disabled: false,
        };
        draft.write(None, &seat(PRIMARY), body);
    }
    draft.reindex();
    policies(draft, &place);
    draft.reindex();
}

fn policies(draft: &mut Draft, place: &Place) {
    let wrong = |problem: lakegate_policy::PolicyProblem| {
        Problem::new(ProblemCode::Internal, place, problem.to_string(), problem.remedy)
    };
    let statements = match lakegate_policy::split_policies(POLICIES) {
        Ok(statements) => statements,
        Err(found) => return draft.problems.extend(found.into_iter().map(wrong)),
    };
    for statement in statements {
        if draft.after.find_policy(&statement.id).is_some() {
            continue;
        }
        match resolve_names(&statement, &Names(&draft.after)) {
            Ok(resolved) => {
                let body = Policy {
                    text: statement.text.clone(),
                    resolved,
                };
                draft.write(
                    None,
                    &Seat {
                        parent: None,
                        name: &statement.id,
                        place,
                    },
                    body,
                );
            }
            Err(found) => draft.problems.extend(found.into_iter().map(wrong)),
        }
    }
}
