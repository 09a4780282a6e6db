//! Who sees or may do more, and who less, if one catalog takes the place of another (governance.md P11)?
//!
//! Decided for every user (one for all that no policy can tell apart), for whoever has a role, and for anybody, under every
//! circumstance that a policy can tell apart, wherever the change can reach. What cannot be compared counts as a gain and says
//! so. Not here: proofs for people and objects that do not exist yet.

mod compare;
mod effect;
mod lookup;
mod meaning;
mod object;
mod person;
mod privilege;
mod replay;
mod sight;
mod situation;
mod touched;
mod view;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use lakegate_catalog::{
    id::ObjectId,
    snapshot::{Snapshot, TablePath},
};
use lakegate_policy::{Action, PolicyProblem, PolicySet, Vocabulary};

pub use effect::{Affected, Direction, Effect, Effects, Part, Who};
pub use replay::{Attempt, Otherwise, replay};

use self::{
    compare::Pair,
    effect::{Collector, Happening},
    object::Object,
    person::Person,
    sight::{Relation, Side, Sight},
    situation::{Situation, Situations, situations, situations_of},
    touched::{Reached, Selection, Touched, in_force},
};
use crate::entities::publish;

/// Decisions of one comparison; what lies beyond was not compared, and says so.
const MOST_DECISIONS: usize = 6_000_000;
/// What a sight is made of: decided as a whole, table by table.
const SIGHT: [Action; 5] = [
    Action::BypassFilter,
    Action::Describe,
    Action::Select,
    Action::SelectFiltered,
    Action::SelectMasked,
];

/// What changes for whom if `after` takes the place of `before`; `now` is the moment of the comparison. Takes time: not for
/// a thread that serves others.
///
/// # Errors
/// Every problem of the policies of `after`. (Those of `before`, if they are broken, permit nothing.)
pub fn compare(before: &Snapshot, after: &Snapshot, now: DateTime<Utc>) -> Result<Effects, Vec<PolicyProblem>> {
    let sides = sides(before, after)?;
    let words = words(before, after);
    let people = person::people(before, after, &words);
    let touched = Touched::between(before, after);
    let Situations { all, complete } = situations(&words, (after, &people), &touched.ends, now);
    let touched = touched.reach(&people);
    let mut comparison = Comparison {
        before: &sides.0,
        after: &sides.1,
        words: &words,
        people: &people,
        touched: &touched,
        situations: &all,
        left: MOST_DECISIONS,
        told: BTreeSet::new(),
        widened: BTreeSet::new(),
        found: Collector::default(),
    };
    comparison.run(complete);
    Ok(comparison.found.finish(&people))
}

/// Both catalogs with their policies.
fn sides<'a>(before: &'a Snapshot, after: &'a Snapshot) -> Result<(Side<'a>, Side<'a>), Vec<PolicyProblem>> {
    let nothing = || PolicySet::build(&[], &[]);
    let old = Side {
        snapshot: before,
        other: after,
        policies: publish(before).or_else(|_| nothing())?,
    };
    let new = Side {
        snapshot: after,
        other: before,
        policies: publish(after)?,
    };
    Ok((old, new))
}

/// Words and texts of every policy that is in force on one of the sides.
fn words(before: &Snapshot, after: &Snapshot) -> Vocabulary {
    let mut words = Vocabulary::default();
    for snapshot in [before, after] {
        in_force(snapshot).values().for_each(|text| words.add(text));
    }
    words
}

/// A comparison under way.
struct Comparison<'a> {
    before: &'a Side<'a>,
    after: &'a Side<'a>,
    words: &'a Vocabulary,
    people: &'a [Person],
    touched: &'a Reached,
    situations: &'a [Situation],
    /// Decisions that may still be made.
    left: usize,
    /// Position of a person, direction, privilege and object that were told: what lies below is not told again.
    told: BTreeSet<(usize, Direction, String, String)>,
    /// Ids of relations of which somebody sees more.
    widened: BTreeSet<String>,
    found: Collector,
}

/// A relation before and after; absent where it is not there.
type Sides<'r> = (Option<&'r TablePath>, Option<&'r TablePath>);

impl<'a> Comparison<'a> {
    fn run(&mut self, complete: bool) {
        self.unknown_circumstances(complete);
        for group in object::containers(self) {
            self.privileges(&group);
        }
        let (before, after) = (self.before.snapshot, self.after.snapshot);
        let sides = [before, after];
        let tables = sides.iter().flat_map(|side| side.tables.iter().map(|table| &table.id));
        let views = sides.iter().flat_map(|side| side.views.iter().map(|view| &view.id));
        let relations: BTreeSet<&ObjectId> = tables.chain(views).collect();
        for id in relations {
            let (old, new) = (before.relation_path(id), after.relation_path(id));
            self.relation((old.as_ref(), new.as_ref()));
        }
        self.lookups();
        self.views();
        self.grant_options();
        self.gone();
    }

