//! Whose tokens are believed?

use std::collections::BTreeMap;

use serde::Deserialize;

use super::settings::{Origin, Problem, Settings};

/// Section `auth`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Auth {
    /// Providers of identity; empty: API keys only.
    pub oidc: Vec<OidcIssuer>,
}

/// One entry of `auth.oidc`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcIssuer {
    /// Exactly as in the token's `iss`.
    pub issuer: String,
    /// What the token's `aud` must hold.
    pub audience: String,
    /// Absent: from the issuer's discovery document.
    #[serde(default)]
    pub jwks_url: Option<String>,
    /// Claim with the groups of the user; a dotted path reaches inside.
    #[serde(default = "groups")]
    pub groups_claim: String,
    /// Group → role.
    #[serde(default)]
    pub role_map: BTreeMap<String, String>,
    /// A subject without user becomes one.
    #[serde(default)]
    pub auto_create: bool,
}

fn groups() -> String {
    "groups".to_owned()
}

impl Auth {
    pub(super) fn read(settings: &mut Settings) -> Self {
        let oidc: Vec<OidcIssuer> = settings.tables("auth.oidc");
        for (number, entry) in oidc.iter().enumerate() {
            if let Some(message) = fault(entry, oidc.iter().take(number)) {
                settings.complain(Problem {
                    origin: Origin::Default,
                    message: format!("`auth.oidc`, entry {}: {message}", number + 1),
                });
            }
        }
        Self { oidc }
    }
}

fn fault<'a>(entry: &OidcIssuer, mut before: impl Iterator<Item = &'a OidcIssuer>) -> Option<String> {
    let urls = std::iter::once(&entry.issuer).chain(&entry.jwks_url);
    for text in urls {
        let secure = url::Url::parse(text).is_ok_and(|url| match url.scheme() {
            "https" => true,
            "http" => matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")),
            _ => false,
        });
        if !secure {
            return Some(format!(
                "`{text}` must be an https:// address (http:// on the loopback interface only)"
            ));
        }
    }
    if entry.audience.is_empty() {
        return Some("`audience` must not be empty".to_owned());
    }
    before
        .any(|other| other.issuer == entry.issuer)
        .then(|| format!("issuer `{}` is configured twice", entry.issuer))
}
