//! Where is the store that is looked at, and what is known of it elsewhere? Opened directly: no server need be trusted.

use std::{fs, path::Path};

use lakegate_catalog::{
    Store, StoreError, StoreOptions,
    audit::{history::SignedTexts, signature::PublicKey},
};

use crate::{
    checkpoints::{copies::Copies, signing_key},
    cli::{exit::Exit, output::tell, serve::ConfigFlags},
    config::{self, Config, environment::Environment},
    error::chain,
};

/// A store and its configuration.
pub(super) struct Place {
    pub(super) config: Config,
    pub(super) environment: Environment,
    pub(super) store: Store,
}

/// Opens the store; on failure, what the command ends with, after it was told.
pub(super) async fn open(flags: ConfigFlags, environment: Environment) -> Result<Place, Exit> {
    let config = match config::load(flags.sources(environment.clone())) {
        Ok(loaded) => loaded.config,
        Err(problems) => return Err(refused(problems)),
    };
    if let Some(file) = config.database.url.strip_prefix("sqlite://")
        && !Path::new(file).exists()
    {
        return Err(refused(format!(
            "there is no store `{file}`: say where it is with `--data` or `--config`"
        )));
    }
    let options = StoreOptions {
        url: config.database.url.clone(),
        max_connections: config.database.max_connections,
    };
    let store = Store::open(&options).await.map_err(failed)?;
    store.require_current().await.map_err(failed)?;
    Ok(Place {
        config,
        environment,
        store,
    })
}

impl Place {
    /// Copies of what was signed: at `url`, else where the configuration says; none if nothing says.
    pub(super) async fn copies(&self, url: Option<&str>) -> Result<SignedTexts, Exit> {
        let Some(url) = url.or(self.config.audit.checkpoints_url.as_deref()) else {
            return Ok(SignedTexts::default());
        };
        let unusable = |why| refused(format!("copies at `{url}` cannot be read: {why}"));
        let copies = Copies::open(url, &self.environment).map_err(unusable)?;
        copies.read().await.map_err(unusable)
    }
}

/// Keys that are given as files or in hex.
pub(super) fn public_keys(given: &[String]) -> Result<Vec<PublicKey>, Exit> {
    let read = |text: &String| {
        let key = PublicKey::from_text(text).or_else(|| signing_key::parse_public(&fs::read_to_string(text).ok()?));
        key.ok_or_else(|| {
            refused(format!(
                "`{text}` is neither a public key of 64 hex digits nor a file with one"
            ))
        })
    };
    given.iter().map(read).collect()
}

/// Tells a refusal.
pub(super) fn refused(why: impl std::fmt::Display) -> Exit {
    tell(why);
    Exit::Refused
}

/// Tells a failure of the store.
pub(super) fn failed(error: StoreError) -> Exit {
    tell(chain(&error));
    if error.is_transient() {
        Exit::Unreachable
    } else {
        Exit::Refused
    }
}
