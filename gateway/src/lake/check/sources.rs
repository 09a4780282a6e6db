//! Are connections, catalogs and databases right?

use std::path::{Component, Path, PathBuf};

use lakegate_catalog::{
    connection::{CallerCredential, Connection},
    object::Kind,
    relation::{Catalog, Database},
};
use lakegate_connectors::{
    option::{OptionPlace, OptionProblem, OptionProblemKind},
    remote::settings::REMOTE,
};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use super::{CheckContext, asked, credentials::credentials, dotted, made_in, owner, plain, same, tags, unknown};
use crate::lake::{
    draft::{Draft, Seat},
    judge::{alter, manage},
    model::{CatalogEntry, ConnectionEntry, DatabaseEntry, Entry},
    problem::{Place, Problem, suggestion},
};

/// Connectors of the design that this version does not have.
const LATER: &[&str] = &[
    "clickhouse",
    "hive",
    "http",
    "iceberg",
    "kafka",
    "mongodb",
    "mysql",
    "sqlserver",
];

pub(super) fn connections(cx: &CheckContext<'_>, draft: &mut Draft, entries: &[Entry<ConnectionEntry>]) {
    for entry in entries {
        let directory = cx
            .directories
            .get(entry.place.file.as_ref())
            .filter(|_| cx.operator && is_relative(&entry.body));
        let directory = directory.map(|path| path.to_string_lossy().into_owned());
        let known = draft.after.find_connection(&entry.name).cloned();
        let kept = known.as_ref().is_some_and(|known| {
            let moved = cx.operator && known.body.directory != directory;
            same(draft.stored().connection(known), &entry.body) && !moved
        });
        let id = known.as_ref().map(|known| &known.id);
        let asked = asked(Kind::Connection, entry, id, kept);
        if !cx
            .judge
            .admits(draft, asked, &manage(Action::ManageConnection, Kind::Connection, id))
        {
            continue;
        }
        if let Some(known) = &known {
            draft.claim(known, &entry.place, false);
        }
        if kept {
            continue;
        }
        local_path(cx, draft, entry);
        if !plain(draft, &entry.name, &entry.place, "connection") {
            continue;
        }
        let Some(credentials) = options(cx, draft, entry) else {
            continue;
        };
        let body = Connection {
            connector: entry.body.connector.clone(),
            options: entry.body.options.clone(),
            credential: entry.body.credential.clone(),
            credentials,
            directory,
            operator: cx.operator,
        };
        let name = known.as_ref().map_or(entry.name.as_str(), |known| known.name.as_str());
        draft.write(
            known.as_deref(),
            &Seat {
                parent: None,
                name,
                place: &entry.place,
            },
            body,
        );
    }
}

/// The connector exists and knows the options. Answers who reads with which credential.
fn options(cx: &CheckContext<'_>, draft: &mut Draft, entry: &Entry<ConnectionEntry>) -> Option<Vec<CallerCredential>> {
    let kind = entry.body.connector.as_str();
    let place = entry.at(&["connector"]).clone();
    let Ok(connector) = cx.registry.connector(kind) else {
        if LATER.contains(&kind) {
            draft
                .problems
                .push(Problem::not_supported(&place, &format!("connector `{kind}`")));
        } else {
            let known: Vec<&str> = cx.registry.kinds().collect();
            draft.invalid(
                &place,
                format!("connector `{kind}` does not exist"),
                suggestion(kind, known.iter().copied()),
            );
        }
        return None;
    };
    let members: Vec<&str> = entry.body.credential.keys().map(String::as_str).collect();
    let problems = connector.check_options(&entry.body.options, &members);
    for problem in &problems {
        draft.problems.push(option_problem(entry, problem));
    }
    let credentials = credentials(draft, entry, connector.as_ref());
    problems.is_empty().then_some(credentials)
}

fn option_problem(entry: &Entry<ConnectionEntry>, problem: &OptionProblem) -> Problem {
    let section = match problem.place {
        OptionPlace::Option => "options",
        OptionPlace::Credential => "credential",
    };
    let place = match &problem.kind {
        // An unknown name is wrong itself, not its value.
        OptionProblemKind::Unknown { .. } => key_place(entry, section, &problem.name),
        _ => entry.at(&[section, &problem.name]).clone(),
    };
    match &problem.kind {
        OptionProblemKind::NotSupported { what } => {
            Problem::not_supported(&place, &format!("option `{}` ({what})", problem.name))
        }
        OptionProblemKind::Missing => Problem::invalid(
            &entry.place,
            problem.to_string(),
            format!("add it to `{section}` of `{}`", entry.name),
        ),
        _ => Problem::invalid(
            &place,
            problem.to_string(),
            format!("see connector `{}` for its {section}", entry.body.connector),
        ),
    }
}

