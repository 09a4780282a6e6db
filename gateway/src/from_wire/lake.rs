//! Which lake does a body hold, and which part of one is asked for?

use lakegate_catalog::object::Kind;
use lakegate_openapi::lake as wire;
use serde_json::{Map, Value, json};

use crate::{
    error::{ApiError, Result},
    lake::{ApplyOptions, ExportOptions, LakeInput, Source, SourceText},
};

/// A lake, how to apply it, and the digest of the gains that are approved.
type Applying = (LakeInput, ApplyOptions, Option<String>);

/// Files, or the merged maps themselves.
///
/// # Errors
/// `INVALID_REQUEST`.
pub fn apply(body: Map<String, Value>) -> Result<Applying> {
    if body.contains_key("files") {
        let request: wire::ApplyLake =
            serde_json::from_value(Value::Object(body)).map_err(|error| ApiError::invalid(format!("body: {error}")))?;
        let options = ApplyOptions {
            dry_run: request.dry_run,
            prune: request.prune,
        };
        let mut input = LakeInput::from_texts(request.files.into_iter().map(|file| (file.name, file.text)));
        if let Some(lake) = request.lake {
            let text = SourceText::Json(json!({ "lake": lake }));
            input.sources.push(Source {
                name: "request".to_owned(),
                text,
                directory: None,
            });
        }
        return Ok((input, options, request.approve_gains));
    }
    let mut maps = body;
    let approved = match maps.shift_remove("approve_gains") {
        None | Some(Value::Null) => None,
        Some(Value::String(digest)) => Some(digest),
        Some(_) => return Err(ApiError::invalid("`approve_gains` must be the digest of gains")),
    };
    let options = ApplyOptions {
        dry_run: flag(&mut maps, "dry_run")?,
        prune: flag(&mut maps, "prune")?,
    };
    Ok((LakeInput::from_json(Value::Object(maps)), options, approved))
}

/// What to export.
///
/// # Errors
/// `INVALID_REQUEST` for an unknown kind.
pub fn export(parameters: wire::ExportLake) -> Result<ExportOptions> {
    let kinds = split(parameters.kind)
        .iter()
        .map(|word| kind(word))
        .collect::<Result<_>>()?;
    Ok(ExportOptions {
        lake: parameters.lake,
        kinds,
        names: split(parameters.name),
    })
}

fn flag(maps: &mut Map<String, Value>, name: &str) -> Result<bool> {
    match maps.shift_remove(name) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(flag),
        Some(_) => Err(ApiError::invalid(format!("`{name}` must be true or false"))),
    }
}

fn split(list: Option<String>) -> Vec<String> {
    let list = list.unwrap_or_default();
    list.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

fn kind(word: &str) -> Result<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.word() == word).ok_or_else(|| {
        let known: Vec<&str> = Kind::ALL.into_iter().map(Kind::word).collect();
        ApiError::invalid(format!(
            "kind `{word}` does not exist; known are `{}`",
            known.join("`, `")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_lake_comes_as_files_or_as_maps() {
        let files = json!({"files": [{"name": "a.yaml", "text": "roles: {}"}], "lake": "x", "dry_run": true});
        let (input, options, approved) = apply(body(files)).unwrap();
        assert_eq!(approved, None);
        assert_eq!((input.sources.len(), options.dry_run, options.prune), (2, true, false));
        let maps = json!({"lake": "x", "roles": {"a": {}}, "prune": true, "approve_gains": "0a"});
        let (input, options, approved) = apply(body(maps)).unwrap();
        assert_eq!(approved.as_deref(), Some("0a"));
        assert_eq!((input.sources.len(), options.prune), (1, true));
        assert!(apply(body(json!({"files": [], "other": 1}))).is_err());
        assert!(apply(body(json!({"lake": "x", "dry_run": "yes"}))).is_err());
    }

    #[test]
    fn kinds_are_words() {
        let of = |kind: &str| {
            export(wire::ExportLake {
                kind: Some(kind.to_owned()),
                ..Default::default()
            })
        };
        assert_eq!(of("table, data-filter").unwrap().kinds, [Kind::Table, Kind::DataFilter]);
        assert!(of("tables").is_err());
    }
}
