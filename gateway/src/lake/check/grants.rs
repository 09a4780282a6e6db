//! Are grants right? Each privilege of an entry is a grant of its own.

use std::{collections::HashMap, sync::Arc};

use lakegate_catalog::{
    id::ObjectId,
    identity::{Grant, GrantObject, Grantee, Role, User},
    object::{Kind, Stored},
};
use lakegate_policy::{Privilege, privilege_applies};
use lakegate_query::entities::ObjectRef;

use super::{CheckContext, unknown};
use crate::lake::{
    draft::{Draft, Seat},
    entry::RESOURCES,
    grant_option,
    judge::{Asked, GrantWish, Judge, refuse},
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
        let receiver = resolved(draft, &entry.body.to);
        let known_privileges = |draft: &mut Draft| {
            for privilege in &entry.body.privileges {
                exists(draft, entry, privilege);
            }
        };
        let object = match found(cx, draft, entry, receiver.as_ref()) {
            Some(object) => object,
            None => {
                // What is said of the receiver is only for who may grant.
                if matches!(cx.judge, Judge::Operator) {
                    grantee(draft, &entry.body.to, entry.at(&["to"]));
                }
                missing(draft, &entry.body.resource, entry.at(&["resource"]));
                known_privileges(draft);
                continue;
            }
        };
        if !admitted(cx, draft, entry, receiver.as_ref(), &object) {
            continue;
        }
        let Some(to) = grantee(draft, &entry.body.to, entry.at(&["to"])) else {
            known_privileges(draft);
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
            let mut body = Grant {
                to: to.clone(),
                privilege: privilege.clone(),
                object: object.clone(),
                with_grant_option: entry.body.with_grant_option,
                expires: entry.body.expires,
                grantor: cx.principal.to_owned(),
                passed_on: None,
            };
            let wish = grant_option::wish(&body);
            let known = stored.remove(&name);
            // Who may grant it vouches for it from now on; who says what is there anyway leaves it hanging where it hangs.
            if !cx.judge.may_grant(wish, &target(cx, draft, &object)) {
                let hangs = || known.as_ref().and_then(|known| known.body.passed_on.clone());
                body.passed_on = cx.judge.passing_on(wish, &object).or_else(hangs);
            }
            grant(draft, &entry.place, known, &name, body);
        }
    }
}

/// Who an entry means, if they are there.
fn resolved(draft: &Draft, to: &str) -> Option<Grantee> {
    match to.split_once(':')? {
        ("user", name) => draft.after.resolve("User", name).map(Grantee::User),
        ("role", name) => draft.after.resolve("Role", name).map(Grantee::Role),
        _ => None,
    }
}

/// What an entry means: something that the applier may know, or may grant.
fn found(
    cx: &CheckContext<'_>,
    draft: &Draft,
    entry: &Entry<GrantEntry>,
    receiver: Option<&Grantee>,
) -> Option<GrantObject> {
    let (kind, name) = entry.body.resource.split_once(':')?;
    let (_, entity_type) = RESOURCES.iter().find(|(word, _)| *word == kind)?;
    let object = |id: ObjectId| GrantObject {
        entity_type: (*entity_type).to_owned(),
        id,
    };
    let hidden = || cx.judge.whole()?.resolve(entity_type, name);
    let seen = draft.after.resolve(entity_type, name);
    let known = |id: &ObjectId| {
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| kind.entity_type() == Some(*entity_type));
        let new = draft.before.name_of(entity_type, id.as_str()).is_none();
        let listed = ["Catalog", "Database", "Table", "Column", "TagKey"].contains(entity_type);
        new || listed || kind.is_none_or(|kind| cx.judge.sees(kind, id))
    };
    let object = object(seen.clone().or_else(hidden)?);
    let may_know = seen.is_some_and(|id| known(&id));
    let mut privileges = entry.body.privileges.iter();
    (may_know || privileges.any(|privilege| may_grant(cx, draft, (entry, privilege), receiver, &object)))
        .then_some(object)
}

