//! What does a grant permit, written as a policy?

use cedar_policy::{EntityId, EntityTypeName, EntityUid, Policy, PolicyId};
use lakegate_policy::{Action, Privilege};
use serde_json::Value;

/// Kinds of objects in a lake's files, and their Cedar types.
const KINDS: &[(&str, &str)] = &[
    // sorted: start
    ("catalog", "Catalog"),
    ("column", "Column"),
    ("connection", "Connection"),
    ("database", "Database"),
    ("filter", "DataFilter"),
    ("location", "DataLocation"),
    ("mask", "ColumnMask"),
    ("policy-store", "PolicyStore"),
    ("role", "Role"),
    ("table", "Table"),
    ("tag", "TagKey"),
    ("tenant", "Tenant"),
    ("user", "User"),
    ("view", "View"),
    ("workgroup", "Workgroup"),
    // sorted: end
];

/// The entity that `kind:name` means.
///
/// # Errors
/// A kind that there is none of.
pub fn entity(text: &str) -> Result<EntityUid, String> {
    let known = |kind: &str| KINDS.iter().find(|(word, _)| *word == kind).map(|(_, entity)| *entity);
    let found = text.split_once(':').and_then(|(kind, name)| Some((known(kind)?, name)));
    let (kind, name) = found.ok_or_else(|| {
        let words: Vec<&str> = KINDS.iter().map(|(word, _)| *word).collect();
        format!(
            "`{text}` names no object: write `KIND:NAME` with one of {}",
            words.join(", ")
        )
    })?;
    let kind: EntityTypeName = format!("Lakegate::{kind}")
        .parse()
        .map_err(|error| format!("{error}"))?;
    Ok(EntityUid::from_type_name_and_id(
        kind,
        EntityId::new(super::canonical(name)),
    ))
}

/// The policies of an entry of `grants`, by ids that say what they are.
///
/// # Errors
/// A privilege or an object that there is not.
pub fn policies(grant: &Value) -> Result<Vec<(String, Policy)>, String> {
    let text = |key: &str| grant.get(key).and_then(Value::as_str).unwrap_or_default();
    let (to, resource) = (text("to"), text("resource"));
    let until = match grant.get("expires").and_then(Value::as_str) {
        Some(end) => format!(" when {{ context.now < datetime({}) }}", quoted(&instant(end))),
        None => String::new(),
    };
    let mut all = Vec::new();
    for privilege in super::names(grant, "privileges") {
        let id = format!("grant:{privilege} on {resource} to {to}");
        let meant: Privilege = privilege.parse().map_err(|error| format!("{error}"))?;
        let actions: Vec<String> = meant
            .actions()
            .iter()
            .map(|one| format!("Lakegate::Action::\"{}\"", one.name()))
            .collect();
        // As the templates of grants: one filter, never all below an object.
        let one = matches!(meant, Privilege::Action(Action::SelectFiltered | Action::BypassFilter));
        let text = format!(
            "permit(principal in {}, action in [{}], resource {} {}){until};",
            entity(to)?,
            actions.join(", "),
            if one { "==" } else { "in" },
            entity(resource)?,
        );
        let policy = Policy::parse(Some(PolicyId::new(&id)), text).map_err(|error| format!("{id}: {error}"))?;
        all.push((id, policy));
    }
    Ok(all)
}

/// Cedar's moments have at most three digits after the point.
fn instant(text: &str) -> String {
    let Some((seconds, rest)) = text.split_once('.') else {
        return text.to_owned();
    };
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let milliseconds: String = digits.chars().chain("000".chars()).take(3).collect();
    format!("{seconds}.{milliseconds}{zone}")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", EntityId::new(text).escaped())
}
