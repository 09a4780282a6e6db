//! Who asks? Two analysts, a steward and an auditor, each with a key of their own that is made here and stored for them alone.

use std::{collections::BTreeMap, fmt::Write, net::SocketAddr};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::home::Home;
use crate::{
    cli::failure::{Failure, Result},
    client::Client,
};

/// A person of the demo lake.
#[derive(Clone, Copy, Debug)]
pub(super) struct Role {
    pub(super) name: &'static str,
    /// Where the server looks for the key (`demo/lake/people.yaml`).
    variable: &'static str,
    /// What the person may see.
    pub(super) sees: &'static str,
}

/// The four, in the order in which they ask.
pub(super) const ROLES: [Role; 4] = [
    Role {
        name: JFK_ANALYST,
        variable: "LAKEGATE_DEMO_JFK_KEY",
        sees: "departures from JFK; names, e-mails and cards masked",
    },
    Role {
        name: CARRIER_ANALYST,
        variable: "LAKEGATE_DEMO_CARRIER_KEY",
        sees: "two carriers; names and e-mails masked, no such column as the card",
    },
    Role {
        name: STEWARD,
        variable: "LAKEGATE_DEMO_STEWARD_KEY",
        sees: "everything, and exact bytes",
    },
    Role {
        name: AUDITOR,
        variable: "LAKEGATE_DEMO_AUDITOR_KEY",
        sees: "the audit trail, and no table",
    },
];

pub(super) const JFK_ANALYST: &str = "jfk-analyst";
pub(super) const CARRIER_ANALYST: &str = "carrier-analyst";
pub(super) const STEWARD: &str = "steward";
pub(super) const AUDITOR: &str = "auditor";

/// The keys of the four.
#[derive(Debug)]
pub(super) struct People {
    keys: BTreeMap<&'static str, SecretString>,
}

/// The four at a running server.
#[derive(Debug)]
pub(super) struct Visitors {
    pub(super) url: Url,
    clients: BTreeMap<&'static str, Client>,
}

#[derive(Deserialize)]
struct Stored {
    profile: BTreeMap<String, StoredProfile>,
}

#[derive(Deserialize)]
struct StoredProfile {
    token: Option<String>,
}

impl People {
    /// The keys that are stored in the data directory, or new ones.
    pub(super) fn of(home: &Home) -> Result<Self> {
        let text = std::fs::read_to_string(home.profiles()).unwrap_or_default();
        let stored = toml::from_str(&text)
            .map(|stored: Stored| stored.profile)
            .unwrap_or_default();
        let mut keys = BTreeMap::new();
        for role in ROLES {
            let known = stored.get(role.name).and_then(|profile| profile.token.clone());
            let key = match known {
                Some(key) => key,
                None => new_key(role.name)?,
            };
            keys.insert(role.name, SecretString::from(key));
        }
        Ok(Self { keys })
    }

    /// Variables of the server's environment.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        ROLES
            .iter()
            .filter_map(|role| Some((role.variable, self.keys.get(role.name)?.expose_secret())))
    }

    /// The people, each with a client; their profiles are written to the data directory.
    pub(super) fn at(self, home: &Home, address: SocketAddr) -> Result<Visitors> {
        let url = format!("http://{address}");
        let mut text =
            String::from("# Written by `lakegate demo`: one profile for each person, and one for the administrator.\n");
        for (name, key) in &self.keys {
            let _ = write!(
                text,
                "\n[profile.{name}]\nurl = \"{url}\"\ntoken = \"{}\"\n",
                key.expose_secret()
            );
        }
        let _ = write!(text, "\n[profile.admin]\nurl = \"{url}\"\ntoken_file = \"admin.key\"\n");
        Home::write_private(&home.profiles(), &text)?;
        let url: Url = url.parse().map_err(|error| Failure::local(format!("{url}: {error}")))?;
        let mut clients = BTreeMap::new();
        for (name, key) in self.keys {
            clients.insert(name, Client::new(url.clone(), Some(key))?);
        }
        Ok(Visitors { url, clients })
    }
}

impl Visitors {
    /// The client of a person.
    pub(super) fn client(&self, name: &str) -> Result<&Client> {
        self.clients
            .get(name)
            .ok_or_else(|| Failure::local(format!("nobody in the demo is called `{name}`")))
    }
}

fn new_key(name: &str) -> Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| Failure::local(format!("no random numbers: {error}")))?;
    Ok(format!("demo-{name}-{}", hex::encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::open(directory.path().to_owned(), directory.path().join("data"), false).unwrap();
        let people = People::of(&home).unwrap();
        let first: Vec<(String, String)> = people
            .variables()
            .map(|(name, key)| (name.to_owned(), key.to_owned()))
            .collect();
        assert!(first.iter().all(|(_, key)| (32..=256).contains(&key.len())));
        people.at(&home, "127.0.0.1:8080".parse().unwrap()).unwrap();
        let again = People::of(&home).unwrap();
        let second: Vec<(String, String)> = again
            .variables()
            .map(|(name, key)| (name.to_owned(), key.to_owned()))
            .collect();
        assert_eq!(first, second);
    }
}