/// May all of the entry be granted, or is it granted already? Asked before it is said whether the receiver is there.
fn admitted(
    cx: &CheckContext<'_>,
    draft: &mut Draft,
    entry: &Entry<GrantEntry>,
    receiver: Option<&Grantee>,
    object: &GrantObject,
) -> bool {
    let kept = |draft: &Draft, privilege: &str| {
        let name = receiver.map(|to| name(to, privilege, object));
        let known = draft
            .after
            .grants
            .iter()
            .find(|grant| Some(&grant.name) == name.as_ref());
        known.is_some_and(|known| {
            known.body.with_grant_option == entry.body.with_grant_option
                && known.body.expires == entry.body.expires
                && cx.judge.sees(Kind::Grant, &known.id)
        })
    };
    let refused: Vec<&String> = entry
        .body
        .privileges
        .iter()
        .filter(|privilege| privilege.parse::<Privilege>().is_ok() && privilege_applies(privilege, &object.entity_type))
        .filter(|privilege| !kept(draft, privilege) && !may_grant(cx, draft, (entry, privilege), receiver, object))
        .collect();
    for privilege in &refused {
        let name = format!("{privilege} on {} to {}", entry.body.resource, entry.body.to);
        let asked = Asked {
            kind: Kind::Grant,
            name: &name,
            place: &entry.place,
            known: None,
            same: false,
        };
        refuse(draft, asked);
    }
    refused.is_empty()
}

fn may_grant(
    cx: &CheckContext<'_>,
    draft: &Draft,
    (entry, privilege): (&Entry<GrantEntry>, &str),
    receiver: Option<&Grantee>,
    object: &GrantObject,
) -> bool {
    let wish = GrantWish {
        privilege,
        grantee_role: match receiver {
            Some(Grantee::Role(id)) => Some(id),
            Some(Grantee::User(_)) | None => None,
        },
        with_grant_option: entry.body.with_grant_option,
        expires_ms: entry.body.expires.map(|end| end.timestamp_millis()),
    };
    cx.judge.may_grant(wish, &target(cx, draft, object)) || cx.judge.passing_on(wish, object).is_some()
}

/// What is asked about. What the same lake makes has no entity yet, and a location is no object: the right to grant on
/// everything is needed.
fn target(cx: &CheckContext<'_>, draft: &Draft, object: &GrantObject) -> ObjectRef {
    let stored = cx.judge.whole().unwrap_or(&draft.before);
    let known = matches!(object.entity_type.as_str(), "Tenant" | "PolicyStore")
        || stored.name_of(&object.entity_type, object.id.as_str()).is_some();
    if known && object.entity_type != "DataLocation" {
        ObjectRef::new(&object.entity_type, object.id.as_str())
    } else {
        ObjectRef::tenant()
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
        let said = |grant: &Grant| (grant.with_grant_option, grant.expires, grant.passed_on.clone());
        if said(&known.body) == said(&body) {
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

/// Says what is wrong with the object of a grant, which is missing or hidden.
fn missing(draft: &mut Draft, resource: &str, place: &Place) {
    let (kind, name) = resource.split_once(':').unwrap_or(("", resource));
    let Some((_, entity_type)) = RESOURCES.iter().find(|(word, _)| *word == kind) else {
        let words = RESOURCES.iter().map(|(word, _)| *word);
        draft.invalid(
            place,
            format!("`{resource}` does not begin with a kind"),
            format!("write `kind:name`; {}", suggestion(kind, words)),
        );
        return;
    };
    if *entity_type == "View" && draft.after.views.is_empty() {
        if !draft.excuses("View", name) {
            draft.problems.push(Problem::not_supported(place, "a grant on a view"));
        }
        return;
    }
    if !draft.excuses(entity_type, name) {
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