fn key_place(entry: &Entry<ConnectionEntry>, section: &str, name: &str) -> Place {
    let member = entry
        .node
        .get(section)
        .into_iter()
        .flat_map(|node| node.members())
        .find(|member| member.key == name);
    member.map_or_else(|| entry.at(&[section]).clone(), |member| member.place.clone())
}

/// The option of a connection that names a path on this machine, if it has one.
fn local_option(entry: &ConnectionEntry) -> Option<(&'static str, &str)> {
    // A remote connector has paths and roots of its own.
    if entry.options.contains_key(REMOTE) {
        return None;
    }
    ["root", "path"].into_iter().find_map(|name| {
        let text = entry.options.get(name)?.as_str()?;
        let path = text.strip_prefix("file://").unwrap_or(text);
        (!path.contains("://")).then_some((name, path))
    })
}

/// Does something in it belong to the directory of its file?
fn is_relative(entry: &ConnectionEntry) -> bool {
    let files = entry
        .options
        .values()
        .filter_map(|value| value.as_str())
        .chain(entry.references());
    let mut references = files.filter_map(|text| text.strip_prefix("file://"));
    local_option(entry).is_some_and(|(_, path)| Path::new(path).is_relative())
        || references.any(|path| Path::new(path).is_relative())
}

/// A path on this machine lies below the allowed roots; a relative one is the operator's privilege.
fn local_path(cx: &CheckContext<'_>, draft: &mut Draft, entry: &Entry<ConnectionEntry>) {
    let Some((option, path)) = local_option(&entry.body) else {
        return;
    };
    let place = entry.at(&["options", option]).clone();
    let path = Path::new(path);
    if path.is_relative() {
        if !cx.operator {
            let message = format!("`{option}` is a relative path, which only the operator may use");
            draft.invalid(
                &place,
                message,
                "give an absolute path below `sources.local_roots`, or use `serve --apply`",
            );
        }
        return;
    }
    let path = resolved(path);
    if !cx.operator && !cx.local_roots.iter().any(|root| path.starts_with(resolved(root))) {
        let message = format!("`{option}` does not lie below an allowed local root");
        draft.invalid(
            &place,
            message,
            "have the operator add its directory to `sources.local_roots` of the configuration",
        );
    }
}

/// The path without symbolic links, as far as it exists, and without `..`.
fn resolved(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let Ok(real) = ancestor.canonicalize() {
            return normal(&real.join(path.strip_prefix(ancestor).unwrap_or(Path::new(""))));
        }
    }
    normal(path)
}

fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                parts.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => parts.push(part),
        }
    }
    parts
}

pub(super) fn catalogs(cx: &CheckContext<'_>, draft: &mut Draft, entries: &[Entry<CatalogEntry>]) {
    for entry in entries {
        let known = draft.after.find_catalog(&entry.name).cloned();
        let kept = known
            .as_ref()
            .is_some_and(|known| same(draft.stored().catalog(known), &entry.body));
        if let Some(known) = &known {
            let asked = asked(Kind::Catalog, entry, Some(&known.id), kept);
            if !cx.judge.admits(draft, asked, &alter("Catalog", &known.id)) {
                continue;
            }
            draft.claim(known, &entry.place, false);
        }
        if kept {
            continue;
        }
        if !plain(draft, &entry.name, &entry.place, "catalog") {
            continue;
        }
        tags(draft, &entry.body.tags, |key| entry.at(&["tags", key]).clone());
        let place = entry.at(&["connection"]).clone();
        let Some(connection) = connection_named(draft, &entry.body.connection) else {
            unknown::<Connection>(draft, "connection", &entry.body.connection, &place);
            continue;
        };
        if known.is_none() && draft.before.connection(&connection.id).is_some() {
            let asked = asked(Kind::Catalog, entry, None, false);
            let create = (
                Action::CreateCatalog,
                ObjectRef::new("Connection", connection.id.as_str()),
            );
            if !cx.judge.admits(draft, asked, &[create]) {
                continue;
            }
        }
        if let Ok(connector) = cx.registry.connector(&connection.body.connector)
            && connector.spec().discovers != entry.body.discover
        {
            let (message, remedy) = if entry.body.discover {
                (
                    "cannot be discovered: its connector has no tables of its own",
                    "declare its tables, and leave `discover` out",
                )
            } else {
                ("has a source with tables of its own", "add `discover: true`")
            };
            draft.invalid(
                entry.at(&["discover"]),
                format!("catalog `{}` {message}", entry.name),
                remedy,
            );
        }
        let body = Catalog {
            connection: connection.id.clone(),
            default: entry.body.default,
            discover: entry.body.discover,
            comment: entry.body.comment.clone(),
            tags: entry.body.tags.clone(),
        };
        let name = entry.name.to_lowercase();
        draft.write(
            known.as_deref(),
            &Seat {
                parent: None,
                name: &name,
                place: &entry.place,
            },
            body,
        );
    }
    one_default(draft, entries);
}

