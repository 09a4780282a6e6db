//! Which versions of the catalog were there: when, by whom, what?

use clap::Args;
use lakegate_openapi::epoch::{Epoch, EpochChange};
use serde_json::{Value, json};

use crate::{
    cli::{
        exit::Exit,
        failure::{Result, report},
        items::{ItemFormat, print_items},
        list::ListFlags,
        profile::ServerFlags,
        screen::Screen,
    },
    config::environment::Environment,
};

/// List the epochs: every change of the catalog, newest first.
#[derive(Debug, Args)]
pub struct History {
    #[command(flatten)]
    list: ListFlags,
    /// Format of the list
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
    #[command(flatten)]
    server: ServerFlags,
}

/// Lists.
pub(super) async fn run(command: History, environment: Environment) -> Exit {
    let json = command.format.is_json();
    report(history(command, &environment).await.map(|()| Exit::Done), json)
}

async fn history(command: History, environment: &Environment) -> Result<()> {
    const COLUMNS: [(&str, &str); 4] = [
        ("epoch", "/epoch"),
        ("time", "/changed_at"),
        ("who", "/principal"),
        ("what", "/what"),
    ];
    let client = command.server.target(environment)?.client;
    let mut items = command.list.fetch(&client, &["epochs"], &[]).await?;
    if !command.format.is_json() {
        items.iter_mut().for_each(summarize);
    }
    print_items(&items, &COLUMNS, command.format, &Screen::of(environment, false));
    Ok(())
}

fn summarize(item: &mut Value) {
    let what = serde_json::from_value::<Epoch>(item.clone()).map(|epoch| {
        let changes: Vec<String> = epoch.changes.iter().map(short).collect();
        changes.join(", ")
    });
    if let (Value::Object(members), Ok(what)) = (item, what) {
        members.insert("what".to_owned(), json!(what));
    }
}

/// `policy pii.clear`, `3 × grant`, `2 × column-mask last4, … deleted`.
fn short(change: &EpochChange) -> String {
    let mut text = match change.objects {
        1 => change.kind.clone(),
        objects => format!("{objects} × {}", change.kind),
    };
    if let Some(name) = &change.name {
        text.push_str(&format!(" {name}"));
        if change.objects > 1 {
            text.push_str(", …");
        }
    }
    if change.change == "deleted" {
        text.push_str(" deleted");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_short() {
        let change = |objects, change: &str, name: Option<&str>| EpochChange {
            kind: "policy".to_owned(),
            change: change.to_owned(),
            objects,
            name: name.map(str::to_owned),
        };
        assert_eq!(short(&change(1, "stored", Some("pii"))), "policy pii");
        assert_eq!(short(&change(3, "deleted", Some("pii"))), "3 × policy pii, … deleted");
        assert_eq!(short(&change(2, "stored", None)), "2 × policy");
    }
}
