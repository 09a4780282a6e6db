//! Which settings were given, where, and do they exist? Typed reads that collect every problem instead of stopping.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::SocketAddr,
    ops::RangeInclusive,
    path::PathBuf,
    time::Duration,
};

use serde::de::DeserializeOwned;
use toml::Value;

use super::environment::Environment;

/// Where a setting came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    Default,
    /// Line 1 is the first; 0: the whole file.
    File {
        path: PathBuf,
        line: usize,
    },
    /// Name of the variable.
    Environment(String),
    /// Dotted path.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: 0 } => write!(f, "{}", path.display()),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(path) => write!(f, "--{}", path.trim_end_matches(".listen").replace(['.', '_'], "-")),
        }
    }
}

/// Something wrong with a configuration. Never holds the value of a secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub origin: Origin,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)
    }
}

/// One setting as it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Dotted path.
    pub path: &'static str,
    /// As TOML; a secret is `"<redacted>"`.
    pub value: String,
    pub origin: Origin,
}

#[derive(Clone, Debug)]
struct Given {
    value: Value,
    origin: Origin,
}

/// What was given, by dotted path, and what has been read of it so far.
#[derive(Debug, Default)]
pub struct Settings {
    given: BTreeMap<String, Given>,
    known: BTreeSet<&'static str>,
    effective: Vec<Setting>,
    problems: Vec<Problem>,
}

impl Settings {
    /// Adds a problem.
    pub(super) fn complain(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Adds a value of the file.
    pub(super) fn add_file(&mut self, path: String, value: Value, origin: Origin) {
        self.given.insert(path, Given { value, origin });
    }

    /// Adds `LAKEGATE__SECTION__KEY` and, where that is absent, the content of the file in `…__KEY_FILE`.
    pub(super) fn add_environment(&mut self, environment: &Environment) {
        let mut from_files = Vec::new();
        for (name, value) in environment.settings() {
            let origin = Origin::Environment(name.to_owned());
            let path = name
                .trim_start_matches("LAKEGATE__")
                .to_ascii_lowercase()
                .replace("__", ".");
            match path.strip_suffix("_file") {
                Some(path) => from_files.push((path.to_owned(), value.to_owned(), origin)),
                None => drop(self.given.insert(
                    path,
                    Given {
                        value: Value::String(value.to_owned()),
                        origin,
                    },
                )),
            }
        }
        for (path, file, origin) in from_files {
            if matches!(
                self.given.get(&path),
                Some(Given {
                    origin: Origin::Environment(_),
                    ..
                })
            ) {
                continue;
            }
            match std::fs::read_to_string(&file) {
                Ok(text) => {
                    let value = Value::String(text.trim_end_matches(['\r', '\n']).to_owned());
                    self.given.insert(path, Given { value, origin });
                }
                Err(error) => self.complain(Problem {
                    origin,
                    message: format!("`{file}` cannot be read: {error}"),
                }),
            }
        }
    }

    /// Adds the value of a flag.
    pub(super) fn add_flag(&mut self, path: &str, value: String) {
        let origin = Origin::Flag(path.to_owned());
        self.given.insert(
            path.to_owned(),
            Given {
                value: Value::String(value),
                origin,
            },
        );
    }

    /// A text.
    pub(super) fn text(&mut self, path: &'static str, default: &str) -> String {
        self.optional_text(path).unwrap_or_else(|| {
            self.hold(path, format!("{default:?}"), Origin::Default);
            default.to_owned()
        })
    }

    /// A text that may be absent.
    pub(super) fn optional_text(&mut self, path: &'static str) -> Option<String> {
        let value = self.read(path, "a text", |value| value.as_str().map(str::to_owned))?;
        self.hold_given(path, format!("{value:?}"));
        Some(value)
    }

    /// A text that is never shown.
    pub(super) fn secret(&mut self, path: &'static str) -> Option<String> {
        let value = self.read(path, "a text", |value| value.as_str().map(str::to_owned))?;
        self.hold_given(path, "\"<redacted>\"".to_owned());
        Some(value)
    }

    /// A reference to a secret; a secret in its place is refused, and not shown.
    pub(super) fn reference(&mut self, path: &'static str) -> Option<String> {
        let read = |value: &Value| {
            let text = value.as_str()?;
            ["env://", "file:///"]
                .iter()
                .any(|scheme| text.starts_with(scheme))
                .then(|| text.to_owned())
        };
        let value = self.read(
            path,
            "a reference such as `env://NAME` or `file:///PATH`, never the secret itself",
            read,
        )?;
        self.hold_given(path, format!("{value:?}"));
        Some(value)
    }

    /// A number within a range.
    pub(super) fn number(&mut self, path: &'static str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        let read = |value: &Value| match value {
            Value::Integer(number) => u64::try_from(*number).ok().filter(|number| range.contains(number)),
            Value::String(text) => text.parse().ok().filter(|number| range.contains(number)),
            _ => None,
        };
        let value = self.read(path, &expected, read);
        match value {
            Some(value) => self.hold_given(path, value.to_string()),
            None => self.hold(path, default.to_string(), Origin::Default),
        }
        value.unwrap_or(default)
    }

