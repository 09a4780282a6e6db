//! How far can a policy reach, and which facts of a request may it ask for?
//!
//! Read from its scope and from its words: an answer that is too wide costs time, one that is too narrow would hide an
//! effect. So what cannot be read reaches everything.

use crate::action::Action;
use crate::scope_index::actions;
use cedar_policy::{EntityUid, Policy, ResourceConstraint};
use std::collections::BTreeSet;

/// What a policy can have anything to say about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The actions of its scope.
    pub actions: Vec<Action>,
    /// What it is about lies in this, or is it; none: anything.
    pub within: Option<EntityUid>,
}

/// The reach of one statement with object ids (`resolve_names`).
pub fn reach(resolved: &str) -> Reach {
    let Ok(policy) = Policy::parse(None, resolved) else {
        return Reach {
            actions: Action::ALL.to_vec(),
            within: None,
        };
    };
    let within = match policy.resource_constraint() {
        ResourceConstraint::Any | ResourceConstraint::Is(_) => None,
        ResourceConstraint::In(uid) | ResourceConstraint::Eq(uid) | ResourceConstraint::IsIn(_, uid) => Some(uid),
    };
    Reach {
        actions: actions(&policy.action_constraint()),
        within,
    }
}

/// The words and literals of policy texts: whatever a policy compares a fact of a request with stands among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// Every name: keywords, attributes, types.
    pub words: BTreeSet<String>,
    /// Every text in double quotes, as written.
    pub texts: BTreeSet<String>,
}

impl Vocabulary {
    /// Adds the words and texts of a policy; those in comments too.
    pub fn add(&mut self, text: &str) {
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if first == '"' {
                let inner = rest.get(1..).unwrap_or_default();
                let length = closing(inner);
                self.texts.insert(inner.get(..length).unwrap_or_default().to_owned());
                rest = inner.get(length..).and_then(|after| after.get(1..)).unwrap_or_default();
                continue;
            }
            let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            let length = end.max(first.len_utf8());
            if end > 0 {
                self.words.insert(rest.get(..end).unwrap_or_default().to_owned());
            }
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    /// May a policy read this attribute? As a name, or as a text (`context["mfa"]`).
    pub fn reads(&self, attribute: &str) -> bool {
        self.words.contains(attribute) || self.texts.contains(attribute)
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Length of a text up to its closing quote.
fn closing(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::uid;

    #[test]
    fn the_scope_says_how_far() {
        let text =
            "@id(\"a\") permit(principal, action == Lakegate::Action::\"Select\", resource in Lakegate::Table::\"t\");";
        let found = reach(text);
        assert_eq!(found.actions, [Action::Select]);
        assert_eq!(found.within, Some(uid("Table", "t")));
        let group = reach(
            "@id(\"a\") forbid(principal, action in [Lakegate::Action::\"DataRead\"], resource is Lakegate::Column);",
        );
        assert!(group.actions.contains(&Action::SelectMasked) && group.actions.contains(&Action::Export));
        assert_eq!(group.within, None);
        assert_eq!(reach("not a policy").actions.len(), Action::ALL.len());
    }

    #[test]
    fn words_and_texts_are_found_whatever_stands_around_them() {
        let mut found = Vocabulary::default();
        found.add("permit(principal, action, resource) when { context.mfa && context[\"ip\"].isInRange(ip (\"10.0.0.0/8\")) // \"a\\\"b\"\n};");
        assert!(found.reads("mfa") && found.reads("ip") && !found.reads("purpose"));
        assert!(found.texts.contains("10.0.0.0/8") && found.texts.contains("a\\\"b"));
        found.add("unless { \"open");
        assert!(found.texts.contains("open"));
    }
}