fn connection_named(draft: &Draft, name: &str) -> Option<std::sync::Arc<lakegate_catalog::object::Stored<Connection>>> {
    let id = draft.after.resolve("Connection", name)?;
    draft.after.connection(&id).cloned()
}

fn one_default(draft: &mut Draft, entries: &[Entry<CatalogEntry>]) {
    let defaults: Vec<String> = draft
        .after
        .catalogs
        .iter()
        .filter(|catalog| catalog.body.default)
        .map(|catalog| catalog.name.clone())
        .collect();
    if let [first, second, ..] = defaults.as_slice() {
        let place = entries
            .iter()
            .rfind(|entry| entry.body.default)
            .map(|entry| entry.at(&["default"]).clone());
        if let Some(place) = place {
            let message = format!("catalogs `{first}` and `{second}` are both the default");
            draft.invalid(&place, message, "keep `default: true` on one of them");
        }
    }
}

pub(super) fn databases(cx: &CheckContext<'_>, draft: &mut Draft, entries: &[Entry<DatabaseEntry>]) {
    for entry in entries {
        let Some(parts) = dotted(draft, &entry.name, 2, &entry.place, "database") else {
            continue;
        };
        let [catalog, name] = parts.as_slice() else { continue };
        let Some(catalog) = draft.after.find_catalog(catalog).cloned() else {
            unknown::<Catalog>(draft, "catalog", catalog, &entry.place);
            continue;
        };
        let known = draft.after.find_database(&catalog.name, name).cloned();
        let kept = known
            .as_ref()
            .is_some_and(|known| same(draft.stored().database(known), &entry.body));
        let asked = asked(Kind::Database, entry, known.as_ref().map(|known| &known.id), kept);
        let questions = made_in(
            draft,
            "Database",
            asked.known,
            ("Catalog", Action::CreateDatabase, &catalog.id),
        );
        if questions.is_some_and(|questions| !cx.judge.admits(draft, asked, &questions)) {
            continue;
        }
        if let Some(known) = &known {
            draft.claim(known, &entry.place, known.body.discovered);
        }
        if kept {
            continue;
        }
        let discovered = catalog.body.discover;
        if let Some(location) = &entry.body.location {
            let place = entry.at(&["location"]).clone();
            if discovered {
                draft.invalid(
                    &place,
                    "a database of a discovered catalog has no location",
                    "remove `location`",
                );
            }
            location_is_name(draft, location, &place);
        }
        tags(draft, &entry.body.tags, |key| entry.at(&["tags", key]).clone());
        let body = Database {
            location: entry.body.location.clone(),
            comment: entry.body.comment.clone(),
            owner: owner(draft, entry.body.owner.as_ref(), entry.at(&["owner"])),
            tags: entry.body.tags.clone(),
            discovered,
            remote_name: known.as_ref().and_then(|known| known.body.remote_name.clone()),
        };
        draft.write(
            known.as_deref(),
            &Seat {
                parent: Some(catalog.id.clone()),
                name,
                place: &entry.place,
            },
            body,
        );
    }
}

/// A location is a name, never a pattern, and does not climb.
pub(super) fn location_is_name(draft: &mut Draft, location: &str, place: &Place) {
    let climbs = location.split('/').any(|segment| matches!(segment, "." | ".."));
    if climbs || location.chars().any(char::is_control) {
        draft.invalid(
            place,
            format!("location `{location}` holds `.` or `..`"),
            "name a folder below the database's, or an absolute one",
        );
    }
}
