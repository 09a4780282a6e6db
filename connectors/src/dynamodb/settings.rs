//! Which DynamoDB, and how is it reached? The options of a connection, parsed.

use std::{collections::BTreeMap, path::PathBuf};

use object_store::aws::AwsCredential;
use serde_json::Value;
use url::{Host, Url};

use super::kind::{Kind, declared};
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
        name: COLUMNS,
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "consistent_reads",
        value: OptionType::Boolean,
        required: false,
    },
    OptionSpec {
        name: "endpoint",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "item_column",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "on_mismatch",
        value: OptionType::Choice(&["error", "null"]),
        required: false,
    },
    OptionSpec {
        name: "read_units_per_second",
        value: OptionType::Integer(1, 1_000_000_000),
        required: false,
    },
    OptionSpec {
        name: "region",
        value: OptionType::Text,
        required: true,
    },
    // sorted: end
];

pub(super) const CREDENTIAL: &[MemberSpec] = &[
    // sorted: start
    MemberSpec {
        name: "access_key_id",
        required: true,
    },
    MemberSpec {
        name: "secret_access_key",
        required: true,
    },
    MemberSpec {
        name: "session_token",
        required: false,
    },
    // sorted: end
];

/// The columns of one table: `columns.Orders: "id varchar, total decimal(12,2)"`.
const COLUMNS: &str = "columns.*";
const COLUMNS_OF: &str = "columns.";
const FILE: &str = "file://";

/// The options and the credential of a connection.
pub(super) struct Settings {
    pub region: String,
    pub endpoint: Endpoint,
    pub credential: AwsCredential,
    pub ca: Option<PathBuf>,
    pub consistent: bool,
    /// Name of the column that holds, as JSON, the attributes without a column.
    pub item_column: Option<String>,
    /// A value that does not fit its column is NULL instead of an error.
    pub lenient: bool,
    /// Of a table without provisioned units.
    pub read_units: Option<f64>,
}

/// Where requests go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Endpoint {
    pub tls: bool,
    pub host: String,
    pub port: u16,
}

impl Endpoint {
    /// As the header `host` and the signature have it.
    pub(super) fn uri(&self) -> String {
        let (scheme, standard) = if self.tls { ("https", 443) } else { ("http", 80) };
        if self.port == standard {
            format!("{scheme}://{}/", self.host)
        } else {
            format!("{scheme}://{}:{}/", self.host, self.port)
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let host = match url.host()? {
            Host::Ipv6(address) => format!("[{address}]"),
            host => host.to_string(),
        };
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        Some(Self {
            tls,
            host,
            port: url.port_or_known_default()?,
        })
    }
}

impl Settings {
    /// Of a connection.
    pub(super) fn of(connection: &Connection) -> Result<Self> {
        let region = connection.required_text("region")?;
        if !is_region(region) {
            return Err(invalid(REGION));
        }
        let endpoint = match connection.text("endpoint")? {
            Some(given) => Endpoint::parse(given).ok_or_else(|| invalid(ENDPOINT))?,
            None => Endpoint {
                tls: true,
                host: host_of(region),
                port: 443,
            },
        };
        Ok(Self {
            region: region.to_owned(),
            endpoint,
            credential: credential(connection)?,
            ca: connection.text("ca")?.map(|given| ca(connection, given)).transpose()?,
            consistent: connection.flag("consistent_reads")?.unwrap_or(false),
            item_column: connection.text("item_column")?.map(str::to_owned),
            lenient: connection.text("on_mismatch")? == Some("null"),
            #[expect(clippy::cast_precision_loss, reason = "at most a thousand million")]
            read_units: connection.number("read_units_per_second")?.map(|units| units as f64),
        })
    }

