//! Which shape must a value have? Closed maps, lists, texts and choices, checked with every problem named at its place.

use super::{
    node::{Content, Node},
    problem::{Problem, Problems, suggestion},
};

/// The shape of a value. One table of shapes serves the check and the JSON Schema.
#[derive(Debug)]
pub enum Shape {
    /// Any text that is not empty.
    Text,
    Boolean,
    /// A whole number between the two, both included.
    Integer(i64, i64),
    /// One of the first; those of the second are known but not implemented.
    Choice(&'static [&'static str], &'static [&'static str]),
    /// `env://NAME` or `file://path`, never the secret itself.
    Secret,
    /// RFC 3339.
    Time,
    /// A type in Trino's or Hive's spelling.
    Type,
    /// Text, number, boolean or null; the option's own check knows more.
    Scalar,
    /// Checked elsewhere.
    Any,
    List(&'static Shape),
    /// Names of the reader's choice to values of one shape.
    Map(&'static Shape),
    /// A closed map.
    Record(&'static [Key]),
    /// The first that fits in kind.
    Either(&'static [Shape]),
    /// A known feature that this version refuses; completes "… is not supported in this version".
    Later(&'static str),
}

/// One member of a closed map.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub shape: Shape,
    pub required: bool,
    /// For the JSON Schema and the editor that shows it.
    pub doc: &'static str,
}

/// Checks `node` against `shape`; `what` names the value in messages. `true`: it fits and nothing was refused.
pub fn conform(node: &Node, shape: &Shape, what: &str, problems: &mut Problems) -> bool {
    match shape {
        Shape::Text => text(node, what, problems).is_some_and(|text| {
            let given = !text.is_empty();
            if !given {
                problems.push(Problem::invalid(&node.place, format!("{what} is empty"), "give a value or leave the key out"));
            }
            given
        }),
        Shape::Boolean => fits(matches!(node.content, Content::Bool(_)), node, what, "true or false", problems),
        Shape::Integer(low, high) => {
            let inside = matches!(node.content, Content::Integer(number) if (*low..=*high).contains(&number));
            let expected = if *low == i64::MIN {
                "a whole number".to_owned()
            } else if *high == i64::MAX {
                format!("a whole number of at least {low}")
            } else {
                format!("a whole number from {low} to {high}")
            };
            fits(inside, node, what, &expected, problems)
        }
        Shape::Choice(now, later) => choice(node, now, later, what, problems),
        Shape::Secret => secret(node, what, problems),
        Shape::Time => text(node, what, problems).is_some_and(|text| {
            fits(chrono::DateTime::parse_from_rfc3339(text).is_ok(), node, what, "a time such as `2027-01-01T00:00:00Z`", problems)
        }),
        Shape::Type => text(node, what, problems).is_some_and(|text| match lakegate_query::type_name::parse_type(text) {
            Ok(_) => true,
            Err(why) => {
                let remedy = "spell types as Trino does: `bigint`, `varchar`, `decimal(12,2)`, `timestamp(6)`, `row(a varchar)`";
                problems.push(Problem::invalid(&node.place, why, remedy));
                false
            }
        }),
        Shape::Scalar => {
            let scalar = !matches!(node.content, Content::List(_) | Content::Map(_));
            fits(scalar, node, what, "text, a number, true or false", problems)
        }
        Shape::Any => true,
        Shape::List(item) => {
            let list = matches!(node.content, Content::List(_));
            fits(list, node, what, "a list (`[…]`)", problems)
                & all(node.items().map(|node| conform(node, item, what, problems)))
        }
        Shape::Map(value) => {
            let map = matches!(node.content, Content::Map(_));
            fits(map, node, what, "a map (`{…}`)", problems)
                & all(node.members().map(|member| conform(&member.value, value, &format!("`{}`", member.key), problems)))
        }
        Shape::Record(keys) => record(node, keys, what, problems),
        Shape::Either(shapes) => match shapes.iter().find(|shape| same_kind(node, shape)) {
            Some(shape) => conform(node, shape, what, problems),
            None => {
                let expected: Vec<String> = shapes.iter().map(describe).collect();
                fits(false, node, what, &expected.join(" or "), problems)
            }
        },
        Shape::Later(feature) => {
            problems.push(Problem::not_supported(&node.place, feature));
            false
        }
    }
}

fn record(node: &Node, keys: &[Key], what: &str, problems: &mut Problems) -> bool {
    if !fits(
        matches!(node.content, Content::Map(_)),
        node,
        what,
        "a map (`{…}`)",
        problems,
    ) {
        return false;
    }
    let mut good = true;
    for member in node.members() {
        let Some(key) = keys.iter().find(|key| key.name == member.key) else {
            let message = format!("unknown key `{}` in {what}", member.key);
            problems.push(Problem::invalid(
                &member.place,
                message,
                suggestion(&member.key, keys.iter().map(|key| key.name)),
            ));
            good = false;
            continue;
        };
        // An absent value is an absent key, as in a merge patch.
        if matches!(member.value.content, Content::Null) && !key.required && !matches!(key.shape, Shape::Later(_)) {
            continue;
        }
        good &= conform(&member.value, &key.shape, &format!("`{}`", key.name), problems);
    }
    for key in keys.iter().filter(|key| key.required && node.get(key.name).is_none()) {
        let message = format!("{what} lacks `{}`", key.name);
        problems.push(Problem::invalid(
            &node.place,
            message,
            format!("add `{}`: {}", key.name, key.doc),
        ));
        good = false;
    }
    good
}

fn choice(node: &Node, now: &[&str], later: &[&str], what: &str, problems: &mut Problems) -> bool {
    let Some(text) = text(node, what, problems) else {
        return false;
    };
    if now.contains(&text) {
        return true;
    }
    if later.contains(&text) {
        problems.push(Problem::not_supported(&node.place, &format!("{what} `{text}`")));
        return false;
    }
    let known = now.iter().chain(later).copied().collect::<Vec<_>>();
    let message = format!("{what} cannot be `{text}`");
    problems.push(Problem::invalid(
        &node.place,
        message,
        suggestion(text, known.iter().copied()),
    ));
    false
}

fn secret(node: &Node, what: &str, problems: &mut Problems) -> bool {
    let remedy = "give a reference: `env://NAME` or `file://path`; the server resolves it";
    let Some(text) = node.text() else {
        problems.push(Problem::invalid(
            &node.place,
            format!("{what} must be a secret reference"),
            remedy,
        ));
        return false;
    };
    for later in ["vault://", "k8s://"] {
        if text.starts_with(later) {
            problems.push(Problem::not_supported(
                &node.place,
                &format!("a secret reference `{later}…`"),
            ));
            return false;
        }
    }
    let named = ["env://", "file://"]
        .iter()
        .filter_map(|scheme| text.strip_prefix(scheme))
        .any(|name| !name.is_empty());
    if !named {
        // The value itself must not travel into messages.
        problems.push(Problem::invalid(
            &node.place,
            format!("{what} must be a secret reference, not the secret"),
            remedy,
        ));
    }
    named
}

fn text<'n>(node: &'n Node, what: &str, problems: &mut Problems) -> Option<&'n str> {
    let text = node.text();
    if text.is_none() {
        let remedy = if matches!(node.content, Content::Map(_) | Content::List(_) | Content::Null) {
            ""
        } else {
            "quote it"
        };
        problems.push(Problem::invalid(
            &node.place,
            format!("{what} must be text, not {}", node.kind()),
            remedy,
        ));
    }
    text
}

fn fits(good: bool, node: &Node, what: &str, expected: &str, problems: &mut Problems) -> bool {
    if !good {
        problems.push(Problem::invalid(
            &node.place,
            format!("{what} must be {expected}, not {}", shown(node)),
            "",
        ));
    }
    good
}

/// A value for a message; short scalars only.
fn shown(node: &Node) -> String {
    match &node.content {
        Content::Integer(number) => format!("`{number}`"),
        Content::Float(number) => format!("`{number}`"),
        Content::Bool(flag) => format!("`{flag}`"),
        Content::Text(text) if text.chars().count() <= 40 => format!("`{text}`"),
        Content::Text(_) | Content::Null | Content::List(_) | Content::Map(_) => node.kind().to_owned(),
    }
}

fn same_kind(node: &Node, shape: &Shape) -> bool {
    match shape {
        Shape::Text | Shape::Choice(..) | Shape::Secret | Shape::Time | Shape::Type => {
            matches!(node.content, Content::Text(_))
        }
        Shape::Boolean => matches!(node.content, Content::Bool(_)),
        Shape::Integer(..) => matches!(node.content, Content::Integer(_)),
        Shape::Scalar => !matches!(node.content, Content::List(_) | Content::Map(_)),
        Shape::List(_) => matches!(node.content, Content::List(_)),
        Shape::Map(_) => matches!(node.content, Content::Map(_)),
        // A closed map is told from another one by its first required key.
        Shape::Record(keys) => keys.first().is_some_and(|key| node.get(key.name).is_some()),
        Shape::Either(shapes) => shapes.iter().any(|shape| same_kind(node, shape)),
        Shape::Any | Shape::Later(_) => true,
    }
}

fn describe(shape: &Shape) -> String {
    match shape {
        Shape::Choice(now, _) => format!("`{}`", now.join("`, `")),
        Shape::List(_) => "a list".to_owned(),
        Shape::Map(_) | Shape::Record(_) => "a map".to_owned(),
        Shape::Boolean => "true or false".to_owned(),
        Shape::Integer(..) => "a whole number".to_owned(),
        Shape::Text | Shape::Secret | Shape::Time | Shape::Type | Shape::Scalar | Shape::Any => "text".to_owned(),
        Shape::Either(shapes) => shapes.iter().map(describe).collect::<Vec<_>>().join(" or "),
        Shape::Later(feature) => (*feature).to_owned(),
    }
}

/// All of them, and every one is evaluated.
fn all(results: impl Iterator<Item = bool>) -> bool {
    results.fold(true, |all, one| all & one)
}
