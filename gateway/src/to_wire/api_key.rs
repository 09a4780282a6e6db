//! How is an API key shown? Without what it is, but for the one time when the server has made it.

use axum::response::Response;
use lakegate_openapi::api_key as wire;

use super::entry;
use crate::{error::Result, lake::EntryView};

/// 201 with the key; `text` if the server made it.
///
/// # Errors
/// Its shape is not that of the wire: our fault.
pub fn created(view: EntryView, text: Option<String>) -> Result<Response> {
    let version = view.version;
    let stored: wire::ApiKey = entry::typed(view)?;
    let name = stored.name.clone();
    let answer = entry::with_version(version, &wire::CreatedApiKey { stored, key: text });
    Ok(entry::at(&["api-keys", &name], answer))
}
