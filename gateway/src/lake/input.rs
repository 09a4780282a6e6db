//! Which texts make a lake? Files and directories of the operator, or what came over the network.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::problem::{Place, Problem, Problems};

/// One text of a lake.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Names it in places; `*.cedar` holds policies, everything else maps.
    pub name: String,
    pub text: SourceText,
    /// Absolute directory that relative paths in it belong to; `None` for what came over the network.
    pub directory: Option<PathBuf>,
}

/// How a source is written.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceText {
    /// YAML (JSON is a subset) or, by the source's name, Cedar.
    Text(String),
    /// A parsed JSON body.
    Json(Value),
}

/// Everything that one apply is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LakeInput {
    pub sources: Vec<Source>,
}

impl LakeInput {
    /// Texts that came over the network: `(file name, text)`.
    #[must_use]
    pub fn from_texts(texts: impl IntoIterator<Item = (String, String)>) -> Self {
        let source = |(name, text)| Source {
            name,
            text: SourceText::Text(text),
            directory: None,
        };
        Self {
            sources: texts.into_iter().map(source).collect(),
        }
    }

    /// One JSON body of the merged maps.
    #[must_use]
    pub fn from_json(body: Value) -> Self {
        let source = Source {
            name: "request".to_owned(),
            text: SourceText::Json(body),
            directory: None,
        };
        Self { sources: vec![source] }
    }

    /// Files, and directories with all their `*.yaml`, `*.yml` and `*.cedar`, in the order of their names; `-` is the
    /// standard input. Relative paths inside belong to the file's directory.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn from_paths(paths: &[PathBuf]) -> Result<Self, Vec<Problem>> {
        let mut files = Files::default();
        for path in paths {
            files.take(path, true, 0);
        }
        if files.problems.is_empty() {
            Ok(Self { sources: files.sources })
        } else {
            Err(files.problems.into_sorted())
        }
    }
}

#[derive(Default)]
struct Files {
    sources: Vec<Source>,
    problems: Problems,
}

impl Files {
    /// Directories deeper than this are not entered.
    const MAX_DEPTH: u32 = 32;

    fn take(&mut self, path: &Path, named: bool, depth: u32) {
        let name = path.display().to_string();
        let wrong = |why: String| Problem::invalid(&Place::of_input(&name), why, "name a readable file or directory");
        if name == "-" {
            match std::io::read_to_string(std::io::stdin()) {
                Ok(text) => self.push("-", text, std::env::current_dir().ok()),
                Err(error) => self.problems.push(wrong(format!("cannot be read: {error}"))),
            }
            return;
        }
        if path.is_dir() {
            if depth > Self::MAX_DEPTH {
                return self.problems.push(wrong("directories are nested too deep".to_owned()));
            }
            match std::fs::read_dir(path) {
                Ok(entries) => {
                    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
                    paths.sort();
                    paths
                        .iter()
                        .filter(|path| path.is_dir() || is_lake_file(path))
                        .for_each(|path| self.take(path, false, depth + 1));
                }
                Err(error) => self.problems.push(wrong(format!("cannot be read: {error}"))),
            }
            return;
        }
        if named || is_lake_file(path) {
            match std::fs::read_to_string(path) {
                Ok(text) => {
                    let directory = std::path::absolute(path)
                        .ok()
                        .and_then(|path| path.parent().map(Path::to_path_buf));
                    self.push(&name, text, directory);
                }
                Err(error) => self.problems.push(wrong(format!("cannot be read: {error}"))),
            }
        }
    }

    fn push(&mut self, name: &str, text: String, directory: Option<PathBuf>) {
        self.sources.push(Source {
            name: name.to_owned(),
            text: SourceText::Text(text),
            directory,
        });
    }
}

fn is_lake_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["yaml", "yml", "cedar"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}