    /// A duration, given in seconds.
    pub(super) fn seconds(&mut self, path: &'static str, default: u64, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(path, default, range))
    }

    /// An address to listen on.
    pub(super) fn address(&mut self, path: &'static str, default: SocketAddr) -> SocketAddr {
        let read = |value: &Value| value.as_str().and_then(|text| text.parse::<SocketAddr>().ok());
        let value = self.read(path, "an address and port such as `127.0.0.1:8080`", read);
        match value {
            Some(value) => self.hold_given(path, format!("\"{value}\"")),
            None => self.hold(path, format!("\"{default}\""), Origin::Default),
        }
        value.unwrap_or(default)
    }

    /// A list of texts; absent: empty. In the environment as TOML (`["a", "b"]`).
    pub(super) fn texts(&mut self, path: &'static str) -> Vec<String> {
        let read = |value: &Value| -> Option<Vec<String>> {
            as_array(value)?
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect()
        };
        let value = self.read(path, "a list of texts", read);
        match &value {
            Some(value) => self.hold_given(path, format!("{value:?}")),
            None => self.hold(path, "[]".to_owned(), Origin::Default),
        }
        value.unwrap_or_default()
    }

    /// A list of tables; absent: empty. In the environment as TOML (`[{issuer = "…"}]`).
    pub(super) fn tables<T: DeserializeOwned>(&mut self, path: &'static str) -> Vec<T> {
        let Some(items) = self.read(path, "a list of tables", as_array) else {
            self.hold(path, "[]".to_owned(), Origin::Default);
            return Vec::new();
        };
        self.hold_given(path, Value::Array(items.clone()).to_string());
        let origin = self.origin(path);
        let mut read = Vec::new();
        for (number, item) in items.into_iter().enumerate() {
            match item.try_into() {
                Ok(item) => read.push(item),
                Err(error) => self.problems.push(Problem {
                    origin: origin.clone(),
                    message: format!(
                        "`{path}`, entry {}: {}",
                        number + 1,
                        error.to_string().trim().replace('\n', " ")
                    ),
                }),
            }
        }
        read
    }

    /// Refuses a setting that this version cannot honour.
    pub(super) fn refuse(&mut self, path: &'static str, allowed: &str, message: &str) {
        self.known.insert(path);
        if let Some(given) = self.given.get(path) {
            if given.value.as_str() == Some(allowed) {
                return;
            }
            let message = format!("`{path}`: {message}");
            self.problems.push(Problem {
                origin: given.origin.clone(),
                message,
            });
        }
    }

    /// All settings as they hold, and all problems, unknown keys included.
    pub(super) fn finish(mut self) -> (Vec<Setting>, Vec<Problem>) {
        for (path, given) in &self.given {
            if self.known.contains(path.as_str()) {
                continue;
            }
            let message = match nearest(path, &self.known) {
                Some(near) => format!("unknown key `{path}`; did you mean `{near}`?"),
                None => format!("unknown key `{path}`"),
            };
            self.problems.push(Problem {
                origin: given.origin.clone(),
                message,
            });
        }
        self.problems.sort_by_key(|problem| match &problem.origin {
            Origin::File { line, .. } => (0, *line),
            Origin::Environment(_) => (1, 0),
            Origin::Default | Origin::Flag(_) => (2, 0),
        });
        (self.effective, self.problems)
    }

    fn read<T>(&mut self, path: &'static str, expected: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        self.known.insert(path);
        let given = self.given.get(path)?;
        let value = read(&given.value);
        if value.is_none() {
            let problem = Problem {
                origin: given.origin.clone(),
                message: format!("`{path}` must be {expected}"),
            };
            self.problems.push(problem);
        }
        value
    }

    pub(super) fn origin(&self, path: &str) -> Origin {
        self.given
            .get(path)
            .map_or(Origin::Default, |given| given.origin.clone())
    }

    fn hold_given(&mut self, path: &'static str, value: String) {
        let origin = self.origin(path);
        self.hold(path, value, origin);
    }

    fn hold(&mut self, path: &'static str, value: String, origin: Origin) {
        self.effective.push(Setting { path, value, origin });
    }
}

fn as_array(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) => Some(items.clone()),
        Value::String(text) => {
            let table: toml::Table = toml::from_str(&format!("v = {text}")).ok()?;
            table.get("v")?.as_array().cloned()
        }
        _ => None,
    }
}

/// The known key that takes the fewest edits, if they are few.
fn nearest(path: &str, known: &BTreeSet<&'static str>) -> Option<&'static str> {
    let prefixed = known
        .iter()
        .filter(|key| key.starts_with(path))
        .min_by_key(|key| key.len());
    let edited = known
        .iter()
        .map(|key| (edits(path, key), key))
        .min()
        .filter(|(edits, _)| *edits <= 3)
        .map(|(_, key)| key);
    edited.or(prefixed).copied()
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            let cost = (diagonal + usize::from(x != *y)).min(above + 1).min(left + 1);
            diagonal = *above;
            left = cost;
            next.push(cost);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
