//! Which inputs make a lake, and what do they say together? Files and bodies to typed entries, every problem at its place.

use std::path::{Path, PathBuf};

use lakegate_policy::split_policies;
use serde_json::Value;

use super::{
    format::LAKE,
    model::{Canonical, Entry, FilterEntry, FilterOf, Lake, MaskEntry, MaskOf, PolicyEntry},
    node::{Content, Member, Node},
    problem::{Place, Problem, ProblemCode, Problems},
    shape::{Key, Shape, conform},
    yaml::{MAX_BYTES, read_yaml},
};

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

/// Reads all sources into one lake. What is wrong is in `problems`; the rest is returned, so that all of it can be checked.
pub fn read(input: &LakeInput, problems: &mut Problems) -> Lake {
    let total: usize = input
        .sources
        .iter()
        .map(|source| {
            if let SourceText::Text(text) = &source.text {
                text.len()
            } else {
                0
            }
        })
        .sum();
    if total > MAX_BYTES {
        let place = Place::of_input("lake");
        problems.push(Problem::invalid(
            &place,
            "the lake is larger than 16 MiB",
            "split it into several applies",
        ));
        return Lake::default();
    }
    let mut lake = Lake::default();
    for source in &input.sources {
        match &source.text {
            SourceText::Text(text) if is_cedar(&source.name) => cedar(&mut lake, &source.name, text, problems),
            SourceText::Text(text) => {
                for document in read_yaml(&source.name, text, problems) {
                    merge(&mut lake, &document, problems);
                }
            }
            SourceText::Json(body) => merge(
                &mut lake,
                &Node::from_json(body, &Place::of_input(&source.name)),
                problems,
            ),
        }
    }
    lake
}

fn is_cedar(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("cedar"))
}

/// Adds one document's sections.
fn merge(lake: &mut Lake, document: &Node, problems: &mut Problems) {
    if matches!(document.content, Content::Null) {
        return;
    }
    conform_top(document, problems);
    for section in document.members() {
        let Some(key) = LAKE.iter().find(|key| key.name == section.key) else {
            continue;
        };
        match (section.key.as_str(), &key.shape) {
            ("lake", _) => name(lake, &section.value, problems),
            ("grants", Shape::List(shape)) => {
                for (at, item) in section.value.items().enumerate() {
                    if conform(item, shape, "the grant", problems) {
                        let name = format!("grant {}", at + 1);
                        lake.grants.extend(entry(&name, &item.place, item, problems));
                    }
                }
            }
            ("policies", _) => policies(lake, &section.value, problems),
            (section_name, Shape::Map(shape)) => {
                for member in section.value.members() {
                    named(lake, section_name, shape, member, problems);
                }
            }
            _ => {}
        }
    }
}

/// Top-level keys are known and of the right kind; entries are checked one by one, so that good ones are read.
fn conform_top(document: &Node, problems: &mut Problems) {
    const ENTRIES: Shape = Shape::Map(&Shape::Scalar);
    let wrong_kind = |section: &Member, expected: &str| {
        Problem::invalid(
            &section.value.place,
            format!("`{}` must be {expected}, not {}", section.key, section.value.kind()),
            "",
        )
    };
    if !matches!(document.content, Content::Map(_)) {
        let _ = conform(document, &ENTRIES, "a lake file", problems);
        return;
    }
    for section in document.members() {
        let absent = matches!(section.value.content, Content::Null);
        match LAKE.iter().find(|key| key.name == section.key) {
            None => {
                let known = LAKE.iter().map(|key| key.name);
                let message = format!("unknown section `{}`", section.key);
                problems.push(Problem::invalid(
                    &section.place,
                    message,
                    super::problem::suggestion(&section.key, known),
                ));
            }
            Some(Key {
                shape: Shape::Map(_), ..
            }) if !absent && !matches!(section.value.content, Content::Map(_)) => {
                problems.push(wrong_kind(section, "a map from names to entries"));
            }
            Some(Key {
                shape: Shape::List(_), ..
            }) if !absent && !matches!(section.value.content, Content::List(_)) => {
                problems.push(wrong_kind(section, "a list"));
            }
            Some(_) => {}
        }
    }
}

