//! Are roles, users, workgroups and API keys right?

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{CheckContext, asked, plain, role, same, unknown};
use crate::{
    auth::api_key::hmac_hex,
    lake::{
        draft::{Draft, Seat},
        judge::manage,
        model::{Entry, KeyEntry, RoleEntry, UserEntry, WorkgroupEntry},
        problem::Place,
    },
};
use lakegate_catalog::{
    id::ObjectId,
    identity::{Key, Role, User, Workgroup},
    object::{Kind, Stored},
};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

pub(super) fn roles(cx: &CheckContext<'_>, draft: &mut Draft, entries: &[Entry<RoleEntry>]) {
    // Every name first, so that roles may refer to each other.
    let mut changed = Vec::new();
    for entry in entries {
        let known = draft.after.find_role(&entry.name).cloned();
        let kept = known
            .as_ref()
            .is_some_and(|known| same(draft.stored().role(known), &entry.body));
        let id = known.as_ref().map(|known| &known.id);
        let asked = asked(Kind::Role, entry, id, kept);
        if !cx
            .judge
            .admits(draft, asked, &manage(Action::ManageIdentity, Kind::Role, id))
        {
            continue;
        }
        if let Some(known) = &known {
            draft.claim(known, &entry.place, false);
        }
        if kept {
            continue;
        }
        if plain(draft, &entry.name, &entry.place, "role") {
            let name = known.as_ref().map_or(entry.name.as_str(), |known| known.name.as_str());
            let seat = Seat {
                parent: None,
                name,
                place: &entry.place,
            };
            let id = draft.write(
                known.as_deref(),
                &seat,
                Role {
                    comment: entry.body.comment.clone(),
                    ..Role::default()
                },
            );
            changed.push((entry, id));
        }
    }
    draft.reindex();
    for (entry, id) in changed {
        let member_of = roles_at(draft, entry, &entry.body.member_of, "member_of");
        if let Some(stored) = draft.after.roles.iter_mut().find(|role| role.id == id) {
            let mut role = stored.as_ref().clone();
            role.body.member_of = member_of;
            *stored = role.into();
        }
    }
    draft.reindex();
    for entry in entries {
        if let Some(id) = draft.after.find_role(&entry.name).map(|role| role.id.clone())
            && in_circle(draft, &id)
        {
            draft.invalid(
                entry.at(&["member_of"]),
                format!("role `{}` is a member of itself", entry.name),
                "break the circle",
            );
        }
    }
}

/// Can a role be reached from itself?
fn in_circle(draft: &Draft, start: &ObjectId) -> bool {
    let above = |id: &ObjectId| {
        draft
            .after
            .role(id)
            .map(|role| role.body.member_of.clone())
            .unwrap_or_default()
    };
    let (mut seen, mut next) = (BTreeSet::new(), above(start));
    while let Some(id) = next.pop() {
        if id == *start {
            return true;
        }
        if seen.insert(id.clone()) {
            next.extend(above(&id));
        }
    }
    false
}

fn roles_at<E>(draft: &mut Draft, entry: &Entry<E>, names: &[String], key: &str) -> Vec<ObjectId> {
    let mut ids: Vec<ObjectId> = names
        .iter()
        .filter_map(|name| {
            let place = place_of(entry, key, name);
            role(draft, name, &place)
        })
        .collect();
    ids.sort();
    ids
}

/// Where a list of names has `name`; entries are sorted, the text is not.
fn place_of<E>(entry: &Entry<E>, key: &str, name: &str) -> Place {
    let items = entry.node.get(key).into_iter().flat_map(|node| node.items());
    let item = items
        .into_iter()
        .find(|item| item.text().is_some_and(|text| text.eq_ignore_ascii_case(name)));
    item.map_or_else(|| entry.at(&[key]).clone(), |item| item.place.clone())
}

/// Subject of a token → user.
type Subjects = HashMap<String, ObjectId>;