    /// The declared columns of a table, if there are.
    pub(super) fn declared(connection: &Connection, table: &str) -> Result<Option<Vec<(String, Kind)>>> {
        let Some(text) = connection.text(&format!("{COLUMNS_OF}{table}"))? else {
            return Ok(None);
        };
        declared(text)
            .map(Some)
            .map_err(|why| invalid(format!("option `{COLUMNS_OF}{table}`: {why}")))
    }
}

fn credential(connection: &Connection) -> Result<AwsCredential> {
    let member = |name: &str| {
        let value = connection.credential.expose(name);
        let sound = value.is_none_or(|value| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic()));
        if sound {
            Ok(value.map(str::to_owned))
        } else {
            Err(ConnectorError::new(
                ConnectorErrorKind::Unauthenticated,
                format!("credential member `{name}` must be printable ASCII without spaces"),
            ))
        }
    };
    connection.credential.required("access_key_id")?;
    connection.credential.required("secret_access_key")?;
    Ok(AwsCredential {
        key_id: member("access_key_id")?.unwrap_or_default(),
        secret_key: member("secret_access_key")?.unwrap_or_default(),
        token: member("session_token")?,
    })
}

fn ca(connection: &Connection, given: &str) -> Result<PathBuf> {
    let path = given.strip_prefix(FILE).ok_or_else(|| invalid(CA))?;
    Ok(connection
        .directory
        .as_ref()
        .map_or_else(|| PathBuf::from(path), |directory| directory.join(path)))
}

/// <https://docs.aws.amazon.com/general/latest/gr/ddb.html>
fn host_of(region: &str) -> String {
    if region.starts_with("cn-") {
        format!("dynamodb.{region}.amazonaws.com.cn")
    } else {
        format!("dynamodb.{region}.amazonaws.com")
    }
}

fn is_region(text: &str) -> bool {
    !text.is_empty() && text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

const REGION: &str = "must be the name of a region, e.g. `eu-central-1`";
const ENDPOINT: &str = "must be `https://` or `http://`, a host, and at most a port";
const CA: &str = "must be `file://` and the path of a PEM file";

/// What the list of options cannot say.
pub(super) fn check(options: &BTreeMap<String, Value>) -> Vec<OptionProblem> {
    let wrong = |name: &str, why: String| OptionProblem {
        place: OptionPlace::Option,
        name: name.to_owned(),
        kind: OptionProblemKind::Invalid { why },
    };
    let problem = |(name, value): (&String, &Value)| {
        let text = value.as_str()?;
        match name.as_str() {
            "region" if !is_region(text) => Some(wrong(name, REGION.to_owned())),
            "endpoint" if Endpoint::parse(text).is_none() => Some(wrong(name, ENDPOINT.to_owned())),
            "ca" if !text.starts_with(FILE) => Some(wrong(name, CA.to_owned())),
            columns if columns.starts_with(COLUMNS_OF) => declared(text).err().map(|why| wrong(name, why)),
            _ => None,
        }
    };
    options.iter().filter_map(problem).collect()
}

fn invalid(message: impl Into<String>) -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_hosts_and_no_more() {
        let parsed = |text: &str| Endpoint::parse(text).map(|endpoint| endpoint.uri());
        assert_eq!(
            parsed("http://127.0.0.1:8000").as_deref(),
            Some("http://127.0.0.1:8000/")
        );
        assert_eq!(
            parsed("https://vpce-1.dynamodb.aws/").as_deref(),
            Some("https://vpce-1.dynamodb.aws/")
        );
        assert_eq!(parsed("http://[::1]:8000").as_deref(), Some("http://[::1]:8000/"));
        for refused in [
            "ftp://a",
            "http://a/b",
            "http://user:secret@a",
            "http://a?x",
            "a:8000",
            "",
        ] {
            assert_eq!(parsed(refused), None, "{refused}");
        }
    }

    #[test]
    fn what_the_list_cannot_say_is_said() {
        let options = [
            ("region", "eu central"),
            ("endpoint", "localhost"),
            ("ca", "/etc/ca"),
            ("columns.orders", "id bigint, total money"),
            ("columns.lines", "id bigint"),
        ];
        let options = options
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .into();
        let names: Vec<String> = check(&options).into_iter().map(|problem| problem.name).collect();
        assert_eq!(names, ["ca", "columns.orders", "endpoint", "region"]);
    }
}
