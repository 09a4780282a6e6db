//! Who reads with which credential of a connection?

use lakegate_catalog::{
    connection::{CallerCredential, CredentialOf},
    identity::User,
};
use lakegate_connectors::{
    connector::Connector,
    option::{OptionPlace, OptionProblem, OptionProblemKind},
};

use super::{role, unknown};
use crate::lake::{
    draft::Draft,
    model::{CallerCredentialEntry, ConnectionEntry, EVERYONE, Entry},
    node::Node,
    problem::{Place, Problem},
};

/// The credentials of an entry, resolved; what is wrong with them is a problem of the draft.
pub(super) fn credentials(
    draft: &mut Draft,
    entry: &Entry<ConnectionEntry>,
    connector: &dyn Connector,
) -> Vec<CallerCredential> {
    let mut found: Vec<CallerCredential> = Vec::new();
    let nodes: Vec<&Node> = entry
        .node
        .get("credentials")
        .into_iter()
        .flat_map(Node::items)
        .collect();
    for (at, other) in entry.body.credentials.iter().enumerate() {
        let place = nodes.get(at).map_or(&entry.place, |node| &node.place).clone();
        members(draft, entry, other, connector, &place);
        let Some(who) = who(draft, &other.who, &place) else {
            continue;
        };
        let taken = |earlier: &&CallerCredential| earlier.who == who || earlier.who == CredentialOf::Everyone;
        if let Some(earlier) = found.iter().find(taken) {
            let earlier = if earlier.who == CredentialOf::Everyone {
                EVERYONE
            } else {
                &other.who
            };
            draft.invalid(
                &place,
                format!(
                    "the credential for `{}` is never used: `{earlier}` stands before it",
                    other.who
                ),
                "the first that fits counts: take one of them away, or change their order",
            );
        }
        found.push(CallerCredential {
            who,
            credential: other.credential.clone(),
        });
    }
    found
}

fn who(draft: &mut Draft, text: &str, place: &Place) -> Option<CredentialOf> {
    match text.split_once(':') {
        Some(("user", name)) => {
            let id = draft.after.resolve("User", name);
            if id.is_none() {
                unknown::<User>(draft, "user", name, place);
            }
            id.map(CredentialOf::User)
        }
        Some(("role", name)) => role(draft, name, place).map(CredentialOf::Role),
        _ if text == EVERYONE => Some(CredentialOf::Everyone),
        _ => {
            let message = format!("`{text}` is nobody's name");
            draft.invalid(place, message, "write `user:NAME`, `role:NAME` or `everyone`");
            None
        }
    }
}

/// A credential of its own has the members that the connector wants.
fn members(
    draft: &mut Draft,
    entry: &Entry<ConnectionEntry>,
    other: &CallerCredentialEntry,
    connector: &dyn Connector,
    place: &Place,
) {
    if other.credential.is_empty() {
        return;
    }
    let names: Vec<&str> = other.credential.keys().map(String::as_str).collect();
    let problems = connector.check_options(&entry.body.options, &names);
    // What is wrong with the options is told once, with the connection's own credential.
    for problem in problems.iter().filter(|it| it.place == OptionPlace::Credential) {
        draft.problems.push(told(entry, other, problem, place));
    }
}

fn told(
    entry: &Entry<ConnectionEntry>,
    other: &CallerCredentialEntry,
    problem: &OptionProblem,
    place: &Place,
) -> Problem {
    let message = format!("credential for `{}`: {problem}", other.who);
    let remedy = match problem.kind {
        OptionProblemKind::Missing => "add it".to_owned(),
        _ => format!("see connector `{}` for its credential", entry.body.connector),
    };
    Problem::invalid(place, message, remedy)
}
