//! What does the running lake look like as files? `apply` of the answer changes nothing.

use std::path::{Component, Path, PathBuf};

use clap::Args;
use lakegate_openapi::lake::{ExportLake, LakeFile};
use lakegate_policy::split_policies;

use super::{
    exit::Exit,
    failure::{Failure, Result, report},
    output::{say, tell},
    profile::ServerFlags,
    sink::Sink,
};
use crate::{config::environment::Environment, lake::yaml_text::policies};

/// Write the running lake as files.
#[derive(Debug, Args)]
pub struct Export {
    /// Only the objects with these names
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Only objects of this kind (table, role, policy, …)
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// The lake that owns them [default: the one that there is]
    #[arg(long, value_name = "LAKE")]
    lake: Option<String>,
    /// Write files into this directory instead of the standard output
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    directory: Option<PathBuf>,
    #[command(flatten)]
    server: ServerFlags,
}

/// Exports.
pub(super) async fn run(command: Export, environment: Environment) -> Exit {
    report(export(command, &environment).await.map(|()| Exit::Done), false)
}

async fn export(command: Export, environment: &Environment) -> Result<()> {
    let client = command.server.target(environment)?.client;
    let listed = |names: Vec<String>| (!names.is_empty()).then(|| names.join(","));
    let filter = ExportLake {
        lake: command.lake,
        kind: listed(command.kinds),
        name: listed(command.names),
    };
    let files = client.export_lake(&filter).await?.files;
    match command.directory {
        Some(directory) => files.iter().try_for_each(|file| write(&directory, file)),
        None => {
            say(stream(&files)?.trim_end());
            Ok(())
        }
    }
}

fn write(directory: &Path, file: &LakeFile) -> Result<()> {
    let name = Path::new(&file.name);
    if !name.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(Failure::local(format!(
            "the server names a file `{}` outside of the directory",
            file.name
        )));
    }
    let path = directory.join(name);
    let folder = path.parent().unwrap_or(directory);
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::local(format!("{} cannot be made: {error}", folder.display())))?;
    let mut sink = Sink::open(Some(&path))?;
    sink.write(file.text.as_bytes())?;
    sink.finish()?;
    tell(format!("wrote {}", path.display()));
    Ok(())
}

/// One document that `apply -f -` reads: the maps, and the policies below `policies`.
///
/// # Errors
/// If the server's Cedar text cannot be split.
fn stream(files: &[LakeFile]) -> Result<String> {
    let mut text = String::new();
    for file in files {
        if file.name.ends_with(".cedar") {
            let statements = split_policies(&file.text)
                .map_err(|_| Failure::local(format!("the policies in `{}` cannot be read: use `-o DIR`", file.name)))?;
            let entries = statements.iter().map(|one| (one.id.as_str(), one.text.as_str()));
            text.push_str(&policies(entries));
        } else {
            text.push_str(file.text.trim_end());
            text.push('\n');
        }
    }
    Ok(text)
}
