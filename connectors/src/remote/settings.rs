//! Which remote serves a connection? Its options and credential members whose names begin with `remote`.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde_json::Value;
use url::Url;

use super::keys::Keys;
use crate::{
    connection::Connection,
    credential::Credential,
    error::{ConnectorError, ConnectorErrorKind, Result},
    option::{self, MemberSpec, OptionPlace, OptionProblem, OptionProblemKind, OptionSpec, OptionType},
};

/// Names the remote: `grpc://host:port`, or `grpcs://host:port` over TLS.
pub const REMOTE: &str = "remote";
const CA: &str = "remote_ca";
const CERTIFICATE: &str = "remote_certificate";
const KEY: &str = "remote_key";
const PRIVATE_KEY: &str = "remote_private_key";
const FILE: &str = "file://";

const OPTIONS: &[OptionSpec] = &[
    // sorted: start
    OptionSpec {
        name: CA,
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: REMOTE,
        value: OptionType::Text,
        required: true,
    },
    // sorted: end
];

const MEMBERS: &[MemberSpec] = &[
    // sorted: start
    MemberSpec {
        name: CERTIFICATE,
        required: false,
    },
    MemberSpec {
        name: KEY,
        required: false,
    },
    MemberSpec {
        name: PRIVATE_KEY,
        required: false,
    },
    // sorted: end
];

/// Is the name one of ours, not of the connector's?
fn is_ours(name: &str) -> bool {
    OPTIONS.iter().any(|option| option.name == name) || MEMBERS.iter().any(|member| member.name == name)
}

/// Where a remote listens, and how it is known.
pub(super) struct Remote {
    pub host: String,
    pub port: u16,
    /// `None`: not encrypted.
    pub tls: Option<Tls>,
    pub keys: Option<Keys>,
}

/// What TLS needs.
pub(super) struct Tls {
    pub ca: Option<PathBuf>,
    /// PEM texts of our certificate and its key.
    pub identity: Option<(String, String)>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({}:{})", self.host, self.port)
    }
}

/// Is the connection served elsewhere?
pub(super) fn is_remote(connection: &Connection) -> bool {
    connection.options.contains_key(REMOTE)
}

impl Remote {
    /// Of a connection.
    ///
    /// # Errors
    /// `SOURCE_INVALID_REQUEST` names the option.
    pub(super) fn of(connection: &Connection) -> Result<Self> {
        let (host, port, encrypted) = endpoint(connection.required_text(REMOTE)?).map_err(invalid)?;
        let member = |name: &str| connection.credential.expose(name);
        let keys = member(KEY).map(|key| Keys::of_hex([key])).transpose()?;
        if !encrypted && keys.is_none() && !is_loopback(&host) {
            return Err(invalid(UNPROTECTED));
        }
        let has_secrets = connection.credential.members().any(|name| !is_ours(name));
        if keys.is_none() && has_secrets && !is_loopback(&host) {
            return Err(invalid(UNSEALED));
        }
        let ca = connection.text(CA)?.and_then(|given| given.strip_prefix(FILE));
        let ca = ca.map(|path| match &connection.directory {
            Some(directory) => directory.join(path),
            None => PathBuf::from(path),
        });
        let identity = match (member(CERTIFICATE), member(PRIVATE_KEY)) {
            (Some(certificate), Some(key)) => Some((certificate.to_owned(), key.to_owned())),
            _ => None,
        };
        Ok(Self {
            host,
            port,
            tls: encrypted.then_some(Tls { ca, identity }),
            keys,
        })
    }
}

const UNPROTECTED: &str =
    "a remote connector on another machine needs `grpcs://`, or a key in credential member `remote_key`";

/// TLS alone tells who listens, not who may know the source's password.
const UNSEALED: &str = "a credential leaves this machine sealed only: give credential member `remote_key`, or have the remote name its source";

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// Host, port, and whether it is encrypted.
fn endpoint(text: &str) -> Result<(String, u16, bool), &'static str> {
    const WHY: &str = "option `remote` must be `grpcs://host:port` or `grpc://host:port`";
    let url = Url::parse(text).map_err(|_| WHY)?;
    let encrypted = match url.scheme() {
        "grpcs" => true,
        "grpc" => false,
        _ => return Err(WHY),
    };
    let bare = url.username().is_empty() && url.password().is_none() && matches!(url.path(), "" | "/");
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) if bare && url.query().is_none() => Ok((host.to_owned(), port, encrypted)),
        _ => Err(WHY),
    }
}