    /// Facts of a request that are not tried out.
    fn unknown_circumstances(&mut self, complete: bool) {
        let store = || Affected {
            name: "policy-store:default".to_owned(),
            entity_type: "PolicyStore".to_owned(),
            id: "default".to_owned(),
        };
        if !complete {
            let what = "policies ask for more circumstances than are tried: combinations of them were not compared";
            self.found.add_unknown(store(), what);
        }
        let (old, new) = (in_force(self.before.snapshot), in_force(self.after.snapshot));
        for (id, text) in &new {
            let mut words = Vocabulary::default();
            words.add(text);
            let asked = ["via_view", "on_behalf_of"].into_iter().find(|fact| words.reads(fact));
            if let Some(fact) = asked.filter(|_| old.get(id) != Some(text)) {
                let what = format!("policy `{id}` asks for `{fact}`, which was not tried");
                self.found.add_unknown(store(), &what);
            }
        }
    }

    /// Rows, columns and privileges of a table or view, and of what belongs to it.
    fn relation(&mut self, sides: Sides<'_>) {
        let Some(group) = object::of_relation(self, sides) else {
            return;
        };
        let Some(first) = group.first() else { return };
        let lineage = group.iter().flat_map(|object| &object.lineage);
        let selection = self.touched.selection(lineage);
        if selection.people.is_empty() {
            return;
        }
        if SIGHT.iter().any(|action| selection.actions.contains(action)) {
            self.sights(first, sides, &selection);
        }
        self.privileges(&group);
    }

    fn sights(&mut self, object: &Object, (old, new): Sides<'_>, selection: &Selection) {
        let people = self.people;
        let chosen = || selection.people.iter().filter_map(|at| Some((*at, people.get(*at)?)));
        let olds: Vec<_> = chosen().map(|(_, person)| (&person.id, &person.before)).collect();
        let news: Vec<_> = chosen().map(|(_, person)| (&person.id, &person.after)).collect();
        // Where nothing can be decided, nothing is seen.
        let old = old.and_then(|table| Relation::new(self.before, table, &olds).ok());
        let new = match new.map(|table| Relation::new(self.after, table, &news)) {
            Some(Err(_)) => return self.found.add_unknown(object.affected.clone(), "it cannot be decided"),
            Some(Ok(new)) => Some(new),
            None => None,
        };
        let weight = [&old, &new].into_iter().flatten().map(Relation::weight).sum::<usize>();
        if !self.spend(weight * chosen().count(), object) {
            return;
        }
        let source = changed_source(old.as_ref(), new.as_ref());
        for (at, person) in chosen() {
            let mut seen: BTreeSet<Happening> = BTreeSet::new();
            for situation in situations_of(self.situations, person) {
                let request = &situation.request;
                let sight = |relation: &Option<Relation<'_>>, user| {
                    relation
                        .as_ref()
                        .map_or_else(Sight::default, |one| one.sight((&person.id, user), request))
                };
                let pair = Pair {
                    object: &object.affected,
                    before: &sight(&old, &person.before),
                    after: &sight(&new, &person.after),
                    source: &source,
                };
                for happening in pair.happenings() {
                    if happening.direction == Direction::Gain {
                        self.widened.insert(object.affected.id.clone());
                    }
                    if seen.insert(happening.clone()) && !self.is_told_above(at, object, &happening) {
                        let when = situation.label.clone();
                        self.found.add(Happening { when, ..happening }, at);
                    }
                }
            }
        }
    }

    /// The name of what lies in something whose name is told is not told again.
    fn is_told_above(&self, person: usize, object: &Object, happening: &Happening) -> bool {
        happening.part == Part::Name && self.is_told(person, object, (happening.direction, Action::Describe.kebab()))
    }

    fn is_told(&self, person: usize, object: &Object, (direction, item): (Direction, &str)) -> bool {
        let key = |above: &String| (person, direction, item.to_owned(), above.clone());
        object.lineage.iter().any(|above| self.told.contains(&key(above)))
    }

    /// Takes decisions from what is left; `false`, and told, if there are not enough.
    fn spend(&mut self, decisions: usize, object: &Object) -> bool {
        let needed = decisions.saturating_mul(self.situations.len());
        match self.left.checked_sub(needed) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                let what = "the change reaches too much to compare all of it: apply it in parts";
                self.found.add_unknown(object.affected.clone(), what);
                false
            }
        }
    }
}

fn changed_source(old: Option<&Relation<'_>>, new: Option<&Relation<'_>>) -> Vec<String> {
    let (Some(old), Some(new)) = (old, new) else {
        return Vec::new();
    };
    let differs = |(member, value): &(&&str, &_)| old.source.get(**member) != Some(*value);
    let changed = new.source.iter().filter(differs);
    let mut changed: Vec<String> = changed.map(|(member, _)| (*member).to_owned()).collect();
    let moved = |(column, place): (&ObjectId, &_)| old.places.get(column).is_some_and(|known| known != place);
    if new.places.iter().any(moved) {
        changed.push("columns".to_owned());
    }
    changed
}

#[cfg(test)]
mod tests;
