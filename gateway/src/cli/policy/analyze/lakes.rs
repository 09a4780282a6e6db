//! Which lake is analysed? That of files, or that of a server: its policies, and what else decides with them.

use std::path::PathBuf;

use lakegate_openapi::lake::ExportLake;
use serde_json::{Value, json};

use crate::{
    cli::{
        failure::{Failure, Result},
        list::ListFlags,
        output::tell,
    },
    client::Client,
    lake::{LakeInput, SourceText, node::Node, problem::Problems, yaml::read_yaml},
};

/// The Cedar text and the maps of files.
///
/// # Errors
/// What cannot be read.
pub fn of_files(paths: &[PathBuf]) -> Result<Value> {
    let unread = |problems: Vec<crate::lake::problem::Problem>| {
        problems.iter().for_each(tell);
        Failure::local("the files cannot be read")
    };
    let input = LakeInput::from_paths(paths).map_err(unread)?;
    let (mut policies, mut maps) = (String::new(), Vec::new());
    let mut problems = Problems::default();
    for source in input.sources {
        let SourceText::Text(text) = source.text else { continue };
        if source.name.to_lowercase().ends_with(".cedar") {
            policies.push_str(&text);
            policies.push('\n');
        } else {
            let documents = read_yaml(&source.name, &text, &mut problems);
            maps.extend(documents.nodes.iter().map(Node::to_json));
        }
    }
    if !problems.is_empty() {
        return Err(unread(problems.into_sorted()));
    }
    if policies.is_empty() && maps.is_empty() && !paths.is_empty() {
        return Err(Failure::usage("there is no *.cedar and no *.yaml at the named paths"));
    }
    Ok(json!({ "policies": policies, "maps": maps }))
}

/// What a server has stored: policies, grants, roles, users, and the tables and views of the draft's lake if it names any.
///
/// # Errors
/// As all calls.
pub async fn of_server(client: &Client, draft: &Value) -> Result<Value> {
    let list = async |noun: &str| ListFlags::all().fetch(client, &[noun], &[]).await;
    // What names an object that is gone decides nothing.
    let dangling = |policy: &&Value| policy.get("dangling").and_then(Value::as_bool) == Some(true);
    let policies = list("policies").await?;
    let policies: Vec<String> = policies
        .iter()
        .filter(|policy| !dangling(policy))
        .filter_map(text)
        .collect();
    let by_name = |items: Vec<Value>| -> Value {
        let named = |item: Value| Some((item.get("name")?.as_str()?.to_owned(), item));
        items.into_iter().filter_map(named).collect()
    };
    let mut maps = vec![json!({
        "grants": list("grants").await?,
        "roles": by_name(list("roles").await?),
        "users": by_name(list("users").await?),
    })];
    let drafted = draft.get("maps").and_then(Value::as_array).into_iter().flatten();
    let drafted: Vec<&Value> = drafted
        .filter(|map| map.get("tables").is_some() || map.get("views").is_some())
        .collect();
    if let Some(first) = drafted.first() {
        let filter = ExportLake {
            lake: first.get("lake").and_then(Value::as_str).map(str::to_owned),
            kind: Some("table,view,data-filter,column-mask".to_owned()),
            name: None,
        };
        let mut problems = Problems::default();
        for file in client.export_lake(&filter).await?.files {
            let documents = read_yaml(&file.name, &file.text, &mut problems);
            maps.extend(documents.nodes.iter().map(Node::to_json));
        }
        if !problems.is_empty() {
            return Err(Failure::local("the server's lake cannot be read"));
        }
    }
    Ok(json!({ "policies": policies.join("\n"), "maps": maps }))
}

fn text(policy: &Value) -> Option<String> {
    policy.get("text").and_then(Value::as_str).map(str::to_owned)
}
