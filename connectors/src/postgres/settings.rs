//! Which server, and how is it reached? The options of a connection, parsed.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::Value;

use super::types::BareNumeric;
use crate::{
    connection::Connection,
    error::{ConnectorError, ConnectorErrorKind, Result},
    option::{MemberSpec, OptionPlace, OptionProblem, OptionProblemKind, OptionSpec, OptionType},
};

pub(super) const OPTIONS: &[OptionSpec] = &[
    // sorted: start
    OptionSpec {
        name: "ca",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "database",
        value: OptionType::Text,
        required: true,
    },
    OptionSpec {
        name: "host",
        value: OptionType::Text,
        required: true,
    },
    OptionSpec {
        name: "max_connections",
        value: OptionType::Integer(1, 1_000),
        required: false,
    },
    OptionSpec {
        name: "max_parallel_reads",
        value: OptionType::Integer(1, 64),
        required: false,
    },
    OptionSpec {
        name: "numeric",
        value: OptionType::Choice(&["decimal", "double", "text"]),
        required: false,
    },
    OptionSpec {
        name: "port",
        value: OptionType::Integer(1, 65_535),
        required: false,
    },
    OptionSpec {
        name: "tls",
        value: OptionType::Choice(&["disable", "require", "verify-full"]),
        required: false,
    },
    // sorted: end
];

pub(super) const CREDENTIAL: &[MemberSpec] = &[
    // sorted: start
    MemberSpec {
        name: "password",
        required: true,
    },
    MemberSpec {
        name: "user",
        required: true,
    },
    // sorted: end
];

/// Unless the connection says otherwise; half of it may read parts of tables.
const MAX_CONNECTIONS: usize = 10;
const MAX_PARALLEL_READS: usize = 4;
const FILE: &str = "file://";
const WHY: &str = "must be `file://` and the path of a PEM file";

/// How much of TLS is asked for; names are those of libpq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsMode {
    Disable,
    /// Encrypted, to whomever.
    Require,
    /// Encrypted, to the named host with a trusted certificate.
    VerifyFull,
}

/// The options of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub host: String,
    pub port: u16,
    pub database: String,
    pub tls: TlsMode,
    pub ca: Option<PathBuf>,
    pub max_connections: usize,
    /// Parts of one table that are read at the same time, at most.
    pub max_parallel_reads: usize,
    /// How a `numeric` without precision is read.
    pub numeric: BareNumeric,
}

impl Settings {
    /// Of a connection.
    pub(super) fn of(connection: &Connection) -> Result<Self> {
        let tls = match connection.text("tls")? {
            None | Some("verify-full") => TlsMode::VerifyFull,
            Some("require") => TlsMode::Require,
            Some("disable") => TlsMode::Disable,
            Some(_) => return Err(invalid("option `tls` must be `disable`, `require` or `verify-full`")),
        };
        let port = connection.number("port")?.unwrap_or(5_432);
        Ok(Self {
            host: connection.required_text("host")?.to_owned(),
            port: u16::try_from(port).map_err(|_| invalid("option `port` must be a port"))?,
            database: connection.required_text("database")?.to_owned(),
            tls,
            ca: connection
                .text("ca")?
                .map(|given| ca_path(connection, given))
                .transpose()?,
            max_connections: count(connection, "max_connections", MAX_CONNECTIONS)?,
            max_parallel_reads: count(connection, "max_parallel_reads", MAX_PARALLEL_READS)?,
            numeric: match connection.text("numeric")? {
                None | Some("decimal") => BareNumeric::Decimal,
                Some("double") => BareNumeric::Double,
                Some("text") => BareNumeric::Text,
                Some(_) => return Err(invalid("option `numeric` must be `decimal`, `double` or `text`")),
            },
        })
    }
}

impl Settings {
    /// How many connections are kept for parts of tables: one that holds the snapshot and two readers at least, or none.
    pub(super) fn for_parts(&self) -> usize {
        let wanted = (self.max_parallel_reads + 1).min(self.max_connections / 2);
        if self.max_parallel_reads < 2 || wanted < 3 {
            0
        } else {
            wanted
        }
    }
}

fn count(connection: &Connection, name: &str, otherwise: usize) -> Result<usize> {
    let given = connection.number(name)?.map(usize::try_from);
    Ok(given.unwrap_or(Ok(otherwise)).unwrap_or(otherwise).max(1))
}

fn ca_path(connection: &Connection, given: &str) -> Result<PathBuf> {
    let path = given
        .strip_prefix(FILE)
        .ok_or_else(|| invalid(format!("option `ca` {WHY}")))?;
    Ok(connection
        .directory
        .as_ref()
        .map_or_else(|| PathBuf::from(path), |directory| directory.join(path)))
}

/// What the list of options cannot say.
pub(super) fn check(options: &BTreeMap<String, Value>) -> Option<OptionProblem> {
    let ca = options.get("ca")?.as_str()?;
    (!ca.starts_with(FILE)).then(|| OptionProblem {
        place: OptionPlace::Option,
        name: "ca".to_owned(),
        kind: OptionProblemKind::Invalid { why: WHY.to_owned() },
    })
}

fn invalid(message: impl Into<String>) -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::InvalidRequest, message)
}
