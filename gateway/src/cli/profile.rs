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

/// The same for commands that say with `--as` whom they are about.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Server")]
pub struct ActorFlags {
    /// Profile of the profiles file: who asks [environment: LAKEGATE_PROFILE; default: default]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// Address of the server [environment: LAKEGATE_URL; default: the profile's, else http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Profiles file [environment: LAKEGATE_CONFIG; default: ~/.config/lakegate/config.toml]
    #[arg(long, value_name = "FILE")]
    profiles: Option<PathBuf>,
}

impl ActorFlags {
    /// Which server, and as whom.
    #[must_use]
    pub fn server(self) -> ServerFlags {
        ServerFlags {
            profile: self.profile,
            url: self.url,
            profiles: self.profiles,
        }
    }
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
    /// Where the token is: `env://NAME`, or `file://PATH` as `token_file`.
    auth: Option<String>,
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
            None => profile.token(&folder, environment)?,
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
        self.token.is_some() || self.token_file.is_some() || self.auth.is_some()
    }

    fn token(&self, place: &Place, environment: &Environment) -> Result<Option<SecretString>> {
        let failed = |what: String| Failure::usage(format!("{}: {what}", place.file.display()));
        match (&self.token, &self.token_file, self.auth.as_deref()) {
            (None, None, None) => Ok(None),
            (Some(token), None, None) => {
                private(&place.file)?;
                Ok(Some(token.clone()))
            }
            (None, Some(file), None) => token_of(&place.folder.join(file)).map(Some),
            (None, None, Some(reference)) => {
                match (reference.strip_prefix("env://"), reference.strip_prefix("file://")) {
                    (Some(name), _) => {
                        let value = environment.get(name).filter(|value| !value.is_empty());
                        let value = value.ok_or_else(|| failed(format!("`auth` names `{name}`, which is not set")))?;
                        Ok(Some(SecretString::from(value.to_owned())))
                    }
                    (None, Some(file)) => token_of(&place.folder.join(file)).map(Some),
                    // What stands there may be the token itself: it must not travel into the message.
                    (None, None) => Err(failed("`auth` must be `env://NAME` or `file://PATH`".to_owned())),
                }
            }
            _ => Err(failed(
                "a profile has one of `auth`, `token` and `token_file`".to_owned(),
            )),
        }
    }
}

fn token_of(path: &Path) -> Result<SecretString> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            private(path)?;
            Ok(SecretString::from(text.trim().to_owned()))
        }
        Err(error) => Err(Failure::usage(format!(
            "the token file {} cannot be read: {error}",
            path.display()
        ))),
    }
}

/// As ssh does: a secret that others can read is not used.
fn private(path: &Path) -> Result<()> {
    let mode = std::fs::metadata(path).map_or(0, |found| std::os::unix::fs::MetadataExt::mode(&found)) & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "others can read {} (mode {mode:04o}), which holds a token: run `chmod 600 {}`",
        path.display(),
        path.display()
    )))
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
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use reqwest::Method;
    use secrecy::ExposeSecret;

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
        let key = directory.path().join("ana.key");
        std::fs::write(&path, FILE).unwrap();
        std::fs::write(&key, "ana-token\n").unwrap();
        for file in [&path, &key] {
            std::fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
        }
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

    /// The token of a profile in a file of this mode, with a key beside it.
    fn token(profile: &str, mode: u32) -> std::result::Result<String, String> {
        let directory = tempfile::tempdir().unwrap();
        let place = Place {
            file: directory.path().join("profiles.toml"),
            folder: directory.path().to_owned(),
        };
        for (name, text) in [("profiles.toml", profile), ("x.key", "from-file\n")] {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        }
        let profile: Profile = toml::from_str(profile).unwrap();
        let found = profile.token(&place, &Environment::of([("MY_TOKEN", "from-environment")]));
        let found = found.map_err(|failure| format!("{failure:?}"))?;
        Ok(found.map_or(String::new(), |token| token.expose_secret().to_owned()))
    }

    #[test]
    fn auth_is_a_reference() {
        assert_eq!(token("auth = \"env://MY_TOKEN\"", 0o644).unwrap(), "from-environment");
        assert_eq!(token("auth = \"file://x.key\"", 0o600).unwrap(), "from-file");
        let literal = token("auth = \"hunter2\"", 0o600).unwrap_err();
        assert!(
            literal.contains("`auth` must be") && !literal.contains("hunter2"),
            "{literal}"
        );
        assert!(
            token("auth = \"env://NOT_SET\"", 0o600)
                .unwrap_err()
                .contains("NOT_SET")
        );
        assert!(
            token("auth = \"env://MY_TOKEN\"\ntoken = \"x\"", 0o600)
                .unwrap_err()
                .contains("one of")
        );
    }

    #[test]
    fn a_token_that_others_can_read_is_not_used() {
        for profile in ["token = \"x\"", "token_file = \"x.key\"", "auth = \"file://x.key\""] {
            assert!(token(profile, 0o600).is_ok());
            for mode in [0o644, 0o640, 0o604] {
                let refused = token(profile, mode).unwrap_err();
                assert!(
                    refused.contains(&format!("mode {mode:04o}")) && refused.contains("chmod 600"),
                    "{refused}"
                );
            }
        }
        assert_eq!(token("url = \"http://x\"", 0o644).unwrap(), "");
    }

    #[test]
    fn what_was_named_must_exist() {
        assert_eq!(target(Some("bob"), None, &[]), None);
        assert_eq!(target(None, Some("not an address"), &[]), None);
    }
}
