//! What is told about a change: who may see or do more, who less, where, and since when.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::person::Person;

/// Everything that a change does to somebody. Ordered: gains first, then by object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects(pub Vec<Effect>);

/// One effect on some principals.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Effect {
    pub direction: Direction,
    pub object: Affected,
    pub part: Part,
    /// Columns of [`Part::Columns`], privileges of [`Part::Privileges`], members of [`Part::Source`].
    pub items: Vec<String>,
    /// In words, for people: `hidden`, `masked by last4 (show-last-4)`, `filter eu`.
    pub before: String,
    pub after: String,
    /// The circumstances that it needs: `with mfa`, `for purpose fraud`; none: always.
    pub when: Option<String>,
    /// `false`: the two could not be compared, so it counts as a gain.
    pub compared: bool,
    pub who: Vec<Who>,
}

/// Which way.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Gain,
    Loss,
}

/// The object of an effect.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Affected {
    /// As lake files write it: `table:lake.sales.orders`.
    pub name: String,
    /// Cedar entity type without namespace, and id. Ids of what a change makes are not the same twice.
    pub entity_type: String,
    pub id: String,
}

/// What of the object.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Part {
    /// That it is there at all.
    Name,
    Rows,
    Columns,
    /// What it is read from.
    Source,
    Privileges,
    /// The right to pass privileges on.
    GrantOption,
    /// The principal itself.
    Principal,
    /// Something that was not compared.
    Unknown,
}

impl Part {
    /// The word of the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Rows => "rows",
            Self::Columns => "columns",
            Self::Source => "source",
            Self::Privileges => "privileges",
            Self::GrantOption => "grant-option",
            Self::Principal => "principal",
            Self::Unknown => "not-compared",
        }
    }
}

/// Somebody who is affected.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Who {
    /// Also a user who has no role.
    Everybody,
    User(String),
    /// Whoever has the role, by the store or by a token: told where no user of the list has it.
    Role(String),
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Everybody => f.write_str("everybody"),
            Self::User(name) => write!(f, "user:{name}"),
            Self::Role(name) => write!(f, "role:{name}"),
        }
    }
}

impl Effects {
    /// What lets somebody see or do more.
    pub fn gains(&self) -> impl Iterator<Item = &Effect> {
        self.0.iter().filter(|effect| effect.direction == Direction::Gain)
    }
}

/// Something that happens to one person.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Happening {
    pub direction: Direction,
    pub object: Affected,
    pub part: Part,
    pub items: Vec<String>,
    pub before: String,
    pub after: String,
    pub when: Option<String>,
    pub compared: bool,
}

/// Gathers what happens to whom.
#[derive(Debug, Default)]
pub(super) struct Collector {
    found: BTreeMap<Happening, BTreeSet<usize>>,
}

impl Collector {
    /// Something happens to a person, by position.
    pub(super) fn add(&mut self, happening: Happening, person: usize) {
        self.found.entry(happening).or_default().insert(person);
    }

    /// Something happens that is told without principals.
    pub(super) fn add_for_nobody(&mut self, happening: Happening) {
        self.found.entry(happening).or_default();
    }

    /// Something happens to nobody whom we could name.
    pub(super) fn add_unknown(&mut self, object: Affected, what: &str) {
        let happening = Happening {
            direction: Direction::Gain,
            object,
            part: Part::Unknown,
            items: Vec::new(),
            before: String::new(),
            after: what.to_owned(),
            when: None,
            compared: false,
        };
        self.found.entry(happening).or_default();
    }

    pub(super) fn finish(self, people: &[Person]) -> Effects {
        let effects = self.found.into_iter().map(|(happening, persons)| {
            let persons: Vec<&Person> = persons.iter().filter_map(|at| people.get(*at)).collect();
            Effect {
                who: who(&persons),
                direction: happening.direction,
                object: happening.object,
                part: happening.part,
                items: happening.items,
                before: happening.before,
                after: happening.after,
                when: happening.when,
                compared: happening.compared,
            }
        });
        let mut effects: Vec<Effect> = effects.collect();
        // Ids of new objects are chance: names alone decide the order.
        let order = |effect: &Effect| {
            let Effect {
                direction,
                object,
                part,
                items,
                before,
                after,
                when,
                ..
            } = effect.clone();
            (direction, object.name, part, items, before, after, when)
        };
        effects.sort_by_cached_key(order);
        Effects(effects)
    }
}

/// Everybody, users, and the roles that none of them has.
fn who(persons: &[&Person]) -> Vec<Who> {
    let mut found: BTreeSet<Who> = BTreeSet::new();
    for person in persons {
        found.extend(person.who.iter().filter(|who| !matches!(who, Who::Role(_))).cloned());
    }
    let shown: BTreeSet<_> = persons
        .iter()
        .filter(|person| person.is_stored())
        .flat_map(|person| &person.holds)
        .collect();
    let everybody = found.contains(&Who::Everybody);
    for person in persons.iter().filter(|person| !everybody && !person.is_stored()) {
        if !person.role.iter().any(|role| shown.contains(role)) {
            found.extend(person.who.iter().cloned());
        }
    }
    found.into_iter().collect()
}