pub(super) fn users(cx: &CheckContext<'_>, draft: &mut Draft, entries: &[Entry<UserEntry>]) {
    let subjects_of = |user: &Arc<Stored<User>>| -> Vec<(String, ObjectId)> {
        let subjects = user.body.subjects.iter();
        subjects.map(|subject| (subject.clone(), user.id.clone())).collect()
    };
    let mut taken: Subjects = draft.after.users.iter().flat_map(subjects_of).collect();
    for entry in entries {
        let known = draft.after.find_user(&entry.name).cloned();
        let kept = known
            .as_ref()
            .is_some_and(|known| same(draft.stored().user(known), &entry.body));
        let id = known.as_ref().map(|known| &known.id);
        let asked = asked(Kind::User, entry, id, kept);
        if !cx
            .judge
            .admits(draft, asked, &manage(Action::ManageIdentity, Kind::User, id))
        {
            continue;
        }
        if let Some(known) = &known {
            draft.claim(known, &entry.place, false);
        }
        if kept {
            continue;
        }
        if !plain(draft, &entry.name, &entry.place, "user") {
            continue;
        }
        if entry.name.eq_ignore_ascii_case("bootstrap") {
            draft.invalid(
                &entry.place,
                "user `bootstrap` is the server's own",
                "choose another name",
            );
            continue;
        }
        let roles = roles_at(draft, entry, &entry.body.roles, "roles");
        let own = known.as_ref().map(|known| &known.id);
        subjects(draft, entry, own, &taken);
        if own.is_some() {
            taken.retain(|_, user| own != Some(user));
        }
        let body = User {
            kind: entry.body.kind.clone(),
            clearance: entry.body.clearance,
            roles,
            attributes: entry.body.attributes.clone(),
            subjects: entry.body.subjects.clone(),
        };
        let name = known.as_ref().map_or(entry.name.as_str(), |known| known.name.as_str());
        let id = draft.write(
            known.as_deref(),
            &Seat {
                parent: None,
                name,
                place: &entry.place,
            },
            body,
        );
        taken.extend(entry.body.subjects.iter().map(|subject| (subject.clone(), id.clone())));
    }
}

/// A subject is one user only.
fn subjects(draft: &mut Draft, entry: &Entry<UserEntry>, own: Option<&ObjectId>, taken: &Subjects) {
    for subject in &entry.body.subjects {
        let place = place_of(entry, "subjects", subject);
        if !subject
            .split_once('~')
            .is_some_and(|(issuer, subject)| !issuer.is_empty() && !subject.is_empty())
        {
            let remedy = "write `issuer~subject`, such as `https://id.example~ana`";
            draft.invalid(&place, format!("`{subject}` is not the subject of a token"), remedy);
        }
        let other = taken.get(subject).filter(|user| Some(*user) != own).cloned();
        let other = other.and_then(|id| draft.after.users.iter().find(|user| user.id == id).cloned());
        if let Some(other) = other.map(|user| user.name.clone()) {
            draft.invalid(
                &place,
                match draft.lists_names {
                    true => format!("subject `{subject}` belongs to user `{other}` already"),
                    false => format!("subject `{subject}` belongs to another user already"),
                },
                "a token proves one user",
            );
        }
    }
}

