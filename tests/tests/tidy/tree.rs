//! The files of the repository as the tidy tests see them: text only, without what tools have made.

use std::fs;
use std::path::{Path, PathBuf};

use super::Complaint;

/// Folders that tools fill. Folders whose name begins with a dot are skipped as well, but for `.ci`.
const MADE_BY_TOOLS: [&str; 3] = ["__pycache__", "node_modules", "target"];
/// Bigger files are data, not text that somebody writes.
const MAX_BYTES: u64 = 1_000_000;

#[derive(Clone, Debug)]
pub struct TreeFile {
    /// From the root of the repository, with `/`.
    pub path: String,
    pub text: String,
}

#[derive(Debug)]
pub struct Tree(Vec<TreeFile>);

impl Tree {
    pub fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut tree = Self(Vec::new());
        tree.add_folder(&root, "");
        tree.0.sort_by(|a, b| a.path.cmp(&b.path));
        assert!(
            tree.0.iter().any(|file| file.path == "Cargo.toml"),
            "{} is not the repository",
            root.display()
        );
        tree
    }

    pub fn files(&self) -> &[TreeFile] {
        &self.0
    }

    /// The files of this name, in any folder.
    pub fn named(&self, name: &str) -> Vec<TreeFile> {
        self.0
            .iter()
            .filter(|file| file.path.rsplit('/').next() == Some(name))
            .cloned()
            .collect()
    }

    pub fn ending(&self, suffix: &str) -> Vec<TreeFile> {
        self.0
            .iter()
            .filter(|file| file.path.ends_with(suffix))
            .cloned()
            .collect()
    }

    pub fn below(&self, folder: &str) -> Self {
        Self(
            self.0
                .iter()
                .filter(|file| file.path.starts_with(folder))
                .cloned()
                .collect(),
        )
    }

    fn add_folder(&mut self, folder: &Path, prefix: &str) {
        // A test that runs beside this one may remove its temporary files at any moment: what is gone is not looked at.
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let (Ok(name), Ok(kind)) = (entry.file_name().into_string(), entry.file_type()) else {
                continue;
            };
            let path = format!("{prefix}{name}");
            if kind.is_dir() && is_ours(&name) {
                self.add_folder(&entry.path(), &format!("{path}/"));
            } else if kind.is_file() && !["Cargo.lock", ".git"].contains(&path.as_str()) {
                self.add_file(entry.path(), path);
            }
        }
    }

    fn add_file(&mut self, file: PathBuf, path: String) {
        if fs::metadata(&file).is_ok_and(|metadata| metadata.len() <= MAX_BYTES)
            && let Ok(text) = fs::read_to_string(file)
        {
            self.0.push(TreeFile { path, text });
        }
    }
}

fn is_ours(folder: &str) -> bool {
    folder == ".ci" || !(folder.starts_with('.') || MADE_BY_TOOLS.contains(&folder))
}

/// Paths that exist on the machine of whoever wrote them only.
pub fn check_machine_paths(path: &str, text: &str) -> Vec<Complaint> {
    // Written so that this file does not complain about itself.
    let homes = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
    ];
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for home in homes.iter().filter(|home| names_folder(line, home)) {
            complaints.push(format!(
                "{path}:{number}: `{home}…` is a path of one machine: use a relative path or a variable"
            ));
        }
    }
    complaints
}

/// Whether `line` has `folder` at the start of a path, not in the middle of one (`a/home/b`).
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|letter| letter.is_alphanumeric() || "-_./}".contains(letter))
    })
}

#[test]
fn finds_machine_paths() {
    let bad = format!("fine\ndata = \"{}me/ana/lake\"", "/ho");
    assert_eq!(check_machine_paths("a.toml", &bad).len(), 1);
    assert!(check_machine_paths("a.toml", "data = \"$HOME/lake\", s3://lake/home/ana, docs/work/plan").is_empty());
}

#[test]
fn leaves_out_what_tools_make() {
    assert!(is_ours("src") && is_ours(".ci"));
    assert!(!is_ours("target") && !is_ours(".git") && !is_ours(".tools"));
}
