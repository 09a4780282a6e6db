//! How does a lake come in a request? As JSON, or as a form of files that keep their names.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
};
use http::header;
use lakegate_openapi::lake::LakeFile;
use serde_json::{Map, Value, json};

use crate::{
    error::{ApiError, Result},
    extract::{Json, refuse_bytes},
    multipart::{self, Part},
};

const FORM: &str = "multipart/form-data";
/// Endings of the files of a lake.
const ENDINGS: [&str; 4] = [".cedar", ".json", ".yaml", ".yml"];

/// The body of an apply: members as in JSON.
#[derive(Clone, Debug)]
pub struct LakeForm(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for LakeForm {
    type Rejection = ApiError;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
        if !kind.to_ascii_lowercase().starts_with(FORM) {
            let Json(body) = Json::from_request(request, state).await?;
            return Ok(Self(body));
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|error| refuse_bytes(&error))?;
        let parts = multipart::parts(&kind, &body)
            .ok_or_else(|| ApiError::invalid("the form cannot be read: it is cut off, or malformed"))?;
        read(parts).map(Self)
    }
}

fn read(parts: Vec<Part<'_>>) -> Result<Map<String, Value>> {
    let mut body = Map::new();
    let mut files: Vec<LakeFile> = Vec::new();
    for part in parts {
        let text =
            std::str::from_utf8(part.content).map_err(|_| ApiError::invalid("a part of the form is not UTF-8"))?;
        let name = part.name;
        match (part.file, name.as_str(), text) {
            (Some(file), _, _) => {
                check_file(&file, &files)?;
                files.push(LakeFile {
                    name: file,
                    text: text.to_owned(),
                });
            }
            (None, "lake" | "approve_gains", _) => {
                body.insert(name, json!(text));
            }
            (None, "dry_run" | "prune", "true" | "false") => {
                body.insert(name, json!(text == "true"));
            }
            (None, "dry_run" | "prune", _) => {
                return Err(ApiError::invalid(format!("`{name}` must be true or false")));
            }
            (None, _, _) => {
                return Err(ApiError::invalid(format!(
                    "`{}` is no part of the form: there are files with names, `lake`, `dry_run`, `prune` and `approve_gains`",
                    name.escape_debug()
                )));
            }
        }
    }
    body.insert("files".to_owned(), json!(files));
    Ok(body)
}

fn check_file(name: &str, others: &[LakeFile]) -> Result<()> {
    let lower = name.to_lowercase();
    if name.len() > 256 || name.chars().any(char::is_control) || !ENDINGS.iter().any(|ending| lower.ends_with(ending)) {
        return Err(ApiError::invalid(format!(
            "file `{}` is none of a lake: its name must end with `{}`",
            name.escape_debug(),
            ENDINGS.join("`, `")
        )));
    }
    if others.iter().any(|other| other.name == name) {
        return Err(ApiError::invalid(format!("file `{name}` comes twice")));
    }
    Ok(())
}
