//! Who sees more rows by what a filter looks up, though nothing of the filter itself has changed?
//!
//! A mapping is read with the rights of the filter's publisher, so whatever the publisher sees more of it may show more rows to those
//! whom the filter binds. Its values are not read: it counts as a gain that was not compared.

use std::{collections::BTreeSet, sync::Arc};

use lakegate_catalog::{governance::DataFilter, id::ObjectId, object::Stored};

use super::{
    Comparison, Sides, changed_source,
    compare::Pair,
    effect::{Direction, Happening, Part},
    object,
    sight::Relation,
    situation::situations_of,
};

impl Comparison<'_> {
    /// Filters that are there on both sides, and what they look up.
    pub(super) fn lookups(&mut self) {
        let (before, after) = (self.before.snapshot, self.after.snapshot);
        let known = |filter: &&Arc<Stored<DataFilter>>| before.data_filter(&filter.id).is_some();
        let filters = after.data_filters.iter().filter(known);
        let mut left: Vec<_> = filters.filter(|filter| !filter.body.mappings.is_empty()).collect();
        let mut wide: BTreeSet<ObjectId> = BTreeSet::new();
        // The publisher may see a mapping by a filter that looks something up itself: as deep as they go.
        loop {
            let (more, rest): (Vec<_>, Vec<_>) = left
                .into_iter()
                .partition(|filter| !self.looked_up_more(filter, &wide).is_empty());
            if more.is_empty() {
                return;
            }
            for filter in more {
                let items = self.looked_up_more(filter, &wide);
                wide.insert(filter.id.clone());
                self.bound(filter, items);
            }
            left = rest;
        }
    }

    /// The mappings of a filter that may give more values than before, in words.
    fn looked_up_more(&mut self, filter: &Stored<DataFilter>, wide: &BTreeSet<ObjectId>) -> Vec<String> {
        let Some(publisher) = filter.body.publisher.as_ref() else {
            return Vec::new();
        };
        let after = self.after.snapshot;
        let reader = after
            .user(publisher)
            .map_or_else(|| publisher.to_string(), |user| user.name.clone());
        let mut items = Vec::new();
        for mapping in &filter.body.mappings {
            let below = after
                .filters_of(&mapping.table)
                .into_iter()
                .any(|filter| wide.contains(&filter.id));
            if below || self.publisher_sees_more(publisher, &mapping.table) {
                items.push(format!("what {reader} sees of {}", self.name(&mapping.table)));
            }
        }
        items
    }

    fn publisher_sees_more(&mut self, publisher: &ObjectId, table: &ObjectId) -> bool {
        let (before, after) = (self.before.snapshot, self.after.snapshot);
        let (old, new) = (before.relation_path(table), after.relation_path(table));
        let (Some(path), Some(user)) = (&new, after.user(publisher)) else {
            return false;
        };
        let Some(group) = object::of_relation(self, (old.as_ref(), new.as_ref())) else {
            return false;
        };
        let selection = self.touched.selection(group.iter().flat_map(|object| &object.lineage));
        let Some(object) = group.first().filter(|_| !selection.people.is_empty()) else {
            return false;
        };
        let known = before.user(publisher).map(|user| &user.body);
        let Ok(now) = Relation::new(self.after, path, &[(publisher, &user.body)]) else {
            return true;
        };
        let then = old.as_ref().zip(known);
        let then =
            then.and_then(|(path, known)| Some((Relation::new(self.before, path, &[(publisher, known)]).ok()?, known)));
        if !self.spend(2 * now.weight(), object) {
            return true;
        }
        let source = changed_source(then.as_ref().map(|(relation, _)| relation), Some(&now));
        self.situations.iter().any(|situation| {
            let request = &situation.request;
            let sight = then
                .as_ref()
                .map(|(relation, known)| relation.sight((publisher, known), request));
            let pair = Pair {
                object: &object.affected,
                before: &sight.unwrap_or_default(),
                after: &now.sight((publisher, &user.body), request),
                source: &source,
            };
            pair.happenings().iter().any(|one| one.direction == Direction::Gain)
        })
    }

    /// Tells it to all whom the filter shows rows, or whom it binds.
    fn bound(&mut self, filter: &Stored<DataFilter>, items: Vec<String>) {
        let people = self.people;
        let Some(path) = filter
            .parent
            .as_ref()
            .and_then(|table| self.after.snapshot.relation_path(table))
        else {
            return;
        };
        let sides: Sides<'_> = (None, Some(&path));
        let Some(object) = object::of_relation(self, sides).and_then(|group| group.into_iter().next()) else {
            return;
        };
        let all: Vec<_> = people.iter().map(|person| (&person.id, &person.after)).collect();
        let Ok(relation) = Relation::new(self.after, &path, &all) else {
            return self.found.add_unknown(object.affected, "it cannot be decided");
        };
        if !self.spend(relation.weight() * people.len(), &object) {
            return;
        }
        for (at, person) in people.iter().enumerate() {
            let applies = |request| relation.applies(filter.id.as_str(), &person.id, request);
            let mut possible = situations_of(self.situations, person);
            let Some(situation) = possible.find(|situation| applies(&situation.request)) else {
                continue;
            };
            self.widened.insert(object.affected.id.clone());
            let happening = Happening {
                direction: Direction::Gain,
                object: object.affected.clone(),
                part: Part::Rows,
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
