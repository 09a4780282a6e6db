//! Who sees more through a view, though nothing of the view itself has changed?
//!
//! What a definer sees is lent to every reader of the view, and so is what binds the definer no more. That is not taken
//! apart: where a base is touched, the view counts as a gain that was not compared.

use std::collections::BTreeSet;

use lakegate_catalog::{
    id::ObjectId,
    object::Stored,
    relation::{View, ViewSecurity},
};
use lakegate_policy::Action;

use super::{
    Comparison, Sides,
    effect::{Direction, Happening, Part},
    object,
    sight::Relation,
    situation::situations_of,
};

/// Views stand on each other no deeper than this; deeper ones cannot be read.
const DEPTH: usize = 12;

impl Comparison<'_> {
    /// Views that are there on both sides, and what they read.
    pub(super) fn views(&mut self) {
        let after = self.after.snapshot;
        for view in &after.views {
            if self.before.snapshot.view(&view.id).is_none() {
                continue;
            }
            let mut bases = BTreeSet::new();
            let lent = self.bases(view, (false, 0), &mut bases);
            let touched: BTreeSet<String> = bases
                .iter()
                .filter(|(base, lent)| self.is_wider(base, *lent))
                .map(|(base, _)| self.name(base))
                .collect();
            if !touched.is_empty() {
                let what = if lent {
                    "what its definer sees of"
                } else {
                    "what it finds in"
                };
                let items = touched.into_iter().map(|name| format!("{what} {name}")).collect();
                self.readers(&view.id, items);
            }
        }
    }

    /// Everything that a view reads, with whether it is read with the rights of a definer; whether anything is.
    fn bases(&self, view: &Stored<View>, (lent, depth): (bool, usize), found: &mut BTreeSet<(ObjectId, bool)>) -> bool {
        let lent = lent || matches!(view.body.security, ViewSecurity::Definer(_));
        let mut any = lent;
        for base in view.body.bases.iter().filter(|_| depth < DEPTH) {
            if found.insert((base.id.clone(), lent))
                && let Some(below) = self.after.snapshot.view(&base.id)
            {
                any |= self.bases(below, (lent, depth + 1), found);
            }
        }
        any
    }

    /// May a base show more than before to those who read it through a view? With their own rights only if it is another one.
    fn is_wider(&self, base: &ObjectId, lent: bool) -> bool {
        let sides = (
            self.before.snapshot.relation_path(base),
            self.after.snapshot.relation_path(base),
        );
        let differs = match (&sides.0, &sides.1) {
            (Some(old), Some(new)) => {
                old.table.body != new.table.body
                    || old.view.as_ref().map(|view| &view.body) != new.view.as_ref().map(|view| &view.body)
            }
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if differs || !lent {
            return differs;
        }
        let Some(group) = object::of_relation(self, (sides.0.as_ref(), sides.1.as_ref())) else {
            return false;
        };
        let own = group.iter().filter_map(|object| object.lineage.first());
        let bypass = self.touched.selection(group.iter().flat_map(|object| &object.lineage));
        self.widened.contains(base.as_str())
            || !self.touched.selection(own).people.is_empty()
            || (bypass.actions.contains(&Action::BypassFilter) && !bypass.people.is_empty())
    }

    pub(super) fn name(&self, relation: &ObjectId) -> String {
        let snapshot = self.after.snapshot;
        let name = |entity| snapshot.name_of(entity, relation.as_str());
        name("Table")
            .or_else(|| name("View"))
            .unwrap_or_else(|| relation.to_string())
    }

    /// Tells it to all who may read the view.
    fn readers(&mut self, view: &ObjectId, items: Vec<String>) {
        let people = self.people;
        let (old, new) = (
            self.before.snapshot.relation_path(view),
            self.after.snapshot.relation_path(view),
        );
        let sides: Sides<'_> = (old.as_ref(), new.as_ref());
        let Some(object) = object::of_relation(self, sides).and_then(|group| group.into_iter().next()) else {
            return;
        };
        let Some(path) = sides.1 else { return };
        let all: Vec<_> = people.iter().map(|person| (&person.id, &person.after)).collect();
        let Ok(relation) = Relation::new(self.after, path, &all) else {
            return self.found.add_unknown(object.affected, "it cannot be decided");
        };
        if !self.spend(relation.weight() * people.len(), &object) {
            return;
        }
        for (at, person) in people.iter().enumerate() {
            let open = |request| !relation.sight((&person.id, &person.after), request).rows.is_none();
            let mut possible = situations_of(self.situations, person);
            let Some(situation) = possible.find(|situation| open(&situation.request)) else {
                continue;
            };
            let happening = Happening {
                direction: Direction::Gain,
                object: object.affected.clone(),
                part: Part::Source,
                items: items.clone(),
                before: "as it was".to_owned(),
                after: "another".to_owned(),
                when: situation.label.clone(),
                compared: false,
            };
            self.found.add(happening, at);
        }
    }
}
