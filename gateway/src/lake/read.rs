//! Which inputs make a lake, and what do they say together? Files and bodies to typed entries, every problem at its place.

use lakegate_catalog::object::Kind;
use lakegate_policy::split_policies;
use serde_json::Value;

use super::{
    filter_body::one_body,
    format::{FILTER, LAKE, MASK},
    input::{LakeInput, SourceText},
    model::{Canonical, Entry, FilterEntry, FilterOf, Lake, MaskEntry, MaskOf, PolicyEntry},
    node::{Content, Member, Node},
    problem::{Place, Problem, ProblemCode, Problems},
    shape::{Key, Shape, conform},
    yaml::{MAX_BYTES, read_yaml},
};

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
                let documents = read_yaml(&source.name, text, problems);
                lake.unread |= !documents.whole;
                for document in &documents.nodes {
                    merge(&mut lake, document, problems);
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
                    let member = &words(member);
                    lake.declared
                        .extend(section_kind(section_name).map(|kind| (kind, member.key.to_lowercase())));
                    named(lake, section_name, shape, member, problems);
                }
            }
            _ => {}
        }
    }
}

/// `absent_policy_columns: null` is the word: in a lake, a key that is left out is not written.
fn words(member: &Member) -> Member {
    let mut member = member.clone();
    if let Content::Map(members) = &mut member.value.content {
        for member in members {
            if member.key == "absent_policy_columns" && member.value.content == Content::Null {
                member.value.content = Content::Text("null".to_owned());
            }
        }
    }
    member
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
    if ["tables", "views"].contains(&section) {
        return relation(lake, (section, shape), member, &node, problems);
    }
    if !conform(&node, shape, &what, problems) {
        return;
    }
    let (name, place) = (member.key.as_str(), &member.place);
    match section {
        "connections" => {
            let new = entry(name, place, &node, problems);
            add(lake, Kind::Connection, |lake| &mut lake.connections, new, problems);
        }
        "catalogs" => {
            let new = entry(name, place, &node, problems);
            add(lake, Kind::Catalog, |lake| &mut lake.catalogs, new, problems);
        }
        "databases" => {
            let new = entry(name, place, &node, problems);
            add(lake, Kind::Database, |lake| &mut lake.databases, new, problems);
        }
        "tags" => {
            let new = entry(name, place, &node, problems);
            add(lake, Kind::Tag, |lake| &mut lake.tags, new, problems);
        }
        "roles" => {
            let new = entry(name, place, &node, problems);
            add(lake, Kind::Role, |lake| &mut lake.roles, new, problems);
        }
        "users" => {
            let new = entry(name, place, &node, problems);
            add(lake, Kind::User, |lake| &mut lake.users, new, problems);
        }
        "workgroups" => {
            let new = entry(name, place, &node, problems);
            add(lake, Kind::Workgroup, |lake| &mut lake.workgroups, new, problems);
        }
        "keys" => {
            let new = entry(name, place, &node, problems);
            add(lake, Kind::Key, |lake| &mut lake.keys, new, problems);
        }
        _ => {}
    }
}

/// A table or view, and its filters and masks as entries of their own: one bad filter does not hide what is wrong elsewhere.
fn relation(lake: &mut Lake, (kind, shape): (&str, &Shape), member: &Member, node: &Node, problems: &mut Problems) {
    let (below, own): (Vec<&Member>, Vec<&Member>) = node
        .members()
        .partition(|member| ["filters", "masks"].contains(&member.key.as_str()));
    let content = match &node.content {
        Content::Map(_) => Content::Map(own.into_iter().cloned().collect()),
        other => other.clone(),
    };
    let own = Node {
        place: node.place.clone(),
        content,
    };
    for section in below {
        let maps = Shape::Map(if section.key == "masks" { &ANY_MAP } else { &Shape::Any });
        if conform(&section.value, &maps, &format!("`{}`", section.key), problems) {
            match section.key.as_str() {
                "filters" => filters(lake, &member.key, &section.value, problems),
                _ => masks(lake, &member.key, &section.value, problems),
            }
        }
    }
    if conform(&own, shape, &format!("`{}`", member.key), problems) {
        let (name, place) = (member.key.as_str(), &member.place);
        if kind == "views" {
            let new = entry(name, place, &own, problems);
            add(lake, Kind::View, |lake| &mut lake.views, new, problems);
        } else {
            let new = entry(name, place, &own, problems);
            add(lake, Kind::Table, |lake| &mut lake.tables, new, problems);
        }
    }
}

