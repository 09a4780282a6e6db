//! Which keys sign the audit trail, and how does a new one come?

use std::{fs, path::PathBuf};

use clap::Args;
use lakegate_catalog::audit::{checkpoint::KeyBody, signature::SigningKey};
use serde_json::json;

use super::place::{Place, failed, open, refused};
use crate::{
    checkpoints::signing_key::{create, default_file, load, resolve},
    cli::{
        exit::Exit,
        items::{ItemFormat, print_items},
        output::say,
        screen::Screen,
        serve::ConfigFlags,
    },
    config::{environment::Environment, secrets::LocalSecrets},
    master_key,
};

/// Where the store is.
#[derive(Debug, Args)]
pub struct Keys {
    #[command(flatten)]
    flags: ConfigFlags,
    /// Format of the list
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
}

/// Where the store is, and the new key.
#[derive(Debug, Args)]
pub struct RotateKey {
    #[command(flatten)]
    flags: ConfigFlags,
    /// Reference of the new key (`env://NAME`, `file:///PATH`), where `audit.signing_key` is configured [default: a new key in
    /// the place of DIR/audit.key]
    #[arg(long, value_name = "REFERENCE")]
    new: Option<String>,
}

/// Lists them: 0, or 10 if the store cannot be reached.
pub(super) async fn list(command: Keys, environment: Environment) -> Exit {
    const COLUMNS: [(&str, &str); 4] = [
        ("number", "/number"),
        ("id", "/id"),
        ("public", "/public"),
        ("signs after checkpoint", "/after"),
    ];
    let place = match open(command.flags, environment).await {
        Ok(place) => place,
        Err(exit) => return exit,
    };
    let texts = match place.store.signed_texts(i64::MAX).await {
        Ok(texts) => texts,
        Err(error) => return failed(error),
    };
    let bodies = texts
        .keys
        .iter()
        .filter_map(|text| serde_json::from_str::<KeyBody>(&text.body).ok());
    let items: Vec<_> = bodies.map(|body| json!(body)).collect();
    print_items(&items, &COLUMNS, command.format, &Screen::of(&place.environment, false));
    Exit::Done
}

/// Puts a new key in the place of the one that signs.
pub(super) async fn rotate(command: RotateKey, environment: Environment) -> Exit {
    let place = match open(command.flags, environment).await {
        Ok(place) => place,
        Err(exit) => return exit,
    };
    match rotated(&place, command.new.as_deref()).await {
        Ok(key) => {
            say(key.public().text());
            Exit::Done
        }
        Err(exit) => exit,
    }
}

async fn rotated(place: &Place, new: Option<&str>) -> Result<SigningKey, Exit> {
    let secrets = LocalSecrets::new(place.environment.clone(), Vec::new(), master_key::place(&place.config));
    let old = load(&place.config, &secrets).map_err(refused)?;
    let file = default_file(&place.config);
    match (new, &place.config.audit.signing_key) {
        (Some(reference), Some(_)) => {
            let new = resolve(reference, &secrets).map_err(refused)?;
            place.store.rotate_audit_key(&old, &new).await.map_err(failed)?;
            Ok(new)
        }
        (None, None) => {
            let next = PathBuf::from(format!("{}.new", file.display()));
            let kept = PathBuf::from(format!("{}.{}", file.display(), old.public().id()));
            create(&next).map_err(|error| refused(format!("`{}`: {error}", next.display())))?;
            let new = resolve(&format!("file://{}", next.display()), &secrets).map_err(refused)?;
            place.store.rotate_audit_key(&old, &new).await.map_err(failed)?;
            let moved = fs::rename(&file, &kept).and_then(|()| fs::rename(&next, &file));
            moved.map_err(|error| refused(format!("the new key lies in `{}`: {error}", next.display())))?;
            Ok(new)
        }
        (Some(_), None) => Err(refused("`--new` is for servers with a configured `audit.signing_key`")),
        (None, Some(_)) => Err(refused(
            "`audit.signing_key` is configured: say with `--new` where the next one is",
        )),
    }
}
