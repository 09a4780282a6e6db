//! How is said who gains or loses what? A line each, gains first, the longest lists cut.

use lakegate_openapi::lake::{LakeEffect, LakeEffects};

/// Effects that are listed for people; programs get all of them.
const LISTED: usize = 60;
/// Principals of one effect that are named for people.
const NAMED: usize = 4;

/// `gains:` and `losses:` with a line for each effect; nothing if nobody is affected.
#[must_use]
pub fn effect_lines(effects: &LakeEffects) -> Vec<String> {
    let mut lines = Vec::new();
    for (direction, count) in [("gain", effects.gains), ("loss", effects.losses)] {
        let title = if direction == "gain" { "gains" } else { "losses" };
        let items: Vec<&LakeEffect> = effects
            .items
            .iter()
            .filter(|item| item.direction == direction)
            .collect();
        if items.is_empty() {
            if count > 0 {
                lines.push(format!("{title}: {count}, shown to holders of simulate-as only"));
            }
            continue;
        }
        lines.push(format!("{title}:"));
        lines.extend(items.iter().take(LISTED).map(|item| format!("  {}", line(item))));
        let more = items.len().saturating_sub(LISTED);
        if more > 0 {
            lines.push(format!("  … and {more} more: `-o json` lists all"));
        }
        if direction == "gain"
            && let Some(example) = items.iter().find_map(|item| item.example.as_ref())
        {
            lines.push(format!("  for example, {example}"));
        }
    }
    if effects.digest.is_some() && effects.gains == 0 {
        lines.push("gains: only on what you may not see".to_owned());
    }
    lines
}

/// How the gains are approved.
#[must_use]
pub fn digest_line(effects: &LakeEffects) -> Option<String> {
    let digest = effects.digest.as_ref()?;
    Some(format!("to apply it with these gains: --approve-gains {digest}"))
}

/// `user:ana · table:lake.sales.orders · columns email: hidden → clear (with mfa)`.
fn line(effect: &LakeEffect) -> String {
    let mut parts = Vec::new();
    if !effect.principals.is_empty() {
        parts.push(principals(effect));
    }
    parts.push(effect.object.clone());
    let names = effect.names.join(", ");
    let change = format!("{} → {}", effect.before, effect.after);
    parts.push(match effect.part.as_str() {
        "rows" => format!("rows: {change}"),
        "columns" => format!("columns {names}: {change}"),
        "name" => format!("name: {change}"),
        "source" => format!("reads {} source: {names}", effect.after),
        "privileges" if effect.direction == "gain" => format!("may {names}"),
        "privileges" => format!("may no longer {names}"),
        "grant-option" if effect.direction == "gain" => format!("may pass on {names}"),
        "grant-option" => format!("may no longer pass on {names}"),
        "principal" => effect.after.clone(),
        _ => format!("not compared: {}", effect.after),
    });
    let mut line = parts.join(" · ");
    if let Some(when) = &effect.when {
        line.push_str(&format!(" ({when})"));
    }
    if !effect.compared && effect.part != "not-compared" {
        line.push_str(" – cannot be compared, so it counts as a gain");
    }
    line
}

fn principals(effect: &LakeEffect) -> String {
    if let Some(everybody) = effect.principals.iter().find(|name| *name == "everybody") {
        return everybody.clone();
    }
    let named = effect
        .principals
        .iter()
        .take(NAMED)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    let count = usize::try_from(effect.principal_count).unwrap_or(usize::MAX);
    match count.saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_says_who_what_and_when() {
        let mut effect: LakeEffect = serde_json::from_value(json!({
            "direction": "gain", "principals": ["user:a", "user:b", "user:c", "user:d"], "principal_count": 5,
            "object": "table:l.s.t", "part": "columns", "names": ["email"], "before": "hidden", "after": "clear",
            "when": "with mfa", "compared": true
        }))
        .unwrap();
        assert_eq!(
            line(&effect),
            "user:a, user:b, user:c, user:d and 1 more · table:l.s.t · columns email: hidden → clear (with mfa)"
        );
        effect.part = "privileges".to_owned();
        effect.principals = vec!["everybody".to_owned(), "user:a".to_owned()];
        effect.compared = false;
        assert_eq!(
            line(&effect),
            "everybody · table:l.s.t · may email (with mfa) – cannot be compared, so it counts as a gain"
        );
    }

    #[test]
    fn who_may_not_see_them_is_told_their_number_and_the_digest() {
        let effects = LakeEffects {
            gains: 2,
            losses: 0,
            digest: Some("0a".to_owned()),
            items: Vec::new(),
        };
        assert_eq!(
            effect_lines(&effects),
            ["gains: 2, shown to holders of simulate-as only"]
        );
        assert_eq!(
            digest_line(&effects).unwrap(),
            "to apply it with these gains: --approve-gains 0a"
        );
        let unseen = LakeEffects { gains: 0, ..effects };
        assert_eq!(effect_lines(&unseen), ["gains: only on what you may not see"]);
    }
}
