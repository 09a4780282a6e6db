//! Are grants right? Each privilege of an entry is a grant of its own.

use std::{collections::HashMap, sync::Arc};

use lakegate_catalog::{
    id::ObjectId,
    identity::{Grant, GrantObject, Grantee, Role, User},
    object::Stored,
};
use lakegate_policy::{Privilege, privilege_applies};

use super::{CheckContext, unknown};
use crate::lake::{
    draft::{Draft, Seat},
    entry::RESOURCES,
    model::{Entry, GrantEntry},
    problem::{Place, Problem, suggestion},
};

pub(super) fn grants(cx: &CheckContext<'_>, draft: &mut Draft, entries: &[Entry<GrantEntry>]) {
    let mut stored: HashMap<String, Arc<Stored<Grant>>> = draft
        .after
        .grants
        .iter()
        .map(|grant| (grant.name.clone(), Arc::clone(grant)))
        .collect();
    let mut seen: HashMap<String, Place> = HashMap::new();
    for entry in entries {
        let to = grantee(draft, &entry.body.to, entry.at(&["to"]));
        let object = object(draft, &entry.body.resource, entry.at(&["resource"]));
        let (Some(to), Some(object)) = (to, object) else {
            for privilege in &entry.body.privileges {
                exists(draft, entry, privilege);
            }
            continue;
        };
        if entry.body.privileges.is_empty() {
            draft.invalid(
                entry.at(&["privileges"]),
                "a grant without privileges grants nothing",
                "name at least one",
            );
        }
        for privilege in &entry.body.privileges {
            if !applies(draft, entry, privilege, &object) {
                continue;
            }
            let name = name(&to, privilege, &object);
            if let Some(first) = seen.insert(name.clone(), entry.place.clone()) {
                let GrantEntry { to, resource, .. } = &entry.body;
                let message = format!("`{privilege}` on `{resource}` to `{to}` stands twice: here and at {first}");
                draft.invalid(&entry.place, message, "keep one of the two");
                continue;
            }
            let body = Grant {
                to: to.clone(),
                privilege: privilege.clone(),
                object: object.clone(),
                with_grant_option: entry.body.with_grant_option,
                expires: entry.body.expires,
                grantor: cx.principal.to_owned(),
            };
            grant(draft, &entry.place, stored.remove(&name), &name, body);
        }
    }
}

/// The name of a grant: what makes it unique.
fn name(to: &Grantee, privilege: &str, object: &GrantObject) -> String {
    let to = match to {
        Grantee::User(id) => format!("user:{id}"),
        Grantee::Role(id) => format!("role:{id}"),
    };
    format!("{to} {privilege} {}:{}", object.entity_type, object.id)
}

fn grant(draft: &mut Draft, place: &Place, known: Option<Arc<Stored<Grant>>>, name: &str, body: Grant) {
    if let Some(known) = &known {
        draft.claim(known, place, false);
        if known.body.with_grant_option == body.with_grant_option && known.body.expires == body.expires {
            return;
        }
    }
    draft.write(
        known.as_deref(),
        &Seat {
            parent: None,
            name,
            place,
        },
        body,
    );
}

fn grantee(draft: &mut Draft, to: &str, place: &Place) -> Option<Grantee> {
    match to.split_once(':') {
        Some(("user", name)) => match draft.after.resolve("User", name) {
            Some(id) => return Some(Grantee::User(id)),
            None => unknown::<User>(draft, "user", name, place),
        },
        Some(("role", name)) => match draft.after.resolve("Role", name) {
            Some(id) => return Some(Grantee::Role(id)),
            None => unknown::<Role>(draft, "role", name, place),
        },
        _ => draft.invalid(
            place,
            format!("`{to}` cannot receive a grant"),
            "write `user:NAME` or `role:NAME`",
        ),
    }
    None
}

fn object(draft: &mut Draft, resource: &str, place: &Place) -> Option<GrantObject> {
    let (kind, name) = resource.split_once(':').unwrap_or(("", resource));
    let Some((_, entity_type)) = RESOURCES.iter().find(|(word, _)| *word == kind) else {
        let words = RESOURCES.iter().map(|(word, _)| *word);
        draft.invalid(
            place,
            format!("`{resource}` does not begin with a kind"),
            format!("write `kind:name`; {}", suggestion(kind, words)),
        );
        return None;
    };
    if *entity_type == "View" && draft.after.views.is_empty() {
        if !draft.excuses("View", name) {
            draft.problems.push(Problem::not_supported(place, "a grant on a view"));
        }
        return None;
    }
    let id: Option<ObjectId> = draft.after.resolve(entity_type, name);
    if id.is_none() && !draft.excuses(entity_type, name) {
        let form = match *entity_type {
            "DataFilter" => "filter:CATALOG.DATABASE.TABLE/FILTER",
            "ColumnMask" => "mask:CATALOG.DATABASE.TABLE.COLUMN/MASK",
            "Column" => "column:CATALOG.DATABASE.TABLE.COLUMN",
            "Table" => "table:CATALOG.DATABASE.TABLE",
            "Database" => "database:CATALOG.DATABASE",
            _ => "kind:NAME",
        };
        let remedy = format!("name one that exists or is declared in this lake, as `{form}`");
        draft.invalid(place, format!("{kind} `{name}` does not exist"), remedy);
    }
    id.map(|id| GrantObject {
        entity_type: (*entity_type).to_owned(),
        id,
    })
}

/// Where the text has a privilege.
fn place_of(entry: &Entry<GrantEntry>, privilege: &str) -> Place {
    let mut items = entry.node.get("privileges").into_iter().flat_map(|node| node.items());
    let item = items.find(|item| item.text().is_some_and(|text| text.eq_ignore_ascii_case(privilege)));
    item.map_or_else(|| entry.at(&["privileges"]).clone(), |item| item.place.clone())
}

fn exists(draft: &mut Draft, entry: &Entry<GrantEntry>, privilege: &str) -> bool {
    let exists = privilege.parse::<Privilege>().is_ok();
    if !exists {
        let known: Vec<&str> = Privilege::every().map(Privilege::name).collect();
        draft.invalid(
            &place_of(entry, privilege),
            format!("privilege `{privilege}` does not exist"),
            suggestion(privilege, known.iter().copied()),
        );
    }
    exists
}

fn applies(draft: &mut Draft, entry: &Entry<GrantEntry>, privilege: &str, object: &GrantObject) -> bool {
    if !exists(draft, entry, privilege) {
        return false;
    }
    if !privilege_applies(privilege, &object.entity_type) {
        let known: Vec<&str> = Privilege::every()
            .filter(|privilege| privilege.applies_to(&object.entity_type))
            .map(Privilege::name)
            .collect();
        let remedy = format!("on this kind there are `{}`", known.join("`, `"));
        draft.invalid(
            &place_of(entry, privilege),
            format!("privilege `{privilege}` does not apply to `{}`", entry.body.resource),
            remedy,
        );
        return false;
    }
    true
}
