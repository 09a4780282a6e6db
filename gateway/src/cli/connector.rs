//! How does a connector run in a process of its own, near its source?

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};
use lakegate_connectors::{
    credential::Credential,
    registry::Registry,
    remote::{
        host::{Host, HostSettings},
        keys::Keys,
        listener::{HostTls, TlsFiles, check_address, serve, tls},
    },
};
use lakegate_query::connection::SecretSource;
use secrecy::SecretString;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    exit::Exit,
    output::{say, tell},
};
use crate::{
    config::{environment::Environment, secrets::LocalSecrets, telemetry::Telemetry},
    master_key::KeyPlace,
    shutdown::StopSignals,
    telemetry::logs,
};

/// What to do with a connector.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer gateways from here, in a process of its own
    Serve(Serve),
}

/// Which connector, where, for whom.
#[derive(Debug, Args)]
pub struct Serve {
    /// Kind of the connector, e.g. `postgres`
    #[arg(long, value_name = "KIND")]
    kind: String,
    /// Address to listen on; port 0 asks for a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9817")]
    listen: SocketAddr,
    /// Key that gateways have too, as `env://NAME` or `file://PATH`; again for the one before it, which still opens
    #[arg(long = "key", value_name = "REFERENCE")]
    keys: Vec<String>,
    /// Certificate of this host in PEM: listen with TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Authority of the gateways' certificates, in PEM: only they are let in
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    client_ca: Option<PathBuf>,
    /// Directory below which local paths of connections may lie
    #[arg(long = "local-root", value_name = "DIR")]
    local_roots: Vec<PathBuf>,
    /// Option of the source; with it the source is named here, and connections name none
    #[arg(long = "option", value_name = "NAME=VALUE")]
    options: Vec<String>,
    /// Member of the credential for that source, as `env://NAME` or `file://PATH`
    #[arg(long = "credential", value_name = "MEMBER=REFERENCE", requires = "options")]
    credential: Vec<String>,
}

/// Serves until it is told to stop.
pub(super) async fn run(command: Command, environment: Environment) -> Exit {
    let Command::Serve(flags) = command;
    match listen(flags, environment).await {
        Ok(()) => Exit::Done,
        Err(problem) => {
            tell(format!("lakegate connector serve: {problem}"));
            Exit::Refused
        }
    }
}

async fn listen(flags: Serve, environment: Environment) -> Result<(), String> {
    let telemetry = Telemetry {
        otlp_endpoint: None,
        log_filter: environment
            .get("LAKEGATE__TELEMETRY__LOG_FILTER")
            .unwrap_or("info")
            .to_owned(),
    };
    let secrets = LocalSecrets::new(environment, vec![PathBuf::from("/")], KeyPlace::Variable(String::new()));
    let keys = keys(&flags.keys, &secrets)?;
    check_address(flags.listen, keys.is_some(), flags.client_ca.is_some()).map_err(|error| error.to_string())?;
    let tls = certificate(&flags)?;
    let settings = HostSettings {
        keys,
        local_roots: flags.local_roots,
        directory: None,
        credential: credential(&flags.credential, &secrets)?,
        options: options(&flags.options)?,
    };
    let registry = Registry::built_in();
    let connector = registry.connector(&flags.kind).map_err(|error| error.to_string())?;
    let host = Arc::new(Host::new(Arc::clone(connector), settings).map_err(|error| error.to_string())?);
    let listener = TcpListener::bind(flags.listen).await;
    let listener = listener.map_err(|error| format!("`{}` cannot be listened on: {error}", flags.listen))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let mut signals = StopSignals::listen().map_err(|error| error.to_string())?;
    let telling = logs::start(&telemetry)?;
    say(format!("connector `{}` listens on {address}", flags.kind));
    let stop = CancellationToken::new();
    let serving = serve(host, listener, tls, stop.clone());
    let mut serving = std::pin::pin!(serving);
    let outcome = tokio::select! {
        outcome = serving.as_mut() => outcome,
        () = signals.next() => {
            stop.cancel();
            tokio::select! {
                outcome = serving => outcome,
                () = signals.next() => Ok(()),
            }
        }
    };
    telling.stop();
    outcome.map_err(|error| error.to_string())
}

fn keys(references: &[String], secrets: &LocalSecrets) -> Result<Option<Keys>, String> {
    if references.is_empty() {
        return Ok(None);
    }
    let texts = references.iter().map(|reference| secrets.resolve(reference, None));
    let texts: Vec<String> = texts.collect::<Result<_, _>>()?;
    let keys = Keys::of_hex(texts.iter().map(String::as_str));
    keys.map(Some).map_err(|error| error.to_string())
}

fn certificate(flags: &Serve) -> Result<Option<HostTls>, String> {
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path).map_err(|error| format!("`{}` cannot be read: {}", path.display(), error.kind()))
    };
    let (Some(certificate), Some(key)) = (&flags.tls_certificate, &flags.tls_key) else {
        return Ok(None);
    };
    let (certificate, key) = (read(certificate)?, read(key)?);
    let ca = flags.client_ca.as_ref().map(read).transpose()?;
    let files = TlsFiles {
        certificate: &certificate,
        private_key: &key,
        client_ca: ca.as_deref(),
    };
    tls(files).map(Some).map_err(|error| error.to_string())
}

fn pair(text: &str) -> Result<(&str, &str), String> {
    text.split_once('=')
        .ok_or_else(|| format!("`{text}` must be a name, `=` and a value"))
}

fn credential(members: &[String], secrets: &LocalSecrets) -> Result<Credential, String> {
    let members = members.iter().map(|text| {
        let (name, reference) = pair(text)?;
        Ok::<_, String>((name.to_owned(), SecretString::from(secrets.resolve(reference, None)?)))
    });
    Ok(Credential::new(members.collect::<Result<Vec<_>, _>>()?))
}

/// Numbers and truth values as such, all else as text.
fn options(texts: &[String]) -> Result<BTreeMap<String, Value>, String> {
    let options = texts.iter().map(|text| {
        let (name, value) = pair(text)?;
        let value = match serde_json::from_str(value) {
            Ok(plain @ (Value::Bool(_) | Value::Number(_))) => plain,
            _ => Value::from(value),
        };
        Ok((name.to_owned(), value))
    });
    options.collect()
}