/// Our options and credential members, with their values.
pub(super) fn ours(connection: &Connection) -> Vec<(&str, String)> {
    let options = connection
        .options
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_string()));
    let members = connection.credential.members();
    let members = members.filter_map(|name| Some((name, connection.credential.expose(name)?.to_owned())));
    options.chain(members).filter(|(name, _)| is_ours(name)).collect()
}

/// What is left for the source: options, and the credential to be sealed.
pub(super) fn of_source(connection: &Connection) -> (BTreeMap<String, Value>, Credential) {
    let options = connection.options.iter().filter(|(name, _)| !is_ours(name));
    (
        options.map(|(name, value)| (name.clone(), value.clone())).collect(),
        connection.credential.without(is_ours),
    )
}

/// What is wrong with our options and members, and what is left for the connector to check.
pub(super) fn check<'a>(
    options: &BTreeMap<String, Value>,
    credential: &[&'a str],
) -> (Vec<OptionProblem>, BTreeMap<String, Value>, Vec<&'a str>) {
    let (ours, rest): (BTreeMap<_, _>, BTreeMap<_, _>) = options
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .partition(|(name, _)| is_ours(name));
    let (members, others): (Vec<&str>, Vec<&str>) = credential.iter().copied().partition(|name| is_ours(name));
    let mut problems = option::check(OPTIONS, MEMBERS, &ours, &members);
    let mut wrong = |place, name: &str, why: &str| {
        problems.push(OptionProblem {
            place,
            name: name.to_owned(),
            kind: OptionProblemKind::Invalid { why: why.to_owned() },
        });
    };
    match ours.get(REMOTE).and_then(Value::as_str).map(endpoint) {
        Some(Err(why)) => wrong(OptionPlace::Option, REMOTE, why),
        Some(Ok((host, _, encrypted))) => {
            if !encrypted && !is_loopback(&host) && !members.contains(&KEY) {
                wrong(OptionPlace::Option, REMOTE, UNPROTECTED);
            } else if !others.is_empty() && !is_loopback(&host) && !members.contains(&KEY) {
                wrong(OptionPlace::Credential, KEY, UNSEALED);
            }
        }
        None => {}
    }
    if members.contains(&CERTIFICATE) != members.contains(&PRIVATE_KEY) {
        wrong(OptionPlace::Credential, CERTIFICATE, "goes with `remote_private_key`");
    }
    if ours
        .get(CA)
        .and_then(Value::as_str)
        .is_some_and(|ca| !ca.starts_with(FILE))
    {
        wrong(OptionPlace::Option, CA, "must be `file://` and the path of a PEM file");
    }
    (problems, rest, others)
}

fn invalid(message: impl Into<String>) -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(remote: &str, members: &[&str]) -> Vec<String> {
        let options = BTreeMap::from([
            (REMOTE.to_owned(), Value::from(remote)),
            ("host".to_owned(), Value::from("db")),
        ]);
        let (problems, rest, others) = check(&options, members);
        assert_eq!(rest.keys().collect::<Vec<_>>(), ["host"]);
        assert!(others.iter().all(|name| !name.starts_with("remote")));
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_goes_over_a_network_unprotected() {
        for fine in [
            "grpc://127.0.0.1:9000",
            "grpc://localhost:9000",
            "grpc://[::1]:9000",
            "grpcs://[::1]:443",
        ] {
            assert_eq!(problems(fine, &["user"]), Vec::<String>::new(), "{fine}");
        }
        assert_eq!(problems("grpc://10.0.0.1:9000", &["remote_key"]), Vec::<String>::new());
        assert_eq!(problems("grpcs://remote.example:443", &[]).len(), 0);
        assert_eq!(problems("grpcs://remote.example:443", &["remote_key", "user"]).len(), 0);
        assert_eq!(problems("grpcs://remote.example:443", &["user"]).len(), 1);
        for wrong in [
            "grpc://10.0.0.1:9000",
            "grpc://127.0.0.1.example:9000",
            "http://localhost:1",
            "grpcs://h",
            "grpcs://u@h:1",
            "grpcs://h:1/x",
            "",
        ] {
            assert_eq!(problems(wrong, &[]).len(), 1, "{wrong}");
        }
        assert_eq!(problems("grpcs://h:1", &["remote_certificate"]).len(), 1);
        let mut connection = Connection {
            options: [(REMOTE.to_owned(), "grpc://10.0.0.1:9000".into())].into(),
            ..Connection::default()
        };
        assert!(Remote::of(&connection).is_err());
        connection.credential = Credential::from_plain([(KEY, "ab".repeat(32).as_str()), ("user", "u")]);
        assert!(Remote::of(&connection).is_ok());
        let (options, credential) = of_source(&connection);
        assert!(options.is_empty());
        assert_eq!(credential.members().collect::<Vec<_>>(), ["user"]);
    }
}
