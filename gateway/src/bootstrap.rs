//! What must be in the catalog before the first request? Built-ins, the administrator's key, and what `--apply` names.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use lakegate_catalog::StoreError;

use crate::{
    app::AppState,
    auth::api_key,
    error::chain,
    lake::{self, Applier, ApplyOptions, LakeInput},
    master_key,
    server::StartError,
};

/// Name of the store's setting that says that the administrator once got a key: a revoked one never comes back.
const KEY_MADE: &str = "admin_key_made";
const KEY_FILE: &str = "admin.key";

/// Stores what is missing, then applies the lakes at `paths`.
///
/// # Errors
/// All problems of the lakes, one a line, or a failure of the store.
pub async fn bootstrap(app: &AppState, paths: &[PathBuf]) -> Result<(), StartError> {
    ensure_builtins(app).await?;
    master_key::ensure_mask_key(&app.store, app.master_key.as_deref()).await?;
    if paths.is_empty() {
        return Ok(());
    }
    let lines = |problems: Vec<lake::Problem>| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let input = LakeInput::from_paths(paths).map_err(|problems| StartError(lines(problems)))?;
    let context = app.apply_context(Applier::Operator);
    let report = lake::apply(&context, &input, ApplyOptions::default())
        .await
        .map_err(|error| StartError(error.to_string()))?;
    let counts = report.counts;
    tracing::info!(
        lake = report.lake,
        created = counts.created,
        updated = counts.updated,
        unchanged = counts.unchanged,
        "lake applied"
    );
    for warning in &report.warnings {
        tracing::warn!(lake = report.lake, warning, "lake applied");
    }
    Ok(())
}

/// Stores the built-ins, and once per store a key of the administrator, in a file for us alone.
async fn ensure_builtins(app: &AppState) -> Result<(), StartError> {
    let failed = |error: StoreError| StartError(format!("the administrator's key cannot be made: {}", chain(&error)));
    let hmac = match app.store.setting(KEY_MADE).await.map_err(failed)? {
        Some(_) => None,
        None => {
            let path = app.config.data.join(KEY_FILE);
            let text = key_text(&path)
                .map_err(|error| StartError(format!("`{}` cannot be written: {error}", path.display())))?;
            Some(api_key::hmac_hex(&app.pepper, &text))
        }
    };
    lake::ensure_builtins(&app.store, hmac.as_deref())
        .await
        .map_err(|error| StartError(error.to_string()))?;
    if hmac.is_some() {
        app.store.put_setting(KEY_MADE, b"1").await.map_err(failed)
    } else {
        Ok(())
    }
}

/// The key in the file, or a new one that is written there first: a stored key that nobody has would be lost.
fn key_text(path: &Path) -> io::Result<String> {
    let created = api_key::create().map_err(io::Error::other)?;
    let mut options = fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create_new(true), 0o600);
    match options.open(path) {
        Ok(mut file) => {
            file.write_all(created.text.as_bytes())?;
            file.sync_all()?;
            Ok(created.text)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(fs::read_to_string(path)?.trim().to_owned()),
        Err(error) => Err(error),
    }
}