fn name(lake: &mut Lake, node: &Node, problems: &mut Problems) {
    let Some(text) = node.text().filter(|text| !text.is_empty()) else {
        problems.push(Problem::invalid(
            &node.place,
            "`lake` must be a name",
            "write `lake: NAME`",
        ));
        return;
    };
    match &lake.name {
        Some((known, place)) if known != text => {
            let message = format!("`lake` is `{known}` at {place} and `{text}` here");
            problems.push(Problem::invalid(&node.place, message, "one apply has one lake name"));
        }
        Some(_) => {}
        None => lake.name = Some((text.to_owned(), node.place.clone())),
    }
}

pub(crate) fn named(lake: &mut Lake, section: &str, shape: &Shape, member: &Member, problems: &mut Problems) {
    let node = empty_map(&member.value);
    let what = format!("`{}`", member.key);
    if section == "tables" {
        return table(lake, member, &node, shape, problems);
    }
    if !conform(&node, shape, &what, problems) {
        return;
    }
    let (name, place) = (member.key.as_str(), &member.place);
    match section {
        "connections" => add(&mut lake.connections, entry(name, place, &node, problems), problems),
        "catalogs" => add(&mut lake.catalogs, entry(name, place, &node, problems), problems),
        "databases" => add(&mut lake.databases, entry(name, place, &node, problems), problems),
        "tags" => add(&mut lake.tags, entry(name, place, &node, problems), problems),
        "roles" => add(&mut lake.roles, entry(name, place, &node, problems), problems),
        "users" => add(&mut lake.users, entry(name, place, &node, problems), problems),
        "workgroups" => add(&mut lake.workgroups, entry(name, place, &node, problems), problems),
        "keys" => add(&mut lake.keys, entry(name, place, &node, problems), problems),
        _ => {}
    }
}

/// A table, and its filters and masks as entries of their own: one bad filter does not hide what is wrong elsewhere.
fn table(lake: &mut Lake, member: &Member, node: &Node, shape: &Shape, problems: &mut Problems) {
    if !conform(node, shape, &format!("`{}`", member.key), problems) {
        return;
    }
    for filter in node.get("filters").into_iter().flat_map(Node::members) {
        let body = empty_map(&filter.value);
        if body.get("where").is_none() {
            let message = format!("filter `{}` lacks `where`", filter.key);
            problems.push(Problem::invalid(
                &filter.place,
                message,
                "add `where`: the condition that a visible row satisfies",
            ));
            continue;
        }
        if let Some(filter) = entry::<FilterEntry>(&filter.key, &filter.place, &body, problems) {
            lake.filters.push(FilterOf {
                table: member.key.clone(),
                filter,
            });
        }
    }
    for column in node.get("masks").into_iter().flat_map(Node::members) {
        for mask in column.value.members() {
            if let Some(mask) = entry::<MaskEntry>(&mask.key, &mask.place, &mask.value, problems) {
                lake.masks.push(MaskOf {
                    table: member.key.clone(),
                    column: column.key.clone(),
                    mask,
                });
            }
        }
    }
    add(
        &mut lake.tables,
        entry(&member.key, &member.place, node, problems),
        problems,
    );
}

/// A key without value (`roles: {staff: }`) is an entry without members.
fn empty_map(node: &Node) -> Node {
    match node.content {
        Content::Null => Node {
            place: node.place.clone(),
            content: Content::Map(Vec::new()),
        },
        _ => node.clone(),
    }
}

