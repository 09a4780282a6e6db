//! Which files make a lake, and what is said about what they change?

use std::path::PathBuf;

use clap::Args;
use lakegate_openapi::lake::{ApplyLake, InferredTable, LakeApplied, LakeChange, LakeFile};

use super::{
    effects::{digest_line, effect_lines},
    failure::{Failure, Result},
    grid::printable,
    items::ItemFormat,
    output::{say, tell},
    screen::Screen,
};
use crate::lake::{LakeInput, SourceText};

/// The files of a lake.
#[derive(Clone, Debug, Args)]
pub struct LakeFlags {
    /// Files, or directories with their *.yaml and *.cedar; `-` is the standard input
    #[arg(short = 'f', long = "file", value_name = "PATH", num_args = 1.., required = true)]
    paths: Vec<PathBuf>,
    /// Also delete what this lake applied before and no longer names
    #[arg(long)]
    pub prune: bool,
    /// Format of the list of changes
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    pub format: ItemFormat,
}

impl LakeFlags {
    /// Reads the files.
    ///
    /// # Errors
    /// If one cannot be read; all that cannot are named.
    pub fn read(&self, dry_run: bool) -> Result<ApplyLake> {
        let input = LakeInput::from_paths(&self.paths).map_err(|problems| {
            problems.iter().for_each(tell);
            Failure::local("the lake's files cannot be read")
        })?;
        let texts = input.sources.into_iter().filter_map(|source| match source.text {
            SourceText::Text(text) => Some(LakeFile {
                name: source.name,
                text,
            }),
            SourceText::Json(_) => None,
        });
        let files: Vec<LakeFile> = texts.collect();
        if files.is_empty() {
            return Err(Failure::usage("there is no *.yaml and no *.cedar at the named paths"));
        }
        Ok(ApplyLake {
            files,
            lake: None,
            dry_run,
            prune: self.prune,
            approve_gains: None,
        })
    }

    /// Does the standard input hold a file, so that nobody can be asked through it?
    #[must_use]
    pub fn takes_standard_input(&self) -> bool {
        self.paths.iter().any(|path| path.as_os_str() == "-")
    }
}

/// Does anything differ?
#[must_use]
pub fn has_changes(applied: &LakeApplied) -> bool {
    applied.changes.iter().any(is_change)
}

fn is_change(change: &LakeChange) -> bool {
    change.change != "unchanged"
}

/// Prints what an apply did, or would do.
pub fn print_applied(applied: &LakeApplied, format: ItemFormat) {
    if format.is_json() {
        return say(serde_json::to_string(applied).unwrap_or_default());
    }
    for change in applied.changes.iter().filter(|change| is_change(change)) {
        let mark = match change.change.as_str() {
            "created" => '+',
            "deleted" => '-',
            _ => '~',
        };
        let fields = if change.change == "updated" {
            format!("  ({})", change.fields.join(", "))
        } else {
            String::new()
        };
        say(printable(&format!("{mark} {} {}{fields}", change.kind, change.name)));
    }
    let effects = applied.effects.iter().flat_map(effect_lines);
    effects.for_each(|line| say(printable(&line)));
}

/// One line about all changes, the columns that were inferred, and warnings.
pub fn remark_applied(applied: &LakeApplied, screen: &Screen) {
    applied
        .inferred
        .iter()
        .for_each(|table| screen.remark(printable(&inferred(table))));
    applied
        .warnings
        .iter()
        .for_each(|warning| screen.remark(printable(&format!("warning: {warning}"))));
    screen.remark(summary(applied));
    let digest = applied
        .effects
        .iter()
        .filter_map(digest_line)
        .filter(|_| applied.dry_run);
    digest.for_each(|line| screen.remark(line));
}

fn inferred(table: &InferredTable) -> String {
    let columns = table
        .columns
        .iter()
        .map(|column| format!("{} {}", column.name, column.type_text));
    format!("inferred {}: {}", table.table, columns.collect::<Vec<_>>().join(", "))
}

/// `created 2 · unchanged 14`.
fn summary(applied: &LakeApplied) -> String {
    let counts = &applied.counts;
    let parts = [
        ("created", counts.created),
        ("updated", counts.updated),
        ("deleted", counts.deleted),
        ("unchanged", counts.unchanged),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{word} {count}"))
        .collect();
    let parts = if parts.is_empty() {
        "nothing to do".to_owned()
    } else {
        parts.join(" · ")
    };
    // A rollback is of no lake.
    match applied.lake.as_str() {
        "" => parts,
        lake => format!("lake {}: {parts}", printable(lake)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_summary_says_what_happened() {
        let applied: LakeApplied = serde_json::from_value(json!({
            "lake": "acme", "version": 3, "dry_run": true,
            "changes": [{"kind": "role", "name": "staff", "change": "created", "fields": []}],
            "inferred": [{"table": "lake.a.b", "columns": [{"name": "n", "type": "bigint"}]}],
            "counts": {"created": 1, "updated": 0, "deleted": 0, "unchanged": 14}, "warnings": []
        }))
        .unwrap();
        assert_eq!(summary(&applied), "lake acme: created 1 · unchanged 14");
        assert_eq!(inferred(&applied.inferred[0]), "inferred lake.a.b: n bigint");
        assert!(has_changes(&applied));
    }
}
