//! Which options and credential members does a connector know? A closed list, so that mistakes are reported by name.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

/// One option of a connector's connections. A name that ends in `.*` stands for all that begin so.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    pub name: &'static str,
    pub value: OptionType,
    pub required: bool,
}

impl OptionSpec {
    fn names(&self, given: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(start) => given.len() > start.len() && given.starts_with(start),
            None => self.name == given,
        }
    }
}

/// One member of a connector's credentials; always a secret reference in the lake.
#[derive(Clone, Copy, Debug)]
pub struct MemberSpec {
    pub name: &'static str,
    pub required: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum OptionType {
    Text,
    Boolean,
    /// A whole number between the two, both included.
    Integer(u64, u64),
    Choice(&'static [&'static str]),
}

impl OptionType {
    fn admits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Boolean => value.is_boolean(),
            Self::Integer(low, high) => value.as_u64().is_some_and(|number| (low..=high).contains(&number)),
            Self::Choice(choices) => value.as_str().is_some_and(|text| choices.contains(&text)),
        }
    }
}

impl fmt::Display for OptionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Boolean => f.write_str("true or false"),
            Self::Integer(low, high) => write!(f, "a whole number from {low} to {high}"),
            Self::Choice(choices) => write!(f, "one of `{}`", choices.join("`, `")),
        }
    }
}

/// Is the problem in `options` or in `credential`?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OptionPlace {
    Option,
    Credential,
}

/// One thing that is wrong with the options of a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OptionProblem {
    pub place: OptionPlace,
    /// Name of the option or member.
    pub name: String,
    pub kind: OptionProblemKind,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OptionProblemKind {
    /// Not known; the nearest known name, if one is near.
    Unknown {
        nearest: Option<String>,
    },
    Missing,
    WrongType {
        expected: String,
    },
    /// Known, but not what it must be; our words.
    Invalid {
        why: String,
    },
    /// `NOT_SUPPORTED`: known, but not implemented in this version.
    NotSupported {
        what: String,
    },
}

impl fmt::Display for OptionProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            OptionPlace::Option => "option",
            OptionPlace::Credential => "credential member",
        };
        let name = &self.name;
        match &self.kind {
            OptionProblemKind::Unknown { nearest: Some(nearest) } => {
                write!(f, "unknown {place} `{name}`, did you mean `{nearest}`?")
            }
            OptionProblemKind::Unknown { nearest: None } => write!(f, "unknown {place} `{name}`"),
            OptionProblemKind::Missing => write!(f, "{place} `{name}` is missing"),
            OptionProblemKind::WrongType { expected } => write!(f, "{place} `{name}` must be {expected}"),
            OptionProblemKind::Invalid { why } => write!(f, "{place} `{name}`: {why}"),
            OptionProblemKind::NotSupported { what } => write!(f, "{place} `{name}`: {what} is not supported yet"),
        }
    }
}

/// Checks names, presence and types; values are the connector's own matter.
#[must_use]
pub fn check(
    options: &[OptionSpec],
    members: &[MemberSpec],
    given: &BTreeMap<String, Value>,
    credential: &[&str],
) -> Vec<OptionProblem> {
    let mut problems = Vec::new();
    for (name, value) in given {
        let Some(spec) = options.iter().find(|spec| spec.names(name)) else {
            problems.push(unknown(OptionPlace::Option, name, options.iter().map(|spec| spec.name)));
            continue;
        };
        if !spec.value.admits(value) {
            let kind = OptionProblemKind::WrongType {
                expected: spec.value.to_string(),
            };
            problems.push(OptionProblem {
                place: OptionPlace::Option,
                name: name.clone(),
                kind,
            });
        }
    }
    for name in credential {
        if !members.iter().any(|spec| spec.name == *name) {
            problems.push(unknown(
                OptionPlace::Credential,
                name,
                members.iter().map(|spec| spec.name),
            ));
        }
    }
    for spec in options
        .iter()
        .filter(|spec| spec.required && !given.contains_key(spec.name))
    {
        problems.push(missing(OptionPlace::Option, spec.name));
    }
    for spec in members
        .iter()
        .filter(|spec| spec.required && !credential.contains(&spec.name))
    {
        problems.push(missing(OptionPlace::Credential, spec.name));
    }
    problems
}

fn missing(place: OptionPlace, name: &str) -> OptionProblem {
    OptionProblem {
        place,
        name: name.to_owned(),
        kind: OptionProblemKind::Missing,
    }
}

fn unknown(place: OptionPlace, name: &str, known: impl Iterator<Item = &'static str>) -> OptionProblem {
    let nearest = known
        .map(|known| (distance(name, known), known))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    let kind = OptionProblemKind::Unknown {
        nearest: nearest.map(|(_, known)| known.to_owned()),
    };
    OptionProblem {
        place,
        name: name.to_owned(),
        kind,
    }
}

/// Edit distance of two short names.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().take(64).enumerate() {
        let mut next = vec![i + 1];
        for ((r, diagonal), above) in right.iter().zip(&row).zip(row.iter().skip(1)) {
            let before = next.last().copied().unwrap_or(0);
            next.push((diagonal + usize::from(l != *r)).min(above + 1).min(before + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_named() {
        let options = [
            OptionSpec {
                name: "root",
                value: OptionType::Text,
                required: true,
            },
            OptionSpec {
                name: "path_style",
                value: OptionType::Boolean,
                required: false,
            },
        ];
        let given = BTreeMap::from([
            ("path_stile".to_owned(), Value::Bool(true)),
            ("path_style".to_owned(), Value::from("x")),
        ]);
        let found: Vec<String> = check(&options, &[], &given, &["user"])
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            found,
            [
                "unknown option `path_stile`, did you mean `path_style`?",
                "option `path_style` must be true or false",
                "unknown credential member `user`",
                "option `root` is missing",
            ]
        );
    }
}
