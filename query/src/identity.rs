//! With which identity is a source read for a caller? The connection's own, or the first of its credentials that fits.

use std::collections::BTreeSet;

use lakegate_catalog::{
    connection::{Connection, CredentialOf},
    id::ObjectId,
    object::Stored,
    snapshot::Snapshot,
};

use crate::{
    behalf,
    context::{Caller, QueryContext},
    error::{ErrorCode, QueryError, Result},
};

/// Whose credential a source is read with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SourceIdentity {
    /// The connection's own.
    Connection,
    /// The one at this place among the connection's `credentials`.
    Caller(usize),
}

impl SourceIdentity {
    /// Whether it has a credential of its own, and at which place.
    #[must_use]
    pub fn place(self) -> Option<usize> {
        match self {
            Self::Connection => None,
            Self::Caller(place) => Some(place),
        }
    }
}

/// The identity that the caller of `cx` reads with; whoever acts on behalf of a user reads with that user's. `None`: the
/// connection has credentials, and none is for them.
pub(crate) fn find(cx: &QueryContext, connection: &Stored<Connection>) -> Option<SourceIdentity> {
    let credentials = &connection.body.credentials;
    if credentials.is_empty() {
        return Some(SourceIdentity::Connection);
    }
    let other = behalf::caller(cx);
    let caller = other.as_ref().unwrap_or(&cx.caller);
    let roles = roles(&cx.snapshot, caller);
    let fits = |who: &CredentialOf| match who {
        CredentialOf::User(user) => *user == caller.user,
        CredentialOf::Role(role) => roles.contains(role),
        CredentialOf::Everyone => true,
    };
    let place = credentials.iter().position(|credential| fits(&credential.who))?;
    let own = credentials.get(place).is_some_and(|it| it.credential.is_empty());
    Some(if own {
        SourceIdentity::Connection
    } else {
        SourceIdentity::Caller(place)
    })
}

/// As [`find`].
///
/// # Errors
/// `SOURCE_ACCESS_DENIED` where no credential of the connection is for the caller.
pub(crate) fn of(cx: &QueryContext, connection: &Stored<Connection>) -> Result<SourceIdentity> {
    find(cx, connection).ok_or_else(|| {
        let text = "the source of a table is read with credentials of its readers, and none is for you";
        QueryError::new(ErrorCode::SourceDenied, text).because(format!(
            "connection `{}` has no credential for the caller",
            connection.name
        ))
    })
}

/// The identity of [`find`] for digests and the audit: `connection`, `user:ID`, `role:ID`, `everyone` or `none`.
pub(crate) fn word(cx: &QueryContext, connection: &Stored<Connection>) -> String {
    let Some(identity) = find(cx, connection) else {
        return "none".to_owned();
    };
    let credentials = &connection.body.credentials;
    let found = identity.place().and_then(|place| credentials.get(place));
    match found.map(|found| &found.who) {
        Some(CredentialOf::User(id)) => format!("user:{id}"),
        Some(CredentialOf::Role(id)) => format!("role:{id}"),
        Some(CredentialOf::Everyone) => "everyone".to_owned(),
        None => "connection".to_owned(),
    }
}

/// All roles that somebody has, those of the token and those that follow from others too.
pub(crate) fn roles(snapshot: &Snapshot, caller: &Caller) -> BTreeSet<ObjectId> {
    let mut roles = snapshot.roles_of(&caller.user);
    let mut open = caller.extra_roles.clone();
    while let Some(role) = open.pop() {
        if let Some(found) = snapshot.role(&role)
            && roles.insert(role)
        {
            open.extend(found.body.member_of.iter().cloned());
        }
    }
    roles
}