pub(super) fn workgroups(cx: &CheckContext<'_>, draft: &mut Draft, entries: &[Entry<WorkgroupEntry>]) {
    for entry in entries {
        let known = draft.after.find_workgroup(&entry.name).cloned();
        let kept = known
            .as_ref()
            .is_some_and(|known| same(draft.stored().workgroup(known), &entry.body));
        let id = known.as_ref().map(|known| &known.id);
        let asked = asked(Kind::Workgroup, entry, id, kept);
        if !cx
            .judge
            .admits(draft, asked, &manage(Action::ManageWorkgroup, Kind::Workgroup, id))
        {
            continue;
        }
        if let Some(known) = &known {
            draft.claim(known, &entry.place, false);
        }
        if kept {
            continue;
        }
        if !plain(draft, &entry.name, &entry.place, "workgroup") {
            continue;
        }
        let WorkgroupEntry {
            concurrency,
            queue,
            max_scanned_bytes_per_query,
            price_per_tb,
            disabled,
        } = entry.body.clone();
        if price_per_tb.as_ref().is_some_and(|price| !is_price(price)) {
            draft.invalid(
                entry.at(&["price_per_tb"]),
                "a price is an amount and a currency",
                "write it as `5.00 USD`",
            );
        }
        let body = Workgroup {
            concurrency,
            queue,
            max_scanned_bytes_per_query,
            price_per_tb,
            disabled,
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

/// `5.00 USD`: digits with at most one dot, and three capitals.
fn is_price(text: &str) -> bool {
    let Some((amount, currency)) = text.split_once(' ') else {
        return false;
    };
    let (whole, cents) = amount.split_once('.').unwrap_or((amount, "0"));
    let digits = |text: &str| !text.is_empty() && text.len() <= 12 && text.chars().all(|c| c.is_ascii_digit());
    digits(whole) && digits(cents) && currency.len() == 3 && currency.chars().all(|c| c.is_ascii_uppercase())
}

pub(super) fn keys(cx: &CheckContext<'_>, draft: &mut Draft, entries: &[Entry<KeyEntry>]) {
    for entry in entries {
        let known = draft.after.find_key(&entry.name).cloned();
        let unchanged = known
            .as_ref()
            .is_some_and(|known| same(draft.stored().key(known), &entry.body));
        if !admits_key(cx, draft, entry, known.as_deref(), unchanged) {
            continue;
        }
        if let Some(known) = &known {
            draft.claim(known, &entry.place, false);
            // What is not changed is resolved again only for who may give it.
            if unchanged && !may_give_secret(cx, &known.body.user) {
                continue;
            }
        }
        if !unchanged && draft.after.resolve("User", &entry.body.user).is_none() {
            unknown::<User>(draft, "user", &entry.body.user, entry.at(&["user"]));
        }
        let secret = entry.body.secret.as_deref().map(|reference| {
            let directory = cx.directories.get(entry.place.file.as_ref()).filter(|_| cx.operator);
            cx.secrets.resolve(reference, directory.map(|path| path.as_path()))
        });
        // A rotated secret behind an equal entry is taken up; one that cannot be read now leaves the key as it is.
        let hmac = match secret {
            Some(Ok(secret)) if (32..=256).contains(&secret.chars().count()) => Some(hmac_hex(cx.pepper, &secret)),
            _ if unchanged => continue,
            Some(Ok(_)) => {
                let message = format!(
                    "the secret of key `{}` is shorter than 32 or longer than 256 characters",
                    entry.name
                );
                draft.invalid(entry.at(&["secret"]), message, "make one with `openssl rand -hex 32`");
                None
            }
            Some(Err(why)) => {
                let message = format!("the secret of key `{}` cannot be resolved: {why}", entry.name);
                draft.invalid(
                    entry.at(&["secret"]),
                    message,
                    "set it for the server, which resolves it",
                );
                None
            }
            None => known.as_ref().map(|known| known.body.hmac.clone()),
        };
        let Some(hmac) = hmac else { continue };
        if unchanged && known.as_ref().is_some_and(|known| known.body.hmac == hmac) {
            continue;
        }
        key(draft, entry, hmac);
    }
}

/// A key of one's own needs no right. That of another user does, and so does a secret by reference: resolving one tells
/// whether it is there.
fn admits_key(
    cx: &CheckContext<'_>,
    draft: &mut Draft,
    entry: &Entry<KeyEntry>,
    known: Option<&Stored<Key>>,
    unchanged: bool,
) -> bool {
    let user = draft.after.resolve("User", &entry.body.user);
    let own = |user: &ObjectId| cx.judge.is(user);
    let free = entry.body.secret.is_none()
        && user.as_ref().is_some_and(own)
        && known.is_none_or(|known| own(&known.body.user));
    let asked = asked(Kind::Key, entry, known.map(|known| &known.id), unchanged);
    free || cx
        .judge
        .admits(draft, asked, &manage(Action::ManageIdentity, Kind::User, user.as_ref()))
}

fn may_give_secret(cx: &CheckContext<'_>, user: &ObjectId) -> bool {
    cx.judge
        .may(Action::ManageIdentity, &ObjectRef::new("User", user.as_str()))
}

fn key(draft: &mut Draft, entry: &Entry<KeyEntry>, hmac: String) {
    let known = draft.after.find_key(&entry.name).cloned();
    let own = known.as_ref().map(|known| known.id.clone());
    let twin = draft
        .after
        .keys
        .iter()
        .find(|key| key.body.hmac == hmac && Some(&key.id) != own.as_ref());
    if let Some(twin) = twin.map(|key| key.name.clone()) {
        let message = match draft.lists_names {
            true => format!("keys `{}` and `{twin}` have the same secret", entry.name),
            false => format!("key `{}` and another one have the same secret", entry.name),
        };
        draft.invalid(entry.at(&["secret"]), message, "give each its own");
        return;
    }
    // One that is not there was told.
    let Some(user) = draft.after.resolve("User", &entry.body.user) else {
        return;
    };
    if !plain(draft, &entry.name, &entry.place, "key") {
        return;
    }
    let body = Key {
        user,
        hmac,
        secret_ref: entry.body.secret.clone(),
        expires: entry.body.expires,
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
