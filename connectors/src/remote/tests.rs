//! Who is let in, and what is believed of the other side? Over real sockets, with TLS and without.

mod proto;
mod rogue;
mod trust;

use std::{sync::Arc, time::Duration};

use crate::{call::CallContext, connection::Connection, credential::Credential, remote::settings::REMOTE};

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A call over a connection to a remote of this machine.
fn call(remote: &str, options: &[(&str, &str)], members: &[(&str, &str)]) -> CallContext {
    let mut connection = Connection {
        id: "c".into(),
        version: 1,
        kind: "sqlite".into(),
        credential: Credential::from_plain(members.iter().copied()),
        ..Connection::default()
    };
    let options = options.iter().copied().chain([(REMOTE, remote)]);
    connection.options = options.map(|(name, value)| (name.to_owned(), value.into())).collect();
    CallContext::new("q", Arc::new(connection), Duration::from_secs(10))
}