const ANY_MAP: Shape = Shape::Map(&Shape::Any);

fn filters(lake: &mut Lake, table: &str, node: &Node, problems: &mut Problems) {
    for filter in node.members() {
        lake.declared
            .insert((Kind::DataFilter, format!("{table}/{}", filter.key).to_lowercase()));
        let body = empty_map(&filter.value);
        if !conform(&body, &FILTER, &format!("filter `{}`", filter.key), problems) {
            continue;
        }
        if let Some(problem) = one_body(&filter.key, &filter.place, &body) {
            problems.push(problem);
            continue;
        }
        if let Some(filter) = entry::<FilterEntry>(&filter.key, &filter.place, &body, problems) {
            lake.filters.push(FilterOf {
                table: table.to_owned(),
                filter,
            });
        }
    }
}

fn masks(lake: &mut Lake, table: &str, node: &Node, problems: &mut Problems) {
    for column in node.members() {
        for mask in column.value.members() {
            let name = format!("{table}.{}/{}", column.key, mask.key).to_lowercase();
            lake.declared.insert((Kind::ColumnMask, name));
            if conform(&mask.value, &MASK, &format!("mask `{}`", mask.key), problems)
                && let Some(mask) = entry::<MaskEntry>(&mask.key, &mask.place, &mask.value, problems)
            {
                lake.masks.push(MaskOf {
                    table: table.to_owned(),
                    column: column.key.clone(),
                    mask,
                });
            }
        }
    }
}

/// The kind of the entries of a section.
fn section_kind(section: &str) -> Option<Kind> {
    Some(match section {
        "connections" => Kind::Connection,
        "catalogs" => Kind::Catalog,
        "databases" => Kind::Database,
        "tables" => Kind::Table,
        "views" => Kind::View,
        "tags" => Kind::Tag,
        "roles" => Kind::Role,
        "users" => Kind::User,
        "workgroups" => Kind::Workgroup,
        "keys" => Kind::Key,
        _ => return None,
    })
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

/// Adds an entry unless another one of its kind has its name.
fn add<E>(
    lake: &mut Lake,
    kind: Kind,
    list: fn(&mut Lake) -> &mut Vec<Entry<E>>,
    new: Option<Entry<E>>,
    problems: &mut Problems,
) {
    let Some(new) = new else { return };
    let name = (kind, new.name.to_lowercase());
    if let Some(first) = lake.first.get(&name) {
        let message = format!("`{}` stands twice: here and at {first}", new.name);
        problems.push(Problem::invalid(&new.place, message, "keep one of the two"));
        return;
    }
    lake.first.insert(name, new.place.clone());
    list(lake).push(new);
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
        let silent = ids.is_empty() && text_is_read(text);
        if silent || (member.is_some() && ids.len() > 1) {
            let name = member.map_or("the text", |member| member.key.as_str());
            let message = format!("policy `{name}` holds {} statements", ids.len());
            problems.push(Problem::invalid(
                &value.place,
                message,
                "let it hold one statement with its `@id`",
            ));
            continue;
        }
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

/// Cedar reads it, whatever it says.
fn text_is_read(text: &str) -> bool {
    split_policies(text).is_ok_and(|statements| statements.is_empty())
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
    add(lake, Kind::Policy, |lake| &mut lake.policies, Some(new), problems);
}

/// A policy's problem without its position, which the place has.
pub(crate) fn policy_message(problem: &lakegate_policy::PolicyProblem) -> String {
    match &problem.policy {
        Some(policy) => format!("policy `{policy}`: {}", problem.message),
        None => problem.message.clone(),
    }
}
