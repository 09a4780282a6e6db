//! Which server, and as whom? Flag before environment before file.

use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use url::Url;

use super::failure::{Failure, Result};
use crate::{client::Client, config::environment::Environment};

/// Where a server listens that was started without flags.
pub const DEFAULT_URL: &str = "http://127.0.0.1:8080";
const DEFAULT_PROFILE: &str = "default";

/// Flags that say which server is asked, and as whom.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Server")]
pub struct ServerFlags {
    /// Profile of the profiles file [environment: LAKEGATE_PROFILE; default: default]
    #[arg(long, visible_alias = "as", value_name = "PROFILE")]
    pub profile: Option<String>,
    /// Address of the server [environment: LAKEGATE_URL; default: the profile's, else http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Profiles file [environment: LAKEGATE_CONFIG; default: ~/.config/lakegate/config.toml]
    #[arg(long, value_name = "FILE")]
    pub profiles: Option<PathBuf>,
}

/// The profiles file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    profile: std::collections::BTreeMap<String, Profile>,
}

/// A server and a credential.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub url: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    token: Option<SecretString>,
    /// A file that holds nothing but the token; relative to the profiles file.
    token_file: Option<PathBuf>,
    /// Workgroup of statements that name none.
    pub workgroup: Option<String>,
}

/// The server to ask, and what the profile says about asking.
#[derive(Debug)]
pub struct Target {
    pub client: Client,
    pub workgroup: Option<String>,
}

impl ServerFlags {
    /// Puts flags, environment and profiles file together.
    ///
    /// The credential of a profile goes to another address than the profile's only if the profile was named: an
    /// address alone must not draw out a token.
    ///
    /// # Errors
    /// If a profile or file that was named is not there, or the address is none.
    pub fn target(&self, environment: &Environment) -> Result<Target> {
        let set = |name| {
            environment
                .get(name)
                .filter(|value| !value.is_empty())
                .map(str::to_owned)
        };
        let by_flag = self.profile.is_some();
        let named = self.profile.clone().or_else(|| set("LAKEGATE_PROFILE"));
        let (file, folder) = self.read_file(environment)?;
        let name = named.as_deref().unwrap_or(DEFAULT_PROFILE);
        let profile = match file.profile.get(name) {
            Some(profile) => profile.clone(),
            None if named.is_none() => Profile::default(),
            None => {
                let known: Vec<&str> = file.profile.keys().map(String::as_str).collect();
                let known = if known.is_empty() {
                    "there is none".to_owned()
                } else {
                    format!("there are {}", known.join(", "))
                };
                return Err(Failure::usage(format!(
                    "profile `{name}` does not exist in {}: {known}",
                    folder.file.display()
                )));
            }
        };
        // What a flag names wins over the environment, a profile's content included.
        let url_here = self
            .url
            .clone()
            .or_else(|| set("LAKEGATE_URL").filter(|_| !(by_flag && profile.url.is_some())));
        let token = match set("LAKEGATE_TOKEN").filter(|_| !(by_flag && profile.has_token())) {
            Some(token) => Some(SecretString::from(token)),
            None if named.is_none() && url_here.as_ref().is_some_and(|url| Some(url) != profile.url.as_ref()) => None,
            None => profile.token(&folder.folder)?,
        };
        let url = url_here.or(profile.url).unwrap_or_else(|| DEFAULT_URL.to_owned());
        Ok(Target {
            client: Client::new(parse_url(&url)?, token)?,
            workgroup: profile.workgroup,
        })
    }

    fn read_file(&self, environment: &Environment) -> Result<(File, Place)> {
        let named = self
            .profiles
            .clone()
            .or_else(|| environment.get("LAKEGATE_CONFIG").map(PathBuf::from));
        let must_exist = named.is_some();
        let path = named.unwrap_or_else(|| default_path(environment));
        let place = Place {
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
            file: path,
        };
        match std::fs::read_to_string(&place.file) {
            Ok(text) => match toml::from_str(&text) {
                Ok(file) => Ok((file, place)),
                // The error would show the line, and with it perhaps a token.
                Err(error) => {
                    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                    let line = before.matches('\n').count() + 1;
                    Err(Failure::usage(format!(
                        "{}:{line}: {}",
                        place.file.display(),
                        error.message()
                    )))
                }
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => Ok((File::default(), place)),
            Err(error) => Err(Failure::usage(format!(
                "the profiles file {} cannot be read: {error}",
                place.file.display()
            ))),
        }
    }
}

struct Place {
    file: PathBuf,
    folder: PathBuf,
}

impl Profile {
    fn has_token(&self) -> bool {
        self.token.is_some() || self.token_file.is_some()
    }