/// The typed entry; `node` has been checked against its shape.
pub(crate) fn entry<E: Canonical>(name: &str, place: &Place, node: &Node, problems: &mut Problems) -> Option<Entry<E>> {
    let mut value = node.to_json();
    if let Value::Object(members) = &mut value {
        members.retain(|_, value| !value.is_null());
    }
    match serde_json::from_value::<E>(value) {
        Ok(mut body) => {
            body.canonical();
            Some(Entry {
                name: name.to_owned(),
                place: place.clone(),
                node: node.clone(),
                body,
            })
        }
        Err(error) => {
            problems.push(Problem::invalid(
                place,
                format!("`{name}` cannot be read: {error}"),
                "see the format's page",
            ));
            None
        }
    }
}

/// Adds an entry unless another one has its name.
fn add<E>(entries: &mut Vec<Entry<E>>, new: Option<Entry<E>>, problems: &mut Problems) {
    let Some(new) = new else { return };
    if let Some(first) = entries
        .iter()
        .find(|known| known.name.to_lowercase() == new.name.to_lowercase())
    {
        let message = format!("`{}` stands twice: here and at {}", new.name, first.place);
        problems.push(Problem::invalid(&new.place, message, "keep one of the two"));
        return;
    }
    entries.push(new);
}

fn policies(lake: &mut Lake, node: &Node, problems: &mut Problems) {
    let texts = node
        .members()
        .map(|member| (Some(member), &member.value))
        .chain(node.items().map(|item| (None, item)));
    for (member, value) in texts {
        let Some(text) = value.text() else {
            problems.push(Problem::invalid(
                &value.place,
                format!("a policy must be Cedar text, not {}", value.kind()),
                "",
            ));
            continue;
        };
        let known = lake.policies.len();
        cedar_at(lake, &value.place, text, problems);
        let ids: Vec<&str> = lake
            .policies
            .iter()
            .skip(known)
            .map(|entry| entry.name.as_str())
            .collect();
        if let (Some(member), [id]) = (member, ids.as_slice())
            && member.key != *id
        {
            let message = format!("policy `{}` has `@id(\"{id}\")`", member.key);
            problems.push(Problem::invalid(
                &member.place,
                message,
                "let the key be the policy's `@id`",
            ));
        }
    }
}

/// The statements of a Cedar file.
fn cedar(lake: &mut Lake, file: &str, text: &str, problems: &mut Problems) {
    let start = Place {
        line: 1,
        column: 1,
        ..Place::of_input(file)
    };
    match split_policies(text) {
        Ok(statements) => {
            for statement in statements {
                let place = Place {
                    line: statement.line,
                    column: statement.column,
                    ..start.clone()
                };
                policy(lake, &statement.id, statement.text, place, problems);
            }
        }
        Err(found) => problems.extend(found.into_iter().map(|problem| {
            let place = Place {
                line: problem.line.unwrap_or(1),
                column: problem.column.unwrap_or(1),
                ..start.clone()
            };
            Problem::new(
                ProblemCode::PolicyInvalid,
                &place,
                policy_message(&problem),
                problem.remedy,
            )
        })),
    }
}

/// The statements of a text inside a document: places are the text's own.
fn cedar_at(lake: &mut Lake, place: &Place, text: &str, problems: &mut Problems) {
    match split_policies(text) {
        Ok(statements) => statements
            .into_iter()
            .for_each(|statement| policy(lake, &statement.id, statement.text, place.clone(), problems)),
        Err(found) => problems.extend(
            found
                .into_iter()
                .map(|problem| Problem::new(ProblemCode::PolicyInvalid, place, problem.to_string(), problem.remedy)),
        ),
    }
}

fn policy(lake: &mut Lake, id: &str, text: String, place: Place, problems: &mut Problems) {
    let node = Node {
        place: place.clone(),
        content: Content::Text(text.clone()),
    };
    let new = Entry {
        name: id.to_owned(),
        place,
        node,
        body: PolicyEntry { text },
    };
    add(&mut lake.policies, Some(new), problems);
}

/// A policy's problem without its position, which the place has.
pub(crate) fn policy_message(problem: &lakegate_policy::PolicyProblem) -> String {
    match &problem.policy {
        Some(policy) => format!("policy `{policy}`: {}", problem.message),
        None => problem.message.clone(),
    }
}