    fn token(&self, folder: &Path) -> Result<Option<SecretString>> {
        let Some(file) = &self.token_file else {
            return Ok(self.token.clone());
        };
        let path = folder.join(file);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(SecretString::from(text.trim().to_owned()))),
            Err(error) => Err(Failure::usage(format!(
                "the token file {} cannot be read: {error}",
                path.display()
            ))),
        }
    }
}

fn secret<'de, D: Deserializer<'de>>(source: D) -> std::result::Result<Option<SecretString>, D::Error> {
    Ok(Some(SecretString::from(String::deserialize(source)?)))
}

fn default_path(environment: &Environment) -> PathBuf {
    let absolute = |name| {
        environment
            .get(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    config
        .unwrap_or_else(|| PathBuf::from(".config"))
        .join("lakegate")
        .join("config.toml")
}

fn parse_url(text: &str) -> Result<Url> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => Err(Failure::usage(format!(
            "`{text}` is not an address such as {DEFAULT_URL}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Method;

    use super::*;

    const FILE: &str = "[profile.default]\nurl = \"http://file:1\"\ntoken = \"file-token\"\n\
                        [profile.ana]\nurl = \"http://ana:1\"\ntoken_file = \"ana.key\"\nworkgroup = \"sales\"\n";

    /// Address and token that come out.
    fn target(
        profile: Option<&str>,
        url: Option<&str>,
        environment: &[(&str, &str)],
    ) -> Option<(String, Option<String>)> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("profiles.toml");
        std::fs::write(&path, FILE).unwrap();
        std::fs::write(directory.path().join("ana.key"), "ana-token\n").unwrap();
        let flags = ServerFlags {
            profile: profile.map(str::to_owned),
            url: url.map(str::to_owned),
            profiles: Some(path),
        };
        let target = flags.target(&Environment::of(environment.iter().copied())).ok()?;
        let request = target.client.request(Method::GET, &[]).build().unwrap();
        let token = request
            .headers()
            .get("authorization")
            .map(|value| value.to_str().unwrap().replace("Bearer ", ""));
        Some((target.client.base().host_str().unwrap().to_owned(), token))
    }

    fn is(host: &str, token: &str) -> Option<(String, Option<String>)> {
        Some((
            host.to_owned(),
            Some(token.to_owned()).filter(|token| !token.is_empty()),
        ))
    }

    #[test]
    fn flag_before_environment_before_file() {
        let both = [("LAKEGATE_URL", "http://env:1"), ("LAKEGATE_TOKEN", "env-token")];
        assert_eq!(target(None, None, &[]), is("file", "file-token"));
        assert_eq!(target(None, None, &both), is("env", "env-token"));
        assert_eq!(target(None, Some("http://flag:1"), &both), is("flag", "env-token"));
        assert_eq!(
            target(None, None, &[("LAKEGATE_PROFILE", "ana")]),
            is("ana", "ana-token")
        );
        assert_eq!(target(Some("ana"), None, &both), is("ana", "ana-token"));
        assert_eq!(
            target(Some("ana"), Some("http://flag:1"), &both),
            is("flag", "ana-token")
        );
    }

    #[test]
    fn an_address_alone_draws_out_no_token() {
        assert_eq!(target(None, Some("http://evil:1"), &[]), is("evil", ""));
        assert_eq!(target(None, None, &[("LAKEGATE_URL", "http://evil:1")]), is("evil", ""));
    }

    #[test]
    fn what_was_named_must_exist() {
        assert_eq!(target(Some("bob"), None, &[]), None);
        assert_eq!(target(None, Some("not an address"), &[]), None);
    }
}
